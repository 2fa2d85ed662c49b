"""A new version beside an old key, and changes that the disk did not confirm."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.keys.ceremony.office import (
    CLOCK,
    Log,
    People,
    Typist,
    parts_of_key,
    typed,
    whole,
)

from sscard_ic.base import InputError, Secret, SscardError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.crypto.factors import city_factor
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys import (
    CardKey,
    SoftwareVault,
    vault_disk,
)
from sscard_ic.keys.ceremony import (
    Ceremony,
    DoneUnconfirmedError,
    HalfRotatedError,
    Parts,
)
from sscard_ic.keys.errors import ComponentError
from sscard_ic.keys.inventory import KeyInfo, KeySpec

TODAY = CLOCK.today()
FIRST = KeySpec("UKSSSE", 1, "P1", "external")
SECOND = KeySpec("UKSSSE", 2, "P1", "external")


def ceremony(vault: SoftwareVault, log: Log, people: People | None = None) -> Ceremony:
    return Ceremony(vault, vault.place, people or People(), log, CLOCK)


def info_of(vault: SoftwareVault, version: int = 1) -> KeyInfo:
    return vault.root_info("UKSSSE", version)


def listed(vault: SoftwareVault) -> list[KeyInfo]:
    return list(vault.keys())


class TestUnconfirmed:
    """A change that is in the vault's file, and that the disk did not confirm."""

    @pytest.fixture
    def failing(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        write = replace_file

        def unsure(path: Path, raw: bytes) -> None:
            write(path, raw)
            raise OSError(errno.EIO, "input/output error")

        return lambda: monkeypatch.setattr(vault_disk, "replace_file", unsure)

    def test_it_is_done_and_told(
        self, filed_vault: SoftwareVault, log: Log, failing: Callable[[], None]
    ) -> None:
        failing()
        with pytest.raises(DoneUnconfirmedError, match="did not confirm") as caught:
            ceremony(filed_vault, log).generate(FIRST)
        assert log.outcomes == [("key.generate", "done")]
        assert log.events[0].detail["disk"] == "unconfirmed"
        told = caught.value.transcript
        assert (told.subject, told.audit) == ("UKSSSE 01 3DES", log.head())
        assert told.steps[-1].kind == "done"

    def test_half_a_rotation(
        self, filed_vault: SoftwareVault, log: Log, failing: Callable[[], None]
    ) -> None:
        filed_vault.generate(FIRST)
        failing()
        with pytest.raises(HalfRotatedError, match="did not confirm"):
            ceremony(filed_vault, log).rotate(info_of(filed_vault), SECOND, TODAY)
        detail = log.events[0].detail
        assert (detail["disk"], detail["old_until"]) == ("unconfirmed", "not set")


class TestRotate:
    """A new version beside the old one."""

    CITY, FACTOR = "210200", bytes.fromhex("86210200000004D2")

    def brought_in(self, vault: SoftwareVault, log: Log, spec: KeySpec) -> Secret:
        values = parts_of_key(spec)
        people = People("wang", "li")
        ceremony(vault, log, people).combine(spec, Parts(Typist(typed(spec, *values))))
        return whole(values)

    def proof(self, root: Secret, challenge: bytes, text: bytes) -> bytes:
        """What a card of this root and city answers, computed on the card's side (ref 02 §3.3)."""
        suite = SUITES["3des"]
        city = suite.diversify(root.reveal(), city_factor(self.CITY))
        card = suite.diversify(city, self.FACTOR)
        return suite.authentication_cryptogram(card, challenge, text)

    def test_cards_of_both_versions_authenticate(self, vault: SoftwareVault, log: Log) -> None:
        old_root = self.brought_in(vault, log, FIRST)
        old = info_of(vault)
        values = parts_of_key(SECOND)
        last = TODAY + timedelta(days=365)
        people = People("wang", "zhao")
        done = ceremony(vault, log, people).rotate(
            old, SECOND, last, Parts(Typist(typed(SECOND, *values)))
        )
        assert done.keys == (info_of(vault, 2), info_of(vault, 1))
        assert (done.keys[0].valid_until, done.keys[1].valid_until) == (None, last)
        assert done.actors == ("the custodian", "the supervisor", "wang", "zhao")
        text = done.to_text()
        assert done.keys[0].check_value in text and old.check_value in text
        detail = log.events[-1].detail
        assert detail["old_check_value"] == old.check_value
        assert detail["check_value"] == done.keys[0].check_value
        assert detail["old_until"] == last.isoformat()
        challenge, told = bytes(range(8)), bytes(range(8, 16))
        for version, root in ((1, old_root), (2, whole(values))):
            key = CardKey("UKSSSE", version, self.CITY, self.FACTOR)
            assert vault.cryptogram(key, challenge, told) == self.proof(root, challenge, told)

    def test_a_version_made_inside(self, vault: SoftwareVault, log: Log) -> None:
        vault.generate(FIRST)
        done = ceremony(vault, log).rotate(info_of(vault), SECOND, TODAY)
        assert [key.origin for key in done.keys] == ["generated", "generated"]
        assert [step.kind for step in done.steps][-2:] == ["old_key", "done"]

    @pytest.mark.parametrize("days", [-1, -100])
    def test_a_last_day_that_has_passed(self, vault: SoftwareVault, log: Log, days: int) -> None:
        vault.generate(FIRST)
        with pytest.raises(InputError, match="has passed"):
            ceremony(vault, log).rotate(info_of(vault), SECOND, TODAY + timedelta(days=days))
        assert len(vault.keys()) == 1

    def test_no_day_is_left_without_a_version(self, vault: SoftwareVault, log: Log) -> None:
        vault.generate(FIRST)
        gap = KeySpec("UKSSSE", 2, "P1", "external", valid_from=TODAY + timedelta(days=2))
        with pytest.raises(InputError, match="no version would be valid"):
            ceremony(vault, log).rotate(info_of(vault), gap, TODAY)
        next_day = KeySpec("UKSSSE", 2, "P1", "external", valid_from=TODAY + timedelta(days=1))
        assert ceremony(vault, log).rotate(info_of(vault), next_day, TODAY).keys[0].version == 2

    def test_when_the_new_one_fails_the_old_is_as_before(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        until = TODAY + timedelta(days=900)
        vault.generate(KeySpec("UKSSSE", 1, "P1", "external", valid_until=until))
        before = vault.keys()
        values = parts_of_key(SECOND)
        parts = Parts(Typist(typed(SECOND, *values)), expected=b"\0\0\0")
        with pytest.raises(ComponentError):
            ceremony(vault, log, People("wang", "li")).rotate(info_of(vault), SECOND, TODAY, parts)
        assert vault.keys() == before
        assert log.outcomes == [("key.rotate", "failed")]

    def test_an_interruption_leaves_all_as_it_was(self, vault: SoftwareVault, log: Log) -> None:
        vault.generate(FIRST)
        before = vault.keys()
        booth = Typist(typed(SECOND, *parts_of_key(SECOND)), interrupt="entry 2")
        with pytest.raises(KeyboardInterrupt):
            ceremony(vault, log, People("wang", "li")).rotate(
                info_of(vault), SECOND, TODAY, Parts(booth)
            )
        assert vault.keys() == before

    def test_when_the_last_day_fails_both_can_be_used(
        self, vault: SoftwareVault, log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vault.generate(FIRST)

        def fail(*_: object) -> KeyInfo:
            raise SscardError(Text("磁盘已满", "the disk is full"))

        monkeypatch.setattr(vault, "set_validity", fail)
        with pytest.raises(HalfRotatedError, match="is not set yet: the disk is full") as caught:
            ceremony(vault, log).rotate(info_of(vault), SECOND, TODAY)
        assert caught.value.hint is not None
        assert (
            f"sscard keys validity UKSSSE --version 1 --algorithm 3des --valid-until {TODAY}"
            in caught.value.hint.en
        )
        assert [(info.version, info.valid_until) for info in listed(vault)] == [
            (1, None),
            (2, None),
        ]
        assert log.outcomes == [("key.rotate", "failed")]
        detail = log.events[0].detail
        assert detail["old_until"] == "not set"
        assert detail["check_value"] == info_of(vault, 2).check_value
        assert log.given[0].detail["old_until"] == TODAY.isoformat()

    def test_killed_between_both_steps_nothing_is_lost(
        self, vault: SoftwareVault, log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vault.generate(FIRST)

        def killed(*_: object) -> KeyInfo:
            assert [info.version for info in listed(vault)] == [1, 2]
            raise KeyboardInterrupt

        monkeypatch.setattr(vault, "set_validity", killed)
        with pytest.raises(KeyboardInterrupt):
            ceremony(vault, log).rotate(info_of(vault), SECOND, TODAY)
        assert [(info.version, info.valid_until) for info in listed(vault)] == [
            (1, None),
            (2, None),
        ]
        assert log.events[0].detail["old_until"] == "not set"

    def test_the_last_of_all_days(self, vault: SoftwareVault, log: Log) -> None:
        vault.generate(FIRST)
        new = KeySpec("UKSSSE", 2, "P1", "external", valid_from=TODAY)
        done = ceremony(vault, log).rotate(info_of(vault), new, date.max)
        assert done.keys[1].valid_until == date.max
