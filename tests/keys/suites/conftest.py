"""Every implementation of the key capabilities for the suites of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.keys.suites.services import Services


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Opened when first asked for; closed at the end."""
    with ExitStack() as stack:
        yield Services(stack, tmp_path_factory.mktemp)
