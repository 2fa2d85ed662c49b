"""``sscard cert sign`` and ``decrypt``: what the keys of a card are for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from sscard_ic.base.errors import CardError, InputError, SscardError, Text
from sscard_ic.cli.cert_card import asked_pins, certificate_card, profile_option
from sscard_ic.cli.cert_files import (
    PRIVATE,
    PUBLIC,
    STREAM,
    file_path,
    read_input,
    require_binary_place,
    write_output,
)
from sscard_ic.cli.common import json_option, print_json, say, tr
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import pin_file_option
from sscard_ic.crypto import sm2
from sscard_ic.crypto.sm2 import forms
from sscard_ic.crypto.sm2.model import CIPHER_OVERHEAD
from sscard_ic.profile.certificate import CertificateRules, Condition

_LONGEST_CIPHER = 64 * 1024
_LONGEST_USER_ID = 8191
"""Bytes: their bits are counted in two bytes (GB/T 32918.2)."""


def _signing(rules: CertificateRules) -> tuple[Condition, ...]:
    return rules.use_private, rules.read_public


def _decrypting(rules: CertificateRules) -> tuple[Condition, ...]:
    return (rules.use_private,)


def _user_id(context: click.Context, option: click.Parameter, value: str) -> bytes:
    encoded = value.encode("utf-8", errors="surrogateescape")
    if len(encoded) > _LONGEST_USER_ID:
        most = tr(f"最长 {_LONGEST_USER_ID} 字节", f"at most {_LONGEST_USER_ID} bytes")
        raise click.BadParameter(most, context, option)
    return encoded


user_id_option = click.option(
    "--user-id",
    callback=_user_id,
    default=sm2.DEFAULT_USER_ID.decode("ascii"),
    show_default=True,
    help="Identifier of the signer, in Z 签名者标识.",
)


@click.command("sign")
@click.argument("file", type=file_path)
@click.option(
    "--out", type=file_path, help="File for the signature 签名文件; standard output when left out."
)
@click.option(
    "--form",
    type=click.Choice(["der", "raw"]),
    default="der",
    show_default=True,
    help="SEQUENCE of r and s (GM/T 0009), or r‖s of 64 bytes 签名格式.",
)
@user_id_option
@reader_option
@profile_option
@pin_file_option
@json_option
def sign_command(
    file: Path,
    out: Path | None,
    form: Literal["der", "raw"],
    user_id: bytes,
    reader: str | None,
    profile_name: str | None,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Sign a file with the signature key of the card 签名: SM2 over SM3; - is standard input.

    The user PIN comes from a prompt, a file, or SSCARD_PIN; never from an option. With --json and
    no --out the signature is in the JSON, in hexadecimal digits.
    """
    if not as_json:
        require_binary_place(out)
    message = read_input(file)
    pins = asked_pins(reader, profile_name, _signing, pin_file)
    with certificate_card(reader, profile_name) as card:
        pins.verify(card)
        raw = card.application.sign(message, user_id)
        public = card.application.public_key("signature")
        is_strange = card.bears_for_another_key(pins.pins)
        profile = card.profile
    _require_good(public, message, user_id, raw)
    signature = forms.signature_to_der(raw) if form == "der" else raw
    if out is not None or not as_json:
        write_output(out, signature, PUBLIC)
    if as_json:
        print_json({**_as_json(form, signature, public), "profile": profile.name})
    elif out is not None and out != STREAM:
        say(Text(f"签名已写入 {out}（{form}）。", f"The signature is in {out} ({form})."))
    if is_strange:
        say(
            Text(
                "注意：卡上的签名证书属于另一密钥，无人能用它验证此签名；请运行 sscard cert load",
                "note: the certificate on the card is for another key: nobody can verify this "
                "signature with it; run sscard cert load",
            )
        )


def _as_json(form: str, signature: bytes, public: bytes | None) -> dict[str, object]:
    return {
        "form": form,
        "signature": signature.hex().upper(),
        "public_key": public.hex().upper() if public else None,
    }


def _require_good(public: bytes | None, message: bytes, user_id: bytes, signature: bytes) -> None:
    """Raise :class:`CardError` when the card has signed something else, or nothing."""
    digest = sm2.message_digest(public, message, user_id) if public else b""
    if public is None or not sm2.provider().verify(public, digest, signature):
        raise CardError(
            Text(
                "卡给出的签名与卡的公钥不符",
                "the signature that the card gave does not verify with its public key",
            ),
            hint=Text(
                "检查卡规范的 sign_command；卡可能按另一种方式计算摘要",
                "check sign_command of the profile: the card may sign in another way",
            ),
        )


@click.command("decrypt")
@click.argument("file", type=file_path)
@click.option(
    "--out",
    type=file_path,
    help="File for the message, readable by its owner only 明文文件; "
    "standard output when left out.",
)
@reader_option
@profile_option
@pin_file_option
@json_option
def decrypt_command(
    file: Path,
    out: Path | None,
    reader: str | None,
    profile_name: str | None,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Decrypt what was encrypted for the card 解密, with its encryption key; - is standard input.

    FILE has the ciphertext of SM2 in DER (GM/T 0009), as openssl writes it, or C1‖C3‖C2; the
    message has at most 151 bytes, such as a session key. The user PIN comes from a prompt, a file,
    or SSCARD_PIN; never from an option. With --json and no --out the message is in the JSON, in
    hexadecimal digits.
    """
    if not as_json:
        require_binary_place(out)
    cipher = _read_cipher(file)
    pins = asked_pins(reader, profile_name, _decrypting, pin_file)
    with certificate_card(reader, profile_name) as card:
        pins.verify(card)
        message = card.application.decrypt(cipher)
    if out is not None or not as_json:
        write_output(out, message.reveal(), PRIVATE)
    if as_json:
        told = {} if out is not None else {"message": message.reveal().hex().upper()}
        print_json({"bytes": len(message), **told})
    elif out is not None and out != STREAM:
        say(
            Text(
                f"明文 {len(message)} 字节已写入 {out}。",
                f"The message, {len(message)} bytes, is in {out}.",
            )
        )


def _read_cipher(path: Path) -> bytes:
    """C1‖C3‖C2 of a file that has it in DER or as it is, with or without the 04 of C1."""
    content = read_input(path, _LONGEST_CIPHER)
    try:
        return forms.cipher_from_der(content)
    except sm2.Sm2Error:
        candidates = (content, content[1:] if content[:1] == b"\x04" else b"")
    for cipher in candidates:
        if len(cipher) > CIPHER_OVERHEAD and _is_point(cipher[:64]):
            return cipher
    raise _no_cipher(path)


def _is_point(public: bytes) -> bool:
    try:
        sm2.provider().check_public(public)
    except sm2.Sm2Error:
        return False
    return True


def _no_cipher(path: Path) -> SscardError:
    return InputError(
        Text(
            "不是 SM2 密文：应为 GM/T 0009 的 DER，或 C1‖C3‖C2，且 C1 在曲线上",
            "no SM2 ciphertext: DER of GM/T 0009 is expected, or C1‖C3‖C2 with C1 on the curve",
        ),
        where=str(path),
        hint=Text(
            "检查文件；旧式 C1‖C2‖C3 须先换序，Base64 或十六进制文本须先转换",
            "is it the right file? C1‖C2‖C3 is to be put in order, Base64 or hexadecimal text to "
            "be decoded first",
        ),
    )
