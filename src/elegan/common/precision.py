"""Device and number format, chosen once at the start of a run and printed with the reason."""

import contextlib
import ctypes
import sys
from dataclasses import dataclass

import torch

from elegan.common.errors import EleganError


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Where and in what format the networks run.

    Attributes:
        device: 'cpu' or 'cuda'; 'mps' or 'xpu' where asked for.
        dtype: bfloat16 under autocast, or float32.
        reason: one sentence for the log.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context in which networks run; losses and penalties convert to float32 themselves."""
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @property
    def name(self) -> str:
        return "bf16" if self.dtype == torch.bfloat16 else "float32"


def choose(device: str = "auto", precision: str = "auto") -> Precision:
    """Chooses device and precision, and sets the process up for them.

    bfloat16 is taken wherever the hardware multiplies it (AMX or AVX512-BF16 on a CPU, compute
    capability 8.0 on CUDA): with AMX a convolution runs 7 to 9 times as fast as in float32.

    Raises:
        EleganError: a device is asked for and is not there. It never changes silently.
    """
    there = {"cuda": torch.cuda.is_available, "xpu": _xpu, "mps": torch.backends.mps.is_available}
    if device in there and not there[device]():
        raise EleganError(
            f"{device.upper()} was asked for, but this PyTorch finds no such device."
            " Type --device cpu, or see `elegan doctor`."
        )
    # xpu and mps have not been tried, so they are taken when asked for and not by themselves.
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    kind = usual if device == "auto" else device
    if kind == "cuda":
        fast, why = _bf16_on_cuda()
    elif kind == "cpu":
        fast, why = _bf16_on_cpu()
    else:
        fast, why = False, "elegan has not been tried on such a device"
    if precision == "auto":
        dtype = torch.bfloat16 if fast else torch.float32
        reason = f"{kind} {'bf16' if fast else 'float32'}: {why}"
    else:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        reason = f"{kind} {precision}: as asked ({why})"
    prepare_process()
    return Precision(device=torch.device(kind), dtype=dtype, reason=reason)


def prepare_process() -> None:
    """Flushes denormals and keeps large freed blocks in the process.

    Without the first, a gradient penalty near zero can run 20 times slower on a CPU. Without the
    second, glibc returns every large tensor's memory to the system and the next step pays for fresh
    pages.
    """
    torch.set_flush_denormal(True)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>


def _bf16_on_cpu() -> tuple[bool, str]:
    for name, test in (
        ("AMX", "_is_amx_tile_supported"),
        ("AVX512-BF16", "_is_avx512_bf16_supported"),
    ):
        # Private in torch.cpu, so a release without them means only that the question stays open.
        if getattr(torch.cpu, test, lambda: False)():
            return True, f"this CPU multiplies bfloat16 in hardware ({name})"
    return False, "this CPU has no bfloat16 multiplication that PyTorch reports"


def _xpu() -> bool:
    return hasattr(torch, "xpu") and torch.xpu.is_available()


def _bf16_on_cuda() -> tuple[bool, str]:
    major, minor = torch.cuda.get_device_capability()
    name = torch.cuda.get_device_name()
    if major >= 8:
        return True, f"{name} (compute capability {major}.{minor}) multiplies bfloat16"
    return False, f"{name} (compute capability {major}.{minor}) does not multiply bfloat16"
