"""All registered networks from images to images: reach, grid, sizes, starts, saved states."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elegan.common.errors import UsageError
from elegan.data.degradations.resizing import resize_bicubic
from elegan.networks import TRANSLATORS, TranslationShape, Translator, build_translator
from elegan.networks import upscaler as detail
from elegan.networks.restorer import FlatRestorer
from elegan.networks.upscaler import FILLED_FROM, detail_of, filled

SIZES = {"width": 8, "depth": 1}
# Every kind in the shapes that it must take: (kind, inputs, outputs, scale).
CASES: list[tuple[str, int, int, int]] = [
    ("upscaler", 3, 3, 2),
    ("upscaler", 1, 1, 3),
    ("upscaler", 4, 3, 4),
    ("upscaler", 3, 3, 1),
    *(
        (name, inputs, outputs, 1)
        for name in TRANSLATORS
        if name != "upscaler"
        for inputs, outputs in ((3, 3), (10, 3), (1, 1))
    ),
]
FILLS = ("flat-restorer",)
STARTS_AT_ITS_INPUT = ("upscaler", "restorer", "flat-restorer")


@dataclass
class Built:
    """A network and what it was built for."""

    name: str
    network: Translator
    shape: TranslationShape

    def inputs(self, height: int, width: int, count: int = 1) -> Tensor:
        return torch.rand(count, self.shape.inputs, height, width) * 1.6 - 0.8

    def awakened(self) -> "Built":
        """Fills what begins at zero, so that every path leads somewhere, and halts statistics."""
        for parameter in self.network.parameters():
            if parameter.ndim > 1 and not parameter.any():
                nn.init.normal_(parameter, std=0.5 / parameter[0].numel() ** 0.5)
        return self

    def replaying(self, images: Tensor) -> Translator:
        """The network in evaluation mode; one with global statistics replays those of `images`."""
        network = self.network.eval()
        if network.global_statistics:
            with torch.no_grad(), network.record_statistics():
                network(images)
        return network


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def built(request: pytest.FixtureRequest) -> Built:
    torch.manual_seed(0)
    name, *numbers = request.param
    shape = TranslationShape(*numbers)
    return Built(name, build_translator(name, shape, **SIZES), shape)


def replay(network: Translator, images: Tensor) -> Tensor:
    if not network.global_statistics:
        return network(images)
    with network.replay_statistics():
        return network(images)


def test_every_kind_is_tested() -> None:
    assert {name for name, *_ in CASES} == set(TRANSLATORS)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (17, 24), (33, 40)])
def test_any_size(built: Built, size: tuple[int, int]) -> None:
    outputs = built.awakened().network(built.inputs(*size, count=2))
    scale = built.shape.scale
    assert outputs.shape == (2, built.shape.outputs, size[0] * scale, size[1] * scale)
    assert outputs.dtype == torch.float32
    assert torch.isfinite(outputs).all()
    delivered = built.network.eval()(10 * built.inputs(*size))
    assert delivered.abs().max() <= 1


def test_every_parameter_learns(built: Built) -> None:
    """Within three steps, since a layer that begins at zero hides those behind it in the first."""
    network = built.network
    waiting = {name for name, _ in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    images, scale = built.inputs(32, 32, count=2), built.shape.scale
    targets = torch.rand(2, built.shape.outputs, 32 * scale, 32 * scale) * 2 - 1
    for _ in range(3):
        optimizer.zero_grad()
        (network(images) - targets).abs().mean().backward()
        for name, parameter in network.named_parameters():
            if parameter.grad is not None and parameter.grad.abs().max() > 0:
                waiting.discard(name)
        optimizer.step()
    assert not waiting


@pytest.mark.parametrize("upright", [False, True], ids=["columns", "rows"])
def test_nothing_beyond_the_margin_reaches_a_pixel(built: Built, upright: bool) -> None:
    """And what lies on it does, for some pixel: the margin is no wider than it must be."""
    network = built.awakened().network
    step = network.stride
    cell = (network.margin // step + 1) * step
    size = (step, 2 * cell + step)
    images = built.inputs(*(size[::-1] if upright else size))
    if built.name in FILLS:
        images[:, 3:4] = 1  # what is filled amid lost pixels is made of the farthest
    network = built.replaying(images).train()  # clipping has a slope everywhere
    reaches = [_reach(network, images, cell + at, upright) for at in range(step)]
    assert max(reaches) == network.margin


def _reach(network: Translator, images: Tensor, at: int, upright: bool) -> int:
    """How far from column (or row) `at` the pixels lie that move the output there."""
    images = images.clone().requires_grad_()
    scale = network.shape.scale
    outputs = replay(network, images).movedim(2 if upright else 3, 0)
    spot = outputs[at * scale : (at + 1) * scale]
    (gradient,) = torch.autograd.grad((spot * torch.randn_like(spot)).sum(), images)
    strengths = gradient.movedim(2 if upright else 3, 0).flatten(1).abs().amax(dim=1)
    return int((strengths.nonzero() - at).abs().max())


def test_a_change_beyond_the_margin_leaves_the_output_untouched(built: Built) -> None:
    network = built.awakened().network
    width = 2 * network.margin + 40
    images = built.inputs(3 * network.stride, width)
    network = built.replaying(images)
    changed = images.clone()
    changed[..., : width // 2] = -changed[..., : width // 2].flip(-1)
    unmoved = (width // 2 + network.margin) * built.shape.scale
    with torch.no_grad():
        before, after = replay(network, images), replay(network, changed)
    torch.testing.assert_close(after[..., unmoved:], before[..., unmoved:], rtol=0, atol=1e-6)
    assert (after - before).abs().max() > 1e-3


def test_a_shift_by_the_stride_shifts_the_output(built: Built) -> None:
    """So a tile that begins at a multiple of it gives what the whole gives there."""
    network = built.awakened().network
    step, scale = network.stride, built.shape.scale
    images = built.inputs(2 * step, 2 * network.margin + 5 * step)
    network = built.replaying(images)
    with torch.no_grad():
        whole, tile = replay(network, images), replay(network, images[..., step:])
    edge = network.margin * scale
    torch.testing.assert_close(
        tile[..., edge:], whole[..., step * scale + edge :], rtol=0, atol=1e-5
    )


def test_odd_sizes_are_worked_on_as_their_continuation(built: Built) -> None:
    """The last tile of an image whose sides are no multiples of the stride equals the whole."""
    network, scale = built.awakened().network, built.shape.scale
    step = network.stride
    height, width = step + 1, 2 * network.margin + 3 * step + 1
    images = built.inputs(height, width)
    network = built.replaying(images)
    start = (width - network.margin - 2) // step * step
    with torch.no_grad():
        whole, tile = replay(network, images), replay(network, images[..., start - step :])
    inside = max(0, start + network.margin) * scale
    torch.testing.assert_close(
        tile[..., inside - (start - step) * scale :], whole[..., inside:], rtol=0, atol=1e-5
    )


def test_images_of_a_batch_do_not_touch(built: Built) -> None:
    network = built.awakened().network.eval()
    images = built.inputs(16, 24, count=3)
    alone = torch.cat([network(one[None]) for one in images])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-5)


def test_the_untrained_network_gives_its_input(built: Built) -> None:
    if built.name not in STARTS_AT_ITS_INPUT:
        pytest.skip("begins with noise")
    images = built.inputs(9, 12)
    images[:, 3:4] = 0  # nothing is lost
    with torch.no_grad():
        outputs = built.network(images)
    colours = images[:, : built.shape.outputs]
    if built.shape.scale == 1:
        assert torch.equal(outputs, colours)
        return
    scale = built.shape.scale
    pixels = colours[0].permute(1, 2, 0).numpy()
    expected = resize_bicubic(pixels, (9 * scale, 12 * scale)).clip(-1, 1)
    with torch.no_grad():
        delivered = built.network.eval()(images)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(delivered, expected, rtol=0, atol=1e-5)


def test_state_round_trip(built: Built) -> None:
    network = built.awakened().network.eval()
    other = copy.deepcopy(network)
    for parameter in other.parameters():
        nn.init.normal_(parameter)
    other.load_state_dict(network.state_dict())
    images = built.inputs(16, 16)
    assert torch.equal(other(images), network(images))
    again = build_translator(built.name, built.shape, **SIZES)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(images), network(images))


def test_stages_hold_every_parameter_once_in_forward_order(built: Built) -> None:
    network = built.awakened().network
    stages = network.stages()
    held = [id(one) for stage in stages for one in stage.parameters()]
    assert len(held) == len(set(held))
    assert set(held) == {id(one) for one in network.parameters()}
    first, *later = stages
    first.requires_grad_(False)
    network(built.inputs(16, 16)).sum().backward()
    assert all(any(one.grad is not None for one in stage.parameters()) for stage in later)


def test_channels_last_memory_gives_the_same_numbers(built: Built) -> None:
    network = built.awakened().network.eval()
    images = built.inputs(18, 16)
    expected = network(images)
    network.to(memory_format=torch.channels_last)
    again = network(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(again, expected, rtol=1e-4, atol=1e-5)


def test_bfloat16_gives_about_the_same(built: Built) -> None:
    network = built.awakened().network.eval()
    images = built.inputs(16, 16)
    with torch.no_grad():
        expected = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(images)
    assert rough.dtype == torch.float32
    assert (rough - expected).abs().mean() < 0.03


def test_what_a_kind_cannot_do_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'upscaler'\?"):
        build_translator("upscale", TranslationShape(3))
    with pytest.raises(UsageError, match="whole scale from 1 to 8"):
        build_translator("upscaler", TranslationShape(3, 3, 9))
    with pytest.raises(UsageError, match="first 3 planes"):
        build_translator("restorer", TranslationShape(1, 3))
    for name in TRANSLATORS:
        if name != "upscaler":
            with pytest.raises(UsageError, match="does not change the size"):
                build_translator(name, TranslationShape(3, 3, 2))


def test_sizes_default_to_those_of_the_kind() -> None:
    for name, kind in TRANSLATORS.items():
        scale = 2 if name == "upscaler" else 1
        shape = TranslationShape(10 if name.endswith("restorer") else 3, 3, scale)
        default = build_translator(name, shape)
        asked = build_translator(name, shape, width=kind.width, depth=kind.depth)
        assert [one.shape for one in default.parameters()] == [
            one.shape for one in asked.parameters()
        ]
        narrow = build_translator(name, shape, width=8)
        assert sum(one.numel() for one in narrow.parameters()) < 0.2 * sum(
            one.numel() for one in default.parameters()
        )


def test_detail_is_what_differs_from_the_mean_around() -> None:
    images = torch.rand(1, 3, 16, 16)
    details = detail_of(images)
    expected = images[..., 7, 9] - images[..., 5:10, 7:12].mean(dim=(2, 3))
    torch.testing.assert_close(details[..., 7, 9], expected)
    corner = images[..., 0, 15] - images[..., :3, 13:].mean(dim=(2, 3))
    torch.testing.assert_close(details[..., 0, 15], corner)
    torch.testing.assert_close(detail_of(torch.full((1, 3, 8, 8), 0.7)), torch.zeros(1, 3, 8, 8))


def test_lost_pixels_are_filled_from_around_the_nearer_the_more() -> None:
    colours = torch.rand(2, 3, 40, 40)
    lost = torch.zeros(2, 1, 40, 40)
    assert filled(colours, lost) is colours
    lost[0, :, 10:30, 12:30] = 1
    made = filled(torch.where(lost == 1, 99.0, colours), lost)  # what is lost is not looked at
    assert torch.equal(made[1], colours[1])
    kept = (lost[0] == 0).expand(3, -1, -1)
    assert torch.equal(made[0][kept], colours[0][kept])
    known = colours[0][kept].view(3, -1)
    assert made[0][~kept].min() > known.min()
    assert made[0][~kept].max() < known.max()
    halves = torch.zeros(1, 3, 40, 40)
    halves[..., 20:] = 1
    middle = filled(halves, lost[:1])[0, 0, 20, 12:30]
    assert (middle.diff() >= 0).all()  # from the dark side to the bright
    assert middle[0] < 0.2 < 0.8 < middle[-1]
    lone = torch.ones(1, 1, 40, 200)
    lone[..., :5] = 0
    reached = filled(torch.ones(1, 3, 40, 200), lone)[0, 0, 20]
    assert (reached[: 5 + FILLED_FROM] > 0).all()
    assert (reached[5 + FILLED_FROM :] == 0).all()


def test_filling_is_nearer_to_laplace_than_distances_alone() -> None:
    """Of a harmonic function, which Laplace's equation gives back from its edges."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 40), torch.linspace(-1, 1, 40), indexing="ij")
    truth = torch.stack([x * x - y * y, x * y, x])[None]
    lost = torch.zeros(1, 1, 40, 40)
    lost[..., 10:26, 14:30] = 1
    errors = [
        float(((made - truth) * lost).abs().sum() / lost.sum() / 3)
        for made in (detail._by_distance(truth, lost), filled(truth, lost))
    ]
    assert errors[1] < 0.25 * errors[0]


def test_what_a_flat_restorer_is_told_is_the_gain_of_its_blocks() -> None:
    torch.manual_seed(0)
    network = build_translator("flat-restorer", TranslationShape(6, 3), width=8, depth=1)
    assert isinstance(network, FlatRestorer)
    features = torch.randn(1, 8, 6, 6)
    block = network.blocks[0]
    told = torch.zeros(1, 2, 6, 6)
    told[:, 1] = 1
    before = block(features, told)
    assert torch.equal(before, block(features, torch.zeros_like(told)))
    with torch.no_grad():
        block.gains.weight[:, 1] = -1  # this family switches the block off
        block.second.bias.zero_()
    torch.testing.assert_close(block(features, told), features)
    assert not torch.equal(block(features, torch.zeros_like(told)), features)
