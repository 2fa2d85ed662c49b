"""Two vaults in any order of changes, against a plain model of what they hold."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.support.remembered_scrypt import weaken

from sscard_ic.base import FixedClock, Secret, SscardError
from sscard_ic.keys import (
    DestroyedKeyError,
    ExpiredKeyError,
    KeyInfo,
    KeySpec,
    SoftwareVault,
    UnknownKeyError,
    VaultError,
)
from sscard_ic.keys.errors import KeyExistsError
from sscard_ic.keys.hierarchy import check_value

CLOCK = FixedClock(datetime(2027, 1, 15, 8, 30, tzinfo=UTC))
DAY = CLOCK.today()
Place = tuple[str, int, str]

CARD_KEYS = [
    KeySpec(name, version, "P1", "external", algorithm)
    for name in ("UK", "RK")
    for version in (1, 2)
    for algorithm in ("des", "3des", "sm4")
]
WRAP_KEYS = [KeySpec("ZMK", version, "site", "wrap", "aes") for version in (1, 2)]
SPECS = st.sampled_from(CARD_KEYS + WRAP_KEYS)
WRAPS = st.sampled_from(WRAP_KEYS)
SIDES = st.sampled_from([0, 1])
DAYS = st.sampled_from([None, DAY - timedelta(days=1), DAY, DAY + timedelta(days=1)])
PASSPHRASES = st.sampled_from([Secret(b"one"), Secret(b"two")])


@pytest.fixture(autouse=True, scope="module")
def _weakened() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        weaken(patched)
        yield


def place(spec: KeySpec) -> Place:
    return spec.name, spec.version, spec.family


class Side:
    """A vault, its passphrase, and what it should hold."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passphrase = Secret(b"one")
        self.known: dict[Place, KeyInfo] = {}
        self.vault = SoftwareVault.create(path, self.passphrase, environment="test", clock=CLOCK)

    def reopen(self) -> None:
        self.vault.close()
        self.vault = SoftwareVault.open(self.path, self.passphrase, clock=CLOCK)

    def missing(self, at: Place) -> type[SscardError] | None:
        """Why a key is not there."""
        info = self.known.get(at)
        if info is None:
            return UnknownKeyError
        return DestroyedKeyError if info.state == "destroyed" else None

    def closed_to_wrapping(self, under: KeySpec) -> type[SscardError] | None:
        """Why a transport key does not serve."""
        info = self.known.get(place(under))
        if self.missing(place(under)) is None and info is not None and not info.valid_on(DAY):
            return ExpiredKeyError
        return self.missing(place(under))


class TwoVaults(RuleBasedStateMachine):
    """Every call either does what the model does, or is refused as the model says."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sscard-vaults-"))
        self.sides = [Side(self.folder / "one.json"), Side(self.folder / "two.json")]

    def teardown(self) -> None:
        for side in self.sides:
            side.vault.close()
        shutil.rmtree(self.folder)

    def attempt(
        self, side: Side, reason: type[SscardError] | None, call: Callable[[], KeyInfo]
    ) -> KeyInfo | None:
        """What the call answers; None when it is refused for ``reason``, with nothing changed."""
        if reason is None:
            return call()
        raw = side.path.read_bytes()
        with pytest.raises(reason) as caught:
            call()
        assert type(caught.value) is reason
        assert side.path.read_bytes() == raw
        return None

    @rule(number=SIDES, spec=SPECS, until=DAYS)
    def generate(self, number: int, spec: KeySpec, until: date | None) -> None:
        side, spec = self.sides[number], replace(spec, valid_until=until)
        reason = KeyExistsError if place(spec) in side.known else None
        info = self.attempt(side, reason, lambda: side.vault.generate(spec))
        if info is not None:
            self.came(side, spec, info, "generated")

    @rule(number=SIDES, spec=SPECS, seeds=st.lists(st.binary(), min_size=2, unique=True))
    def combine(self, number: int, spec: KeySpec, seeds: list[bytes]) -> None:
        side = self.sides[number]
        parts = [sha256(seed).digest()[: spec.length] for seed in seeds]
        whole = bytes(spec.length)
        for part in parts:
            whole = bytes(a ^ b for a, b in zip(whole, part, strict=True))
        expected = check_value(spec.algorithm, Secret(whole))
        reason = KeyExistsError if place(spec) in side.known else None
        info = self.attempt(
            side,
            reason,
            lambda: side.vault.combine(spec, [Secret(part) for part in parts], expected),
        )
        if info is not None:
            assert info.check_value == expected.hex().upper()
            self.came(side, spec, info, "components")

    @rule(number=SIDES, spec=SPECS, under=WRAPS)
    def hand_over(self, number: int, spec: KeySpec, under: KeySpec) -> None:
        """From one vault to the other; both must have the same transport key."""
        giver, taker = self.sides[number], self.sides[1 - number]
        reason = giver.missing(place(spec)) or giver.closed_to_wrapping(under)
        if place(spec) == place(under) and reason is None:
            return
        raw = giver.path.read_bytes()
        if reason is not None:
            with pytest.raises(reason):
                giver.vault.export_block(spec.name, spec.version, spec.algorithm, under)
            return
        block = giver.vault.export_block(spec.name, spec.version, spec.algorithm, under)
        assert giver.path.read_bytes() == raw
        reason = KeyExistsError if place(spec) in taker.known else taker.closed_to_wrapping(under)
        mine, theirs = (side.known.get(place(under)) for side in (giver, taker))
        if reason is None and mine is not None and theirs is not None:
            same = mine.check_value == theirs.check_value
            if not same:
                with pytest.raises(SscardError, match="altered"):
                    taker.vault.import_block(block)
                return
        info = self.attempt(taker, reason, lambda: taker.vault.import_block(block))
        if info is not None:
            assert info.check_value == giver.known[place(spec)].check_value
            self.came(taker, block.spec, info, "block")

    @rule(spec=WRAPS, seed=st.binary())
    def share_a_transport_key(self, spec: KeySpec, seed: bytes) -> None:
        """As two ceremonies with the same parts."""
        for number in range(2):
            if place(spec) not in self.sides[number].known:
                self.combine(number, spec, [seed, seed + b"another"])

    @rule(number=SIDES, spec=SPECS, first=DAYS, last=DAYS)
    def limit(self, number: int, spec: KeySpec, first: date | None, last: date | None) -> None:
        side, at = self.sides[number], place(spec)
        reason = side.missing(at)
        if reason is None and first is not None and last is not None and last < first:
            with pytest.raises(SscardError, match="before the first day"):
                side.vault.set_validity(*at, first, last)
            return
        info = self.attempt(side, reason, lambda: side.vault.set_validity(*at, first, last))
        if info is not None:
            side.known[at] = replace(side.known[at], valid_from=first, valid_until=last)
            assert info == side.known[at]

    @rule(number=SIDES, spec=SPECS)
    def destroy(self, number: int, spec: KeySpec) -> None:
        side, at = self.sides[number], place(spec)
        info = self.attempt(side, side.missing(at), lambda: side.vault.destroy(*at))
        if info is not None:
            gone = replace(side.known[at], state="destroyed", destroyed=CLOCK.now())
            side.known[at] = gone
            assert info == gone

    @rule(number=SIDES)
    def reopen(self, number: int) -> None:
        self.sides[number].reopen()

    @rule(number=SIDES, old=PASSPHRASES, new=PASSPHRASES)
    def change_passphrase(self, number: int, old: Secret, new: Secret) -> None:
        side = self.sides[number]
        if old == side.passphrase:
            side.vault.change_passphrase(old, new)
            side.passphrase = new
            return
        with pytest.raises(VaultError, match="the passphrase is wrong"):
            side.vault.change_passphrase(old, new)

    @invariant()
    def both_hold_what_the_model_says(self) -> None:
        for side in self.sides:
            assert side.vault.keys() == [side.known[at] for at in sorted(side.known)]

    def came(self, side: Side, spec: KeySpec, info: KeyInfo, origin: str) -> None:
        assert place(info) == place(spec)
        assert (info.level, info.use, info.algorithm) == (spec.level, spec.use, spec.algorithm)
        assert (info.valid_from, info.valid_until) == (spec.valid_from, spec.valid_until)
        assert (info.origin, info.state, info.environment) == (origin, "active", "test")
        assert info.created == CLOCK.now()
        side.known[place(spec)] = info


TestTwoVaults = TwoVaults.TestCase
TestTwoVaults.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
