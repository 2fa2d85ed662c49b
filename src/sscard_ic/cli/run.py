"""``sscard batch run``: makes the cards of a batch."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import common
from sscard_ic.cli.common import json_option, print_json, say, tr
from sscard_ic.cli.ledgers import ledger_option, open_ledger
from sscard_ic.cli.progress import progress
from sscard_ic.cli.readers import deck_option
from sscard_ic.cli.secrets import open_vault, vault_option
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Outcome, Station
from sscard_ic.ledger import CardState, Ledger, Step
from sscard_ic.profile import load
from sscard_ic.reader import Tally, open_slot
from sscard_ic.reader.opening import DECK_FORMS, reader_spec

_INTERRUPTED = 130


@click.command()
@click.argument("name", metavar="BATCH")
@deck_option
@click.option("--limit", type=click.IntRange(1), help="Stop after this many good cards.")
@click.option("--retry-failed", is_flag=True, help="Take failed rows up again 重做失败的行.")
@click.option(
    "--lost",
    "lost",
    type=click.IntRange(1),
    multiple=True,
    metavar="ROW",
    help="The card in work for this row is lost: make another 在制卡丢失的行.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every exchange to this file, without secrets 脱敏通信记录.",
)
@ledger_option
@vault_option
@json_option
@click.pass_context
def run(
    context: click.Context,
    name: str,
    reader: str | None,
    limit: int | None,
    retry_failed: bool,
    lost: tuple[int, ...],
    trace: Path | None,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Make the cards of a batch 制卡: initialise, personalize, finish, verify.

    BATCH is the name that import gave. The reader is a deck; finished cards go to its folder
    good, others to rejected. After an interruption run it again: it continues with the card in
    work. Exit code 3 when a card or row was bad, or rows are left without a blank.
    """
    tally, outcome = Tally(), Outcome()
    with ExitStack() as stack:
        service = open_vault(vault)
        ledger = stack.enter_context(open_ledger(ledger_file, service))
        profile = load(ledger.batch(name).profile)
        if retry_failed:
            ledger.reopen_failed(name)
        _give_up_lost(ledger, name, lost)
        slot = open_slot(reader_spec(reader, DECK_FORMS))
        out = stack.enter_context(trace.open("w", encoding="utf-8")) if trace else None
        advance = stack.enter_context(progress(tr("制卡", "making cards"), _waiting(ledger, name)))
        station = Station(
            slot, ledger, profile, service, tally=tally, trace=out, on_card=lambda card: advance(1)
        )
        try:
            run_batch(station, ledger, name, profile, service, outcome=outcome, limit=limit)
        except KeyboardInterrupt:
            _say_outcome(outcome, _waiting(ledger, name), _failed(ledger, name))
            say(Text("已中断；再次运行即可继续", "interrupted; run it again to continue"))
            context.exit(_INTERRUPTED)
        except Exception:
            _say_outcome(outcome, _waiting(ledger, name), _failed(ledger, name))
            raise
        left, failed = _waiting(ledger, name), _failed(ledger, name)
    if as_json:
        print_json(_outcome_json(outcome, left, failed, tally))
    else:
        _say_outcome(outcome, left, failed, limited=outcome.good == limit)
    if not outcome.clean or failed or (left and outcome.good != limit):
        context.exit(common.SOME_REFUSED)


def _give_up_lost(ledger: Ledger, name: str, lost: tuple[int, ...]) -> None:
    """Spoil the numbers of cards that will not come back."""
    begun = {
        card.row: card
        for card in ledger.cards_of(name)
        if CardState.STARTED.rank <= card.state.rank < CardState.VERIFIED.rank
    }
    for row in lost:
        if row not in begun:
            raise InputError(
                Text(f"第 {row} 行没有在制的卡", f"row {row} has no card in work"),
                where=name,
                hint=Text("用 sscard batch status 查看", "see: sscard batch status"),
            )
        ledger.spoil(begun[row].id, station="operator", step=Step.INITIALISE, note="card lost")


def _waiting(ledger: Ledger, name: str) -> int:
    counts = ledger.counts(name)
    return sum(
        count
        for state, count in counts.items()
        if CardState.ACCEPTED.rank <= state.rank < CardState.VERIFIED.rank
    )


def _failed(ledger: Ledger, name: str) -> int:
    return ledger.counts(name).get(CardState.FAILED, 0)


def _outcome_json(outcome: Outcome, left: int, failed: int, tally: Tally) -> dict[str, Any]:
    language = common.language()
    return {
        "good": outcome.good,
        "left": left,
        "failed": failed,
        "stopped": outcome.stopped,
        "bad": [
            {"row": row, "message": error.what.to(language)} for row, error in outcome.failures
        ],
        "unprepared": [
            {"row": row, "message": error.what.to(language)} for row, error in outcome.unprepared
        ],
        "rejected": [
            {"card": error.where, "message": error.what.to(language)} for error in outcome.rejected
        ],
        "exchanges": tally.exchanges,
    }


def _say_outcome(outcome: Outcome, left: int, failed: int, *, limited: bool = False) -> None:
    for row, error in (*outcome.unprepared, *outcome.failures):
        say(Text(f"第 {row} 行：{error.what.zh}", f"row {row}: {error.what.en}"))
        if error.hint:
            say(Text(f"  → {error.hint.zh}", f"  → {error.hint.en}"))
    for error in outcome.rejected:
        card = error.where
        say(Text(f"拒收卡 {card}：{error.what.zh}", f"card {card} was rejected: {error.what.en}"))
    say(
        Text(
            f"合格 {outcome.good} 张；待制 {left} 行，失败 {failed} 行",
            f"good cards: {outcome.good}; rows still to make: {left}, failed: {failed}",
        )
    )
    if outcome.stopped:
        say(
            Text(
                "连续坏卡，已停止：请检查空白卡、读写器与规范，然后再次运行",
                "card after card was bad, so the run stopped: "
                "check blanks, reader and profile, then run it again",
            )
        )
    elif left and not limited:
        say(Text("放入空白卡后再次运行即可继续", "put blanks in and run it again to continue"))
    if failed:
        say(Text("失败的行可用 --retry-failed 重做", "--retry-failed makes failed rows again"))
