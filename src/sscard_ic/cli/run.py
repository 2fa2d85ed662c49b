"""``sscard batch run``: makes the cards of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.card import HabitBook
from sscard_ic.cli import common
from sscard_ic.cli.bank_source import bank_data_options, bank_source
from sscard_ic.cli.batch_operator import signed_in
from sscard_ic.cli.common import done_so_far, json_option, keep_done, print_json, say, tr
from sscard_ic.cli.issuing_authority import issuing_authority
from sscard_ic.cli.ledgers import ledger_option, open_ledger
from sscard_ic.cli.progress import progress
from sscard_ic.cli.run_report import Left, left_over, missing, outcome_json, say_outcome, waiting
from sscard_ic.cli.secrets import open_keys, vault_option
from sscard_ic.issuance.foreman import IN_WORK
from sscard_ic.issuance.issuing_keys import issuing_keys
from sscard_ic.issuance.outcome import Outcome
from sscard_ic.issuance.resuming import take_up_again
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.profile import load
from sscard_ic.reader import Slot, Tally
from sscard_ic.reader.opening import ENVIRONMENT, open_slots
from sscard_ic.reader.trace_file import check_trace, open_trace

_INTERRUPTED = 130


@click.command()
@click.argument("name", metavar="BATCH")
@click.option(
    "--reader",
    "readers",
    metavar="READER",
    multiple=True,
    help="Reader 读写器, may be repeated: name, part of it or number; all; virtual:dir:DIR, "
    f"virtual:new:PROFILE; else {ENVIRONMENT}, else the only one.",
)
@click.option("--limit", type=click.IntRange(1), help="Stop after this many good cards.")
@click.option(
    "--wait",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="Stop when nobody brings a card for so long 无人放卡即停止 (default: wait on).",
)
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
    help="Append every exchange to this file, without secrets 脱敏通信记录; "
    "of several readers to FILE-1, FILE-2 …",
)
@bank_data_options
@ledger_option
@vault_option
@json_option
@click.pass_context
def run(
    context: click.Context,
    name: str,
    readers: tuple[str, ...],
    limit: int | None,
    wait: int | None,
    retry_failed: bool,
    lost: tuple[int, ...],
    trace: Path | None,
    bank_data: Path | None,
    bank_format: str | None,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Make the cards of a batch 制卡: initialise, personalize, certificates, finish, verify.

    BATCH is the name that import gave. Each reader works by itself; finished cards of a deck go
    to its folder good, others to rejected. A card that is taken out too early may be put in
    again, at any reader. After an interruption run it again: it continues with the cards in
    work. With real keys an operator must sign in. Exit code 3 when a card or row was bad, a reader
    had to stop, or rows are left without a blank.
    """
    outcome = Outcome()
    with _interruptible(context, as_json), ExitStack() as stack:
        used = stack.enter_context(ExitStack())
        service = issuing_keys(used.enter_context(closing(open_keys(vault))))
        ledger = used.enter_context(open_ledger(ledger_file, service))
        profile = load(ledger.batch(name).profile)
        authority = issuing_authority(profile)
        again = retry_failed or lost or ledger.count(name, IN_WORK, 1)
        actors = signed_in(ledger, service, profile, "batch.resume" if again else "batch.run", name)
        take_up_again(ledger, name, failed=retry_failed, lost=lost, actors=actors)
        bar = stack.enter_context(progress(tr("制卡", "making cards"), waiting(ledger, name)))
        slots = [used.enter_context(closing(slot)) for slot in open_slots(readers, tell=bar.tell)]
        make = partial(Station, ledger=ledger, profile=profile, keys=service, habits=HabitBook())
        tallies, files = [Tally() for _ in slots], _traces(trace, slots, stack)
        stations = [
            make(slot, authority=authority, tally=tally, trace=file, on_card=lambda card: bar(1))
            for slot, tally, file in zip(slots, tallies, files, strict=True)
        ]
        work = partial(
            run_batch,
            stations,
            ledger,
            name,
            profile,
            service,
            authority=authority,
            bank=bank_source(profile, service, bank_data, bank_format),
        )
        failure: BaseException | None = None
        try:
            work(outcome=outcome, limit=limit, wait=wait, tell=bar.tell, actors=actors)
        except (Exception, KeyboardInterrupt) as error:
            failure = error
        if not all(station.idle.is_set() for station in stations):
            used.pop_all()  # a station that was left behind is still using them
        left = left_over(ledger, name)
        keep_done(context, outcome_json(outcome, left, sum(t.exchanges for t in tallies)))
        if failure is not None:
            say_outcome(outcome, left, stopped=isinstance(failure, SscardError))
            _say_other_errors(outcome, failure)
            raise failure
    _conclude(context, outcome, left, limit, as_json)


@contextmanager
def _interruptible(context: click.Context, as_json: bool) -> Iterator[None]:
    """Ctrl-C ends the command with its exit code, whatever is done at that moment."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        say(Text("已中断；再次运行即可继续", "interrupted; run it again to continue"))
        if as_json:
            print_json({**done_so_far(context), "interrupted_by_user": True})
        context.exit(_INTERRUPTED)


def _conclude(
    context: click.Context, outcome: Outcome, left: Left, limit: int | None, as_json: bool
) -> None:
    """Say how it ended, and set the exit code."""
    limited = outcome.good == limit
    if as_json:
        print_json(done_so_far(context))
    else:
        say_outcome(outcome, left, limited=limited)
    short = left.waiting and not limited
    if not outcome.clean or left.failed or short or missing(outcome, left):
        context.exit(common.SOME_REFUSED)


def _traces(trace: Path | None, slots: Sequence[Slot], stack: ExitStack) -> list[TextIO | None]:
    """One open file for each reader, numbered where there are several."""
    if trace is None:
        return [None] * len(slots)
    several = len(slots) > 1
    files = [
        trace.with_stem(f"{trace.stem}-{number}") if several else trace
        for number, _ in enumerate(slots, 1)
    ]
    for file in files:
        check_trace(file, "append")
    return [stack.enter_context(open_trace(file, "append")) for file in files]


def _say_other_errors(outcome: Outcome, raised: BaseException) -> None:
    """What went wrong at the other readers, each thing once; ``raised`` is told by the caller."""
    told = {str(raised)}
    for reader, error in outcome.errors:
        if str(error) not in told:
            told.add(str(error))
            words = error.render(common.language()) if isinstance(error, SscardError) else error
            say(Text(f"{reader}：{words}", f"{reader}: {words}"))
