"""The game is the real loop's: who moves, what is drawn of it, and what its lessons provoke."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from elegan.common.errors import EleganError
from elegan.web import teaching
from elegan.web.plane import points
from elegan.web.teaching import LESSONS, SIDE, Game, Session
from tests.web.serving import opened


def weights(session: Session, who: str) -> dict[str, torch.Tensor]:
    network = getattr(session.task, who).network
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize(
    ("who", "other"), [("discriminator", "generator"), ("generator", "discriminator")]
)
def test_a_move_moves_one_player_alone(who: str, other: str) -> None:
    session = Session(Game(r1=0.1))
    before = {name: weights(session, name) for name in (who, other)}
    session.move(who, 3)
    after = {name: weights(session, name) for name in (who, other)}
    assert all(torch.equal(before[other][name], after[other][name]) for name in before[other])
    assert all(not torch.equal(before[who][name], after[who][name]) for name in before[who])
    assert session.moved == {who: 3, other: 0}


def test_a_step_of_both_is_that_of_the_loop() -> None:
    """D on a batch, then G on the next, moves both as `TrainingLoop` does with these batches."""
    played, run = Session(Game(r1=0.1)), Session(Game(r1=0.1))
    played.move("discriminator", 1)
    assert run.loop.step(run.loop.batches.at(0))
    own, real = weights(played, "discriminator"), weights(run, "discriminator")
    assert all(torch.equal(own[name], real[name]) for name in own)
    assert not all(
        torch.equal(a, b)
        for a, b in zip(
            weights(played, "generator").values(), weights(run, "generator").values(), strict=True
        )
    )


def test_the_field_is_the_discriminators_probability() -> None:
    session = Session(Game())
    session.move("both", 5)
    field = session.state()["field"]
    cells = len(field)
    for row, column in ((0, 0), (3, 17), (cells - 1, 0), (20, cells - 1)):
        x, y = (-SIDE + 2 * SIDE * at / (cells - 1) for at in (column, row))
        logit = session.task.discriminator.network(torch.tensor([x, y]).view(1, 2, 1, 1)).item()
        assert field[row][column] == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-3)


@pytest.mark.parametrize("loss", ["non-saturating", "minimax", "hinge", "relativistic-pair"])
def test_arrows_point_where_the_generators_loss_falls(loss: str) -> None:
    session = Session(Game(loss=loss))
    session.move("both", 20)
    made = torch.tensor([[0.3, -0.2], [0.7, 0.1], [-0.4, 0.6]])
    arrows = session.arrows(made)

    @torch.no_grad()
    def cost(places: torch.Tensor) -> float:
        network = session.task.discriminator.network.double()
        real = network(session.loop.batches.at(0).images.double()).mean().expand(len(places))
        found = session.task.loss.generator(real, network(places.view(-1, 2, 1, 1)))
        return found.item() * len(places)

    for row in range(3):
        for axis in range(2):
            step = torch.zeros(3, 2, dtype=torch.float64)
            step[row, axis] = 1e-7
            slope = (cost(made.double() + step) - cost(made.double() - step)) / 2e-7
            assert arrows[row, axis].item() == pytest.approx(-slope, abs=2e-3, rel=2e-2)


def test_what_happened_is_told_with_its_numbers() -> None:
    session = Session(Game(r1=0.1))
    session.move("both", 1)
    steps = [(one["step"], one["who"]) for one in session.happened]
    order = ("noise", "generate", "score", "loss", "backward", "update")
    wanted = [(step, who) for who in ("discriminator", "generator") for step in order]
    assert steps == wanted
    told = {(one["step"], one["who"]): one for one in session.happened}
    assert 0 < told["score", "discriminator"]["real"] < 1
    assert "real" not in told["score", "generator"]
    norm = session.task.generator.gradient_norm
    assert told["backward", "generator"]["norm"] == norm
    assert told["loss", "discriminator"]["parts"]["r1"] > 0
    for who in ("discriminator", "generator"):
        count = sum(one.numel() for one in getattr(session.task, who).network.parameters())
        assert told["update", who]["weights"] == count


def test_targets_lie_where_they_should() -> None:
    drawn = torch.tensor([[-0.5, 0.0], [0.5, 0.0], [0.5, 0.5]])
    found = points("drawn", 2000, drawn, seed=0)
    on_first = (found[:, 1].abs() < 0.12) & (found[:, 0] < 0.4)
    assert 0.5 < on_first.float().mean() < 0.68  # two thirds of the line, less its corner
    ring = points("ring", 2000, drawn, seed=0)
    assert ring.norm(dim=1).mean() == pytest.approx(0.75, abs=0.02)
    for target in ("ring", "grid", "moons", "spiral", "drawn"):
        assert points(target, 500, drawn, seed=1).abs().max() < SIDE


def played(game: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """The state after so many steps of both, and the discriminator's lead before them."""
    session = Session(Game(**game))
    while session.moved["discriminator"] < session.game.lead:  # one at a time, however slow
        session.move("discriminator", 1)
    for _ in range(steps):
        session.move("both", 1)
    return session.state()


def test_collapse_and_its_remedy() -> None:
    wrong, mended = (played(game, 300) for game in LESSONS["collapse"])
    assert wrong["modes"]["covered"] <= 2
    assert wrong["unseen"] > 10 * wrong["near"]  # all that is drawn is real, and little is drawn
    assert mended["modes"]["covered"] >= 7


@pytest.mark.slow
def test_a_winning_discriminator_and_its_remedy() -> None:
    game, remedy = LESSONS["winning"]
    lead, later, mended = played(game, 0), played(game, 100), played(remedy, 200)
    assert lead["accuracy"] == later["accuracy"] == 1
    assert longest(later) < 0.01 < 0.1 < longest(mended)
    moved = torch.tensor(later["made"]) - torch.tensor(lead["made"])
    assert moved.norm(dim=1).max() < 0.1
    assert (later["modes"]["covered"], mended["modes"]["covered"] >= 7) == (0, True)


def longest(state: Mapping[str, Any]) -> float:
    return torch.tensor(state["arrows"]).norm(dim=1).max().item()


@pytest.mark.slow
def test_memorising_and_its_remedy() -> None:
    """Whether points that nobody was shown have generated ones near them."""
    wrong, mended = (played(game, 200) for game in LESSONS["memorising"])
    assert wrong["near"] < 0.1 < 0.25 < wrong["unseen"]
    assert mended["near"] < 0.1
    assert mended["unseen"] < 0.05


@pytest.mark.parametrize("loss", ["least-squares", "wasserstein", "relativistic-average"])
def test_scores_are_divided_where_the_loss_divides_them(loss: str) -> None:
    """A discriminator that tells all is right on all, wherever its loss puts the two sides."""
    session = Session(Game(loss=loss))
    network = session.task.discriminator.network
    real, fake = torch.full((5, 2, 1, 1), 0.5), torch.full((5, 2, 1, 1), -0.5)
    with torch.no_grad():
        network.layers[-1].weight.zero_()
        network.layers[-1].bias.fill_(0.7)
    shares = [side.mean().item() for side in session._probabilities(real, fake)[:2]]
    assert shares == pytest.approx([1 / (1 + math.exp(-0.2))] * 2 if loss[0] == "l" else [0.5] * 2)


def test_looking_leaves_no_trace() -> None:
    """Spectral norm, for one, moves with each pass of training."""
    session = Session(Game())
    network = session.task.discriminator.network
    torch.nn.utils.parametrizations.spectral_norm(network.layers[0])
    before = weights(session, "discriminator")
    session.state()
    after = weights(session, "discriminator")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert network.training


def test_games_draw_the_same_numbers_beside_others() -> None:
    alone, beside, other = Session(Game()), Session(Game()), Session(Game(seed=5))
    for _ in range(3):
        alone.move("both", 1)
    for _ in range(3):
        other.move("both", 1)
        beside.move("both", 1)
    assert alone.state() == beside.state()


def test_games_over_the_wire(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        begun = client.post("/api/teach/begin", json={"target": "spiral"}).json()
        moved = client.post("/api/teach/move", json={"id": begun["id"], "who": "both", "count": 3})
        assert moved.json()["moved"] == {"discriminator": 3, "generator": 3}
        for _ in range(16):  # as many as are kept
            client.post("/api/teach/begin", json={})
        gone = client.post("/api/teach/move", json={"id": begun["id"], "who": "both"})
        assert gone.status_code == 404
        led = client.post("/api/teach/begin", json={"lead": 300}).json()
        assert led["moved"] == {"discriminator": 0, "generator": 0}  # the page asks for the lead
        last = led["id"]
        assert client.post("/api/teach/end", json={"id": last}).json() == {"ended": True}
        assert client.post("/api/teach/move", json={"id": last, "who": "both"}).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": "circle"},
        {"points": 10**9},
        {"width": 10**6},
        {"r1": -1},
        {"generator_rate": "nan"},
        {"generator_rate": 1e300},
        {"drawn": [[0, 3]]},
        {"drawn": [["nan", 0], [0, 0]]},
        {"drawn": [[0, 0]] * 501},
        {"moves": 0},
        {"lead": 10**6},
        {"epsilon": 0},
        {"seed": -1},
        {"loss": "no such"},
        {"target": "drawn", "drawn": [[0, 0]]},
    ],
)
def test_games_beyond_the_bounds_are_refused(tmp_path: Path, wrong: dict) -> None:
    with opened(tmp_path) as client:
        answer = client.post("/api/teach/begin", json=wrong)
        assert answer.status_code in (400, 404, 422), answer.text
        assert answer.json()["error"]


@pytest.mark.parametrize(
    "wrong", [{"count": -1}, {"count": 201}, {"who": "nobody"}, {"id": "x" * 41}]
)
def test_moves_beyond_the_bounds_are_refused(tmp_path: Path, wrong: dict) -> None:
    with opened(tmp_path) as client:
        name = client.post("/api/teach/begin", json={}).json()["id"]
        answer = client.post("/api/teach/move", json={"id": name, "who": "both", **wrong})
        assert answer.status_code == 422


def test_digits_that_are_not_there_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with opened(tmp_path) as client:
        answer = client.post("/api/teach/begin", json={"kind": "digits"})
    assert answer.status_code == 400
    assert "pip install" in answer.json()["error"]


def test_a_line_of_no_length_is_a_point() -> None:
    session = Session(Game(target="drawn", drawn=[(0.1, 0.1), (0.1, 0.1)]))
    assert torch.tensor(session.state()["real"]).isfinite().all()


def test_numbers_beyond_all_bounds_end_a_game() -> None:
    session = Session(Game())
    with torch.no_grad():
        session.task.generator.network.layers[0].weight.fill_(math.inf)
    with pytest.raises(EleganError, match="beyond all bounds"):
        session.move("generator", 1)


def test_digits_are_played_with_the_networks_of_a_preset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tests import tiny

    monkeypatch.setattr(teaching, "_DIGITS", tiny.arrays(tmp_path, side=28))
    session = Session(Game(kind="digits", width=32))
    session.move("both", 1)
    state = session.state()
    assert state["made"].startswith("data:image/png;base64,")
    assert 0 < state["probabilities"]["fake"] < 1
    assert session.moved == {"discriminator": 1, "generator": 1}
