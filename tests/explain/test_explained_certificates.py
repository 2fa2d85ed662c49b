"""The certificate application in words: sessions of two programs, refusals, certificates."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.redaction import Redactor
from sscard_ic.explain import Detail, Explainer, Explanation
from sscard_ic.profile import load

_VECTORS = Path(__file__).parents[1] / "vectors" / "explained_certificates.toml"
_SESSIONS: list[dict[str, Any]] = tomllib.loads(_VECTORS.read_text(encoding="utf-8"))["session"]
_TITLES = ["key pair and export", "PINs hashed by the card"]
by_session = pytest.mark.parametrize("session", _SESSIONS, ids=_TITLES)

ENVIRONMENT = "00A404000C504B492EC9E7BBE1B1A3D5CF"
DIRECTORY = "00A404000C53532E434552542E41444631"
USER_PIN, ADMIN_PIN = "0020018110" + "A1" * 16, "0020010010" + "A2" * 16
CONTROL_KEY = "0082000010" + "A3" * 16
NEW_CONTROL_KEY = "84D4010024" + "A4" * 36
IMPORT_PRIVATE = "80C2C00126C2020015CB20" + "A5" * 32
OK, CLOSED = "9000", "6982"

HOLDER, CARD_NUMBER = "示例持卡人", "B00000131"
"""Of the certificate in the vectors."""

_CERTIFICATE = bytes.fromhex(
    "".join(
        step["command"][10:] for step in _SESSIONS[1]["step"] if step["command"].startswith("00D6")
    )
)


class Wire:
    """An explainer within the application, talked to in hex digits."""

    def __init__(self, profile: str | None = None, *, selected: bool = True) -> None:
        self.explainer = Explainer(load(profile) if profile else None)
        for command in (ENVIRONMENT, DIRECTORY) if selected else ():
            self.send(command)

    def send(self, command: str, answer: str = OK) -> Explanation:
        return self.explainer.exchange(bytes.fromhex(command), bytes.fromhex(answer))

    def said(self, command: str, answer: str) -> str:
        return self.send(command, answer).summary.en.partition(" → ")[2]


def everything(told: Explanation) -> str:
    """All that an explanation says, in both languages, its bytes included."""

    def parts(details: tuple[Detail, ...]) -> str:
        return "".join(
            f"{each.name}{each.value}{each.raw}{each.remarks}{parts(each.parts)}"
            for each in details
        )

    texts = f"{told.summary}{told.name}{told.meaning}{told.remarks}{told.command}{told.data}"
    return texts + parts(told.details) + parts(told.answer)


def rows(details: tuple[Detail, ...]) -> list[tuple[str, str]]:
    """Name and value, or bytes, of every part at every depth."""
    found = []
    for each in details:
        found.append((each.name.en, each.value.en if each.value else str(each.raw)))
        found += rows(each.parts)
    return found


# -- sessions ------------------------------------------------------------------------------------


@by_session
def test_what_the_programs_send_is_told_command_by_command(session: dict[str, Any]) -> None:
    explainer = Explainer()
    told = [
        explainer.exchange(bytes.fromhex(step["command"]), bytes.fromhex(step["answer"]))
        for step in session["step"]
    ]
    assert [each.summary.en for each in told] == [step["en"] for step in session["step"]]
    assert [each.summary.zh for each in told] == [step["zh"] for step in session["step"]]


@by_session
def test_a_trace_without_secrets_tells_the_same_commands(session: dict[str, Any]) -> None:
    redactor, explainer = Redactor(), Explainer()
    for step in session["step"]:
        answer = bytes.fromhex(step["answer"])
        command = redactor.command(bytes.fromhex(step["command"]))
        told = explainer.exchange_with(
            command, redactor.answer(answer[:-2]), int.from_bytes(answer[-2:], "big")
        )
        assert told.summary.en.partition(" → ")[0] == step["en"].partition(" → ")[0]


_SECRETS = (
    "C103123456", "C10412345678",  # PINs that the card hashes
    "3DE741F445DD357BEA4E6C3FE6437036", "4D59306C7397E06DE3CD82A14A926FBA",  # and their keys
    "358B51056B9B9EB2C96B20E7DB7A6B8F", "CD" * 16, "AB" * 16,  # cryptograms of PINs
    "77" * 16, "88" * 32, "66" * 16,  # session key, private key, wrapped session key
    "9DA70F7F81FE7174EF6821A940D41474", "298A643D",  # new PIN
    "0442E6C8EFED3EC6939E885593E6A190", "AF76DD9B", "813EEA72",  # new control key
)  # fmt: skip


@by_session
@pytest.mark.parametrize("redacted", [False, True], ids=["live", "trace"])
def test_no_pin_and_no_key_is_shown(session: dict[str, Any], redacted: bool) -> None:
    redactor, explainer, said = Redactor(), Explainer(), ""
    for step in session["step"]:
        command, answer = bytes.fromhex(step["command"]), bytes.fromhex(step["answer"])
        if redacted:
            shown = redactor.command(command)
            hidden = redactor.answer(answer[:-2])
            said += f"{shown}{hidden}".replace(" ", "")
        # The control key's cryptogram tells nothing: only PINs can be guessed from theirs.
        elif not step["command"].startswith("0082"):
            said += everything(explainer.exchange(command, answer)).replace(" ", "")
    assert [secret for secret in _SECRETS if secret in said] == []
    assert "PKI.ADF1" in said or redacted


@pytest.mark.parametrize(
    "header", ["80C40103", "804E0001", "804A0210", "80C2C001", "80C24000", "845E0100", "84D40100"]
)
@given(data=st.data())
def test_no_arrangement_shows_what_is_secret(header: str, data: st.DataObject) -> None:
    secret = b"\x5a\xa5\x5a\xa5\x5a\xa5"
    before = data.draw(st.binary(max_size=6))
    body = before + secret + data.draw(st.binary(max_size=3))
    lc = data.draw(st.sampled_from([b"", bytes((len(body),)), b"\x05"]))
    raw = bytes.fromhex(header) + lc + body
    explainer = Explainer()
    for command in (ENVIRONMENT, DIRECTORY):
        explainer.exchange(bytes.fromhex(command), b"\x90\x00")
    told = explainer.exchange(raw, secret + b"\x90\x00")
    assert secret.hex().upper() not in everything(told).replace(" ", "")
    redactor = Redactor()
    shown = f"{redactor.command(raw)}{redactor.answer(secret)}"
    assert secret.hex().upper() not in shown.replace(" ", "")


# -- parts ---------------------------------------------------------------------------------------


def test_the_environment_tells_its_name_and_something_unknown() -> None:
    told = Wire(selected=False).send(
        ENVIRONMENT, "6F14840C504B492EC9E7BBE1B1A3D5CF73049202 33309000".replace(" ", "")
    )
    assert rows(told.answer)[1:] == [
        ("DF name", "PKI.社会保障"),
        ("directory discretionary template", "92023330"),
        ("proprietary data", "3330"),
    ]


def test_a_public_key_is_told_by_its_coordinates() -> None:
    wire = Wire()
    wire.send("00A40000020012")
    wanted = [("header", "0040"), ("X", "11" * 32), ("Y", "22" * 32)]
    answer = "0040" + "11" * 32 + "22" * 32 + OK
    assert rows(wire.send("00B0000042", answer).answer) == wanted
    wire.send("80C9820008C0020014C2020015")
    told = wire.send("80C9828042", answer)
    assert told.summary.en == ("EXPORT PUBLIC KEY PKI.ADF1.0014 encryption public key → 66 bytes")
    assert rows(told.answer) == wanted
    assert wire.said("00B0000042", "00" * 66 + OK) == "nothing written yet"


def test_an_imported_public_key_is_told_and_a_private_one_is_not() -> None:
    wire = Wire()
    told = wire.send("80C2400046C0020014CA40" + "11" * 32 + "22" * 32)
    assert ("X", "11" * 32) in rows(told.details)
    assert rows(wire.send(IMPORT_PRIVATE).details) == [
        ("private key file", "PKI.ADF1.0015 encryption private key"),
        ("private key, enciphered", "‹32 bytes›"),
    ]


def test_a_private_key_in_the_place_of_the_public_one_is_hidden() -> None:
    told = Wire().send("80C2400026C2020015CB20" + "5A" * 32)
    assert "5A5A" not in everything(told)


def test_what_is_decrypted_is_told_by_its_parts() -> None:
    told = Wire().send("804E000178C2020013C1820070" + "5A" * 112, "5B" * 16 + OK)
    assert rows(told.details) == [
        ("private key file", "PKI.ADF1.0013 signature private key"),
        ("data", "‹112 bytes›"),
        ("C1, X", "‹32 bytes›"),
        ("C1, Y", "‹32 bytes›"),
        ("C3, hash", "‹32 bytes›"),
        ("C2, cipher", "‹16 bytes›"),
    ]
    assert rows(told.answer) == [("what was enciphered, a session key", "‹16 bytes›")]


def test_a_signature_is_told_by_r_and_s() -> None:
    told = Wire().send("804C000126C2020013C120" + "31" * 32, "41" * 32 + "42" * 32 + OK)
    assert told.summary.en == "SM2 SIGN PKI.ADF1.0013 signature private key → 64 bytes"
    assert rows(told.answer) == [("r", "41" * 32), ("s", "42" * 32)]


def test_commands_without_a_session_keep_their_names() -> None:
    wire = Wire(selected=False)
    told = wire.send("8040000008C0020012C2020013")
    assert (told.place, told.remarks) == ("PKI.ADF1", ())
    assert told.summary.en.endswith("signature public key and PKI.ADF1.0013 signature private key")
    assert wire.send("804A021012C110" + "5A" * 16).summary.en == ("IMPORT SESSION KEY SM4, slot 10")


def test_what_traces_hide_is_called_hidden() -> None:
    explainer = Explainer()
    told = explainer.exchange_with(
        Masked.parse("804E000178C2020013‹116 bytes›"), Masked.parse("‹16 bytes›"), 0x9000
    )
    assert rows(told.details) == [
        ("private key file", "PKI.ADF1.0013 signature private key"),
        ("hidden", "‹116 bytes›"),
    ]


# -- certificates --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 250, 256, len(_CERTIFICATE)])
def test_a_certificate_read_in_pieces_is_whole_with_its_last_one(size: int) -> None:
    wire = Wire()
    wire.send("00A40000020018")
    content = _CERTIFICATE.ljust(2048, b"\x00")
    told = []
    for offset in range(0, len(_CERTIFICATE), size):
        piece = content[offset : offset + size]
        told.append(wire.said(f"00B0{offset:04X}{size & 0xFF:02X}", piece.hex() + OK))
    assert told[-1] == (
        f"the certificate is whole, {len(_CERTIFICATE)} bytes, issued by 示例运营CA, "
        "valid 2026-01-02 to 2036-01-01"
    )
    for number, line in enumerate(told[:-1]):
        assert line == f"{size} bytes at offset {number * size} of {len(_CERTIFICATE)}"
    assert wire.said("00B0070010", "00" * 16 + OK) == "16 bytes"


def test_the_holder_of_a_certificate_is_not_named() -> None:
    wire = Wire()
    wire.send("00A40000020019")
    told = wire.send("00B0000000", _CERTIFICATE.hex() + OK)
    words = f"{told.summary}{[each.value for each in told.answer]}{told.remarks}"
    assert "the certificate is whole" in words
    assert HOLDER in _CERTIFICATE.decode("utf-8", errors="replace")
    assert HOLDER not in words
    assert CARD_NUMBER not in words


def test_pieces_that_are_missing_make_no_certificate() -> None:
    wire = Wire()
    wire.send("00A40000020018")
    last = _CERTIFICATE[500:]
    assert wire.said("00B001F400", last.hex() + OK) == f"{len(last)} bytes at offset 500"
    wire.said("00B0000000", _CERTIFICATE[:200].hex() + OK)
    assert wire.said("00B001F400", last.hex() + OK) == (
        f"{len(last)} bytes at offset 500 of {len(_CERTIFICATE)}"
    )


def test_pieces_that_were_refused_are_not_in_the_file() -> None:
    wire = Wire()
    wire.send("00A40000020018")
    first, last = _CERTIFICATE[:250], _CERTIFICATE[250:500]
    wire.send(f"00D60000FA{first.hex()}", OK)
    wire.send(f"00D600FAFA{last.hex()}", CLOSED)
    end = _CERTIFICATE[500:]
    told = wire.send(f"00D601F4{len(end):02X}{end.hex()}", OK)
    assert "whole" not in told.summary.en


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("00" * 16, "nothing written yet"),
        ("FF" * 16, "nothing written yet"),
        ("3003020101", "the certificate is whole, 5 bytes, but not one with SM2"),
        ("30", "1 byte at offset 0"),
        ("3083000001", "5 bytes at offset 0"),
        ("048000", "3 bytes at offset 0"),
    ],
)
def test_what_a_certificate_file_holds_otherwise(data: str, words: str) -> None:
    wire = Wire()
    wire.send("00A40000020018")
    assert wire.said("00B0000000", data + OK) == words


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "8040000008C0020012C2020013",
        "804E000178C2020013C1820070" + "5A" * 112,
        "804C000126C2020013C120" + "31" * 32,
        "804A021012C110" + "5A" * 16,
        "80C2400046C0020014CA40" + "11" * 64,
        IMPORT_PRIVATE,
        "00D60000021122",
    ],
)
def test_a_refusal_names_the_pin_that_is_missing(command: str) -> None:
    wire = Wire()
    wire.send("00A40000020018")
    assert wire.said(command, CLOSED) == "needs user PIN; nothing verified so far"
    wire.send(ADMIN_PIN)
    assert wire.said(command, CLOSED) == "needs user PIN; verified so far: admin PIN"
    wire.send(USER_PIN, "63C5")
    wire.send(USER_PIN)
    assert wire.said(command, CLOSED).endswith("verified so far: user PIN and admin PIN")


@pytest.mark.parametrize("loses", [ENVIRONMENT + "!", "reset", "63C5", "changed"])
def test_what_takes_a_pin(loses: str) -> None:
    wire = Wire()
    wire.send(USER_PIN)
    match loses:
        case "reset":
            wire.explainer.reset()
            wire.send(ENVIRONMENT)
            wire.send(DIRECTORY)
        case "63C5":
            wire.send(USER_PIN, "63C5")
        case "changed":
            wire.send("845E018114" + "5A" * 20)
        case _:
            wire.send("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
            wire.send(ENVIRONMENT)
            wire.send(DIRECTORY)
    assert wire.said(IMPORT_PRIVATE, CLOSED) == "needs user PIN; nothing verified so far"


def test_the_environment_keeps_the_pins() -> None:
    wire = Wire()
    wire.send(USER_PIN)
    wire.send(ENVIRONMENT)
    wire.send("00A4000002DF01")
    assert wire.said(IMPORT_PRIVATE, CLOSED) == "needs user PIN; verified so far: user PIN"


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (USER_PIN, "63C1", "the user PIN is wrong, 1 try left"),
        (USER_PIN, "63C0", "the user PIN is wrong, 0 tries left"),
        (ADMIN_PIN, "63C5", "the admin PIN is wrong, 5 tries left"),
        (ADMIN_PIN, "6983", "the admin PIN is locked"),
        ("0020018210" + "5A" * 16, "6A88", "there is no such PIN or key"),
        ("0020008103123456", "6A86", "PINs are verified by cryptogram only (P1 01)"),
        (USER_PIN, "6984", "no valid challenge: GET CHALLENGE first"),
        ("845E010014" + "5A" * 20, "63C4", "the admin PIN is wrong, 4 tries left"),
        ("845E018114" + "5A" * 20, "6A80", "what is deciphered is no PIN"),
        (CONTROL_KEY, "63C2", "the control key of PKI.ADF1 is wrong, 2 tries left"),
        (CONTROL_KEY, "6983", "the control key of PKI.ADF1 is locked"),
        (NEW_CONTROL_KEY, CLOSED, "needs authentication with the control key of PKI.ADF1"),
        (NEW_CONTROL_KEY, "6988", "the MAC is wrong: another old key, or challenge"),
        (IMPORT_PRIVATE, "6985", "no session key: import it first"),
        (IMPORT_PRIVATE, "6A80", "what is deciphered does not fit the public key"),
        ("80C2400046C0020014CA40" + "5A" * 64, "6A80", "wrong data: tags, point or cipher"),
        ("804E000178C2020013C1820070" + "5A" * 112, "6988",
         "C3 is wrong: not enciphered for this key"),
        ("804C000126C2020013C120" + "31" * 32, "6A88", "there is no such key yet"),
        ("80C9820008C0020012C2020013", "6A88", "there is no such key yet"),
        ("80C9828042", "6985", "the command before it is missing"),
    ],
)  # fmt: skip
def test_a_status_means_what_the_application_makes_of_it(
    command: str, status: str, words: str
) -> None:
    told = Wire().send(command, status)
    assert told.meaning is not None
    assert told.meaning.en == words
    assert told.meaning.zh != told.meaning.en


def test_a_private_key_is_never_read() -> None:
    wire = Wire()
    wire.send("00A40000020013")
    assert wire.said("00B0000020", CLOSED) == (
        "a private key is never read or written by this command"
    )


def test_the_control_key_is_that_of_the_directory_and_falls_with_it() -> None:
    wire = Wire()
    wire.send(CONTROL_KEY)
    assert wire.said(NEW_CONTROL_KEY, "6988").startswith("the MAC is wrong")
    wire.send(CONTROL_KEY)
    wire.send(ENVIRONMENT)
    told = wire.send(NEW_CONTROL_KEY, CLOSED)
    assert told.summary.en == (
        "WRITE KEY the control key of PKI, a new one "
        "→ needs authentication with the control key of PKI"
    )


def test_what_belongs_to_the_directory_is_not_in_the_environment() -> None:
    wire = Wire()
    wire.send(ENVIRONMENT)
    for command in (USER_PIN, IMPORT_PRIVATE, "8040000008C0020012C2020013"):
        assert wire.said(command, "6985") == "select PKI.ADF1 first"


# -- profiles ------------------------------------------------------------------------------------

_OTHER = """\
kind = "region"
zh = "试验"
en = "trial"
extends = "regions/urumqi"

[certificate]
environment = "D156000005FFFF01"
name = "D156000005FFFF02"
fid = "DF07"
user_pin = "82"

[certificate.files]
signature_private = "0023"

[certificate.rules]
use_private = "user_and_admin_pin"
read_certificate = "admin_pin"

[certificate.settings]
environment_fid = "DDF7"
sign_command = "80AE0102"
change_needs_authentication = false
"""


@pytest.fixture
def other(tmp_path: Path) -> Wire:
    file = tmp_path / "other.toml"
    file.write_text(_OTHER, encoding="utf-8")
    return Wire(str(file), selected=False)


def test_names_files_and_commands_are_those_of_the_profile(other: Wire) -> None:
    assert other.send("00A4040008D156000005FFFF01").place == "PKI"
    assert other.send("00A4000002DF07").place == "PKI.ADF1"
    assert other.send("00A40300").place == "PKI"
    assert other.send("00A40300").place == "MF"
    assert other.send("00A4000002DDF7").place == "PKI"
    assert other.send("00A4040008D156000005FFFF02").place == "PKI.ADF1"
    sign = "80AE010226C2020023C120" + "31" * 32
    assert other.send(sign, CLOSED).summary.en == (
        "SM2 SIGN PKI.ADF1.0023 signature private key "
        "→ needs user PIN and admin PIN; nothing verified so far"
    )
    other.send("0020018210" + "5A" * 16)
    assert other.said(sign, CLOSED).endswith("; verified so far: user PIN")
    assert other.send(USER_PIN, "63C5").summary.en.startswith("VERIFY PIN 81")
    other.send("00A40000020018")
    assert other.said("00B0000000", CLOSED).startswith("needs admin PIN")
    other.send("00A40000020012")
    assert other.said("00B0000042", CLOSED) == "the rule says: free"


def test_a_control_key_that_needs_no_proof(other: Wire) -> None:
    other.send("00A4040008D156000005FFFF02")
    assert other.said(NEW_CONTROL_KEY, CLOSED) == "security condition not satisfied"


def test_the_national_application_is_meant_where_the_profile_has_none() -> None:
    wire = Wire("2.00")
    assert wire.send("00A40000020018").place == "PKI.ADF1.0018"
    assert load("2.00").structure.certificates is None
