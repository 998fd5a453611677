"""The model folder with both networks: what is named, what is checked, what is left behind."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from elegan.common.errors import EleganError
from elegan.models import Model, save_model, save_translation
from elegan.models.saving import read_config, read_tensors
from elegan.networks import PAIRS, ImageShape, NetworkPair, build_discriminator, build_generator
from elegan.networks.translation import TranslationShape

SIZES = {"width": 8, "latent": 6}
CLASSES = ("cat", "dog", "owl")


def _write(
    folder: Path, *, both: bool = True, classes: tuple[str, ...] = (), seed: int = 0
) -> nn.Module:
    """Writes a model and returns its discriminator, which alone knows `classes`."""
    shape = ImageShape(resolution=16, channels=1)
    torch.manual_seed(seed)
    generator = build_generator("residual", shape, **SIZES)
    judged = ImageShape(resolution=16, channels=1, classes=len(classes))
    discriminator = build_discriminator("residual", judged, width=16, latent=6)
    save_model(
        folder,
        generator,
        name="residual",
        shape=shape,
        sizes=SIZES,
        classes=(),
        task="generate",
        training={},
        discriminator=discriminator if both else None,
        discriminator_sizes={"width": 16, "latent": 6},
        discriminator_classes=classes,
    )
    return discriminator.eval()


def test_the_discriminator_comes_back_with_its_own_width_and_classes(tmp_path: Path) -> None:
    saved = _write(tmp_path, classes=CLASSES)
    model = Model.load(tmp_path, device="cpu")
    images, labels = torch.rand(4, 1, 16, 16), torch.tensor([0, 1, 2, 0])
    expected = saved(images, labels).detach()
    assert torch.allclose(model.discriminator(images, labels), expected, atol=1e-5)
    assert model.discriminator is model.discriminator
    assert not model.discriminator.training
    assert not any(one.requires_grad for one in model.discriminator.parameters())
    assert model.generate(2).labels is None  # the generator stays unconditional


def test_a_folder_with_the_generator_only_generates_and_says_what_it_lacks(tmp_path: Path) -> None:
    _write(tmp_path, both=False)
    model = Model.load(tmp_path)
    assert len(model.generate(2)) == 2
    assert not model.has_discriminator
    with pytest.raises(EleganError, match="holds its generator only"):
        _ = model.discriminator


def test_saving_again_leaves_no_weights_that_nothing_names(tmp_path: Path) -> None:
    _write(tmp_path, seed=0)
    _write(tmp_path, seed=1)
    assert len(list(tmp_path.iterdir())) == 3
    _write(tmp_path, both=False)
    assert len(list(tmp_path.iterdir())) == 2


def test_weights_that_somebody_put_beside_the_model_stay(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "generator-best-0a1b2c3d.safetensors").touch()
    (tmp_path / "generator-mine.safetensors").touch()
    _write(tmp_path)
    _write(tmp_path, seed=1)
    assert len(list(tmp_path.glob("generator-*"))) == 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-4] + b"1234"), "SHA-256"),
        (lambda file: file.unlink(), "cannot be read"),
    ],
)
def test_a_damaged_discriminator_is_explained_and_the_generator_still_works(
    tmp_path: Path, damage, said: str
) -> None:
    _write(tmp_path)
    damage(next(tmp_path.glob("discriminator-*")))
    model = Model.load(tmp_path)
    assert len(model.generate(1)) == 1
    with pytest.raises(EleganError, match=said):
        _ = model.discriminator


def test_missing_and_unknown_tensors_are_named(tmp_path: Path) -> None:
    _write(tmp_path)
    path = tmp_path / "model.json"
    facts = json.loads(path.read_text())
    facts["shape"]["channels"] = 3
    path.write_text(json.dumps(facts))
    with pytest.raises(
        EleganError, match=r"another shape seams\.weight, to_patches\.bias, to_patches\.weight"
    ):
        Model.load(tmp_path)
    part = {key: facts["discriminator"][key] for key in ("tensors", "sha256")}
    path.write_text(json.dumps({**facts, **part}))
    with pytest.raises(EleganError, match=r"lacks .*dense.*has unknown .*from_patches"):
        Model.load(tmp_path)


def test_a_dcgan_saved_under_its_first_names_still_loads(tmp_path: Path) -> None:
    shape = ImageShape(resolution=16, channels=1)
    network = build_generator("dcgan", shape, **SIZES)
    about = {"name": "dcgan", "shape": shape, "sizes": SIZES, "classes": (), "task": "generate"}
    save_model(tmp_path, network, **about, training={})
    expected = Model.load(tmp_path, precision="float32").generate(2).images
    state = network.state_dict()
    old = {name.replace("levels.", "stages."): one for name, one in state.items()}
    assert old.keys() != state.keys()
    network.state_dict = lambda: old  # pyright: ignore[reportAttributeAccessIssue]
    save_model(tmp_path, network, **about, training={})
    assert (Model.load(tmp_path, precision="float32").generate(2).images == expected).all()


class StyleGenerator(nn.Module):
    """styles = 2 z + 1; each pixel is the style's mean."""

    def __init__(self, shape: ImageShape, *, width: int, latent: int) -> None:
        super().__init__()
        self.shape = shape
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("mean_style", torch.full((latent,), 0.25))

    def map(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.scale * latents + 1

    def synthesise(self, styles: torch.Tensor) -> torch.Tensor:
        side = self.shape.resolution
        return styles.mean(dim=1).view(-1, 1, 1, 1).expand(-1, self.shape.channels, side, side)

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.synthesise(self.map(latents, labels))


@pytest.fixture
def styled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    pair = NetworkPair(
        generator=StyleGenerator, discriminator=nn.Identity, width=8, latent=6, source="tests"
    )
    monkeypatch.setitem(PAIRS, "test-style", pair)
    shape = ImageShape(resolution=16, channels=1)
    save_model(
        tmp_path,
        StyleGenerator(shape, **SIZES),
        name="test-style",
        shape=shape,
        sizes=SIZES,
        classes=(),
        task="generate",
        training={},
    )
    return Model.load(tmp_path, device="cpu", precision="float32")


def test_styles_are_truncated_toward_the_mean_style(styled: Model) -> None:
    whole = styled.styles(torch.randn(50, 6))
    latents = (whole - 1) / 2
    half = styled.styles(latents, truncation=0.5)
    assert torch.allclose(half, 0.25 + 0.5 * (whole - 0.25), atol=1e-6)
    assert torch.allclose(styled.styles(latents, truncation=1.0), whole, atol=1e-6)


def test_truncated_images_are_of_truncated_styles(styled: Model) -> None:
    drawn = styled.generate(5, seed=2)
    typical = styled.generate(5, seed=2, truncation=0.001).images
    assert abs(typical.astype(float) - (0.25 + 1) * 127.5).max() < 1
    assert drawn.images.std() > 0
    assert (styled.generate(5, seed=2, truncation=1.0).images == drawn.images).all()


def test_a_model_of_images_keeps_both_weights_and_its_discriminator(tmp_path: Path) -> None:
    shape = TranslationShape(inputs=3, scale=2)
    network, faithful = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
    about = {"name": "upscaler", "shape": shape, "sizes": {"width": 8}, "task": "upscale"}
    save_translation(
        tmp_path,
        network,
        **about,
        recipe={"degradation": "blind"},
        training={"images": 5},
        fidelity=faithful.state_dict(),
        discriminator=nn.Linear(2, 1),
        discriminator_sizes={"levels": 3},
    )
    facts = read_config(tmp_path)
    assert (facts["task"], facts["recipe"]) == ("upscale", {"degradation": "blind"})
    assert facts["shape"] == {"inputs": 3, "outputs": 3, "scale": 2}
    assert torch.equal(read_tensors(tmp_path, facts)["weight"], network.weight)
    assert torch.equal(read_tensors(tmp_path, facts["fidelity"])["weight"], faithful.weight)
    assert facts["discriminator"]["sizes"] == {"levels": 3}
    assert len(list(tmp_path.iterdir())) == 4
    save_translation(tmp_path, faithful, **about, recipe={}, training={})
    assert len(list(tmp_path.iterdir())) == 2
    assert "fidelity" not in read_config(tmp_path)


def test_a_model_from_before_the_seams_draws_as_it_did(tmp_path: Path) -> None:
    _write(tmp_path)
    wanted = Model.load(tmp_path).generate(3).images  # they begin at zero
    path = tmp_path / "model.json"
    facts = json.loads(path.read_text())
    weights = tmp_path / facts["tensors"]
    tensors = load_file(weights)
    assert not tensors.pop("seams.weight").any()
    save_file(tensors, weights)
    facts["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    path.write_text(json.dumps(facts))
    assert (Model.load(tmp_path).generate(3).images == wanted).all()
