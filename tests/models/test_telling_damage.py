"""What is wrong with a photo: answers in the units of the damage, windows, words."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from elegan.common import weights
from elegan.common.errors import EleganError
from elegan.data import PhotoSet, open_photos
from elegan.data.degradations import FAMILIES, KINDS, damage, degrade, from_bytes, to_bytes
from elegan.models import damage as telling
from elegan.models.damage import (
    CALM,
    DAMAGES,
    MAX_WINDOWS,
    SIDE,
    DamageNetwork,
    Diagnosis,
    diagnose,
    strengths,
    summary,
    windows_of,
)


def _kodak() -> PhotoSet:
    return open_photos(str(Path(os.environ["ELEGAN_DATA"]) / "kodak24.zip"))


def test_strengths_are_shares_of_the_full_value_and_0_for_what_was_not_done() -> None:
    done = {
        "noise": {"sigma": 25 / 255},
        "defocus": {"radius": 3.0, "grain": 4 / 255},
        "jpeg": {"quality": 55.0},
    }
    names = list(DAMAGES)
    found = dict(zip(names, strengths(done).tolist(), strict=True))
    assert found["noise"] == pytest.approx(25 / 50)
    assert found["blur"] == pytest.approx(1.5 / 4)  # an even disc's deviation is half its radius
    assert found["jpeg"] == pytest.approx(45 / 90)
    assert found["rain"] == found["haze"] == found["stripes"] == 0
    assert not strengths({}).any()
    grained = strengths({"motion-blur": {"length": 5.0, "grain": 4 / 255}})
    assert grained[names.index("noise")] == pytest.approx(4 / 50)  # grain is noise


def test_what_is_told_of_are_all_kinds_but_lost_pixels_and_their_own_families() -> None:
    told = {kind: item.family for item in DAMAGES.values() for kind in item.values}
    assert set(told) == set(KINDS) - set(FAMILIES["inpaint"])
    assert all(kind in FAMILIES[family] for kind, family in told.items())


def test_every_drawn_damage_can_be_told() -> None:
    random = np.random.default_rng(0)
    image = random.random((32, 32, 3)).astype(np.float32)
    for _ in range(40):
        done = degrade(image, [kind for kind in KINDS if kind not in FAMILIES["inpaint"]], random)
        assert strengths(done.parameters).max() > 0.02


def test_windows_are_those_of_most_and_least_detail_whatever_the_depth_and_the_size() -> None:
    random = np.random.default_rng(0)
    photo = np.full((900, 700, 3), 90, np.uint8)
    photo[:300] = 255  # shows no noise, whatever there was
    photo[400:700, 300:600] = random.integers(0, 255, (300, 300, 3))
    busy, calm = windows_of(photo)
    assert busy.shape == (MAX_WINDOWS, 3, SIDE, SIDE)
    assert busy[0].std() > 0.5
    assert calm.shape == (CALM, 3, SIDE, SIDE)
    assert calm.std(dim=(2, 3)).max() == 0
    assert calm.max() < 0
    for one, other in zip(windows_of(photo.astype(np.uint16) * 257), (busy, calm), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
    gray, _ = windows_of(photo[..., :1])
    assert gray.shape[1] == 3
    assert torch.equal(gray[:, 0], gray[:, 2])
    assert [one.shape for one in windows_of(photo[:20, :30])] == [(1, 3, SIDE, SIDE)] * 2


def test_no_window_decides_alone_and_texture_is_no_noise() -> None:
    answers = np.zeros((16, len(DAMAGES)), np.float32)
    answers[0] = 1
    assert set(summary(answers, answers).values()) == {0.0}
    answers[:] = 0.5
    assert summary(answers, answers)["noise"] == pytest.approx(25)
    assert summary(answers, answers * 0.2)["noise"] == pytest.approx(5)
    assert summary(answers, answers * 0.2)["jpeg"] == pytest.approx(45)
    assert summary(answers, answers * 0.2)["rain"] == pytest.approx(25)
    assert summary(answers, answers * 0.04)["rain"] == 0
    answers[:] = -0.5
    assert summary(answers, answers)["noise"] == 0


def test_a_diagnosis_names_what_was_found_and_who_undoes_it() -> None:
    found = Diagnosis(values={"noise": 23.4, "jpeg": 65.0, "blur": 1.62})
    assert str(found) == "noise 23/255, JPEG quality 35, blur 1.6 px"
    assert found.families == ("denoise", "deblur")
    assert str(Diagnosis(values={})) == "no damage"


def test_the_quality_of_the_file_is_taken_as_known() -> None:
    image = np.tile(np.linspace(0, 1, 128, dtype=np.float32)[:, None, None], (1, 128, 3))
    assert diagnose(image, quality=30).values["jpeg"] == 70
    assert "jpeg" not in diagnose(image, quality=95).values


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "damage_network"
    folder.mkdir()
    (folder / "network.safetensors").write_bytes(b"cut")
    (folder / "network.json").write_text(json.dumps({"sha256": "0" * 64}))
    monkeypatch.setattr(weights.resources, "files", lambda _: tmp_path)
    telling._shipped.cache_clear()
    with pytest.raises(EleganError, match="is damaged"):
        diagnose(np.zeros((64, 64, 3), np.uint8))
    telling._shipped.cache_clear()


def test_the_network_answers_for_any_size_of_window_with_a_gradient_for_every_weight() -> None:
    network = DamageNetwork().train()
    answers = network(torch.randn(4, 3, 40, 56))
    assert answers.shape == (4, len(DAMAGES))
    answers.square().sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.data
@pytest.mark.parametrize(
    ("kind", "fixed", "name", "value", "within"),
    [
        ("noise", {"sigma": 25 / 255, "gray": 0, "shot": 0}, "noise", 25, 3),
        ("noise", {"sigma": 10 / 255, "gray": 0, "shot": 0}, "noise", 10, 1.5),
        ("jpeg", {"quality": 20}, "jpeg", 80, 12),
        ("gaussian-blur", {"sigma": 1.6}, "blur", 1.6, 0.3),
        ("defocus", {"radius": 3, "grain": 0}, "blur", 1.5, 0.3),
        ("defocus", {"radius": 2.5, "grain": 2 / 255}, "blur", 1.25, 0.3),
        ("gaussian-blur", {"sigma": 1.2, "grain": 4 / 255}, "noise", 4, 1),
        ("rain", {"decibels": 15}, "rain", 45, 20),
    ],
)
def test_known_damage_is_told_on_photos_never_trained_on(
    kind: str, fixed: dict[str, float], name: str, value: float, within: float
) -> None:
    photos = _kodak()
    found = []
    for index in range(0, 24, 3):
        random = np.random.default_rng(index)
        done = damage(from_bytes(photos.photo(index)), kind, random, **fixed)
        found.append(diagnose(to_bytes(done.image)).values.get(name, 0.0))
    assert np.median(found) == pytest.approx(value, abs=within)


@pytest.mark.data
def test_undamaged_photos_are_left_alone() -> None:
    photos = _kodak()
    alone = [not diagnose(photos.photo(index)).values for index in range(24)]
    assert np.mean(alone) >= 0.75
