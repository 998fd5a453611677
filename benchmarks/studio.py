"""How quick the studio is, and what watching costs a training; in Chromium without a window.

    python benchmarks/studio.py

First paint of each page; a run of 50,000 ticks; how long after a snapshot its picture is on the
page; the speed of a training in turns watched and alone.
"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import publish, table
from runs import ELEGAN, parser, short

from elegan.training.run_folder import RunFolder

TICKS = 50_000
PAGES = ("runs", "new", "teach", "use")
DATA = "mnist-5k"


@contextlib.contextmanager
def studio(home: Path) -> Iterator[str]:
    """`elegan studio` in a folder; yields its start address."""
    log = home / "studio.log"
    with log.open("w") as said:
        words = [*ELEGAN, "studio", "--no-browser"]
        process = subprocess.Popen(words, cwd=home, stdout=said, stderr=said)
    try:
        while not (found := re.search(r"http://\S+token=\S+", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield found.group()
    finally:
        process.terminate()
        process.wait()


def first_paints(page: Any, address: str) -> dict[str, float]:
    """Returns the milliseconds to the first contentful paint of each page, the third time."""
    found = {}
    for name in PAGES:
        for _ in range(3):
            page.goto("about:blank")
            page.goto(f"{address}/#/{name}")
            page.locator("main > *").first.wait_for()
            page.wait_for_timeout(300)
            found[name] = page.evaluate(
                "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
    return found


def long_run(home: Path) -> float:
    """Makes a run of very many ticks of a short one's, and returns the megabytes of its events."""
    run = home / "runs" / "long"
    shutil.copytree(home / "runs" / "short", run)
    events = RunFolder(run).read_events()
    ticks = [event for event in events if event["event"] == "tick"]
    lines = [json.dumps(events[0])]
    lines += [json.dumps({**ticks[n % len(ticks)], "images": 16 * (n + 1)}) for n in range(TICKS)]
    (run / "events.jsonl").write_text("\n".join([*lines, ""]))
    return (run / "events.jsonl").stat().st_size / 1e6


def opened(page: Any, address: str, run: str) -> float:
    """Returns the seconds until a run's page has its curves."""
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(f"{address}/#/watch/{run}")
    page.locator("svg.chart").first.wait_for()
    return time.perf_counter() - began


def lateness(page: Any, address: str, home: Path, images: int) -> list[float]:
    """Trains with eight snapshots, watched; returns the seconds by which each picture was late."""
    run = home / "runs" / "seen"
    words = [*ELEGAN, "train", DATA, "--images", str(images), "--snapshots", "8", "--out", str(run)]
    training = subprocess.Popen(words, stdout=sys.stderr, stderr=sys.stderr)
    while not (run / "settings.json").exists():
        time.sleep(0.1)
    page.goto(f"{address}/#/watch/seen")
    shown: dict[str, float] = {}
    while training.poll() is None:
        name = page.evaluate(
            "() => { const s = document.querySelector('img.sheet[data-name]');"
            " return s && s.complete && s.naturalWidth ? s.dataset.name : null; }"
        )
        if name is not None:
            shown.setdefault(name, time.time())
        time.sleep(0.02)
    taken = {path.stem: path.stat().st_mtime for path in (run / "samples").glob("*.png")}
    return [shown[name] - taken[name] for name in sorted(taken) if name in shown]


def slowdown(
    page: Any, address: str, home: Path, turns: int, seconds: float
) -> tuple[float, float]:
    """Returns images a second watched and alone: the medians of turns."""
    run = RunFolder(home / "runs" / "timed")
    words = [*ELEGAN, "train", DATA, "--minutes", "60", "--out", str(run.path)]
    training = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not run.progress()[0]:
        time.sleep(0.2)
    page.goto("about:blank")
    time.sleep(10)
    rates: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * turns):
        watched = turn % 2 == 0
        page.goto(f"{address}/#/watch/timed" if watched else "about:blank")
        time.sleep(3)
        began, images = _at_a_note(run)
        time.sleep(seconds)
        ended, after = _at_a_note(run)
        rates[watched].append((after - images) / (ended - began))
    training.terminate()
    training.wait()
    return statistics.median(rates[True]), statistics.median(rates[False])


def _at_a_note(run: RunFolder) -> tuple[float, int]:
    """Waits until the run notes its progress; returns when, and the images."""
    before = run.progress()[0]
    while (now := run.progress()[0]) in (0, before):
        time.sleep(0.01)
    return time.perf_counter(), now


def main() -> None:
    """Measures everything in a folder that is thrown away."""
    words = parser(__doc__, images=20_000)
    words.add_argument("--turns", type=int, default=6, help="watched and alone, each so often")
    words.add_argument("--seconds", type=float, default=20.0, help="of a turn")
    options = words.parse_args()
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        studio(Path(folder)) as start,
    ):
        home, address = Path(folder), start.split("/?")[0]
        short_run = ["train", DATA, "--images", "1500", "--out", str(home / "runs" / "short")]
        subprocess.run([*ELEGAN, *short_run], check=True, stdout=sys.stderr)
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(start)
        paints = first_paints(page, address)
        megabytes = long_run(home)
        long = opened(page, address, "long")
        late = lateness(page, address, home, options.images)
        watched, alone = slowdown(page, address, home, options.turns, options.seconds)
        browser.close()
    rows = [[f"first paint, {name}", f"{paint:.0f} ms"] for name, paint in paints.items()]
    rows += [
        [f"a run of {TICKS:,} ticks ({megabytes:.0f} MB), until its curves", f"{long:.2f} s"],
        ["a picture after its snapshot, median", f"{statistics.median(late):.2f} s"],
        ["the same, the latest", f"{max(late):.2f} s"],
        ["training while watched, of its speed alone", f"{watched / alone:.1%}"],
    ]
    text = (
        f"{table(['', 'measured'], rows)}\n\nChromium without a window, on the same"
        f" {os.cpu_count()} cores as the training. {options.turns} turns of {options.seconds:g} s"
        f" each way; medians: {short(watched)} images/s watched, {short(alone)} alone."
    )
    facts = {
        "paints_ms": paints,
        "long_s": long,
        "late_s": late,
        "watched": watched,
        "alone": alone,
    }
    publish("studio", text, facts, options.out)


if __name__ == "__main__":
    main()
