"""The same ceremony with the keys in the token of an HSM."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.ceremony_home import Component, Home, build, signed_in, typed_part
from tests.support.softhsm import MODULE, USER_PIN, new_token

from sscard_ic.base import SystemClock

CUSTODIAN_AND_SUPERVISOR = (*signed_in("wang"), *signed_in("zhao"))


class Site(Home):
    """A home whose keys are in a token."""

    def done(self, *arguments: str, typed: tuple[str, ...]) -> dict[str, Any]:
        result = self.run(*arguments, "--json", typed=typed)
        assert result.exit_code == 0, result.output
        told: dict[str, Any] = json.loads(result.stdout)
        return told

    def listed(self) -> list[dict[str, Any]]:
        result = self.run("list", "--json")
        assert result.exit_code == 0, result.output
        keys: list[dict[str, Any]] = json.loads(result.stdout)["keys"]
        return keys


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(build(tmp_path / "home", "production", ("wang", "li")))
    site.env["SSCARD_HSM_PIN"] = USER_PIN.reveal().decode()
    (site.folder / "sscard.toml").write_text(
        f"""
[keys]
service = "pkcs11"
[keys.pkcs11]
module = "{MODULE}"
token_label = "{new_token()}"
environment = "production"
"""
    )
    return site


def test_a_key_of_components_rotated_and_destroyed(site: Site) -> None:
    made = site.done("init", "--production", typed=CUSTODIAN_AND_SUPERVISOR)
    assert (made["action"], made["environment"]) == ("vault.create", "production")

    parts = Component.new(), Component.new()
    whole = parts[0] ^ parts[1]
    typed = (
        *signed_in("wang"),
        *typed_part(parts[0], "E-1"),
        *signed_in("li"),
        *typed_part(parts[1], "E-2"),
    )
    wrong = ("combine", "UKSSSE", "--version", "1", "--check-value", "000000")
    assert site.run(*wrong, typed=typed).exit_code == 1
    assert site.listed() == []
    combine = ("combine", "UKSSSE", "--version", "1", "--check-value", whole.check_value)
    assert site.done(*combine, typed=typed)["keys"][0]["check_value"] == whole.check_value

    last = (SystemClock().today() + timedelta(days=30)).isoformat()
    rotate = ("rotate", "UKSSSE", "--last-day", last)
    new, old = site.done(*rotate, typed=CUSTODIAN_AND_SUPERVISOR)["keys"]
    assert (new["version"], old["version"], old["valid_until"]) == (2, 1, last)
    assert old["check_value"] == whole.check_value

    destroy = ("destroy", "UKSSSE", "--version", "1", "--yes")
    site.done(*destroy, typed=CUSTODIAN_AND_SUPERVISOR)
    assert [(key["version"], key["state"]) for key in site.listed()] == [
        (1, "destroyed"),
        (2, "active"),
    ]
    assert [(action, outcome) for action, outcome, _ in site.deeds()] == [
        ("vault.create", "done"),
        ("key.combine", "failed"),
        ("key.combine", "done"),
        ("key.rotate", "done"),
        ("key.destroy", "done"),
    ]


def test_a_block_goes_in_and_none_comes_out(site: Site, tmp_path: Path) -> None:
    """A transport key typed on both sides; the vault of the same people is the other one."""
    site.done("init", "--production", typed=CUSTODIAN_AND_SUPERVISOR)
    vault = ("--vault", str(site.vault_file))
    parts = Component.new("aes"), Component.new("aes")
    typed = (
        "",
        *signed_in("wang"),
        *typed_part(parts[0], "E-1"),
        *signed_in("li"),
        *typed_part(parts[1], "E-2"),
    )
    transport = ("combine", "TK", "--version", "1", "--use", "wrap")
    site.done(*transport, *vault, typed=typed)
    site.done(*transport, typed=typed)
    generate = ("generate", "UKSSSE", "--version", "1")
    sent = site.done(*generate, *vault, typed=CUSTODIAN_AND_SUPERVISOR)["keys"][0]
    out = tmp_path / "key.block"
    export = ("export-block", "UKSSSE", "--version", "1", "--under", "TK", "--out")
    site.done(*export, str(out), *vault, typed=CUSTODIAN_AND_SUPERVISOR)
    took = site.done("import-block", str(out), "--yes", typed=CUSTODIAN_AND_SUPERVISOR)["keys"][0]
    assert (took["check_value"], took["origin"]) == (sent["check_value"], "block")

    again = tmp_path / "again.block"
    result = site.run(*export, str(again), typed=CUSTODIAN_AND_SUPERVISOR)
    assert result.exit_code == 1
    assert not again.exists()


def test_a_token_has_no_passphrase(site: Site) -> None:
    site.done("init", "--production", typed=CUSTODIAN_AND_SUPERVISOR)
    del site.env["SSCARD_PASSPHRASE"]
    result = site.run("passphrase", typed=signed_in("wang"))
    assert result.exit_code == 1
    assert "no passphrase" in result.stderr
    assert "Passphrase of" not in result.stderr
