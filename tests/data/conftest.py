import os
from pathlib import Path

import numpy as np
import pytest
from image_files import huge_png, save_noise
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a cache of its own, and no network."""
    folder = tmp_path / "the cache"
    monkeypatch.setenv("ELEGAN_CACHE", str(folder))
    monkeypatch.setenv("ELEGAN_OFFLINE", "1")
    return folder


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    """A folder with every kind of trouble that people's folders have."""
    folder = tmp_path / "nasty"
    folder.mkdir()
    for number in range(3):
        save_noise(folder / f"good{number}.png", number, (40, 30))
    save_noise(folder / "日本語 ñandú 🎈.png", 7)
    save_noise(folder / "whole.jpg", 8, (200, 200))
    data = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(data[: len(data) // 2])
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(folder / "cmyk.jpg")
    ramp = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(32, 32)
    Image.fromarray(ramp).save(folder / "deep.png")
    palette = Image.new("P", (32, 32), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(1, (0, 0, 16, 32))
    palette.save(folder / "palette.png", transparency=1)
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    (folder / "notes.txt").write_text("remember the milk", encoding="utf-8")
    (folder / "pretends.png").write_text("remember the milk", encoding="utf-8")
    (folder / "zero.png").write_bytes(b"")
    Image.new("RGB", (30000, 40), (9, 9, 9)).save(folder / "long.png")
    (folder / "huge.png").write_bytes(huge_png(30000))
    (folder / ".hidden.png").write_bytes(data)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to(folder / "self")
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    os.mkfifo(folder / "pipe.png")
    return folder
