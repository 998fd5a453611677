"""What this machine offers, checked by doing it."""

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass

from elegan.common.precision import choose
from elegan.data.cache import cache_folder


@dataclass(frozen=True)
class Check:
    """One line of `elegan doctor`."""

    name: str
    ok: bool
    found: str


def diagnose() -> list[Check]:
    """Returns every check, failures included; never raises for a missing optional part."""
    return [_python(), _torch(), _precision(), _convolution(), _cache(), _data(), *_extras()]


def _python() -> Check:
    return Check("Python", True, f"{platform.python_version()} on {platform.machine()}")


def _torch() -> Check:
    import torch

    kind = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    return Check("PyTorch", True, f"{torch.__version__}, {kind}, {torch.get_num_threads()} threads")


def _precision() -> Check:
    return Check("precision", True, choose().reason)


def _convolution() -> Check:
    import time

    import torch

    chosen = choose()
    images = torch.randn(64, 64, 28, 28, device=chosen.device)
    images = images.to(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(chosen.device)
    seconds = {}
    with torch.inference_mode():
        exact = layer(images)
        for name, context in (("float32", None), (chosen.name, chosen)):
            best = float("inf")
            for _ in range(5):
                began = time.perf_counter()
                if context is None:
                    layer(images).sum().item()
                else:
                    with context.autocast():
                        layer(images).sum().item()
                best = min(best, time.perf_counter() - began)
            seconds[name] = best
        with chosen.autocast():
            error = (layer(images).float() - exact).abs().max().item()
    ratio = seconds["float32"] / seconds[chosen.name]
    return Check(
        "convolution",
        error < 0.1,
        f"{chosen.name} is {ratio:.1f} times as fast as float32, largest difference {error:.3f}",
    )


def _cache() -> Check:
    folder = cache_folder()
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 2**30
    return Check("cache", os.access(place, os.W_OK), f"{folder}, {free:.1f} GiB free")


def _data() -> Check:
    root = os.environ.get("ELEGAN_DATA")
    found = f"ELEGAN_DATA={root}" if root else "ELEGAN_DATA is not set; known names are downloaded"
    return Check("data", root is None or os.path.isdir(root), found)


def _extras() -> list[Check]:
    needed = {"demo": "mlxtend"}
    return [
        Check(
            f"extra {extra}",
            True,
            "installed"
            if importlib.util.find_spec(package)
            else f"not installed (pip install 'elegan[{extra}]')",
        )
        for extra, package in needed.items()
    ]
