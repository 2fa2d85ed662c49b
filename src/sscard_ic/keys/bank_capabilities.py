"""What the bank's side asks of its keys: cryptograms, scripts, personalization.

Source: ref 04 §6-7, 14 §6, 15 §5. No type here holds key bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from sscard_ic.apdu.command import Command
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.pboc.symmetric import SmMac
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.capabilities import missing
from sscard_ic.profile.financial import BankKeys, ChipSettings, Padding

Filling = Literal["none", "always"]
"""Whether a value that comes under a transport key was filled with 80 00… before."""


@dataclass(frozen=True, slots=True)
class BankCard:
    """Names the keys of one card at its bank."""

    pan: str = field(repr=False)
    """Digits without filling."""
    sequence: int | None
    """PAN sequence number."""
    algorithm: Algorithm = "3des"
    keys: BankKeys = field(default_factory=BankKeys)
    sm_mac: SmMac = "folded"
    sm_arpc: SmMac = "leftmost"


@runtime_checkable
class BankIssuer(Protocol):
    """Answers for the bank that issued a card; ``atc`` is the card's transaction counter."""

    def application_cryptogram(self, card: BankCard, atc: int, data: bytes) -> bytes:
        """8 bytes that a genuine card computes over ``data`` (ref 14 §6.1)."""
        ...

    def response_cryptogram(self, card: BankCard, atc: int, arqc: bytes, code: bytes) -> bytes:
        """ARPC, 8 bytes, for the authorisation response code ``code`` of 2."""
        ...

    def script_mac(
        self, card: BankCard, atc: int, cryptogram: bytes, head: bytes, data: bytes
    ) -> bytes:
        """4 bytes for a script command ``head`` (CLA INS P1 P2) with ``data`` (ref 14 §6.3)."""
        ...

    def discretionary_mac(self, card: BankCard, atc: int, values: bytes) -> bytes:
        """4 bytes over the amounts in the issuer discretionary data (ref 14 §6.2)."""
        ...

    def pin_data(
        self,
        card: BankCard,
        atc: int,
        new: Secret,
        current: Secret | None = None,
        *,
        mask: Literal["enc", "ac"] = "enc",
    ) -> bytes:
        """Enciphered data of PIN CHANGE; PINs as ASCII digits (ref 14 §6.4)."""
        ...


@dataclass(frozen=True, slots=True)
class InitializeUpdate:
    """Answer to INITIALIZE UPDATE, 28 bytes (ref 04 §7.3)."""

    key_data: bytes
    """KEYDATA: KMCID 6 ‖ CSN 4."""
    key_version: int
    protocol: int
    """01 or 02: SCP01, SCP02."""
    challenge: bytes
    """8 bytes; with SCP02 sequence counter 2 ‖ random 6."""
    cryptogram: bytes = field(repr=False)
    """8 bytes."""


class SecureChannel(Protocol):
    """An open channel to one application of a card; its keys stay inside the key service."""

    @property
    def authentication(self) -> Command:
        """EXTERNAL AUTHENTICATE, finished: the first command of the channel."""
        ...

    def wrap(self, command: Command) -> Command:
        """``command`` as the level of the channel wants it: CLA 84, C-MAC, perhaps enciphered."""
        ...

    def encipher(self, data: Secret, padding: Padding) -> bytes:
        """A secret data group under the session DEK."""
        ...

    def card_keys(self, card: BankCard, padding: Padding) -> tuple[bytes, bytes]:
        """AC ‖ MAC ‖ ENC of a card under the session DEK, and their check values, 9 bytes."""
        ...

    def translate(
        self,
        transport: str,
        version: int,
        algorithm: Algorithm,
        data: bytes,
        padding: Padding,
        filled: Filling = "none",
    ) -> bytes:
        """A secret data group from under a transport key to under the session DEK.

        ``padding`` is how the card wants it, ``filled`` how it came (ref 04 §7.6).
        """
        ...

    def translate_pin(
        self, transport: str, version: int, algorithm: Algorithm, data: bytes, pin_format: int
    ) -> bytes:
        """A PIN block of either format the same way, made one of ``pin_format`` (ref 04 §7.6)."""
        ...


@runtime_checkable
class CardPersonalizer(Protocol):
    """Opens secure channels with the keys that the card's maker derived from the KMC."""

    def open_channel(
        self,
        keys: BankKeys,
        settings: ChipSettings,
        host_challenge: bytes,
        answer: InitializeUpdate,
    ) -> SecureChannel:
        """Check the card's cryptogram and answer it; :class:`WrongCardCryptogramError`."""
        ...


def bank_issuer(service: object) -> BankIssuer:
    """``service`` as the bank's; raises :class:`MissingCapabilityError` when it is not."""
    if isinstance(service, BankIssuer):
        return service
    raise missing(service, Text("代表发卡银行应答", "answer for the bank"))


def card_personalizer(service: object) -> CardPersonalizer:
    """``service`` as personalizer; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, CardPersonalizer):
        return service
    raise missing(service, Text("个人化银行应用", "personalize the application of the bank"))
