"""The page: whole, self-contained, escaped, and there even for a run that was killed."""

import base64
import io
import itertools
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from elegan.applications import TASKS
from elegan.common.errors import EleganError
from elegan.reports import write_report
from elegan.reports.report_data import Sample
from elegan.reports.run_report import spread

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Checks that every element is closed in order; gathers text, attributes and elements."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page_of(run: Path) -> Page:
    return Page(write_report(run, TASKS["generate"]).read_text(encoding="utf-8"))


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_page_answers_in_order(run: Path) -> None:
    assert write_report(run, TASKS["generate"]) == run / "report.html"
    text = page_of(run).text
    wanted = [
        "first digits",
        "mnist, robust, 1,200,000 images, 4 min of training",
        "Evenly matched: 31% of fakes pass for real",
        "Training reached its goal after 1,200,000 images, 4 min of training.",
        "FD-digits 3.21 real 0.031",
        "Speed",
        "elegan generate",
        "The same latents all along",
        "“Real data” is the same score",
        "Fooling rate",
        "first batch, as the discriminator saw it",
        "skip: the gradient of the generator was not finite",
        "optimizer.rate 0.0002",
    ]
    places = [text.find(words) for words in wanted]
    assert -1 not in places, wanted[places.index(-1)]
    assert places == sorted(places)


def test_figures_that_cannot_judge_likeness_say_so_beside_the_big_numbers(run: Path) -> None:
    caution = "These features cannot judge likeness."
    edit(run / "scores.json", extractor={"name": "random", "caution": caution})
    text = page_of(run).text
    assert text.index("real 0.031") < text.index(caution) < text.index("Images seen")


def test_nothing_is_loaded_from_anywhere(run: Path) -> None:
    source = write_report(run, TASKS["generate"]).read_text(encoding="utf-8")
    page = Page(source)
    assert "http" not in source
    assert "@import" not in source
    assert "url(" not in source
    assert not {"script", "link", "iframe", "object"} & set(page.elements)
    links = [value for name, value in page.attributes if name in ("src", "href")]
    assert links
    assert all(link.startswith(("data:image/", "#")) for link in links)


def test_templates_are_opened_only_when_a_page_is_written() -> None:
    modules = "elegan.cli, elegan.reports, elegan.applications.synthetic.report, sys"
    code = f"import {modules}; print('jinja2' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_links_lead_to_sections_that_exist(run: Path) -> None:
    attributes = page_of(run).attributes
    names = {value for name, value in attributes if name == "id"}
    targets = {value[1:] for name, value in attributes if name == "href"}
    assert targets == names


def test_the_big_sheet_is_the_latest_and_unsmoothed(run: Path) -> None:
    latest = Image.new("L", (4, 4), 0)
    latest.putpixel((0, 0), 201)
    latest.save(run / "samples" / "1300000.png")
    uri = next(value for name, value in page_of(run).attributes if name == "src")
    shown = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    side = shown.width // 4
    assert shown.width % 4 == 0
    assert shown.getpixel((side - 1, side - 1)) == 201
    assert shown.getpixel((side, side)) == 0


@pytest.mark.parametrize("place", ["file", "name", "health", "setting", "class", "reason"])
def test_markup_in_names_stays_text(run: Path, place: str) -> None:
    evil = "<img src=x onerror=alert(1)>&\"'"
    if place in ("file", "reason"):
        bad = {"file": evil, "action": "skipped", "reason": evil}
        edit(run / "data.json", verdicts=[bad])
    elif place == "class":
        edit(run / "data.json", classes={f"{evil}{i}": 1 for i in range(10)})
    elif place == "setting":
        edit(run / "settings.json", **{evil: evil}, data=evil, preset=evil)
    elif place == "name":
        run = run.rename(run.with_name(evil))
    else:
        tick = {"event": "tick", "images": 5, "health": evil, "alarms": [evil], evil: 1}
        tick |= {"losses": {evil: 1.0}, "signals": {evil: 2.0}}
        (run / "events.jsonl").write_text(json.dumps(tick) + "\n")
    page = page_of(run)
    assert "onerror" not in [name for name, _ in page.attributes]
    assert evil in page.text


@pytest.mark.parametrize(
    "lost",
    [
        "settings.json",
        "environment.json",
        "data.json",
        "scores.json",
        "events.jsonl",
        "real.png",
        "first-batch.png",
        "samples",
        "model",
        "checkpoints",
    ],
)
def test_a_page_comes_without_any_one_part(run: Path, lost: str) -> None:
    if (run / lost).is_dir():
        shutil.rmtree(run / lost)
    else:
        (run / lost).unlink()
    text = page_of(run).text
    assert ("elegan generate" in text) == (lost != "model")


def test_a_page_comes_with_every_file_damaged(run: Path) -> None:
    for path in run.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    page = page_of(run)
    assert "settings.json could not be read" in page.text
    assert "last line of events.jsonl was cut off" in page.text


def test_a_killed_run_says_so(run: Path) -> None:
    lines = (run / "events.jsonl").read_text().splitlines()
    (run / "events.jsonl").write_text("\n".join(lines[:30]) + '\n{"event": "ti')
    text = page_of(run).text
    assert "No end was recorded" in text
    assert "cut off" in text


def test_losses_that_are_not_finite_show(run: Path) -> None:
    ticks = [
        {"event": "tick", "images": 100 * i, "losses": {"generator": value}}
        for i, value in enumerate((1.0, 2.0, float("nan"), "inf", "nan", None, 1.5), start=1)
    ]
    (run / "events.jsonl").write_text("".join(json.dumps(tick) + "\n" for tick in ticks))
    assert page_of(run).attributes.count(("class", "lost")) == 3


def test_alarms_are_shown_and_dated(run: Path) -> None:
    ticks = [
        {"event": "tick", "images": i, "health": "h", "alarms": ["It copies."] * (200 <= i < 400)}
        for i in range(100, 700, 100)
    ]
    (run / "events.jsonl").write_text("".join(json.dumps(tick) + "\n" for tick in ticks))
    page = page_of(run)
    assert "It copies. (until 300 images)" in page.text
    assert ("class", "alarm") not in page.attributes
    (run / "events.jsonl").write_text("".join(json.dumps(tick) + "\n" for tick in ticks[:3]))
    assert ("class", "alarm") in page_of(run).attributes


def test_skipped_files_come_with_their_reasons_and_a_limit(run: Path) -> None:
    bad = [{"file": f"{i}.txt", "action": "skipped", "reason": "no image"} for i in range(250)]
    edit(run / "data.json", verdicts=bad, files={"used": 7, "converted": 0, "skipped": 250})
    text = page_of(run).text
    assert "7 used, 250 skipped" in text
    assert "199.txt no image" in text
    assert "200.txt" not in text
    assert "50 more are in data.json" in text


def test_paths_are_quoted_for_the_shell(run: Path) -> None:
    assert f"elegan generate '{run}' -n 100" in page_of(run).text


def test_an_old_page_survives_a_failed_write(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_report(run, TASKS["generate"])
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("elegan.reports.run_report.write_durably", full)
    with pytest.raises(EleganError, match="No space left"):
        write_report(run, TASKS["generate"])
    assert path.read_bytes() == before


def test_the_strip_is_dense_early_and_holds_both_ends() -> None:
    samples = tuple(Sample(images=i, path=Path("x")) for i in range(0, 100_001, 1000))
    chosen = [sample.images for sample in spread(samples, 6)]
    assert chosen[0] == 0
    assert chosen[-1] == 100_000
    assert len(set(chosen)) == 6
    steps = [after - before for before, after in itertools.pairwise(chosen)]
    assert steps == sorted(steps)
    assert spread(samples[:3], 6) == list(samples[:3])
