"""``sscard cert show``: the certificates that a card bears."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.cli.cert_card import CertificateCard, certificate_card, profile_option
from sscard_ic.cli.cert_files import PRIVATE, write_output
from sscard_ic.cli.cert_trust import (
    is_published,
    test_ca_option,
    trust_option,
    trusted_certificates,
)
from sscard_ic.cli.common import json_option, language, print_json, say, system_error, tr
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.tables import print_table
from sscard_ic.crypto.certificates import Certificate, CertificateError, chain
from sscard_ic.crypto.sm2.forms import public_to_pem
from sscard_ic.profile.certificate import Purpose
from sscard_ic.profile.certificate_words import CERTIFICATE_WORDS

_USAGES: dict[str, Text] = {
    "digital_signature": Text("数字签名", "digital signature"),
    "non_repudiation": Text("抗抵赖", "non-repudiation"),
    "key_encipherment": Text("密钥加密", "key encipherment"),
    "data_encipherment": Text("数据加密", "data encipherment"),
    "key_agreement": Text("密钥协商", "key agreement"),
    "key_cert_sign": Text("签发证书", "certificate signing"),
    "crl_sign": Text("签发 CRL", "CRL signing"),
    "encipher_only": Text("仅加密", "encipher only"),
    "decipher_only": Text("仅解密", "decipher only"),
}

_NOTHING = "-"
"""A cell that says nothing."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a card holds for one purpose, and what is to be said about it."""

    purpose: Purpose
    public: bytes | None
    """Public key on the card."""
    certificate: Certificate | None
    card_number: str
    """As the certificate has it; empty where it does not say."""
    chain: tuple[Certificate, ...] = ()
    """Up to the root; empty where there is none."""
    fault: SscardError | None = None
    """Why the certificate is not to be used."""

    @property
    def fits(self) -> bool:
        """Whether the certificate is for the key on the card."""
        return self.certificate is not None and self.certificate.public == self.public

    @property
    def valid(self) -> bool:
        """Whether the card has a certificate that can be used now."""
        return self.fits and self.fault is None


@click.command("show")
@click.option(
    "--pem",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Save certificates, their authorities and public keys as PEM 保存证书和公钥.",
)
@trust_option
@test_ca_option
@reader_option
@profile_option
@json_option
def show_command(
    folder: Path | None,
    trust: tuple[Path, ...],
    test_ca: bool,
    reader: str | None,
    profile_name: str | None,
    as_json: bool,
) -> None:
    """Show the certificates of a card 查看证书: holder, issuer, validity, chain; no PIN.

    Certificates name their holder in the clear. --pem saves signature.pem, encryption.pem,
    authorities.pem and the public keys, readable by their owner only, for openssl.
    """
    with certificate_card(reader, profile_name) as card:
        trusted = trusted_certificates(trust, card.profile, test_ca=test_ca)
        now = SystemClock().now()
        shown = [look(card, purpose, trusted, now) for purpose in CERTIFICATE_WORDS]
    if folder is not None:
        _save(folder, shown, trusted)
    if as_json:
        told = {each.purpose: _to_json(each) for each in shown}
        serial = card.serial.hex().upper()
        print_json({"profile": card.profile.name, "serial": serial, **told})
        return
    _show(shown)
    if folder is not None:
        say(Text(f"已保存到 {folder}", f"saved in {folder}"))


def look(
    card: CertificateCard, purpose: Purpose, trusted: Sequence[Certificate], at: datetime
) -> Shown:
    """What the card holds for a purpose, checked against ``trusted``."""
    public = card.application.public_key(purpose)
    try:
        certificate = card.certificate(purpose)
    except (CardError, CertificateError) as error:
        return Shown(purpose, public, None, "", fault=error)
    if certificate is None:
        return Shown(purpose, public, None, "")
    number = certificate.extension(card.model.contents.card_number(purpose)) or b""
    text = number.decode("ascii", errors="replace")
    try:
        found = chain(certificate, trusted, at)
    except CertificateError as error:
        return Shown(purpose, public, certificate, text, fault=error)
    strange = None if certificate.public == public else _another_key()
    return Shown(purpose, public, certificate, text, found, strange)


def _another_key() -> CertificateError:
    return CertificateError(
        "another_key",
        Text("证书属于另一密钥，不是卡内的密钥", "it is for another key than the card has"),
        hint=Text("重新写入证书：sscard cert load", "load others: sscard cert load"),
    )


def _to_json(shown: Shown) -> dict[str, Any]:
    fault = None
    if shown.fault is not None:
        reason = shown.fault.reason if isinstance(shown.fault, CertificateError) else "unreadable"
        fault = {"reason": reason, "message": shown.fault.what.to(language())}
    found: dict[str, Any] = {
        "public_key": shown.public.hex().upper() if shown.public else None,
        "certificate": None,
        "valid": shown.valid,
        "fault": fault,
    }
    certificate = shown.certificate
    if certificate is not None:
        found["certificate"] = {
            "holder": certificate.common_name,
            "card_number": shown.card_number or None,
            "subject": str(certificate.subject),
            "issuer": str(certificate.issuer),
            "serial": certificate.number,
            "not_before": certificate.not_before.isoformat(),
            "not_after": certificate.not_after.isoformat(),
            "key_usage": sorted(certificate.key_usage),
            "sha256": hashlib.sha256(certificate.der).hexdigest(),
            "key_on_card": shown.fits,
            "chain": [str(each.subject) for each in shown.chain[1:]],
        }
    return found


def _show(shown: Sequence[Shown]) -> None:
    for place, each in enumerate(shown):
        if place:
            click.echo()
        print_table(rows=_rows(each), title=CERTIFICATE_WORDS[each.purpose].to(language()))
    for each in shown:
        if each.fault is not None:
            words, error = CERTIFICATE_WORDS[each.purpose], each.fault
            say(Text(f"{words.zh}：{error.render('zh')}", f"{words.en}: {error.render('en')}"))
    if not any(each.certificate for each in shown):
        say(
            Text(
                "卡上还没有可用的证书；写入：sscard cert load",
                "the card bears no certificates that can be used; load them with: sscard cert load",
            )
        )


def _rows(shown: Shown) -> Iterator[tuple[str, str]]:
    certificate = shown.certificate
    if certificate is None:
        state = tr("无法读取", "unreadable") if shown.fault else tr("未写入", "not set")
        yield tr("证书", "certificate"), state
        yield tr("卡内密钥", "key on the card"), _key_words(shown)
        return
    usages = (_USAGES[name].to(language()) for name in _USAGES if name in certificate.key_usage)
    yield tr("持卡人", "holder"), certificate.common_name or _NOTHING
    yield tr("卡号", "card number"), shown.card_number or _NOTHING
    yield tr("主体", "subject"), str(certificate.subject)
    yield tr("签发者", "issuer"), str(certificate.issuer)
    yield tr("序列号", "serial number"), certificate.number
    yield tr("有效期自", "valid from"), f"{certificate.not_before:%Y-%m-%d %H:%M} UTC"
    yield tr("有效期至", "valid until"), f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"
    yield tr("密钥用途", "key usage"), tr("、", ", ").join(usages) or tr("不限", "not restricted")
    yield tr("卡内密钥", "key on the card"), _key_words(shown)
    yield tr("证书链", "chain"), _chain_words(shown)


def _key_words(shown: Shown) -> str:
    if shown.public is None:
        return tr("还没有", "none yet")
    if shown.certificate is None:
        return tr("有", "there is one")
    return tr("相符", "fits") if shown.fits else tr("不符", "ANOTHER ONE")


def _chain_words(shown: Shown) -> str:
    if not shown.chain:
        return tr("不可信", "NOT TRUSTED")
    names = " → ".join(each.common_name or str(each.subject) for each in shown.chain[1:])
    trusted = tr(f"可信：{names}", f"trusted: {names}")
    if is_published(shown.chain[-1]):
        trusted += tr("（测试，不作任何证明）", " (for tests; proves nothing)")
    return trusted


def _save(folder: Path, shown: Sequence[Shown], trusted: Sequence[Certificate]) -> None:
    """PEM files, readable by their owner only: certificates name a person."""
    files: dict[str, str] = {}
    for each in shown:
        if each.certificate is not None:
            files[f"{each.purpose}.pem"] = each.certificate.pem()
        if each.public is not None:
            files[f"{each.purpose}-public.pem"] = public_to_pem(each.public)
    if trusted:
        files["authorities.pem"] = "".join(each.pem() for each in trusted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise system_error(error) from None
    for name, text in files.items():
        write_output(folder / name, text.encode("ascii"), PRIVATE)
