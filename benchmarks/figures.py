"""What every figure carries: commit, machine, threads, seed; and the file that keeps it."""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

import elegan


def provenance() -> dict[str, Any]:
    """Returns where and with what a figure is measured."""
    return {
        "elegan": elegan.__version__,
        "commit": commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def commit() -> str:
    """Returns the commit of the code, marked where files differ from it."""
    words = ["git", "describe", "--always", "--dirty"]
    folder = Path(__file__).parent
    found = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
    return found.stdout.strip() or "unknown"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    name = next((one.split(":")[1].strip() for one in lines if one.startswith("model name")), "")
    flags = next((one for one in lines if one.startswith("flags")), "")
    return name + (" with AMX" if "amx_bf16" in flags else "")


def publish(name: str, text: str, facts: dict[str, Any], folder: Path) -> None:
    """Prints a figure and keeps it as NAME.md and NAME.json under `folder`."""
    where = provenance()
    line = ", ".join(f"{key} {value}" for key, value in where.items())
    body = f"{text}\n\n*{line}*\n"
    print(body)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(body)
    (folder / f"{name}.json").write_text(
        json.dumps({**facts, "provenance": where}, indent=1) + "\n"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def last_json(command: list[str], **options: Any) -> dict[str, Any]:
    """Runs a command whose stdout ends in one JSON object; its stderr passes through."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options)
    return json.loads(done.stdout.strip().splitlines()[-1])
