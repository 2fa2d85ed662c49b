"""Certificates made here: roots, operating authorities, cards (GM/T 0015; ref 02 §8.9)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime

from sscard_ic.base.errors import Text
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.certificates import der, extensions
from sscard_ic.crypto.certificates.errors import CertificateError
from sscard_ic.crypto.certificates.extensions import Extension, key_identifier
from sscard_ic.crypto.certificates.names import DistinguishedName
from sscard_ic.crypto.certificates.signing import ALGORITHM, Signer, signed_object
from sscard_ic.crypto.sm2 import provider
from sscard_ic.crypto.sm2.forms import public_to_spki

_VERSION = bytes.fromhex("A003020102")
"""[0] with 2, which means version 3."""
_EXTENSIONS = 0xA3

SERIAL_LENGTH = 16
_LONGEST_SERIAL = 20


def new_serial() -> int:
    """A random serial number, positive, of exactly 16 bytes (ref 02 §8.9)."""
    first = secrets.randbelow(0x7F) + 1
    return int.from_bytes(bytes((first,)) + secrets.token_bytes(SERIAL_LENGTH - 1), "big")


def build_certificate(
    subject: DistinguishedName,
    public: bytes,
    signer: Signer,
    *,
    not_before: datetime,
    not_after: datetime,
    key_usage: Collection[str] = (),
    key_usage_critical: bool = False,
    authority: bool = False,
    path_length: int | None = None,
    serial: int | None = None,
    others: Sequence[Extension] = (),
) -> bytes:
    """A certificate (DER) of the public key X‖Y; for a root, ``signer`` is the subject itself.

    Extensions in this order: authority key id, subject key id, key usage out of
    :data:`~sscard_ic.crypto.certificates.USAGES` (none: left out), basic constraints (critical;
    authorities only), ``others`` as they are. Dates are aware and lose their fractions; without
    ``serial``, a random one of 16 bytes. Raises :class:`CertificateError` for dates upside down,
    a serial number out of range or an extension that is there twice, ``Sm2Error`` for a public
    key off the curve.
    """
    provider().check_public(public)
    signer_id = signer.key_id or key_identifier(signer.public)
    own_id = signer_id if public == signer.public else key_identifier(public)
    items = [extensions.authority_key(signer_id), extensions.subject_key(own_id)]
    if key_usage:
        items.append(extensions.usage(key_usage, key_usage_critical))
    if authority:
        items.append(extensions.authority(path_length))
    items.extend(others)
    _require_distinct(items)
    content = der.sequence(
        _VERSION,
        _number(new_serial() if serial is None else serial),
        ALGORITHM,
        signer.name.der,
        _validity(not_before, not_after),
        subject.der,
        public_to_spki(public),
        encode_ber(_EXTENSIONS, der.sequence(*(item.encode() for item in items))),
    )
    return signed_object(content, signer.public, signer.sign, signer.user_id)


def _number(serial: int) -> bytes:
    if not 0 < serial < 1 << 8 * _LONGEST_SERIAL - 1:
        raise _refused(
            f"序列号须为正数，至多 {_LONGEST_SERIAL} 字节",
            f"serial numbers are positive and have at most {_LONGEST_SERIAL} bytes",
        )
    return der.integer(serial)


def _validity(not_before: datetime, not_after: datetime) -> bytes:
    if not_before.tzinfo is None or not_after.tzinfo is None:
        raise ValueError("dates of certificates are aware: which zone is it?")
    if not_after < not_before:
        raise _refused("有效期颠倒", "it would be valid upside down: its end is before its start")
    return der.sequence(der.time(not_before), der.time(not_after))


def _require_distinct(items: Sequence[Extension]) -> None:
    names = [item.oid for item in items]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise _refused(f"扩展 {twice} 出现两次", f"the extension {twice} is there twice")


def _refused(zh: str, en: str) -> CertificateError:
    hint = Text("请检查设置后重试", "check the settings and try again")
    return CertificateError(
        "content", Text(f"不能签发证书：{zh}", f"no certificate: {en}"), hint=hint
    )
