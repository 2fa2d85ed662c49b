"""Bit maps of the debit application (ref 14 §3, 04 §3.5); b8 is the most significant bit.

Each is as wide as its data object; ``to_bytes(N, "big")`` of its value is the object, where N is
the length that the comment of the class tells.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Kind(IntEnum):
    """Kinds of application cryptograms, as bits b8-7 of CID and P1 hold them."""

    AAC = 0
    TC = 1
    ARQC = 2


class Aip(IntFlag):
    """Application interchange profile, tag 82, 2 bytes."""

    SDA = 0x4000
    DDA = 0x2000
    CARDHOLDER_VERIFICATION = 0x1000
    TERMINAL_RISK_MANAGEMENT = 0x0800
    ISSUER_AUTHENTICATION = 0x0400
    CDA = 0x0100
    MSD = 0x0080


class Cvr(IntFlag):
    """Bytes 2-4 of the card verification results; byte 1 is their length, 03. 3 bytes.

    The kinds of both cryptograms are fields of two bits: :func:`with_first` and
    :func:`with_second`.
    """

    ISSUER_AUTHENTICATION_FAILED = 0x080000
    PIN_PERFORMED = 0x040000
    PIN_FAILED = 0x020000
    UNABLE_ONLINE = 0x010000
    LAST_ONLINE_NOT_COMPLETED = 0x008000
    PIN_TRIES_EXCEEDED = 0x004000
    VELOCITY_EXCEEDED = 0x002000
    NEW_CARD = 0x001000
    LAST_ISSUER_AUTHENTICATION_FAILED = 0x000800
    ISSUER_AUTHENTICATION_NOT_PERFORMED = 0x000400
    BLOCKED_BY_PIN = 0x000200
    LAST_SDA_FAILED = 0x000100
    LAST_SCRIPT_FAILED = 0x000008
    LAST_DDA_FAILED = 0x000004
    DDA_PERFORMED = 0x000002


_FIRST_SHIFT, _SECOND_SHIFT, _SCRIPTS_SHIFT = 20, 22, 4
_RESERVED = 3
NOT_REQUESTED = 2
"""Kind of the second cryptogram while there is none."""


def with_first(cvr: int, kind: Kind) -> int:
    """``cvr`` with the kind of the first cryptogram."""
    return cvr & ~(3 << _FIRST_SHIFT) | kind << _FIRST_SHIFT


def with_second(cvr: int, kind: int) -> int:
    """``cvr`` with the kind of the second cryptogram, or :data:`NOT_REQUESTED`."""
    return cvr & ~(3 << _SECOND_SHIFT) | kind << _SECOND_SHIFT


def with_scripts(cvr: int, count: int) -> int:
    """``cvr`` with the number of script commands of the last transaction, 15 at most."""
    return cvr & ~(0xF << _SCRIPTS_SHIFT) | min(count, 0xF) << _SCRIPTS_SHIFT


def first_kind(cvr: int) -> Kind:
    """Kind of the first cryptogram; the one of a contactless answer, too.

    The value that is reserved counts as AAC (ref 04 §8.3).
    """
    kind = cvr >> _FIRST_SHIFT & 3
    return Kind.AAC if kind == _RESERVED else Kind(kind)


def second_kind(cvr: int) -> int:
    """Kind of the second cryptogram, or :data:`NOT_REQUESTED`."""
    return cvr >> _SECOND_SHIFT & 3


def scripts(cvr: int) -> int:
    """Number of script commands of the last transaction."""
    return cvr >> _SCRIPTS_SHIFT & 0xF


class Ada(IntFlag):
    """Application default action, tag 9F52, 2 bytes."""

    ISSUER_FAILED_ONLINE_NEXT = 0x8000
    ISSUER_FAILED_DECLINE = 0x4000
    ISSUER_MISSING_DECLINE = 0x2000
    DECLINED_ADVICE = 0x1000
    PIN_EXCEEDED_ADVICE = 0x0800
    ISSUER_DECLINE_ADVICE = 0x0400
    NEW_CARD_ONLINE = 0x0200
    NEW_CARD_DECLINE_OFFLINE = 0x0100
    PIN_EXCEEDED_BLOCK = 0x0080
    PIN_EXCEEDED_BEFORE_DECLINE = 0x0040
    PIN_EXCEEDED_BEFORE_ONLINE = 0x0020
    PIN_EXCEEDED_BEFORE_DECLINE_OFFLINE = 0x0010
    SCRIPT_FAILED_ONLINE = 0x0008
    PIN_EXCEEDED_BEFORE_DECLINE_AND_BLOCK = 0x0004


class CardProcessing(IntFlag):
    """Additional processing of the card, tag 9F68 (卡片附加处理), 4 bytes."""

    LOW_VALUE = 0x80000000
    LOW_VALUE_AND_CTTA = 0x40000000
    LOW_VALUE_OR_CTTA = 0x20000000
    NEW_CARD = 0x10000000
    PIN_TRIES = 0x08000000
    OTHER_CURRENCY_OFFLINE = 0x04000000
    PREFER_CONTACT_ONLINE = 0x02000000
    RETURN_AVAILABLE_AMOUNT = 0x01000000
    PREPAID = 0x00800000
    OTHER_CURRENCY_REFUSED = 0x00400000
    NEW_CARD_OFFLINE_DECLINE = 0x00200000
    LOG_OFFLINE = 0x00100000
    ONLINE_PIN = 0x00008000
    ONLINE_PIN_OTHER_CURRENCY = 0x00004000
    OTHER_CURRENCY_CVM = 0x00002000
    SIGNATURE = 0x00001000


class Ttq(IntFlag):
    """Terminal transaction qualifiers, tag 9F66, 4 bytes."""

    MSD = 0x80000000
    CONTACTLESS_PBOC = 0x40000000
    QPBOC = 0x20000000
    CONTACT_PBOC = 0x10000000
    OFFLINE_ONLY = 0x08000000
    ONLINE_PIN = 0x04000000
    SIGNATURE = 0x02000000
    CRYPTOGRAM_REQUIRED = 0x00800000
    CVM_REQUIRED = 0x00400000
    FDDA_01 = 0x00000080


class Ctq(IntFlag):
    """Card transaction qualifiers, tag 9F6C, 2 bytes."""

    ONLINE_PIN = 0x8000
    SIGNATURE = 0x4000
    ONLINE_AFTER_FDDA_FAILURE = 0x2000
    OTHER_INTERFACE_AFTER_FDDA_FAILURE = 0x1000


class Tvr(IntFlag):
    """Terminal verification results, tag 95, 5 bytes."""

    OFFLINE_DATA_NOT_PERFORMED = 0x8000000000
    SDA_FAILED = 0x4000000000
    DATA_MISSING = 0x2000000000
    EXCEPTION_FILE = 0x1000000000
    DDA_FAILED = 0x0800000000
    CDA_FAILED = 0x0400000000
    VERSIONS_DIFFER = 0x0080000000
    EXPIRED = 0x0040000000
    NOT_YET_EFFECTIVE = 0x0020000000
    SERVICE_NOT_ALLOWED = 0x0010000000
    NEW_CARD = 0x0008000000
    CVM_FAILED = 0x0000800000
    CVM_UNKNOWN = 0x0000400000
    PIN_TRIES_EXCEEDED = 0x0000200000
    NO_PIN_PAD = 0x0000100000
    PIN_NOT_ENTERED = 0x0000080000
    ONLINE_PIN = 0x0000040000
    FLOOR_LIMIT = 0x0000008000
    LOWER_LIMIT = 0x0000004000
    UPPER_LIMIT = 0x0000002000
    RANDOM = 0x0000001000
    MERCHANT_ONLINE = 0x0000000800
    DEFAULT_TDOL = 0x0000000080
    ISSUER_AUTHENTICATION_FAILED = 0x0000000040
    SCRIPT_FAILED_BEFORE = 0x0000000020
    SCRIPT_FAILED_AFTER = 0x0000000010


class Tsi(IntFlag):
    """Transaction status information, tag 9B, 2 bytes."""

    OFFLINE_DATA = 0x8000
    CARDHOLDER_VERIFICATION = 0x4000
    CARD_RISK = 0x2000
    ISSUER_AUTHENTICATION = 0x1000
    TERMINAL_RISK = 0x0800
    SCRIPT = 0x0400


ADVICE = 0x08
"""CID: an advice is wanted."""


class Reason(IntEnum):
    """CID b3-1."""

    NONE = 0
    SERVICE_NOT_ALLOWED = 1
    PIN_TRIES_EXCEEDED = 2
    ISSUER_AUTHENTICATION_FAILED = 3
