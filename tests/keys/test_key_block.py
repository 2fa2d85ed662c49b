"""Key blocks: the form, what is bound to the key, and that nothing of it can be changed."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.base import Secret
from sscard_ic.crypto.published import published_test_key
from sscard_ic.keys.inventory import LENGTHS, KeySpec
from sscard_ic.keys.key_block import (
    KeyBlock,
    KeyBlockError,
    derivation_blocks,
    require_mac,
    seal,
    unseal,
)

_PAGE = Path(__file__).parents[2] / "docs" / "keys.md"

_KBPK = Secret(published_test_key("ZMK", 1, 32))
"""The published test key ZMK version 1 of 32 bytes: SHA-256 of its label."""
_VALUE = Secret(published_test_key("UKSSSE", 2))
_SPEC = KeySpec("UKSSSE", 2, "P1", "external", "3des", date(2026, 1, 1), date(2036, 12, 31))
_PLAIN = KeyBlock("test", _SPEC, "4FDFD5", "ZMK", 1)
_SEALED = seal(_PLAIN, _VALUE, _KBPK)
_HEADER = "SSKB1|test|UKSSSE|2|P1|external|3des|2026-01-01|2036-12-31|4FDFD5|ZMK|1"


# The same arithmetic from the standards, by nothing but AES on one block.


def _aes(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(AES(key), ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def _key_wrap(kek: bytes, value: bytes) -> bytes:
    """RFC 5649 §4.1 with RFC 3394 §2.2.1."""
    start = bytes.fromhex("A65959A6") + len(value).to_bytes(4, "big")
    padded = value + bytes(-len(value) % 8)
    if len(padded) == 8:
        return _aes(kek, start + padded)
    registers = [padded[place : place + 8] for place in range(0, len(padded), 8)]
    count = 0
    for _ in range(6):
        for place, register in enumerate(registers):
            count += 1
            block = _aes(kek, start + register)
            start = (int.from_bytes(block[:8], "big") ^ count).to_bytes(8, "big")
            registers[place] = block[8:]
    return start + b"".join(registers)


def _cmac(key: bytes, data: bytes) -> bytes:
    """NIST SP 800-38B §6."""

    def doubled(block: bytes) -> bytes:
        number = int.from_bytes(block, "big") << 1
        return ((number ^ (0x87 if number >> 128 else 0)) & (2**128 - 1)).to_bytes(16, "big")

    def joined(left: bytes, right: bytes) -> bytes:
        return bytes(a ^ b for a, b in zip(left, right, strict=True))

    subkey = doubled(_aes(key, bytes(16)))
    whole = bool(data) and len(data) % 16 == 0
    if not whole:
        subkey = doubled(subkey)
        data += b"\x80" + bytes(-(len(data) + 1) % 16)
    blocks = [data[place : place + 16] for place in range(0, len(data), 16)]
    state = bytes(16)
    for block in blocks[:-1]:
        state = _aes(key, joined(state, block))
    return _aes(key, joined(joined(state, blocks[-1]), subkey))


def test_the_arithmetic_of_the_standards() -> None:
    """Vectors of RFC 5649 §6 and NIST SP 800-38B, appendix D.3."""
    kek = bytes.fromhex("5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8")
    twenty = bytes.fromhex("C37B7E6492584340BED12207808941155068F738")
    wrapped = "138BDEAA9B8FA7FC61F97742E72248EE5AE6AE5360D1AE6A5F54F373FA543B6A"
    assert _key_wrap(kek, twenty).hex().upper() == wrapped
    seven = bytes.fromhex("466F7250617369")
    assert _key_wrap(kek, seven).hex().upper() == "AFBEB0F07DFBF5419200F2CCB50BB24F"
    key = bytes.fromhex("603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4")
    assert _cmac(key, b"").hex().upper() == "028962F61B7BF89EFC6B551F4667D983"
    block = bytes.fromhex("6BC1BEE22E409F96E93D7E117393172A")
    assert _cmac(key, block).hex().upper() == "28A7023F452E8F82BD4BF28D8C37C35C"


def test_the_known_answer() -> None:
    """Published test keys; every part computed by hand, and printed in the documentation."""
    kbpk, value = _KBPK.reveal(), _VALUE.reveal()

    def derived(label: bytes) -> bytes:
        return _aes(kbpk, label + b"\x01") + _aes(kbpk, label + b"\x02")

    kbek = derived(b"SSKB1 encrypt".ljust(15, b"\x00"))
    kbak = derived(b"SSKB1 authentic")
    wrapped = _key_wrap(kbek, value)
    mac = _cmac(kbak, _HEADER.encode("ascii") + b"\x00" + wrapped)
    text = f"{_HEADER}|{wrapped.hex().upper()}|{mac.hex().upper()}"
    assert _SEALED.to_text() == text
    assert unseal(KeyBlock.parse(text), _KBPK) == _VALUE
    page = _PAGE.read_text(encoding="utf-8")
    for part in (text, kbpk.hex().upper(), kbek.hex().upper(), kbak.hex().upper()):
        assert part in page


def test_no_key_serves_for_two_purposes() -> None:
    blocks = derivation_blocks("encrypt") + derivation_blocks("authenticate")
    assert len({blocks[place : place + 16] for place in range(0, len(blocks), 16)}) == 4


_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", fullmatch=True)
_versions = st.integers(1, 255)
_days = st.none() | st.dates(min_value=date(1000, 1, 1))
_specs = st.builds(
    KeySpec,
    name=_names,
    version=_versions,
    level=st.sampled_from(["N1", "N2", "P1", "C1", "maker", "bank", "site"]),
    use=st.sampled_from(["external", "internal", "mac", "master", "purchase", "wrap"]),
    algorithm=st.sampled_from(sorted(LENGTHS)),
    valid_from=_days,
    valid_until=_days,
)
_blocks = st.builds(
    KeyBlock,
    environment=st.sampled_from(["test", "production"]),
    spec=_specs,
    check_value=st.from_regex(r"[0-9A-F]{6}", fullmatch=True),
    under_name=_names,
    under_version=_versions,
)


@given(block=_blocks, data=st.data())
def test_what_was_sealed_comes_back(block: KeyBlock, data: st.DataObject) -> None:
    length = block.spec.length
    value = Secret(data.draw(st.binary(min_size=length, max_size=length)))
    kbpk = Secret(data.draw(st.binary(min_size=32, max_size=32)))
    sealed = seal(block, value, kbpk)
    assert len(sealed.wrapped) == length + 8
    assert len(sealed.mac) == 16
    text = sealed.to_text()
    assert text.isascii()
    assert text.count("\n") == 0
    read = KeyBlock.parse(f"  {text}\r\n")
    assert read == sealed
    assert replace(read, wrapped=b"", mac=b"") == block
    assert unseal(read, kbpk) == value


@given(
    place=st.integers(0, len(_SEALED.to_text()) - 1),
    character=st.characters(min_codepoint=0x20, max_codepoint=0x2FF),
)
def test_no_character_can_be_another_one(place: int, character: str) -> None:
    text = _SEALED.to_text()
    changed = text[:place] + character + text[place + 1 :]
    if changed.strip() == text:
        return
    with pytest.raises(KeyBlockError):
        unseal(KeyBlock.parse(changed), _KBPK)


@given(place=st.integers(0, len(_SEALED.to_text()) - 1))
def test_a_truncated_block_is_refused(place: int) -> None:
    with pytest.raises(KeyBlockError):
        unseal(KeyBlock.parse(_SEALED.to_text()[:place]), _KBPK)


@pytest.mark.parametrize(
    "changed",
    [
        replace(_SEALED, environment="production"),
        replace(_SEALED, spec=replace(_SPEC, name="UK1DF01")),
        replace(_SEALED, spec=replace(_SPEC, version=1)),
        replace(_SEALED, spec=replace(_SPEC, level="N1")),
        replace(_SEALED, spec=replace(_SPEC, use="internal")),
        replace(_SEALED, spec=replace(_SPEC, algorithm="sm4")),
        replace(_SEALED, spec=replace(_SPEC, valid_from=None)),
        replace(_SEALED, spec=replace(_SPEC, valid_until=date(2099, 12, 31))),
        replace(_SEALED, check_value="4FDFD6"),
        replace(_SEALED, under_name="ZMK2"),
        replace(_SEALED, under_version=2),
        replace(_SEALED, wrapped=_SEALED.wrapped[::-1]),
        replace(_SEALED, wrapped=_SEALED.wrapped + bytes(8)),
        replace(_SEALED, mac=bytes(16)),
        replace(_SEALED, mac=_SEALED.mac[:8]),
    ],
)
def test_no_field_can_be_changed(changed: KeyBlock) -> None:
    """The block still has its form; the MAC does not fit."""
    read = KeyBlock.parse(changed.to_text(), "block.txt")
    assert read == changed
    with pytest.raises(KeyBlockError, match="altered") as caught:
        unseal(read, _KBPK)
    assert caught.value.where == changed.spec.name
    assert "校验值" in caught.value.render("zh")


def test_two_blocks_cannot_be_crossed() -> None:
    """The wrapped key of one under the header and MAC of another of the same transport key."""
    other = seal(replace(_PLAIN, spec=replace(_SPEC, version=3)), _VALUE, _KBPK)
    with pytest.raises(KeyBlockError):
        unseal(replace(other, wrapped=_SEALED.wrapped[:-1] + b"\x00"), _KBPK)
    with pytest.raises(KeyBlockError):
        unseal(replace(_SEALED, mac=other.mac), _KBPK)


def test_another_transport_key() -> None:
    wrong = Secret(secrets.token_bytes(32))
    with pytest.raises(KeyBlockError, match="another transport key than ZMK version 1") as caught:
        unseal(_SEALED, wrong)
    assert caught.value.__cause__ is None
    for told in (caught.value.render("en"), caught.value.render("zh"), repr(_SEALED)):
        assert _VALUE.reveal().hex() not in told.casefold()
        assert wrong.reveal().hex() not in told.casefold()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SSKB1",
        "|" * 13,
        _SEALED.to_text().replace("SSKB1", "SSKB2"),
        _SEALED.to_text().lower(),
        _SEALED.to_text() + "|",
        _SEALED.to_text() + " x",
        _SEALED.to_text().replace("|2|", "|02|"),
        _SEALED.to_text().replace("|2|", "|0|"),
        _SEALED.to_text().replace("|2|", "|256|"),
        _SEALED.to_text().replace("|1|", "|256|"),
        _SEALED.to_text().replace("|2|", "|²|"),
        _SEALED.to_text().replace("2026-01-01", "20260101"),
        _SEALED.to_text().replace("2026-01-01", "2026-02-30"),
        _SEALED.to_text().replace("UKSSSE", "UK SSE"),
        _SEALED.to_text().replace("external", "extern"),
        _SEALED.to_text().replace("|3des|", "|rsa|"),
        _SEALED.to_text().replace("4FDFD5", "4FDFD"),
        _SEALED.to_text().replace("|test|", "|demo|"),
    ],
)
def test_what_is_no_key_block(text: str) -> None:
    with pytest.raises(KeyBlockError, match="not a key block") as caught:
        KeyBlock.parse(text, "block.txt")
    assert caught.value.where == "block.txt"
    assert "不是密钥块" in caught.value.render("zh")


def test_a_key_of_another_length_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="disagree"):
        seal(_PLAIN, Secret(bytes(8)), _KBPK)


def test_a_key_of_another_length_is_not_taken_out() -> None:
    """A sender who holds the transport key says 3DES and wraps eight bytes."""
    short = seal(replace(_PLAIN, spec=replace(_SPEC, algorithm="des")), Secret(bytes(8)), _KBPK)
    forged = replace(_PLAIN, wrapped=short.wrapped)
    kbak = b"".join(
        _aes(_KBPK.reveal(), derivation_blocks("authenticate")[place : place + 16])
        for place in (0, 16)
    )
    forged = replace(forged, mac=_cmac(kbak, forged.covered()))
    require_mac(forged, forged.mac)
    with pytest.raises(KeyBlockError):
        unseal(forged, _KBPK)
