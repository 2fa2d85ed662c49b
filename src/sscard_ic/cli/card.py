"""``sscard card``: the life of an issued card at the counter."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from sscard_ic.base.errors import Text
from sscard_ic.card import check_profile, recognise
from sscard_ic.cli import card_account, card_service
from sscard_ic.cli.common import json_option, print_json, say
from sscard_ic.cli.ledgers import ledger_option, ledger_path, open_ledger
from sscard_ic.cli.readers import reader_option, session
from sscard_ic.cli.secrets import new_pin, new_pin_file_option, pin, pin_file_option
from sscard_ic.ledger import Ledger
from sscard_ic.lifecycle import activate
from sscard_ic.profile import load
from sscard_ic.reader.opening import is_recording


@click.group()
def card() -> None:
    """Services for an issued card 用卡服务."""


@card.command("activate")
@reader_option
@click.option("--profile", "profile_name", help="Profile 卡规范; recognised when left out.")
@ledger_option
@pin_file_option
@new_pin_file_option
@json_option
def activate_command(
    reader: str | None,
    profile_name: str | None,
    ledger_file: Path | None,
    pin_file: Path | None,
    new_pin_file: Path | None,
    as_json: bool,
) -> None:
    """Activate a card 启用: verify the initial PIN, set the holder's own.

    The PINs come from a prompt, a file, or SSCARD_PIN and SSCARD_NEW_PIN; never from an option.
    """
    # Both are asked for before the card is touched, so that nobody types with a card in work.
    old = pin(pin_file, Text("初始密码", "Initial PIN"))
    new = new_pin(new_pin_file)
    recording = is_recording(reader)
    with (
        session(reader, access="exclusive") as connection,
        nullcontext() if recording else _ledger(ledger_file) as ledger,
    ):
        if profile_name is None:
            profile = recognise(connection)
        else:
            profile = load(profile_name)
            check_profile(connection, profile)
        done = activate(connection, profile, old, new, ledger)
    if as_json:
        facts = {"activated": True, "recorded": done.recorded, "replayed": recording}
        print_json({**facts, "profile": profile.name})
        return
    say(Text("卡已启用，密码已改。", "The card is activated, its PIN is changed."))
    if recording:
        say(Text("这是重放的记录，台账未作登记。", "It was a recording; no ledger was told."))
    elif not done.recorded:
        say(Text("台账中没有此卡，未作登记。", "No ledger knows this card; nothing was recorded."))


card_account.register(card)
card_service.register(card)


def _ledger(path: Path | None) -> AbstractContextManager[Ledger | None]:
    """The ledger asked for, or the one at home where there is one: a counter may have none."""
    return open_ledger(path) if path or ledger_path(None).exists() else nullcontext()
