"""Secure channels to a card in the making, by the vectors of ref 04 §7 and 15 §5-6."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.support.bank_vaults import KMC, TRANSPORT, bank_vault

from sscard_ic.apdu import Command
from sscard_ic.base.errors import InputError
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des, sm4
from sscard_ic.crypto.mac import pad80, whole_retail_mac
from sscard_ic.crypto.pboc import channel as rules
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.bank_capabilities import (
    BankCard,
    CardPersonalizer,
    InitializeUpdate,
    SecureChannel,
    card_personalizer,
)
from sscard_ic.keys.secure_channel import OtherProtocolError, WrongCardCryptogramError
from sscard_ic.profile.financial import BankKeys, ChipSettings, Padding

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "secure_channel.toml").read_text("utf-8")
)
_KINDS: tuple[rules.Kind, ...] = ("enc", "mac", "dek")
_PERSO = _VECTORS["personalization"]
_CARD = BankCard(_PERSO["pan"], _PERSO["sequence"])
_KEYS = BankKeys()


@pytest.fixture(scope="module")
def vault() -> Iterator[CardPersonalizer]:
    """The KMC and the master keys of the vectors."""
    opened = bank_vault()
    yield card_personalizer(opened)
    opened.close()


def _answer(row: dict[str, str], protocol: int = 2) -> InitializeUpdate:
    return InitializeUpdate(
        bytes.fromhex(row["key_data"]),
        int(row["key_version"], 16),
        protocol,
        bytes.fromhex(row["challenge"]),
        bytes.fromhex(row["cryptogram"]),
    )


def _settings(**values: Any) -> ChipSettings:
    return ChipSettings.model_validate(values)


def _opened(vault: CardPersonalizer, **values: Any) -> SecureChannel:
    """The session of ref 04 §7.7 with its EXTERNAL AUTHENTICATE done."""
    row = _VECTORS["channel"][1]
    return vault.open_channel(_KEYS, _settings(**values), bytes.fromhex(row["host"]), _answer(row))


def _store(channel: SecureChannel, block: int, data: bytes, p1: int) -> str:
    return bytes(channel.wrap(Command(0x80, 0xE2, p1, block, data))).hex().upper()


@pytest.mark.parametrize("row", _VECTORS["keys"], ids=lambda row: row["source"])
def test_keys_of_a_card(row: dict[str, Any]) -> None:
    kmc, key_data = bytes.fromhex(row["kmc"]), bytes.fromhex(row["key_data"])
    for kind, check in zip(_KINDS, row["check"], strict=True):
        key = des.encrypt(kmc, rules.derivation_block(row["derivation"], key_data, kind))
        assert key.hex().upper() == row[kind]
        assert des.encrypt(key, bytes(8))[:3].hex().upper() == check


def test_visa2_is_the_same_with_zeros_where_key_data_begin_so() -> None:
    key_data = bytes.fromhex("00000001020304050607")
    one = rules.derivation_block("visa2", key_data, "mac")
    assert one == rules.derivation_block("visa2_zero", key_data, "mac")
    other = bytes.fromhex("62280001020304050607")
    assert rules.derivation_block("visa2_zero", other, "mac") == one
    assert rules.derivation_block("visa2", other, "mac") != one


@pytest.mark.parametrize("row", _VECTORS["sessions"]["rows"], ids=lambda row: row[1])
def test_session_keys(row: list[str]) -> None:
    derivation, key_data, card = row[0], bytes.fromhex(row[1]), bytes.fromhex(row[2])
    for kind, expected in zip(_KINDS, row[3:], strict=True):
        key = KMC
        if derivation == "emv_cps":
            key = des.encrypt(KMC, rules.derivation_block("emv_cps", key_data, kind))
        session = rules.session_key("02", kind, des.Encryptor(key).encrypt, bytes(8), card)
        assert session.hex().upper() == expected


@pytest.mark.parametrize("row", _VECTORS["channel"], ids=lambda row: row["source"])
def test_channel_is_opened(vault: CardPersonalizer, row: dict[str, str]) -> None:
    settings = _settings(derivation=row["derivation"], level=row["level"])
    channel = vault.open_channel(_KEYS, settings, bytes.fromhex(row["host"]), _answer(row))
    assert bytes(channel.authentication).hex().upper() == row["authentication"]


@pytest.mark.parametrize("rule", ["plain", "enciphered"])
def test_commands_of_level_01(vault: CardPersonalizer, rule: str) -> None:
    channel = _opened(vault, level="01", initial_vector=rule)
    keys, check = channel.card_keys(_CARD, "none")
    pin = channel.encipher(Secret(bytes.fromhex(_PERSO["pin_block"])), "none")
    assert (keys.hex().upper(), check.hex().upper()) == (_PERSO["keys"], _PERSO["check"])
    assert pin.hex().upper() == _PERSO["pin"]
    groups = (
        (b"\x80\x00\x30" + keys, 0x60),
        (b"\x90\x00\x09" + check, 0x00),
        (b"\x80\x10\x08" + pin, 0x60),
        (bytes.fromhex("9010020303"), 0x80),
    )
    sent = [_store(channel, block, data, p1) for block, (data, p1) in enumerate(groups)]
    assert sent == _PERSO[rule]


def test_level_00_adds_nothing(vault: CardPersonalizer) -> None:
    channel = _opened(vault, level="00")
    keys, check = channel.card_keys(_CARD, "none")
    assert _store(channel, 0, b"\x80\x00\x30" + keys, 0x60) == _PERSO["level_00"][0]
    assert _store(channel, 1, b"\x90\x00\x09" + check, 0x00) == _PERSO["level_00"][1]


@pytest.mark.parametrize("covers", ["plain", "enciphered"])
def test_level_03_enciphers_and_the_mac_covers_what_the_setting_says(
    vault: CardPersonalizer, covers: str
) -> None:
    channel = _opened(vault, level="03", mac_covers=covers)
    wrapped = channel.wrap(Command(0x80, 0xE2, 0x80, 0x00, bytes.fromhex("9010020303")))
    field, mac = wrapped.data[:-8], wrapped.data[-8:]
    assert field.hex().upper() == _PERSO["level_03"]
    covered = field if covers == "enciphered" else bytes.fromhex("9010020303")
    head = bytes.fromhex("84E28000") + bytes((len(covered) + 8,))
    session, start = _VECTORS["sessions"]["rows"][0][4], channel.authentication.data[8:]
    assert mac == whole_retail_mac(bytes.fromhex(session), head + covered, start)


@pytest.mark.parametrize("protocol", ["01", "02"])
@pytest.mark.parametrize("level", [0x00, 0x01, 0x03])
@pytest.mark.parametrize("vector", ["plain", "enciphered"])
@pytest.mark.parametrize("covers", ["plain", "enciphered"])
def test_both_ends_agree_and_a_changed_byte_is_found(
    protocol: Literal["01", "02"],
    level: int,
    vector: Literal["plain", "enciphered"],
    covers: Literal["plain", "enciphered"],
) -> None:
    def end() -> rules.MessageChain:
        return rules.MessageChain(protocol, KMC, TRANSPORT, vector, covers, level)

    here, there = end(), end()
    head = bytes.fromhex("84E20000")
    for data in (b"", b"1234567", b"12345678", bytes(200)):
        field = here.protect(head, data)
        assert there.open(head, field) == data
    field = here.protect(head, b"12345678")
    if level:
        with pytest.raises(ValueError, match=r"MAC|filling"):
            there.open(head, field[:-1] + bytes((field[-1] ^ 1,)))


def test_scp01_session(vault: CardPersonalizer) -> None:
    """No vector is known: computed here by the words of ref 04 §7.3, step by step."""
    host, card = bytes.fromhex("1122334455667788"), bytes.fromhex("A1A2A3A4A5A6A7A8")
    key_data = bytes.fromhex("00000001020304050607")
    own = {
        kind: des.encrypt(KMC, rules.derivation_block("emv_cps", key_data, kind)) for kind in _KINDS
    }
    data = card[4:] + host[:4] + card[:4] + host[4:]
    enc, mac = des.encrypt(own["enc"], data), des.encrypt(own["mac"], data)

    def whole(key: bytes, text: bytes, start: bytes = bytes(8)) -> bytes:
        return des.encrypt_cbc(key, pad80(text), start)[-8:]

    answer = InitializeUpdate(key_data, 1, 1, card, whole(enc, host + card))
    settings = _settings(protocol="01", level="01", initial_vector="enciphered")
    channel = vault.open_channel(_KEYS, settings, host, answer)
    proof = whole(enc, card + host)
    first = whole(mac, bytes.fromhex("8482010010") + proof)
    assert channel.authentication.data == proof + first
    sent = channel.wrap(Command(0x80, 0xE2, 0x80, 0x00, b"\x90\x10\x02\x03\x03"))
    covered = bytes.fromhex("84E280000D9010020303")
    assert sent.data[-8:] == whole(mac, covered, des.encrypt(mac, first))
    # Without a session key for data the card's own is used.
    block = bytes(range(8))
    assert channel.encipher(Secret(block), "none") == des.encrypt(own["dek"], block)


def test_other_card_keys_are_told_apart(vault: CardPersonalizer) -> None:
    with pytest.raises(WrongCardCryptogramError) as raised:
        _opened(vault, derivation="visa2")
    said = raised.value.render("en") + raised.value.render("zh")
    assert "BANK-KMC" in said and "000000010203" in said and "visa2" in said
    assert KMC.hex() not in said.lower()


def test_the_other_protocol_is_named(vault: CardPersonalizer) -> None:
    row = _VECTORS["channel"][0]
    with pytest.raises(OtherProtocolError, match="protocol 01, the profile says 02"):
        vault.open_channel(_KEYS, _settings(), bytes.fromhex(row["host"]), _answer(row, protocol=1))


def test_filling_of_secret_groups(vault: CardPersonalizer) -> None:
    channel = _opened(vault)
    assert len(channel.encipher(Secret(bytes(64)), "always")) == 72
    assert len(channel.encipher(Secret(bytes(64)), "needed")) == 64
    assert len(channel.encipher(Secret(bytes(62)), "needed")) == 64
    with pytest.raises(InputError, match="no multiple of 8"):
        channel.encipher(Secret(bytes(62)), "none")
    enciphered, _ = channel.card_keys(_CARD, "always")
    assert len(enciphered) == 56


def test_keys_of_sm4_are_checked_by_sm4(vault: CardPersonalizer) -> None:
    """Ref 04 §6.8; enciphered under the 3DES DEK like all others (ref 04 §7.6)."""
    channel = _opened(vault)
    enciphered, check = channel.card_keys(BankCard(_CARD.pan, 1, "sm4"), "none")
    assert check.hex().upper() == "DD4820A19024FB7061"
    keys = des.decrypt(bytes.fromhex(_VECTORS["sessions"]["rows"][0][5]), enciphered)
    assert keys[:16].hex().upper() == "2B7F26F4ADF0D5DE9750D6A49FAB7D4B"


@pytest.mark.parametrize(
    ("algorithm", "filled", "padding"),
    [("3des", "none", "none"), ("3des", "always", "always"), ("sm4", "always", "needed")],
)
def test_groups_come_from_under_a_transport_key(
    vault: CardPersonalizer,
    algorithm: Algorithm,
    filled: Literal["none", "always"],
    padding: Padding,
) -> None:
    channel, value = _opened(vault), bytes(range(64))
    block = 16 if algorithm == "sm4" else 8
    plain = pad80(value, block) if filled == "always" else value
    cipher = sm4.encrypt if algorithm == "sm4" else des.encrypt
    got = channel.translate("BANK-TK", 1, algorithm, cipher(TRANSPORT, plain), padding, filled)
    assert got == channel.encipher(Secret(value), padding)


@pytest.mark.parametrize("block", ["26000000FFFFFFFF", "1600000012AB34CD"])
def test_a_pin_comes_in_either_format(vault: CardPersonalizer, block: str) -> None:
    channel = _opened(vault)
    under = des.encrypt(TRANSPORT, bytes.fromhex(block))
    assert channel.translate_pin("BANK-TK", 1, "3des", under, 2).hex().upper() == _PERSO["pin"]


@pytest.mark.parametrize("block", ["0612345602139297", "26000000FFFFFFF0", "26ABCDEFFFFFFFFF"])
def test_what_is_no_pin_is_refused_without_being_shown(vault: CardPersonalizer, block: str) -> None:
    channel = _opened(vault)
    under = des.encrypt(TRANSPORT, bytes.fromhex(block))
    with pytest.raises(InputError) as raised:
        channel.translate_pin("BANK-TK", 1, "3des", under, 2)
    assert block.lower() not in raised.value.render("en").lower()
    assert raised.value.__context__ is None


def test_nothing_of_a_channel_is_printed(vault: CardPersonalizer) -> None:
    channel = _opened(vault)
    keys = [row[3:] for row in _VECTORS["sessions"]["rows"]]
    chain = rules.MessageChain("02", KMC, TRANSPORT)
    chain.mac(b"\x84\xe2\x00\x00", b"")
    for said in (repr(channel), str(channel), repr(chain)):
        assert KMC.hex() not in said.lower().replace("\\x", "")
        assert not any(key.lower() in said.lower() for row in keys for key in row)
