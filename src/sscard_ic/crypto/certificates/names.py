"""Distinguished names: who a certificate is for, and who issued it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from sscard_ic.base.errors import Text
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.certificates import der
from sscard_ic.crypto.certificates.errors import CertificateError

_OIDS = {
    "CN": "2.5.4.3",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "DC": "0.9.2342.19200300.100.1.25",
    "E": "1.2.840.113549.1.9.1",
}
_SHORT = {dotted: short for short, dotted in _OIDS.items()}

_LONGEST = {"CN": 64, "O": 64, "OU": 64, "ST": 128, "L": 128, "SERIALNUMBER": 64, "E": 255}
"""Characters, not bytes (RFC 5280, appendix A.1)."""
_LONGEST_OTHER = 255

_CODECS = {
    0x0C: "utf-8",
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # T61String, as everybody reads it
    0x16: "ascii",  # IA5String
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A name in parts, in their order; what a holder's certificate says is personal data."""

    parts: tuple[tuple[str, str], ...] = field(repr=False, compare=False)
    """Short name (``C``, ``ST``, ``L``, ``O``, ``OU``, ``CN`` …) or dotted identifier; value."""
    der: bytes = field(repr=False)

    @classmethod
    def of(cls, *parts: tuple[str, str]) -> DistinguishedName:
        """The name of these parts: C as PrintableString, everything else as UTF8String.

        Raises :class:`CertificateError` for a part that is empty or longer than the standard has
        it (common name: 64 characters).
        """
        encoded = []
        for kind, value in parts:
            tag = _tag(kind, value)
            attribute = der.sequence(
                der.oid(_OIDS.get(kind, kind)), encode_ber(tag, value.encode(_CODECS[tag]))
            )
            encoded.append(der.set_of((attribute,)))
        return cls(parts, der.sequence(*encoded))

    @classmethod
    def read(cls, data: bytes) -> DistinguishedName:
        """The name of its DER; raises :class:`~sscard_ic.crypto.certificates.der.DerError`."""
        return cls(tuple(part for group in _groups(data) for part in group), data)

    def get(self, kind: str) -> str | None:
        """The last part of this kind (the most particular one), or None."""
        return next((value for name, value in reversed(self.parts) if name == kind), None)

    def matches(self, other: DistinguishedName) -> bool:
        """Whether both are one name: string types, case and repeated blanks do not count."""
        return self.der == other.der or _folded(self.der) == _folded(other.der)

    def __str__(self) -> str:
        return ", ".join(f"{kind}={value}" for kind, value in self.parts)


def _groups(data: bytes) -> Iterator[list[tuple[str, str]]]:
    for group in der.parts(data):
        attributes = der.members(group, der.SET)
        if not attributes:
            raise der.DerError("名称中有空项", "a part of a name is empty")
        yield [_attribute(attribute) for attribute in attributes]


def _attribute(element: der.Element) -> tuple[str, str]:
    members = der.members(element)
    if len(members) != 2 or members[0].tag != der.OID or members[1].tag not in _CODECS:
        raise der.DerError("名称中有不认识的项", "a part of a name is not understood")
    dotted = der.read_oid(members[0].value)
    try:
        value: str | None = members[1].value.decode(_CODECS[members[1].tag])
    except UnicodeDecodeError:
        value = None
    if value is None:
        raise der.DerError("名称中有不是文字的项", "a part of a name is no text")
    return _SHORT.get(dotted, dotted), value


def _folded(data: bytes) -> list[frozenset[tuple[str, str]]]:
    return [
        frozenset((kind, " ".join(value.split()).casefold()) for kind, value in group)
        for group in _groups(data)
    ]


def _tag(kind: str, value: str) -> int:
    longest = _LONGEST.get(kind, _LONGEST_OTHER)
    if kind == "C":
        if len(value) != 2 or not (value.isascii() and value.isalpha() and value.isupper()):
            raise _refused(kind, "须为两个大写字母", "has to be two capital letters")
        return der.PRINTABLE
    if not value:
        raise _refused(kind, "为空", "is empty")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise _refused(kind, "含有控制字符", "has control characters")
    if len(value) > longest:
        raise _refused(kind, f"超过 {longest} 个字符", f"has more than {longest} characters")
    return der.UTF8


def _refused(kind: str, zh: str, en: str) -> CertificateError:
    text = Text(f"证书名称中的 {kind} {zh}", f"the part {kind} of a certificate's name {en}")
    return CertificateError(
        "content", text, hint=Text("请更正该项后再申请证书", "correct it and ask again")
    )
