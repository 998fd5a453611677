"""What upscaling, restoring and stylizing have in common: two phases, kept weights, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
import tiny_photos
import torch
from safetensors.torch import load_file

from elegan.applications import TASKS, load_model
from elegan.applications.photos.task import parse_degradations
from elegan.common.errors import UsageError
from elegan.losses import charbonnier, log_error
from elegan.metrics.image_quality import psnr
from elegan.settings import validate
from elegan.tasks.translation import decibels
from elegan.training.pace import measure_speed

HALF = {"adversarial_from": 0.5}


def _weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.clone() for name, one in network.state_dict().items()}


def _duel(preset: str = "upscale", **overrides):
    return tiny.loop_of(tiny_photos.task_of(tiny_photos.settings(preset, **overrides)))


def _steps(loop, first: int, last: int) -> None:
    for position in range(first, last, loop.settings.batch):
        assert loop.step(loop.batches.at(position))


# --- the two phases ---------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["upscale", "restore", "stylize"])
def test_while_it_rests_the_discriminator_does_not_move(preset: str) -> None:
    loop = _duel(preset, translate=HALF)
    task = loop.task
    generator, discriminator = (
        _weights(one.network) for one in (task.generator, task.discriminator)
    )
    _steps(loop, 0, 16)
    assert tiny.differences(_weights(task.discriminator.network), discriminator) == []
    assert task.discriminator.optimizer.state == {}
    assert tiny.differences(_weights(task.generator.network), generator) != []
    assert task.fidelity is None
    _steps(loop, 16, 20)
    assert tiny.differences(_weights(task.discriminator.network), discriminator) != []


def test_rates_fall_to_the_end_of_each_phase_and_are_lower_when_judged() -> None:
    task, judged = _duel(translate=HALF).task, _duel(translate={"adversarial_from": 0.0}).task
    alone = _duel(translate={"adversarial_from": 1.0}).task
    assert [task.phase(one)[0] for one in (0, 0.25, 0.5, 0.75)] == [0, 0.5, 0, 0.5]
    assert task.phase(0.4999)[0] > 0.99
    assert task.phase(0.49)[1] == 1
    assert 0 < task.phase(0.5)[1] < 1
    assert judged.phase(0.3) == alone.phase(0.3) == (0.3, 1)


def test_the_rates_of_a_step_are_those_of_its_phase() -> None:
    loop = _duel(translate=HALF, optimizer={"warmup": 0.0, "hold": 0.0, "schedule": "linear"})
    base, seen = loop.task.generator.base_rate, []
    for position in range(0, loop.stop, loop.settings.batch):
        loop.step(loop.batches.at(position))
        seen.append(loop.task.generator.optimizer.param_groups[0]["lr"] / base)
    half = len(seen) // 2
    steps = [1 - one / half for one in range(half)]
    share = loop.task.phase(0.5)[1]
    assert seen == pytest.approx(steps + [share * one for one in steps])


def test_the_weights_kept_are_the_averaged_ones_of_when_the_discriminator_begins() -> None:
    loop = _duel(translate=HALF)
    _steps(loop, 0, 16)
    average = _weights(loop.task.ema.network)
    assert tiny.differences(average, _weights(loop.task.generator.network)) != []
    _steps(loop, 16, 32)
    assert tiny.differences(loop.task.fidelity, average) == []
    assert tiny.differences(average, _weights(loop.task.ema.network)) != []


@pytest.mark.parametrize(("share", "kept"), [(0.0, False), (1.0, False), (0.5, True)])
def test_only_a_run_of_two_phases_keeps_weights(share: float, kept: bool, tmp_path: Path) -> None:
    loop = _duel(images=16, translate={"adversarial_from": share})
    before = _weights(loop.task.discriminator.network)
    _steps(loop, 0, 16)
    loop.task.save_model(tmp_path, {})
    facts = json.loads((tmp_path / "model.json").read_text())
    assert ("fidelity" in facts) == kept
    moved = tiny.differences(_weights(loop.task.discriminator.network), before) != []
    assert moved == (share < 1)


def test_kept_weights_go_into_checkpoints_and_come_back() -> None:
    loop, other = _duel(translate=HALF), _duel(translate=HALF, seed=1)
    assert loop.task.state_dict() == {}
    _steps(loop, 0, 20)
    tensors = dict(sorted(loop.task.state_dict().items()))  # as they come from a file
    assert {name.partition(".")[0] for name in tensors} == {"fidelity"}
    other.task.load_state_dict(tensors)
    assert tiny.differences(other.task.fidelity, loop.task.fidelity) == []
    assert list(other.task.fidelity) == list(loop.task.fidelity)
    other.task.load_state_dict({})  # of a checkpoint from before
    assert other.task.fidelity is None


def test_a_run_made_longer_keeps_the_weights_of_its_last_beginning() -> None:
    loop = _duel(translate=HALF)
    _steps(loop, 0, 20)
    first = loop.task.fidelity
    loop.stop = 64
    _steps(loop, 20, 32)
    assert loop.task.fidelity is None
    average = _weights(loop.task.ema.network)
    _steps(loop, 32, 36)
    assert tiny.differences(loop.task.fidelity, average) == []
    assert tiny.differences(loop.task.fidelity, first) != []


def test_kept_weights_are_delivered_beside_the_final_ones(tmp_path: Path) -> None:
    loop = _duel(translate=HALF)
    _steps(loop, 0, 32)
    loop.task.save_model(tmp_path, {"images": 32})
    facts = json.loads((tmp_path / "model.json").read_text())
    kept = load_file(tmp_path / facts["fidelity"]["tensors"])
    final = load_file(tmp_path / facts["tensors"])
    assert tiny.differences(kept, loop.task.fidelity) == []
    assert tiny.differences(final, _weights(loop.task.ema.network)) == []
    model = load_model(tmp_path, device="cpu", precision="float32")
    image = tiny_photos.waves(40, 20, 28)
    made, faithful = model.apply(image), model.with_strength(0).apply(image)
    assert made.shape == faithful.shape == (40, 56, 3)
    assert (made != faithful).any()
    inputs = torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
    own = loop.task._made(inputs)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(made.astype(float), (own + 1) * 127.5, atol=0.51)


# --- losses -----------------------------------------------------------------------------------


def test_terms_are_weighted_and_sum_to_the_loss() -> None:
    weights = {"fidelity": 2.0, "gradient": 3.0, "adversarial": 0.5, "feature_matching": 0.25}
    weights["evenness"] = 0.5
    task = tiny_photos.task_of(
        tiny_photos.settings("upscale", translate={**weights, "adversarial_from": 0.0})
    )
    batch = task.batches.at(0)
    fakes = batch.images * 0.9
    losses = task.generator_loss(batch, fakes, 0.0)
    names = {"fidelity", "gradient", "generator_adversarial", "feature_matching", "evenness"}
    assert set(losses) == {"loss", *names}
    assert losses["loss"].item() == pytest.approx(sum(losses[name].item() for name in names))
    assert losses["fidelity"].item() == pytest.approx(2 * charbonnier(fakes, batch.images).item())
    exact = task.generator_loss(batch, batch.images.clone(), 0.0)
    assert exact["fidelity"].item() == pytest.approx(0, abs=1e-6)
    assert exact["gradient"].item() == pytest.approx(0, abs=1e-6)
    # Spectral norms are refined in every pass, so features of equal images differ a little.
    assert exact["feature_matching"].item() < 0.01 * losses["feature_matching"].item()
    for name in names:
        off = tiny_photos.task_of(
            tiny_photos.settings(
                "upscale",
                translate={
                    **weights,
                    "adversarial_from": 0.0,
                    name.removeprefix("generator_"): 0.0,
                },
            )
        ).generator_loss(batch, fakes, 0.0)
        assert off.get(name, torch.zeros(())).item() == 0


@pytest.mark.parametrize(
    ("preset", "loss"),
    [
        ("upscale", "least-squares"),
        ("upscale", "hinge"),
        ("restore", "relativistic-average"),
        ("stylize", "least-squares"),
        ("stylize-unpaired", "relativistic-average"),
        ("stylize-cycle", "hinge"),
    ],
)
def test_every_parameter_of_both_players_receives_a_gradient(preset: str, loss: str) -> None:
    rests = {} if "-" in preset else {"adversarial_from": 0.0}
    loop = _duel(preset, loss={"adversarial": loss}, translate=rests)
    players = {"generator": loop.task.generator, "discriminator": loop.task.discriminator}
    waiting = {
        (side, name) for side, one in players.items() for name, _ in one.network.named_parameters()
    }
    # Residual branches begin as zero, within others that do, and the first rate of a run is zero.
    for step in range(2 if "-" in preset else 5):
        _steps(loop, 4 * step, 4 * step + 4)
        for side, one in players.items():
            for name, parameter in one.network.named_parameters():
                assert torch.isfinite(parameter).all()
                if parameter.grad is not None and parameter.grad.abs().max() > 0:
                    waiting.discard((side, name))
    if loss in ("relativistic-average", "hinge"):  # a constant added to all logits may not matter
        waiting = {(side, name) for side, name in waiting if not name.endswith("to_logits.bias")}
    assert waiting == set()


def test_a_lost_pixel_counts_so_many_times_more() -> None:
    task = tiny_photos.task_of(
        tiny_photos.settings("restore", translate={"degradation": "holes", "holes": 5.0})
    )
    batch = task.batches.at(0)
    lost = batch.inputs[:, 3:4].bool()
    assert 0 < lost.float().mean() < 0.5
    wrong = torch.where(lost, batch.images + 0.1, batch.images + 0.02)
    cost = task.generator_loss(batch, wrong, 0.0)["fidelity"]
    assert cost.item() == pytest.approx(log_error(wrong, batch.images, weights=1 + 5 * lost).item())
    assert cost > 1.1 * log_error(wrong, batch.images)


# --- measurements -----------------------------------------------------------------------------


def test_decibels_are_those_of_the_literature() -> None:
    random = np.random.default_rng(0)
    one, other = random.integers(0, 256, (2, 8, 9, 3), dtype=np.uint8)
    planes = [torch.from_numpy(image / 127.5 - 1).permute(2, 0, 1)[None] for image in (one, other)]
    assert decibels(*planes) == pytest.approx(psnr(one, other), abs=1e-3)


def test_an_untrained_upscaler_is_its_baseline() -> None:
    task = tiny_photos.task_of(tiny_photos.settings("upscale"))
    found = task.signals()
    assert found["psnr"] == pytest.approx(found["psnr_baseline"], abs=1e-3)
    assert list(task.score()) == ["PSNR (16 held-out crops)"]
    few = tiny_photos.task_of(tiny_photos.settings("upscale"), tiny_photos.photos(4))
    assert list(few.score()) == ["PSNR (16 training crops)"]


@pytest.mark.parametrize("preset", tiny_photos.PRESETS)
def test_capacity_and_pictures(preset: str, tmp_path: Path) -> None:
    task = tiny_photos.task_of(tiny_photos.settings(preset))
    found = task.capacity()
    network = task.translator(task.generator.network)
    assert found["generator"]["parameters"] == sum(one.numel() for one in network.parameters())
    assert found["discriminator"]["macs"] > 0
    task.real_sheet(tmp_path / "real.png")
    task.first_batch(task.batches.at(0), tmp_path / "first.png")
    task.preview(tmp_path / "preview.png")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    before = tiny_photos.train_task("upscale", steps=2, translate={"adversarial_from": 0.0})
    before.save_model(tmp_path, {})
    task = tiny_photos.task_of(tiny_photos.settings("upscale", transfer={"source": str(tmp_path)}))
    said: list[str] = []
    task.begin(said.append)
    for network in (task.generator.network, task.ema.network):
        assert tiny.differences(_weights(network), _weights(before.ema.network)) == []
    discriminators = [_weights(one.discriminator.network) for one in (task, before)]
    assert tiny.differences(*discriminators) == []
    assert len(said) == 2


def test_the_speed_of_both_phases_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    class Timed:
        def __init__(self, **parts) -> None:
            self.settings, self.batches = parts["settings"], parts["batches"]
            self.stop = parts["stop"]

        def step(self, batch: int) -> None:
            seen.append(batch / self.stop)

    class Positions:
        def at(self, position: int) -> int:
            return position

    clock = [0.0]

    def tell() -> float:
        clock[0] += 1.0 if not seen or seen[-1] < 0.75 else 3.0
        return clock[0]

    monkeypatch.setattr("elegan.training.pace.TrainingLoop", Timed)
    monkeypatch.setattr("time.perf_counter", tell)
    chosen = tiny_photos.settings("upscale")
    assert chosen.translate.adversarial_from == 0.75
    speed = measure_speed(chosen, Positions(), lambda: None, tiny.cpu(), 0.01)  # pyright: ignore[reportArgumentType]
    assert any(one < 0.1 for one in seen)
    assert any(one >= 0.75 for one in seen)
    # Four images a second of the clock for three quarters of the run, then a third of that.
    assert speed == pytest.approx(1 / (0.75 / 4 + 0.25 * 3 / 4))


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "overrides", "words"),
    [
        ("upscale", {"loss": {"r1": 1.0}}, r"--loss\.r1\."),
        ("upscale", {"loss": {"penalty_every": 2}}, r"--loss\.penalty-every\."),
        ("upscale", {"augment": {"kinds": "cutout"}}, r"--augment\.kinds\."),
        ("upscale", {"augment": {"pseudo": True}}, r"--augment\.pseudo\."),
        ("restore", {"mixing": {"replay": 0.5}}, r"--mixing\.replay\."),
        ("restore", {"simultaneous": True}, "--simultaneous"),
        ("restore", {"conditional": True}, "--conditional"),
        ("stylize", {"balance": True}, "--balance"),
        ("stylize", {"resolution": 64}, r"--resolution\. .*--translate\.patch"),
        ("stylize", {"channels": 1}, "--channels"),
        ("stylize", {"fit": "pad"}, "--fit"),
        ("stylize", {"network": {"latent": 8}}, r"--network\.latent"),
        ("upscale", {"translate": {"holes": 1.0}}, r"--translate\.holes"),
        ("upscale", {"translate": {"method": "cycle"}}, r"--translate\.method"),
        ("restore", {"translate": {"target": "x"}}, r"--translate\.target"),
        ("restore", {"translate": {"identity": 1.0}}, r"--translate\.identity"),
        ("stylize", {"translate": {"cycle": 1.0}}, r"--method paired .* --translate\.cycle"),
        ("stylize", {"translate": {"degradation": "bicubic"}}, r"--translate\.degradation"),
        ("stylize-cycle", {"translate": {"contrastive": 2.0}}, r"--translate\.contrastive"),
        ("stylize-unpaired", {"translate": {"pool": 2}}, r"--translate\.pool"),
        ("stylize-unpaired", {"translate": {"fidelity": 1.0}}, r"--translate\.fidelity must be 0"),
        ("stylize-cycle", {"translate": HALF}, r"adversarial-from must be 0, not 0\.5"),
        ("stylize", {"translate": {"method": "cycle"}}, "--preset stylize-cycle has it so"),
        ("robust", {"translate": {"scale": 2}}, r"--task generate does not use --translate\.scale"),
        ("classify", {"translate": {"gradient": 2.0}}, r"--task classify .*--translate\.gradient"),
    ],
)
def test_settings_that_would_do_nothing_are_refused_by_name(
    preset: str, overrides: dict, words: str
) -> None:
    chosen = tiny_photos.preset_settings(preset, "tiny", overrides)
    with pytest.raises(UsageError, match=words):
        TASKS[chosen.task].check(chosen)


@pytest.mark.parametrize(
    ("preset", "overrides", "words"),
    [
        ("upscale", {"translate": {"scale": 1}}, "--scale 2, 3 or 4"),
        ("upscale", {"translate": {"degradation": "blnd"}}, "Did you mean 'blind'"),
        ("upscale", {"network": {"name": "restorer"}}, "does not make images larger"),
        ("restore", {"translate": {"scale": 2}}, "keeps the size"),
        ("restore", {"translate": {"degradation": "nois"}}, "Did you mean 'noise'"),
        ("restore", {"translate": {"degradation": "noise,derian"}}, "'derian'.* 'derain'"),
        ("stylize", {"translate": {"scale": 2}}, "keeps the size"),
        ("stylize", {"network": {"name": "upscaler"}}, "needs --network.name unet or translator"),
        ("stylize", {"network": {"name": "unett"}}, "Did you mean 'unet'"),
        ("stylize", {"loss": {"adversarial": "hing"}}, "Did you mean 'hinge'"),
    ],
)
def test_what_no_task_can_do_is_refused(preset: str, overrides: dict, words: str) -> None:
    chosen = tiny_photos.preset_settings(preset, "tiny", overrides)
    with pytest.raises(UsageError, match=words):
        TASKS[chosen.task].check(chosen)


def test_patches_of_no_use_and_impossible_weights_are_refused() -> None:
    for values, words in (
        ({"patch": 8}, r"--translate\.patch must be at least 16"),
        ({"adversarial_from": 1.5}, r"--translate\.adversarial-from must be 0 to 1"),
        ({"fidelity": -1.0}, r"--translate\.fidelity must be 0 or more"),
        ({"pool": 0}, r"--translate\.pool"),
        ({"depth": 0}, r"--translate\.depth"),
    ):
        with pytest.raises(UsageError, match=words):
            validate(tiny_photos.preset_settings("upscale", "tiny", {"translate": values}))


def test_degradations_are_kinds_and_families() -> None:
    assert parse_degradations("derain, jpeg") == ("jpeg", "rain")
    assert parse_degradations("all") == parse_degradations("")
    assert parse_degradations("inpaint") == ("holes", "scratches")


def test_the_recipe_says_how_a_model_is_used() -> None:
    plain = tiny_photos.task_of(tiny_photos.settings("upscale", translate={"degradation": ""}))
    assert plain.recipe()["degradation"] == "bicubic"
    some = tiny_photos.task_of(
        tiny_photos.settings("restore", translate={"degradation": "rain,denoise"})
    )
    assert some.recipe()["families"] == ["derain", "denoise"]
    assert some.recipe()["degradation"] == ["noise", "jpeg", "rain"]
    assert some.recipe()["told"] == ["noise", "jpeg", "rain"]
    assert some.shape.inputs == 3 + 1 + 3


# --- learning ---------------------------------------------------------------------------------


def test_a_short_run_of_upscaling_beats_bicubic_on_photos_it_never_saw() -> None:
    """Of images with a limited band more can be known than bicubic shows."""
    task = tiny_photos.train_task(
        "upscale",
        tiny_photos.photos(24),
        steps=60,
        translate={"adversarial_from": 1.0, "shrink": 0.0},
        optimizer={"generator_rate": 4e-3},
    )
    found = task.signals()
    assert found["psnr"] > found["psnr_baseline"] + 1.0


def test_a_short_run_of_restoring_lessens_noise() -> None:
    task = tiny_photos.train_task(
        "restore",
        steps=40,
        translate={"adversarial_from": 1.0, "degradation": "noise", "shrink": 0.0},
        optimizer={"generator_rate": 4e-3},
    )
    found = task.signals()
    assert found["psnr"] > found["psnr_baseline"] + 0.7
