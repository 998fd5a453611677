"""The trained artefact: images by (seed, index), files in every form, labels, damage."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import cpu

from elegan.common.errors import EleganError, UsageError
from elegan.models import Model, Samples, find_model, latent_noise, save_model
from elegan.networks import ImageShape, build_generator

SIZES = {"width": 8, "latent": 6}


def _write(folder: Path, classes: tuple[str, ...] = (), seed: int = 0) -> Path:
    shape = ImageShape(resolution=16, channels=1, classes=len(classes))
    torch.manual_seed(seed)
    network = build_generator("article", shape, **SIZES)
    for parameter in network.parameters():  # far apart images from close latents
        torch.nn.init.normal_(parameter, std=0.3)
    save_model(
        folder,
        network,
        name="article",
        shape=shape,
        sizes=SIZES,
        classes=classes,
        task="generate",
        training={"images": 64},
    )
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model.load(_write(tmp_path / "model"), precision="float32")


@pytest.fixture
def conditional(tmp_path: Path) -> Model:
    path = _write(tmp_path / "model", ("cat", "dog", "7"))
    return Model.load(path, precision="float32")


def test_noise_i_depends_on_seed_and_i_only() -> None:
    many = latent_noise(1000, 5, seed=3)
    for count in (1, 255, 256, 257):
        assert torch.equal(latent_noise(count, 5, seed=3), many[:count])
    assert not torch.equal(latent_noise(3, 5, seed=4), many[:3])
    assert abs(many.std() - 1) < 0.05


def test_image_i_depends_on_seed_and_i_only(model: Model) -> None:
    many = model.generate(40, seed=3).images.astype(int)
    few = model.generate(7, seed=3).images
    in_parts = model.generate(40, seed=3, batch=9).images
    # Rounding may differ with the size of a batch, by one level at most.
    assert np.abs(many[:7] - few).max() <= 1
    assert np.abs(many - in_parts).max() <= 1
    assert (model.generate(40, seed=3).images == many).all()
    assert (model.generate(7, seed=4).images != few).any()


def test_noise_is_not_cut_short(model: Model) -> None:
    with pytest.raises(UsageError, match=r"--best 0\.5"):
        model.generate(4, truncation=0.7)


@pytest.mark.parametrize("conditional_", [False, True])
def test_the_best_of_each_class_are_those_the_discriminator_scores_highest(
    model: Model, conditional: Model, conditional_: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = conditional if conditional_ else model
    drawn = chosen.generate(20, seed=3)
    scores = np.random.default_rng(0).permutation(20).astype(np.float32)

    def judged(images: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        assert (images == drawn.images).all()
        assert (labels is None) == (drawn.labels is None)
        return scores

    monkeypatch.setattr(chosen, "judged", judged)
    best = chosen.generate(10, seed=3, best=0.5)
    kinds = np.zeros(20, int) if drawn.labels is None else drawn.labels
    own = np.zeros(10, int) if best.labels is None else best.labels
    for kind in np.unique(own):
        wanted = int((own == kind).sum())
        among = np.flatnonzero(kinds == kind)
        expected = [place for place in among if (scores[among] > scores[place]).sum() < wanted]
        np.testing.assert_array_equal(best.images[own == kind], drawn.images[expected])


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    folder = _write(tmp_path / "run" / "model")
    network = build_generator("article", ImageShape(resolution=16, channels=1), **SIZES)
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    loaded = Model.load(folder, device="cpu")
    assert loaded.latent == 6
    assert loaded.shape == ImageShape(resolution=16, channels=1)
    assert not loaded.network.training
    assert loaded.generate(2).model_sha256 == loaded.config["sha256"]


@pytest.mark.parametrize(
    "within", [".", "model", "model/model.json", "settings.json", "checkpoints", "samples/1.png"]
)
def test_any_file_of_a_run_names_its_model(tmp_path: Path, within: str) -> None:
    folder = _write(tmp_path / "model")
    for name in ("settings.json", "checkpoints/x", "samples/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_model(tmp_path / within) == folder


def test_no_model_is_explained(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(EleganError, match=r"nothing at .*rums.* Did you mean 'runs'\?"):
        find_model(tmp_path / "rums")
    with pytest.raises(EleganError, match="holds no model"):
        find_model(tmp_path / "runs")


def test_a_new_model_replaces_the_old_and_leaves_no_weights_behind(tmp_path: Path) -> None:
    folder = _write(tmp_path / "model", seed=0)
    before = Model.load(folder).config["sha256"]
    _write(folder, seed=1)
    assert Model.load(folder).config["sha256"] != before
    assert len(list(folder.iterdir())) == 2


def _weights(folder: Path) -> Path:
    return next(folder.glob("*.safetensors"))


def _edit(folder: Path, **changes) -> None:
    facts = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**facts, **changes}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: _weights(folder).write_bytes(_weights(folder).read_bytes()[:-9]),
        lambda folder: _weights(folder).unlink(),
        lambda folder: (folder / "model.json").write_text("{"),
        lambda folder: (folder / "model.json").write_text("[]"),
        lambda folder: _edit(folder, version=99),
        lambda folder: _edit(folder, shape={"resolution": 16}),
        lambda folder: _edit(folder, sizes={"width": 16, "latent": 6}),
        lambda folder: _edit(folder, tensors=None),
    ],
)
def test_a_damaged_model_is_explained(tmp_path: Path, damage) -> None:
    folder = _write(tmp_path / "model")
    damage(folder)
    with pytest.raises(EleganError, match=r"The model in .* cannot be read"):
        Model.load(folder)


def test_weights_outside_the_folder_are_never_read(tmp_path: Path) -> None:
    folder = _write(tmp_path / "model")
    weights = _weights(folder)
    weights.rename(tmp_path / weights.name)
    _edit(folder, tensors=f"../{weights.name}")
    with pytest.raises(EleganError):
        Model.load(folder)


def test_a_network_of_another_version_is_named(tmp_path: Path) -> None:
    folder = _write(tmp_path / "model")
    _edit(folder, network="articel")
    with pytest.raises(UsageError, match="Did you mean 'article'"):
        Model.load(folder)


def test_labels(conditional: Model) -> None:
    assert conditional.generate(5).labels.tolist() == [0, 1, 2, 0, 1]
    assert conditional.generate(2, label="dog").labels.tolist() == [1, 1]
    assert conditional.generate(1, label="7").labels.tolist() == [2]
    images = [conditional.generate(1, label=name).images for name in ("cat", "dog")]
    assert (images[0] != images[1]).any()


def test_a_number_is_an_index_only_where_no_class_is_called_by_one(tmp_path: Path) -> None:
    words = Model.load(_write(tmp_path / "words", ("cat", "dog", "eel")))
    assert words.generate(2, label=1).labels.tolist() == [1, 1]
    numbers = Model.load(_write(tmp_path / "numbers", ("1", "2", "9", "10")))
    assert numbers.generate(1, label="9").labels.tolist() == [2]
    for label in ("3", 0):  # places of classes, and no class is called so
        with pytest.raises(UsageError, match="Known: 1, 2, 9, 10"):
            numbers.generate(1, label=label)


@pytest.mark.parametrize("label", ["dg", 3, 1, -1, "", "1.0"])
def test_unknown_labels_are_refused(conditional: Model, label) -> None:
    with pytest.raises(UsageError, match="Known: cat, dog, 7"):
        conditional.generate(1, label=label)


def test_the_nearest_label_is_named(conditional: Model) -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'dog'\?"):
        conditional.generate(1, label="dig")


def test_an_unconditional_model_has_no_labels(model: Model) -> None:
    with pytest.raises(UsageError, match="--conditional"):
        model.generate(1, label=0)


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"n": -1}, {"truncation": 0.0}, {"best": 0.0}, {"best": 1.5}]
)
def test_impossible_requests_are_refused(model: Model, options) -> None:
    with pytest.raises(UsageError):
        model.generate(**options)


def test_npz_holds_images_labels_seed_and_hash(conditional: Model, tmp_path: Path) -> None:
    samples = conditional.generate(5, seed=9)
    path = samples.save(tmp_path / "new" / "s.npz")
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["images"], samples.images)
        assert arrays["images"].dtype == np.uint8
        assert arrays["images"].shape == (5, 16, 16, 1)
        assert arrays["labels"].tolist() == [0, 1, 2, 0, 1]
        assert arrays["classes"].tolist() == ["cat", "dog", "7"]
        assert int(arrays["seed"]) == 9
        assert str(arrays["model_sha256"]) == conditional.config["sha256"]
    assert [one.name for one in path.parent.iterdir()] == ["s.npz"]


def test_an_unconditional_npz_has_no_labels(model: Model, tmp_path: Path) -> None:
    with np.load(model.generate(2).save(tmp_path / "s.npz")) as arrays:
        assert set(arrays) == {"images", "seed", "model_sha256"}


def test_a_sheet_holds_all_images(model: Model, tmp_path: Path) -> None:
    path = model.generate(9).save(tmp_path / "s.png")
    side = 3 * 16 * 3 + 2 * 2
    assert Image.open(path).size == (side, side)


def test_a_folder_has_one_file_an_image(model: Model, tmp_path: Path) -> None:
    samples = model.generate(3)
    folder = samples.save(tmp_path / "samples")
    files = sorted(folder.glob("[!.]*"))
    assert [one.name for one in files] == ["00000.png", "00001.png", "00002.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(files[2])), samples.images[2, ..., 0])


def test_a_folder_of_images_replaces_its_own_files_only(model: Model, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "00001.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"00001\.png is there already.*--out"):
        model.generate(3).save(tmp_path / "own")
    assert [one.name for one in (tmp_path / "own").iterdir()] == ["00001.png"]
    model.generate(3).save(tmp_path / "new")
    other = model.generate(3, seed=1)
    other.save(tmp_path / "new")
    written = np.asarray(Image.open(tmp_path / "new" / "00002.png"))
    np.testing.assert_array_equal(written, other.images[2, ..., 0])


def test_a_folder_has_one_subfolder_a_class(conditional: Model, tmp_path: Path) -> None:
    folder = conditional.generate(4).save(tmp_path / "samples")
    files = sorted(str(one.relative_to(folder)) for one in folder.rglob("*.png"))
    assert files == ["7/00002.png", "cat/00000.png", "cat/00003.png", "dog/00001.png"]


def test_class_names_stay_within_the_folder(tmp_path: Path) -> None:
    names = ("../../evil", "/etc/x", "..", ".", "", "a/b", "a_b", "nul\0", "c:\\x", "x" * 300)
    samples = Samples(
        images=np.zeros((len(names), 16, 16, 1), np.uint8),
        labels=np.arange(len(names)),
        classes=names,
        seed=0,
        model_sha256="",
    )
    folder = samples.save(tmp_path / "deep" / "samples")
    files = list(tmp_path.rglob("*.png"))
    assert len(files) == len(names)
    assert all(one.parent.parent == folder for one in files)
    assert len({one.parent for one in files}) == len(names)


def test_a_place_that_cannot_be_written_is_explained(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    samples = model.generate(2)
    for name in ("file/s.png", "file/s.npz", "file/folder"):
        with pytest.raises(EleganError, match="file"):
            samples.save(tmp_path / name)
    with pytest.raises(UsageError, match=r"name a \.png, a \.npz or a folder"):
        samples.save(tmp_path / "s.jpeg")


def test_bf16_images_are_those_of_float32_but_for_rounding(tmp_path: Path) -> None:
    folder = _write(tmp_path / "model")
    exact = Model.load(folder, precision="float32").generate(8).images.astype(int)
    fast = Model(Model.load(folder).network, Model.load(folder).config, cpu("bf16"))
    assert np.abs(fast.generate(8).images - exact).mean() < 5
