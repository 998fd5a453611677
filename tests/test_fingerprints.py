"""What a few commands compute is what it was: a change of the code may not change a number.

The table beside this file holds every case of `benchmarks/fingerprints.py`. Hashes differ from
processor to processor, so the mean and the spread of each file's numbers are compared, to rounding.
To renew it after a change that is meant to alter results: `python benchmarks/fingerprints.py --out
tests/fingerprints.json`, and say why.
"""

import importlib.util
import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CASES = ["preset robust", "preset dcgan", "every penalty", "upscale x2", "stylize cycle"]
CASES += ["generate sheet", "upscale shipped", "restore colour", "character asked"]


def _script():
    path = HERE.parent / "benchmarks" / "fingerprints.py"
    spec = importlib.util.spec_from_file_location("fingerprints", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _compare(found: dict, wanted: dict) -> list[str]:
    """Names of artefacts that are missing, new, or differ by more than rounding."""
    different = sorted(found.keys() ^ wanted.keys())
    for name in found.keys() & wanted.keys():
        now, then = dict(found[name]), dict(wanted[name])
        now.pop("sha256", None)
        then.pop("sha256", None)
        scale = 1e-9 + abs(then.get("mean", 0)) + then.get("spread", 0)
        for key in now.keys() | then.keys():
            if abs(now.get(key, 1e9) - then.get(key, -1e9)) > 2e-3 * scale:
                different.append(f"{name}: {key} {now.get(key)} was {then.get(key)}")
    return different


def test_some_commands_compute_what_they_did(tmp_path: Path):
    found = _script().run_cases(tmp_path, CASES)
    table = json.loads((HERE / "fingerprints.json").read_text())
    assert not _compare(found, {k: v for k, v in table.items() if k.split(": ")[0] in CASES})


@pytest.mark.slow
def test_every_command_computes_what_it_did(tmp_path: Path):
    found = _script().run_cases(tmp_path)
    assert not _compare(found, json.loads((HERE / "fingerprints.json").read_text()))


def test_a_changed_number_is_seen():
    table = {"case: file": {"sha256": "0", "count": 4, "mean": 1.0, "spread": 0.5}}
    other = {"case: file": {"sha256": "1", "count": 4, "mean": 1.01, "spread": 0.5}}
    assert not _compare(table, table)
    assert _compare(other, table)
    assert _compare({}, table)
