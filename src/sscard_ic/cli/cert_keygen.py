"""``sscard cert keygen``: the card makes its signature key pair."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_ic.base.errors import CardError, Text
from sscard_ic.cli.cert_card import CertificateCard, asked_pins, certificate_card, profile_option
from sscard_ic.cli.cert_files import PUBLIC, STREAM, write_output
from sscard_ic.cli.common import json_option, print_json, say
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import pin_file_option
from sscard_ic.crypto.certificates import CertificateError
from sscard_ic.crypto.sm2.forms import public_to_pem
from sscard_ic.profile.certificate import CertificateRules, Condition


@click.command("keygen")
@click.option(
    "--replace",
    is_flag=True,
    help="Even where the card bears a certificate for the present key 替换现有密钥对.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the public key, PEM 公钥文件; standard output when left out.",
)
@reader_option
@profile_option
@pin_file_option
@json_option
def keygen_command(
    replace: bool,
    out: Path | None,
    reader: str | None,
    profile_name: str | None,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Generate the signature key pair on the card 生成签名密钥对; the private key never leaves it.

    The user PIN comes from a prompt, a file, or SSCARD_PIN; never from an option. A key pair whose
    certificate the card bears is kept, unless --replace: that certificate is worthless afterwards.
    """
    pins = asked_pins(reader, profile_name, _needs, pin_file)
    with certificate_card(reader, profile_name, access="exclusive") as card:
        pins.verify(card)
        replaced = card.application.public_key("signature") is not None
        worthless = _is_certified(card)
        if worthless and not replace:
            raise _certified()
        public = card.application.generate_key()
    pem = public_to_pem(public)
    if out is not None and out != STREAM:
        write_output(out, pem.encode("ascii"), PUBLIC)
    if as_json:
        print_json(
            {
                "public_key": public.hex().upper(),
                "pem": pem,
                "replaced": replaced,
                "certificate_worthless": worthless,
                "profile": card.profile.name,
            }
        )
        return
    if out is None or out == STREAM:
        click.echo(pem, nl=False)
    say(Text("签名密钥对已在卡内生成。", "The card has generated its signature key pair."))
    if worthless:
        say(
            Text(
                "卡上原有的签名证书已失效，请重新写入：sscard cert load",
                "The signature certificate on the card fits no longer; load others: "
                "sscard cert load",
            )
        )


def _needs(rules: CertificateRules) -> tuple[Condition, ...]:
    return rules.generate_key, rules.read_public, rules.read_certificate


def _is_certified(card: CertificateCard) -> bool:
    """Whether the card bears a certificate for its present key."""
    public = card.application.public_key("signature")
    try:
        certificate = card.certificate("signature")
    except (CardError, CertificateError):
        return False  # what is no certificate, or half a one, is not lost with the key
    return certificate is not None and certificate.public == public


def _certified() -> CardError:
    return CardError(
        Text(
            "卡上的签名证书与现有密钥对相符，重新生成会使证书失效",
            "the card bears a certificate for its key pair; a new one makes it worthless",
        ),
        hint=Text(
            "确要更换请加 --replace，然后重新申请证书",
            "to do it nevertheless add --replace, and load new certificates afterwards",
        ),
    )
