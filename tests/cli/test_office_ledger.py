"""Deeds with production keys belong to an office that is there: none begins by the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.ceremony_home import Home, build

from sscard_ic.base import InputError
from sscard_ic.cli.ledgers import office_ledger

COMMANDS = (
    ("generate", "UKSSSE", "--version", "1", "--level", "P1", "--use", "external"),
    ("destroy", "UKSSSE", "--version", "1"),
    ("serve", "--profile", "dalian", "--test-certificates", "x"),
    ("init", "--production"),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(build(tmp_path / "home", "production", ("wang",)))


@pytest.mark.parametrize("command", COMMANDS)
def test_production_needs_a_ledger_that_is_there(home: Home, command: tuple[str, ...]) -> None:
    other = home.folder / "other.db"
    vault = home.vault_file.read_bytes()
    if command[0] == "init":
        home.vault_file.unlink()
    result = home.run(*command, "--ledger", str(other))
    assert result.exit_code == 1, result.output
    assert f"{other}: no ledger there" in result.stderr
    assert "check --ledger and SSCARD_HOME" in result.stderr
    assert "operator add" not in result.stderr
    assert not other.exists()
    assert command[0] == "init" or home.vault_file.read_bytes() == vault


def test_the_ledger_of_the_site_begins_with_its_first_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSCARD_HOME", str(tmp_path))
    with pytest.raises(InputError, match="no ledger there") as raised:
        office_ledger(None, existing=True)
    assert "sscard operator add NAME --role supervisor" in raised.value.render("en")
    assert not list(tmp_path.iterdir())
    office_ledger(None).close()
    office_ledger(None, existing=True).close()


def test_test_keys_begin_a_ledger(tmp_path: Path) -> None:
    home = Home(build(tmp_path / "home", "test", ()))
    other = home.folder / "other.db"
    command = (
        "generate",
        "UKSSSE",
        "--version",
        "1",
        "--level",
        "P1",
        "--use",
        "external",
        "--ledger",
        str(other),
    )
    result = home.run(*command)
    assert result.exit_code == 0, result.output
    assert other.exists()
