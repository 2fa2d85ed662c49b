"""What the bank's host computes with the keys of single cards (ref 14 §6, 04 §6).

Where the encryption under a root key is done is for the subclass to say: in the memory of the
software vault, or inside an HSM. The keys of one card come into this program's memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.pboc.symmetric import BankSuite, account_blocks, change_block
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.bank_capabilities import BankCard
from sscard_ic.keys.policy import Operation

_MASK = slice(4, 8)
"""Bytes 5-8 of a card key mask a new PIN (ref 14 §6.4)."""
_PIN_DIGITS = range(4, 13)


class BankKeyHost(ABC):
    """:class:`~sscard_ic.keys.bank_capabilities.BankIssuer` over keys that a subclass holds."""

    # What a subclass answers

    @abstractmethod
    def _under_root(self, name: str, version: int, algorithm: Algorithm, blocks: bytes) -> bytes:
        """ECB encryption of whole blocks under a root key, whatever that is for."""

    @abstractmethod
    def _require(self, name: str, version: int, algorithm: str, operation: Operation) -> None:
        """Refuse a root key that may not be used so, or today."""

    # What every one of them can do

    def application_cryptogram(self, card: BankCard, atc: int, data: bytes) -> bytes:
        """8 bytes that a genuine card computes over ``data`` (ref 14 §6.1)."""
        return _suite(card).mac(self._cryptogram_key(card, atc), data)

    def response_cryptogram(self, card: BankCard, atc: int, arqc: bytes, code: bytes) -> bytes:
        """ARPC, 8 bytes, for the authorisation response code ``code`` of 2."""
        return _suite(card).response_cryptogram(self._cryptogram_key(card, atc), arqc, code)

    def script_mac(
        self, card: BankCard, atc: int, cryptogram: bytes, head: bytes, data: bytes
    ) -> bytes:
        """4 bytes for a script command ``head`` (CLA INS P1 P2) with ``data`` (ref 14 §6.3)."""
        return _suite(card).script_mac(self._mac_key(card, atc), head, atc, cryptogram, data)

    def discretionary_mac(self, card: BankCard, atc: int, values: bytes) -> bytes:
        """4 bytes over the amounts in the issuer discretionary data (ref 14 §6.2)."""
        return _suite(card).discretionary_mac(self._mac_key(card, atc), atc, values)

    def pin_data(
        self,
        card: BankCard,
        atc: int,
        new: Secret,
        current: Secret | None = None,
        *,
        mask: Literal["enc", "ac"] = "enc",
    ) -> bytes:
        """Enciphered data of PIN CHANGE; PINs as ASCII digits (ref 14 §6.4).

        Raises :class:`InputError` for PINs of other than 4 to 12 digits.
        """
        suite = _suite(card)
        key = self._bank_card_key(card, card.keys.encipherment, "bank_pin")
        masking = key
        if mask == "ac":
            masking = self._bank_card_key(card, card.keys.cryptogram, "bank_pin")
        old = None if current is None else _digits(current)
        block = change_block(masking[_MASK], _digits(new), old)
        return suite.encipher(suite.session_key(key, atc), block)

    # For those who personalize cards

    def _bank_card_keys(self, card: BankCard) -> tuple[bytes, ...]:
        """AC, MAC and ENC of a card, 16 bytes each, to be loaded into it (ref 15 §7.4)."""
        keys = card.keys
        names = keys.cryptogram, keys.mac, keys.encipherment
        return tuple(self._bank_card_key(card, name, "bank_load") for name in names)

    def _bank_card_key(self, card: BankCard, name: str, operation: Operation) -> bytes:
        """The 16 bytes of a card key that may be used so."""
        version = card.keys.version
        self._require(name, version, card.algorithm, operation)
        blocks = account_blocks(card.pan, card.sequence)
        return _suite(card).finished(self._under_root(name, version, card.algorithm, blocks))

    def _cryptogram_key(self, card: BankCard, atc: int) -> bytes:
        key = self._bank_card_key(card, card.keys.cryptogram, "bank_cryptogram")
        return _suite(card).session_key(key, atc)

    def _mac_key(self, card: BankCard, atc: int) -> bytes:
        return _suite(card).session_key(self._bank_card_key(card, card.keys.mac, "bank_mac"), atc)


def _suite(card: BankCard) -> BankSuite:
    return BankSuite(card.algorithm, card.sm_mac, card.sm_arpc)


def _digits(pin: Secret) -> str:
    value = pin.reveal()
    if value.isdigit() and len(value) in _PIN_DIGITS:
        return value.decode("ascii")
    raise InputError(Text("PIN 应为 4 至 12 位数字", "a PIN has 4 to 12 digits"))
