"""Charts, scores, words and pictures of a report, each by itself."""

import base64
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import section, write_events
from PIL import Image

from elegan.applications import TASKS
from elegan.reports.charts import event_marks, is_distance, record
from elegan.reports.html import embed
from elegan.reports.report_data import collect
from elegan.reports.scores import class_shares, headline, in_plain_words, protocol, score_rows
from elegan.reports.words import (
    advice,
    alarms,
    commands,
    data_name,
    duration,
    images_text,
    machine,
    short_count,
    speed,
    state,
    verdict_counts,
)

# --- charts


def figures(run: Path) -> list[str]:
    curves = section(collect(run), "curves")
    return re.findall(r'<figure class="curve">.*?</figure>', curves, re.DOTALL)


def test_record_keeps_what_is_not_finite_and_drops_what_was_not_measured() -> None:
    found = record(
        [
            {"images": 10, "losses": {"generator": 1.0}, "images_per_second": 7},
            {"images": 20, "losses": {"generator": "nan", "note": "text"}, "signals": [1]},
            {"images": 30, "losses": {"generator": None}},
        ]
    )
    assert set(found) == {"losses.generator", "images_per_second"}
    assert found["losses.generator"].x == (10.0, 20.0)
    assert found["losses.generator"].y[0] == 1.0
    assert math.isnan(found["losses.generator"].y[1])


def test_charts_cover_everything_recorded(run: Path) -> None:
    page = "".join(figures(run))
    for title in (
        "FD-digits",
        "Losses",
        "Penalties",
        "Fooling rate",
        "Score gap",
        "Gradient norms",
        "Coverage",
        "Repetition",
        "Nearest training image",
        "Speed",
    ):
        assert f"<h3>{title}</h3>" in page


def test_an_unlisted_signal_gets_a_chart_of_its_own(run: Path) -> None:
    write_events(run, [{"event": "tick", "images": 5, "signals": {"augmentation_strength": 0.3}}])
    (figure,) = figures(run)
    assert "<h3>Augmentation strength</h3>" in figure


def test_more_losses_than_colours_take_more_charts(run: Path) -> None:
    losses = {f"term{i}": float(i) for i in range(6)}
    write_events(run, [{"event": "tick", "images": 5, "losses": losses}])
    drawn = figures(run)
    assert len(drawn) == 2
    assert all(figure.count("<polyline") <= 4 for figure in drawn)


def test_a_loss_that_repeats_another_is_drawn_once(run: Path) -> None:
    losses = {"discriminator": 1.0, "adversarial": 1.0, "generator": 2.0}
    write_events(run, [{"event": "tick", "images": 5, "losses": losses}])
    (figure,) = figures(run)
    assert "generator" in figure
    assert "adversarial" not in figure


def test_fooling_is_shown_in_percent(run: Path) -> None:
    write_events(run, [{"event": "tick", "images": 5, "signals": {"fooling_rate": 0.31}}])
    (figure,) = figures(run)
    assert "<b>31</b>" in figure


def test_the_floor_of_a_score_is_drawn_in_its_chart(run: Path) -> None:
    chart = figures(run)[0]
    assert "real against real 0.031" in chart
    assert 'class="floor"' in chart


def test_marks_are_resumes_and_guards(run: Path) -> None:
    report = collect(run)
    assert [(mark.x, mark.kind) for mark in event_marks(report)] == [
        (400_000.0, "resume"),
        (720_000.0, "guard"),
    ]
    assert "the guard acted" in section(report, "curves")
    assert "a divergence began" not in section(report, "curves")
    write_events(run, [{"event": "tick", "images": 5, "losses": {"generator": 1.0}}])
    assert event_marks(collect(run)) == []
    assert "the guard acted" not in section(collect(run), "curves")


def test_distances_are_known_by_name() -> None:
    assert is_distance("FD-digits")
    assert is_distance("kid")
    assert not is_distance("recall")


# --- scores


def test_each_score_stands_beside_its_floor(run: Path) -> None:
    rows = {row.name: row for row in score_rows(collect(run).scores)}
    assert list(rows) == ["FD-digits", "KID-digits", "precision", "recall", "near copies pixels"]
    assert (rows["FD-digits"].value, rows["FD-digits"].floor) == (3.21, 0.031)
    assert rows["FD-digits"].meaning.startswith("lower is better")
    assert rows["KID-digits"].deviation == 0.0003
    assert rows["near copies pixels"].meaning


def test_the_headline_is_a_distance_with_precision_and_recall(run: Path) -> None:
    rows = score_rows(collect(run).scores)
    assert [row.name for row in headline(rows)] == ["FD-digits", "precision", "recall"]
    assert [row.name for row in headline(score_rows({"PSNR": 30.0}))] == ["PSNR"]


def test_what_is_not_a_finite_score_is_no_row() -> None:
    scores = {"FD": math.nan, "precision": True, "recall": "0.5", "seed": 3, "samples": None}
    assert score_rows(scores) == []


def test_protocol_says_counts_extractor_and_notes(run: Path) -> None:
    said = " ".join(protocol(collect(run).scores))
    assert "10,000 generated images against 60,000 real ones." in said
    assert "Extractor: digits, SHA-256 0f0f0f0f0f0f." in said
    assert "Taken after 1,200,000 training images." in said
    assert said.endswith("The floor is a little too high.")
    assert protocol({"counts": None, "extractor": "digits", "notes": "x"}) == []


def test_class_shares_take_names_from_the_data() -> None:
    scores = {
        "class_frequencies": {"0": 0.25, "1": 0.75},
        "floor": {"class_frequencies": {"0": 0.5, "1": 0.5}},
    }
    cat, dog = class_shares(scores, ["cat", "dog"])
    assert (cat.name, cat.generated, cat.real) == ("cat", 0.25, 0.5)
    assert dog.name == "dog"
    assert class_shares(scores, ["only one"])[1].name == "1"
    assert class_shares({"class_frequencies": {"cat": 0.5}})[0].real is None
    assert class_shares({}) == []


# --- words


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (242, "4 min 02 s"), (11_220, "3 h 07 min")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_counts() -> None:
    assert images_text(1) == "1 image"
    assert images_text(12_345) == "12,345 images"
    assert [short_count(n) for n in (0, 999, 1000, 12_500, 999_900, 1_250_000)] == [
        "0",
        "999",
        "1k",
        "12.5k",
        "1M",
        "1.25M",
    ]


def test_the_machine_is_the_resolved_one(run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    (run / "settings.json").write_text(json.dumps({**settings, "device": "auto"}))
    assert machine(collect(run)) == {"Device": "cpu", "Threads": "2", "Precision": "bfloat16"}
    (run / "environment.json").unlink()
    assert machine(collect(run)) == {}


def test_speed_leaves_out_the_warm_up(run: Path) -> None:
    rates = [10.0] * 6 + [100.0, 110.0]
    write_events(
        run,
        [
            {"event": "tick", "images": i, "images_per_second": rate}
            for i, rate in enumerate(rates, start=1)
        ],
    )
    assert speed(collect(run)) == 105.0


def test_the_alarms_are_those_of_the_latest_tick(run: Path) -> None:
    found = [["old sentence"], [{"name": "collapse", "text": "Alike.", "remedy": "Type --size 2."}]]
    write_events(
        run,
        [{"event": "tick", "images": i, "alarms": alarms} for i, alarms in enumerate(found, 1)],
    )
    assert [str(alarm) for alarm in alarms(collect(run))] == ["collapse: Alike. Type --size 2."]


def test_files_are_counted_from_verdicts_where_no_counts_are_kept(run: Path) -> None:
    data = json.loads((run / "data.json").read_text())
    assert verdict_counts(collect(run)) == {"used": 1, "converted": 1, "skipped": 1}
    del data["files"]
    data["verdicts"].append({"file": "x", "action": "used"})
    (run / "data.json").write_text(json.dumps(data))
    assert verdict_counts(collect(run)) == {"used": 2, "converted": 1, "skipped": 1}


def test_the_state_of_a_run_follows_its_last_events(run: Path) -> None:
    tick = {"event": "tick", "images": 100, "seconds": 60}
    for last, expected in (
        ({"event": "stop", "images": 100, "reason": "done"}, "reached its goal after 100"),
        ({"event": "stop", "images": 100, "reason": "signal 2"}, "stopped (signal 2)"),
        ({"event": "guard", "images": 100, "action": "stop"}, "guard stopped training"),
        ({"event": "resume", "images": 100}, "No end was recorded"),
    ):
        write_events(run, [tick, last])
        report = collect(run)
        assert expected in state(report)
        resumes = any("elegan resume" in command.text for command in commands(report))
        assert resumes == (last.get("reason") != "done")
    assert "100 of 1,200,000 images, 1 min of training" in state(collect(run))


def test_commands_name_the_run_and_its_data(run: Path) -> None:
    report = collect(run, TASKS["generate"])
    texts = [command.text for command in commands(report)]
    assert data_name(report) == "mnist"
    assert any(text.endswith("mnist") and "evaluate" in text for text in texts)
    assert all(f"'{run}'" in text for text in texts)


# --- pictures


def decode(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_small_picture_grows_by_a_whole_factor(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 30), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    picture = embed(tmp_path / "x.png", width=100)
    assert picture is not None
    assert (picture.width, picture.height) == (90, 90)
    assert np.array_equal(np.asarray(decode(picture.uri)), pixels.repeat(3, 0).repeat(3, 1))


def test_a_large_picture_shrinks_and_a_heavy_one_is_jpeg(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 1400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.png")
    picture = embed(tmp_path / "x.png", width=700)
    assert picture is not None
    assert (picture.width, picture.height) == (700, 350)
    assert picture.uri.startswith("data:image/jpeg;base64,")
    assert decode(picture.uri).size == (700, 350)


def test_what_is_no_picture_gives_none(tmp_path: Path) -> None:
    (tmp_path / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "empty.png").write_bytes(b"")
    assert embed(tmp_path / "half.png", width=100) is None
    assert embed(tmp_path / "empty.png", width=100) is None
    assert embed(tmp_path / "absent.png", width=100) is None


def test_the_scores_in_plain_words() -> None:
    floor = {"precision": 0.93, "coverage": 0.97}
    said = in_plain_words({"precision": 0.871, "coverage": 0.034, "floor": floor})
    assert said == (
        "Of 100 samples 87 lie among real images, where of 100 real ones 93 do;"
        " 3 of 100 real images have a sample beside them (of real ones 97)."
    )
    assert in_plain_words({"precision": 0.9, "floor": floor}) == ""


@pytest.mark.parametrize(
    ("distances", "said"), [((9.0, 5.0), "more images would help"), ((5.1, 5.0), "ready for use")]
)
def test_advice_asks_for_more_images_while_the_distance_falls(
    run: Path, distances: tuple[float, float], said: str
) -> None:
    kept = [event for event in collect(run).events if event["event"] != "snapshot"]
    last = kept.pop()
    assert last["event"] == "stop"
    shots = [
        {"event": "snapshot", "images": last["images"] - 2 + n, "scores": {"FD-digits": distance}}
        for n, distance in enumerate(distances)
    ]
    write_events(run, [*kept, *shots, last])
    assert said in advice(collect(run))
