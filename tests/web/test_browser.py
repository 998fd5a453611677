"""The page in a browser, as a person has it: every page, a training from its form to its end."""

import inspect
import json
import os
import re
import shutil
import signal
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import elegan
from elegan.data.pictures import png_bytes
from elegan.training import alarms
from elegan.training.monitor import health
from elegan.training.run_folder import RunFolder
from tests import tiny
from tests.web import serving

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]

TINY = {"preset": "article-printed", "batch": 8, "network": {"width": 8, "latent": 8}}
PORT = 8900 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) * 30
PAGES = ("runs", "new", "teach", "use", "use/done", "watch/done", "report/done")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("home")
    data = tiny.arrays(place / "images")
    out = str(place / "runs" / "done")
    elegan.train(data, images=64, ticks=4, snapshots=2, out=out, **TINY)
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def studio(home: Path) -> Iterator[str]:
    with serving.process(home, PORT) as (start, _):
        yield start


@contextmanager
def tab(
    browser: Any, address: str, cookies: Sequence[Any] = (), refused: int = 0, **options: Any
) -> Iterator[Any]:
    """A tab that has opened the studio, and had no error in its console when it is closed.

    Args:
        refused: the status of requests that are meant to be refused.
    """
    context = browser.new_context(**{"locale": "en-US", **options})
    context.add_cookies(cookies)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.set_default_timeout(60_000)
    page.goto(address)
    page.wait_for_selector("main > *")
    yield page
    wrong = [text for text in wrong if f"status of {refused}" not in text]
    assert not wrong, wrong
    context.close()


@pytest.fixture(scope="module")
def known(browser: Any, studio: str) -> list[dict[str, Any]]:
    """The cookie of a browser that has opened the start address."""
    context = browser.new_context()
    context.new_page().goto(studio)
    return context.cookies()


def at(page: Any, place: str) -> None:
    """Goes to a place of the page and waits until it is drawn."""
    page.evaluate("(place) => { location.hash = `#/${place}`; }", place)
    page.locator(f"main[data-page={place.split('/')[0]}] h1").first.wait_for()
    page.wait_for_timeout(800)


@contextmanager
def known_tab(browser: Any, studio: str, known: list[Any], **options: Any) -> Iterator[Any]:
    with tab(browser, studio.split("/?")[0], known, **options) as page:
        yield page


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable_and_fits_a_phone(
    browser: Any, studio: str, known: list[Any], language: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    axe, size = Axe(), {"width": 360, "height": 740}
    with known_tab(
        browser, studio, known, locale=language, color_scheme=scheme, viewport=size
    ) as page:
        for name in PAGES:
            at(page, name)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (name, wide)
            found = axe.run(page).response["violations"]
            grave = [one for one in found if one["impact"] in ("serious", "critical")]
            assert not grave, (name, json.dumps(grave)[:3000])
            assert page.title()
        missing = page.evaluate("import('/static/core.js').then((core) => core.missingWords())")
        assert missing == []
        english = page.evaluate("document.documentElement.lang")
        assert english == ("zh-CN" if language == "zh-CN" else "en")


def test_a_training_from_its_form_to_its_end(
    browser: Any, studio: str, known: list[Any], home: Path
) -> None:
    with known_tab(browser, studio, known) as page:
        at(page, "new")
        page.get_by_label("Path", exact=True).fill(str(home / "images" / "tiny.npy"))
        page.get_by_role("button", name="Look at them").click()
        page.wait_for_selector("img[alt='Some of the images']")
        page.get_by_label("Minutes of your own").fill("0.05")
        page.get_by_text("More settings").click()
        page.get_by_role("combobox", name="Preset").select_option("article-printed")
        page.get_by_label("Name of the run").fill("from-the-page")
        page.get_by_label("Name of the run").blur()
        page.get_by_text("The same in the shell and in Python").click()
        page.locator(".code code", has_text="--preset article-printed").first.wait_for()
        command = page.locator(".code code").first.text_content()
        assert command.startswith(f"elegan train {home}/images/tiny.npy ")
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("heading", name="from-the-page").wait_for()
        at(page, "watch/from-the-page")
        page.locator(".tag.done").wait_for(timeout=120_000)
        page.locator("img.sheet[data-name]").wait_for()
        assert page.locator("img.sheet").first.evaluate(
            "(sheet) => sheet.decode().then(() => true)"
        )
        assert page.locator("svg.chart").count() > 5
        page.get_by_role("link", name="Report", exact=True).wait_for()
    assert (home / "runs" / "from-the-page" / "report.html").is_file()


def test_a_training_outlives_its_tab_and_its_server(browser: Any, home: Path) -> None:
    run = RunFolder(home / "runs" / "long")
    with serving.process(home, PORT + 10) as (start, studio):
        with tab(browser, start) as page:
            asked = {"id": "done", "act": "more", "minutes": 30}
            shutil.copytree(home / "runs" / "done", run.path)
            asked["id"] = "long"
            ask = "(asked) => import('/static/core.js').then((c) => c.post('/api/run/act', asked))"
            page.evaluate(ask, asked)
            at(page, "watch/long")
            page.locator(".tag.running").wait_for()
        assert run.holder()
        studio.kill()
        studio.wait()
    seen = run.progress()[0]
    for _ in range(200):
        if run.progress()[0] > seen:
            break
        time.sleep(0.1)
    assert run.progress()[0] > seen
    with serving.process(home, PORT + 20) as (start, _), tab(browser, start) as page:
        at(page, "watch/long")
        page.locator(".tag.running").wait_for()
        page.get_by_role("button", name="Pause").click()
        page.locator(".tag.paused").wait_for()
    assert run.holder() is None
    last = run.read_events()[-1]
    assert (last["event"], last["reason"]) == ("stop", f"signal {signal.SIGTERM.value}")


def test_what_a_run_says_is_said_in_chinese_too(
    browser: Any, studio: str, known: list[Any]
) -> None:
    said = [
        health(signals, 0.5)[0]
        for signals in (
            {"fooling_rate": 0.01, "coverage": 0.4},
            {"fooling_rate": 0.95},
            {"fooling_rate": 0.3, "coverage": 0.9, "duplicates": 0.5},
            {"psnr": 30.0, "psnr_baseline": 28.0},
            {"confident": 0.4},
            {},
        )
    ]
    names = re.findall(r'^        name="([a-z-]+)"', inspect.getsource(alarms), re.MULTILINE)
    assert len(names) == len(alarms.RULES)
    raised = [{"name": name, "text": "as it was", "remedy": ""} for name in names]
    ask = """([said, raised]) => import('/static/sentences.js').then((words) =>
        [...said.map(words.health), ...raised.map(words.alarmText)])"""
    with known_tab(browser, studio, known, locale="zh-CN") as page:
        found = page.evaluate(ask, [said, raised])
    assert len(found) == len(said) + len(names)
    for text in found:
        assert not re.search(r"[a-z]{3,}", text), text
    with known_tab(browser, studio, known) as page:
        assert page.evaluate(ask, [said, raised])[-1] == "as it was"


def test_every_chart_has_its_words_in_chinese(browser: Any, studio: str, known: list[Any]) -> None:
    table = tomllib.loads((files("elegan.reports") / "templates" / "charts.toml").read_text())
    charts = [*table["charts"], *({**table[one], "names": {}} for one in ("losses", "penalties"))]
    rows = [
        {
            "title": one["title"],
            "unit": one["y_label"],
            "reading": one["reading"],
            "series": [{"label": label} for label in one["names"].values()],
        }
        for one in charts
    ]
    ask = "(rows) => import('/static/sentences.js').then((words) => rows.map(words.chart))"
    with known_tab(browser, studio, known, locale="zh-CN") as page:
        for found in page.evaluate(ask, rows):
            assert not re.search(r"[a-z]{3,}", found["title"] + found["unit"])
            assert not re.search(r"[a-z]{3,}", found["reading"])
            assert not [one for one in found["series"] if re.search(r"[a-z]{3,}", one["label"])]


def test_the_game_is_played_and_a_target_drawn(browser: Any, studio: str, known: list[Any]) -> None:
    with known_tab(browser, studio, known) as page:
        at(page, "teach")
        page.get_by_role("button", name="One D step").click()
        page.get_by_text("Update D's").first.wait_for()
        page.locator(".tiles dd").first.filter(has_text="1").wait_for()
        assert page.locator(".tiles dd").nth(1).text_content() == "0"
        page.locator("input[name=lesson][value=collapse]").check()
        page.get_by_label("The remedy").check()
        page.locator(".changes li").first.wait_for()
        page.get_by_role("combobox", name="Real points").select_option("drawn")
        assert page.get_by_role("button", name="Run").is_disabled()
        box = page.locator("canvas").bounding_box()
        for act, share in (("move", 0.3), ("down", 0.3), ("move", 0.7), ("up", 0.7)):
            if act == "move":
                page.mouse.move(
                    box["x"] + box["width"] * share, box["y"] + box["height"] * share, steps=9
                )
            else:
                getattr(page.mouse, act)()
        page.get_by_role("button", name="Draw again").wait_for()
        page.get_by_role("slider").fill("1")
        page.get_by_role("button", name="Run").click()
        page.locator("svg.chart").nth(1).wait_for()
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("Update G's").first.wait_for()


def test_a_page_that_loses_its_server_says_so(browser: Any, home: Path) -> None:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.set_default_timeout(60_000)
    with serving.process(home, PORT + 25) as (start, studio):
        page.goto(start)
        at(page, "watch/done")
        studio.kill()
        studio.wait()
        page.get_by_text("The studio does not answer.").wait_for()
    with serving.process(home, PORT + 25) as (start, _):
        page.get_by_text("The studio was started anew.").wait_for()
        other = context.new_page()
        other.goto(start)
        page.bring_to_front()
        page.get_by_text("The studio was started anew.").wait_for(state="detached")
    context.close()


def test_the_keyboard_stays_where_it_is_while_runs_are_drawn_anew(
    browser: Any, studio: str, known: list[Any], home: Path
) -> None:
    with known_tab(browser, studio, known) as page:
        at(page, "runs")
        box = page.get_by_label("Compare done")
        box.focus()
        with (home / "runs" / "done" / "events.jsonl").open("a") as file:
            file.write('{"event": "resume", "images": 64, "seconds": 99}\n')
        page.locator(".tag.cut").first.wait_for()
        assert box.evaluate("(box) => box === document.activeElement")


def test_files_that_are_dropped_are_looked_at(browser: Any, studio: str, known: list[Any]) -> None:
    rows = [list(png_bytes(image)) for image in tiny.pixels(3)]
    drop = """([zone, rows]) => {
        const held = new DataTransfer();
        rows.forEach((row, i) => held.items.add(
            new File([new Uint8Array(row)], `${i}.png`, { type: "image/png" })));
        zone.dispatchEvent(new DragEvent("drop", { dataTransfer: held, bubbles: true }));
    }"""
    with known_tab(browser, studio, known) as page:
        for place in ("new", "use/restore"):
            at(page, place)
            zone = page.locator(".drop").first.element_handle()
            page.evaluate(drop, [zone, rows])
            if place == "new":
                page.locator("img[alt='Some of the images']").wait_for()
            else:
                page.get_by_role("button", name="Open 2.png").wait_for()
