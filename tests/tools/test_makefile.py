"""What `make test-core` leaves out: exactly the tests that need real parts."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PARTS = re.compile(r"^PARTS := ((?:.*\\\n)*.*)$", re.MULTILINE)
_HSM = re.compile(
    r"^(?:from|import) tests\.(?:support\.(?:softhsm|token_home)|keys\.suites)\b", re.MULTILINE
)


def test_tests_of_hsms_are_left_out() -> None:
    found = _PARTS.search((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert found is not None
    left_out = [ROOT / name for name in found.group(1).replace("\\", " ").split()]
    assert all(path.exists() for path in left_out)
    needing = [
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        if _HSM.search(path.read_text(encoding="utf-8"))
    ]
    assert len(needing) > 10
    for path in needing:
        assert any(path.is_relative_to(place) for place in left_out), path
