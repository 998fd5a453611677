"""Models from images to images: depth, gray, masks, strength, any scale, tiles, refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
import translators
from safetensors.torch import load_file
from translators import photo

import elegan
from elegan.cli import PHOTOS as TRANSLATING
from elegan.common.errors import EleganError, UsageError
from elegan.data.degradations import resize_bicubic
from elegan.models import Model, save_model, saving, shipping, translation
from elegan.models.inference import InferenceOptions
from elegan.models.restoring import UNKNOWN, asked_families, strengths_told
from elegan.models.translation import TranslationModel
from elegan.networks import ImageShape, build_generator


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (65, 41)])
@pytest.mark.parametrize("task", ["upscale", "restore"])
def test_tiles_give_the_pixels_of_the_whole(task: str, size: tuple[int, int]) -> None:
    model = translators.model(task, scale=2 if task == "upscale" else 1)
    image = photo(*size, dtype=np.float32)
    whole = model.apply(image)
    assert abs(model.apply(image, tile=16) - whole).max() < 1e-5
    assert abs(model.apply(image, memory=20_000) - whole).max() < 1e-5
    assert abs(whole - resize_bicubic(image, whole.shape[:2])).max() > 1e-3


def test_a_restorer_refuses_what_it_was_not_trained_for() -> None:
    known = ("denoise", "deblur")
    assert asked_families("auto", known, masked=False) == ()
    assert asked_families("derain, deblur", (*known, "derain"), masked=False) == (
        "derain",
        "deblur",
    )
    assert asked_families("deblur", known, masked=True) == ("deblur",)
    assert asked_families("auto", (*known, "inpaint"), masked=True) == ("inpaint",)
    with pytest.raises(UsageError, match="not trained to inpaint, but to denoise, deblur"):
        asked_families("auto", known, masked=True)
    with pytest.raises(UsageError, match="not trained to derain"):
        asked_families("derain", known, masked=False)
    with pytest.raises(UsageError, match="Did you mean 'denoise'"):
        asked_families("denoize", known, masked=False)


def test_global_statistics_are_those_of_one_thumbnail_in_tiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = translators.model("stylize")
    assert model.network.global_statistics
    image = photo(96, 120, dtype=np.float32)
    whole = model.apply(image)
    # A thumbnail as large as the image: its statistics are the image's own.
    assert abs(model.apply(image, tile=32) - whole).max() < 1e-4
    monkeypatch.setattr(translation, "THUMBNAIL", 60)
    small = [model.apply(image, tile=tile) for tile in (32, 64)]
    assert abs(small[0] - small[1]).max() < 1e-4
    assert 1e-3 < abs(small[0] - whole).mean() < 0.2
    assert "thumbnail" in model.notes(96, 120, InferenceOptions(tile=32))[0]
    assert model.notes(96, 120, InferenceOptions()) == ()
    assert abs(model.apply(image) - whole).max() == 0  # what was recorded is not used again


@pytest.mark.parametrize("size", [(41, 41), (39, 62), (63, 30)])
def test_what_fits_is_done_whole_at_sizes_that_are_no_multiple_of_the_stride(
    size: tuple[int, int],
) -> None:
    model = translators.model("stylize")
    assert all(side % model.reach.stride for side in size if side == max(size))
    image = photo(*size, dtype=np.float32)
    done = []
    whole = model.apply(image, on_window=lambda: done.append(1))
    assert done == [1]
    assert model.windows(*size, InferenceOptions()) == 1
    with torch.inference_mode():  # the network itself, with no window in between
        planes = torch.from_numpy(image).permute(2, 0, 1)[None] * 2 - 1
        expected = model.network(planes)[0].permute(1, 2, 0).add(1).div(2).numpy()
    assert abs(whole - expected).max() < 1e-5
    # Tiled, with the statistics of an image that is its own thumbnail: no seam.
    assert abs(model.apply(image, tile=max(size) // 2) - whole).max() < 1e-4


def test_statistics_are_taken_where_memory_runs_out_on_the_whole_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = translators.model("stylize")
    image = photo(96, 120, dtype=np.float32)
    whole, run, asked = model.apply(image), model._run, []

    def first_fails(*given: Any, **named: Any) -> torch.Tensor:
        asked.append(given[0].shape)
        if len(asked) == 1:
            raise MemoryError
        return run(*given, **named)

    monkeypatch.setattr(model, "_run", first_fails)
    assert abs(model.apply(image) - whole).max() < 1e-4
    assert len(asked) > 3


def test_depth_is_kept_and_deep_images_are_not_coarser() -> None:
    model = translators.model("upscale", scale=2)
    floats = photo(dtype=np.float32)
    for dtype in (np.uint8, np.uint16):
        white = np.iinfo(dtype).max
        made = model.apply(np.rint(floats * white).astype(dtype))
        assert made.dtype == dtype
        assert made.shape == (80, 100, 3)
        expected = model.apply(np.rint(floats * white).astype(np.float32) / white)
        assert abs(made / white - expected).max() <= 0.51 / white
        assert len(np.unique(made)) > (200 if dtype == np.uint8 else 5000)


def test_gray_stays_gray_and_equals_the_luma_of_equal_channels() -> None:
    model = translators.model("upscale", scale=2)
    gray = photo(channels=1)
    made = model.apply(gray)
    assert made.shape == (80, 100, 1)
    colours = model.apply(np.repeat(gray, 3, axis=2)).astype(float)
    assert abs(made[..., 0] - colours @ [0.299, 0.587, 0.114]).max() <= 1
    assert (model.apply(gray[..., 0]) == made[..., 0]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("task", ["upscale", "restore"])
def test_gray_stored_as_colour_stays_gray_whole_and_in_tiles(task: str, dtype: type) -> None:
    gray = np.repeat(photo(channels=1, dtype=dtype), 3, axis=2)
    model = translators.model(task, scale=2 if task == "upscale" else 1)
    mask = None if task == "upscale" else gray[..., 0] > gray.mean()
    for tile in (None, 16):
        made = model.apply(gray, mask=mask, tile=tile)
        assert made.shape[2] == 3
        assert (made == made[..., :1]).all()
        assert (made[..., 0] == model.apply(gray[..., 0], mask=mask, tile=tile)).all()
    coloured = gray.copy()
    coloured[1, 1, 2] = 0  # a single pixel of colour makes a photo of colours
    made = model.apply(coloured, mask=mask)
    assert (made != made[..., :1]).any()


def test_a_stylizer_may_colour_a_gray_drawing() -> None:
    model = translators.model("stylize")
    assert model.output_channels(1) == 3
    assert model.apply(photo(channels=1)).shape == (40, 50, 3)


def test_a_model_of_gray_takes_the_planes_of_a_colour_image_one_by_one() -> None:
    model = translators.model("upscale", scale=2, inputs=1, outputs=1)
    made = model.apply(photo())
    assert made.shape == (80, 100, 3)
    assert (made[..., 1:2] == model.apply(photo()[..., 1:2])).all()


@pytest.mark.parametrize("scale", [0.5, 1.5, 2, 3])
def test_any_other_scale_is_resampled_after_the_network(scale: float) -> None:
    model = translators.model("upscale", scale=2)
    image = photo(41, 50)
    made = model.apply(image, scale=scale, tile=16)
    size = (round(41 * scale), round(50 * scale))
    assert made.shape == (*size, 3)
    expected = resize_bicubic(model.apply(image), size)
    assert abs(made.astype(int) - expected).max() <= 1


def test_pixels_outside_a_mask_stay_bit_for_bit_and_what_is_below_it_is_not_looked_at() -> None:
    model = translators.model("restore")
    image, mask = photo(), np.zeros((40, 50), bool)
    mask[10:20, 15:30] = True
    made = model.apply(image, mask=mask)
    assert (made[~mask] == image[~mask]).all()
    assert (made[mask] != image[mask]).any()
    other = image.copy()
    other[mask] = 255 - other[mask]
    assert (model.apply(other, mask=mask) == made).all()
    assert (model.apply(image, mask=mask, tile=8) == made).all()
    # Of another family, the mask only bounds where things may change.
    seen = model.apply(image, mask=mask, task="derain")
    assert (seen[~mask] == image[~mask]).all()
    assert (seen[mask] == model.apply(image, task="derain")[mask]).all()
    assert (model.apply(other, mask=mask, task="derain") != seen)[mask].any()


def test_a_soft_mask_blends() -> None:
    model = translators.model("restore")
    image = photo(dtype=np.float32)
    soft = np.tile(np.linspace(0, 1, 50, dtype=np.float32), (40, 1))
    whole = model.apply(image, mask=soft > 0)
    made = model.apply(image, mask=soft)
    expected = image + soft[..., None] * (whole - image)
    assert abs(made - expected).max() < 1e-6
    assert (made[:, 0] == image[:, 0]).all()


def test_what_is_asked_for_and_how_strong_it_is_reaches_the_network() -> None:
    model = translators.model("restore")
    looks = [None, {}, {"noise": 10.0}, {"noise": 30.0}, {"jpeg": 30.0}, {"blur": 2.0}]
    made = [model.apply(photo(), found=found) for found in looks]
    named = ("derain", "dehaze", "destripe", "denoise")
    made += [model.apply(photo(), task=task, found={"blur": 2.0}) for task in named]
    for index, one in enumerate(made):
        assert all((one != other).any() for other in made[:index])


def test_strengths_are_told_of_what_is_asked_for() -> None:
    kinds = ("noise", "jpeg", "blur")
    assert strengths_told((), None, kinds) == dict.fromkeys(kinds, UNKNOWN)
    found = {"noise": 25.0, "haze": 0.3}
    assert strengths_told((), found, kinds) == {"noise": 0.5, "jpeg": 0, "blur": 0}
    assert strengths_told(("denoise",), found, kinds) == {"noise": 0.5, "jpeg": 0, "blur": 0}
    # What a person sees and the look at the photo missed is weak.
    assert strengths_told(("deblur",), found, kinds) == {"noise": 0, "jpeg": 0, "blur": 0.2}
    assert strengths_told(("denoise",), {}, kinds) == {"noise": 0.1, "jpeg": 0, "blur": 0}
    unseen = {"noise": UNKNOWN, "jpeg": UNKNOWN, "blur": 0}
    assert strengths_told(("denoise",), None, kinds) == unseen
    # Models from before strengths were told have a plane a family.
    older = ("derain", "denoise")
    assert strengths_told(("denoise",), found, older) == {"derain": 0, "denoise": 1}
    assert strengths_told((), found, older) == {"derain": 0, "denoise": 0}


def test_strength_blends_the_weights_of_both_phases(tmp_path: Path) -> None:
    folder = translators.write(tmp_path, "upscale", scale=2, fidelity=True)
    model = TranslationModel.load(folder, "upscale", device="cpu", precision="float32")
    assert model.with_strength(1) is model
    half = model.with_strength(0.25)
    faithful = model.with_strength(0)
    assert half.strength == 0.25
    states = [one.network.state_dict() for one in (faithful, half, model)]
    for name, weights in states[1].items():
        assert torch.allclose(weights, 0.75 * states[0][name] + 0.25 * states[2][name], atol=1e-6)
    images = [one.apply(photo()).astype(int) for one in (faithful, half, model)]
    assert (images[0] != images[2]).any()
    with pytest.raises(UsageError, match="0 to 1"):
        model.with_strength(1.5)


@pytest.mark.parametrize(("task", "scale"), [("upscale", 2), ("restore", 1)])
def test_without_two_sets_of_weights_the_output_is_blended(task: str, scale: int) -> None:
    model = translators.model(task, scale=scale)
    image = 0.4 + 0.2 * photo(
        dtype=np.float32
    )  # far from black and white, where values are clipped
    whole = model.apply(image)
    assert 0 < whole.min() < whole.max() < 1
    plain = resize_bicubic(image, whole.shape[:2]).clip(0, 1)
    assert abs(model.with_strength(0).apply(image, tile=16) - plain).max() < 1e-5
    expected = plain + 0.5 * (whole - plain)
    assert abs(model.with_strength(0.5).apply(image) - expected).max() < 1e-5


def test_preserved_colour_takes_the_luminance_alone() -> None:
    model = translators.model("stylize")
    image = photo(dtype=np.float32) * 0.4 + 0.3
    luma = np.array([0.299, 0.587, 0.114])
    made, kept = model.apply(image), model.apply(image, preserve_colour=True)
    assert abs(kept @ luma - made @ luma).max() < 0.02
    assert (
        abs(
            (kept - kept.mean(axis=2, keepdims=True)) - (image - image.mean(axis=2, keepdims=True))
        ).max()
        < 1e-5
    )


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    folder = translators.write(tmp_path, "restore")
    model = TranslationModel.load(folder)
    assert (model.task, model.scale, model.families) == ("restore", 1, translators.FAMILIES)
    expected = translators.model("restore").apply(photo())
    assert abs(model.apply(photo()).astype(int) - expected).max() <= 1
    assert not any(one.requires_grad for one in model.network.parameters())


def test_a_model_for_another_task_is_refused_with_the_command_for_it(tmp_path: Path) -> None:
    folder = translators.write(tmp_path / "a", "restore")
    with pytest.raises(UsageError, match=f"elegan restore INPUT --model {folder}"):
        TranslationModel.load(folder, "upscale")
    shape = ImageShape(resolution=16, channels=1)
    sizes = {"width": 8, "latent": 4}
    save_model(
        tmp_path / "b",
        build_generator("article", shape, **sizes),
        name="article",
        shape=shape,
        sizes=sizes,
        classes=(),
        task="generate",
        training={},
    )
    with pytest.raises(UsageError, match="elegan generate"):
        TranslationModel.load(tmp_path / "b", "upscale")


def test_a_generator_is_not_loaded_from_a_model_that_takes_images(tmp_path: Path) -> None:
    folder = translators.write(tmp_path, "upscale", scale=2)
    with pytest.raises(UsageError, match=f"elegan upscale INPUT --model {folder}"):
        Model.load(folder)


def test_damaged_weights_are_said(tmp_path: Path) -> None:
    folder = translators.write(tmp_path, "upscale", scale=2)
    file = next(tmp_path.glob("translator-*"))
    file.write_bytes(file.read_bytes()[:-4] + b"1234")
    with pytest.raises(EleganError, match="SHA-256"):
        TranslationModel.load(folder)


def test_the_shipped_model_of_the_next_larger_scale_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SHIPPED", tmp_path)
    for name, scale in (("upscale-x2", 2), ("upscale-x2-blind", 2), ("upscale-x4", 4)):
        translators.write(tmp_path / name, "upscale", scale=scale)
    for asked, name in ((None, "upscale-x2"), (1.5, "upscale-x2"), (2, "upscale-x2")):
        assert shipping.find_shipped("upscale", asked).name == name
    for asked in (2.5, 4, 8):
        assert shipping.find_shipped("upscale", asked).name == "upscale-x4"
    assert TranslationModel.load(None, "upscale", 3).scale == 4
    assert TranslationModel.load("upscale-x2-blind", "upscale").scale == 2
    with pytest.raises(EleganError, match="elegan train PHOTOS --task restore"):
        TranslationModel.load(None, "restore")


def test_the_shipped_restorer_that_knows_the_damage_is_taken() -> None:
    names = {
        family: shipping.find_shipped("restore", family=family).name
        for family in ("denoise", "inpaint", "derain", "deblur")
    }
    assert names == {
        "denoise": "restore-noise",
        "inpaint": "restore-holes",
        "derain": "restore-rain",
        "deblur": "restore-blur",
    }
    image = photo(24, 24)
    mask = np.zeros((24, 24), bool)
    mask[8:12, 8:12] = True
    filled = elegan.restore(image, mask=mask)
    assert (filled[mask] != image[mask]).any()
    assert np.array_equal(filled[~mask], image[~mask])
    with pytest.raises(UsageError, match="Did you mean 'derain'"):
        elegan.restore(image, task="derian")


_SHIPPED = [
    name for name, facts in shipping.shipped_models().items() if facts["task"] in TRANSLATING
]


@pytest.mark.parametrize("name", _SHIPPED)
def test_a_shipped_model_is_small_and_in_half_precision(name: str) -> None:
    folder = saving.SHIPPED / name
    weights = list(folder.glob("*.safetensors"))
    assert weights
    for file in weights:
        assert file.stat().st_size < 5e6
        assert {one.dtype for one in load_file(file).values()} == {torch.float16}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "CC0-1.0" in card or "CC BY-SA 4.0" in card
    model = TranslationModel.load(name, device="cpu")
    given = photo(24, 40)
    if model.task == "stylize":
        given = np.where(given[..., :1] > 127, given * 0, 255).astype(np.uint8)
    assert model.apply(given).shape == (24 * model.scale, 40 * model.scale, 3)


def test_the_shipped_restorer_takes_noise_and_leaves_what_has_none() -> None:
    random = np.random.default_rng(0)
    smooth = resize_bicubic(random.random((6, 6, 3), np.float32), (96, 96)) * 200 + 20
    noisy = smooth + random.normal(0, 20, smooth.shape)
    model = TranslationModel.load(None, "restore", device="cpu")
    clean, given = (one.clip(0, 255).round().astype(np.uint8) for one in (smooth, noisy))
    errors = [
        float(np.square(one.astype(np.float32) - clean).mean())
        for one in (given, model.apply(given), model.apply(clean))
    ]
    assert errors[1] < 0.2 * errors[0]
    assert errors[2] < 4  # 42 dB


@pytest.mark.parametrize(
    ("image", "use", "said"),
    [
        (np.zeros((4, 4, 4), np.uint8), {}, "alpha channel apart"),
        (np.zeros((0, 4, 3), np.uint8), {}, r"not \[0, 4, 3\]"),
        (np.zeros((4, 4, 3), np.int64), {}, "int64"),
        (
            np.zeros((4, 4, 3), np.uint8),
            {"mask": np.ones((5, 7), bool)},
            "7x5 pixels, the image 4x4",
        ),
        (np.zeros((4, 4, 3), np.uint8), {"task": "derian"}, "Did you mean 'derain'"),
        (np.zeros((4, 4, 3), np.uint8), {"scale": 17.0}, "at most 16"),
        (np.zeros((4, 4, 3), np.uint8), {"tile": 0}, "at least 1 pixel"),
        (np.zeros((4, 4, 3), np.uint8), {"preserve_colour": True}, "models of style"),
    ],
)
def test_what_does_not_fit_is_refused(image: np.ndarray, use: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        translators.model("restore").apply(image, **use)


def test_a_file_beside_images_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EleganError, match="holds no model"):
        TranslationModel.load(tiny.arrays(tmp_path), "upscale")
