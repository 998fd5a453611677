"""Runs as the page is told of them: state, curves, pictures, and what can be done."""

import itertools
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import elegan
from elegan.training.run_folder import RunFolder
from elegan.web.launching import Launcher
from elegan.web.watching import MAX_TICKS, Events
from tests import tiny
from tests.web.serving import opened

NAME = "first <b>"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    place = tmp_path_factory.mktemp("studio")
    data = tiny.arrays(place / "images")
    elegan.train(**_told(data, place / "runs" / NAME))
    return place


def _told(data: str, out: Path) -> dict:
    return {
        "data": data,
        "preset": "article-printed",
        "network": {"width": 8, "latent": 8},
        "images": 64,
        "batch": 8,
        "ticks": 4,
        "snapshots": 2,
        "out": str(out),
    }


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with opened(home) as found:
        yield found


def test_a_card_says_what_a_run_is_and_how_far(client: TestClient) -> None:
    (card,) = client.get("/api/runs").json()["runs"]
    assert (card["id"], card["state"], card["seen"], card["goal"]) == (NAME, "done", 64, 64)
    assert card["picture"] == "0000064"
    assert card["preset"] == "article-printed"
    assert card["has_model"]
    assert card["left"] is None


def test_curves_hold_what_the_events_do(client: TestClient, home: Path) -> None:
    charts = client.get("/api/run/curves", params={"id": NAME}).json()["charts"]
    losses = next(chart for chart in charts if chart["title"] == "Losses")
    found = {one["label"]: one for one in losses["series"]}
    ticks = [
        event for event in RunFolder(home / "runs" / NAME).read_events() if event["event"] == "tick"
    ]
    assert found["generator"]["x"] == [tick["images"] for tick in ticks]
    expected = [tick["losses"]["generator"] for tick in ticks]
    assert found["generator"]["y"] == pytest.approx(expected, rel=1e-4)


def test_pictures_are_those_of_the_run_and_no_other_files(client: TestClient, home: Path) -> None:
    run = home / "runs" / NAME
    for which, path in (("0000064", "samples/0000064.png"), ("real", "real.png")):
        answer = client.get("/api/run/picture", params={"id": NAME, "which": which})
        assert answer.content == (run / path).read_bytes()
    for which in ("../real", "settings", "0000065", "²", "", "64/../0000064"):
        answer = client.get("/api/run/picture", params={"id": NAME, "which": which})
        assert answer.status_code == 404, which


def test_a_report_may_draw_and_nothing_else(client: TestClient) -> None:
    answer = client.get("/api/run/report", params={"id": NAME})
    assert "<html" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "script" not in policy


def test_a_run_that_is_not_there(client: TestClient) -> None:
    for path in ("/api/run", "/api/run/curves", "/api/run/report", "/api/run/stream"):
        answer = client.get(path, params={"id": "nothing"})
        assert (answer.status_code, answer.json()) == (404, {"error": "There is no such run."})
    asked = {"id": "nothing", "act": "resume"}
    assert client.post("/api/run/act", json=asked).status_code == 404


def test_running_is_whose_folder_is_held(client: TestClient, home: Path) -> None:
    folder = RunFolder(home / "runs" / NAME)
    with folder.lock():
        assert client.get("/api/run", params={"id": NAME}).json()["state"] == "running"
    assert client.get("/api/run", params={"id": NAME}).json()["state"] == "done"
    assert folder.holder() is None


def test_paused_and_cut_off_are_told_apart(home: Path, tmp_path: Path) -> None:
    settings = (home / "runs" / NAME / "settings.json").read_text()
    lines = ['{"event": "start", "images": 0}', '{"event": "tick", "images": 8}']
    for name, last in (
        ("paused", ['{"event": "stop", "images": 8, "reason": "signal 15"}']),
        ("cut", []),
    ):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        (run / "settings.json").write_text(settings)
        (run / "events.jsonl").write_text("\n".join([*lines, *last, ""]))
    with opened(tmp_path) as client:
        states = {card["id"]: card["state"] for card in client.get("/api/runs").json()["runs"]}
    assert states == {"paused": "paused", "cut": "cut off"}


def test_an_act_goes_on_from_what_is_saved_and_pauses(home: Path, tmp_path: Path) -> None:
    """Go on for some minutes, pause it, end it here: each in a process of its own."""
    out = tmp_path / "runs" / "run"
    elegan.train(**_told(str(home / "images" / "tiny.npy"), out))
    with opened(tmp_path) as client:

        def state(wanted: str) -> dict:
            for _ in range(600):
                card = client.get("/api/run", params={"id": "run"}).json()
                assert card["fault"] is None, card["fault"]
                if card["state"] == wanted and not card["starting"] and card["seen"] > 64:
                    return card
                time.sleep(0.1)
            raise TimeoutError(card)

        asked = {"id": "run", "act": "more", "minutes": 30}
        assert client.post("/api/run/act", json=asked).status_code == 200
        state("running")
        again = client.post("/api/run/act", json=asked)
        assert (again.status_code, again.json()["error"]) == (
            400,
            "A training already goes on in this run.",
        )
        assert client.post("/api/run/act", json={"id": "run", "act": "stop"}).status_code == 200
        paused = state("paused")
        assert paused["goal"] > paused["seen"]
        assert client.post("/api/run/act", json={"id": "run", "act": "finish"}).status_code == 200
        done = state("done")
        assert done["seen"] == paused["seen"]
    scored = json.loads((out / "scores.json").read_text())
    assert scored["images_seen"] == paused["seen"]


def _tick(images: int) -> str:
    return json.dumps({"event": "tick", "images": images, "losses": {"generator": images}}) + "\n"


def test_of_very_many_ticks_an_even_part_is_kept_and_the_last(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(_tick(8 * n) for n in range(1, 20_001)))
    events = Events(path)
    found = [event["images"] for event in events.read()]
    assert len(found) <= MAX_TICKS + 1
    assert found[-1] == 160_000
    steps = {b - a for a, b in itertools.pairwise(found[:-1])}
    assert len(steps) == 1
    with path.open("a") as file:
        file.write(_tick(160_008) + '{"event": "stop", "images": 160008}\n' + _tick(1)[:10])
    found = [(event["event"], event["images"]) for event in events.read()]
    assert found[-1] == ("stop", 160_008)


def test_events_that_were_written_anew_are_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(map(_tick, (8, 16, 24))))
    events = Events(path)
    assert [event["images"] for event in events.read()] == [8, 16, 24]
    path.write_text(_tick(8))
    assert [event["images"] for event in events.read()] == [8]
    with path.open("a") as file:
        file.write("nonsense\n[1]\n" + '{"event": 3, "images": 1}\n' + _tick(16))
    assert [event["images"] for event in events.read()] == [8, 16]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("events.jsonl", '{"event": "snapshot", "images": 5, "scores": [1, 2]}\n'),
        ("events.jsonl", '{"event": "snapshot", "images": 5, "scores": "x"}\n'),
        ("events.jsonl", "[" * 100_000 + "\n"),
        ("events.jsonl", '{"event": "tick", "images": 5, "seconds": NaN}\n'),
        ("scores.json", '{"per_class": {"a": {"accuracy": "x"}}, "hard_classes": {}}'),
        ("scores.json", "[" * 100_000),
        ("model/model.json", '{"training": [1]}'),
        ("data.json", '{"classes": 3, "verdicts": "x"}'),
    ],
)
def test_one_damaged_run_hides_no_other_and_is_still_shown(
    home: Path, tmp_path: Path, file: str, content: str
) -> None:
    for name in ("well", "damaged"):
        shutil.copytree(home / "runs" / NAME, tmp_path / "runs" / name)
    (tmp_path / "runs" / "damaged" / file).write_text(content)
    with opened(tmp_path) as client:
        cards = client.get("/api/runs").json()["runs"]
        assert {card["id"] for card in cards} == {"well", "damaged"}
        for path in ("/api/run", "/api/run/curves"):
            assert client.get(path, params={"id": "damaged"}).status_code == 200
        asked = {"id": "damaged", "act": "finish"}
        if file.startswith("model"):
            assert client.post("/api/run/act", json=asked).status_code == 400


def test_events_of_a_run_that_went_back_are_read_anew_though_longer(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(map(_tick, (8, 16, 24))))
    events = Events(path)
    events.read()
    again = tmp_path / "again"
    again.write_text("".join(map(_tick, (8, 12, 14, 20, 28))))
    again.replace(path)
    assert [event["images"] for event in events.read()] == [8, 12, 14, 20, 28]


def test_who_holds_a_folder_is_told_alike_to_many_at_once(home: Path) -> None:
    folder = RunFolder(home / "runs" / NAME)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: folder.holder(), range(400))) == {None}


def test_a_wanted_end_is_no_fault_and_an_old_one_lapses(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    launcher = Launcher(tmp_path / "logs")
    launch = launcher.start(["resume", str(run)], run)  # there is nothing to resume
    assert launch.process.wait(60) == 1
    assert "no run" in (launch.fault or "")
    (run / "events.jsonl").write_text("")
    assert launch.fault is None
    launcher.forget(run)
    assert launcher.latest() == {}
    launch = launcher.start(["resume", str(run)], run)
    launcher.stop(run)
    assert launch.process.wait(60) in (-15, 143)
    assert launch.fault is None
