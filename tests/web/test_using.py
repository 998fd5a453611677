"""Models in use through the routes: drawing, photos with masks, the queue, characters, classes."""

import io
import json
import shutil
import socket
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import translators
from PIL import Image
from starlette.testclient import TestClient

from elegan import api
from elegan.applications.characters.making import make_characters
from elegan.applications.characters.model import CharacterModel
from elegan.common.errors import EleganError
from elegan.data.pictures import grid
from elegan.models import Model, save_model
from elegan.models.interpolation import slerp
from elegan.models.model import latent_noise
from elegan.networks import ImageShape, build_generator
from elegan.web import photographs, queueing
from elegan.web.folders import Folders
from elegan.web.loading import MAX_WAITING, Models, Overtaken, Turns
from elegan.web.safety import MAX_JSON, Guard, Keys
from elegan.web.server import create_app


def a_run(runs: Path, name: str) -> Path:
    folder = runs / name
    (folder / "model").mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(asdict(tiny.settings())))
    (folder / "events.jsonl").write_text("")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    runs = tmp_path / "runs"
    for name, classes in (("plain", ()), ("kinds", ("cat", "dog"))):
        shape = ImageShape(resolution=16, channels=1, classes=len(classes))
        sizes = {"width": 8, "latent": 8}
        save_model(
            a_run(runs, name) / "model",
            build_generator("article", shape, **sizes),
            name="article",
            shape=shape,
            sizes=sizes,
            classes=classes,
            task="generate",
            training={"images": 1, "data": "tiny"},
        )
    for task in ("restore", "stylize"):
        translators.write(a_run(runs, task) / "model", task)
    translators.write(a_run(runs, "upscale") / "model", "upscale", scale=2)
    return Folders(runs=runs, roots=(tmp_path,), work=tmp_path / "work")


@pytest.fixture
def client(folders: Folders) -> Iterator[TestClient]:
    app = create_app(folders, api.RUN)
    with TestClient(app) as found:
        yield found
    app.state.close()


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def png(pixels: np.ndarray, **more: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", **more)
    return content.getvalue()


def uploaded(client: TestClient, content: bytes, name: str = "photo.png") -> dict[str, Any]:
    answer = client.put("/api/photos", params={"name": name}, content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def finished(client: TestClient, job: str) -> dict[str, Any]:
    for _ in range(600):
        found = next(row for row in client.get("/api/jobs").json()["jobs"] if row["id"] == job)
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.02)
    raise AssertionError("The job did not end.")


def changed(client: TestClient, photos: list[str], **asked: Any) -> dict[str, Any]:
    answer = client.post("/api/jobs", json={"photos": photos, **asked})
    assert answer.status_code == 200, answer.text
    return finished(client, answer.json()["id"])


def result(client: TestClient, job: dict[str, Any], photo: str) -> np.ndarray:
    answer = client.get("/api/results/file", params={"id": job["id"], "photo": photo})
    assert answer.status_code == 200, answer.text
    return pixels_of(answer.content)


# --- which models, drawing ----------------------------------------------------------------------


def test_models_are_listed_by_what_they_can_do(client: TestClient) -> None:
    rows = {row["id"]: row for row in client.get("/api/models").json()["models"]}
    assert rows["run/plain"]["uses"] == ["generate"]
    assert rows["run/restore"]["uses"] == ["restore"]
    assert rows["shipped/upscale-x4"]["scale"] == 4
    assert "shipped/characters" in rows


def test_a_draw_is_that_of_the_verb(client: TestClient, folders: Folders) -> None:
    model = Model.load(folders.runs / "kinds")
    asked = {"model": "run/kinds", "n": 12, "seed": 5, "label": "dog"}
    first, again = (client.post("/api/draw", json=asked).content for _ in range(2))
    assert first == again
    expected = model.generate(12, seed=5, label="dog")
    assert np.array_equal(pixels_of(first), grid(expected.images, 10, gap=0)[..., 0])
    sheet = client.post("/api/draw/sheet", json=asked).content
    assert np.array_equal(pixels_of(sheet), expected.sheet()[..., 0])
    arrays = np.load(io.BytesIO(client.post("/api/draw/arrays", json=asked).content))
    assert np.array_equal(arrays["images"], expected.images)
    assert int(arrays["seed"]) == 5


def test_a_slider_moves_latents_along_its_direction(client: TestClient, folders: Folders) -> None:
    from elegan.models.directions import find_directions

    model = Model.load(folders.runs / "plain")
    asked = {"model": "run/plain", "n": 4, "seed": 1, "moves": [0, 2.5]}
    moved = latent_noise(4, model.latent, 1) + 2.5 * find_directions(model, 2).vectors[1]
    expected = grid(model.from_latents(moved), 10, gap=0)[..., 0]
    assert np.array_equal(pixels_of(client.post("/api/draw", json=asked).content), expected)


def test_a_walk_begins_and_ends_at_its_images(client: TestClient, folders: Folders) -> None:
    model = Model.load(folders.runs / "plain")
    images = model.generate(4, seed=2).images
    asked = {"model": "run/plain", "n": 4, "seed": 2, "start": 1, "end": 3}

    def at(share: float) -> np.ndarray:
        return pixels_of(client.post("/api/draw/walk", json={**asked, "share": share}).content)

    assert np.abs(at(0).astype(int) - images[1, ..., 0]).max() <= 1
    assert np.abs(at(1).astype(int) - images[3, ..., 0]).max() <= 1
    ends = latent_noise(4, model.latent, 2)[[1, 3]]
    half = model.from_latents(slerp(ends[:1], ends[1:], 0.5))[0, ..., 0]
    assert np.array_equal(at(0.5), half)
    film = Image.open(io.BytesIO(client.post("/api/draw/film", json=asked).content))
    assert film.format == "GIF"
    assert getattr(film, "n_frames", 1) > 10


def test_a_walk_between_classes_blends_them(client: TestClient, folders: Folders) -> None:
    images = Model.load(folders.runs / "kinds").generate(2, seed=0).images
    asked = {"model": "run/kinds", "n": 2, "seed": 0, "start": 0, "end": 1, "share": 1}
    end = pixels_of(client.post("/api/draw/walk", json=asked).content)
    assert np.abs(end.astype(int) - images[1, ..., 0]).max() <= 1


def test_a_model_is_read_anew_when_its_run_has_written_another(
    client: TestClient, folders: Folders
) -> None:
    asked = {"model": "run/plain", "n": 2}
    before = client.post("/api/draw", json=asked).content
    other = build_generator("article", ImageShape(resolution=16, channels=1), width=8, latent=8)
    save_model(
        folders.runs / "plain" / "model",
        other,
        name="article",
        shape=ImageShape(resolution=16, channels=1),
        sizes={"width": 8, "latent": 8},
        classes=(),
        task="generate",
        training={"images": 123},
    )
    assert client.post("/api/draw", json=asked).content != before


@pytest.mark.parametrize(
    "name",
    ["run/../plain", "run/../../etc", "shipped/../upscale-x2", "shipped/", "/etc", "run/", "plain"],
)
def test_a_name_that_is_no_model_opens_nothing(client: TestClient, name: str) -> None:
    answer = client.post("/api/draw", json={"model": name})
    assert answer.status_code in (400, 404)
    assert answer.json()["error"].startswith("There is no")


@pytest.mark.parametrize(
    "more",
    [{"n": 101}, {"n": 0}, {"seed": -1}, {"moves": [0] * 7}, {"moves": [99]}, {"truncation": 0}],
)
def test_a_draw_has_bounds(client: TestClient, more: dict[str, Any]) -> None:
    assert client.post("/api/draw", json={"model": "run/plain", **more}).status_code == 422


def test_the_newest_request_of_a_place_wins() -> None:
    turns, begun, free = Turns(), threading.Event(), threading.Event()
    done: list[str] = []

    def render(name: str, seat: str, number: int) -> None:
        def act() -> None:
            begun.set()
            free.wait(5)
            done.append(name)

        try:
            turns.take(seat, number, act)
        except Overtaken:
            done.append(f"{name} overtaken")

    def start(*asked: Any) -> threading.Thread:
        thread = threading.Thread(target=render, args=asked)
        thread.start()
        return thread

    threads = [start("first", "a", 1)]
    assert begun.wait(5)
    threads += [start("old", "a", 2), start("other", "b", 1), start("new", "a", 4)]
    late = start("late", "a", 3)  # sent before the newest, and arrives after it
    while len(done) < 2:
        time.sleep(0.001)
    assert sorted(done) == ["late overtaken", "old overtaken"]
    free.set()
    for thread in (*threads, late):
        thread.join(5)
    assert sorted(done[2:]) == ["first", "new", "other"]


def test_requests_without_a_place_do_not_replace_each_other(client: TestClient) -> None:
    asked = [{"model": "run/plain", "n": 9, "seed": seed} for seed in range(4)]
    answers: list[int] = []

    def ask(values: dict[str, Any]) -> None:
        answers.append(client.post("/api/draw/sheet", json=values).status_code)

    threads = [threading.Thread(target=ask, args=(values,)) for values in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [200] * 4


def test_renders_that_wait_are_bounded() -> None:
    """Each of them holds a thread of the server, which answers all else with the others."""
    turns, begun, free = Turns(), threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        free.wait(5)

    threads = [
        threading.Thread(target=turns.take, args=("", 0, act)) for _ in range(MAX_WAITING + 1)
    ]
    threads[0].start()
    assert begun.wait(5)
    for thread in threads[1:]:
        thread.start()
    while turns._waiting < MAX_WAITING:
        time.sleep(0.001)
    with pytest.raises(EleganError, match="busy"):
        turns.take("", 0, act)
    free.set()
    for thread in threads:
        thread.join(5)
    assert turns.take("", 0, lambda: "free") == "free"


def test_whatever_computes_takes_its_turn(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Taken(EleganError): ...

    def take(*asked: Any) -> None:
        raise Taken("taken")

    monkeypatch.setattr(Turns, "take", take)
    monkeypatch.setattr(Models, "refuse", lambda *asked: None)
    number = uploaded(client, png(translators.photo(16, 16)))["id"]
    model = {"model": "run/plain"}
    for path in ("", "/sheet", "/arrays", "/tour"):
        assert client.post(f"/api/draw{path}", json=model).json()["error"] == "taken"
    told = client.post("/api/classify", json={**model, "photos": [number]})
    assert told.json()["error"] == "taken"
    assert client.get("/api/draw/about", params=model).json()["error"] == "taken"


# --- photos and the queue -----------------------------------------------------------------------


def test_a_mask_changes_only_what_it_covers(client: TestClient) -> None:
    photo = translators.photo(40, 50)
    number = uploaded(client, png(photo))["id"]
    mask = np.zeros((40, 50), np.uint8)
    mask[5:15, 10:30] = 255
    answer = client.put("/api/photos/mask", params={"id": number}, content=png(mask))
    assert answer.json()["masked"]
    job = changed(client, [number], verb="restore", model="run/restore")
    made = result(client, job, number)
    assert np.array_equal(made[mask == 0], photo[mask == 0])
    assert (made[mask > 0] != photo[mask > 0]).any()
    whole = changed(client, [number], verb="restore", model="run/restore", painted=False)
    assert (result(client, whole, number)[mask == 0] != photo[mask == 0]).any()
    client.put("/api/photos/mask", params={"id": number}, content=png(0 * mask))
    assert not client.get("/api/photos").json()["photos"][0]["masked"]


def test_a_mask_is_painted_on_the_photo_as_the_verb_sees_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a photo that lies on its side, and whose preview is smaller than itself."""
    monkeypatch.setattr(photographs, "PREVIEW", 32)
    lying = translators.photo(48, 64)
    turn = Image.Exif()
    turn[0x0112] = 6  # upright after a quarter turn to the right
    row = uploaded(client, png(lying, exif=turn))
    assert row["size"] == [48, 64]
    assert row["shown"] == [24, 32]
    mask = np.zeros((32, 24), np.uint8)
    mask[:16] = 255
    client.put("/api/photos/mask", params={"id": row["id"]}, content=png(mask))
    job = changed(client, [row["id"]], verb="restore", model="run/restore")
    upright = np.rot90(lying, -1)
    made = result(client, job, row["id"])
    assert np.array_equal(made[33:], upright[33:])
    assert (made[:31] != upright[:31]).any(axis=2).mean() > 0.5


def test_a_preview_is_upright(client: TestClient) -> None:
    turn = Image.Exif()
    turn[0x0112] = 6
    lying = translators.photo(20, 30)
    number = uploaded(client, png(lying, exif=turn))["id"]
    shown = client.get("/api/photos/preview", params={"id": number})
    assert np.array_equal(pixels_of(shown.content), np.rot90(lying, -1))


def test_results_are_those_of_the_verb(client: TestClient, folders: Folders) -> None:
    photo = translators.photo(24, 20)
    number = uploaded(client, png(photo), "holiday/a photo.png")["id"]
    options = {"verb": "upscale", "model": "run/upscale", "scale": 1.5, "strength": 0.5}
    job = changed(client, [number], **options)
    assert job["items"][0]["size"] == [30, 36]
    expected = api.upscale(photo, model=folders.runs / "upscale", scale=1.5, strength=0.5)
    assert np.array_equal(result(client, job, number), expected)
    whole = client.get("/api/results/zip", params={"verb": "upscale"})
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.namelist() == ["holiday/a photo.png"]


def test_a_photo_that_fails_says_why_and_stops_no_other(client: TestClient) -> None:
    numbers = [
        uploaded(client, content, f"{index}.png")["id"]
        for index, content in enumerate((b"no image", png(translators.photo(16, 16))))
    ]
    job = changed(client, numbers, verb="stylize", model="run/stylize")
    assert [item["state"] for item in job["items"]] == ["failed", "done"]
    assert "image" in job["items"][0]["reason"]
    assert job["state"] == "failed"


def test_alike_names_stay_apart(client: TestClient) -> None:
    numbers = [
        uploaded(client, png(translators.photo(16, side)), "x.png")["id"] for side in (16, 18)
    ]
    changed(client, numbers, verb="stylize", model="run/stylize")
    whole = client.get("/api/results/zip", params={"verb": "stylize"})
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert sorted(archive.namelist()) == ["x-2.png", "x.png"]


@pytest.mark.parametrize("name", ["../../x.png", "/etc/x.png", "..\\..\\x.png", "a/../../x.png"])
def test_a_hostile_name_stays_in_its_folder(
    client: TestClient, folders: Folders, name: str
) -> None:
    row = uploaded(client, png(translators.photo(16, 16)), name)
    files = list(folders.work.parent.rglob("*.png"))
    assert files == [folders.work / "photos" / row["id"] / "x.png"]
    assert ".." not in row["name"]


@pytest.mark.parametrize("name", ["x.exe", "..", "png", "x.png/..", "x.svg", "x\x00"])
def test_what_is_no_photo_by_its_name_is_refused(client: TestClient, name: str) -> None:
    answer = client.put("/api/photos", params={"name": name}, content=b"x")
    assert answer.status_code == 400
    assert client.get("/api/photos").json()["photos"] == []


def test_photos_are_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "MAX_PHOTOS", 1)
    kept = uploaded(client, png(translators.photo(16, 16)))["id"]
    answer = client.put("/api/photos", params={"name": "y.png"}, content=b"x")
    assert "Remove some" in answer.json()["error"]
    client.post("/api/photos/remove", json={"photos": [kept]})
    monkeypatch.setattr(photographs, "MAX_BYTES", 10)
    assert client.put("/api/photos", params={"name": "y.png"}, content=b"x" * 11).status_code == 400


def test_photos_that_are_on_their_way_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "MAX_PHOTOS", 2)
    monkeypatch.setattr(photographs, "MAX_BYTES", 10)
    photos = photographs.Photos(tmp_path)
    first, _ = photos.place("x.png", 6)
    with pytest.raises(EleganError, match="together"):
        photos.place("y.png", 5)
    second, path = photos.place("y.png", 0)
    with pytest.raises(EleganError, match="holds"):
        photos.place("z.png", 0)
    photos.grow(second, 4)
    with pytest.raises(EleganError, match="together"):
        photos.grow(second, 5)
    photos.settle(second)
    assert not path.parent.exists()
    photos.grow(first, 10)
    photos.settle(first)
    assert list(tmp_path.iterdir()) == []
    photos.place("z.png", 10)


def test_a_photo_of_unknown_size_is_counted_as_it_comes(
    client: TestClient, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "MAX_BYTES", 10)
    asked = {"name": "y.png"}
    answer = client.put("/api/photos", params=asked, content=iter([b"x" * 6] * 2))
    assert "together" in answer.json()["error"]
    assert list((folders.work / "photos").iterdir()) == []
    assert client.put("/api/photos", params=asked, content=iter([b"x" * 5] * 2)).status_code == 200


def test_what_moves_is_told_by_its_content(client: TestClient) -> None:
    frames = [Image.fromarray(translators.photo(16, side)) for side in (16, 16, 16)]
    for frame, shade in zip(frames, (0, 90, 180), strict=True):
        frame.paste((shade, shade, shade), (0, 0, 8, 8))
    content = io.BytesIO()
    frames[0].save(content, format="GIF", save_all=True, append_images=frames[1:])
    row = uploaded(client, content.getvalue(), "moving.gif")
    assert row["moves"]
    mask = png(np.full((16, 16), 255, np.uint8))
    answer = client.put("/api/photos/mask", params={"id": row["id"]}, content=mask)
    assert "moves" in answer.json()["error"]
    content = io.BytesIO()
    frames[0].save(content, format="GIF")
    assert not uploaded(client, content.getvalue(), "still.gif")["moves"]


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_other_animations_move_too(client: TestClient, suffix: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    content = io.BytesIO()
    frames[0].save(content, format=suffix.upper(), save_all=True, append_images=frames[1:])
    row = uploaded(client, content.getvalue(), f"moving.{suffix}")
    assert row["moves"]
    mask = png(np.full((16, 16), 255, np.uint8))
    answer = client.put("/api/photos/mask", params={"id": row["id"]}, content=mask)
    assert "moves" in answer.json()["error"]


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_000, 1), (2**31 - 1, 2**31 - 1)])
def test_a_mask_is_refused_by_its_header(client: TestClient, size: tuple[int, int]) -> None:
    number = uploaded(client, png(translators.photo(16, 16)))["id"]
    whole = bytearray(png(np.zeros((4, 4), np.uint8)))
    struct.pack_into(">II", whole, 16, *size)
    struct.pack_into(">I", whole, 29, zlib.crc32(whole[12:29]))
    answer = client.put("/api/photos/mask", params={"id": number}, content=bytes(whole))
    assert answer.status_code == 400
    assert "pixels a side" in answer.json()["error"]
    for content in (b"", b"no mask", bytes(whole[:20]), png(np.zeros((4, 4), np.uint8))[:40]):
        answer = client.put("/api/photos/mask", params={"id": number}, content=content)
        assert "no PNG" in answer.json()["error"]


def test_photos_are_removed_all_or_none(client: TestClient) -> None:
    free, used = (
        uploaded(client, png(translators.photo(16, 16)), f"{i}.png")["id"] for i in range(2)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queueing.Queue, "uses", lambda queue, number: number == used)
        answer = client.post("/api/photos/remove", json={"photos": [free, used]})
    assert "job" in answer.json()["error"]
    assert len(client.get("/api/photos").json()["photos"]) == 2


def test_options_of_another_verb_are_refused(client: TestClient) -> None:
    number = uploaded(client, png(translators.photo(16, 16)))["id"]
    asked = {"verb": "stylize", "photos": [number], "scale": 2}
    assert "no option" in client.post("/api/jobs", json=asked).json()["error"]
    asked = {"verb": "restore", "photos": [number], "mask": "/etc/passwd"}
    assert client.post("/api/jobs", json=asked).status_code == 422


def test_a_model_for_something_else_is_refused(client: TestClient) -> None:
    number = uploaded(client, png(translators.photo(16, 16)))["id"]
    for model in ("run/restore", "run/plain", "shipped/characters"):
        asked = {"verb": "upscale", "photos": [number], "model": model}
        assert "Choose another" in client.post("/api/jobs", json=asked).json()["error"]
        asked = {"photos": [number], "model": model}
        assert "Choose another" in client.post("/api/classify", json=asked).json()["error"]
    for model in ("run/restore", "shipped/characters"):
        assert "Choose another" in client.post("/api/draw", json={"model": model}).json()["error"]
    pose = {"model": "run/plain", "n": 1}
    assert "Choose another" in client.post("/api/characters", json=pose).json()["error"]


def test_a_newer_job_takes_the_place_of_an_older_one(client: TestClient) -> None:
    numbers = [uploaded(client, png(translators.photo(16, 16)), f"{i}.png")["id"] for i in range(2)]
    options = {"verb": "stylize", "model": "run/stylize"}
    old = changed(client, numbers, **options)
    new = changed(client, numbers[:1], **options)
    told = client.get("/api/jobs").json()["jobs"]
    assert [(row["id"], [item["photo"] for item in row["items"]]) for row in told] == [
        (new["id"], numbers[:1]),
        (old["id"], numbers[1:]),
    ]
    client.post("/api/photos/remove", json={"photos": numbers})
    assert client.get("/api/jobs").json()["jobs"] == []
    assert client.get("/api/results/zip", params={"verb": "stylize"}).status_code == 400


def test_a_photo_may_be_larger_than_other_requests(folders: Folders) -> None:
    host, big = "127.0.0.1:8600", b"x" * (MAX_JSON + 1)
    keys = Keys(f"http://{host}")
    app = create_app(folders, api.RUN)
    client = TestClient(Guard(app, keys, [host]), base_url=f"http://{host}")
    client.get("/", params={"token": keys.token})
    own = {"origin": f"http://{host}"}
    photo = client.put("/api/photos", params={"name": "x.png"}, content=big, headers=own)
    assert photo.status_code == 200
    assert client.post("/api/jobs", content=big, headers=own).status_code == 413
    assert client.put("/api/photos", params={"name": "y.png"}, content=b"x").status_code == 403
    app.state.close()


class Waiting:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.free, self.begun = threading.Event(), threading.Event()

    def __call__(self, item: Any, out: Path, watch: Any) -> Any:
        from elegan.applications.photos.journal import Outcome, Translated

        self.begun.set()
        while not self.free.wait(0.005):
            if watch.stops():
                return Translated(out=out, model="", about={}, outcomes=(), total=1, stopped=True)
        outcome = Outcome(source="x", state="done", output="x.png", size=(1, 1))
        return Translated(out=out, model="", about={}, outcomes=(outcome,), total=1)


def test_the_queue_is_bounded_and_can_be_cancelled(tmp_path: Path) -> None:
    queue, work = queueing.Queue(tmp_path / "results"), Waiting()

    def submit() -> queueing.Job:
        return queue.submit("upscale", [queueing.Item(photo="p", name="x.png")], work)

    jobs = [submit() for _ in range(queueing.MAX_WAITING)]
    with pytest.raises(Exception, match="full"):
        submit()
    assert work.begun.wait(5)
    with pytest.raises(Exception, match="goes on"):
        queue.retry(jobs[0].id)
    queue.cancel(jobs[0].id)
    queue.cancel(jobs[5].id)
    while jobs[0].is_open:
        time.sleep(0.001)
    assert jobs[0].state == jobs[5].state == "cancelled"
    work.free.set()
    queue.retry(jobs[0].id)
    while any(job.is_open for job in jobs):
        time.sleep(0.001)
    assert [job.state for job in jobs if job is not jobs[5]] == ["done"] * (len(jobs) - 1)
    queue.close()


def test_only_the_newest_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "MAX_KEPT", 3)
    queue, work = queueing.Queue(tmp_path / "results"), Waiting()
    work.free.set()
    names = []
    for _ in range(5):
        job = queue.submit("upscale", [queueing.Item(photo="p", name="x.png")], work)
        job.folder.mkdir(parents=True)
        while job.is_open:
            time.sleep(0.001)
        names.append(job.id)
    assert [job.id for job in queue.jobs()] == names[:1:-1]
    assert {path.name for path in (tmp_path / "results").iterdir()} == set(names[2:])
    queue.close()


def test_closing_removes_what_was_uploaded_and_made(folders: Folders) -> None:
    app = create_app(folders, api.RUN)
    with TestClient(app) as client:
        number = uploaded(client, png(translators.photo(16, 16)))["id"]
        changed(client, [number], verb="stylize", model="run/stylize")
        assert list(folders.work.rglob("*.png"))
    app.state.close()
    assert not list(folders.work.rglob("*.png"))


# --- characters, classes ------------------------------------------------------------------------


def test_a_moved_point_changes_the_picture_as_the_verb_would(
    client: TestClient, tmp_path: Path
) -> None:
    model, asked = "shipped/characters", {"n": 1, "seed": 3, "attribute": {"hair-colour": "pink"}}
    made = client.post("/api/characters", json={"model": model, **asked}).json()
    row = made["characters"][0]
    place = {"id": made["id"], "name": row["picture"]}
    before = pixels_of(client.get("/api/characters/file", params=place).content)
    pose = {"model": model, "points": row["points"]}
    same = client.post("/api/characters/render", json=pose).content
    expected = CharacterModel.load().generate(1, seed=3, attributes={"hair-colour": "pink"})[0]
    assert expected.to_dict()["palette"] == row["points"]["palette"]
    assert np.abs(pixels_of(same).astype(int) - before).mean() < 0.2  # points are rounded
    mouth = [[x, y + 0.05] for x, y in row["points"]["outlines"]["mouth"]]
    row["points"]["outlines"]["mouth"] = mouth
    moved = client.post("/api/characters/render", json=pose).content
    assert (pixels_of(moved) != pixels_of(same)).any()
    file = tmp_path / "mine.points.json"
    file.write_text(json.dumps(row["points"]))
    make_characters(CharacterModel.load(), tmp_path / "out", points=file)
    assert np.array_equal(pixels_of(moved), np.asarray(Image.open(tmp_path / "out" / "mine.png")))
    files = client.post("/api/characters/make", json=pose).json()
    place = {"id": files["id"], "name": files["characters"][0]["picture"]}
    assert np.array_equal(
        pixels_of(client.get("/api/characters/file", params=place).content), pixels_of(moved)
    )


def test_points_that_cannot_be_filled_are_told(client: TestClient) -> None:
    pose = {"model": "shipped/characters", "points": {"format": "elegan-points", "version": 1}}
    answer = client.post("/api/characters/render", json=pose)
    assert answer.status_code in (400, 404)
    assert "outline" in answer.json()["error"]


@pytest.mark.parametrize("route", ["render", "make"])
def test_points_that_are_no_places_are_told(client: TestClient, route: str) -> None:
    points = {"format": "elegan-points", "version": 1}
    for wrong in ([[[10**400, 0]]], [[1e300, 0]], [[0, 0, 0]], ["x"], [[0, 0]] * 401, 5, "x"):
        for key in ("outlines", "key_points"):
            pose = {"model": "shipped/characters", "points": {**points, key: {"face": wrong}}}
            answer = client.post(f"/api/characters/{route}", json=pose)
            assert answer.status_code == 422
            assert key in answer.json()["error"]


def test_characters_that_fail_leave_no_files(client: TestClient, folders: Folders) -> None:
    made = client.post("/api/characters", json={"model": "shipped/characters", "n": 1}).json()
    pose = {"model": "run/plain", "points": made["characters"][0]["points"]}
    assert "Choose another" in client.post("/api/characters/make", json=pose).json()["error"]
    assert [path.name for path in folders.work.glob("characters/*")] == [made["id"]]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", "0-0000.png"])
def test_files_of_characters_are_those_that_were_made(client: TestClient, name: str) -> None:
    asked = {"id": "0" * 12, "name": name}
    assert client.get("/api/characters/file", params=asked).status_code in (400, 404)


@pytest.mark.slow
def test_classes_are_those_of_the_verb(client: TestClient, folders: Folders) -> None:
    data = tiny.image_data(classes=2)
    folder = folders.runs.parent / "data"
    for index, image in enumerate(data.images):
        place = folder / data.classes[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(place / f"{index}.png")
    run = api.train(
        str(folder), preset="classify", images=64, batch=8, out=str(folders.runs / "tell")
    )
    numbers = [
        uploaded(client, png(image[..., 0]), f"{index}.png")["id"]
        for index, image in enumerate(data.images[:4])
    ]
    answer = client.post("/api/classify", json={"model": "run/tell", "photos": numbers}).json()
    paths = [str(folders.work / "photos" / number / f"{i}.png") for i, number in enumerate(numbers)]
    expected = api.classify(run.path, paths)
    told = [(row["name"], row["classes"][0]["name"]) for row in answer["rows"]]
    assert told == [
        (f"{index}.png", expected.classes[found]) for index, found in enumerate(expected.predicted)
    ]
    assert answer["csv"].splitlines()[1].startswith("0.png,")


# --- the pages in a browser ---------------------------------------------------------------------


@pytest.fixture
def address(folders: Folders) -> Iterator[str]:
    uvicorn = pytest.importorskip("uvicorn")
    app = create_app(folders, api.RUN)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    app.state.close()


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_context(viewport={"width": 360, "height": 740}, locale="en").new_page()
        faults: list[str] = []
        shown.on("pageerror", lambda error: faults.append(str(error)))
        shown.set_default_timeout(20_000)
        shown.goto(address)
        yield shown
        assert faults == []
        assert shown.evaluate("document.documentElement.scrollWidth") <= 360
        assert shown.evaluate("import('/static/core.js').then((core) => core.missingWords())") == []
        browser.close()


@pytest.mark.slow
def test_a_person_walks_from_one_image_to_another(page: Any, address: str) -> None:
    page.goto(f"{address}/#/use/kinds")
    page.get_by_role("button", name="Image 1, cat").click()
    page.get_by_role("button", name="Image 4, dog").click()
    walk = page.get_by_label("Walk")
    walk.focus()
    before = page.locator(".walked").evaluate("(canvas) => canvas.toDataURL()")
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(before) => document.querySelector('.walked').toDataURL() !== before", arg=before
    )
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG", exact=True).click()
    assert saved.value.suggested_filename == "samples.png"


@pytest.mark.slow
def test_a_person_paints_a_mask_with_the_keyboard(page: Any, address: str, tmp_path: Path) -> None:
    photo = translators.photo(40, 50)
    (tmp_path / "photo.png").write_bytes(png(photo))
    page.goto(f"{address}/#/use/restore")
    page.get_by_label("Model").select_option("run/restore")
    page.locator("input[type=file]").first.set_input_files(str(tmp_path / "photo.png"))
    page.get_by_role("button", name="Open photo.png").click()
    page.get_by_label("Paint a mask").check()
    page.get_by_text("Rectangle by numbers").click()
    for name, value in (("Left", 10), ("Top", 5), ("Width", 20), ("Height", 8)):
        page.get_by_label(name, exact=True).fill(str(value))
    page.get_by_role("button", name="Fill").click()
    page.get_by_role("button", name="Run on this photo").click()
    page.locator(".tag.done").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download photo.png").click()
    made = np.asarray(Image.open(saved.value.path()))
    changed_there = (made != photo).any(axis=2)
    assert changed_there[5:13, 10:30].mean() > 0.5
    changed_there[4:14, 9:31] = False
    assert not changed_there.any()


def _opened(
    page: Any, address: str, tmp_path: Path, *names: str, photo: np.ndarray | None = None
) -> None:
    """Uploads photos to the page that restores, and opens the first of them to paint on."""
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_bytes(png(translators.photo(40, 50) if photo is None else photo))
    page.goto(f"{address}/#/use/restore")
    page.get_by_label("Model").select_option("run/restore")
    page.locator("input[type=file]").first.set_input_files([str(path) for path in paths])
    page.get_by_role("button", name=f"Open {names[0]}").click()
    page.get_by_label("Paint a mask").check()


@pytest.mark.slow
def test_a_stroke_of_the_brush_is_what_changes(page: Any, address: str, tmp_path: Path) -> None:
    photo = translators.photo(160, 200)
    _opened(page, address, tmp_path, "photo.png", photo=photo)
    canvas = page.locator("canvas.mask")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=8)
    page.mouse.up()
    page.get_by_role("button", name="Run on this photo").click()
    page.locator(".tag.done").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download photo.png").click()
    changed = (np.asarray(Image.open(saved.value.path())) != photo).any(axis=2)
    rows, columns = changed.any(axis=1).nonzero()[0], changed.any(axis=0).nonzero()[0]
    assert 0 < changed.mean() < 0.5
    assert rows.min() > 20
    assert rows.max() < 140
    assert columns.max() - columns.min() > rows.max() - rows.min()  # it went sideways


@pytest.mark.slow
def test_a_key_point_is_dragged(page: Any, address: str) -> None:
    page.goto(f"{address}/#/use/characters")
    page.get_by_role("button", name="Character 1:").click()
    point, picture = page.locator("circle[aria-label^='chin']"), page.locator(".pose img")
    point.scroll_into_view_if_needed()
    before, source = point.get_attribute("cy"), picture.get_attribute("src")
    box = point.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 25, steps=5)
    page.mouse.up()
    page.wait_for_timeout(3000)
    assert float(point.get_attribute("cy")) > float(before)
    assert picture.get_attribute("src") != source


@pytest.mark.slow
def test_a_mask_that_was_not_kept_once_is_kept_later(
    page: Any, address: str, tmp_path: Path
) -> None:
    _opened(page, address, tmp_path, "photo.png")
    page.route("**/api/photos/mask*", lambda route: route.abort(), times=1)
    page.locator(".view").focus()
    page.keyboard.press("Space")
    told = page.get_by_text("not kept yet")
    told.wait_for()
    with page.expect_response("**/api/photos/mask*") as kept:
        page.keyboard.press("Space")
    assert kept.value.ok
    told.wait_for(state="detached")
    page.route("**/api/photos/mask*", lambda route: route.abort(), times=1)
    page.get_by_text("Invert").click()
    told.wait_for()
    page.get_by_role("button", name="Run on this photo").click()
    page.locator(".tag.done").wait_for()


@pytest.mark.slow
def test_photos_that_are_gone_leave_the_list(page: Any, address: str, tmp_path: Path) -> None:
    _opened(page, address, tmp_path, "gone.png", "kept.png", "last.png")

    def remove(index: int) -> None:
        page.evaluate(
            """async (index) => {
              const core = await import("/static/core.js");
              const { photos } = await core.get("/api/photos");
              await core.post("/api/photos/remove", { photos: [photos[index].id] });
            }""",
            index,
        )

    remove(0)
    page.get_by_role("button", name="Run on all").click()
    page.get_by_text("no such photo any more").wait_for()
    page.get_by_text("gone.png").first.wait_for(state="detached")
    assert page.locator(".view").count() == 0
    remove(1)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_text("last.png").first.wait_for(state="detached")
    page.get_by_role("button", name="Run on all").click()
    page.locator(".tag.done").wait_for()


@pytest.mark.slow
def test_a_studio_that_does_not_answer_is_told_of(page: Any, address: str, tmp_path: Path) -> None:
    _opened(page, address, tmp_path, "photo.png")
    page.route("**/api/jobs", lambda route: route.abort(), times=4)
    told = page.get_by_text("What is shown here may be old")
    told.wait_for()
    assert told.count() == 1
    told.wait_for(state="detached")


@pytest.mark.slow
def test_the_last_model_that_is_chosen_is_shown(page: Any, address: str) -> None:
    held: list[Any] = []
    page.goto(f"{address}/#/use/generate/run%2Fplain")
    page.get_by_role("button", name="Image 1", exact=True).wait_for()
    page.route("**/api/draw/about?model=run%2Fkinds", lambda route: held.append(route))
    page.get_by_label("Model").select_option("run/kinds")
    page.get_by_label("Model").select_option("run/plain")
    page.get_by_label("Direction 1").wait_for()
    for route in held:
        route.continue_()
    page.wait_for_timeout(300)
    assert page.get_by_label("Class").count() == 0
    page.unroute_all()
    page.route("**/api/draw", lambda route: route.fulfill(status=500, body="{}"), times=1)
    page.get_by_label("Images", exact=True).fill("3")
    page.locator("#said .error").wait_for()
    assert page.locator(".grid").get_attribute("aria-busy") is None
    page.goto(f"{address}/#/use/constructor")
    page.get_by_text("There is no model 'constructor'.").wait_for()


@pytest.mark.slow
def test_a_person_moves_a_key_point_with_the_keyboard(page: Any, address: str) -> None:
    page.goto(f"{address}/#/use/characters")
    page.get_by_role("button", name="Character 1:").click()
    point = page.locator("circle[aria-label^='chin']")
    before, source = point.get_attribute("cy"), page.locator(".pose img").get_attribute("src")
    point.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "(source) => document.querySelector('.pose img').src !== source", arg=source
    )
    assert float(point.get_attribute("cy")) > float(before)
    page.get_by_role("button", name="Undo").click()
    assert point.get_attribute("cy") == before
