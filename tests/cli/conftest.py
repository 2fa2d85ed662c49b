"""Fixtures of the commands."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.cert_bench import CertBench, make_bench
from tests.cli.made_up_machine import Tree
from tests.support.remembered_scrypt import remember


@pytest.fixture
def tree() -> Iterator[Tree]:
    # A socket's path has 107 bytes at most: the folders of pytest are too deep for it.
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        yield Tree(Path(folder))


@pytest.fixture(scope="session")
def _uncertified(tmp_path_factory: pytest.TempPathFactory) -> CertBench:
    return make_bench(tmp_path_factory.mktemp("cert") / "bench")


@pytest.fixture(scope="session")
def _certified(_uncertified: CertBench, tmp_path_factory: pytest.TempPathFactory) -> CertBench:
    bench = _uncertified.copy(tmp_path_factory.mktemp("cert") / "loaded")
    bench.done("load")
    return bench


@pytest.fixture
def bench(_uncertified: CertBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CertBench:
    """A card of the third generation without certificates."""
    remember(monkeypatch)
    return _uncertified.copy(tmp_path / "bench")


@pytest.fixture
def loaded(_certified: CertBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CertBench:
    """A card with the certificates of the test CA, which are kept in its home."""
    remember(monkeypatch)
    return _certified.copy(tmp_path / "loaded")
