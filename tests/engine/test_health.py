import pytest

from elegan.engine.health import health

FAIR = {
    "fooling_rate": 0.3,
    "held_out_gap": 0.1,
    "duplicates": 0.01,
    "coverage": 0.8,
    "nearest": 1.0,
}


def test_a_fair_duel_raises_no_alarm() -> None:
    sentence, alarms = health(FAIR, 0.5)
    assert sentence.startswith("a fair duel: 30% of fakes pass for real; ")
    assert "80%" in sentence
    assert alarms == []


@pytest.mark.parametrize(
    ("rate", "words"),
    [(0.0, "discriminator is ahead: 100% of fakes caught"), (0.97, "generator is ahead: 97%")],
)
def test_the_winner_is_named(rate: float, words: str) -> None:
    assert words in health({"fooling_rate": rate}, 0.5)[0]


@pytest.mark.parametrize(
    ("signal", "value", "word"),
    [
        ("held_out_gap", 1.5, "memorises"),
        ("duplicates", 0.5, "collapses"),
        ("coverage", 0.01, "not generated"),
        ("nearest", 0.1, "copies"),
    ],
)
def test_each_bad_signal_raises_its_alarm(signal: str, value: float, word: str) -> None:
    _, alarms = health({**FAIR, signal: value}, 0.5)
    assert len(alarms) == 1
    assert word in alarms[0]


def test_alarms_about_variety_wait() -> None:
    assert health({"duplicates": 1.0, "coverage": 0.0, "nearest": 0.0}, 0.05)[1] == []


def test_missing_signals_are_not_judged() -> None:
    assert health({}, 0.5)[1] == []


def test_near_but_few_is_no_copying() -> None:
    """Ones alone lie near other ones; that they are few is the alarm."""
    _, alarms = health({**FAIR, "nearest": 0.2, "coverage": 0.2}, 0.5)
    assert len(alarms) == 1
    assert "not generated" in alarms[0]
