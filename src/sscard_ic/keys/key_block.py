"""Keys on their way from one place to another: a block that binds what the key is for.

    header        one line of text, see :meth:`KeyBlock.header`
    wrapped key   AES key wrap with padding (RFC 5649) under KBEK
    MAC           AES-CMAC, 16 bytes, under KBAK over header ‖ 00 ‖ wrapped key

KBEK and KBAK (32 bytes each) come from the transport key KBPK (AES-256) by encrypting, in ECB,
two blocks each: ``derivation_blocks("encrypt")`` and ``derivation_blocks("authenticate")``; no key
serves for two purposes, and an HSM can do all of it inside. Nothing of the header can be changed
without the MAC failing: name, version, owner's level, purpose, algorithm, days, environment.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, cast, get_args

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import aes
from sscard_ic.keys.inventory import Environment, KeySpec, Level, RootAlgorithm, Use

MAGIC = "SSKB1"
MAC_LENGTH = 16
_FIELDS = 14
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_CHECK_VALUE = re.compile(r"[0-9A-F]{6}")
_HEX = re.compile(r"(?:[0-9A-F]{2})+")
_VERSIONS = range(1, 256)


class KeyBlockError(InputError):
    """A key block is no such thing, was altered, or is protected by another transport key."""


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """A protected key and what it is bound to; nothing of it is secret."""

    environment: Environment
    spec: KeySpec
    check_value: str
    """Six hex digits."""
    under_name: str
    """The transport key that protects it."""
    under_version: int
    wrapped: bytes = b""
    """RFC 5649 form: 16 bytes for a key of 8, 24 for one of 16, 40 for one of 32."""
    mac: bytes = b""

    def header(self) -> str:
        """``SSKB1|environment|name|version|level|use|algorithm|from|until|check value|…``

        ending with name and version of the transport key; days as YYYY-MM-DD, or nothing.
        """
        spec = self.spec
        days = (
            "" if day is None else day.isoformat() for day in (spec.valid_from, spec.valid_until)
        )
        fields = (MAGIC, self.environment, spec.name, str(spec.version), spec.level, spec.use)
        under = (self.under_name, str(self.under_version))
        return "|".join((*fields, spec.algorithm, *days, self.check_value, *under))

    def covered(self) -> bytes:
        """What the MAC is computed over."""
        return self.header().encode() + b"\x00" + self.wrapped

    def to_text(self) -> str:
        """The block as one line of ASCII: header, wrapped key and MAC in hex, joined by ``|``."""
        return "|".join((self.header(), self.wrapped.hex().upper(), self.mac.hex().upper()))

    @classmethod
    def parse(cls, text: str, where: str = "") -> KeyBlock:
        """The block that :meth:`to_text` wrote; raises :class:`KeyBlockError`."""
        try:
            block = _parsed(text.strip().split("|"))
        except (ValueError, KeyError):
            block = None
        if block is None or block.to_text() != text.strip():
            raise KeyBlockError(
                Text("不是密钥块，或密钥块不完整", "not a key block, or not a whole one"),
                where=where,
                hint=Text("请发送方重新导出", "have the sender export it again"),
            )
        return block


def _parsed(fields: list[str]) -> KeyBlock:
    if len(fields) != _FIELDS or fields[0] != MAGIC:
        raise ValueError("another form")
    _, environment, name, version, level, use, algorithm, first, last, check = fields[:10]
    under_name, under_version, wrapped, mac = fields[10:]
    chosen = ((environment, Environment), (level, Level), (use, Use), (algorithm, RootAlgorithm))
    named = all(_NAME.fullmatch(each) for each in (name, under_name))
    numbered = all(int(each) in _VERSIONS for each in (version, under_version))
    if not (named and numbered) or any(value not in get_args(kind) for value, kind in chosen):
        raise ValueError("an unknown word")
    if not (_CHECK_VALUE.fullmatch(check) and _HEX.fullmatch(wrapped) and _HEX.fullmatch(mac)):
        raise ValueError("not hexadecimal")
    spec = KeySpec(
        name,
        int(version),
        cast(Level, level),
        cast(Use, use),
        cast(RootAlgorithm, algorithm),
        date.fromisoformat(first) if first else None,
        date.fromisoformat(last) if last else None,
    )
    return KeyBlock(
        cast(Environment, environment),
        spec,
        check,
        under_name,
        int(under_version),
        bytes.fromhex(wrapped),
        bytes.fromhex(mac),
    )


def derivation_blocks(purpose: Literal["encrypt", "authenticate"]) -> bytes:
    """32 bytes that give KBEK or KBAK when KBPK encrypts them in ECB."""
    label = {"encrypt": b"SSKB1 encrypt", "authenticate": b"SSKB1 authentic"}[purpose]
    return b"".join(label.ljust(aes.BLOCK - 1, b"\x00") + bytes((number,)) for number in (1, 2))


def seal(block: KeyBlock, value: Secret, kbpk: Secret) -> KeyBlock:
    """``block`` with its key and its MAC, by a transport key in this program's memory."""
    if len(value) != block.spec.length:
        raise ValueError("length and algorithm of a key disagree")
    kbek = aes.encrypt(kbpk.reveal(), derivation_blocks("encrypt"))
    wrapped = aes_key_wrap_with_padding(kbek, value.reveal())
    return _with_mac(block, wrapped, _mac_by(kbpk))


def unseal(block: KeyBlock, kbpk: Secret) -> Secret:
    """The key of ``block``; raises :class:`KeyBlockError` when anything is not as it was sealed."""
    require_mac(block, _mac_by(kbpk)(block.covered()))
    kbek = aes.encrypt(kbpk.reveal(), derivation_blocks("encrypt"))
    try:
        value = Secret(aes_key_unwrap_with_padding(kbek, block.wrapped))
    except InvalidUnwrap:
        raise altered(block) from None
    if len(value) != block.spec.length:
        raise altered(block)
    return value


def require_mac(block: KeyBlock, expected: bytes) -> None:
    """Refuse a block whose MAC is not ``expected``."""
    if not hmac.compare_digest(block.mac, expected):
        raise altered(block)


def altered(block: KeyBlock) -> KeyBlockError:
    """The block is not as it was sealed, or was sealed by another transport key."""
    under, version = block.under_name, block.under_version
    return KeyBlockError(
        Text(
            f"密钥块被改动，或不是用此传输密钥（{under} 版本 {version}）保护的",
            f"the key block was altered, or another transport key than {under} version "
            f"{version} protects it",
        ),
        where=block.spec.name,
        hint=Text("核对传输密钥的校验值", "compare the check values of the transport key"),
    )


def _mac_by(kbpk: Secret) -> Callable[[bytes], bytes]:
    def mac(data: bytes) -> bytes:
        kbak = aes.encrypt(kbpk.reveal(), derivation_blocks("authenticate"))
        cmac = CMAC(AES(kbak))
        cmac.update(data)
        return cmac.finalize()

    return mac


def _with_mac(block: KeyBlock, wrapped: bytes, mac: Callable[[bytes], bytes]) -> KeyBlock:
    filled = replace(block, wrapped=wrapped)
    return replace(filled, mac=mac(filled.covered()))
