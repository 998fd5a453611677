"""One thread a process, so that tests and their subprocesses share the cores; a private cache."""

import os
import shutil
import tempfile

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported


def pytest_configure(config: pytest.Config) -> None:
    os.environ["ELEGAN_CACHE"] = tempfile.mkdtemp(prefix="elegan-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["ELEGAN_CACHE"], ignore_errors=True)
