"""Commands of the certificate application against the reference, and what a trace shows of them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.apdu import Command, certificate, iso
from sscard_ic.apdu.redaction import Redactor
from sscard_ic.apdu.trace import command_text
from sscard_ic.base import Secret

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "certificate_application.toml").read_text("utf-8")
)
SECRET = "55" * 16


def _argument(value: int | str) -> object:
    if isinstance(value, int):
        return value
    mark, secret, text = value.rpartition("secret:")
    return Secret(bytes.fromhex(text)) if secret else bytes.fromhex(mark + text)


def _raw(command: Command | Secret) -> bytes:
    return command.reveal() if isinstance(command, Secret) else bytes(command)


@pytest.mark.parametrize("vector", VECTORS["command"], ids=lambda vector: vector["build"])
def test_commands(vector: dict[str, Any]) -> None:
    build = getattr(certificate, vector["build"])
    command = build(*map(_argument, vector["arguments"]))
    assert _raw(command).hex().upper() == vector["command"]


@pytest.mark.parametrize("vector", VECTORS["verify"], ids=lambda vector: vector["source"])
def test_verify(vector: dict[str, Any]) -> None:
    proof = Secret(bytes.fromhex(vector["proof"]))
    command = certificate.verify(vector["reference"], proof)
    assert command.reveal().hex().upper() == vector["command"]


@pytest.mark.parametrize("vector", VECTORS["authenticate"], ids=lambda vector: vector["source"])
def test_authenticate(vector: dict[str, Any]) -> None:
    command = certificate.authenticate(Secret(bytes.fromhex(vector["proof"])))
    assert command.reveal().hex().upper() == vector["command"]


def test_files_are_read_as_the_programs_do() -> None:
    """ref 02 §8.1: 00B0000042; §8.2: 00A40000020018."""
    command = iso.read_binary(0, certificate.PUBLIC_KEY_FILE)
    assert bytes(command).hex().upper() == "00B0000042"
    assert bytes(iso.select_fid(0x0018)).hex().upper() == "00A40000020018"


def test_the_longest_ciphertext_makes_the_longest_command() -> None:
    raw = certificate.decrypt(0x0013, bytes(certificate.LONGEST_CIPHER)).reveal()
    assert raw[4] == 0xFF
    assert len(raw) == 4 + 1 + 255 + 1
    assert Command.parse(raw).data[-certificate.LONGEST_CIPHER - 2 :][:2].hex() == "00f7"


@pytest.mark.parametrize("secret", [False, True], ids=["plain", "secret"])
@pytest.mark.parametrize(
    ("head", "length"),
    [
        ("00200181", 16),  # a digit PIN is found from its proof and the challenge
        ("00200100", 16),
        ("00820000", 16),
        ("804A0210", 18),  # session key
        ("80C2C001", 38),  # private key
        ("84D40100", 36),
        ("845E0100", 20),
        ("845E0181", 20),
        ("80C40103", 5),  # the card hashes a PIN
        ("804E0001", 120),
        ("804C0001", 38),
        ("00D60000", 112),  # a certificate names its holder
    ],
)
def test_a_trace_shows_their_length_alone(head: str, length: int, secret: bool) -> None:
    """Also when somebody sends them as plain commands."""
    raw = bytes.fromhex(head) + bytes((length,)) + b"\x55" * length
    for behind, le in ((b"", ""), (b"\x00", " Le 00")):
        text = command_text(Redactor().command(raw + behind, secret=secret))
        assert text == f"{head} ‹{length} bytes›{le}"


@pytest.mark.parametrize("secret", [False, True], ids=["plain", "secret"])
@pytest.mark.parametrize(
    ("head", "files"),
    [
        ("80C2400046", "C0020014CA40"),
        ("80C2C00126", "C2020015CB20"),
        ("804E000178", "C2020013C1820070"),
        ("804C000126", "C2020013C120"),
        ("804A021012", "C110"),
    ],
)
def test_a_trace_shows_nothing_behind_their_files(head: str, files: str, secret: bool) -> None:
    value = "5A" * (int(head[-2:], 16) - len(files) // 2)
    text = command_text(Redactor().command(bytes.fromhex(head + files + value), secret=secret))
    assert "5A" not in text
    assert "bytes›" in text


@pytest.mark.parametrize("fetched", [False, True], ids=["at once", "GET RESPONSE"])
@pytest.mark.parametrize("secret", [False, True], ids=["plain", "secret"])
@pytest.mark.parametrize("asked", ["804E000178" + "55" * 120, "80C4010305C103123456", "00B0000000"])
def test_a_trace_hides_their_answers(asked: str, secret: bool, fetched: bool) -> None:
    """The session key, the hash of a PIN, a certificate."""
    redactor = Redactor()
    redactor.command(bytes.fromhex(asked), secret=secret)
    if fetched:
        redactor.command(bytes.fromhex("00C0000010"))
    assert str(redactor.answer(bytes.fromhex(SECRET))) == "‹16 bytes›"


def test_a_trace_shows_names_and_challenges() -> None:
    """The unknown value in the FCI of the environment is not shown (ref 02 §8.9)."""
    redactor = Redactor()
    name = "504B492EC9E7BBE1B1A3D5CF"
    select = "00A404000C" + name
    assert command_text(redactor.command(bytes.fromhex(select))) == select
    answer = redactor.answer(bytes.fromhex("6F14840C" + name + "730492023330"))
    assert str(answer) == f"6F14840C{name}73049202 ‹2 bytes›"
    redactor.command(bytes.fromhex("0084000010"))
    assert str(redactor.answer(bytes.fromhex(SECRET))) == SECRET
