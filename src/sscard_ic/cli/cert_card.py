"""The certificate application of the card in a reader, for every command of ``sscard cert``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from sscard_ic.base.errors import CardError, Text
from sscard_ic.card import CertificateApplication, chip_serial
from sscard_ic.cli.dump import chosen_profile
from sscard_ic.cli.readers import session
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import Purpose
from sscard_ic.reader import Connection
from sscard_ic.reader.pcsc import Access

profile_option = click.option(
    "--profile", "profile_name", help="Profile 卡规范; recognised when left out."
)

PURPOSES: dict[Purpose, Text] = {
    "signature": Text("签名", "signature"),
    "encryption": Text("加密", "encryption"),
}
CERTIFICATES: dict[Purpose, Text] = {
    purpose: Text(f"{words.zh}证书", f"{words.en} certificate")
    for purpose, words in PURPOSES.items()
}


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
            words = CERTIFICATES[purpose]
            error.what = Text(f"{words.zh}：{error.what.zh}", f"{words.en}: {error.what.en}")
            raise


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


def no_certificate(purpose: Purpose) -> CardError:
    """The card bears no certificate for this purpose."""
    words = CERTIFICATES[purpose]
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
