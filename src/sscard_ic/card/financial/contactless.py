"""A contactless payment by one command pair: qPBOC (快速借贷记; ref 14 §9, 04 §8.3).

A terminal for tests, not a certified kernel.
"""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authorisation import APPROVED
from sscard_ic.card.financial.commands import NOT_NOW, BankRefused, UnusableCard
from sscard_ic.card.financial.contact import note_options, note_selection
from sscard_ic.card.financial.offline import Authentication, result_text
from sscard_ic.card.financial.online import Online, ask_bank, interrupted
from sscard_ic.card.financial.records import ApplicationData, Options, mask_pan
from sscard_ic.card.financial.running import Outcome, Running, TransactionResult
from sscard_ic.card.financial.steps import Transcript
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.card.financial.words import KIND_WORDS, joined, money, tvr_text
from sscard_ic.codec.pboc.bits import Aip, Ctq, Kind, Tsi, Ttq, Tvr, first_kind
from sscard_ic.codec.pboc.elements import number
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import TlvError
from sscard_ic.explain.bank_words import TTQ_WORDS
from sscard_ic.reader.errors import ReaderError

_QUALIFIERS = 0x9F66
_CARD_QUALIFIERS = 0x9F6C
_CRYPTOGRAM, _ISSUER_DATA, _COUNTER = 0x9F26, 0x9F10, 0x9F36
_AVAILABLE = 0x9F5D
_LOCATOR, _EXPIRY = 0x94, 0x5F24
_ACCOUNT = (0x5A, 0x57)
_ONE_YUAN = 100

CTQ_WORDS = {
    Ctq.ONLINE_PIN: Text("须联机 PIN", "online PIN required"),
    Ctq.SIGNATURE: Text("须签名", "signature required"),
    Ctq.ONLINE_AFTER_FDDA_FAILURE: Text("fDDA 失败则联机", "online if fDDA fails"),
    Ctq.OTHER_INTERFACE_AFTER_FDDA_FAILURE: Text(
        "fDDA 失败则改用接触口", "other interface if fDDA fails"
    ),
}


def contactless_transaction(
    card: FinancialCard,
    terminal: TerminalSettings,
    purchase: Purchase,
    online: Online | None,
    *,
    transcript: Transcript | None = None,
) -> TransactionResult:
    """Run a payment; the application is selected already, by its contactless face.

    Parameters and errors as of
    :func:`~sscard_ic.card.financial.contact.contact_transaction`. No ARPC and no script reach the
    card (ref 14 §9.9).
    """
    run = Running(card, terminal, purchase, transcript or Transcript(), path="contactless")
    try:
        return _run(run, online)
    except ReaderError as error:
        raise interrupted(run, error) from error


def _run(run: Running, online: Online | None) -> TransactionResult:
    qualifiers = _prepare(run)
    if qualifiers is None:
        return _other_interface(run, None)
    run.values[_QUALIFIERS] = int(qualifiers).to_bytes(4, "big")
    note_selection(run)
    if _QUALIFIERS not in run.card.info.list:
        text = Text("卡的 PDOL 不含 9F66", "the card's PDOL does not ask for 9F66")
        return _other_interface(run, text)
    try:
        options = run.card.get_processing_options(run.all_values())
    except BankRefused as refused:
        if refused.sw != NOT_NOW:
            raise
        text = Text("卡结束非接触交易（6985）", "the card ends the contactless payment (6985)")
        return _other_interface(run, text)
    note_options(run, options)
    if _CRYPTOGRAM not in options.values:
        raise UnusableCard(
            Text(
                "卡没有走 qPBOC 路径，终端没有请求其它路径",
                "the card did not take the qPBOC path, and no other was offered",
            )
        )
    run.kind = _noted_kind(run, options)
    _note_card_action(run)
    if run.kind == Kind.AAC or not _may_go_on(run, qualifiers):
        return _ended(run, "declined")
    return _finish_offline(run, online) if run.kind == Kind.TC else _finish_online(run, online)


def _may_go_on(run: Running, told: Ttq) -> bool:
    """Whether the card's answer is one to what the terminal demanded in 9F66 (ref 14 §9.2, §9.4).

    Otherwise its TC is left before a record is read, and the card takes its money back: an honest
    card does not answer so, whoever stands between it and the terminal may.
    """
    if run.kind == Kind.TC and told & Ttq.CRYPTOGRAM_REQUIRED:
        text = Text(
            "终端要求联机密文，卡却脱机批准：拒绝",
            "an online cryptogram was required, the card approves offline: declined",
        )
        run.step("terminal_action", text)
        return False
    named, can = _card_qualifiers(run.data), run.terminal.capabilities
    if named is None:
        # Without 9F6C it is the signature (ref 14 §9.9).
        verified = can.signature or not told & Ttq.CVM_REQUIRED
    elif named & Ctq.ONLINE_PIN:
        verified = can.online_pin and run.kind == Kind.ARQC
    elif named & Ctq.SIGNATURE:
        verified = can.signature
    else:
        verified = not told & Ttq.CVM_REQUIRED
    if not verified:
        run.tvr |= Tvr.CVM_FAILED
        text = Text(
            "卡要求的持卡人验证不满足终端的要求，或终端做不到",
            "the verification that the card names is none that the terminal wants and can do",
        )
        run.step("cardholder", text)
    return verified


def _prepare(run: Running) -> Ttq | None:
    """What the terminal says about itself; None: another interface is to be used (ref 14 §9.2)."""
    terminal, purchase = run.terminal, run.purchase
    can, amount = terminal.capabilities, purchase.amount
    found = Ttq.QPBOC | Ttq.FDDA_01 | Ttq.CONTACT_PBOC
    if not terminal.online_capable:
        found |= Ttq.OFFLINE_ONLY
    if can.online_pin:
        found |= Ttq.ONLINE_PIN
    if can.signature:
        found |= Ttq.SIGNATURE
    if amount >= terminal.contactless_limit:
        text = Text("金额达到非接触限额", "the amount reaches the contactless limit")
        run.step("preprocessing", text)
        return None
    if amount == 0 and not terminal.online_capable:
        text = Text("金额为 0，脱机终端终止", "amount 0 on an offline terminal")
        run.step("preprocessing", text)
        return None
    checked = terminal.status_check and amount == _ONE_YUAN
    over = amount > terminal.contactless_floor_limit
    if terminal.online_capable and (
        amount == 0 or over or checked or purchase.forced or terminal.online_only
    ):
        found |= Ttq.CRYPTOGRAM_REQUIRED
    if amount >= terminal.contactless_cvm_limit:
        found |= Ttq.CVM_REQUIRED
    said = joined(words for bit, words in TTQ_WORDS.items() if found & bit)
    total = money(amount)
    run.step(
        "preprocessing",
        Text(f"金额 {total.zh}", f"amount {total.en}"),
        Text(f"9F66 {int(found):08X}：{said.zh}", f"9F66 {int(found):08X}: {said.en}"),
    )
    return found


def _noted_kind(run: Running, options: Options) -> Kind:
    """The kind that the CVR of 9F10 tells, for there is no 9F27 (ref 14 §9.8)."""
    run.data.require((_COUNTER, _CRYPTOGRAM, _ISSUER_DATA))
    run.data.require_formats()
    try:
        kind = first_kind(IssuerData.parse(options.values[_ISSUER_DATA]).cvr)
    except (TlvError, ValueError):
        raise UnusableCard(
            Text("发卡行应用数据（9F10）格式不符", "9F10 on the card has another format")
        ) from None
    for tag in (_CRYPTOGRAM, _ISSUER_DATA, _COUNTER):
        run.values[tag] = options.values[tag]
    run.values[0x9F27] = bytes((kind << 6,))
    run.tsi |= Tsi.CARD_RISK
    if kind == Kind.TC:
        run.data.require((_LOCATOR,))
    return kind


def _note_card_action(run: Running, *more: Text) -> None:
    assert run.kind is not None
    words, counter = KIND_WORDS[run.kind], int.from_bytes(run.values[_COUNTER], "big")
    details = [
        Text(f"卡应答 {words.zh}，ATC {counter}", f"the card answers {words.en}, ATC {counter}")
    ]
    qualifiers = _card_qualifiers(run.data)
    if qualifiers is not None:
        said = joined(text for bit, text in CTQ_WORDS.items() if qualifiers & bit)
        raw = f"{int(qualifiers):04X}"
        details.append(Text(f"9F6C {raw}：{said.zh}", f"9F6C {raw}: {said.en}"))
    if _AVAILABLE in run.data:
        left = money(number(run.data[_AVAILABLE]))
        details.append(Text(f"可用脱机金额 {left.zh}", f"{left.en} are left for offline payments"))
    run.step("card_action", *details, *more)


def _card_qualifiers(data: ApplicationData) -> Ctq | None:
    # Of the answer to GPO alone: records are read after it was acted upon.
    value = data.options.values.get(_CARD_QUALIFIERS)
    return None if value is None else Ctq(int.from_bytes(value, "big"))


def _finish_offline(run: Running, online: Online | None) -> TransactionResult:
    """A TC: records, validity, fDDA (ref 14 §9.6, §9.9).

    The card takes its money back when the last record is not read; a card that is expired or
    refused is left before.
    """
    if not _read(run):
        return _ended(run, "declined")
    if not _authenticated(run):
        told = _card_qualifiers(run.data) or Ctq(0)
        if told & Ctq.ONLINE_AFTER_FDDA_FAILURE and run.terminal.online_capable:
            return _finish_online(run, online)
        if told & Ctq.OTHER_INTERFACE_AFTER_FDDA_FAILURE:
            return _other_interface(run, Text("fDDA 失败", "fDDA failed"))
        return _ended(run, "declined")
    qualifiers = _card_qualifiers(run.data)
    by_card = qualifiers is not None and bool(qualifiers & Ctq.SIGNATURE)
    _ask_signature(run, wanted=by_card or qualifiers is None)
    return _ended(run, "approved")


def _read(run: Running) -> bool:
    """The records; False for a card that is not accepted: its last record is not read.

    That record is the end of what can be known: what comes with it is checked after it, too.
    """
    records = [each for entry in run.data.options.locator for each in entry.records()]
    for sfi, record, signed in records:
        if (sfi, record, signed) == records[-1] and not _accepted(run):
            text = Text(
                "不读最后一条记录，卡将退回金额",
                "the last record is not read, and the card takes the money back",
            )
            run.step("records", text)
            return False
        raw = run.card.read_record(sfi, record)
        run.data = run.data.with_record(sfi, record, raw, signed=signed)
    run.data.require((_EXPIRY,))
    run.data.require_formats()
    run.step(
        "records",
        Text(f"卡号 {mask_pan(run.data.pan)}", f"PAN {mask_pan(run.data.pan)}"),
        Text(
            f"读完 {len(records)} 条记录：卡已完成扣款",
            f"all {len(records)} records read: the card keeps the payment",
        ),
    )
    return _accepted(run)


def _accepted(run: Running) -> bool:
    """Validity and exception file, as far as the card has told (ref 14 §9.6, §9.9)."""
    found, expires = Tvr(0), run.data.expires
    if expires is not None and run.purchase.at.date() > expires:
        found |= Tvr.EXPIRED
    if any(tag in run.data for tag in _ACCOUNT) and run.data.pan in run.terminal.refused:
        found |= Tvr.EXCEPTION_FILE
    if found:
        run.tvr |= found
        run.step("restrictions", tvr_text(found))
    return not found


def _authenticated(run: Running) -> bool:
    if not run.data.aip & Aip.DDA:
        run.tvr |= Tvr.OFFLINE_DATA_NOT_PERFORMED
        run.step(
            "offline_authentication",
            Text("卡不支持 DDA，按失败处理", "the card has no DDA, which counts as failed"),
        )
        return False
    checks = Authentication(run.data, run.terminal, run.purchase.at.date())
    counter = run.card.model.settings.fdda_counter
    run.offline = checks.check_fast(run.all_values(), counter=counter)
    run.tsi |= Tsi.OFFLINE_DATA
    if not run.offline.passed:
        run.tvr |= Tvr.DDA_FAILED
    run.step("offline_authentication", result_text(run.offline))
    return run.offline.passed


def _finish_online(run: Running, online: Online | None) -> TransactionResult:
    """The bank decides; the card may be gone by now (ref 14 §9.7, §9.9)."""
    qualifiers = _card_qualifiers(run.data)
    if qualifiers is not None and qualifiers & Ctq.ONLINE_PIN:
        if run.purchase.pin is None:
            run.step("cardholder", Text("须联机 PIN，未输入", "a PIN is needed, none was entered"))
            run.tvr |= Tvr.PIN_NOT_ENTERED
            return _ended(run, "declined")
        run.tvr |= Tvr.ONLINE_PIN
        text = Text("PIN 由发卡行核对", "the bank checks the PIN")
        run.step("cardholder", text)
    elif qualifiers is None or qualifiers & Ctq.SIGNATURE:
        _ask_signature(run, wanted=True)
    if not run.terminal.online_capable or not ask_bank(run, online, contactless=True):
        return _ended(run, "declined")
    assert run.response is not None
    return _ended(run, "approved" if run.response.code == APPROVED else "declined")


def _ask_signature(run: Running, *, wanted: bool) -> None:
    if wanted and run.terminal.capabilities.signature:
        run.signature = True
        run.step("cardholder", Text("持卡人须签名", "the holder has to sign"))


def _other_interface(run: Running, why: Text | None) -> TransactionResult:
    text = Text("请改用接触方式", "use the contact interface")
    run.step("result", *((why, text) if why else (text,)))
    return run.result("other_interface")


def _ended(run: Running, outcome: Outcome) -> TransactionResult:
    approved = outcome == "approved"
    run.step("result", Text("交易批准", "approved") if approved else Text("交易拒绝", "declined"))
    return run.result(outcome)
