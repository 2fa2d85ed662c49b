"""Whole chains, RSA and SM2, checked by the `openssl` command as second opinion."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.support.offline_chain import VECTORS, authority, octets

from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.pboc.offline_data import dynamic_number
from sscard_ic.crypto.rsa import RsaPrivate, RsaPublic
from sscard_ic.crypto.sm2 import forms, provider

_PAN, _EXPIRY, _SERIAL = "6228000100001117", date(2030, 12, 31), b"\x00\x00\x01"
_STATIC, _TERMINAL = bytes(range(77)), bytes.fromhex("11223344")


class _Command:
    """`openssl` at work in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recovered(self, key: RsaPublic, signature: bytes) -> bytes:
        """A signature put through a public key, without any padding looked at."""
        numbers = RSAPublicNumbers(key.exponent, key.modulus).public_key()
        pem = numbers.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        file = self._file("public.pem", pem)
        return self._run("rsautl", "-verify", "-raw", "-pubin", "-inkey", file, data=signature)

    def verified(self, key: bytes, signed: bytes, tail: bytes) -> bool:
        """Whether the last 64 bytes of ``signed`` are right for what precedes them and ``tail``."""
        file = self._file("sm2.pem", forms.public_to_pem(key).encode())
        der = self._file("signature", forms.signature_to_der(signed[-64:]))
        told = self._run(
            "dgst", "-sm3", "-verify", file, "-sigopt", "distid:1234567812345678",
            "-signature", der, data=signed[:-64] + tail,
        )  # fmt: skip
        return told.strip() == b"Verified OK"

    def _file(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)

    def _run(self, *arguments: str, data: bytes) -> bytes:
        return subprocess.run(
            ["openssl", *arguments], input=data, capture_output=True, check=True
        ).stdout


@pytest.fixture
def openssl(tmp_path: Path) -> _Command:
    return _Command(tmp_path)


def _is_right(clear: bytes, kind: int, tail: bytes) -> bool:
    """Whether a recovered block is 6A, format, content, SHA-1, BC (ref 14 §7.1)."""
    digest = hashlib.sha1(clear[1:-21] + tail, usedforsecurity=False).digest()
    return clear[:2] == bytes((0x6A, kind)) and clear[-21:] == digest + b"\xbc"


def test_a_chain_of_rsa(openssl: _Command) -> None:
    ca, issuer, card = (
        RsaPrivate.generate(1408),
        RsaPrivate.generate(1152),
        RsaPrivate.generate(1024),
    )
    made = offline.issuer_certificate(ca, issuer.public, "622800", _EXPIRY, _SERIAL)
    clear = openssl.recovered(ca.public, made.certificate)
    assert _is_right(clear, 0x02, made.remainder + made.exponent)
    assert clear[15 : 15 + 140].rstrip(b"\xbb") + made.remainder == issuer.public.modulus_bytes
    made = offline.card_certificate(issuer, card.public, _PAN, _EXPIRY, _SERIAL, _STATIC)
    clear = openssl.recovered(issuer.public, made.certificate)
    assert _is_right(clear, 0x04, made.remainder + made.exponent + _STATIC)
    assert clear[21 : 21 + 102] + made.remainder == card.public.modulus_bytes
    signature = offline.static_signature(issuer, b"\xda\xc5", _STATIC)
    assert _is_right(openssl.recovered(issuer.public, signature), 0x03, _STATIC)
    signature = offline.dynamic_signature(card, dynamic_number(1), _TERMINAL)
    assert _is_right(openssl.recovered(card.public, signature), 0x05, _TERMINAL)


def test_the_laboratory_certificate(openssl: _Command) -> None:
    table = VECTORS["demo_issuer"]
    clear = openssl.recovered(authority(0xF8), octets(table, "certificate"))
    assert _is_right(clear, 0x02, octets(table, "remainder") + octets(table, "exponent"))
    assert clear[-21:-1] == octets(table, "hash")


def test_a_chain_of_sm2(openssl: _Command) -> None:
    sm2 = provider()
    ca, issuer, card = sm2.generate(), sm2.generate(), sm2.generate()
    made = offline_sm2.issuer_certificate(ca, issuer.public, "622800", _EXPIRY, _SERIAL)
    assert openssl.verified(ca.public, made.certificate, b"")
    made = offline_sm2.card_certificate(issuer, card.public, _PAN, _EXPIRY, _SERIAL, _STATIC)
    assert openssl.verified(issuer.public, made.certificate, _STATIC)
    signature = offline_sm2.static_signature(issuer, b"\xda\xc5", _STATIC)
    assert openssl.verified(issuer.public, signature, _STATIC)
    signature = offline_sm2.dynamic_signature(card, dynamic_number(1), _TERMINAL)
    assert openssl.verified(card.public, signature, _TERMINAL)


def test_a_live_certificate_of_sm2(openssl: _Command) -> None:
    table = VECTORS["sm2_live"]
    assert openssl.verified(authority(0x18), octets(table, "certificate"), b"")
