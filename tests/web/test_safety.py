"""Nobody but the page itself is answered, and no name leads out of the studio's folders."""

import json
import os
import random
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from elegan import api
from elegan.common.errors import EleganError
from elegan.web import safety
from elegan.web.folders import safe_name
from elegan.web.server import create_app
from tests.web.serving import ADDRESS, folders, opened, stranger

GETS = ("/api/runs", "/api/choices", "/api/folders", "/static/app.js", "/openapi.json")


@pytest.mark.parametrize("path", GETS)
def test_nothing_is_answered_without_the_cookie(tmp_path: Path, path: str) -> None:
    with stranger(tmp_path) as (client, _):
        assert client.get(path).status_code == 401
        client.cookies.set("elegan-8471", "guessed")
        assert client.get(path).status_code == 401


def test_the_start_address_opens_one_browser(tmp_path: Path) -> None:
    with stranger(tmp_path) as (client, keys):
        start = f"/?token={keys.token}"
        assert client.get("/?token=wrong").status_code == 401
        answer = client.get(start)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.get("/").status_code == 200
        client.cookies.clear()
        assert client.get(start).status_code == 401
        assert client.get(f"/?token={keys.token}").status_code == 303  # the next one, for another


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "evil.example:8471"])
def test_another_name_for_this_machine_opens_nothing(tmp_path: Path, host: str) -> None:
    with opened(tmp_path) as client:
        assert client.get("/api/runs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_pages_may_ask_for_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    with opened(tmp_path) as client:
        assert client.get("/api/runs", headers=headers).status_code == 403
        asked = {"verb": "doctor", "values": {}}
        assert client.post("/api/spell", json=asked, headers=headers).status_code == 403
        assert client.get("/api/runs").status_code == 200
        assert client.post("/api/spell", json=asked).status_code == 200


def test_what_changes_anything_must_say_where_it_comes_from(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        del client.headers["origin"]
        assert client.post("/api/uploads/new").status_code == 403


def test_every_answer_keeps_the_page_to_itself(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        for path in ("/", *GETS, "/nowhere"):
            headers = client.get(path).headers
            assert headers["content-security-policy"] == safety.POLICY
            assert headers["x-content-type-options"] == "nosniff"
            assert "access-control-allow-origin" not in headers


def test_too_large_a_request_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as client:
        assert client.post("/api/spell", content=b"x" * (safety.MAX_JSON + 1)).status_code == 413
        monkeypatch.setattr(safety, "MAX_UPLOAD", 1000)
        place = client.post("/api/uploads/new").json()["id"]
        asked = {"id": place, "name": "a.png"}
        answer = client.put("/api/uploads", params=asked, content=b"x" * 1001)
        assert answer.status_code == 413
        untold = client.put("/api/uploads", params=asked, content=iter([b"x" * 600] * 3))
        assert untold.status_code >= 400
        assert not list((tmp_path / "runs").rglob("*a.png*"))


PIECES = (
    *("..", ".", "/", "//", "\\", "%2e%2e", "%2f", "\x00", "\n", "~", "runs", "images", "outside"),
    *("secret.txt", "link", "C:", "file://", "<script>", "'", '"', "é", "\ud800", "a" * 300, " "),
)

SENT = tuple(piece for piece in PIECES if piece != "\ud800")  # half a pair cannot be sent


def test_no_path_leads_outside(tmp_path: Path) -> None:
    """10,000 names made of what paths are made of, on everything that takes a name."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    home = tmp_path / "home"
    place = folders(home)
    for folder in (home / "runs", home / "images"):
        (folder / "link").symlink_to(outside)
    inside = [home.resolve() / name for name in ("runs", "images", "work")]
    draw = random.Random(0)
    passed = 0
    for _ in range(10_000):
        name = "".join(draw.choices(PIECES, k=draw.randint(1, 6)))
        start = draw.choice(["", str(home / "images") + "/", str(home / "runs") + "/", "/"])
        try:
            found = place.chosen(start + name)
        except EleganError:
            pass
        else:
            passed += 1
            assert any(found.is_relative_to(folder) for folder in inside), (start, name)
        with pytest.raises(EleganError):
            place.run(name)
        plain = safe_name(name)
        assert "/" not in plain
        assert "\\" not in plain
        assert plain not in (".", "..")
        assert place.new_run(name).parent == home / "runs"
    assert passed > 100  # the generator makes good names as well


@pytest.mark.parametrize("tries", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_hostile_names_on_every_route(tmp_path: Path, tries: int) -> None:
    """No route answers with an error of its own, or with what lies outside."""
    (tmp_path / "secret.txt").write_text("secret")
    draw = random.Random(tries)
    with opened(tmp_path / "home") as client:
        (tmp_path / "home" / "images" / "link").symlink_to(tmp_path)
        routes = [
            one for one in _gets(client.get("/openapi.json").json()) if "/stream" not in one[0]
        ]
        assert len(routes) > 10
        for _ in range(tries):
            path, parameters = draw.choice(routes)
            asked = {name: "".join(draw.choices(SENT, k=3)) for name in parameters}
            answer = client.get(path, params=asked)
            assert answer.status_code in (200, 400, 404, 409, 422), (path, asked, answer.text)
            assert "secret" not in answer.text


def _gets(schema: dict) -> list[tuple[str, list[str]]]:
    return [
        (path, [one["name"] for one in methods["get"].get("parameters", [])])
        for path, methods in schema["paths"].items()
        if "get" in methods and "{" not in path
    ]


def test_a_link_within_the_runs_does_not_open_what_it_leads_to(tmp_path: Path) -> None:
    place = folders(tmp_path / "home")
    outside = tmp_path / "run"
    outside.mkdir()
    keys = ("data", "preset", "task", "batch", "seed", "network", "optimizer")
    (outside / "settings.json").write_text(json.dumps(dict.fromkeys(keys)))
    os.symlink(outside, place.runs / "linked")
    with pytest.raises(EleganError, match="no such run"):
        place.run("linked")
    assert place.all_runs() == []


@pytest.mark.parametrize("other", ['prefs={"theme":"dark"}', "a b=c", 'x="unclosed', "é=1", "=;;"])
def test_cookies_of_other_programs_lock_nobody_out(tmp_path: Path, other: str) -> None:
    with stranger(tmp_path) as (client, keys):
        answer = client.get(f"/?token={keys.token}", headers={"cookie": other.encode()})
        own = answer.headers["set-cookie"].partition(";")[0]
        client.cookies.clear()
        both = f"{other}; {own}; z".encode()
        assert client.get("/api/runs", headers={"cookie": both}).status_code == 200
        assert client.get("/api/runs", headers={"cookie": other.encode()}).status_code == 401


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("192.0.2.2:8760", True),
        ("[fd00::2]:8760", True),
        ("Machine:8760", True),
        ("evil.example:8760", False),
        ("192.0.2.2.evil.example:8760", False),
        ("", False),
    ],
)
def test_on_a_network_numbers_are_known_and_strange_names_are_not(
    tmp_path: Path, host: str, known: bool
) -> None:
    app = create_app(folders(tmp_path), api.RUN)
    keys = safety.Keys(ADDRESS)
    guard = safety.Guard(app, keys, {"MACHINE:8760"}, by_number=True)
    with TestClient(guard, base_url=ADDRESS, follow_redirects=False) as client:
        answer = client.get(f"/?token={keys.token}", headers={"host": host})
    app.state.close()
    assert answer.status_code == (303 if known else 421)


def test_reports_and_pictures_behind_links_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret")
    place = folders(tmp_path / "home")
    run = place.runs / "run"
    (run / "samples").mkdir(parents=True)
    keys = ("data", "preset", "task", "batch", "seed", "network", "optimizer")
    (run / "settings.json").write_text(json.dumps(dict.fromkeys(keys)))
    for name in ("report.html", "real.png", "samples/0000001.png"):
        (run / name).symlink_to(tmp_path / "secret.html")
    with opened(tmp_path / "home") as client:
        for path, asked in (
            ("report", {}),
            ("picture", {"which": "real"}),
            ("picture", {"which": "0000001"}),
        ):
            answer = client.get(f"/api/run/{path}", params={"id": "run", **asked})
            assert answer.status_code in (400, 404)
            assert "secret" not in answer.text
