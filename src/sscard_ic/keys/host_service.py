"""Every capability over card keys whose bits come into this program's memory, one card at a time.

Where a card key comes from is for the subclass to say: a root in the memory of the software vault,
or an HSM that derives it. What is done with it is the same for both.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from functools import lru_cache

from sscard_ic.base.clock import Clock
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.secure_messaging import Method, covered, message_key
from sscard_ic.crypto.suites import SUITES, Engine
from sscard_ic.keys import loading
from sscard_ic.keys.capabilities import CardKey, Protection
from sscard_ic.keys.medical_vault import MedicalHost
from sscard_ic.keys.policy import Operation, require_diversified
from sscard_ic.keys.root_holder import RootHolder

_LAST_CARD_KEYS = 16
"""Engines kept per thread: a card's control keys protect all loading of their directory."""


class _Engines(threading.local):
    """Ciphers of the last card keys that one thread has used."""

    def __init__(self, card_key: Callable[[CardKey], bytes]) -> None:
        self.of = lru_cache(_LAST_CARD_KEYS)(
            lambda key: SUITES[key.algorithm].engine(card_key(key))
        )


class HostService(RootHolder, MedicalHost):
    """Authenticator, macer, message protector, loader … over the bits of single card keys."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._forget_ciphers()

    # What a subclass answers

    @abstractmethod
    def _derive(self, key: CardKey) -> bytes:
        """The bits of a card key; whether it may be used was asked before."""

    # What every one of them can do

    def check_value(self, key: CardKey) -> bytes:
        """3 bytes: the check value of a derived card key."""
        info = self.root_info(key.name, key.version, key.algorithm)
        require_diversified(info, self.place)
        return SUITES[key.algorithm].check_value(self._derive(key))

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over ``text`` under the process key of ``challenge`` (ref 02 §3.2-3.5)."""
        value = self._card_key(key, "authenticate")
        return SUITES[key.algorithm].authentication_cryptogram(value, challenge, text)

    def mac(self, key: CardKey, data: bytes, iv: bytes = bytes(8)) -> bytes:
        """4 bytes: retail, DES or folded SM4 MAC, ``iv`` filled with 00 (ref 02 §4.1)."""
        return SUITES[key.algorithm].mac(self._card_key(key, "mac"), data, iv)

    def protect_command(
        self,
        key: CardKey,
        head: bytes,
        data: Secret,
        challenge: bytes,
        method: Method,
        *,
        enciphered: bool,
    ) -> bytes:
        """The data field of a command: ``data``, enciphered or not, and its MAC (ref 02 §4)."""
        value = self._card_key(key, "protect")
        protector = message_key(key.algorithm, value, challenge, method)
        sent = protector.encipher(data.reveal()) if enciphered else data.reveal()
        return sent + protector.mac(covered(head, sent))

    def answer_mac(self, key: CardKey, data: bytes, challenge: bytes, method: Method) -> bytes:
        """4 bytes over the data of an answer to the command after ``challenge`` (ref 02 §4)."""
        value = self._card_key(key, "protect")
        return message_key(key.algorithm, value, challenge, method).mac(data)

    def load_key(
        self, head: bytes, header: bytes, key: CardKey, protection: Protection, filled: int = 16
    ) -> Secret:
        """The finished command that loads the card key ``key`` (ref 11 §5.3)."""
        record = loading.key_record(header, self._card_key(key, "load"), filled)
        return self._load(head, record, protection)

    def load_pin(
        self, head: bytes, header: bytes, pin: Secret, protection: Protection, filled: int = 16
    ) -> Secret:
        """The finished command that loads a PIN given as BCD block (ref 11 §5.3)."""
        return self._load(head, loading.key_record(header, pin.reveal(), filled), protection)

    def _load(self, head: bytes, record: bytes, protection: Protection) -> Secret:
        under = protection.under

        def engine() -> Engine:
            if isinstance(under, CardKey):
                self._require(under.name, under.version, under.algorithm, "protect")
                return self._protectors.of(under)
            assert under is not None  # Protection sees to it
            return SUITES[under.algorithm].engine(under.value)

        def authenticate(data: bytes) -> bytes:
            if isinstance(under, CardKey):
                value = self._card_key(under, "protect")
            else:
                assert under is not None  # Protection sees to it
                value = under.value
            return SUITES[under.algorithm].mac(value, data, protection.iv)

        return loading.loading_command(
            head, record, protection, lambda data: engine().encrypt(data), authenticate
        )

    def _forget_ciphers(self) -> None:
        """Set up anew what comes from card keys: root keys may have gone."""
        self._protectors = _Engines(lambda key: self._card_key(key, "protect"))

    def _card_key(self, key: CardKey, operation: Operation) -> bytes:
        """The bits of a card key that may be used so."""
        self._require(key.name, key.version, key.algorithm, operation)
        return self._derive(key)
