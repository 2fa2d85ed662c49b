"""What else custodians do with root keys by the command line."""

from __future__ import annotations

import json
import stat
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.ceremony_home import (
    PASSPHRASE,
    PASSWORDS,
    Component,
    Home,
    build,
    signed_in,
    typed_part,
)

from sscard_ic.base import InputError, SystemClock, Text
from sscard_ic.base.authority import AuditEvent
from sscard_ic.keys import CardKey, VaultError
from sscard_ic.keys.key_block import KeyBlock
from sscard_ic.ledger.audit import AuditLog

TODAY = SystemClock().today()
TWO = (*signed_in("wang"), *signed_in("zhao"))
CONSENT = ("wang", "zhao")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Real keys: UKSSSE, and a transport key."""
    home = Home(build(tmp_path_factory.mktemp("site") / "home", "production", ("wang", "li")))
    for name, use in (("UKSSSE", ()), ("TK", ("--use", "wrap"))):
        result = home.run("generate", name, "--version", "1", *use, typed=TWO)
        assert result.exit_code == 0, result.output
    return home


@pytest.fixture
def home(template: Home, tmp_path: Path) -> Home:
    return template.copy(tmp_path / "home")


def told(home: Home, *arguments: str, typed: tuple[str, ...] = TWO) -> dict[str, Any]:
    result = home.run(*arguments, "--json", typed=typed)
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


class TestGenerate:
    def test_a_key_made_inside(self, home: Home) -> None:
        done = told(home, "generate", "IRK", "--version", "3", "--valid-until", "2031-12-31")
        assert done["actors"] == list(CONSENT)
        (info,) = (info for info in home.held() if info.name == "IRK")
        assert (info.version, info.level, info.use) == (3, "N1", "internal")
        assert (info.origin, info.valid_until) == ("generated", date(2031, 12, 31))
        assert home.deeds()[-1] == ("key.generate", "done", CONSENT)

    def test_one_person_is_not_enough(self, home: Home) -> None:
        before = home.vault_file.read_bytes()
        typed = (*signed_in("wang"), *signed_in("li") * 3)
        result = home.run("generate", "IRK", "--version", "1", typed=typed)
        assert result.exit_code == 1
        assert home.vault_file.read_bytes() == before
        assert home.audit()[-1].event.action == "authorise.refused"

    def test_a_wrong_password(self, home: Home) -> None:
        typed = ("wang", "wrong password") * 3
        result = home.run("generate", "IRK", "--version", "1", typed=typed)
        assert result.exit_code == 1
        assert "wrong password" not in result.output
        assert len(home.held()) == 2


class TestRotate:
    def test_a_version_made_inside(self, home: Home) -> None:
        last = (TODAY + timedelta(days=90)).isoformat()
        done = told(home, "rotate", "UKSSSE", "--last-day", last)
        new, old = done["keys"]
        assert (new["version"], new["valid_until"]) == (2, None)
        assert (old["version"], old["valid_until"]) == (1, last)
        vault = home.vault()
        proofs = {
            vault.cryptogram(CardKey("UKSSSE", version, "210200", bytes(8)), bytes(8), bytes(8))
            for version in (1, 2)
        }
        vault.close()
        assert len(proofs) == 2

    def test_a_version_of_components(self, home: Home) -> None:
        parts = Component.new(), Component.new()
        typed = (
            (parts[0] ^ parts[1]).check_value,
            *TWO,
            *signed_in("wang"),
            *typed_part(parts[0], "E-1"),
            *signed_in("li"),
            *typed_part(parts[1], "E-2"),
        )
        done = told(
            home, "rotate", "UKSSSE", "--last-day", TODAY.isoformat(), "--combine", typed=typed
        )
        assert done["actors"] == ["wang", "zhao", "li"]
        infos = {(info.version, info.check_value) for info in home.held() if info.name == "UKSSSE"}
        assert (2, (parts[0] ^ parts[1]).check_value) in infos

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--last-day", "2020-01-01"), "has passed"),
            (("--last-day", "2999-01-01", "--version", "1"), "is there, or was"),
            (("--last-day", "2999-01-01", "--old-version", "7"), "no key UKSSSE version 7"),
        ],
    )
    def test_what_asks_nobody(self, home: Home, options: tuple[str, ...], message: str) -> None:
        result = home.run("rotate", "UKSSSE", *options)
        assert result.exit_code == 1
        assert message in result.stderr
        assert "sign in" not in result.stderr

    def test_the_new_last_day_is_told_before_consent(self, home: Home) -> None:
        result = home.run("rotate", "UKSSSE", "--last-day", "2999-01-01", typed=TWO)
        assert result.exit_code == 0, result.output
        told = result.stderr.index("new last day of the old version UKSSSE 01 3DES: 2999-01-01")
        assert told < result.stderr.index("sign in")

    def test_the_last_of_all_days(self, home: Home) -> None:
        days = "--last-day", "9999-12-31", "--valid-from", TODAY.isoformat()
        done = told(home, "rotate", "UKSSSE", *days)
        assert done["keys"][1]["valid_until"] == "9999-12-31"

    @pytest.mark.parametrize("day", ["29990101", "2999-W01-1", "2999-1-1", "２９９９-01-01"])
    def test_a_day_is_written_in_one_way(self, home: Home, day: str) -> None:
        result = home.run("rotate", "UKSSSE", "--last-day", day)
        assert result.exit_code == 2
        assert "a day is written YYYY-MM-DD" in result.stderr


class TestAfterwards:
    """What was done is told, though something after it went wrong."""

    @pytest.fixture(autouse=True)
    def full_log(self, monkeypatch: pytest.MonkeyPatch) -> None:
        record = AuditLog.record

        def full(log: AuditLog, event: AuditEvent) -> None:
            if event.action == "key.generate":
                raise InputError(Text("磁盘已满", "the disk is full"))
            record(log, event)

        monkeypatch.setattr(AuditLog, "record", full)

    def test_the_transcript(self, home: Home, tmp_path: Path) -> None:
        file = tmp_path / "record.txt"
        command = "generate", "IRK", "--version", "3", "--transcript", str(file)
        result = home.run(*command, typed=TWO)
        assert result.exit_code == 1
        assert "key.generate IRK 03 3DES is done, but" in result.stderr
        assert "audit log: 未写入 not written" in result.stdout
        assert file.read_text() == result.stdout
        assert "authorise.given" in [entry.event.action for entry in home.audit()]

    def test_as_json(self, home: Home) -> None:
        result = home.run("generate", "IRK", "--version", "3", "--json", typed=TWO)
        done = json.loads(result.stdout)
        assert (done["action"], done["audit"]) == ("key.generate", None)
        assert "the disk is full" in done["error"]["message"]


class TestValidity:
    def test_one_day_changes_the_other_stays(self, home: Home) -> None:
        command = "validity", "UKSSSE", "--version", "1"
        told(home, *command, "--valid-from", "2026-01-01", "--valid-until", "2030-12-31")
        told(home, *command, "--valid-until", "none")
        (info,) = (info for info in home.held() if info.name == "UKSSSE")
        assert (info.valid_from, info.valid_until) == (date(2026, 1, 1), None)
        detail = home.audit()[-1].event.detail
        assert (detail["before"], detail["after"]) == ("2026-01-01/2030-12-31", "2026-01-01/")

    def test_something_must_be_said(self, home: Home) -> None:
        result = home.run("validity", "UKSSSE", "--version", "1")
        assert result.exit_code == 2


class TestDestroy:
    COMMAND = ("destroy", "UKSSSE", "--version", "1")

    def test_its_name_is_typed(self, home: Home) -> None:
        done = told(home, *self.COMMAND, typed=("UKSSSE", *TWO))
        assert done["keys"][0]["state"] == "destroyed"
        assert [info.state for info in home.held() if info.name == "UKSSSE"] == ["destroyed"]
        assert home.deeds()[-1] == ("key.destroy", "done", CONSENT)
        result = home.run(*self.COMMAND)
        assert result.exit_code == 1
        assert "was destroyed on" in result.stderr

    def test_another_name(self, home: Home) -> None:
        before = home.vault_file.read_bytes()
        result = home.run(*self.COMMAND, typed=("ukssse", *TWO))
        assert result.exit_code == 1
        assert "nothing was destroyed" in result.stderr
        assert home.vault_file.read_bytes() == before

    def test_without_the_question(self, home: Home) -> None:
        told(home, *self.COMMAND, "--yes")
        assert [info.state for info in home.held()] == ["active", "destroyed"]

    def test_nobody_consents(self, home: Home) -> None:
        result = home.run(*self.COMMAND, "--yes")
        assert result.exit_code == 1
        assert {info.state for info in home.held()} == {"active"}


class TestKeyBlocks:
    """The same transport key in two vaults, and a key that goes from one to the other."""

    @pytest.fixture
    def other(self, home: Home, tmp_path: Path) -> Home:
        """A copy of the site that has not the key UKSSSE 2."""
        other = home.copy(tmp_path / "other")
        told(home, "generate", "UKSSSE", "--version", "2", "--valid-until", "2030-12-31")
        return other

    def export(self, home: Home, out: Path) -> dict[str, Any]:
        return told(
            home, "export-block", "UKSSSE", "--version", "2", "--under", "TK", "--out", str(out)
        )

    def test_from_vault_to_vault(self, home: Home, other: Home, tmp_path: Path) -> None:
        out = tmp_path / "key.block"
        done = self.export(home, out)
        assert done["file"] == str(out)
        again = tmp_path / "again.block"
        command = "export-block", "UKSSSE", "--version", "2", "--under", "TK", "--out", str(again)
        assert "transport key: TK 01 AES" in home.run(*command, typed=TWO).stderr
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        result = other.run("import-block", str(out), "--json", typed=("y", *TWO))
        assert result.exit_code == 0, result.output
        sent = next(info for info in home.held() if info.version == 2)
        taken = next(info for info in other.held() if info.version == 2)
        assert taken.check_value == sent.check_value
        assert taken.valid_until == date(2030, 12, 31)
        assert taken.origin == "block"
        # Shown before it is taken: what it is, and both check values.
        tk = next(info for info in other.held() if info.name == "TK")
        for words in ("UKSSSE 02 3DES", sent.check_value, "TK 01 AES", tk.check_value):
            assert words in result.stderr

    def test_a_key_that_is_not_wanted(self, home: Home, other: Home, tmp_path: Path) -> None:
        out = tmp_path / "key.block"
        self.export(home, out)
        result = other.run("import-block", str(out), typed=("n", *TWO))
        assert result.exit_code == 1
        assert {info.version for info in other.held()} == {1}

    def test_an_altered_block(self, home: Home, other: Home, tmp_path: Path) -> None:
        out = tmp_path / "key.block"
        self.export(home, out)
        fields = out.read_text("ascii").strip().split("|")
        fields[8] = "2039-12-31"
        out.write_text("|".join(fields))
        result = other.run("import-block", str(out), "--yes", typed=TWO)
        assert result.exit_code == 1
        assert "the key block was altered" in result.stderr
        assert {info.version for info in other.held()} == {1}
        assert other.deeds()[-1] == ("key.import", "failed", CONSENT)

    @pytest.mark.parametrize("content", [b"", b"SSKB1|", b"\xff\x00", b"A" * 100_000])
    def test_no_block(self, home: Home, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "key.block"
        file.write_bytes(content)
        result = home.run("import-block", str(file))
        assert result.exit_code == 1
        assert "not a key block" in result.stderr

    def test_no_file(self, home: Home, tmp_path: Path) -> None:
        result = home.run("import-block", str(tmp_path / "nothing"))
        assert result.exit_code == 1
        assert "cannot be read" in result.stderr

    def test_a_file_that_is_there(self, home: Home, other: Home, tmp_path: Path) -> None:
        out = tmp_path / "key.block"
        out.write_text("mine")
        command = "export-block", "UKSSSE", "--version", "2", "--under", "TK", "--out", str(out)
        result = home.run(*command, typed=TWO)
        assert result.exit_code == 1
        assert out.read_text() == "mine"

    def test_an_expired_transport_key(self, home: Home, other: Home, tmp_path: Path) -> None:
        told(home, "validity", "TK", "--version", "1", "--valid-until", "2026-01-01")
        out = tmp_path / "key.block"
        command = "export-block", "UKSSSE", "--version", "2", "--under", "TK", "--out", str(out)
        result = home.run(*command, typed=TWO)
        assert result.exit_code == 1
        assert "expired after 2026-01-01" in result.stderr
        assert not out.exists()

    def test_the_block_is_sealed(self, home: Home, other: Home, tmp_path: Path) -> None:
        out = tmp_path / "key.block"
        self.export(home, out)
        block = KeyBlock.parse(out.read_text("ascii"))
        assert (block.under_name, block.under_version, len(block.wrapped)) == ("TK", 1, 24)


class TestPassphrase:
    def test_it_is_typed_twice(self, home: Home) -> None:
        result = home.run("passphrase", typed=(*signed_in("wang"), *["a new passphrase"] * 2))
        # Nobody types a passphrase before the custodian has signed in.
        assert result.exit_code == 0, result.output
        assert "a new passphrase" not in result.output
        with pytest.raises(VaultError):
            home.vault()
        home.vault("a new passphrase").close()
        assert home.deeds()[-1] == ("vault.passphrase", "done", ("wang",))

    def test_the_present_one_is_called_so(self, home: Home) -> None:
        del home.env["SSCARD_PASSPHRASE"]
        typed = (PASSPHRASE, *signed_in("wang"), PASSPHRASE, *["a new passphrase"] * 2)
        result = home.run("passphrase", typed=typed)
        assert result.exit_code == 0, result.output
        questions = "Passphrase of", "sign in", "Present passphrase of", "New passphrase of"
        places = [result.output.index(question) for question in questions]
        assert places == sorted(places)

    def test_it_comes_from_the_environment(self, home: Home) -> None:
        result = home.run(
            "passphrase", typed=signed_in("wang"), SSCARD_NEW_PASSPHRASE="a new passphrase"
        )
        assert result.exit_code == 0, result.output
        home.vault("a new passphrase").close()

    def test_nobody_signs_in(self, home: Home) -> None:
        result = home.run("passphrase", SSCARD_NEW_PASSPHRASE="a new passphrase")
        assert result.exit_code == 1
        home.vault().close()


class TestInit:
    def test_a_production_vault(self, home: Home) -> None:
        home.vault_file.unlink()
        result = home.run("init", "--production", "--json", typed=TWO)
        assert result.exit_code == 0, result.output
        done = json.loads(result.stdout)
        assert (done["action"], done["environment"]) == ("vault.create", "production")
        assert done["actors"] == list(CONSENT)
        assert home.held() == []
        assert home.deeds()[-1] == ("vault.create", "done", CONSENT)
        assert "sscard keys combine" in result.stderr

    def test_its_passphrase_is_asked_after_consent(self, home: Home) -> None:
        home.vault_file.unlink()
        del home.env["SSCARD_PASSPHRASE"]
        typed = (*TWO, "a new passphrase", "a new passphrase")
        result = home.run("init", "--production", typed=typed)
        assert result.exit_code == 0, result.output
        home.vault("a new passphrase").close()

    def test_one_person_is_not_enough(self, home: Home) -> None:
        home.vault_file.unlink()
        result = home.run("init", "--production", typed=signed_in("wang"))
        assert result.exit_code == 1
        assert not home.vault_file.exists()

    def test_without_any_operators(self, tmp_path: Path) -> None:
        home = Home(tmp_path / "empty")
        result = home.run("init", "--production")
        assert result.exit_code == 1
        assert "sscard operator add" in result.stderr
        assert not home.vault_file.exists()


def test_no_passphrase_and_no_password_is_told(home: Home) -> None:
    result = home.run("generate", "IRK", "--version", "1", "--json", typed=TWO)
    shown = f"{result.output} {home.audit()}"
    for word in (PASSPHRASE, *PASSWORDS.values()):
        assert word not in shown
