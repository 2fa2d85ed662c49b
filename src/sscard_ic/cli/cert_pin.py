"""``sscard cert pin``: changes the user's or the administrator's PIN."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.cert_card import certificate_card, profile_option, require_same
from sscard_ic.cli.cert_keeping import may_be_kept, place_of, some_ledger
from sscard_ic.cli.common import json_option, print_json, say
from sscard_ic.cli.ledgers import ledger_option
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import (
    certificate_pin,
    new_certificate_pin,
    new_pin_file_option,
    open_keys,
    pin_file_option,
    vault_option,
)
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.lifecycle.certificates import change_admin_pin
from sscard_ic.profile.certificate import PinName


@click.command("pin")
@click.option("--admin", is_flag=True, help="The administrator PIN 管理员 PIN, not the user's.")
@reader_option
@profile_option
@pin_file_option
@new_pin_file_option
@ledger_option
@vault_option
@json_option
def pin_command(
    admin: bool,
    reader: str | None,
    profile_name: str | None,
    pin_file: Path | None,
    new_pin_file: Path | None,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Change a PIN of the certificate application 修改证书应用 PIN.

    PINs come from a prompt, a file, or SSCARD_PIN (with --admin SSCARD_ADMIN_PIN) and
    SSCARD_NEW_PIN; never from an option. Where the administrator PIN of the card is kept with its
    certificates, what is kept changes with it.
    """
    name: PinName = "admin" if admin else "user"
    old, new = certificate_pin(name, pin_file), new_certificate_pin(new_pin_file)
    if old == new:
        raise InputError(
            Text("新 PIN 与原 PIN 相同", "the new PIN is the old one"),
            hint=Text("请另选一个", "choose another one"),
        )
    kept = False
    if admin:
        kept = _change_admin(reader, profile_name, old, new, ledger_file, vault)
        initial = ""
    else:
        with certificate_card(reader, profile_name, access="exclusive") as card:
            card.application.change_pin("user", old, new)
            initial = card.model.initial_pin("user")
    published = bool(initial) and new == CertificatePin.of(initial)
    if as_json:
        print_json({"pin": name, "changed": True, "published": published, "kept": kept})
        return
    _tell(name, published=published, kept=kept)


def _change_admin(
    reader: str | None,
    profile_name: str | None,
    old: CertificatePin,
    new: CertificatePin,
    ledger_file: Path | None,
    vault: Path | None,
) -> bool:
    """Change it on the card, and where it is kept; whether it is kept."""
    with certificate_card(reader, profile_name) as card:
        serial = card.serial
    with ExitStack() as stack:
        place = None
        if may_be_kept(ledger_file, serial):
            keys = stack.enter_context(closing(open_keys(vault)))
            ledger = stack.enter_context(some_ledger(ledger_file, keys))
            place = place_of(ledger, keys, serial)
        card = stack.enter_context(certificate_card(reader, profile_name, access="exclusive"))
        require_same(serial, card.serial)
        change_admin_pin(card.application, place, old, new)
        return place is not None and place.find() is not None


def _tell(name: PinName, *, published: bool, kept: bool) -> None:
    if name == "user":
        say(Text("用户 PIN 已修改。", "The user PIN is changed."))
        if published:
            say(
                Text(
                    "注意：这是公开的初始 PIN，任何人都知道；请持卡人另设一个。",
                    "Note: this is the published initial PIN, which everybody knows; the holder "
                    "should choose another one.",
                )
            )
        return
    say(Text("管理员 PIN 已修改。", "The administrator PIN is changed."))
    if not kept:
        say(
            Text(
                "此处没有保存此卡的管理员 PIN，请妥善保管：更新证书时需要它。",
                "The administrator PIN of this card is not kept here; keep it well: loading other "
                "certificates needs it.",
            )
        )
