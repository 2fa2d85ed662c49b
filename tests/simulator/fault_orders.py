"""Faults for tests of what becomes of them."""

from __future__ import annotations

from hypothesis import strategies as st

from sscard_ic.simulator import FAULT_KINDS, Fault

_OWN = {
    "slow": ("milliseconds", st.integers(0, 60_000)),
    "status": ("status", st.integers(0, 0xFFFF)),
    "bit-error": ("bit", st.none() | st.integers(0, 10_000)),
}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault."""
    kind = draw(st.sampled_from(list(FAULT_KINDS)))
    after, times = draw(st.integers(0, 1000)), draw(st.integers(0, 1000))
    values: dict[str, int | None] = {}
    if kind in _OWN:
        name, strategy = _OWN[kind]
        values[name] = draw(strategy)
    return Fault(kind, after, times, **values)
