"""DER and PEM of public keys, signatures and ciphertexts: there and back, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.sm2_backends import CIPHER, PAIR, SIGNATURE, P, number

from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.sm2 import Sm2Error, forms

_PUBLIC = PAIR.public
_X, _Y = _PUBLIC[:32], _PUBLIC[32:]

_OID = bytes.fromhex("06082A811CCF5501822D")
_ALGORITHM = bytes.fromhex("301306072A8648CE3D0201") + _OID
_P256 = bytes.fromhex("301306072A8648CE3D020106082A8648CE3D030107")
_SPKI = bytes.fromhex("3059") + _ALGORITHM + bytes.fromhex("03420004") + _PUBLIC

_numbers = st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 300)).map(number)
_coordinates = st.one_of(st.integers(0, P - 1), st.integers(0, 300)).map(number)


def _integer(value: bytes) -> bytes:
    return encode_ber(0x02, value)


def _sequence(*parts: bytes) -> bytes:
    return encode_ber(0x30, *parts)


def _octets(value: bytes) -> bytes:
    return encode_ber(0x04, value)


_R, _S = (_integer(b"\x00" + SIGNATURE[:32]), _integer(b"\x00" + SIGNATURE[32:]))
_CX, _CY = (_integer(CIPHER[:32]), _integer(b"\x00" + CIPHER[32:64]))
_HASH, _TEXT = _octets(CIPHER[64:96]), _octets(CIPHER[96:])


def test_signature_as_written() -> None:
    der = _sequence(_R, _S)
    assert forms.signature_to_der(SIGNATURE) == der
    assert forms.signature_from_der(der) == SIGNATURE


@given(_numbers, _numbers)
@example(bytes(32), b"\xff" * 32)
@example(b"\x7f" + bytes(31), b"\x80" + bytes(31))
def test_signatures_there_and_back(r: bytes, s: bytes) -> None:
    assert forms.signature_from_der(forms.signature_to_der(r + s)) == r + s


def test_ciphertext_as_written() -> None:
    der = _sequence(_CX, _CY, _HASH, _TEXT)
    assert forms.cipher_to_der(CIPHER) == der
    assert forms.cipher_from_der(der) == CIPHER


@given(_coordinates, _coordinates, st.binary(min_size=33, max_size=400))
@example(bytes(32), bytes(32), bytes(33))
def test_ciphertexts_there_and_back(x: bytes, y: bytes, rest: bytes) -> None:
    assert forms.cipher_from_der(forms.cipher_to_der(x + y + rest)) == x + y + rest


_NO_SIGNATURES = {
    "nothing": b"",
    "raw": SIGNATURE,
    "byte behind it": _sequence(_R, _S) + b"\x00",
    "another behind it": _sequence(_R, _S) * 2,
    "cut": _sequence(_R, _S)[:-1],
    "one number": _sequence(_R),
    "three numbers": _sequence(_R, _S, _S),
    "negative": _sequence(_integer(SIGNATURE[:32]), _S),
    "empty number": _sequence(_integer(b""), _S),
    "needless zero": _sequence(_integer(b"\x00\x01"), _S),
    "two zeros": _sequence(_integer(b"\x00" + _R[2:]), _S),
    "33 bytes": _sequence(_integer(b"\x01" + bytes(32)), _S),
    "octets": _sequence(_octets(SIGNATURE[:32]), _S),
    "long length": b"\x30\x81" + _sequence(_R, _S)[1:],
    "indefinite length": b"\x30\x80" + _R + _S + bytes(2),
    "SET": b"\x31" + _sequence(_R, _S)[1:],
}
_NO_CIPHERS = {
    "nothing": b"",
    "raw": CIPHER,
    "byte behind it": _sequence(_CX, _CY, _HASH, _TEXT) + b"\x00",
    "byte within": _sequence(_CX, _CY, _HASH, _TEXT, b"\x05\x00"),
    "negative": _sequence(_CX, _integer(CIPHER[32:64]), _HASH, _TEXT),
    "needless zero": _sequence(_integer(b"\x00" + CIPHER[:32]), _CY, _HASH, _TEXT),
    "x is p": _sequence(_integer(b"\x00" + number(P)), _CY, _HASH, _TEXT),
    "33 bytes": _sequence(_integer(b"\x01" + bytes(32)), _CY, _HASH, _TEXT),
    "short HASH": _sequence(_CX, _CY, _octets(CIPHER[64:95]), _TEXT),
    "long HASH": _sequence(_CX, _CY, _octets(CIPHER[64:97]), _TEXT),
    "no message": _sequence(_CX, _CY, _HASH, _octets(b"")),
    "old order": _sequence(_CX, _CY, _TEXT, _HASH),
}
_NO_PUBLIC_KEYS = {
    "nothing": b"",
    "raw": _PUBLIC,
    "byte behind it": _SPKI + b"\x00",
    "cut": _SPKI[:-1],
    "another curve": _SPKI.replace(_ALGORITHM, _P256),
    "compressed": _sequence(_ALGORITHM, encode_ber(0x03, b"\x00\x02" + _X)),
    "x is p": _SPKI[:-64] + number(P) + _Y,
    "unused bits": _SPKI.replace(b"\x00\x04" + _X, b"\x01\x04" + _X),
}


def _each(values: dict[str, bytes]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("der", list(values.values()), ids=list(values))


@_each(_NO_SIGNATURES)
def test_no_signature(der: bytes) -> None:
    _refused(lambda: forms.signature_from_der(der))


@_each(_NO_CIPHERS)
def test_no_ciphertext(der: bytes) -> None:
    _refused(lambda: forms.cipher_from_der(der))


@_each(_NO_PUBLIC_KEYS)
def test_no_public_key(der: bytes) -> None:
    _refused(lambda: forms.public_from_spki(der))


@given(st.binary(max_size=120))
def test_bytes_out_of_the_air(data: bytes) -> None:
    _refused(lambda: forms.signature_from_der(data))
    _refused(lambda: forms.cipher_from_der(data))
    _refused(lambda: forms.public_from_spki(data))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_raw_values_of_another_length(length: int) -> None:
    _refused(lambda: forms.signature_to_der(bytes(length)))
    _refused(lambda: forms.cipher_to_der(bytes(length)))
    _refused(lambda: forms.public_to_spki(bytes(length)))


def test_public_key() -> None:
    assert forms.public_to_spki(_PUBLIC) == _SPKI
    assert forms.public_from_spki(_SPKI) == _PUBLIC


def test_public_key_in_pem() -> None:
    first, *lines, last, end = forms.public_to_pem(_PUBLIC).split("\n")
    assert (first, last, end) == ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", "")
    assert [len(line) for line in lines] == [64, 60]
    assert base64.b64decode("".join(lines)) == _SPKI


def _refused(job: Callable[[], object]) -> None:
    """Refused, with nothing of the data in the words or behind them."""
    with pytest.raises(Sm2Error) as caught:
        job()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not any(character in str(caught.value) for character in "\\'\"")
