"""``sscard keys serve``: an HSM service in one command, and who may start one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.cli.ceremony_home import PASSPHRASE, PASSWORDS, build, password
from tests.support.terminal import Terminal

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.hosts.throwaway import throwaway_files
from sscard_ic.keys import CardKey, SoftwareVault, create_test_vault, published_keys
from sscard_ic.keys.inventory import KeySpec
from sscard_ic.keys.remote.client import RemoteHsm
from sscard_ic.keys.remote.errors import RefusedError
from sscard_ic.keys.remote.settings import RemoteSettings
from sscard_ic.ledger import AuditEntry, Ledger, operators
from sscard_ic.profile import load

PATIENCE = 30.0
_MAIN = "from sscard_ic.cli import main; main()"
KEY = CardKey("UKSSSE", 1, "210200", bytes.fromhex("866033110000048A"))
R, T = bytes(range(8)), bytes(8)

PRODUCTION = """\
kind = "region"
zh = "大连市（生产）"
en = "Dalian (production)"
extends = "regions/dalian"
cos = "cos/t514"

[issuer]
environment = "production"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a test vault for cards of Dalian."""
    folder = tmp_path_factory.mktemp("home")
    create_test_vault(folder / "vault.json", Secret(PASSPHRASE.encode()), load("dalian").keys)
    return folder


def _environment(home: Path) -> dict[str, str]:
    return {
        "SSCARD_HOME": str(home),
        "SSCARD_PASSPHRASE": PASSPHRASE,
        "SSCARD_LANG": "en",
        "COLUMNS": "200",
    }


def serve(home: Path, *arguments: str, profile: str = "dalian") -> Result:
    """The command where it ends by itself."""
    options = ["keys", "serve", "--profile", profile, *arguments]
    return CliRunner(env=_environment(home)).invoke(root, options)


def log(home: Path) -> list[AuditEntry]:
    with Ledger.open(home / "ledger.db") as ledger:
        return list(ledger.audit.entries())


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, on a free port."""
    options = ["keys", "serve", "--profile", "dalian", "--listen", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **_environment(home)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def client_of(settings: dict[str, Any]) -> RemoteHsm:
    return RemoteHsm(RemoteSettings.model_validate(settings))


# ── With test keys ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_developer_has_one_in_one_command(home: Path, tmp_path: Path, stop: int) -> None:
    """What it prints is the sscard.toml of a client; it ends cleanly, and says so in the log."""
    before = len(log(home)) if (home / "ledger.db").exists() else 0
    with running(home, "--test-certificates", str(tmp_path / "certs")) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while not lines[-1].startswith("private_key"):
            assert lines[-1], process.communicate(timeout=PATIENCE)
            lines.append(process.stdout.readline())
        found = tomllib.loads("".join(lines))["keys"]
        assert found["service"] == "remote"
        with closing(client_of(found["remote"])) as hsm:
            expected = published_keys(load("dalian").keys).cryptogram(KEY, R, T)
            assert hsm.cryptogram(KEY, R, T) == expected
            hsm.require_key("UKSSSE", 1, "3des")
        process.send_signal(stop)
        output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "")
    assert found["remote"]["url"] in errors
    assert errors.endswith("stopped\n")
    entries = log(home)[before:]
    assert [(each.event.action, each.event.detail["state"]) for each in entries] == [
        ("hsm.serve", "started"),
        ("hsm.serve", "stopped"),
    ]
    assert {each.event.actors for each in entries} == {("-",)}


def test_json_and_refusals_in_the_audit_log(home: Path, tmp_path: Path) -> None:
    before = len(log(home)) if (home / "ledger.db").exists() else 0
    with running(home, "--test-certificates", str(tmp_path), "--json") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n}\n"):
            text += process.stdout.readline() or pytest.fail("no answer")
        found = json.loads(text)
        assert found["service"] == "remote"
        settings = found["remote"] | {"addresses": {"BK": "0001"}}
        with closing(client_of(settings)) as hsm, pytest.raises(RefusedError):
            hsm.cryptogram(CardKey("BK", 1, "210200", KEY.factor), R, T)
        process.terminate()
        output, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "")
    states = [(e.event.outcome, dict(e.event.detail).get("code")) for e in log(home)[before:]]
    assert states == [("done", None), ("refused", "22"), ("done", None)]


# ── What it refuses ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --certificate, --key and --client-ca"),
        (("--certificate", "a.pem", "--key", "a.key"), "give --certificate, --key and --client-ca"),
        (("--test-certificates", "x", "--key", "a.key"), "excludes"),
        (("--listen", "8443"), "ADDRESS:PORT"),
        (("--listen", "127.0.0.1:99999"), "ADDRESS:PORT"),
        (("--listen", "a b:1"), "ADDRESS:PORT"),
    ],
)
def test_usage(home: Path, arguments: tuple[str, ...], words: str) -> None:
    result = serve(home, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_it_needs_a_profile(home: Path) -> None:
    result = CliRunner(env=_environment(home)).invoke(root, ["keys", "serve"])
    assert result.exit_code == 2
    assert "--profile" in result.stderr


def test_a_national_profile(home: Path, tmp_path: Path) -> None:
    result = serve(home, "--test-certificates", str(tmp_path / "c"), profile="2.00")
    assert result.exit_code == 1
    assert "of no region" in result.stderr
    assert not (tmp_path / "c").exists()


def test_certificates_that_are_not_there(home: Path, tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.pem", "a.key", "ca.pem")]
    named = ("--certificate", paths[0], "--key", paths[1], "--client-ca", paths[2])
    result = serve(home, *named)
    assert result.exit_code == 1
    assert paths[0] in result.stderr
    assert "--test-certificates DIR" in result.stderr


def test_a_production_profile_with_test_keys(home: Path, tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text(PRODUCTION, encoding="utf-8")
    folder = str(tmp_path / "c")
    result = serve(home, "--test-certificates", folder, profile=str(tmp_path / "real.toml"))
    assert result.exit_code == 1
    assert "the profile is of production" in result.stderr


# ── With production keys ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A production vault with a key, the supervisor zhao and the operator wang."""
    monkeypatch.setattr(operators, "SCRYPT", operators.Scrypt(16, 8, 1))
    folder = build(tmp_path / "site", "production", ())
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.operators.add("wang", ("operator",), password("wang"))
    with closing(SoftwareVault.open(folder / "vault.json", Secret(PASSPHRASE.encode()))) as vault:
        vault.generate(KeySpec("UKSSSE", 1, "P1", "external"))
    (folder / "real.toml").write_text(PRODUCTION, encoding="utf-8")
    return folder


def test_throw_away_certificates_and_production_keys(site: Path) -> None:
    result = serve(site, "--test-certificates", str(site / "c"), profile=str(site / "real.toml"))
    assert result.exit_code == 1
    assert "never production keys" in result.stderr
    assert not (site / "c").exists()


def _own_certificates(home: Path) -> tuple[tuple[str, ...], Path]:
    """Options with certificates that a site brings itself."""
    files = throwaway_files(home / "certs", datetime.now(UTC))
    own = files.server
    named = {
        "--certificate": own.certificate,
        "--key": own.private_key,
        "--client-ca": own.client_ca,
    }
    return tuple(str(word) for pair in named.items() for word in pair), files.folder


def test_nobody_signs_in(site: Path) -> None:
    named, _ = _own_certificates(site)
    result = serve(site, *named, "--listen", "127.0.0.1:0", profile=str(site / "real.toml"))
    assert result.exit_code == 1
    assert "nobody can sign in" in result.stderr
    actions = [(entry.event.action, entry.event.outcome) for entry in log(site)]
    assert actions[-1] == ("authorise.refused", "refused")
    assert "hsm.serve" not in [action for action, _ in actions]


def test_an_operator_and_a_supervisor(site: Path) -> None:
    """The port is taken, but nothing is answered before both have signed in."""
    named, certificates = _own_certificates(site)
    environment = _environment(site) | {
        "SSCARD_OPERATOR": "wang",
        "SSCARD_OPERATOR_PASSWORD": PASSWORDS["wang"],
    }
    options = ("--profile", str(site / "real.toml"), "--listen", "127.0.0.1:0", *named)
    terminal = Terminal("keys", "serve", *options, env=environment)
    terminal.answer("Name", "zhao")
    terminal.answer("Password", PASSWORDS["zhao"])
    terminal.expect("HSM service: ")
    terminal.expect("certificates of that client")
    url = terminal.shown.split("HSM service: ")[1].split(" ")[0]
    settings = {
        "url": url,
        "environment": "production",
        "ca_file": certificates / "ca.pem",
        "certificate": certificates / "client.pem",
        "private_key": certificates / "client.key",
    }
    with closing(client_of(settings)) as hsm:
        assert len(hsm.cryptogram(KEY, R, T)) == 8
    terminal.interrupt()
    assert terminal.finish() == 0
    serving = [entry.event for entry in log(site) if entry.event.action == "hsm.serve"]
    assert [(event.actors, event.detail["state"]) for event in serving] == [
        (("wang", "zhao"), "started"),
        (("wang", "zhao"), "stopped"),
    ]
    assert PASSWORDS["zhao"] not in terminal.shown
