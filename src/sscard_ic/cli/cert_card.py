"""The certificate application of the card in a reader, for every command of ``sscard cert``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from sscard_ic.base.errors import CardError, Text
from sscard_ic.card import CertificateApplication, chip_serial
from sscard_ic.cli.dump import chosen_profile
from sscard_ic.cli.readers import session
from sscard_ic.cli.secrets import certificate_pin
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import CertificateRules, Condition, PinName, Purpose
from sscard_ic.profile.certificate_words import CERTIFICATE_WORDS, NEEDED_PINS, PIN_NAMES
from sscard_ic.reader import Connection
from sscard_ic.reader.pcsc import Access

profile_option = click.option(
    "--profile", "profile_name", help="Profile 卡规范; recognised when left out."
)

Needs = Callable[[CertificateRules], Iterable[Condition]]
"""The rules that stand before what a command does."""


@dataclass(frozen=True, slots=True)
class CertificateCard:
    """A card in use, its profile, and its certificate application, which is selected."""

    profile: CardProfile
    model: Model
    application: CertificateApplication
    serial: bytes
    """Six bytes of its ATR."""

    def certificate(self, purpose: Purpose) -> Certificate | None:
        """The certificate that the card bears, if any.

        Raises :class:`CardError` for half a one, :class:`CertificateError` for what is none.
        """
        der = self.application.certificate(purpose)
        if der is None:
            return None
        try:
            return Certificate.parse(der)
        except CertificateError as error:
            words = CERTIFICATE_WORDS[purpose]
            error.what = Text(f"{words.zh}：{error.what.zh}", f"{words.en}: {error.what.en}")
            raise

    def key_is_another(self, certificate: Certificate, verified: Iterable[PinName] = ()) -> bool:
        """Whether the card says, with these PINs verified, that its signature key is another."""
        if not set(NEEDED_PINS[self.model.rules.read_public]) <= set(verified):
            return False
        return self.application.public_key("signature") != certificate.public

    def bears_for_another_key(self, verified: Iterable[PinName]) -> bool:
        """Whether it says, with these PINs verified, that its certificate is for another key."""
        if not set(NEEDED_PINS[self.model.rules.read_certificate]) <= set(verified):
            return False
        try:
            certificate = self.certificate("signature")
        except (CardError, CertificateError):
            return False  # half a certificate, or none: not one for another key
        return certificate is not None and self.key_is_another(certificate, verified)


def model_of(profile: CardProfile) -> Model:
    """How the application of such cards is; raises :class:`CardError` where they have none."""
    model = profile.structure.certificates
    if model is None:
        raise CardError(
            Text("此卡没有证书应用", "this card has no certificate application"),
            where=profile.name,
            hint=Text(
                "第三代（3.00 版）卡才有证书应用，请换卡",
                "cards of the third generation (version 3.00) have one; insert such a card",
            ),
        )
    return model


def card_of(connection: Connection, profile: CardProfile) -> CertificateCard:
    """The application of the card of ``connection``, selected now."""
    model = model_of(profile)
    serial = chip_serial(connection.atr)
    return CertificateCard(profile, model, CertificateApplication(connection, model), serial)


@contextmanager
def certificate_card(
    reader: str | None, profile_name: str | None, *, access: Access = "shared"
) -> Iterator[CertificateCard]:
    """The card of ``--reader``; nobody may be asked anything inside."""
    with session(reader, access=access) as connection:
        yield card_of(connection, chosen_profile(connection, profile_name))


@dataclass(frozen=True, slots=True)
class AskedPins:
    """The PINs that one card asks for before what is done with it."""

    serial: bytes
    pins: Mapping[PinName, CertificatePin]

    @classmethod
    def ask(cls, card: CertificateCard, needs: Needs) -> Callable[[Path | None], AskedPins]:
        """Which PINs those are; the result asks for them, when the card is not in use any more.

        It takes the file of the user PIN, where one was named.
        """
        serial, rules = card.serial, card.model.rules
        needed = {pin for condition in needs(rules) for pin in NEEDED_PINS[condition]}

        def ask(file: Path | None) -> AskedPins:
            names = [name for name in PIN_NAMES if name in needed]
            files = {"user": file, "admin": None}
            return cls(serial, {name: certificate_pin(name, files[name]) for name in names})

        return ask

    def verify(self, card: CertificateCard) -> None:
        """Verify them; raises :class:`CardError` for another card, and for a wrong PIN."""
        require_same(self.serial, card.serial)
        for name, pin in self.pins.items():
            card.application.verify_pin(name, pin)


def asked_pins(
    reader: str | None, profile_name: str | None, needs: Needs, file: Path | None
) -> AskedPins:
    """Look which PINs the card of ``--reader`` needs, and ask for them."""
    with certificate_card(reader, profile_name) as card:
        ask = AskedPins.ask(card, needs)
    return ask(file)


def no_certificate(purpose: Purpose) -> CardError:
    """The card bears no certificate for this purpose."""
    words = CERTIFICATE_WORDS[purpose]
    return CardError(
        Text(f"卡上还没有{words.zh}", f"the card bears no {words.en} yet"),
        hint=Text(
            "先写入：sscard cert load，或用 --certificate 指定证书文件",
            "load it first: sscard cert load; or name a file with --certificate",
        ),
    )


def require_same(before: bytes, now: bytes) -> None:
    """Raise :class:`CardError` when another card lies in the reader than before."""
    if before != now:
        raise CardError(
            Text("读写器中已换了另一张卡", "another card is in the reader now"),
            hint=Text(
                "此卡没有改动；请放回原来的卡重新运行",
                "this one was not changed; put the first one back and run the command again",
            ),
        )
