"""``sscard batch run``: makes the cards of a batch."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli import common
from sscard_ic.cli.common import print_json, say, tr
from sscard_ic.cli.ledgers import ledger_option, open_ledger
from sscard_ic.cli.progress import progress
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import open_vault, vault_option
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Outcome, Station
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.profile import load
from sscard_ic.reader import Tally, open_slot
from sscard_ic.reader.opening import reader_spec


@click.command()
@click.argument("name", metavar="BATCH")
@reader_option
@click.option("--limit", type=click.IntRange(1), help="Stop after this many good cards.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every exchange to this file, without secrets 脱敏通信记录.",
)
@ledger_option
@vault_option
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
@click.pass_context
def run(
    context: click.Context,
    name: str,
    reader: str | None,
    limit: int | None,
    trace: Path | None,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Make the cards of a batch 制卡: initialise, personalize, finish, verify.

    The reader is a deck: virtual:dir:DIR or virtual:new:PROFILE. After an interruption run it
    again: it continues with the card in work. Exit code 3 when a card or a row was bad.
    """
    tally = Tally()
    with ExitStack() as stack:
        service = open_vault(vault)
        ledger = stack.enter_context(open_ledger(ledger_file, service))
        profile = load(ledger.batch(name).profile)
        slot = open_slot(reader_spec(reader))
        out = stack.enter_context(trace.open("w", encoding="utf-8")) if trace else None
        advance = stack.enter_context(progress(tr("制卡", "making cards"), _waiting(ledger, name)))
        station = Station(
            slot, ledger, profile, service, tally=tally, trace=out, on_card=lambda card: advance(1)
        )
        outcome = run_batch(station, ledger, name, profile, service, limit=limit)
        left = _waiting(ledger, name)
    if as_json:
        print_json(_outcome_json(outcome, left, tally))
    else:
        _say_outcome(outcome, left)
    if not outcome.clean:
        context.exit(common.SOME_REFUSED)


def _waiting(ledger: Ledger, name: str) -> int:
    counts = ledger.counts(name)
    return sum(
        count
        for state, count in counts.items()
        if CardState.ACCEPTED.rank <= state.rank < CardState.VERIFIED.rank
    )


def _outcome_json(outcome: Outcome, left: int, tally: Tally) -> dict[str, Any]:
    language = common.language()
    return {
        "good": outcome.good,
        "left": left,
        "failed": [
            {"row": row, "message": error.what.to(language)} for row, error in outcome.failures
        ],
        "unprepared": [
            {"row": row, "message": error.what.to(language)} for row, error in outcome.unprepared
        ],
        "rejected": [error.what.to(language) for error in outcome.rejected],
        "exchanges": tally.exchanges,
    }


def _say_outcome(outcome: Outcome, left: int) -> None:
    for row, error in (*outcome.unprepared, *outcome.failures):
        say(Text(f"第 {row} 行：{error.what.zh}", f"row {row}: {error.what.en}"))
    for error in outcome.rejected:
        say(Text(f"拒收一张卡：{error.what.zh}", f"a card was rejected: {error.what.en}"))
    say(
        Text(
            f"合格 {outcome.good} 张，还有 {left} 行待制",
            f"{outcome.good} good cards, {left} rows still to make",
        )
    )
    if left:
        say(Text("放入空白卡后再次运行即可继续", "put blanks in and run it again to continue"))
