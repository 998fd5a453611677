"""New runs: what may be chosen, uploads that lose nothing, the command that begins."""

import json
import threading
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from elegan.web.beginning import _Plans
from elegan.web.spelling import spelled
from tests import tiny
from tests.web.serving import opened


def test_folders_are_listed_within_the_roots_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        (tmp_path / "images" / "cats").mkdir()
        (tmp_path / "images" / "cats" / "a.png").write_bytes(b"")
        (tmp_path / "images" / "some.zip").write_bytes(b"")
        top = client.get("/api/folders").json()
        assert [one["name"] for one in top["folders"]] == ["images"]
        found = client.get("/api/folders", params={"path": top["folders"][0]["path"]}).json()
        assert [one["name"] for one in found["folders"]] == ["cats"]
        assert [one["name"] for one in found["files"]] == ["some.zip"]
        assert found["parent"] is None
        cats = client.get("/api/folders", params={"path": found["folders"][0]["path"]}).json()
        assert cats["images"] == 1
        for path in (str(tmp_path), "/etc", "x" * 300, "images/" + "é" * 200):
            assert client.get("/api/folders", params={"path": path}).status_code == 400


NAMES = (
    *("p" * 90 + ".png", "a?.png", "a*.png", "ds/A/train/cat/1.png", "ds/B/train/cat/1.png"),
    *("../../1.png", "/etc/1.PNG", "..\\1.png", "\U0001f431" * 80 + "/1.png", "é" * 200 + ".png"),
)


def test_uploads_keep_every_image_apart_and_inside(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        place = client.post("/api/uploads/new").json()
        for number, name in enumerate(NAMES):
            asked = {"id": place["id"], "name": name}
            answer = client.put("/api/uploads", params=asked, content=bytes([number]))
            assert answer.status_code == 200, (name, answer.text)
            assert Path(answer.json()["path"]).read_bytes() == bytes([number])
        kept = [path for path in Path(place["path"]).rglob("*") if path.is_file()]
        assert sorted(path.read_bytes()[0] for path in kept) == list(range(len(NAMES)))
        assert all(path.resolve().is_relative_to(tmp_path / "runs") for path in kept)
        for name in ("notes.txt", "", "x.exe"):
            asked = {"id": place["id"], "name": name}
            assert client.put("/api/uploads", params=asked, content=b"x").status_code == 400, name
        client.put("/api/uploads", params={"id": place["id"], "name": "w.png"}, content=b"x")
        below = {"id": place["id"], "name": "w.png/x.png"}
        assert client.put("/api/uploads", params=below, content=b"x").status_code == 400


def test_two_runs_of_one_name_get_a_folder_each(tmp_path: Path) -> None:
    data = tiny.arrays(tmp_path / "images")
    asked = {"data": data, "preset": "article-printed", "images": 16, "name": "../same <b>"}
    with opened(tmp_path) as client:
        ids = [client.post("/api/runs", json=asked).json()["id"] for _ in range(2)]
        assert ids[0] != ids[1]
        assert all(Path(tmp_path / "runs" / name).is_dir() for name in ids)
        for name in ids:
            client.post("/api/run/act", json={"id": name, "act": "stop"})
            _ended(client, name)


def _ended(client: TestClient, name: str) -> None:
    for _ in range(600):
        found = client.get("/api/runs").json()
        states = {one["id"]: one for one in (*found["runs"], *found["beginning"])}
        if not states[name]["starting"] and states[name].get("state") != "running":
            return
        time.sleep(0.05)
    raise TimeoutError(states)


def test_data_outside_are_refused_and_known_names_are_not_paths(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        for data in ("/etc", "../..", str(tmp_path), "mnist/../../etc"):
            for route in ("/api/runs", "/api/look", "/api/plan"):
                answer = client.post(route, json={"data": data})
                assert answer.status_code == 400, (route, data)
                assert "looks only into" in answer.json()["error"]


def test_a_look_says_what_inspect_says_and_draws_it(tmp_path: Path) -> None:
    data = tiny.arrays(tmp_path / "images")
    with opened(tmp_path) as client:
        found = client.post("/api/look", json={"data": data}).json()
        assert "40" in found["text"].splitlines()[0]
        sheet = client.get("/api/look/sheet", params={"which": found["sheet"]})
        assert sheet.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("verb", "values", "command", "python"),
    [
        (
            "train",
            {"data": "a b", "minutes": 5.0, "conditional": True, "seed": 0},
            "elegan train 'a b' --minutes 5 --conditional",
            "elegan.train('a b', minutes=5.0, conditional=True)",
        ),
        (
            "restore",
            {"inputs": ["x.png"], "strength": 0.5, "task": "auto"},
            "elegan restore x.png --strength 0.5",
            "elegan.restore('x.png', strength=0.5)",
        ),
        (
            "character",
            {"n": 2, "attribute": {"hair": "pink"}},
            "elegan character -n 2 --attribute hair=pink",
            "elegan.character(n=2, attribute={'hair': 'pink'})",
        ),
    ],
)
def test_forms_are_spelled_as_the_shell_and_python_take_them(
    verb: str, values: dict, command: str, python: str
) -> None:
    found = spelled(verb, values)
    assert found["command"] == command
    assert found["python"].splitlines()[-1] == python


def test_what_cannot_be_text_is_spelled_all_the_same(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        body = json.dumps({"verb": "train", "values": {"data": "\ud800"}})
        headers = {"content-type": "application/json"}
        assert client.post("/api/spell", content=body, headers=headers).status_code == 200


def test_a_newer_plan_ends_the_one_before() -> None:
    plans = _Plans()
    said: list[str] = []

    def first() -> None:
        try:
            plans.find_out(["train", "no such data"])
        except Exception as error:
            said.append(str(error))

    thread = threading.Thread(target=first)
    thread.start()
    while plans._process is None:
        time.sleep(0.01)
    plans.give_up()
    thread.join(30)
    assert not thread.is_alive()
    assert said == ["It was not found out."]
