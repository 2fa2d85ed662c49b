"""``sscard bank read``: what the bank's application on a card tells without a PIN."""

from __future__ import annotations

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import Text
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authenticating import authenticate_read
from sscard_ic.card.financial.offline import OfflineResult
from sscard_ic.card.financial.terminal import TerminalSettings
from sscard_ic.cli.bank_card import bank_card, bank_model, bank_profile_option
from sscard_ic.cli.bank_reasons import knows_sets, tell_set
from sscard_ic.cli.bank_report import data_json, print_data
from sscard_ic.cli.common import json_option, print_json, say
from sscard_ic.cli.readers import reader_option
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.payment_authorities import load_authorities


@click.command("read")
@reader_option
@bank_profile_option
@click.option("--show-pan", is_flag=True, help="Show the whole account number 显示完整卡号.")
@click.option("--sm", is_flag=True, help="Read the set of SM2 and SM4 读国密数据.")
@json_option
def read_command(
    reader: str | None, profile_name: str | None, show_pan: bool, sm: bool, as_json: bool
) -> None:
    """Read the bank's application 读银行应用: holder, validity, balance, logs; no PIN.

    The card counts a transaction for it, as for every reading. Its certificates are checked
    offline; authority keys that are for tests are said to be so. A contactless face gives its
    records only when it pays, so less can be read there.
    """
    model = bank_model(profile_name)
    algorithm: Algorithm = "sm4" if sm else "3des"
    terminal = TerminalSettings(algorithm=algorithm, authorities=load_authorities())
    today = SystemClock().today()
    with bank_card(reader, model) as card:
        opened = card.open(algorithm)
        offline = authenticate_read(card, opened, terminal, today)
        answered = _answered(card, algorithm, offline)
        found = card.told(opened, answered)
        others = [each for each in card.candidates() if each.aid != card.info.aid]
    tell_set(algorithm, answered)
    if as_json:
        candidates = [{"aid": each.aid.hex().upper(), "label": each.label} for each in others]
        told = data_json(found, offline, show_pan=show_pan)
        print_json({**told, "other_applications": candidates})
        return
    print_data(found, offline, today, show_pan=show_pan)
    for each in others:
        name = f"{each.label} {each.aid.hex().upper()}"
        say(Text(f"卡上还有：{name}", f"also on the card: {name}"))


def _answered(card: FinancialCard, asked: Algorithm, offline: OfflineResult) -> Algorithm:
    """The set that was read: a card without the one asked for gives the other.

    Without a cryptogram the key of the authority tells it, where it is known.
    """
    if not knows_sets(card):
        return "3des"
    if offline.authority is None:
        return asked
    return "sm4" if offline.authority.kind == "sm2" else "3des"
