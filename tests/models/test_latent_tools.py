"""Projection finds what a model drew; directions are those of the first weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.models import Model, latent_noise, save_model
from elegan.models.directions import find_directions, save_directions, save_sheet, slider_sheet
from elegan.models.latent_files import draw_file, save_codes
from elegan.models.projection import project
from elegan.networks import ImageShape, build_discriminator, build_generator


def _write(
    folder: Path, classes: tuple[str, ...] = (), latent: int = 6, name: str = "residual"
) -> Model:
    sizes = {"width": 8, "latent": latent}
    shape = ImageShape(resolution=16, channels=1, classes=len(classes))
    torch.manual_seed(1)
    generator = build_generator(name, shape, **sizes)
    with torch.no_grad():  # away from the zero residuals of the beginning
        for parameter in generator.parameters():
            if parameter.ndim == 4:
                parameter.add_(0.1 * torch.randn_like(parameter))
    save_model(
        folder,
        generator,
        name=name,
        shape=shape,
        sizes=sizes,
        classes=classes,
        task="generate",
        training={},
        discriminator=build_discriminator(name, shape, **sizes),
    )
    return Model.load(folder, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _write(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _write(tmp_path_factory.mktemp("conditional"), ("a", "b", "c"))


# --- projection --------------------------------------------------------------------------------


def test_what_a_model_drew_is_found_again(model: Model) -> None:
    targets = model.generate(3, seed=99).images
    start = project(model, targets, steps=1, candidates=64, restarts=1)
    found = project(model, targets, steps=120, candidates=64)
    assert min(found.psnr) > 50
    assert all(now > before for now, before in zip(found.psnr, start.psnr, strict=True))
    assert found.codes.shape == (3, 6)
    assert (model.from_latents(found.codes) == found.images).all()


def test_the_same_seed_finds_the_same_point_and_changes_nothing(model: Model) -> None:
    targets = model.generate(2, seed=98).images
    before = model.generate(2, seed=0).images
    options = {"steps": 10, "candidates": 16, "restarts": 2}
    one = project(model, targets, seed=4, **options)
    assert torch.equal(one.codes, project(model, targets, seed=4, **options).codes)
    assert not torch.equal(one.codes, project(model, targets, seed=5, **options).codes)
    assert (model.generate(2, seed=0).images == before).all()
    assert not model.network.training


def test_latents_stay_near_the_sphere_of_noise(tmp_path: Path) -> None:
    model = _write(tmp_path, latent=32)
    white = np.full((1, 16, 16, 1), 255, dtype=np.uint8)
    found = project(model, white, steps=150, candidates=16, restarts=2)
    assert 0.4 < found.codes.square().mean().item() < 2.5  # 7 if it were left alone


def test_styles_are_found_for_each_level_and_drawn_again(tmp_path: Path) -> None:
    model = _write(tmp_path / "model", name="style", latent=8)
    targets = model.generate(2, seed=96).images
    start = project(model, targets, steps=2, candidates=64, restarts=2)
    found = project(model, targets, steps=200, candidates=64, restarts=2)
    assert found.are_styles
    assert found.codes.shape == (2, 3, 8)
    assert min(found.psnr) > max(30, min(start.psnr) + 6)
    _, file = found.save(tmp_path / "out", model)
    assert (draw_file(model, file).images == found.images).all()
    np.savez(tmp_path / "bad.npz", styles=np.zeros((2, 4, 8)))
    with pytest.raises(UsageError, match="another model"):
        draw_file(model, tmp_path / "bad.npz")


def test_a_sheet_of_styles_moves_them_by_their_own_spread(tmp_path: Path) -> None:
    model = _write(tmp_path, name="style", latent=8)
    found = find_directions(model, 1)
    sheet = slider_sheet(model, found, samples=1, seed=3, columns=3, strength=2.0)
    labels = None
    along = model.styles(latent_noise(1024, 8, 3), labels) @ found.vectors[0]
    style = model.styles(latent_noise(1, 8, 3)) + 2.0 * along.std() * found.vectors[0]
    last = model.from_styles(style)[0].astype(int)
    assert np.abs(sheet[0:48:3, 2 * 50 : 2 * 50 + 48 : 3] - last).max() <= 1


def test_the_class_is_that_of_the_nearest_image_or_the_asked_one(conditional: Model) -> None:
    drawn = conditional.generate(4, seed=97, label="b")
    found = project(conditional, drawn.images, steps=60, candidates=96, restarts=6)
    assert found.labels is not None
    assert (found.labels == 1).all()
    asked = project(conditional, drawn.images, label="c", steps=2, candidates=8, restarts=1)
    assert asked.labels is not None
    assert (asked.labels == 2).all()


def test_projection_writes_pairs_and_latents_that_can_be_drawn(
    conditional: Model, tmp_path: Path
) -> None:
    targets = conditional.generate(2, seed=5).images
    found = project(conditional, targets, steps=5, candidates=8, restarts=1)
    picture, file = found.save(tmp_path / "out", conditional)
    pixels = np.asarray(Image.open(picture))
    assert (pixels[:112:7, :112:7] == targets[0, ..., 0]).all()
    assert (pixels[:112:7, 114:226:7] == found.images[0, ..., 0]).all()
    again = draw_file(conditional, file)
    assert (again.images == found.images).all()
    assert again.labels is not None
    assert (again.labels == found.labels).all()


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"candidates": 0}, {"restarts": 9, "candidates": 8}],
)
def test_impossible_projections_are_refused(model: Model, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        project(model, model.generate(1).images, **options)
    with pytest.raises(UsageError, match="cannot be projected"):
        project(model, np.zeros((1, 8, 8, 1), np.uint8))


# --- files of latents --------------------------------------------------------------------------


def test_latents_in_a_file_are_drawn_as_they_are(model: Model, tmp_path: Path) -> None:
    latents = latent_noise(5, 6, seed=3)
    expected = model.generate(5, seed=3).images
    file = save_codes(tmp_path / "a" / "l.npz", model, "latents", latents)
    assert (draw_file(model, file).images == expected).all()
    np.save(tmp_path / "l.npy", latents.numpy())
    assert (draw_file(model, tmp_path / "l.npy").images == expected).all()
    assert [one.name for one in file.parent.iterdir()] == ["l.npz"]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((2, 6))}, "neither 'latents' nor 'styles'"),
        ({"latents": np.zeros((2, 7))}, "another model"),
        ({"latents": np.zeros(6)}, "finite numbers"),
        ({"latents": np.full((2, 6), np.nan)}, "finite numbers"),
        ({"latents": np.zeros((2, 6)), "labels": np.array([0, 3])}, "whole numbers below 3"),
        ({"latents": np.zeros((2, 6)), "labels": np.array([0])}, "whole numbers below 3"),
        ({"styles": np.zeros((2, 6))}, "no styles"),
    ],
)
def test_files_that_do_not_fit_are_explained(
    conditional: Model, tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    np.savez(tmp_path / "l.npz", **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match=said):
        draw_file(conditional, tmp_path / "l.npz")


def test_a_file_that_is_missing_or_no_array_is_explained(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file of latents"):
        draw_file(model, tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"bad")
    with pytest.raises(UsageError, match="cannot be read"):
        draw_file(model, tmp_path / "bad.npz")
    with (tmp_path / "bad.npy").open("wb") as file:  # a header that promises 8 PB
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 1000)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(UsageError, match="cannot be read"):
        draw_file(model, tmp_path / "bad.npy")
    (tmp_path / "file").touch()
    with pytest.raises(EleganError, match="--out"):
        save_codes(tmp_path / "file" / "l.npz", model, "latents", torch.zeros(1, 6))


# --- directions --------------------------------------------------------------------------------


def test_directions_are_the_singular_vectors_of_the_first_weights(
    tmp_path: Path, model: Model
) -> None:
    loaded = _write(tmp_path)
    weight = loaded.network.dense.weight  # pyright: ignore[reportAttributeAccessIssue]
    gains = torch.tensor([0.5, 3.0, 1.0, 0.25, 2.0, 0.1])
    columns, _ = torch.linalg.qr(torch.randn(len(weight), 6))
    weight.copy_(-columns * gains)  # pyright: ignore[reportCallIssue]
    found = find_directions(loaded, 3)
    assert found.gains == pytest.approx([3.0, 2.0, 1.0], abs=1e-4)
    assert torch.allclose(found.vectors, torch.eye(6)[[1, 4, 2]], atol=1e-4)
    vectors = find_directions(model, 6).vectors
    assert torch.allclose(vectors @ vectors.T, torch.eye(6), atol=1e-5)


def test_a_class_embedding_takes_no_part_in_directions(conditional: Model) -> None:
    assert find_directions(conditional, 6).vectors.shape == (6, 6)


def test_a_sheet_has_the_image_itself_in_the_middle(model: Model, tmp_path: Path) -> None:
    found = find_directions(model, 2)
    sheet = slider_sheet(model, found, samples=3, seed=8, columns=5, strength=2.0)
    scale, cell = 3, 3 * 16 + 2
    block = 3 * cell - 2
    assert sheet.shape == (2 * block + 12, 5 * cell - 2, 1)
    itself = model.generate(3, seed=8).images
    for top in (0, block + 12):
        for row in range(3):
            start = top + row * cell
            tile = sheet[start : start + 48 : scale, 2 * cell : 2 * cell + 48 : scale]
            assert np.abs(tile.astype(int) - itself[row]).max() <= 1
    moved = latent_noise(3, 6, 8)[:1] - 2.0 * found.vectors[0]
    first = model.from_latents(moved)[0].astype(int)
    assert np.abs(sheet[0:48:scale, 0:48:scale] - first).max() <= 1
    assert save_sheet(tmp_path / "new" / "s.png", sheet).exists()
    file = save_directions(tmp_path / "d.npz", model, found)
    with np.load(file) as arrays:
        np.testing.assert_array_equal(arrays["directions"], found.vectors.numpy())


@pytest.mark.parametrize("n", [0, 7])
def test_directions_that_there_are_not_are_refused(model: Model, n: int) -> None:
    with pytest.raises(UsageError, match="1 to 6"):
        find_directions(model, n)


def test_impossible_sheets_are_refused(model: Model, tmp_path: Path) -> None:
    found = find_directions(model, 1)
    for options in ({"columns": 4}, {"samples": 0}, {"strength": 0.0}):
        with pytest.raises(UsageError, match="odd number"):
            slider_sheet(model, found, **options)
    with pytest.raises(UsageError, match=r"\.png"):
        save_sheet(tmp_path / "s.gif", np.zeros((2, 2, 1), np.uint8))


def test_the_vectors_beside_a_sheet_replace_nothing_but_vectors(
    model: Model, tmp_path: Path
) -> None:
    found = find_directions(model, 1)
    save_directions(tmp_path / "d.npz", model, found)
    save_directions(tmp_path / "d.npz", model, found)
    np.savez(tmp_path / "mine.npz", images=np.zeros(3))
    before = (tmp_path / "mine.npz").read_bytes()
    with pytest.raises(UsageError, match=r"mine\.npz is there already.*--out"):
        save_directions(tmp_path / "mine.npz", model, found)
    assert (tmp_path / "mine.npz").read_bytes() == before
