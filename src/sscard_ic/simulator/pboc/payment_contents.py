"""Data groups of the debit application (ref 04 §7.5, 15 §3, §7)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sscard_ic.codec.pboc.elements import format_of
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.pboc.locator import parse_locator
from sscard_ic.codec.tlv import BerTlv, TlvError
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.contents import (
    INCOMPLETE,
    LAST_TEMPLATE_FILE,
    WRONG,
    Contents,
    Handler,
    objects,
)
from sscard_ic.simulator.pboc.secret_contents import (
    MOST_TRIES,
    SecretContents,
    tries_of,
)
from sscard_ic.simulator.pboc.stored import RsaPart, StoredDebit, TransactionPath

_INTERNAL = (0x0D, 0x0E)
_TO_BLOCK = 0x0E02
"""Applications to be blocked: no objects, and nobody tells its structure (ref 15 §3.3, §11)."""
_OTHER_LAYOUT = (0x3000, 0x3001)
"""Internal data in the layout of other bureaus (ref 04 §7.5)."""
_COUNTER, _TRIES, _PROFILE, _LOCATOR, _ISSUER = 0x9F36, 0x9F17, 0x82, 0x94, 0x9F10
_UNKNOWN_TAG = 0x6984
_PATHS: tuple[TransactionPath, ...] = ("contact", "cash", "contactless")
_ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")
_LIST = range(1, 253)
_LENGTHS: dict[str, range] = {
    "9F17 9F53 9F55 9F56 9F58 9F59 9F67 9F72 5F34 DF61": range(1, 2),
    "9F13 9F36 9F42 9F51 9F52 9F57 9F6C 9F76 5F28 DF71": range(2, 3),
    "9F68 9F73": range(4, 5),
    "9F54 9F5C 9F5D 9F6B 9F6D 9F75 9F77 9F78 9F79": range(6, 7),
    "DF62 DF63 DF72 DF76 DF77 DF78 DF79": range(6, 7),
    "9F63": range(16, 17),
    "57": range(1, 20),
    "5F20": range(2, 27),
    "9F1F 9F4F DF4F": _LIST,
}
_OBJECTS = {int(tag, 16): lengths for tags, lengths in _LENGTHS.items() for tag in tags.split()}
"""Objects that internal data may hold (ref 15 §7.2), and bytes of each (ref 14 §2.1, 15 §3.3,
04 §3.2-3.3)."""
_OF_CONTACTS = frozenset({0x57, 0x5A, 0x5F24, 0x8C, 0x8D, 0x9F08})
"""What terminals must find in records (ref 15 §3.5)."""
_TRACK = 0x57


class PaymentContents(Contents):
    """Groups of a payment application."""

    __slots__ = ("_debit", "_secrets")

    def __init__(self, store: StoredDebit, aid: bytes, model: FinancialApplication) -> None:
        super().__init__(store, aid, model)
        self._debit = store
        self._secrets = SecretContents(store, model)
        self._handlers.update(self._open_groups())
        self._handlers.update(self._secret_groups())

    def store(self, group: DataGroup) -> None:
        """As every application, and internal data 0Dnn and 0Enn."""
        if group.number >> 8 in _INTERNAL and group.number != _TO_BLOCK:
            self._put_internal(group.value)
        else:
            super().store(group)

    def require_complete(self) -> None:
        """Refuse 6A86 without FCI, or a way with its key and data, or with half of something.

        Mandatory are the data of ref 15 §3.5; of those that no contactless payment needs only
        cards with a way of the contacts (ref 14 §9.10).
        """
        super().require_complete()
        self._secrets.require_complete()
        ways = [
            (path, algorithm)
            for path in _PATHS
            for algorithm in _ALGORITHMS
            if self._debit.option(path, algorithm, _PROFILE) is not None
        ]
        if not ways or not all(self._has_cryptogram(*way) for way in ways):
            raise Refusal(INCOMPLETE)
        recorded = self._recorded()
        if any(path != "contactless" for path, _ in ways):
            complete = recorded >= _OF_CONTACTS
        else:
            complete = _TRACK in recorded or self._debit.element(_TRACK) is not None
        if not complete:
            raise Refusal(INCOMPLETE)

    def _has_cryptogram(self, path: TransactionPath, algorithm: Algorithm) -> bool:
        """Whether a way has its key, and issuer data, be it those of GENERATE AC."""
        issuer = (self._debit.option(each, algorithm, _ISSUER) for each in (path, "contact"))
        keyed = self._debit.key(algorithm, "cryptogram") is not None
        return keyed and any(each is not None for each in issuer)

    def _recorded(self) -> set[int]:
        """Tags in the templates of the records."""
        names = list(self._debit.names_of_records())
        templates = (objects(self._debit.data(name) or b"") for name in names if _is_coded(name))
        return {each.tag for found in templates for each in found[0].children}

    def _open_groups(self) -> Iterator[tuple[int, Handler]]:
        numbers = self.model.numbers
        ways: tuple[tuple[int, TransactionPath, Algorithm], ...] = (
            (numbers.contact, "contact", "3des"),
            (numbers.contact_sm, "contact", "sm4"),
            (numbers.cash, "cash", "3des"),
            (numbers.cash_sm, "cash", "sm4"),
            (numbers.contactless, "contactless", "3des"),
            (numbers.contactless_sm, "contactless", "sm4"),
        )
        for number, path, algorithm in ways:
            yield number, partial(self._put_options, path, algorithm, _PROFILE)
        yield numbers.issuer_data, partial(self._put_options, "contact", "3des", _ISSUER)
        yield numbers.issuer_data_sm, partial(self._put_options, "contact", "sm4", _ISSUER)
        yield numbers.pin_tries, self._put_tries
        yield _TO_BLOCK, lambda value: self._debit.put_data(f"groups/{_TO_BLOCK:04X}", value)
        for number in _OTHER_LAYOUT:
            yield number, self._put_internal

    def _secret_groups(self) -> Iterator[tuple[int, Handler]]:
        numbers, secrets = self.model.numbers, self._secrets
        yield numbers.keys_3des, partial(secrets.put_keys, "3des", numbers.keys_3des)
        yield numbers.check_3des, partial(secrets.put_check, "3des")
        yield numbers.keys_sm4, partial(secrets.put_keys, "sm4", numbers.keys_sm4)
        yield numbers.check_sm4, partial(secrets.put_check, "sm4")
        yield numbers.pin, partial(secrets.put_pin, numbers.pin)
        yield numbers.sm2_private, partial(secrets.put_sm2, numbers.sm2_private)
        parts: tuple[tuple[int, RsaPart], ...] = (
            (numbers.rsa_coefficient, "coefficient"),
            (numbers.rsa_exponent_q, "exponent_q"),
            (numbers.rsa_exponent_p, "exponent_p"),
            (numbers.rsa_q, "q"),
            (numbers.rsa_p, "p"),
        )
        for number, part in parts:
            yield number, partial(secrets.put_rsa_part, part, number)

    def _put_options(
        self, path: TransactionPath, algorithm: Algorithm, wanted: int, value: bytes
    ) -> None:
        """AIP, AFL and issuer data, of which ``wanted`` must be there; refuses 6A80."""
        found = objects(value)
        if wanted not in {each.tag for each in found} or not all(map(_is_option, found)):
            raise Refusal(WRONG)
        for each in found:
            self._debit.put_option(path, algorithm, each.tag, each.value)

    def _put_internal(self, value: bytes) -> None:
        """Data objects; refuses 6984 for an unknown one and 6A80 for a value that cannot be."""
        found = objects(value)
        for each in found:
            if each.tag not in _OBJECTS:
                raise Refusal(_UNKNOWN_TAG)
            if not self._is_fit(each):
                raise Refusal(WRONG)
        for each in found:
            if each.tag == _COUNTER:
                self._debit.put_counter("atc", int.from_bytes(each.value, "big"))
            elif each.tag == _TRIES:
                self._debit.pin_tries = int.from_bytes(each.value, "big")
            else:
                self._debit.put_element(each.tag, each.value)

    def _is_fit(self, each: BerTlv) -> bool:
        """Whether the value of an internal object can be: its length, digits, tries."""
        if len(each.value) not in _OBJECTS[each.tag]:
            return False
        if each.tag == _TRIES:
            return each.value[0] <= (self._debit.pin_limit or MOST_TRIES)
        return format_of(each.tag) != "n" or each.value.hex().isdecimal()

    def _put_tries(self, value: bytes) -> None:
        tries = tries_of(value, self.model.settings.tries_order)
        if tries is None:
            raise Refusal(WRONG)
        self._debit.pin_tries, self._debit.pin_limit = tries


def _is_coded(name: str) -> bool:
    """Whether a record, by its name, is of a file whose records are templates 70."""
    return int(name.split("/")[1], 16) <= LAST_TEMPLATE_FILE


def _is_option(each: BerTlv) -> bool:
    """Whether an object is an AIP, an AFL or issuer data as terminals can read them."""
    try:
        if each.tag == _LOCATOR:
            parse_locator(each.value)
        elif each.tag == _ISSUER:
            IssuerData.parse(each.value)
    except TlvError:
        return False
    return each.tag in (_LOCATOR, _ISSUER) or (each.tag == _PROFILE and len(each.value) == 2)
