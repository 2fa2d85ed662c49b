"""``sscard batch run`` for cards with certificates: whom it asks, and what it says of refusals."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.plant import DATA, SAMPLES, sample_row
from tests.support.watched_authority import WatchedAuthority, refused

from sscard_ic.base.clock import SystemClock
from sscard_ic.cli import root
from sscard_ic.cli import run as command
from sscard_ic.hosts.authority_server import AuthorityServer
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.profile import load
from sscard_ic.reader.virtual import new_blank

BATCH = "urumqi-650100-20261121-005"


class Operator:
    """A person with a vault, an imported batch and a deck of blanks."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.env = {
            "SSCARD_HOME": str(self.home),
            "SSCARD_PASSPHRASE": "x",
            "SSCARD_LANG": "en",
            "COLUMNS": "300",
        }
        file = folder / f"{BATCH}.csv"
        lines = SAMPLES["urumqi"].read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[: rows + 1]))
        photos = str(DATA / "photos")
        self.sscard("keys", "init", "--test")
        self.sscard("batch", "import", str(file), "--profile", "urumqi", "--photos", photos)
        profile = load("urumqi")
        for _ in range(rows):
            new_blank(profile, folder / "deck")

    def sscard(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner(env=self.env).invoke(root, list(arguments))
        assert result.exit_code == code, result.output
        return result

    def run(self, *arguments: str, code: int = 0) -> Result:
        reader = f"--reader=virtual:dir:{self.folder / 'deck'}"
        return self.sscard("batch", "run", BATCH, reader, *arguments, code=code)

    def states(self) -> dict[str, int]:
        value = json.loads(self.sscard("batch", "status", BATCH, "--json").stdout)
        found = value["states"]
        assert isinstance(found, dict)
        return found

    def settings(self, port: int, environment: str = "test") -> None:
        lines = [
            "[certificates]",
            'service = "http"',
            "[certificates.http]",
            f'url = "http://127.0.0.1:{port}/certificates"',
            f'environment = "{environment}"',
            "retries = 0",
        ]
        (self.home / "sscard.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path, 2)


def test_without_settings_the_test_authority_is_asked(operator: Operator) -> None:
    value = json.loads(operator.run("--json").stdout)
    assert (value["good"], value["refused"]) == (2, [])
    assert operator.states() == {"verified": 2}
    log = operator.sscard("audit", "list", "--json").stdout
    assert "test CA (published keys)" in log


def test_an_authority_over_http_that_is_down_and_comes_up(operator: Operator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        operator.settings(taken.getsockname()[1])
        failed = operator.run(code=1)
        assert f"{BATCH}, row 1: http://127.0.0.1" in failed.output
        assert "cannot connect to the certificate authority" in failed.output
        assert (
            "the run was stopped by what follows; run it again once that is mended" in failed.output
        )
        for wrong in ("put blanks in", "--lost"):
            assert wrong not in failed.output
        assert "cards of these rows have been begun and are not finished: 1" in failed.output
        assert operator.states() == {"personalized": 1, "prepared": 1}
    with AuthorityServer(TestAuthority()) as server:
        server.start()
        operator.settings(server.port)
        done = operator.run()
    assert "good cards: 2" in done.output
    assert operator.states() == {"verified": 2}


def test_a_refused_person_is_told_in_every_place(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = WatchedAuthority(TestAuthority(SystemClock()), errors=[refused()])
    monkeypatch.setattr(command, "issuing_authority", lambda profile: authority)
    told: dict[str, Any] = json.loads(operator.run("--json", code=3).stdout)
    assert (told["good"], told["failed"], told["bad"]) == (1, 1, [])
    ((row, message),) = ((each["row"], each["message"]) for each in told["refused"])
    assert row == 1
    assert "10032" in message
    assert told["readers"][0]["refused"] == 1
    status = operator.sscard("batch", "status", BATCH).output
    assert "the certificate authority refused the request: 10032" in status
    operator.sscard("batch", "return", BATCH, "--out", str(operator.folder))
    returned = (operator.folder / f"{BATCH}.return.csv").read_bytes().decode("gb18030")
    assert "证书机构拒绝了请求：10032" in returned.splitlines()[1]


def test_a_refused_person_in_words(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = WatchedAuthority(TestAuthority(SystemClock()), errors=[None, refused()])
    monkeypatch.setattr(command, "issuing_authority", lambda profile: authority)
    output = operator.run(code=3).output
    assert "row 2: the certificate authority refused the request: 10032" in output
    assert "check the data of the holder" in output
    assert "--retry-failed makes failed rows again" in output
    assert sample_row("urumqi", 2)["AAC003"] not in output


def test_settings_that_cannot_be_used_are_told_before_any_card(operator: Operator) -> None:
    operator.settings(1, environment="production")
    assert "production needs trust" in operator.run(code=1).output
    assert operator.states() == {"accepted": 2}
