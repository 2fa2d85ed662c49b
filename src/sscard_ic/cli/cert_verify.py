"""``sscard cert verify``: whether a signature is that of a certificate's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.cert_card import certificate_card, no_certificate, profile_option
from sscard_ic.cli.cert_files import file_path, read_input
from sscard_ic.cli.cert_trust import (
    is_published,
    read_certificates,
    test_ca_option,
    trust_option,
    trusted_certificates,
)
from sscard_ic.cli.cert_use import user_id_option
from sscard_ic.cli.common import FAILED, json_option, language, print_json, say, tr
from sscard_ic.cli.readers import reader_option
from sscard_ic.crypto import sm2
from sscard_ic.crypto.certificates import Certificate, CertificateError, chain
from sscard_ic.crypto.sm2 import forms
from sscard_ic.crypto.sm2.model import SIGNATURE_LENGTH
from sscard_ic.profile import CardProfile, load

_LONGEST_SIGNATURE = 4096
_SIGNS = frozenset({"digital_signature", "non_repudiation"})

_UNKNOWN_ISSUER = Text(
    "用 --trust 或 sscard.toml 的 [certificates] trust 指定受信任的 CA；测试证书加 --test-ca",
    "name the CA that is trusted with --trust, or trust in [certificates] of sscard.toml; "
    "--test-ca for certificates of tests",
)


@click.command("verify")
@click.argument("file", type=file_path)
@click.option(
    "--signature",
    "signature_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File with the signature, DER or r‖s 签名文件.",
)
@click.option(
    "--certificate",
    "certificate_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Certificate of the signer, PEM or DER 签名者证书; that of the card when left out.",
)
@trust_option
@test_ca_option
@user_id_option
@reader_option
@profile_option
@json_option
@click.pass_context
def verify_command(
    context: click.Context,
    file: Path,
    signature_file: Path,
    certificate_file: Path | None,
    trust: tuple[Path, ...],
    test_ca: bool,
    user_id: bytes,
    reader: str | None,
    profile_name: str | None,
    as_json: bool,
) -> None:
    """Verify a signature 验证签名, and the certificate of its signer; no PIN.

    Exit code 0 when the signature is that of the certificate's key, and the certificate is valid
    now, may sign, and has a chain to a trusted one; 1 otherwise. - is standard input.
    """
    message = read_input(file)
    signature = _read_signature(signature_file)
    certificate, profile = _signer(certificate_file, reader, profile_name)
    trusted = trusted_certificates(trust, profile, test_ca=test_ca)
    verdict = _judge(certificate, message, user_id, signature, trusted)
    if as_json:
        told = {fault: words.to(language()) for fault, words in verdict.faults.items()}
        print_json(
            {
                "valid": not told,
                "faults": told,
                "serial": certificate.number,
                "test": verdict.is_test,
            }
        )
    else:
        _say(certificate, verdict)
    if verdict.faults:
        context.exit(FAILED)


def _read_signature(path: Path) -> bytes:
    """r‖s of a file that has it in DER or as it is."""
    content = read_input(path, _LONGEST_SIGNATURE)
    try:
        return forms.signature_from_der(content)
    except sm2.Sm2Error:
        if len(content) == SIGNATURE_LENGTH:
            return content
    raise InputError(
        Text(
            "不是 SM2 签名：应为 r、s 的 DER，或 64 字节 r‖s",
            "no SM2 signature: DER of r and s is expected, or r‖s of 64 bytes",
        ),
        where=str(path),
        hint=Text(
            "检查文件；Base64 或十六进制文本须先转换",
            "is it the right file? Base64 or hexadecimal text is to be decoded first",
        ),
    )


def _signer(
    path: Path | None, reader: str | None, profile_name: str | None
) -> tuple[Certificate, CardProfile | None]:
    """The certificate of the file, or that of the card and its profile."""
    if path is not None:
        profile = load(profile_name) if profile_name else None
        return read_certificates(path)[0], profile  # behind it, those above it may follow
    with certificate_card(reader, profile_name) as card:
        certificate = card.certificate("signature")
        if certificate is None:
            raise no_certificate("signature")
        if card.key_is_another(certificate):
            say(
                Text(
                    "注意：卡上的签名证书与卡内密钥不符，卡现在的签名不能用它验证；"
                    "请运行 sscard cert load",
                    "note: the card's key and its certificate do not fit: what the card signs now "
                    "does not verify with it; run sscard cert load",
                )
            )
        return certificate, card.profile


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is wrong, by a stable word for programs; and the chain, where there is one."""

    faults: dict[str, Text] = field(default_factory=dict)
    chain: tuple[Certificate, ...] = ()

    @property
    def is_test(self) -> bool:
        """Whether the chain leads to the test authority."""
        return bool(self.chain) and is_published(self.chain[-1])


def _judge(
    certificate: Certificate,
    message: bytes,
    user_id: bytes,
    signature: bytes,
    trusted: Sequence[Certificate],
) -> _Verdict:
    faults: dict[str, Text] = {}
    digest = sm2.message_digest(certificate.public, message, user_id)
    if not sm2.provider().verify(certificate.public, digest, signature):
        faults["signature"] = Text(
            "签名与文件不符：文件、签名、证书或签名者标识不是一套",
            "the signature is not one over this file: file, signature, certificate or identifier "
            "of the signer do not belong together",
        )
    if certificate.key_usage and not certificate.key_usage & _SIGNS:
        faults["key_usage"] = Text(
            "证书的密钥不用于签名", "the key of the certificate is not for signing"
        )
    try:
        found = chain(certificate, trusted, SystemClock().now())
    except CertificateError as error:
        if error.reason == "unknown_issuer":
            error.hint = _UNKNOWN_ISSUER
        name = "chain" if error.reason == "signature" else error.reason
        faults[name] = Text(error.render("zh"), error.render("en"))
        return _Verdict(faults)
    return _Verdict(faults, found)


def _say(certificate: Certificate, verdict: _Verdict) -> None:
    if verdict.faults:
        click.echo(tr("无效", "invalid"))
        for words in verdict.faults.values():
            say(words)
        return
    name = certificate.common_name or str(certificate.subject)
    click.echo(tr(f"有效：{name} 的签名", f"valid: signed by {name}"))
    if verdict.is_test:
        say(
            Text(
                "这是测试 CA 的证书，不能证明签名者是谁。",
                "The certificate is one of the test CA: it does not prove who has signed.",
            )
        )
