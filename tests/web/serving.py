"""The studio as its users have it: in memory for requests, as a process for browsers."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from elegan import api
from elegan.web.folders import Folders
from elegan.web.safety import Guard, Keys
from elegan.web.server import create_app

ADDRESS = "http://127.0.0.1:8471"


def folders(home: Path) -> Folders:
    """Runs, images and work within one folder; nothing else may be looked into."""
    for name in ("runs", "images"):
        (home / name).mkdir(parents=True, exist_ok=True)
    return Folders(runs=home / "runs", roots=(home / "images",), work=home / "work")


@contextmanager
def stranger(home: Path) -> Iterator[tuple[TestClient, Keys]]:
    """A browser that has not opened the start address."""
    app = create_app(folders(home), api.RUN)
    keys = Keys(ADDRESS)
    guard = Guard(app, keys, {"127.0.0.1:8471", "localhost:8471"})
    with TestClient(guard, base_url=ADDRESS, follow_redirects=False) as client:
        yield client, keys
    app.state.close()


@contextmanager
def opened(home: Path) -> Iterator[TestClient]:
    """A browser that has, and says where its requests come from."""
    with stranger(home) as (client, keys):
        assert client.get(f"/?token={keys.token}").status_code == 303
        client.headers["origin"] = ADDRESS
        yield client


@contextmanager
def process(home: Path, port: int) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """`elegan studio` in a folder; yields its start address and the process."""
    words = [sys.executable, "-m", "elegan", "studio", "--no-browser", "--port", str(port)]
    said = home / "studio.log"
    with said.open("w", encoding="utf-8") as log:
        studio = subprocess.Popen(
            words,
            cwd=home,
            stderr=log,
            stdout=log,
            text=True,
            env={**os.environ, "HOME": str(home)},
        )
    try:
        for _ in range(1200):
            if found := re.search(r"http://\S+token=\S+", said.read_text(encoding="utf-8")):
                break
            assert studio.poll() is None, said.read_text(encoding="utf-8")
            time.sleep(0.05)
        else:
            raise TimeoutError("the studio did not start")
        yield found.group(), studio
    finally:
        studio.terminate()
        studio.wait(30)
