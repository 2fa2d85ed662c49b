"""``sscard cert request``: what a certificate authority is to be told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from sscard_ic.base.errors import CardError, Text
from sscard_ic.cli.cert_card import AskedPins, CertificateCard, card_of, profile_option
from sscard_ic.cli.cert_files import PRIVATE, STREAM, write_output
from sscard_ic.cli.cert_holder import holder_of_card, holder_of_file, holder_option
from sscard_ic.cli.cert_trust import request_form
from sscard_ic.cli.common import json_option, print_json, say
from sscard_ic.cli.dump import chosen_profile
from sscard_ic.cli.key_options import KeySource, keys_options
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import pin_file_option
from sscard_ic.crypto.certificates import DistinguishedName, build_request, parse_request
from sscard_ic.hosts.authority_requests import encode_request
from sscard_ic.issuance.certifying import CertificateHolder
from sscard_ic.lifecycle.certificates import AskedCard, request_for
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate import CertificateRules, Condition
from sscard_ic.reader import Connection


@click.command("request")
@click.option(
    "--format",
    "form",
    type=click.Choice(["fields", "pkcs10"]),
    default="fields",
    show_default=True,
    help="JSON with the fields of [certificates.http.request], or PEM signed by the card 格式.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File for the request, readable by its owner only 申请文件; standard output when left "
    "out.",
)
@holder_option
@reader_option
@profile_option
@keys_options
@pin_file_option
@json_option
def request_command(
    form: Literal["fields", "pkcs10"],
    out: Path | None,
    holder_file: Path | None,
    reader: str | None,
    profile_name: str | None,
    keys: KeySource,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Write a certificate request 证书申请 for the key pair of the card; nobody is asked.

    Name, card number and social security number are read from the card, with --keys or --psam
    where it keeps them closed, or come from a file with --from; never from an option. For pkcs10
    the card signs: the user PIN comes from a prompt, a file, or SSCARD_PIN.
    """
    keys.unlock()

    def needs(rules: CertificateRules) -> tuple[Condition, ...]:
        return (rules.read_public, *((rules.use_private,) if form == "pkcs10" else ()))

    with keys.session(reader, access="exclusive") as connection:
        looked = card_of(connection, chosen_profile(connection, profile_name))
        ask = AskedPins.ask(looked, needs)
    pins = ask(pin_file)
    with keys.session(reader, access="exclusive") as connection:
        profile = chosen_profile(connection, profile_name)
        holder = _holder(holder_file, connection, profile, keys)
        card = card_of(connection, profile)
        pins.verify(card)
        asked = _asked(card)
        request = request_for(asked, holder)
        if form == "pkcs10":
            text = _signed(card, asked, holder)
        else:
            json_form = request_form().model_copy(update={"body": "json"})
            fields = json.loads(encode_request(request, json_form).reveal())
            text = json.dumps(fields, ensure_ascii=False, indent=2) + "\n"
    _deliver(text, out, form, as_json=as_json)


def _holder(
    path: Path | None, connection: Connection, profile: CardProfile, keys: KeySource
) -> CertificateHolder:
    if path is not None:
        return holder_of_file(path, request_form(), profile)
    return holder_of_card(connection, profile, keys.service(profile))


def _asked(card: CertificateCard) -> AskedCard:
    public = card.application.public_key("signature")
    if public is None:
        raise CardError(
            Text("卡上还没有签名密钥对", "the card has no signature key pair yet"),
            hint=Text("先生成：sscard cert keygen", "generate it first: sscard cert keygen"),
        )
    return AskedCard(card.serial, public, bears_certificates=False)


def _signed(card: CertificateCard, asked: AskedCard, holder: CertificateHolder) -> str:
    """A request as PKCS#10, verified before it is given away."""
    subject = DistinguishedName.of(("C", "CN"), ("CN", holder.name))
    request = build_request(subject, asked.public, card.application.sign_digest)
    return parse_request(request).pem()


def _deliver(text: str, out: Path | None, form: str, *, as_json: bool) -> None:
    named = out is not None and out != STREAM
    if named:
        write_output(out, text.encode("utf-8"), PRIVATE)
    if as_json and form == "pkcs10":
        print_json({"pem": text})
    elif as_json or not named:
        click.echo(text, nl=False)
    if named and not as_json:
        say(Text(f"申请已写入 {out}。", f"The request is in {out}."))
