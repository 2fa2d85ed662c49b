"""``sscard doctor`` on settings, key services and the audit log."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.made_up_machine import Tree, by_subject, told
from tests.support.remote_hsm import certificates, served
from tests.support.softhsm import MODULE, USER_PIN, new_token

from sscard_ic.base import Secret
from sscard_ic.base.authority import AuditEvent
from sscard_ic.cli import checkup_keys
from sscard_ic.cli.checkup import Finding
from sscard_ic.cli.checkup_keys import key_findings
from sscard_ic.cli.checkup_ledger import ledger_findings
from sscard_ic.keys import SoftwareVault, create_test_vault
from sscard_ic.keys.pkcs11.errors import HsmPinError
from sscard_ic.keys.pkcs11.login import open_token
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.pkcs11.token import token_state
from sscard_ic.ledger import Ledger


def found(tree: Tree, settings: str | None = None) -> dict[str, Finding]:
    """The findings with this file of settings."""
    if settings is not None:
        tree.write("/home/sscard.toml", settings).chmod(0o600)
    return by_subject(key_findings(tree.machine()))


# -- settings and vault ------------------------------------------------------------------------


def test_without_settings_the_vault_answers(tree: Tree) -> None:
    findings = found(tree)
    assert list(findings) == ["settings", "vault", "derived keys"]
    assert told(findings["settings"]).strip() == "no sscard.toml; keys: software vault"
    assert findings["vault"].state == "note"
    assert "in this program's memory while the vault is open" in told(findings["derived keys"])


def test_a_vault_elsewhere_and_what_its_keys_are(tree: Tree) -> None:
    path = tree.root / "home" / "keys.json"
    path.parent.mkdir()
    create_test_vault(path, Secret(b"words of a passphrase"), {}).close()
    settings = '[keys.vault]\npath = "keys.json"\n'
    findings = found(tree, settings)
    assert findings["settings"].state == "ok"
    assert told(findings["vault"]).strip() == f"{path} (test keys)"
    path.unlink()
    SoftwareVault.create(path, Secret(b"words of a passphrase"), environment="production").close()
    assert told(found(tree)["vault"]).strip() == f"{path} (real keys)"


def test_settings_that_are_wrong(tree: Tree) -> None:
    findings = found(tree, "[keys]\nservise = 'vault'\n")
    assert list(findings) == ["settings"]
    assert findings["settings"].state == "missing"
    assert "sscard.toml:2: keys.servise: unknown key; is service meant?" in told(
        findings["settings"]
    )


def test_settings_that_are_not_there(tree: Tree) -> None:
    tree.environment["SSCARD_CONFIG"] = str(tree.root / "none.toml")
    findings = found(tree)
    assert list(findings) == ["settings"]
    assert "none.toml: there is no such file of settings" in told(findings["settings"])


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_settings_that_others_may_write_to(mode: int, tree: Tree) -> None:
    found(tree, "")
    (tree.root / "home" / "sscard.toml").chmod(mode)
    finding = found(tree)["settings"]
    assert finding.state == "note"
    assert "chmod go-w" in told(finding)


# -- an HSM by PKCS#11 -------------------------------------------------------------------------


def hsm(label: str, **more: str) -> str:
    lines = [f'{name} = "{value}"' for name, value in more.items()]
    return "\n".join(
        [
            '[keys]\nservice = "pkcs11"\n[keys.pkcs11]',
            f'module = "{MODULE}"\ntoken_label = "{label}"',
            *lines,
        ]
    )


def test_a_token_that_is_well(tree: Tree) -> None:
    label = new_token()
    findings = found(tree, hsm(label))
    assert list(findings) == ["settings", "hsm library", "hsm token", "derived keys"]
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert "keys: HSM by PKCS#11" in told(findings["settings"])
    words = told(findings["hsm token"])
    assert label in words
    assert "test keys; its PIN is well" in words
    assert "may be in this program's memory" in told(findings["derived keys"])
    inside = found(tree, hsm(label, derived_keys="token", environment="production"))
    assert "real keys" in told(inside["hsm token"])
    assert "no keys are loaded into cards" in told(inside["derived keys"])


def test_a_library_or_token_that_is_not_there(tree: Tree) -> None:
    findings = found(tree, hsm("no such token"))
    assert findings["hsm token"].state == "missing"
    assert "there is no token with token_label = no such token" in told(findings["hsm token"])
    assert "derived keys" in findings, "the setting is told all the same"
    findings = found(
        tree, '[keys]\nservice = "pkcs11"\n[keys.pkcs11]\nmodule = "/nowhere/lib.so"\n'
    )
    assert list(findings) == ["settings", "hsm library"]
    assert findings["hsm library"].state == "missing"


def test_the_flags_of_the_pin(tree: Tree) -> None:
    assert "no user PIN yet" in told(found(tree, hsm(new_token(pin=None)))["hsm token"])
    label = new_token()
    settings = Pkcs11Settings(module=MODULE, token_label=label)
    with pytest.raises(HsmPinError):
        open_token(settings, Secret(b"0" * 6), typed=True)
    finding = found(tree, hsm(label))["hsm token"]
    assert finding.state == "note"
    assert "a wrong PIN was given before" in told(finding)
    assert token_state(settings).count_low, "nobody logged in"
    open_token(settings, USER_PIN, typed=True).close()
    assert found(tree)["hsm token"].state == "ok"


# -- an HSM service ----------------------------------------------------------------------------


def service(tree: Tree, url: str, **changes: Any) -> str:
    files = certificates(tree.root)
    fields: dict[str, Any] = {
        "url": url,
        "environment": "test",
        "ca_file": files.ca,
        "certificate": files.client_certificate,
        "private_key": files.client_key,
    }
    lines = [f"{name} = '{value}'" for name, value in (fields | changes).items()]
    return "\n".join(['[keys]\nservice = "remote"\n[keys.remote]', *lines])


def test_a_service_that_is_there(
    tree: Tree, plant_vault: SoftwareVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(plant_vault, "dalian", tree.root) as server:
        findings = found(tree, service(tree, server.url))
        assert list(findings) == ["settings", "hsm certificate", "hsm service", "derived keys"]
        # Throw-away certificates end soon.
        assert {findings[name].state for name in list(findings)[2:]} == {"ok"}
        assert "(test keys), TLSv1.3 handshake done" in told(findings["hsm service"])
        assert "valid until" in told(findings["hsm certificate"])
        assert "stay with the HSM service" in told(findings["derived keys"])
        monkeypatch.setattr(checkup_keys, "_SOON", timedelta(days=36500))
        assert found(tree)["hsm certificate"].state == "note"
        monkeypatch.setattr(checkup_keys, "_SOON", timedelta(0))
        assert found(tree)["hsm certificate"].state == "ok"
        url = server.url
    finding = found(tree, service(tree, url))["hsm service"]
    assert finding.state == "missing"
    assert url in told(finding)


def test_a_service_that_is_not_trusted(tree: Tree, plant_vault: SoftwareVault) -> None:
    with served(plant_vault, "dalian", tree.root / "one") as server:
        finding = found(tree, service(tree, server.url))["hsm service"]
    assert finding.state == "missing"
    assert "certificate verify failed" in told(finding) or "CERTIFICATE" in told(finding)


def test_a_service_without_the_package_for_it(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    findings = found(tree, service(tree, "https://127.0.0.1:9/"))
    assert list(findings) == ["settings", "hsm service"]
    finding = findings["hsm service"]
    assert finding.state == "missing"
    assert "httpx" in told(finding) and "remote" in told(finding)


def test_certificates_of_ones_own(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://127.0.0.1:9/"
    findings = found(tree, service(tree, url, certificate=tree.root / "none.pem"))
    assert list(findings) == ["settings", "hsm certificate"]
    assert "none.pem" in told(findings["hsm certificate"])
    other = certificates(tree.root / "other").client_key
    findings = found(tree, service(tree, url, private_key=other))
    assert "do not belong together" in told(findings["hsm service"])

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Later:
            return cls(2200, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(checkup_keys, "datetime", Later)
    findings = found(tree, service(tree, url))
    assert "expired" in told(findings["hsm certificate"])


# -- the audit log -----------------------------------------------------------------------------


def audited(tree: Tree, entries: int) -> Path:
    path = tree.root / "home" / "ledger.db"
    path.parent.mkdir(exist_ok=True)
    with Ledger.open(path) as ledger:
        for number in range(entries):
            ledger.audit.record(AuditEvent("batch.run", f"batch {number}"))
    return path


def test_an_audit_log_that_is_whole(tree: Tree) -> None:
    path = audited(tree, 3)
    before = {file.name: file.stat().st_mtime_ns for file in path.parent.iterdir()}
    findings = by_subject(ledger_findings(tree.machine()))
    assert told(findings["audit"]).strip() == "3 entries, the chain is whole"
    assert before == {file.name: file.stat().st_mtime_ns for file in path.parent.iterdir()}
    with Ledger.open(path) as ledger:  # while another program writes
        ledger.audit.record(AuditEvent("batch.run", "batch 3"))
        findings = by_subject(ledger_findings(tree.machine()))
        assert told(findings["audit"]).strip() == "4 entries, the chain is whole"


def test_an_audit_log_that_was_altered(tree: Tree) -> None:
    path = audited(tree, 3)
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE audit SET subject = 'another' WHERE seq = 2")
        connection.commit()
    finding = by_subject(ledger_findings(tree.machine()))["audit"]
    assert finding.state == "missing"
    assert "entry 2" in told(finding)
    assert "sscard audit verify" in told(finding)


def test_a_ledger_without_audit_log_yet(tree: Tree) -> None:
    path = tree.root / "home" / "ledger.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE batches (id INTEGER)")
        connection.commit()
    assert "none yet" in told(by_subject(ledger_findings(tree.machine()))["audit"])
    path.write_bytes(path.read_bytes()[:100] + os.urandom(8000))
    finding = by_subject(ledger_findings(tree.machine()))["audit"]
    assert finding.state == "missing"
    path.write_bytes(b"")
    assert "none yet" in told(by_subject(ledger_findings(tree.machine()))["audit"])


def test_no_finding_tells_a_secret(tree: Tree) -> None:
    findings = found(tree, hsm(new_token()))
    assert USER_PIN.reveal().decode() not in "".join(map(told, findings.values()))
