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


def pytest_runtest_setup(item: pytest.Item) -> None:
    named = os.environ.get("ELEGAN_DATA")
    if item.get_closest_marker("data") and not (named and os.path.isdir(named)):
        pytest.skip("needs the real data sets that ELEGAN_DATA names")
