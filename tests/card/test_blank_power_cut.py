"""The power fails at every exchange of building up a blank, on every COS; then it is built on.

The card has executed the command, its answer is lost: to the card that is the same as a cut before
the next command. What it holds at the end is what an undisturbed run leaves, counters of tries
apart.
"""

from __future__ import annotations

from functools import cache

import pytest
from tests.support.plant import FACTORY_SERIAL, INITIAL_PIN
from tests.support.profiles import only, without

from sscard_ic.base.secret import Secretive
from sscard_ic.card import Blank, CardIdentity
from sscard_ic.keys import SoftwareVault, published_keys
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.cos import DIALECTS
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import blank

IDENTITY = CardIdentity("210200", bytes.fromhex("00814842428653" + "210200000001"))
SHARES = 4


class PowerCut(Exception):
    """The card lost its power."""


class Cutter(Wrapper):
    """Cuts the power after one exchange, counted from 0."""

    def __init__(self, inner: Connection, cut_at: int | None) -> None:
        super().__init__(inner)
        self.cut_at = cut_at
        self.count = 0

    def transmit(self, command: Secretive) -> bytes:
        number, self.count = self.count, self.count + 1
        answer = self.inner.transmit(command)
        if number == self.cut_at:
            raise PowerCut
        return answer


@cache
def _profile(cos: str) -> CardProfile:
    """A small card: the SSSE, and DF04 with keys of every use but without its largest file."""
    profile = only(load("dalian", cos), "MF", "SSSE", "DF04")
    return without(profile, "DF04", "EF05")


@cache
def _keys() -> SoftwareVault:
    return published_keys(load("dalian").keys)


class Job:
    """One chip, and how far its building is known to be, as the journal knows it."""

    def __init__(self, cos: str) -> None:
        self.profile = _profile(cos)
        self.chip = blank(self.profile, FACTORY_SERIAL)
        self.initialised = False

    def run(self, cut_at: int | None = None) -> int:
        """Take the card on from where it is known to be; the number of exchanges."""
        cutter = Cutter(VirtualConnection(self.chip), cut_at)
        maker = Blank(open_session(cutter), self.profile, _keys(), FACTORY_SERIAL)
        if not maker.unlock(IDENTITY):
            return cutter.count
        if not self.initialised:
            maker.initialise(IDENTITY, INITIAL_PIN)
            self.initialised = True
        maker.finish(IDENTITY)
        return cutter.count

    @property
    def essence(self) -> dict[str, object]:
        """What the card holds, counters apart."""
        states = self.chip.persistent_state().items()
        return {path: state for path, state in states if not path.endswith("/tries")}


@cache
def _undisturbed(cos: str) -> tuple[dict[str, object], int]:
    job = Job(cos)
    exchanges = job.run()
    return job.essence, exchanges


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("cos", DIALECTS)
def test_a_blank_is_built_on_after_a_cut_at_any_exchange(cos: str, share: int) -> None:
    expected, exchanges = _undisturbed(cos)
    assert exchanges > 80
    for cut_at in range(share, exchanges, SHARES):
        job = Job(cos)
        with pytest.raises(PowerCut):
            job.run(cut_at)
        job.run()
        assert job.essence == expected, f"cut at exchange {cut_at}"
