"""The game is the real loop's: who moves, what is drawn of it, and what its lessons provoke."""

import math
from pathlib import Path

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


def test_targets_lie_where_they_should() -> None:
    drawn = torch.tensor([[-0.5, 0.0], [0.5, 0.0], [0.5, 0.5]])
    found = points("drawn", 2000, drawn, seed=0)
    on_first = (found[:, 1].abs() < 0.12) & (found[:, 0] < 0.4)
    assert 0.5 < on_first.float().mean() < 0.68  # two thirds of the line, less its corner
    ring = points("ring", 2000, drawn, seed=0)
    assert ring.norm(dim=1).mean() == pytest.approx(0.75, abs=0.02)
    for target in ("ring", "grid", "moons", "spiral", "drawn"):
        assert points(target, 500, drawn, seed=1).abs().max() < SIDE


def played(game: dict, moves: int) -> Session:
    session = Session(Game(**game))
    for _ in range(moves):  # one at a time, however slow the machine
        session.move("both", 1)
    return session


def test_collapse_and_its_remedy() -> None:
    wrong, mended = LESSONS["collapse"]
    assert played(wrong, 300).state()["modes"]["covered"] <= 3
    assert played(mended, 300).state()["modes"]["covered"] >= 6


def test_a_winning_discriminator_and_its_remedy() -> None:
    wrong, mended = (Session(Game(**game)) for game in LESSONS["winning"])
    lengths = [torch.tensor(one.state()["arrows"]).norm(dim=1).mean() for one in (wrong, mended)]
    assert wrong.state()["accuracy"] > 0.99
    assert lengths[1] > 100 * lengths[0]


def test_memorising_and_its_remedy() -> None:
    """How far unseen points of the two moons lie from the nearest generated one."""
    unseen = points("moons", 500, torch.zeros(2, 2), seed=99)
    far = []
    for game in LESSONS["memorising"]:
        made = torch.tensor(played(game, 150).state()["made"])
        far.append(torch.cdist(unseen, made).min(dim=1).values.mean().item())
    assert far[0] > 2 * far[1]


def test_games_over_the_wire(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        begun = client.post("/api/teach/begin", json={"target": "spiral"}).json()
        moved = client.post("/api/teach/move", json={"id": begun["id"], "who": "both", "count": 3})
        assert moved.json()["moved"] == {"discriminator": 3, "generator": 3}
        for _ in range(16):  # as many as are kept
            client.post("/api/teach/begin", json={})
        gone = client.post("/api/teach/move", json={"id": begun["id"], "who": "both"})
        assert gone.status_code == 404
        last = client.post("/api/teach/begin", json={}).json()["id"]
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
