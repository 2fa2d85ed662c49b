"""Fixtures of the commands."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.made_up_machine import Tree


@pytest.fixture
def tree() -> Iterator[Tree]:
    # A socket's path has 107 bytes at most: the folders of pytest are too deep for it.
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        yield Tree(Path(folder))
