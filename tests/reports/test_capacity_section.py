"""The report's section on capacity."""

from pathlib import Path

from conftest import section, write_events

from elegan.reports.charts import event_marks
from elegan.reports.report_data import collect

SIZES = {
    "generator": {"parameters": 1_234_567, "macs": 5_000_000, "activations": 9_000},
    "discriminator": {"parameters": 800, "macs": None, "receptive_field": 23},
}


def test_sizes_of_the_players_and_what_unseen_images_say(run: Path) -> None:
    tick = {"event": "tick", "images": 9, "signals": {"held_out_gap": 1.5}}
    write_events(run, [{"event": "start", "images": 0, "capacity": SIZES}, tick])
    text = section(collect(run), "capacity")
    for part in ("1.23M", "5M", "9,000", ">800<", ">23<", "Sees, in pixels", "1.50 standard"):
        assert part in text
    tick["signals"] |= {"held_out_gap_error": 0.25}
    write_events(run, [{"event": "start", "images": 0, "capacity": SIZES}, tick])
    assert "1.50 (± 0.25) standard" in section(collect(run), "capacity")


def test_runs_that_did_not_note_them(run: Path) -> None:
    assert section(collect(run), "capacity") == ""
    for odd in (3, [], {"generator": 5}):
        write_events(run, [{"event": "start", "images": 0, "capacity": odd}])
        assert section(collect(run), "capacity") == ""


def test_divergence_is_marked_in_the_curves(run: Path) -> None:
    alarm = {"name": "divergence", "text": "Training diverges.", "remedy": "Type --loss.r1 1."}
    ticks = [
        {"event": "tick", "images": at, "alarms": [alarm] * (at in (300, 400))}
        for at in range(100, 700, 100)
    ]
    write_events(run, ticks)
    (mark,) = event_marks(collect(run))
    assert (mark.x, mark.kind) == (300.0, "alarm")
