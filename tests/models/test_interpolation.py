from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import cpu, image_data, settings, task_of

from elegan.common.errors import EleganError, UsageError
from elegan.models import Model
from elegan.models.interpolation import save_walk, slerp


@pytest.fixture
def model(tmp_path: Path) -> Model:
    task = task_of(settings(conditional=True), image_data(16, classes=2))
    for parameter in task.ema.network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    task.save_model(tmp_path / "model", {})
    return Model.load(tmp_path / "model", device="cpu", precision=cpu().name)


def test_slerp_ends_where_it_should() -> None:
    start, end = torch.randn(5, 64), torch.randn(5, 64)
    torch.testing.assert_close(slerp(start, end, 0.0), start)
    torch.testing.assert_close(slerp(start, end, 1.0), end)


def test_slerp_keeps_the_length_and_turns_evenly() -> None:
    start = torch.nn.functional.normalize(torch.randn(5, 64), dim=1)
    end = torch.nn.functional.normalize(torch.randn(5, 64), dim=1)
    whole = (start * end).sum(1).acos()
    for share in (0.25, 0.5, 0.75):
        point = slerp(start, end, share)
        torch.testing.assert_close(point.norm(dim=1), torch.ones(5))
        torch.testing.assert_close((start * point).sum(1).acos(), share * whole)


def test_slerp_of_parallel_rows_follows_the_line_and_leaves_the_others_alone() -> None:
    start, end = torch.randn(3, 8), torch.randn(3, 8)
    alone = slerp(start[1:], end[1:], 0.3)
    end[0] = 2 * start[0]
    together = slerp(start, end, 0.3)
    torch.testing.assert_close(together[0], 1.3 * start[0])
    torch.testing.assert_close(together[1:], alone)
    assert torch.isfinite(slerp(start, -start, 0.5)).all()


def test_a_walk_is_a_looping_gif_of_points_times_frames(model: Model, tmp_path: Path) -> None:
    path, count = save_walk(model, tmp_path / "new" / "w.gif", points=3, frames=4, columns=2)
    assert count == 12
    picture = Image.open(path)
    assert picture.n_frames == 12
    assert picture.info["loop"] == 0
    assert picture.size == (2 * 48 + 2, 2 * 48 + 2)
    assert [one.name for one in path.parent.iterdir()] == ["w.gif"]


def test_a_walk_of_one_class_differs_from_that_of_another(model: Model, tmp_path: Path) -> None:
    walks = [
        np.asarray(Image.open(save_walk(model, tmp_path / f"{label}.gif", label=label)[0]))
        for label in (0, 1)
    ]
    assert (walks[0] != walks[1]).any()


def test_impossible_walks_are_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.gif"):
        save_walk(model, tmp_path / "w.mp4")
    for options in ({"points": 1}, {"frames": 0}, {"columns": 0}):
        with pytest.raises(UsageError):
            save_walk(model, tmp_path / "w.gif", **options)
    (tmp_path / "file").touch()
    with pytest.raises(EleganError, match="Cannot write"):
        save_walk(model, tmp_path / "file" / "w.gif", points=2, frames=1)
