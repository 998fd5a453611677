"""The line of health and every alarm: what raises it, what does not, what it says."""

import math
from dataclasses import asdict

import pytest

from elegan.settings import preset_settings
from elegan.training.alarms import Alarm
from elegan.training.monitor import health, judge_again

FAIR = {
    "fooling_rate": 0.3,
    "held_out_gap": 0.1,
    "held_out_gap_error": 0.05,
    "score_scale": 2.0,
    "duplicates": 0.01,
    "coverage": 0.8,
    "nearest": 1.0,
    "gradient_norm_discriminator": 2.0,
    "gradient_norm_generator": 1.0,
    "label_agreement": 0.9,
    "label_agreement_real": 0.95,
    "label_agreement_chance": 0.15,
}
LOSSES = {"discriminator": 0.5, "generator": 0.9}


def ticks(count: int = 10, **changes) -> list[dict]:
    """Ticks of evenly matched; a change is a value, or one value for each tick."""

    def at(place: int, value):
        return value[place] if isinstance(value, list) else value

    return [
        {
            "event": "tick",
            "images": 100 * place,
            "signals": {**FAIR, **{name: at(place, value) for name, value in changes.items()}},
            "losses": LOSSES,
        }
        for place in range(count)
    ]


def raised(signals: dict, history=(), progress: float = 0.5, **more) -> dict[str, Alarm]:
    _, alarms = health({**FAIR, **signals}, progress, history, **more)
    assert all(alarm.text.endswith(".") and alarm.remedy.endswith(".") for alarm in alarms)
    return {alarm.name: alarm for alarm in alarms}


def test_a_fair_duel_raises_no_alarm() -> None:
    sentence, alarms = health(FAIR, 0.5, ticks(), losses=LOSSES, images=5000)
    assert sentence.startswith("evenly matched: 30% of fakes pass for real; ")
    assert "80%" in sentence
    assert alarms == []


def test_a_discriminator_that_begins_is_not_compared_with_the_time_before() -> None:
    rested = [
        {**one, "losses": {"generator": 0.04}} for one in ticks(gradient_norm_generator=0.013)
    ]
    begins = {"gradient_norm_generator": 0.15}
    assert raised(begins, rested, losses=LOSSES) == {}
    assert list(raised(begins, rested, losses={"generator": 0.04})) == ["divergence"]


@pytest.mark.parametrize(
    ("rate", "words"),
    [(0.0, "discriminator is ahead: 100% of fakes caught"), (0.97, "generator is ahead: 97%")],
)
def test_the_winner_is_named(rate: float, words: str) -> None:
    assert words in health({"fooling_rate": rate}, 0.5)[0]


@pytest.mark.parametrize(
    ("signals", "name", "words"),
    [
        ({"held_out_gap": 1.5}, "overfitting", "1.5 standard deviations above unseen"),
        ({"duplicates": 0.5}, "collapse", "50% of all pairs"),
        ({"coverage": 0.01}, "missing", "only 1% of the real images"),
        ({"nearest": 0.1}, "copying", "10 times closer"),
        ({"label_agreement_real": 0.12}, "labels", "12% of the real images"),
        ({"label_agreement": 0.2}, "ignored-labels", "20% of the samples"),
    ],
)
def test_each_bad_signal_raises_its_alarm_alone(signals: dict, name: str, words: str) -> None:
    # At the first tick, and where the tick before was like it.
    for history in ((), ticks(1, **signals)):
        found = raised(signals, history)
        assert list(found) == [name]
        assert words in found[name].text


def test_alarms_about_variety_wait() -> None:
    early = {"duplicates": 1.0, "coverage": 0.0, "nearest": 0.0, "label_agreement": 0.1}
    assert raised(early, progress=0.05) == {}
    assert raised(early, progress=0.1) == {}  # the first of ten ticks
    assert "collapse" in raised(early, progress=0.11)


BAD = {
    "collapse": {"duplicates": 0.5},
    "missing": {"coverage": 0.01},
    "overfitting": {"held_out_gap": 1.6},
    "copying": {"nearest": 0.1},
    "beaten": {"fooling_rate": 0.0, "coverage": 0.4},
    "ignored-labels": {"label_agreement": 0.2},
    "divergence": {"score_scale": 1500.0},
}
ON = {
    "--augment.kinds": {"augment": {"kinds": "digits"}},
    "--loss.r1 1": {"loss": {"r1": 0.5}},
    "--loss.adversarial": {"loss": {"adversarial": "relativistic-average"}},
    "--preset robust": {},
    "--network.generator-condition": {"network": {"generator_condition": "normalisation"}},
    "--network.discriminator-condition": {"network": {"discriminator_condition": "projection"}},
    "--precision float32": {"precision": "float32"},
}


def remedies(run, **more: bool) -> dict[str, str]:
    found = {}
    for name, signals in BAD.items():
        past = ticks(12, **({} if name == "divergence" else signals))
        found[name] = raised(signals, past, images=5000, settings=run, **more)[name].remedy
    return found


@pytest.mark.parametrize(("flag", "values"), ON.items())
def test_no_remedy_is_on_already(flag: str, values: dict) -> None:
    preset = "robust" if flag == "--preset robust" else "dcgan"
    off = {"loss": {"adversarial": "hinge"}, "precision": "bf16"}
    off["network"] = {"generator_condition": "concat", "discriminator_condition": "concat"}
    before = preset_settings("dcgan", "mnist", off)
    assert any(flag in remedy for remedy in remedies(before).values())
    run = preset_settings(preset, "mnist", values)
    assert not any(flag in remedy for remedy in remedies(run).values())


def test_a_remedy_names_the_value_to_move_from_and_only_what_the_task_takes() -> None:
    run = preset_settings("dcgan", "mnist", {"optimizer": {"generator_rate": 3e-5}, "size": 2.0})
    found = remedies(run)
    assert "a lower --optimizer.generator-rate than 3e-05" in found["collapse"]
    assert "a smaller --size than 2" in found["overfitting"]
    classify = remedies(preset_settings("classify", "mnist"), takes_loss_flags=False)
    assert not any("--loss" in remedy or "--augment" in remedy for remedy in classify.values())
    few = raised({}, images=50, settings=preset_settings("robust", "photos"))["few-images"]
    assert "--augment" not in few.remedy


def test_missing_signals_are_not_judged() -> None:
    assert health({}, 0.5)[1] == []
    assert health({}, 0.5, [{"event": "tick"}, {"event": "tick", "signals": None}])[1] == []


def test_near_but_few_is_no_copying() -> None:
    """Ones alone lie near other ones; that they are few is the alarm."""
    assert list(raised({"nearest": 0.2, "coverage": 0.2})) == ["missing"]


def test_what_mends_itself_is_left_alone() -> None:
    falling = [0.9, 0.6, 0.4, 0.3]
    assert raised({"duplicates": 0.2}, ticks(4, duplicates=falling)) == {}
    assert "collapse" in raised({"duplicates": 0.38}, ticks(4, duplicates=falling))
    rising = [0.02, 0.05, 0.08, 0.12]
    assert raised({"coverage": 0.2}, ticks(4, coverage=rising)) == {}
    assert "missing" in raised({"coverage": 0.05}, ticks(5, coverage=[*rising, 0.05]))
    # One tick is a third of the way.
    assert raised({"coverage": 0.2}, ticks(1, coverage=0.18)) == {}
    assert "missing" in raised({"coverage": 0.2}, ticks(3, coverage=0.18))
    # A single step down may be chance.
    slowly = [0.109, 0.121, 0.133, 0.176, 0.195, 0.199]
    assert raised({"coverage": 0.191}, ticks(6, coverage=slowly)) == {}
    assert "missing" in raised({"coverage": 0.195}, ticks(7, coverage=[*slowly, 0.191]))


def test_coverage_that_was_and_is_lost() -> None:
    found = raised({"coverage": 0.35}, ticks(6, coverage=[0.4, 0.6, 0.8, 0.9, 0.6, 0.4]))
    assert "only 35% of the real images checked, where it was 90%" in found["missing"].text


def test_overfitting_must_be_more_than_chance() -> None:
    assert raised({"held_out_gap": 1.5, "held_out_gap_error": 0.4}) == {}
    assert "overfitting" in raised({"held_out_gap": 1.6, "held_out_gap_error": 0.4})
    # Of few unseen images their rank tells more: 3 of 5 below nearly all training images.
    few = {"held_out_gap": 1.1, "held_out_gap_error": 0.7, "held_out_low_chance": 0.4}
    assert raised({**few, "held_out_low": 0.4}) == {}
    found = raised({**few, "held_out_low": 0.6})
    assert "60% of which it ranks below 95% of them" in found["overfitting"].text
    # Of many, chance is little and the share itself must count.
    assert raised({"held_out_low": 0.2, "held_out_low_chance": 0.08}) == {}
    # Twice in a row.
    assert raised({"held_out_gap": 1.6}, ticks(5)) == {}
    assert "overfitting" in raised({"held_out_gap": 1.6}, ticks(5, held_out_gap=1.5))


@pytest.mark.parametrize(
    ("signals", "losses", "words"),
    [
        ({"gradient_norm_generator": 11.0}, {}, "the generator's gradient is 11 times"),
        ({"gradient_norm_discriminator": math.nan}, {}, "gradient is no longer a number"),
        ({"score_scale": 150.0}, {}, "spread of the discriminator's scores is 15 times"),
        ({}, {"discriminator": -40.0}, "the discriminator's loss is 40 times"),
    ],
)
def test_divergence_is_measured_against_the_last_ticks(signals, losses, words) -> None:
    found = raised(signals, ticks(), losses={**LOSSES, **losses})
    assert list(found) == ["divergence"]
    assert words in found["divergence"].text
    # Few ticks are no measure, and what was always large is not new.
    assert raised(signals, ticks(2), losses={**LOSSES, **losses}) == {}
    assert raised({"gradient_norm_generator": 11.0}, ticks(gradient_norm_generator=9.0)) == {}


def test_what_the_guard_did_since_the_last_tick() -> None:
    guard = [{"event": "guard", "action": action} for action in ("skip", "skip", "rollback")]
    assert raised({}, [*ticks(), *guard[:2]]) == {}
    found = raised({}, [*ticks(), *guard])
    assert "2 steps skipped, 1 returns to a checkpoint" in found["divergence"].text
    assert raised({}, [*ticks(5), *guard, *ticks(5)]) == {}


def test_a_discriminator_that_wins_for_long_over_a_generator_that_stands_still() -> None:
    lost = {"fooling_rate": 0.0, "coverage": 0.4}
    assert list(raised(lost, ticks(12, **lost))) == ["beaten"]
    assert "--loss.r1" in raised(lost, ticks(12, **lost))["beaten"].remedy
    # What a translator would refuse is not what it is told to type.
    translator = {**lost, "luminance_agreement": 0.9}
    assert "--loss.r1" not in raised(translator, ticks(12, **translator))["beaten"].remedy
    assert raised(lost, ticks(6, **lost)) == {}
    assert raised(lost, ticks(12, **lost, nearest=1.0)[:-1] + ticks(1)) == {}
    # It may win all the time while the generator learns, or has learned.
    gaining = {**lost, "coverage": [0.1 + 0.02 * place for place in range(12)]}
    assert raised({**lost, "coverage": 0.34}, ticks(12, **gaining)) == {}
    good = {"fooling_rate": 0.0, "coverage": 0.8}
    assert raised(good, ticks(12, **good)) == {}


def test_labels_of_no_information_are_not_the_generators_fault() -> None:
    found = raised({"label_agreement_real": 0.1, "label_agreement": 0.1})
    assert list(found) == ["labels"]


def test_few_images() -> None:
    assert list(raised({}, progress=0.0, images=50)) == ["few-images"]
    assert raised({}, images=100) == {}


def test_kept_ticks_are_judged_again_by_what_came_before_them() -> None:
    guard = [{"event": "guard", "images": 950, "action": "rollback"}]
    kept = ticks(11, held_out_gap=[0.1] * 8 + [1.6] * 3)
    events = [{"event": "start", "images": 0}, *kept[:10], *guard, kept[10]]
    events[3] = {**events[3], "alarms": [{"name": "of old rules"}]}
    judged = judge_again(events, stop=1000)
    assert [event["images"] for event in judged] == [100 * place for place in range(11)]
    names = [[alarm["name"] for alarm in event["alarms"]] for event in judged]
    assert names == [[]] * 9 + [["overfitting"], ["divergence", "overfitting"]]
    _, last = health(kept[10]["signals"], 1.0, events[:-1], losses=LOSSES)
    assert [asdict(alarm) for alarm in last] == judged[10]["alarms"]


def test_a_mean_picture_that_covers_everything_is_a_collapse() -> None:
    assert list(raised({"duplicates": 0.99, "coverage": 0.98})) == ["collapse"]


def test_samples_that_look_like_nothing_yet_ignore_no_labels() -> None:
    assert raised({"label_agreement": 0.1, "nearest": 1.5}) == {}
    assert "ignored-labels" in raised({"label_agreement": 0.1, "nearest": 1.2})


def test_labels_that_are_heeded_more_and_more_are_not_ignored() -> None:
    late = {"label_agreement": 0.22}
    assert "ignored-labels" in raised(late, ticks(4, label_agreement=0.22))
    assert "ignored-labels" not in raised(late, ticks(4, label_agreement=[0.1, 0.12, 0.15, 0.18]))
    assert "ignored-labels" not in raised(late, ticks(4, label_agreement=0.22), progress=0.2)
    below = ticks(4, label_agreement=[0.05, 0.06, 0.08, 0.1])
    assert "ignored-labels" in raised({"label_agreement": 0.14}, below)  # no more than chance yet


def test_brightness_turned_upside_down_is_an_alarm() -> None:
    """Once may be a beginning; twice in a row is a game that was won the wrong way."""
    turned, upright = {"luminance_agreement": -0.6}, {"luminance_agreement": 0.7}
    tick = {"event": "tick", "images": 100}
    assert list(raised(turned, [{**tick, "signals": turned}])) == ["inverted"]
    assert not raised(turned, [{**tick, "signals": upright}])
    assert not raised(turned)
    assert not raised(upright, [{**tick, "signals": turned}])


def test_nothing_reassures_beside_an_alarm() -> None:
    sentence, alarms = health({"fooling_rate": 0.3, "duplicates": 0.9, "coverage": 0.9}, 0.5)
    assert [alarm.name for alarm in alarms] == ["collapse"]
    assert sentence == "alarm collapse: 30% of fakes pass for real"
