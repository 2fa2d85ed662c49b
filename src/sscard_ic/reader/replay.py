"""A recorded session as a connection: the card answers again what it answered then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from sscard_ic.apdu.masked import Masked, hidden_text
from sscard_ic.apdu.redaction import HEADER
from sscard_ic.apdu.trace import Answer, Closed, Event, Exchange, NoAnswer, Opened, Reset, parse
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.reader import errors
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.trace_file import read_trace


class ReplayError(ReaderError):
    """The recording holds no answer to what was asked, or not in this place."""

    kind = "replay"


_CLASSES: dict[str, type[ReaderError]] = {
    each.kind: each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, ReaderError)
}
_WORDS = {
    errors.NoService.kind: Text("PC/SC 服务未运行", "the PC/SC service does not run"),
    errors.NoReader.kind: Text("没有读写器", "there is no reader"),
    errors.NoCard.kind: Text("读写器中没有卡", "there is no card in the reader"),
    errors.ReaderBusy.kind: Text("被其他程序占用", "another program holds the reader"),
    errors.MuteCard.kind: Text("卡没有应答", "the card gave no answer"),
    errors.CardRemoved.kind: Text("卡被取出", "the card was removed"),
    errors.CardWasReset.kind: Text("卡被其他程序复位", "another program reset the card"),
}
"""What can happen in a session; the other kinds happen before one begins."""

_RECORD_ALL = Text(
    "用 sscard trace record --with-secrets 记录完整会话，或用 --tolerant 重放（隐藏处按 00）",
    "record all of it with sscard trace record --with-secrets, "
    "or replay with --tolerant, which gives 00 for what is hidden",
)
_TOLERATE = Text("用 --tolerant 重放可不按顺序", "--tolerant replays in any order")
_RANDOM = Text(
    "认证命令含随机数，每次不同：请用 --tolerant",
    "authentication commands hold random numbers, new ones each time: use --tolerant",
)
_RECORD_MORE = Text("重新记录此命令的会话", "record a session with this command")

_AUTHENTICATIONS = (0x82, 0x88)
"""EXTERNAL and INTERNAL AUTHENTICATE."""


class ReplayConnection:
    """The first session of a trace as a card.

    Strict: commands and resets come in the recorded order and are equal byte by byte, whatever
    hidden bytes are; an answer with hidden bytes is an error. Tolerant: the next equal command
    answers, or else the first one before it; authentications need only equal headers and lengths;
    hidden bytes of answers are 00. Those of the ATR are 00 in both. Whatever does not fit raises
    :class:`ReplayError`; recorded errors are raised again.
    """

    def __init__(self, events: Sequence[Event], *, where: str = "", tolerant: bool = False) -> None:
        self._where = where
        self._tolerant = tolerant
        self._opened, self._steps = _first_session(events, where)
        self._atr = b""
        self._at = 0
        self._reset_at(0)

    @property
    def atr(self) -> bytes:
        """Answer to the last reset, 00 where it is hidden."""
        return self._atr

    @property
    def protocol(self) -> TransmissionProtocol:
        """Transmission protocol of the recorded session."""
        return self._opened.protocol

    @property
    def hidden(self) -> bool:
        """Whether answers are hidden, which a tolerant replay gives as 00, and a strict one not."""
        outcomes = [step.outcome for step in self._steps if isinstance(step, Exchange)]
        return any(isinstance(each, Answer) and each.data.hidden for each in outcomes)

    @property
    def tolerant(self) -> bool:
        """Whether commands are taken in any order."""
        return self._tolerant

    def transmit(self, command: Secretive) -> bytes:
        """The recorded answer."""
        raw = command.reveal() if isinstance(command, Secret) else command
        place = self._find(raw) if self._tolerant else self._expect(raw)
        step = self._steps[place]
        assert isinstance(step, Exchange)
        outcome = step.outcome
        if outcome is None:
            self._fail(step.line, _CUT_OFF, _RECORD_MORE)
        self._at = place + 1
        if isinstance(outcome, NoAnswer):
            self._raise_recorded(outcome, step.line)
        if outcome.data.hidden and not self._tolerant:
            self._fail(
                step.line,
                Text(
                    f"记录已脱敏，不含命令 {_head(raw)} 的应答",
                    f"the recording is redacted: the answer to {_head(raw)} is hidden",
                ),
                _RECORD_ALL,
            )
        return outcome.data.filled() + outcome.sw.to_bytes(2, "big")

    def reset(self, cold: bool) -> bytes:
        """The recorded reset; tolerant: the next one, or the beginning of the session."""
        if self._tolerant:
            later = range(self._at, len(self._steps))
            place = next((n for n in later if isinstance(self._steps[n], Reset)), 0)
        else:
            place = self._at
            step = self._steps[place] if place < len(self._steps) else None
            if not isinstance(step, Reset) or step.cold != cold:
                self._differs(_COLD if cold else _WARM, None)
        self._reset_at(place)
        return self._atr

    def close(self) -> None:
        """Nothing to let go of."""

    def _reset_at(self, place: int) -> None:
        step = self._steps[place]
        assert isinstance(step, Reset)
        self._at = place + 1
        if isinstance(step.outcome, NoAnswer):
            self._raise_recorded(step.outcome, step.line)
        self._atr = step.outcome.filled() if step.outcome else b""

    def _expect(self, raw: bytes) -> int:
        """The next step, which must be this command."""
        step = self._steps[self._at] if self._at < len(self._steps) else None
        if not isinstance(step, Exchange) or not step.command.matches(raw):
            hint = None
            if isinstance(step, Exchange) and _same_authentication(step.command, raw):
                hint = _RANDOM
            self._differs(Text(f"命令 {_head(raw)}", f"command {_head(raw)}"), hint)
        return self._at

    def _find(self, raw: bytes) -> int:
        """The place of this command, from here on or else from the start."""
        places: list[int] = [*range(self._at, len(self._steps)), *range(self._at)]
        authentication: int | None = None
        for place in places:
            step = self._steps[place]
            if not isinstance(step, Exchange) or step.outcome is None:
                continue
            if step.command.matches(raw):
                return place
            if authentication is None and _same_authentication(step.command, raw):
                authentication = place
        if authentication is not None:
            return authentication
        # An invented status word would tell the program something about the card.
        self._fail(
            0,
            Text(f"记录中没有命令 {_head(raw)}", f"the recording holds no command {_head(raw)}"),
            _RECORD_MORE,
        )

    def _differs(self, came: Text, hint: Text | None) -> NoReturn:
        if self._at >= len(self._steps):
            last = self._steps[-1].line
            ended = Text(f"记录到此结束，而来的是{came.zh}", f"it ends here, but {came.en} came")
            self._fail(last, ended, hint or _RECORD_MORE)
        step = self._steps[self._at]
        recorded = _name(step)
        self._fail(
            step.line,
            Text(
                f"记录的是{recorded.zh}，而来的是{came.zh}"
                + ("，数据或长度不同" if recorded == came else ""),
                f"{recorded.en} was recorded, but {came.en} came"
                + (" with other data or another length" if recorded == came else ""),
            ),
            hint or _TOLERATE,
        )

    def _raise_recorded(self, failure: NoAnswer, line: int) -> NoReturn:
        words = failure_text(failure.kind)
        raise _CLASSES.get(failure.kind, ReaderError)(
            Text(f"记录中此处没有应答：{words.zh}", f"no answer, as recorded: {words.en}"),
            where=f"{self._where}:{line}",
        )

    def _fail(self, line: int, what: Text, hint: Text) -> NoReturn:
        raise ReplayError(what, where=f"{self._where}:{line}" if line else self._where, hint=hint)


_COLD, _WARM = Text("冷复位", "a cold reset"), Text("热复位", "a warm reset")
_CUT_OFF = Text("记录在此命令处中断", "the recording was cut off at this command")


def open_replay(path: Path, *, tolerant: bool = False) -> ReplayConnection:
    """The first session of the trace file ``path``, as a card.

    Raises :class:`InputError` with the line when the file is damaged or no trace, and
    :class:`OSError` when it cannot be read.
    """
    return ReplayConnection(parse(read_trace(path), str(path)), where=str(path), tolerant=tolerant)


def failure_text(kind: str) -> Text:
    """What happened in a recorded exchange without answer."""
    return _WORDS.get(kind, Text(kind, kind))


def _first_session(
    events: Sequence[Event], where: str
) -> tuple[Opened, tuple[Reset | Exchange, ...]]:
    opened = Opened()
    steps: list[Reset | Exchange] = []
    for event in events:
        if isinstance(event, Opened):
            if steps:
                break
            opened = event
        elif not isinstance(event, Closed):
            steps.append(event)
    if not steps or not isinstance(steps[0], Reset):
        raise InputError(
            Text("记录中没有卡", "the recording holds no card"),
            where=where,
            hint=Text(
                "记录应含复位行 R，例如 R cold 3B00",
                "a session begins with a reset, for example R cold 3B00",
            ),
        )
    return opened, tuple(steps)


def _same_authentication(command: Masked, raw: bytes) -> bool:
    """Whether both are an authentication with the same key, whatever their random numbers."""
    return (
        len(command) == len(raw)
        and command.head[:HEADER] == raw[:HEADER]
        and raw[1:2] in [bytes((ins,)) for ins in _AUTHENTICATIONS]
    )


def _name(step: Reset | Exchange) -> Text:
    if isinstance(step, Reset):
        return _COLD if step.cold else _WARM
    head = _head(step.command.head)
    return Text(f"命令 {head}", f"command {head}")


def _head(raw: bytes) -> str:
    """CLA INS P1 P2; bytes that are too few for a command might be anything, and are not shown."""
    return raw[:HEADER].hex().upper() if len(raw) >= HEADER else hidden_text(len(raw))
