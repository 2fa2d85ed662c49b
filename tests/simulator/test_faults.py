"""What makes a fault, and what is left of it after a strike."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator.fault_orders import faults

from sscard_ic.base import InputError
from sscard_ic.simulator import FAULT_KINDS, Fault, FaultKind


def test_every_kind_has_a_meaning() -> None:
    assert set(FAULT_KINDS) == set(get_args(FaultKind))
    assert all(text.zh and text.en for text in FAULT_KINDS.values())


def test_how_often_when_nothing_is_said() -> None:
    assert Fault("removed").times == 1
    assert Fault("slow", milliseconds=5).times == 0


@pytest.mark.parametrize(
    ("values", "where", "match"),
    [
        ({"kind": "burnt"}, "burnt", "no such fault"),
        ({"kind": "removed", "after": -1}, "after", "0 or more"),
        ({"kind": "removed", "after": 1.5}, "after", "whole number"),
        ({"kind": "removed", "after": True}, "after", "whole number"),
        ({"kind": "removed", "times": -2}, "times", "0 or more"),
        ({"kind": "slow"}, "milliseconds", "the fault slow needs it"),
        ({"kind": "slow", "milliseconds": 60_001}, "milliseconds", "0 to 60000"),
        ({"kind": "mute", "milliseconds": 5}, "milliseconds", "only the fault slow"),
        ({"kind": "status"}, "status", "the fault status needs it"),
        ({"kind": "status", "status": 0x10000}, "status", "0 to 65535"),
        ({"kind": "reset", "status": 0x6F00}, "status", "only the fault status"),
        ({"kind": "bit-error", "bit": -1}, "bit", "0 or more"),
        ({"kind": "torn-after", "bit": 1}, "bit", "only the fault bit-error"),
    ],
)
def test_what_is_no_fault(values: dict[str, Any], where: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        Fault(**values)
    assert caught.value.where == where
    assert caught.value.what.zh != caught.value.what.en


@given(faults())
def test_written_and_read_back(fault: Fault) -> None:
    assert Fault.from_json(json.loads(json.dumps(fault.to_json()))) == fault


def test_as_json() -> None:
    value = {"kind": "status", "after": 3, "times": 2, "status": "006F"}
    assert Fault("status", after=3, times=2, status=0x006F).to_json() == value


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_NEARLY = st.fixed_dictionaries(
    {"kind": st.sampled_from(list(FAULT_KINDS))},
    optional=dict.fromkeys(("after", "times", "milliseconds", "status", "bit", "x"), _JSON),
)


@given(_JSON | _NEARLY)
def test_any_json_is_a_fault_or_an_error_in_words(value: object) -> None:
    try:
        fault = Fault.from_json(value)
    except InputError as error:
        assert error.render("zh") != error.render("en")
    else:
        assert Fault.from_json(fault.to_json()) == fault


@pytest.mark.parametrize("status", ["6F0", "6F000", "６F00", "0x6F", "+6F0", 0x6F00, None])
def test_a_status_word_is_four_hex_digits(status: object) -> None:
    with pytest.raises(InputError, match="4 hex digits"):
        Fault.from_json({"kind": "status", "status": status})


@given(faults())
def test_a_fault_strikes_as_often_as_ordered(fault: Fault) -> None:
    left: Fault | None = fault
    for _ in range(min(fault.times, 20) - 1):
        assert left is not None
        left = left.struck()
        assert left is not None
        assert left.after == 0
    assert left is not None
    end = left.struck()
    if fault.times == 0:
        assert end == Fault(**{**_fields(fault), "after": 0})
    elif fault.times <= 20:
        assert end is None


def _fields(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in Fault.__dataclass_fields__}
