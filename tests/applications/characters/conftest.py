from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a cache of its own, and no network."""
    folder = tmp_path / "the cache"
    monkeypatch.setenv("ELEGAN_CACHE", str(folder))
    monkeypatch.setenv("ELEGAN_OFFLINE", "1")
    return folder
