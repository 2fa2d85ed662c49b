"""The part of a transaction that the bank takes part in: request, answer, scripts.

Source: ref 14 §5.5-5.7, §11, 04 §3.4.
"""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu import ApduError, Command, pboc
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    BankUnreachable,
    Confirmation,
    IssuerScript,
    ScriptResult,
)
from sscard_ic.card.financial.running import Running, confirmation_of
from sscard_ic.card.financial.words import code_text
from sscard_ic.codec.pboc.bits import Aip, Tsi, Tvr
from sscard_ic.reader.errors import ReaderError

Online = Callable[[AuthorisationRequest], AuthorisationResponse]
"""Asks the bank; raises :class:`BankUnreachable` when it does not answer."""

_OF_THE_CARD = (0x82, 0x84, 0x5F34, 0x9F08, 0x9F63, 0x9F74)
_OF_THE_TERMINAL = (
    *(0x9F37, 0x95, 0x9A, 0x9C, 0x9F02, 0x9F03, 0x5F2A, 0x9F1A, 0x9F33, 0x9F34, 0x9F35),
    *(0x9F1E, 0x9F09, 0x98),
)
_OF_THE_CRYPTOGRAM = (0x9F26, 0x9F27, 0x9F10, 0x9F36)
_CODE, _AUTHENTICATION_DATA = 0x8A, 0x91


class Interrupted(CardError):
    """The card was lost after the bank had authorised: the bank has to be told.

    ``confirmation`` is what can be told: a script whose answer was lost is ``unknown`` in it. None:
    nobody but the card knows whether the transaction took place, and the bank is told nothing.
    """

    def __init__(
        self, request: AuthorisationRequest, confirmation: Confirmation | None, cause: ReaderError
    ) -> None:
        super().__init__(
            Text(
                f"发卡行已授权，交易却中断：{cause.what.zh}",
                f"the transaction broke off after the bank had authorised it: {cause.what.en}",
            ),
            where=cause.where,
            hint=Text(
                "重新放入同一张卡，再读余额，与发卡行核对",
                "insert the same card again, read its balance, and compare it with the bank",
            ),
        )
        self.request = request
        self.confirmation = confirmation


def ask_bank(run: Running, online: Online | None, *, contactless: bool = False) -> bool:
    """Ask the bank; False when it cannot be reached."""
    values = {**run.all_values(), 0x95: int(run.covered_tvr).to_bytes(5, "big")}
    tags = (*_OF_THE_CRYPTOGRAM, *_OF_THE_TERMINAL, *_OF_THE_CARD)
    with_pin = bool(run.tvr & Tvr.ONLINE_PIN) or contactless
    run.request = AuthorisationRequest(
        run.data.pan,
        run.data.sequence,
        {tag: values[tag] for tag in tags if tag in values},
        run.purchase.service,
        contactless,
        run.purchase.pin if with_pin else None,
    )
    if online is None:
        run.step("online", Text("终端没有联机", "the terminal is not online"))
        return False
    try:
        run.response = online(run.request)
    except BankUnreachable as error:
        what = error.what
        run.step(
            "online",
            Text(f"发卡行没有应答：{what.zh}", f"the bank did not answer: {what.en}"),
        )
        return False
    run.values[_CODE] = run.response.code
    run.step("online", *_answer_words(run.response))
    return True


def authenticate_issuer(run: Running) -> None:
    """EXTERNAL AUTHENTICATE with the bank's answer, where there is something to check."""
    response = run.response
    assert response is not None
    if not response.authentication:
        return
    run.values[_AUTHENTICATION_DATA] = response.authentication
    if not run.data.aip & Aip.ISSUER_AUTHENTICATION:
        # The card takes tag 91 by its CDOL2, if at all.
        return
    answer = run.card.ask(pboc.external_authenticate(response.authentication))
    run.tsi |= Tsi.ISSUER_AUTHENTICATION
    if answer.sw == 0x9000:
        text = Text("卡接受 ARPC：应答确实来自发卡行", "the card accepts the ARPC of its bank")
    else:
        run.tvr |= Tvr.ISSUER_AUTHENTICATION_FAILED
        text = Text(f"卡不接受 ARPC（{answer.sw}）", f"the card refuses the ARPC ({answer.sw})")
    run.step("issuer_authentication", text)


def run_scripts(run: Running, *, before_second: bool) -> None:
    """The scripts of one template, each up to its first command that fails (ref 14 §5.7)."""
    response = run.response
    assert response is not None
    scripts = [each for each in response.scripts if each.before_second == before_second]
    if not scripts:
        return
    run.tsi |= Tsi.SCRIPT
    details: list[Text] = []
    for script in scripts:
        result = _run_script(run, script, details)
        run.scripts.append(result)
        if result.outcome != "done":
            failed = Tvr.SCRIPT_FAILED_BEFORE if before_second else Tvr.SCRIPT_FAILED_AFTER
            run.tvr |= failed
    run.step("script_before" if before_second else "script_after", *details)


def _run_script(run: Running, script: IssuerScript, details: list[Text]) -> ScriptResult:
    for number, raw in enumerate(script.commands, 1):
        name = _command_words(raw)
        try:
            command = Command.parse(raw)
        except ApduError:
            details.append(Text(f"命令 {number} 格式不符", f"command {number} is no command"))
            return ScriptResult(script.identifier, "failed", number)
        try:
            sw = run.card.ask(command).sw
        except ReaderError:
            run.scripts.append(ScriptResult(script.identifier, "unknown", number))
            raise
        details.append(Text(f"命令 {number}（{name}）：{sw}", f"command {number} ({name}): {sw}"))
        if sw >> 8 not in (0x90, 0x62, 0x63):
            return ScriptResult(script.identifier, "failed", number)
    return ScriptResult(script.identifier, "done")


def interrupted(run: Running, cause: ReaderError) -> ReaderError | Interrupted:
    """What is raised for a lost card: more than the loss itself where the bank has authorised."""
    if run.request is None or run.response is None:
        return cause
    done = {each.identifier for each in run.scripts}
    left = [
        ScriptResult(each.identifier, "not_run")
        for each in run.response.scripts
        if each.identifier not in done
    ]
    results = (*run.scripts, *left)
    if run.approving and not results:
        return Interrupted(run.request, None, cause)
    kind = None if run.approving else run.kind
    return Interrupted(run.request, confirmation_of(kind, run.values, results), cause)


def _answer_words(response: AuthorisationResponse) -> list[Text]:
    words = [code_text(response.code)]
    if response.authentication:
        words.append(Text("有发卡行认证数据（91）", "with issuer authentication data (91)"))
    count = sum(len(each.commands) for each in response.scripts)
    if count:
        words.append(Text(f"有脚本命令 {count} 条", f"with {count} script commands"))
    return words


_COMMANDS = {
    0x16: "CARD BLOCK",
    0x18: "APPLICATION UNBLOCK",
    0x1E: "APPLICATION BLOCK",
    0x24: "PIN CHANGE/UNBLOCK",
    0xDA: "PUT DATA",
    0xDC: "UPDATE RECORD",
}


def _command_words(raw: bytes) -> str:
    if len(raw) < 4:
        return raw.hex().upper()
    name = _COMMANDS.get(raw[1], f"{raw[1]:02X}")
    return f"{name} {raw[2:4].hex().upper()}" if raw[1] == 0xDA else name
