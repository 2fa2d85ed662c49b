"""Extensions of a certificate, and the four that a chain is built with (RFC 5280 §4.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.certificates import der

SUBJECT_KEY_ID, KEY_USAGE, BASIC_CONSTRAINTS, AUTHORITY_KEY_ID = (
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.19",
    "2.5.29.35",
)
UNDERSTOOD = frozenset((SUBJECT_KEY_ID, KEY_USAGE, BASIC_CONSTRAINTS, AUTHORITY_KEY_ID))

USAGES = (
    "digital_signature",
    "non_repudiation",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
"""Key usages, the first in the highest bit: C0 is the first two, 30 the next two (ref 02 §8.9)."""

_KEY_IN_CONTEXT = 0x80
"""Tag of the key identifier within an authority key identifier."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension: dotted identifier, the bytes within its OCTET STRING, whether critical."""

    oid: str
    value: bytes = field(repr=False)
    critical: bool = False

    def encode(self) -> bytes:
        """Its DER."""
        critical = der.boolean(True) if self.critical else b""
        return der.sequence(der.oid(self.oid), critical, der.octet_string(self.value))


@dataclass(frozen=True, slots=True)
class Understood:
    """What the four extensions say; where one is absent, the default."""

    key_usage: frozenset[str] = frozenset()
    """Empty: not restricted."""
    is_authority: bool = False
    path_length: int | None = None
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None


def read_extensions(data: bytes) -> tuple[Extension, ...]:
    """The extensions of their SEQUENCE; raises ``DerError``, also when one is there twice."""
    found = tuple(_extension(element) for element in der.parts(data))
    if not found or len({extension.oid for extension in found}) != len(found):
        raise der.DerError("扩展为空或重复", "no extension, or one twice")
    return found


def understand(extensions: Iterable[Extension]) -> Understood:
    """What the four extensions among these say; raises ``DerError`` when one is malformed."""
    values = {item.oid: item.value for item in extensions if item.oid in UNDERSTOOD}
    authority, path_length = False, None
    if BASIC_CONSTRAINTS in values:
        authority, path_length = _basic_constraints(values[BASIC_CONSTRAINTS])
    key_id = values.get(SUBJECT_KEY_ID)
    return Understood(
        _usages(values[KEY_USAGE]) if KEY_USAGE in values else frozenset(),
        authority,
        path_length,
        None if key_id is None else der.only(key_id, der.OCTET_STRING).value,
        _authority_key_id(values[AUTHORITY_KEY_ID]) if AUTHORITY_KEY_ID in values else None,
    )


def key_identifier(public: bytes) -> bytes:
    """Names a public key X‖Y: SHA-1 of 04‖X‖Y, 20 bytes (RFC 5280 §4.2.1.2, method 1).

    The standard's name for a key, as OpenSSL gives it; nothing rests on it being hard to forge.
    """
    return hashlib.sha1(b"\x04" + public, usedforsecurity=False).digest()


def subject_key(key_id: bytes) -> Extension:
    """Subject key identifier."""
    return Extension(SUBJECT_KEY_ID, der.octet_string(key_id))


def authority_key(key_id: bytes) -> Extension:
    """Authority key identifier."""
    return Extension(AUTHORITY_KEY_ID, der.sequence(encode_ber(_KEY_IN_CONTEXT, key_id)))


def authority(path_length: int | None) -> Extension:
    """Basic constraints of an authority, critical."""
    depth = b"" if path_length is None else der.integer(path_length)
    return Extension(BASIC_CONSTRAINTS, der.sequence(der.boolean(True), depth), critical=True)


def usage(names: Collection[str], critical: bool) -> Extension:
    """Key usage of these names out of :data:`USAGES`."""
    if unknown := set(names) - set(USAGES):
        raise ValueError(f"no key usage: {sorted(unknown)}")
    bits = sum(0x8000 >> USAGES.index(name) for name in set(names))
    data = bits.to_bytes(2, "big").rstrip(b"\x00")
    unused = (data[-1] & -data[-1]).bit_length() - 1
    return Extension(KEY_USAGE, der.bit_string(data, unused), critical)


def _extension(element: der.Element) -> Extension:
    members = der.members(element)
    critical = len(members) == 3 and der.read_boolean(members[1])
    if len(members) != (3 if critical else 2) or members[0].tag != der.OID:
        raise der.DerError("扩展格式有误", "an extension is malformed")
    if members[-1].tag != der.OCTET_STRING:
        raise der.DerError("扩展没有内容", "an extension has no value")
    return Extension(der.read_oid(members[0].value), members[-1].value, critical)


def _usages(value: bytes) -> frozenset[str]:
    _, data = der.read_bits(der.only(value, der.BIT_STRING))
    bits = int.from_bytes(data[:2].ljust(2, b"\x00"), "big")
    names = frozenset(name for bit, name in enumerate(USAGES) if bits & 0x8000 >> bit)
    if not names:
        raise der.DerError("密钥用途为空", "a key usage that allows nothing")
    return names


def _basic_constraints(value: bytes) -> tuple[bool, int | None]:
    members = der.parts(value)
    is_authority = bool(members) and members[0].tag == der.BOOLEAN and der.read_boolean(members[0])
    rest = members[1:] if members and members[0].tag == der.BOOLEAN else members
    if len(rest) > 1:
        raise der.DerError("基本限制格式有误", "basic constraints are malformed")
    return is_authority, der.read_integer(rest[0]) if rest else None


def _authority_key_id(value: bytes) -> bytes | None:
    return next((part.value for part in der.parts(value) if part.tag == _KEY_IN_CONTEXT), None)
