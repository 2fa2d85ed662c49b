"""The search that proves that nothing leaks finds every form it is meant to find, and no other."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.secret_search import SecretSearch

PAD = b"some words of a log: "
KEY = secrets.token_bytes(16)
PIN = "".join(secrets.choice("0123456789") for _ in range(12))
PASSWORD = secrets.token_urlsafe(18)
SHORT = secrets.token_bytes(8)
SEARCH = SecretSearch(
    keys={"key": KEY, "other": secrets.token_bytes(16), "short": SHORT},
    texts={"password": PASSWORD},
    pins={"PIN": PIN},
)


def _swapped(digits: str) -> str:
    return "".join(b + a for a, b in zip(digits[::2], digits[1::2], strict=True))


def _base64(shift: int, encode: Callable[[bytes], bytes]) -> bytes:
    return PAD + encode(bytes(range(shift)) + KEY + bytes(range(7))) + b"\n"


KEY_FORMS: dict[str, bytes] = {
    "binary": KEY,
    "half of it": KEY[8:],
    "parity changed": bytes(byte ^ 1 for byte in KEY),
    "hex": KEY.hex().encode(),
    "HEX": KEY.hex().upper().encode(),
    "hex with spaces": KEY.hex(" ").encode(),
    "hex with colons": KEY.hex(":").upper().encode(),
    "hex with dashes": KEY.hex("-").encode(),
    "hex by fours": KEY.hex(" ", 4).encode(),
    "hex after a digit": b"7" + KEY.hex().encode(),
    "hex over two lines": b"> " + KEY.hex().encode()[:15] + b"\n> " + KEY.hex().encode()[15:],
    "C array": ", ".join(f"0x{byte:02x}" for byte in KEY).encode(),
    "repr": repr(KEY).encode(),
    "JSON": json.dumps(KEY.decode("latin-1")).encode(),
    "URL": urllib.parse.quote_from_bytes(KEY).encode(),
    "list": str(list(KEY)).encode(),
    "number": str(int.from_bytes(KEY, "big")).encode(),
    "number, little": str(int.from_bytes(KEY, "little")).encode(),
    "number of half": str(int.from_bytes(KEY[:8], "big")).encode(),
    "hex in UTF-16": KEY.hex().encode("utf-16-le"),
    "Base64 in UTF-16": base64.b64encode(KEY).decode().encode("utf-16-be"),
    "Base64 over two lines": base64.encodebytes(bytes(50) + KEY + bytes(20)),
    **{
        f"{name} + {shift}": _base64(shift, encode)
        for shift in range(3)
        for name, encode in (
            ("Base64", base64.b64encode),
            ("Base64 for URLs", base64.urlsafe_b64encode),
        )
    },
}
PIN_FORMS: dict[str, bytes] = {
    "digits": PIN.encode(),
    "digits by fours": f"{PIN[:4]} {PIN[4:8]} {PIN[8:]}".encode(),
    "block": bytes.fromhex(PIN),
    "block with its length": bytes.fromhex(f"06{PIN}80"),
    "block in hex": b"06" + PIN.encode(),
    "block in spaced hex": bytes.fromhex(PIN).hex(" ").encode(),
    "nibbles swapped": bytes.fromhex(_swapped(PIN)),
    "bytes reversed": bytes.fromhex(PIN)[::-1],
    "digits reversed": bytes.fromhex(PIN[::-1]),
    "digits in hex": PIN.encode().hex().encode(),
    "UTF-16": PIN.encode("utf-16"),
    "Base64 of the block": base64.b64encode(bytes.fromhex(PIN)),
    "Base64 of the digits": base64.b64encode(PIN.encode()),
}
SHORT_FORMS: dict[str, bytes] = {
    f"Base64 + {shift}": PAD + base64.b64encode(bytes(range(shift)) + SHORT) + b"\n"
    for shift in range(3)
}
PASSWORD_FORMS: dict[str, bytes] = {
    "text": PASSWORD.encode(),
    "part of it": PASSWORD[5:14].encode(),
    "UTF-16": PASSWORD.encode("utf-16"),
    "UTF-32": PASSWORD.encode("utf-32-be"),
    "hex": PASSWORD.encode().hex().encode(),
    "Base64": base64.b64encode(PASSWORD.encode()),
}
PLANTED = [
    *(("key", name, form) for name, form in KEY_FORMS.items()),
    *(("short", name, form) for name, form in SHORT_FORMS.items()),
    *(("PIN", name, form) for name, form in PIN_FORMS.items()),
    *(("password", name, form) for name, form in PASSWORD_FORMS.items()),
]


@pytest.mark.parametrize(
    ("secret", "form"), [case[::2] for case in PLANTED], ids=[f"{a} {b}" for a, b, _ in PLANTED]
)
def test_planted(secret: str, form: bytes, tmp_path: Path) -> None:
    """Once between other words, and it alone is found."""
    scratch, clean = tmp_path / "scratch", tmp_path / "clean"
    scratch.write_bytes(PAD + form + PAD)
    clean.write_bytes(PAD * 2)
    found = SEARCH.found_in([clean, scratch])
    assert list(found) == [str(scratch)]
    assert {words.split(" as ")[0] for words in found[str(scratch)]} == {secret}


def test_what_is_no_secret() -> None:
    """Random bytes in every form, and check values of three bytes."""
    noise = secrets.token_bytes(4096)
    for content in (noise, noise.hex().encode(), base64.b64encode(noise), KEY[:3].hex().encode()):
        assert SEARCH.found(content) == set()


def test_what_cannot_be_told_from_chance() -> None:
    with pytest.raises(ValueError, match="too short"):
        SecretSearch(keys={"check value": bytes(3)})
