"""PEM (RFC 7468): DER as text between two lines that say what it is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator

from sscard_ic.crypto.certificates.errors import unreadable

_END = re.compile(rb"-----END ([A-Z0-9 ]{1,64})-----")
_LINE = 64


def is_pem(data: bytes) -> bool:
    """Whether it is text with PEM in it, not DER, whose second byte is never a character."""
    is_text = not (data[:1] == b"\x30" and data[1:2] >= b"\x80")
    return is_text and b"-----BEGIN " in data


def from_pem(data: bytes, labels: Collection[str]) -> list[bytes]:
    """The DER of every block with one of these labels; other blocks and text are passed over.

    Raises :class:`CertificateError` when the Base64 of one is wrong.
    """
    return [_decoded(body) for label, body in _blocks(data) if label.decode("ascii") in labels]


def to_pem(label: str, data: bytes) -> str:
    """DER in PEM."""
    text = base64.b64encode(data).decode("ascii")
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Label and body of each block: what lies between an END and the BEGIN of its label before it.

    No byte is looked at more than a few times, however many lines begin blocks that never end.
    """
    at = 0
    for end in _END.finditer(data):
        begin = b"-----BEGIN %b-----" % end[1]
        start = data.find(begin, at, end.start())
        if start >= 0:
            yield end[1], data[start + len(begin) : end.start()]
        at = end.end()


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise unreadable("PEM 中的 Base64 有错误", "the Base64 in the PEM is wrong") from None
