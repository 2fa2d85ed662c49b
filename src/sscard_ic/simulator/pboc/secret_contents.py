"""Secret data groups: card keys with their check values, PIN, private keys (ref 15 §7.1-7.4)."""

from __future__ import annotations

import hmac

from sscard_ic.crypto.des import BLOCK
from sscard_ic.crypto.mac import pad80
from sscard_ic.crypto.rsa import EXPONENTS, RsaPrivate
from sscard_ic.crypto.sm2.curve import ORDER
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.profile.financial import FinancialApplication, Padding
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.contents import INCOMPLETE, WRONG
from sscard_ic.simulator.pboc.stored import (
    KEY_LENGTH,
    KEY_USES,
    RSA_PARTS,
    RsaPart,
    StoredDebit,
)

_CHECK_LENGTH = 3
_WRONG_CHECK = (0x9311, 0x9312, 0x9313)
"""A wrong check value of AC, MAC, ENC key (ref 15 §6.3)."""
_SM2_LENGTH = 32
_LONGEST_MODULUS = 248
_PIN_BLOCK = 8
_PIN_DIGITS = range(4, 13)
MOST_TRIES = 15
_PENDING = "pending"


class SecretContents:
    """Keeps what :class:`~.payment_contents.PaymentContents` hands on: deciphered groups."""

    __slots__ = ("_chip", "_store")

    def __init__(self, store: StoredDebit, model: FinancialApplication) -> None:
        self._store = store
        self._chip = model.chip

    def put_keys(self, algorithm: Algorithm, number: int, value: bytes) -> None:
        """AC, MAC and ENC key of a card, or the first of them; they count with check values."""
        lengths = tuple(KEY_LENGTH * count for count in range(1, len(KEY_USES) + 1))
        keys = self._unfilled(number, value, lengths)
        check = self._pending("check", algorithm)
        if check is None:
            self._store.put_data(f"{_PENDING}/keys/{algorithm}", keys)
        else:
            self._accept(algorithm, keys, check)

    def put_check(self, algorithm: Algorithm, value: bytes) -> None:
        """Check values in the same order, or none: an empty group (ref 15 §7.1).

        Refuses 6A80, and 9311 to 9313 for a key with another value; both groups are due again then.
        """
        if len(value) % _CHECK_LENGTH or len(value) > _CHECK_LENGTH * len(KEY_USES):
            raise Refusal(WRONG)
        keys = self._pending("keys", algorithm)
        if keys is None:
            kept = [self._store.key(algorithm, use) for use in KEY_USES]
            keys = b"".join(key for key in kept if key is not None)
        if keys:
            self._accept(algorithm, keys, value)
        else:
            self._store.put_data(f"{_PENDING}/check/{algorithm}", value)

    def put_pin(self, number: int, value: bytes) -> None:
        """PIN block of the format that the chip takes (ref 15 §7.3)."""
        digits = self._unfilled(number, value, (_PIN_BLOCK,)).hex().upper()
        length = int(digits[1], 16)
        pin, rest = digits[2 : 2 + length], digits[2 + length :]
        if digits[0] != str(self._chip.pin_format) or length not in _PIN_DIGITS:
            raise Refusal(WRONG)
        if not pin.isdecimal() or (digits[0] == "2" and rest.strip("F")):
            raise Refusal(WRONG)
        self._store.pin = pin

    def put_rsa_part(self, part: RsaPart, number: int, value: bytes) -> None:
        """One of the five numbers of the private key."""
        plain = self._unfilled(number, value, None)
        if len(plain) % 2 or not any(plain):
            raise Refusal(WRONG)
        self._store.put_rsa_part(part, plain)

    def put_sm2(self, number: int, value: bytes) -> None:
        """Private key of 32 bytes; refuses 6A80 for 0 and from n - 1 on: they sign nothing."""
        plain = self._unfilled(number, value, (_SM2_LENGTH,))
        if not 1 <= int.from_bytes(plain, "big") <= ORDER - 2:
            raise Refusal(WRONG)
        self._store.sm2_private = plain

    def require_complete(self) -> None:
        """Refuse 6A86 for half of something, 6A80 for numbers that are no RSA key.

        Numbers in the order of another bureau are none (ref 04 §7.5).
        """
        store = self._store
        if any(True for kind in ("keys", "check") for _ in store.names(f"{_PENDING}/{kind}")):
            raise Refusal(INCOMPLETE)
        if store.pin is not None and not store.pin_limit:
            raise Refusal(INCOMPLETE)
        found = (store.rsa_part(part) for part in RSA_PARTS)
        values = [value for value in found if value is not None]
        if not values:
            return
        if len(values) < len(RSA_PARTS):
            raise Refusal(INCOMPLETE)
        if not _signs(*values):
            raise Refusal(WRONG)

    def _accept(self, algorithm: Algorithm, keys: bytes, check: bytes) -> None:
        self._store.drop(f"{_PENDING}/keys/{algorithm}")
        self._store.drop(f"{_PENDING}/check/{algorithm}")
        values = [keys[at : at + KEY_LENGTH] for at in range(0, len(keys), KEY_LENGTH)]
        if check and len(check) != _CHECK_LENGTH * len(values):
            raise Refusal(WRONG)
        suite = SUITES[algorithm]
        for at, key in enumerate(values if check else ()):
            wanted = check[at * _CHECK_LENGTH : (at + 1) * _CHECK_LENGTH]
            if not hmac.compare_digest(suite.check_value(key), wanted):
                raise Refusal(_WRONG_CHECK[at])
        for use, key in zip(KEY_USES, values, strict=False):
            self._store.put_key(algorithm, use, key)

    def _pending(self, kind: str, algorithm: Algorithm) -> bytes | None:
        return self._store.data(f"{_PENDING}/{kind}/{algorithm}")

    def _unfilled(self, number: int, value: bytes, lengths: tuple[int, ...] | None) -> bytes:
        """A deciphered value without the filling that the chip expects of the group; 6A80."""
        padding: Padding = self._chip.padding.get(f"{number:04X}", "none")
        plain = _without_filling(value, padding)
        if plain is None or (lengths is not None and len(plain) not in lengths):
            raise Refusal(WRONG)
        return plain


def _signs(coefficient: bytes, exponent_q: bytes, exponent_p: bytes, q: bytes, p: bytes) -> bool:
    """Whether five numbers are one key as cards may have it (ref 14 §7.1), proved by a trial."""
    try:
        key = RsaPrivate.of_components(p, q, exponent_p, exponent_q, coefficient)
        if key.exponent not in EXPONENTS or key.length > _LONGEST_MODULUS:
            return False
        block = bytes(1) + b"\x5a" * (key.length - 1)
        return key.public.apply(key.apply(block)) == block
    except ValueError:
        return False


def _without_filling(value: bytes, padding: Padding) -> bytes | None:
    """None for what was not filled so.

    With ``needed`` whole blocks come without filling. One that ends like a filling is told from
    a filled value by its length: those of groups are even (ref 15 §7.1).
    """
    if padding == "none":
        return value
    stripped = value.rstrip(b"\x00")[:-1]
    filled = pad80(stripped, BLOCK) == value
    if padding == "always":
        return stripped if filled else None
    return stripped if filled and len(stripped) % BLOCK and len(stripped) % 2 == 0 else value


def tries_of(value: bytes, order: str) -> tuple[int, int] | None:
    """Tries left and limit of DGI 9010; None for what is neither form (ref 15 §7.3)."""
    if len(value) == 5 and value[:3] == b"\x9f\x17\x01":
        left, limit = value[3:]
    elif len(value) == 2:
        left, limit = value if order == "counter_limit" else value[::-1]
    else:
        return None
    return (left, limit) if left <= limit and 1 <= limit <= MOST_TRIES else None
