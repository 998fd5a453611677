"""What a run folder says, and what is said of it when it is torn, damaged or half there."""

import json
import math
import shutil
from pathlib import Path

import pytest

from elegan.applications import TASKS
from elegan.common.errors import EleganError
from elegan.models import save_model
from elegan.networks import ImageShape, build_generator
from elegan.reports.report_data import collect, current_line, find, finite, flatten, number
from elegan.reports.words import commands


def line(event: str, images: int, **rest: object) -> dict:
    return {"event": event, "images": images, "seconds": images / 10, **rest}


def write_lines(run: Path, *lines: str, end: str = "\n") -> None:
    (run / "events.jsonl").write_text("\n".join(lines) + end, encoding="utf-8")


def test_a_whole_run_is_read_without_a_note(run: Path) -> None:
    report = collect(run)
    assert report.notes == ()
    assert report.images == 1_200_000
    assert report.seconds == 240.0
    assert len(report.ticks) == 150
    assert [sample.images for sample in report.samples][:3] == [0, 80_000, 160_000]
    assert report.has_model
    assert report.has_checkpoint
    assert report.stop is not None
    assert report.settings["preset"] == "robust"


@pytest.mark.parametrize(
    "lose",
    [
        lambda model: (model / "generator-0a1b2c3d.safetensors").unlink(),
        lambda model: (model / "model.json").unlink(),
        lambda model: (model / "model.json").write_text("{"),
        lambda model: (model / "model.json").write_text('{"tensors": 5}'),
    ],
    ids=["no weights", "no facts", "damaged", "nothing named"],
)
def test_a_model_is_one_whose_weights_are_there(run: Path, lose) -> None:
    lose(run / "model")
    report = collect(run)
    assert not report.has_model
    assert report.notes == ()


@pytest.mark.parametrize(
    ("task", "facts", "command"),
    [
        ("upscale", {"tensors": "translator-1.safetensors"}, "elegan upscale photo.jpg --model"),
        ("characters-maps", {"maps": {"tensors": "maps-1.safetensors"}}, "elegan character "),
    ],
)
def test_every_kind_of_model_is_found_and_used_by_its_verb(
    run: Path, task: str, facts: dict, command: str
) -> None:
    for name in ("translator-1.safetensors", "maps-1.safetensors"):
        (run / "model" / name).touch()
    (run / "model" / "model.json").write_text(json.dumps(facts))
    settings = json.loads((run / "settings.json").read_text())
    (run / "settings.json").write_text(json.dumps({**settings, "task": task}))
    found = collect(run, TASKS[task])
    assert found.has_model
    assert commands(found)[0].text.startswith(command)
    assert not any("elegan generate" in one.text for one in commands(found))


def test_what_a_run_saves_is_found(run: Path) -> None:
    shutil.rmtree(run / "model")
    shape = ImageShape(resolution=16, channels=1)
    sizes = {"width": 8, "latent": 4}
    generator = build_generator("article", shape, width=8, latent=4)
    facts = {"name": "article", "shape": shape, "sizes": sizes, "classes": ()}
    save_model(run / "model", generator, **facts, task="generate", training={})
    assert collect(run).has_model


def test_a_torn_last_line_is_left_out_and_said(run: Path) -> None:
    whole = json.dumps(line("tick", 100))
    write_lines(run, whole, whole[:25], end="")
    report = collect(run)
    assert len(report.events) == 1
    assert any("last line" in note and "cut off" in note for note in report.notes)


def test_a_last_line_that_is_whole_but_unended_counts(run: Path) -> None:
    write_lines(run, json.dumps(line("tick", 100)), json.dumps(line("tick", 200)), end="")
    report = collect(run)
    assert len(report.events) == 2
    assert report.notes == ()


def test_damaged_lines_elsewhere_are_counted(run: Path) -> None:
    good = json.dumps(line("tick", 100))
    write_lines(run, "garbage", "[1, 2]", '{"event": "tick"}', '{"images": 3}', good)
    report = collect(run)
    assert len(report.events) == 1
    assert any("4 lines" in note for note in report.notes)


def test_bytes_that_are_not_text_do_not_stop_it(run: Path) -> None:
    good = json.dumps(line("tick", 100)).encode()
    (run / "events.jsonl").write_bytes(b"\xff\xfe\x00\n" + good + b"\n")
    assert len(collect(run).events) == 1


def test_missing_and_damaged_files_become_notes(run: Path) -> None:
    (run / "settings.json").unlink()
    (run / "environment.json").write_text("{ torn")
    (run / "data.json").write_text("[]")
    (run / "scores.json").unlink()
    report = collect(run)
    notes = " ".join(report.notes)
    assert report.settings == report.environment == report.data == report.scores == {}
    assert "settings.json is missing" in notes
    assert "environment.json could not be read" in notes
    assert "data.json could not be read" in notes
    assert "scores.json" not in notes


def test_samples_alone_make_a_run_and_other_files_are_no_samples(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("0000500.png", "0012000.png", ".tmp.png", "final.png"):
        (tmp_path / "samples" / name).write_bytes(b"")
    report = collect(tmp_path)
    assert [sample.images for sample in report.samples] == [500, 12_000]
    assert report.images == 12_000


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EleganError, match="not a run folder"):
        collect(tmp_path)
    with pytest.raises(EleganError, match="no run folder"):
        collect(tmp_path / "absent")


def test_a_resume_replaces_what_it_redid() -> None:
    events = [line("tick", images, run=1) for images in (100, 200, 300)]
    events += [line("resume", 200)]
    events += [line("tick", images, run=2) for images in (300, 400)]
    kept = current_line(events)
    assert [(event["images"], event["run"]) for event in kept] == [
        (100, 1),
        (200, 1),
        (300, 2),
        (400, 2),
    ]


def test_a_tick_written_twice_at_one_count_is_kept_once_beside_its_snapshot() -> None:
    events = [line("tick", 100, run=1), line("snapshot", 100), line("tick", 100, run=2)]
    kept = current_line(events)
    assert [event["event"] for event in kept] == ["tick", "snapshot"]
    assert kept[0]["run"] == 2


def test_a_run_resumed_after_its_stop_is_not_ended(run: Path) -> None:
    lines = [line("start", 0), line("stop", 100, reason="interrupted"), line("resume", 100)]
    write_lines(run, *map(json.dumps, lines))
    assert collect(run).stop is None


def test_numbers_are_told_from_what_is_none() -> None:
    assert number(True) is None
    assert number("3") is None
    assert math.isnan(number("nan") or 0.0)
    assert number("-inf") == -math.inf
    assert finite("inf") is None
    assert finite(3) == 3.0


def test_find_prefers_the_outermost_and_passes_over_none() -> None:
    document = {"a": {"device": "cuda", "b": {"threads": 4}}, "device": "cpu", "threads": None}
    assert find(document, "device") == "cpu"
    assert find(document, "threads") == 4
    assert find(document, "absent", "device") == "cpu"
    assert find(document, "absent") is None


def test_flatten_names_leaves_by_their_path() -> None:
    assert flatten({"a": {"b": 1, "c": [2]}, "d": {}}) == [("a.b", 1), ("a.c", [2]), ("d", {})]
