"""A contact transaction: debit, electronic cash, and what the bank does to the card.

A terminal for tests, not a certified kernel: it goes the way of ref 14 §5-8, §11 with one PIN
entry, one language and no retries, and leaves out what a merchant's terminal has besides.
"""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authenticating import authenticate_card
from sscard_ic.card.financial.authorisation import APPROVED
from sscard_ic.card.financial.cardholder import verify_cardholder
from sscard_ic.card.financial.commands import NOT_NOW, BankRefused
from sscard_ic.card.financial.cryptograms import (
    cryptogram_words,
    first_cryptogram,
    second_cryptogram,
)
from sscard_ic.card.financial.online import (
    Online,
    ask_bank,
    authenticate_issuer,
    interrupted,
    run_scripts,
)
from sscard_ic.card.financial.records import MANDATORY_CONTACT, Options, mask_pan
from sscard_ic.card.financial.risk import (
    check_restrictions,
    decide,
    declined_offline,
    manage_risk,
)
from sscard_ic.card.financial.running import Running, TransactionResult
from sscard_ic.card.financial.steps import Transcript
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.card.financial.words import (
    KIND_WORDS,
    aip_text,
    code_text,
    money,
    tsi_text,
    tvr_text,
)
from sscard_ic.codec.pboc.bits import Kind, Ttq
from sscard_ic.reader.errors import ReaderError

_CASH_INDICATOR, _QUALIFIERS = 0x9F7A, 0x9F66
_CODE = 0x8A
_APPROVALS = (APPROVED, b"10", b"11")


def contact_transaction(
    card: FinancialCard,
    terminal: TerminalSettings,
    purchase: Purchase,
    online: Online | None,
    *,
    transcript: Transcript | None = None,
) -> TransactionResult:
    """Run a transaction from GPO to the last script; the application is selected already.

    ``online`` asks the bank; without it the terminal cannot go online. ``transcript`` gets the
    steps as they go, also those of a transaction that ends with an error. Raises
    :class:`UnusableCard` and :class:`BankRefused` when the card answers what no terminal may go on
    with, :class:`ReaderError` when it is lost, :class:`Interrupted` when that happens after the
    bank has authorised: then the bank has to be told.
    """
    run = Running(card, terminal, purchase, transcript or Transcript())
    try:
        _begin(run)
        _run_debit(run, online)
    except ReaderError as error:
        raise interrupted(run, error) from error
    return _ended(run)


def _run_debit(run: Running, online: Online | None) -> None:
    """From the records to the last script, after GPO."""
    _read(run)
    authenticate_card(run)
    check_restrictions(run)
    verify_cardholder(run)
    manage_risk(run)
    asked = decide(run)
    got = first_cryptogram(run, asked)
    if got == Kind.ARQC:
        _complete(run, online)
    elif got == Kind.AAC and run.purchase.service == "unblock" and ask_bank(run, online):
        # A blocked application gives nothing but an AAC; its bank takes that (ref 14 §5.7).
        run_scripts(run, before_second=False)


def _begin(run: Running) -> None:
    """Selection is done; GPO, on to the next application where the card refuses it."""
    cash = _wants_cash(run)
    run.values[_CASH_INDICATOR] = b"\x01" if cash else b"\x00"
    if run.card.interface == "contactless":
        wanted = Ttq.CONTACTLESS_PBOC | Ttq.ONLINE_PIN | Ttq.SIGNATURE
        run.values[_QUALIFIERS] = int(wanted).to_bytes(4, "big")
    while True:
        note_selection(run)
        run.told = [run.card.info.list.join(run.all_values())]
        try:
            options = run.card.get_processing_options(run.all_values())
        except BankRefused as refused:
            if refused.sw != NOT_NOW or not run.card.select_next():
                raise
            run.step(
                "options",
                Text("卡不允许此应用（6985），改用下一个", "refused (6985): the next application"),
            )
            continue
        break
    note_options(run, options, cash=cash)


def note_selection(run: Running) -> None:
    """The step of a selection."""
    info = run.card.info
    details = [
        Text(
            f"{info.aid.hex().upper()} {info.label}，优先级 {info.priority}",
            f"{info.aid.hex().upper()} {info.label}, priority {info.priority}",
        )
    ]
    others = len(run.card.candidates()) - 1
    if others > 0:
        details.append(Text(f"另有 {others} 个候选应用", f"{others} more candidates"))
    if info.blocked:
        details.append(Text("应用已锁定（6283）", "the application is blocked (6283)"))
    run.step("selection", *details)


def note_options(run: Running, options: Options, *, cash: bool = False) -> None:
    """The step of GPO."""
    run.data = run.card.application_data(options)
    wanted = ", ".join(f"{tag:X}" for tag, _ in run.card.info.list) or "-"
    details = [Text(f"卡要求的数据：{wanted}", f"asked for by the card: {wanted}")]
    if cash:
        details.append(
            Text("终端请求电子现金（9F7A = 01）", "electronic cash asked for (9F7A = 01)")
        )
    details.append(aip_text(options.aip))
    if options.locator:
        files = ", ".join(
            f"SFI {each.sfi}: {each.first}" + (f"-{each.last}" if each.last > each.first else "")
            for each in options.locator
        )
        details.append(Text(f"记录 {files}", f"records {files}"))
    run.step("options", *details)


def _wants_cash(run: Running) -> bool:
    """Whether a payment is made with electronic cash where the card can (ref 14 §8.1)."""
    purchase, terminal = run.purchase, run.terminal
    limit = terminal.floor_limit if terminal.cash_limit is None else terminal.cash_limit
    allowed = purchase.electronic_cash and not purchase.forced
    return allowed and not purchase.cash and not purchase.other and purchase.amount < limit


def _read(run: Running) -> None:
    run.data = run.card.read_records(run.data.options)
    run.data.require(MANDATORY_CONTACT)
    run.data.require_formats()
    # Only a card that was asked for electronic cash may take this for such a transaction.
    asked = run.values[_CASH_INDICATOR] == b"\x01" and _CASH_INDICATOR in run.card.info.list
    if asked and run.data.cash:
        run.path = "cash"
    details = [
        Text(f"卡号 {mask_pan(run.data.pan)}", f"PAN {mask_pan(run.data.pan)}"),
        Text(f"数据 {len(run.data.values)} 项", f"{len(run.data.values)} data objects"),
    ]
    if run.path == "cash":
        details.append(
            Text("有 9F74：按电子现金交易处理", "9F74 is there: an electronic cash transaction")
        )
    run.step("records", *details)


def _complete(run: Running, online: Online | None) -> None:
    """Online processing and the second cryptogram (ref 14 §5.5-5.7)."""
    may = run.terminal.online_capable and not run.unsigned
    reached = may and ask_bank(run, online)
    if reached:
        authenticate_issuer(run)
        run_scripts(run, before_second=True)
    asked = _second_kind(run, reached=reached)
    run.approving = reached and asked == Kind.TC
    kind = second_cryptogram(run, asked)
    run.approving = False
    wanted = KIND_WORDS[asked]
    run.step(
        "completion",
        code_text(run.values[_CODE]),
        Text(f"终端请求 {wanted.zh}", f"the terminal asks {wanted.en}"),
        *cryptogram_words(run, kind),
    )
    if reached:
        run_scripts(run, before_second=False)


def _second_kind(run: Running, *, reached: bool) -> Kind:
    if reached:
        approved = run.values[_CODE] in _APPROVALS
        return Kind.TC if approved else Kind.AAC
    declined = run.unsigned or declined_offline(run)
    run.values[_CODE] = b"Z3" if declined else b"Y3"
    return Kind.AAC if declined else Kind.TC


def _ended(run: Running) -> TransactionResult:
    """The last step, and the result."""
    approved = run.kind == Kind.TC and not run.unsigned
    outcome = Text("交易批准", "approved") if approved else Text("交易拒绝", "declined")
    details = [outcome, tvr_text(run.tvr), tsi_text(run.tsi)]
    if run.path == "cash" and approved and run.response is None:
        spent = money(run.purchase.amount)
        details.append(Text(f"电子现金扣款 {spent.zh}", f"{spent.en} of electronic cash are spent"))
    if run.signature and approved:
        details.append(Text("持卡人须签名", "the holder has to sign"))
    run.step("result", *details)
    return run.result("approved" if approved else "declined")
