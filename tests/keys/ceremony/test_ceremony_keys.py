"""What is done with single keys: made, limited, replaced, destroyed; the vault itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.keys.ceremony.conftest import PASSPHRASE
from tests.keys.ceremony.office import (
    CLOCK,
    Log,
    NoPeople,
    People,
    Typist,
    typed,
)

from sscard_ic.base import InputError, Secret, SscardError, Text
from sscard_ic.base.authority import NotAuthorised
from sscard_ic.keys import (
    CardKey,
    DestroyedKeyError,
    ExpiredKeyError,
    MissingCapabilityError,
    SoftwareVault,
    VaultError,
    vault_disk,
)
from sscard_ic.keys.ceremony import (
    Ceremony,
    NothingDoneError,
    Parts,
    Transcript,
    Wanted,
    create_production_vault,
    find,
    newest,
    next_version,
    spec_of,
)
from sscard_ic.keys.errors import KeyExistsError, UnknownKeyError
from sscard_ic.keys.inventory import KeyInfo, KeySpec

TODAY = CLOCK.today()
TWO = ("custodian", "supervisor")
FIRST = KeySpec("UKSSSE", 1, "P1", "external")
SECOND = KeySpec("UKSSSE", 2, "P1", "external")


def ceremony(vault: SoftwareVault, log: Log, people: People | None = None) -> Ceremony:
    return Ceremony(vault, vault.place, people or People(), log, CLOCK)


def info_of(vault: SoftwareVault, version: int = 1) -> KeyInfo:
    return vault.root_info("UKSSSE", version)


def listed(vault: SoftwareVault) -> list[KeyInfo]:
    return list(vault.keys())


class TestConsent:
    """Each deed asks those who must consent, and does nothing without them."""

    DEEDS: tuple[tuple[str, tuple[str, ...], Callable[[Ceremony, KeyInfo, Path], object]], ...] = (
        ("key.generate", TWO, lambda ceremony, key, out: ceremony.generate(SECOND)),
        (
            "key.validity",
            TWO,
            lambda ceremony, key, out: ceremony.set_validity(key, None, date(2030, 1, 1)),
        ),
        ("key.destroy", TWO, lambda ceremony, key, out: ceremony.destroy(key)),
        ("key.rotate", TWO, lambda ceremony, key, out: ceremony.rotate(key, SECOND, TODAY)),
        (
            "vault.passphrase",
            ("custodian",),
            lambda ceremony, key, out: ceremony.change_passphrase(
                lambda: (PASSPHRASE, Secret(b"another passphrase"))
            ),
        ),
    )

    @pytest.mark.parametrize(("action", "roles", "do"), DEEDS, ids=[deed[0] for deed in DEEDS])
    def test_who_is_asked(
        self,
        filed_vault: SoftwareVault,
        log: Log,
        tmp_path: Path,
        action: str,
        roles: tuple[str, ...],
        do: Callable[[Ceremony, KeyInfo, Path], Transcript],
    ) -> None:
        filed_vault.generate(FIRST)
        people = People()
        done = do(ceremony(filed_vault, log, people), info_of(filed_vault), tmp_path / "out")
        assert [(asked[0], asked[2]) for asked in people.asked] == [(action, roles)]
        assert done.actors == tuple(f"the {role}" for role in roles)
        assert log.outcomes == [(action, "done")]
        assert log.events[0].actors == done.actors
        (given,) = log.given
        assert (given.action, given.actors) == ("authorise.given", done.actors)
        assert (given.detail["action"], given.subject) == (action, log.events[0].subject)
        assert [step.kind for step in done.steps if step.kind == "consent"] == ["consent"] * len(
            roles
        )
        assert done.action == action
        assert "签名 signatures" in done.to_text()
        json.dumps(done.to_json())

    @pytest.mark.parametrize(("action", "roles", "do"), DEEDS, ids=[deed[0] for deed in DEEDS])
    def test_without_consent_nothing_is_done(
        self,
        filed_vault: SoftwareVault,
        log: Log,
        tmp_path: Path,
        action: str,
        roles: tuple[str, ...],
        do: Callable[[Ceremony, KeyInfo, Path], Transcript],
    ) -> None:
        filed_vault.generate(FIRST)
        before, raw = filed_vault.keys(), filed_vault.path.read_bytes()
        with pytest.raises(NotAuthorised):
            do(
                ceremony(filed_vault, log, People(consent=False)),
                info_of(filed_vault),
                tmp_path / "out",
            )
        assert (filed_vault.keys(), filed_vault.path.read_bytes()) == (before, raw)

    @pytest.mark.parametrize(("action", "roles", "do"), DEEDS, ids=[deed[0] for deed in DEEDS])
    def test_what_cannot_be_written_down_is_not_done(
        self,
        filed_vault: SoftwareVault,
        log: Log,
        tmp_path: Path,
        action: str,
        roles: tuple[str, ...],
        do: Callable[[Ceremony, KeyInfo, Path], Transcript],
    ) -> None:
        filed_vault.generate(FIRST)
        before, raw = filed_vault.keys(), filed_vault.path.read_bytes()
        log.full = True
        with pytest.raises(NothingDoneError, match="cannot be written: the disk is full"):
            do(ceremony(filed_vault, log), info_of(filed_vault), tmp_path / "out")
        assert (filed_vault.keys(), filed_vault.path.read_bytes()) == (before, raw)

    @pytest.mark.parametrize(("action", "roles", "do"), DEEDS, ids=[deed[0] for deed in DEEDS])
    def test_a_killed_deed_leaves_a_trace(
        self,
        filed_vault: SoftwareVault,
        log: Log,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        action: str,
        roles: tuple[str, ...],
        do: Callable[[Ceremony, KeyInfo, Path], Transcript],
    ) -> None:
        """Whatever touches the vault finds the consent in the log already."""
        filed_vault.generate(FIRST)
        before: list[int] = []
        write = vault_disk.replace

        def watched(path: Path, raw: bytes) -> None:
            before.append(len(log.given))
            write(path, raw)

        monkeypatch.setattr(vault_disk, "replace", watched)
        do(ceremony(filed_vault, log), info_of(filed_vault), tmp_path / "out")
        assert before and set(before) == {1}


class TestGenerate:
    def test_a_key_is_made_inside(self, vault: SoftwareVault, log: Log) -> None:
        done = ceremony(vault, log).generate(FIRST)
        assert done.keys == (info_of(vault),)
        assert (done.keys[0].origin, done.keys[0].environment) == ("generated", "production")
        assert log.events[0].detail["check_value"] == done.keys[0].check_value

    def test_a_test_vault_makes_test_keys(self, test_vault: SoftwareVault, log: Log) -> None:
        done = Ceremony(test_vault, test_vault.place, NoPeople(), log, CLOCK).generate(FIRST)
        assert (done.keys[0].environment, done.actors) == ("test", ("-",))
        assert [(event.action, event.actors) for event in log.given] == [
            ("authorise.given", ("-",))
        ]

    def test_a_version_is_never_used_again(self, vault: SoftwareVault, log: Log) -> None:
        ceremony(vault, log).generate(FIRST)
        ceremony(vault, log).destroy(info_of(vault))
        people = People()
        with pytest.raises(KeyExistsError):
            ceremony(vault, log, people).generate(FIRST)
        assert people.asked == []

    def test_what_contradicts_itself_asks_nobody(self, vault: SoftwareVault, log: Log) -> None:
        people = People()
        wrong = KeySpec("TK", 1, "site", "wrap", "3des")
        with pytest.raises(InputError):
            ceremony(vault, log, people).generate(wrong)
        assert people.asked == []


class TestValidity:
    def test_days(self, vault: SoftwareVault, log: Log) -> None:
        ceremony(vault, log).generate(FIRST)
        first, last = date(2026, 12, 1), date(2027, 11, 30)
        done = ceremony(vault, log).set_validity(info_of(vault), first, last)
        assert (done.keys[0].valid_from, done.keys[0].valid_until) == (first, last)
        assert done.keys == (info_of(vault),)
        assert log.events[-1].detail["after"] == "2026-12-01/2027-11-30"
        assert log.events[-1].detail["before"] == "/"
        with pytest.raises(ExpiredKeyError):
            vault.cryptogram(CardKey("UKSSSE", 1, "210200", bytes(8)), bytes(8), bytes(8))

    def test_the_last_before_the_first(self, vault: SoftwareVault, log: Log) -> None:
        ceremony(vault, log).generate(FIRST)
        with pytest.raises(InputError, match="before the first day"):
            ceremony(vault, log).set_validity(info_of(vault), TODAY, TODAY - timedelta(days=1))


class TestDestroy:
    def test_what_is_left_is_an_entry(self, vault: SoftwareVault, log: Log) -> None:
        ceremony(vault, log).generate(FIRST)
        done = ceremony(vault, log).destroy(info_of(vault))
        assert (done.keys[0].state, done.keys[0].destroyed) == ("destroyed", CLOCK.now())
        assert "状态 state: destroyed" in done.to_text()
        with pytest.raises(DestroyedKeyError):
            find(vault, "UKSSSE", 1, None, vault.place)

    def test_a_failure_is_in_the_log(
        self, vault: SoftwareVault, log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ceremony(vault, log).generate(FIRST)

        def fail(*_: object) -> KeyInfo:
            raise SscardError(Text("令牌已拔出", "the token is gone"))

        monkeypatch.setattr(vault, "destroy", fail)
        with pytest.raises(SscardError, match="token is gone"):
            ceremony(vault, log).destroy(info_of(vault))
        assert log.outcomes[-1] == ("key.destroy", "failed")
        assert log.events[-1].detail["reason"] == "the token is gone"
        assert log.events[-1].actors == ("the custodian", "the supervisor")


class TestPassphrase:
    def test_the_new_one_opens_the_old_one_does_not(
        self, filed_vault: SoftwareVault, log: Log
    ) -> None:
        filed_vault.generate(FIRST)
        listed = filed_vault.keys()
        done = ceremony(filed_vault, log).change_passphrase(
            lambda: (PASSPHRASE, Secret(b"another passphrase"))
        )
        assert done.subject == filed_vault.place
        filed_vault.close()
        with pytest.raises(VaultError):
            SoftwareVault.open(filed_vault.path, PASSPHRASE)
        again = SoftwareVault.open(filed_vault.path, Secret(b"another passphrase"))
        assert again.keys() == listed
        again.close()
        assert "another" not in f"{log.events} {done!r} {done.to_text()}"

    def test_a_wrong_one_changes_nothing(self, filed_vault: SoftwareVault, log: Log) -> None:
        raw = filed_vault.path.read_bytes()
        with pytest.raises(VaultError):
            ceremony(filed_vault, log).change_passphrase(
                lambda: (Secret(b"wrong"), Secret(b"another passphrase"))
            )
        assert filed_vault.path.read_bytes() == raw
        assert log.outcomes == [("vault.passphrase", "failed")]

    def test_a_token_has_none(self, filed_vault: SoftwareVault, log: Log) -> None:
        class Token:
            environment = "production"

        people = People()
        token = Ceremony(Token(), "token 1", people, log, CLOCK)  # type: ignore[arg-type]
        with pytest.raises(MissingCapabilityError, match="no passphrase"):
            token.change_passphrase(lambda: (PASSPHRASE, PASSPHRASE))
        assert people.asked == []


class TestProductionVault:
    def test_it_is_empty(self, tmp_path: Path, log: Log) -> None:
        path = tmp_path / "new.json"
        people = People()
        done = create_production_vault(path, lambda: PASSPHRASE, people, log, clock=CLOCK)
        assert people.asked == [("vault.create", str(path), TWO)]
        assert log.outcomes == [("vault.create", "done")]
        assert (done.environment, done.place, done.keys) == ("production", str(path), ())
        made = SoftwareVault.open(path, PASSPHRASE)
        assert (made.environment, list(made.keys())) == ("production", [])
        made.close()

    def test_without_consent_there_is_no_vault(self, tmp_path: Path, log: Log) -> None:
        path = tmp_path / "new.json"
        with pytest.raises(NotAuthorised):
            create_production_vault(
                path, lambda: PASSPHRASE, People(consent=False), log, clock=CLOCK
            )
        assert not path.exists()

    def test_its_passphrase_is_asked_after_consent(self, tmp_path: Path, log: Log) -> None:
        def asked() -> Secret:
            raise AssertionError("nobody has consented")

        with pytest.raises(NotAuthorised):
            create_production_vault(
                tmp_path / "new.json", asked, People(consent=False), log, clock=CLOCK
            )

    def test_no_vault_without_its_trace(self, tmp_path: Path, log: Log) -> None:
        log.full = True
        path = tmp_path / "new.json"
        with pytest.raises(NothingDoneError):
            create_production_vault(path, lambda: PASSPHRASE, People(), log, clock=CLOCK)
        assert not path.exists()

    def test_an_existing_one_stays(self, filed_vault: SoftwareVault, log: Log) -> None:
        raw = filed_vault.path.read_bytes()
        with pytest.raises(VaultError):
            create_production_vault(
                filed_vault.path, lambda: PASSPHRASE, People(), log, clock=CLOCK
            )
        assert filed_vault.path.read_bytes() == raw
        assert log.outcomes == [("vault.create", "failed")]


class TestComponent:
    """A random part for a custodian who makes a key at home."""

    def test_it_is_shown_once_and_kept_nowhere(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist([])
        done = ceremony(vault, log, People("wang")).new_component(FIRST, booth)
        ((component, own),) = booth.shown
        assert len(component) == 16
        assert booth.log == ["call 1", "carrier 1", "show 1", "leave"]
        assert [step.check_value for step in done.steps] == ["", own, ""]
        assert log.outcomes == [("key.component", "done")]
        assert log.events[0].actors == ("wang",)
        assert log.events[0].detail["check_value"] == own
        told = f"{done.to_text()} {done.to_json()} {log.events!r}".replace(" ", "").upper()
        assert component.reveal().hex().upper() not in told
        assert list(vault.keys()) == []

    def test_two_of_them_make_a_key(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist([])
        for custodian in ("wang", "li"):
            ceremony(vault, log, People(custodian)).new_component(FIRST, booth)
        values = [component for component, _ in booth.shown]
        assert values[0] != values[1]
        booth = Typist(typed(FIRST, *values))
        done = ceremony(vault, log, People("wang", "li")).combine(FIRST, Parts(booth))
        assert done.keys[0].origin == "components"

    def test_an_interruption_wipes_the_screen(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist([], interrupt="show 1")
        with pytest.raises(KeyboardInterrupt):
            ceremony(vault, log, People("wang")).new_component(FIRST, booth)
        assert booth.log[-1] == "leave"
        assert log.outcomes == [("key.component", "failed")]
        ((_, own),) = booth.shown
        for event in (*log.given, *log.events):
            assert (event.detail["carrier"], event.detail["check_value"]) == ("E-0001", own)

    def test_nothing_is_shown_that_cannot_be_written_down(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        log.full = True
        booth = Typist([])
        with pytest.raises(NothingDoneError):
            ceremony(vault, log, People("wang")).new_component(FIRST, booth)
        assert booth.shown == []

    def test_nobody_signs_in_nothing_is_shown(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist([])
        with pytest.raises(NotAuthorised):
            ceremony(vault, log).new_component(FIRST, booth)
        assert booth.shown == []


class TestSpecs:
    @pytest.mark.parametrize(
        ("wanted", "spec"),
        [
            (Wanted("UKSSSE", 2), KeySpec("UKSSSE", 2, "P1", "external", "3des")),
            (Wanted("UKSSSE", 2, "sm4"), KeySpec("UKSSSE", 2, "P1", "external", "sm4")),
            (Wanted("STKDF01", 1), KeySpec("STKDF01", 1, "N2", "mac", "des")),
            (Wanted("DPK", 1), KeySpec("DPK", 1, "N2", "purchase", "3des")),
            (Wanted("TRANSPORT", 1), KeySpec("TRANSPORT", 1, "maker", "transport", "3des")),
            (Wanted("PSAMMK", 1), KeySpec("PSAMMK", 1, "maker", "master", "3des")),
            (Wanted("TK", 3, use="wrap"), KeySpec("TK", 3, "site", "wrap", "aes")),
            (
                Wanted("KMC", 1, level="bank", use="master", valid_until=date(2030, 1, 1)),
                KeySpec("KMC", 1, "bank", "master", "3des", None, date(2030, 1, 1)),
            ),
            (
                Wanted("RKDF09", 1, "sm4", "C1", "external"),
                KeySpec("RKDF09", 1, "C1", "external", "sm4"),
            ),
        ],
        ids=lambda it: it.name,
    )
    def test_what_the_profiles_say_is_not_asked(self, wanted: Wanted, spec: KeySpec) -> None:
        assert spec_of(wanted) == spec

    def test_an_unknown_name_takes_level_and_use(self) -> None:
        with pytest.raises(InputError, match="no card profile has a key KMC") as caught:
            spec_of(Wanted("KMC", 1))
        assert caught.value.hint is not None and "--level" in caught.value.hint.en

    def test_a_key_is_found_without_its_algorithm(self, vault: SoftwareVault) -> None:
        vault.generate(FIRST)
        assert find(vault, "UKSSSE", 1, None, "here") == info_of(vault)
        vault.generate(KeySpec("UKSSSE", 1, "P1", "external", "sm4"))
        with pytest.raises(InputError, match="several keys UKSSSE version 1: 3des, sm4"):
            find(vault, "UKSSSE", 1, None, "here")
        assert find(vault, "UKSSSE", 1, "sm4", "here").algorithm == "sm4"
        with pytest.raises(UnknownKeyError, match="there is no key UKSSSE version 2"):
            find(vault, "UKSSSE", 2, None, "here")
        with pytest.raises(UnknownKeyError, match="there is no AES key UKSSSE version 1"):
            find(vault, "UKSSSE", 1, "aes", "here")

    def test_versions_go_on_after_destroyed_ones(self, vault: SoftwareVault) -> None:
        vault.generate(FIRST)
        vault.generate(SECOND)
        vault.destroy("UKSSSE", 2, "3des")
        old = newest(vault, "UKSSSE", None, None, "here")
        assert (old.version, next_version(vault, old, "here")) == (1, 3)

    def test_versions_end(self, vault: SoftwareVault) -> None:
        vault.generate(KeySpec("UKSSSE", 255, "P1", "external"))
        with pytest.raises(InputError, match="used up"):
            next_version(vault, newest(vault, "UKSSSE", None, None, "here"), "here")
