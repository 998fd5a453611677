"""Every network with every loss under every condition: 20 steps, gradients, saving and loading."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import cpu, image_data, loop_of, settings, task_of

from elegan.common.randomness import normal
from elegan.losses import ADVERSARIAL
from elegan.models import Model
from elegan.networks import PAIRS

NETWORKS = [name for name in PAIRS if not name.startswith("test-")]
CONDITIONS = [
    None,
    *itertools.product(("concat", "normalisation"), ("projection", "concat", "classifier")),
]
STEPS, BATCH = 20, 4


def _name(condition) -> str:
    return "unconditional" if condition is None else "-".join(condition)


def _train_and_reload(network: str, loss: str, condition, folder: Path) -> None:
    chosen = settings(
        network={
            "name": network,
            "generator_condition": condition[0] if condition else "concat",
            "discriminator_condition": condition[1] if condition else "projection",
        },
        batch=BATCH,
        conditional=condition is not None,
        loss={
            "adversarial": loss,
            "clip": 0.1 if loss == "wasserstein" else 0.0,
        },
        simultaneous=ADVERSARIAL[loss].one_pass,
    )
    data = image_data(16, classes=4 if condition else 0)
    task = task_of(chosen, data, cpu())
    loop = loop_of(task)
    players = {"generator": task.generator, "discriminator": task.discriminator}
    waiting = {
        (player, name)
        for player, one in players.items()
        for name, _ in one.network.named_parameters()
    }
    for step in range(STEPS):
        assert loop.step(task.batches.at(step * BATCH))
        for player, one in players.items():
            for name, parameter in one.network.named_parameters():
                assert torch.isfinite(parameter).all()
                if parameter.grad is not None and parameter.grad.abs().max() > 0:
                    waiting.discard((player, name))
    # A loss that only compares logits leaves the constant added to all of them alone, and so does
    # a hinge while every logit lies within its margins.
    if ADVERSARIAL[loss].relativistic or loss in ("wasserstein", "hinge"):
        waiting -= {("discriminator", "head.bias")}
    assert not waiting
    task.save_model(folder, {"images": STEPS * BATCH})
    model = Model.load(folder, device="cpu", precision="float32")
    latents = normal((4, task.sizes[0]["latent"]), 0, "test")
    labels = np.arange(4) if condition else None
    with torch.no_grad():
        asked = None if labels is None else torch.from_numpy(labels)
        mine = task.ema.network(latents, asked)
        theirs = model.network(latents, asked)
        torch.testing.assert_close(theirs, mine, rtol=0, atol=0)
        own = task.discriminator.network.eval()(mine, asked)
        torch.testing.assert_close(model.discriminator(mine, asked), own, rtol=0, atol=0)


@pytest.mark.parametrize("condition", CONDITIONS, ids=_name)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_under_every_condition(network: str, condition, tmp_path: Path) -> None:
    # Losses take turns, so that each network meets several in the everyday suite.
    losses = list(ADVERSARIAL)
    turn = NETWORKS.index(network) + CONDITIONS.index(condition)
    _train_and_reload(network, losses[turn % len(losses)], condition, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("condition", CONDITIONS, ids=_name)
@pytest.mark.parametrize("loss", ADVERSARIAL)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_with_every_loss(network: str, loss: str, condition, tmp_path: Path) -> None:
    _train_and_reload(network, loss, condition, tmp_path)
