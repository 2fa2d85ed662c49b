"""Access rules as text."""

from __future__ import annotations

import pytest

from sscard_ic.profile import AccessRule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("free", AccessRule("free")),
        ("never", AccessRule("never")),
        ("internal", AccessRule("internal")),
        ("pin", AccessRule("conditions", pin=True)),
        ("key:UKSSSE", AccessRule("conditions", keys=("UKSSSE",))),
        ("pin or key:RK1DF01", AccessRule("conditions", True, ("RK1DF01",))),
        ("pin and key:RK1DF04", AccessRule("conditions", True, ("RK1DF04",), "and")),
        ("key:A or key:B", AccessRule("conditions", False, ("A", "B"))),
        ("key:A+mac:STK", AccessRule("conditions", False, ("A",), "or", "STK")),
        ("free+mac:STK", AccessRule("free", mac="STK")),
    ],
)
def test_rules_are_read_and_written(text: str, rule: AccessRule) -> None:
    assert AccessRule.parse(text) == rule
    assert str(rule) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "always", "pin or", "pin or pin", "key:", "key:a", "pin or free", "key:A or key:A",
        "pin or key:A and key:B", "pin or key:A or key:B", "key:A + mac:", "PIN",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"access rule|more than two"):
        AccessRule.parse(text)


def test_the_names_in_a_rule() -> None:
    assert AccessRule.parse("key:A or key:B+mac:STK").names == ("A", "B", "STK")
