"""``[keys.remote]`` of sscard.toml: what it takes, and the line of what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sscard_ic.base.problems import DocumentError
from sscard_ic.base.settings import read_settings
from sscard_ic.keys.remote.settings import RemoteSettings
from sscard_ic.keys.settings import KeysSettings

TOML = """\
[keys]
service = "remote"

[keys.remote]
url = "https://hsm.example:8443/hsm"
environment = "production"
ca_file = "certificates/ca.pem"
certificate = "/etc/sscard/client.pem"
private_key = "/etc/sscard/client.key"
"""


def _read(folder: Path, more: str = "", **changes: str) -> RemoteSettings:
    text = TOML
    for name, value in changes.items():
        lines = [
            f"{name} = {value}" if line.startswith(name) else line for line in text.split("\n")
        ]
        text = "\n".join(lines)
    (folder / "sscard.toml").write_text(text + more, encoding="utf-8")
    found = read_settings({}, folder).section("keys", KeysSettings).remote
    assert found is not None
    return found


def test_what_must_be_said(tmp_path: Path) -> None:
    settings = _read(tmp_path)
    assert settings.ca_file == tmp_path.resolve() / "certificates" / "ca.pem"
    assert settings.environment == "production"
    assert (settings.form, settings.retries, settings.plaintext) == ("bar", 2, "data")
    for name in ("url", "environment", "ca_file", "certificate", "private_key"):
        fields = settings.model_dump(exclude={name})
        with pytest.raises(ValidationError, match=name):
            RemoteSettings(**fields)


def test_what_may_be_said(tmp_path: Path) -> None:
    more = """\
form = "xml"
connect_timeout = 2
read_timeout = 30.5
retries = 0
key_group = 2
historical_head = "0081484242"
code_tail = "D1560000050000000000000000"
plaintext = "block"
amounts = "three"
personal = "omitted"
success_code = "1"

[keys.remote.addresses]
UK1SSSE = "0096"
"UKSSSE/2" = "UKMF_650000"
DPK = "017F01"
"""
    settings = _read(tmp_path, more)
    assert settings.addresses == {"UK1SSSE": "0096", "UKSSSE/2": "UKMF_650000", "DPK": "017F01"}
    assert (settings.connect_timeout, settings.read_timeout) == (2, 30.5)


@pytest.mark.parametrize(
    "url",
    [
        '"http://hsm.example/hsm"',
        '"hsm.example"',
        '"https:///hsm"',
        '"https://user:word@hsm.example/"',
        '"https://hsm.example/?a=b"',
        '"https://hsm.example/#a"',
        '"https://hsm.example:port/"',
        '"https://hsm.example/a b"',
        '"https://加密机/"',
        "8443",
    ],
)
def test_addresses_of_services(tmp_path: Path, url: str) -> None:
    with pytest.raises(DocumentError) as caught:
        _read(tmp_path, url=url)
    (problem,) = caught.value.problems
    assert (problem.key, problem.place.line) == ("keys.remote.url", 5)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('form = "json"', "keys.remote.form"),
        ("retries = 6", "keys.remote.retries"),
        ("retries = -1", "keys.remote.retries"),
        ("read_timeout = 0", "keys.remote.read_timeout"),
        ('historical_head = "00"', "keys.remote.historical_head"),
        ('historical_head = "00814842zz"', "keys.remote.historical_head"),
        ("code_tail = 0", "keys.remote.code_tail"),
        ('success_code = "<0>"', "keys.remote.success_code"),
        ('addresses = "0094"', "keys.remote.addresses"),
        ('[keys.remote.addresses]\nUKSSSE = "94"', "keys.remote.addresses"),
        ("[keys.remote.addresses]\nUKSSSE = 94", "keys.remote.addresses"),
        ('[keys.remote.addresses]\n"UKSSSE/0" = "0094"', "keys.remote.addresses"),
        ('[keys.remote.addresses]\n"uk;" = "0094"', "keys.remote.addresses"),
        ('proxy = "http://127.0.0.1"', "keys.remote.proxy"),
    ],
)
def test_what_is_refused(tmp_path: Path, more: str, key: str) -> None:
    with pytest.raises(DocumentError) as caught:
        _read(tmp_path, more + "\n")
    (problem,) = caught.value.problems
    assert problem.key == key
    assert problem.place.line >= 10
    assert problem.text.zh != problem.text.en


def test_a_password_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no secret belongs in the settings") as caught:
        _read(tmp_path, 'key_password = "swordfish"\n')
    assert "swordfish" not in str(caught.value)


def test_settings_are_immutable(tmp_path: Path) -> None:
    settings: Any = _read(tmp_path)
    with pytest.raises(ValidationError):
        settings.url = "https://other.example/"
