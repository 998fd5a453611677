"""A run folder as the engine writes it, made without training; a section of its page."""

import json
import math
import random
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.reports.report_data import ReportData
from elegan.reports.run_report import render

SETTINGS = {
    "data": "mnist",
    "task": "generate",
    "preset": "robust",
    "seed": 0,
    "batch": 64,
    "images": 1_200_000,
    "optimizer": {"rate": 0.0002, "betas": [0.0, 0.99]},
}
ENVIRONMENT = {
    "device": "cpu",
    "threads": 2,
    "precision": "bfloat16",
    "precision_reason": "the processor has AMX",
    "torch": "2.13.0+cpu",
    "python": "3.11.7",
}
SCORES = {
    "data": "mnist",
    "data_hash": "ab" * 32,
    "images_seen": 1_200_000,
    "extractor": {"name": "digits", "sha256": "0f" * 32, "dimensions": 128},
    "counts": {"generated": 10000, "reference": 60000, "floor": 10000},
    "seed": 0,
    "FD-digits": 3.21,
    "KID-digits": 0.00214,
    "KID-digits_deviation": 0.0003,
    "precision": 0.871,
    "recall": 0.642,
    "near_copies_pixels": 0.011,
    "class_frequencies": dict(
        zip("0123456789", (0.1, 0.12, 0.09, 0.1, 0.1, 0.08, 0.1, 0.11, 0.1, 0.1), strict=True)
    ),
    "reference_thresholds": {"pixels": 1.5},
    "floor_from": "10,000 held-out images",
    "notes": ["The floor is a little too high."],
    "floor": {
        "FD-digits": 0.031,
        "KID-digits": 0.00001,
        "precision": 0.93,
        "recall": 0.93,
        "near_copies_pixels": 0.01,
        "class_frequencies": dict.fromkeys("0123456789", 0.1),
    },
}
DATA = {
    "name": "mnist",
    "split": "train",
    "images": 60000,
    "resolution": 28,
    "channels": 1,
    "hash": "ab" * 32,
    "classes": {str(digit): 6000 for digit in range(10)},
    "files": {"used": 1, "converted": 1, "skipped": 1},
    "notes": [],
    "verdicts": [
        {"file": "train-images-idx3-ubyte.gz", "action": "used", "reason": ""},
        {"file": "photo.jpg", "action": "converted", "reason": "CMYK to gray"},
        {"file": "notes.txt", "action": "skipped", "reason": "not an image"},
    ],
}


def tick(images: int, total: int = 1_200_000, seed: int = 0) -> dict:
    """A tick with values that move as a healthy run's do."""
    noise = random.Random(images + seed)
    part = images / total
    return {
        "event": "tick",
        "images": images,
        "seconds": images / 5000,
        "losses": {
            "discriminator": 0.5 + 0.3 * math.exp(-9 * part) + noise.gauss(0, 0.03),
            "generator": 0.9 + 0.4 * part + noise.gauss(0, 0.05),
            "r1": 0.02 + 2 * math.exp(-25 * part) * noise.uniform(0.6, 1.4),
            "r2": 0.015 + 3 * math.exp(-25 * part) * noise.uniform(0.6, 1.4),
        },
        "signals": {
            "fooling_rate": 0.31 - 0.25 * math.exp(-14 * part) + noise.uniform(-0.04, 0.04),
            "score_gap": 1.3 + 0.5 * part + noise.gauss(0, 0.05),
            "held_out_gap": 0.2 * part + noise.gauss(0, 0.04),
            "duplicates": max(0.0, 0.01 + noise.gauss(0, 0.003)),
            "coverage": 0.85 * (1 - math.exp(-8 * part)) + noise.gauss(0, 0.01),
            "nearest": 1.1 + 2 * math.exp(-9 * part) + noise.gauss(0, 0.03),
            "gradient_norm_discriminator": 0.4 + 6 * math.exp(-20 * part) * noise.uniform(0.5, 2),
            "gradient_norm_generator": 0.12 * noise.uniform(0.7, 1.4),
        },
        "images_per_second": 5000 + noise.gauss(0, 90) - (1500 if images < 20_000 else 0),
        "health": "evenly matched: 31% of fakes pass for real; coverage 85% of the real images",
        "alarms": [],
    }


def events() -> list[dict]:
    """A run resumed once, guarded once and stopped at its goal."""
    lines: list[dict] = [{"event": "start", "images": 0, "seconds": 0.0}]
    for images in range(8_000, 1_200_001, 8_000):
        lines.append(tick(images))
        if images % 80_000 == 0:
            lines.append(
                {
                    "event": "snapshot",
                    "images": images,
                    "seconds": images / 5000,
                    "scores": {"FD-digits": 2.9 + 140 * (images / 20_000) ** -1.4},
                }
            )
        if images == 400_000:
            lines.append({"event": "resume", "images": images, "seconds": images / 5000})
        if images == 720_000:
            lines.append(
                {
                    "event": "guard",
                    "images": images,
                    "seconds": images / 5000,
                    "action": "skip",
                    "reason": "the gradient of the generator was not finite",
                }
            )
    stop = {"event": "stop", "images": 1_200_000, "seconds": 240.0, "reason": "done"}
    return [*lines, stop]


def write_events(run: Path, lines: list[dict]) -> None:
    """Writes `events.jsonl`, with NaN as Python's json writes it."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run / "events.jsonl").write_text(text, encoding="utf-8")


def write_run(run: Path) -> Path:
    """Writes a complete run folder."""
    (run / "samples").mkdir(parents=True)
    (run / "model").mkdir()
    (run / "checkpoints" / "0001").mkdir(parents=True)
    for name, document in (
        ("settings.json", SETTINGS),
        ("environment.json", ENVIRONMENT),
        ("data.json", DATA),
        ("scores.json", SCORES),
    ):
        (run / name).write_text(json.dumps(document), encoding="utf-8")
    write_events(run, events())
    noise = np.random.default_rng(0)
    for images in (0, 80_000, 160_000, 400_000, 800_000, 1_200_000):
        sheet = noise.integers(0, 256, (58, 58), dtype=np.uint8)
        Image.fromarray(sheet).save(run / "samples" / f"{images:07d}.png")
    for name in ("real.png", "first-batch.png"):
        Image.fromarray(noise.integers(0, 256, (58, 58), dtype=np.uint8)).save(run / name)
    (run / "model" / "generator-0a1b2c3d.safetensors").write_bytes(b"")
    named = {"tensors": "generator-0a1b2c3d.safetensors"}
    (run / "model" / "model.json").write_text(json.dumps(named), encoding="utf-8")
    (run / "checkpoints" / "0001" / "manifest.json").write_text("{}")
    return run


def section(report: ReportData, name: str) -> str:
    """Returns what the page's section `name` holds, as HTML; "" where the page has none."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', render(report), re.DOTALL)
    return found[1] if found else ""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "first digits")
