"""The certificates of a card of the demo: shown in brief, and made ready for openssl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.files import replace_file
from sscard_ic.cli.cert_card import card_of
from sscard_ic.cli.cert_show import Shown, look
from sscard_ic.cli.common import language, tr
from sscard_ic.cli.tables import print_table
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate_words import CERTIFICATE_WORDS
from sscard_ic.reader import Connection, open_session

CA_FILE = "ca.pem"
"""Root and operating CA, for openssl."""


@dataclass(frozen=True, slots=True)
class CardCertificates:
    """What one card bears."""

    image: Path
    shown: Sequence[Shown]

    def to_json(self) -> dict[str, Any]:
        """For ``summary.json``; the persons of the demo are synthetic."""
        found: dict[str, Any] = {"card": str(self.image)}
        for each in self.shown:
            certificate = each.certificate
            assert certificate is not None, "a verified card bears both"
            found[each.purpose] = {
                "holder": certificate.common_name,
                "issuer": certificate.issuer.get("CN"),
                "serial": certificate.number,
                "not_before": certificate.not_before.isoformat(),
                "not_after": certificate.not_after.isoformat(),
                "key_on_card": each.fits,
                "valid": each.valid,
            }
        return found

    def show(self) -> None:
        """Holder, serial number, validity, issuer, and whether the key is the card's."""
        titles = [CERTIFICATE_WORDS[each.purpose].to(language()) for each in self.shown]
        names = (
            tr("持卡人", "holder"),
            tr("序列号", "serial number"),
            tr("有效期", "valid"),
            tr("与卡内密钥", "key on the card"),
        )
        columns = [_column(each) for each in self.shown]
        print_table(tr("项", "item"), *titles, rows=zip(names, *columns, strict=True))
        # Long names, which are the same for both as a rule.
        issuers = {each.certificate.issuer.get("CN") for each in self.shown if each.certificate}
        for issuer in sorted(name for name in issuers if name):
            click.echo(tr(f"签发者 {issuer}", f"issued by {issuer}"))


def read_certificates(
    connection: Connection, profile: CardProfile, image: Path, trusted: Sequence[Certificate]
) -> CardCertificates:
    """Those of the card of ``connection``, checked against ``trusted``."""
    card = card_of(open_session(connection), profile)
    now = SystemClock().now()
    return CardCertificates(
        image, [look(card, purpose, trusted, now) for purpose in CERTIFICATE_WORDS]
    )


def write_authorities(folder: Path, trusted: Sequence[Certificate]) -> None:
    """Leave the certificates of the test CA in ``folder``."""
    text = "".join(certificate.pem() for certificate in trusted)
    replace_file(folder / CA_FILE, text.encode("ascii"), mode=0o666)


def next_commands(command: str, out: Path, image: Path) -> Sequence[str]:
    """What a person may go on with: the certificates as files, and what openssl says of them."""
    folder = out / "certificates"
    # openssl takes the user identifier of SM2 for the card's own certificate alone, not for those
    # above it: the chain ends at the operating CA.
    verify = f"openssl verify -vfyopt distid:{DEFAULT_USER_ID.decode('ascii')} -partial_chain"
    return (
        f"{command} cert show --pem {folder} --reader virtual:{image}",
        f"{verify} -CAfile {out / CA_FILE} {folder / 'signature.pem'}",
    )


def _column(shown: Shown) -> tuple[str, ...]:
    certificate = shown.certificate
    assert certificate is not None, "a verified card bears both"
    return (
        certificate.common_name or "-",
        certificate.number,
        f"{certificate.not_before:%Y-%m-%d} – {certificate.not_after:%Y-%m-%d}",
        tr("相符", "fits") if shown.fits else tr("不符", "ANOTHER ONE"),
    )
