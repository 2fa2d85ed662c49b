"""``sscard cert serve``: a certificate authority in one command, for developers of terminals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.certificate_requests import request_for

from sscard_ic.cli import root
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.crypto.sm2 import provider
from sscard_ic.hosts.certificate_settings import CertificatesSettings
from sscard_ic.hosts.http_authority import HttpAuthority

PATIENCE = 30.0
_MAIN = "from sscard_ic.cli import main; main()"


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, on a free port."""
    words = ["cert", "serve", "--listen", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SSCARD_HOME": str(home), "SSCARD_LANG": "en"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_it_prints_is_the_settings_of_a_client(tmp_path: Path, stop: int) -> None:
    with running(tmp_path) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while not lines[-1].startswith("environment"):
            assert lines[-1], process.communicate(timeout=PATIENCE)
            lines.append(process.stdout.readline())
        table = tomllib.loads("".join(lines))["certificates"]
        settings = CertificatesSettings.model_validate(table, strict=True)
        assert settings.http is not None
        pair = provider().generate()
        grant = HttpAuthority(settings.http).register(request_for(pair))
        assert Certificate.parse(grant.signature_certificate).public == pair.public
        process.send_signal(stop)
        output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "")
    assert settings.http.url in errors
    assert errors.endswith("stopped\n")


def test_json(tmp_path: Path) -> None:
    with running(tmp_path, "--json") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n}\n"):
            text += process.stdout.readline() or pytest.fail("no answer")
        settings = CertificatesSettings.model_validate_json(text, strict=True)
        assert settings.service == "http"
        process.terminate()
        output, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "")


@pytest.mark.parametrize(
    ("address", "code", "told"),
    [
        ("8444", 2, "ADDRESS:PORT"),
        ("127.0.0.1:99999", 2, "ADDRESS:PORT"),
        ("0.0.0.0:0", 1, "this machine only"),
    ],
)
def test_addresses_that_are_refused(tmp_path: Path, address: str, code: int, told: str) -> None:
    env = {"SSCARD_HOME": str(tmp_path), "SSCARD_LANG": "en"}
    result = CliRunner(env=env).invoke(root, ["cert", "serve", "--listen", address])
    assert result.exit_code == code
    assert told in result.stderr
