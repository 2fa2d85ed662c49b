"""The text format of traces: what it says, how it is written and read (docs/trace-format.md)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn

from sscard_ic.apdu.masked import Masked, MaskError
from sscard_ic.apdu.redaction import HEADER
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import InputError, Text

VERSION = "1"
_MAGIC = "# sscard trace "
_RAW, _LE = "raw ", " Le "


@dataclass(frozen=True, slots=True)
class Opened:
    """A session begins. ``started`` is UTC, ``protocol`` the one in use."""

    reader: str = ""
    started: str = ""
    protocol: Literal["T=0", "T=1"] = "T=0"
    redacted: bool = True
    program: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Data and status word, and the time until they came."""

    data: Masked
    sw: StatusWord
    microseconds: int


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A command or a reset failed; ``kind`` is that of the reader's error."""

    kind: str
    microseconds: int


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset and the ATR, None where there is none; the first of a session is its power-up."""

    cold: bool
    outcome: Masked | NoAnswer | None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command and its answer. None: the recording was cut off here."""

    command: Masked
    outcome: Answer | NoAnswer | None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Closed:
    """The session was closed."""

    line: int = field(default=0, compare=False)


Event = Opened | Reset | Exchange | Closed


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that cannot be read, and why."""

    line: int
    what: Text


# -- writing ---------------------------------------------------------------------------------


def opening_lines(opened: Opened) -> str:
    """The first lines of a session."""
    values = {
        "reader": opened.reader,
        "started": opened.started,
        "protocol": opened.protocol,
        "redacted": "yes" if opened.redacted else "no",
        "program": opened.program,
    }
    words = {key: _printable(value) for key, value in values.items()}
    header = "".join(f"# {key}: {value}\n" for key, value in words.items() if value)
    return f"{_MAGIC}{VERSION}\n{header}"


def reset_line(cold: bool, atr: Masked | None = None) -> str:
    """A reset with its ATR; without one, :func:`no_answer_line` follows."""
    return _line("R cold" if cold else "R warm", str(atr) if atr else "")


def command_line(command: Masked) -> str:
    """A command, which :func:`answer_line` or :func:`no_answer_line` follows."""
    return _line(">", command_text(command))


def command_text(command: Masked) -> str:
    """A command as hex digits; where data are hidden, Lc is left out and Le set apart."""
    if not command.hidden:
        return str(command)
    head = command.head
    extended = head[HEADER : HEADER + 1] == b"\x00"
    start = HEADER + (3 if extended else 1)
    size = int.from_bytes(head[HEADER:start], "big")
    le = command.cut(start + size, len(command))
    lengths_of_le = (0, 1) if not extended else (0, 2) if size > 0xFF else (2,)
    if len(head) >= start and size and len(le) in lengths_of_le and not le.hidden:
        data = command.cut(start, start + size)
        if len(data) == size:
            return f"{head[:HEADER].hex().upper()} {data}{f'{_LE}{le}' if le.parts else ''}"
    return f"{_RAW}{command}"


def answer_line(answer: Answer) -> str:
    """The answer to the last command."""
    return _line("<", str(answer.data), str(answer.sw), _milliseconds(answer.microseconds))


def no_answer_line(failure: NoAnswer) -> str:
    """The end of a command or reset that failed."""
    return _line("!", failure.kind, _milliseconds(failure.microseconds))


CLOSED_LINE = "X\n"


def write(events: Iterable[Event]) -> str:
    """The trace of ``events``."""
    return "".join(line for event in events for line in _lines(event))


def _lines(event: Event) -> Iterator[str]:
    match event:
        case Opened():
            yield opening_lines(event)
        case Reset(cold, Masked() as atr):
            yield reset_line(cold, atr)
        case Reset(cold):
            yield reset_line(cold)
        case Exchange():
            yield command_line(event.command)
        case Closed():
            yield CLOSED_LINE
    match event:
        case Exchange(_, Answer() as answer):
            yield answer_line(answer)
        case Exchange(_, NoAnswer() as failure) | Reset(_, NoAnswer() as failure):
            yield no_answer_line(failure)


def _printable(value: str) -> str:
    """One line of what can be shown: names of readers, and files, come from elsewhere."""
    return " ".join("".join(each if each.isprintable() else " " for each in value).split())


def _line(*words: str) -> str:
    return " ".join(word for word in words if word) + "\n"


def _milliseconds(microseconds: int) -> str:
    return f"{microseconds // 1000}.{microseconds % 1000:03d}"


# -- reading ---------------------------------------------------------------------------------


def is_trace(start: bytes) -> bool:
    """Whether a file that begins with ``start`` says that it is a trace."""
    return start.removeprefix(codecs.BOM_UTF8).startswith(_MAGIC.encode())


def parse(content: bytes, where: str) -> list[Event]:
    """All events of a trace file; ``where`` names it in errors.

    Raises :class:`InputError` at the first line that cannot be read.
    """
    events: list[Event] = []
    for event in scan(content):
        if isinstance(event, Damage):
            raise damage_error(event, where)
        events.append(event)
    return events


def damage_error(damage: Damage, where: str) -> InputError:
    """The error that a damaged line is."""
    return InputError(
        damage.what,
        where=f"{where}:{damage.line}",
        hint=Text(
            "格式说明见 docs/trace-format.md；可删去该行或重新记录",
            "the format is described in docs/trace-format.md; mend the line or record again",
        ),
    )


def scan(content: bytes) -> Iterator[Event | Damage]:
    """Every event of a trace file, and every line that cannot be read, in their order."""
    if not content.strip():
        yield Damage(1, Text("文件是空的", "the file is empty"))
        return
    scanner = _Scanner()
    for number, raw in enumerate(content.splitlines(keepends=True), 1):
        cut = not raw.endswith((b"\n", b"\r"))
        try:
            line = raw.decode("utf-8").lstrip("\ufeff").strip()
            # Of a line that was cut off nobody knows what is missing; those with a time are whole.
            if not (cut and line[:1] in ("R", ">")):
                yield from scanner.read(number, line)
        except (_WrongLine, UnicodeDecodeError) as error:
            if cut and number > 1:
                break
            what = error.what if isinstance(error, _WrongLine) else _NO_TEXT
            if not scanner.begun and what is _NO_TEXT:
                what = _NO_TRACE
            yield from scanner.give_up()
            yield Damage(number, what)
            if not scanner.begun:
                return
    yield from scanner.give_up()


_NO_TEXT = Text("不是 UTF-8 文本", "not UTF-8 text")
_NO_TRACE = Text(
    f"不是通信记录：首行应为 {_MAGIC}{VERSION}", f"no trace: its first line is {_MAGIC}{VERSION}"
)
_STATUS = re.compile(r"[0-9A-Fa-f]{4}")
_KIND = re.compile(r"[a-z]+( [a-z]+)*")
_MILLISECONDS = re.compile(r"([0-9]{1,12})\.([0-9]{3})")
_RESET = re.compile(r"R\s+(cold|warm)\b(.*)")
_HEADER_LINE = re.compile(r"#\s*(reader|started|protocol|redacted|program):(.*)")
_QUOTED = 20
"""Characters of a wrong header that its error quotes; of other lines it quotes none."""


class _WrongLine(Exception):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.what = Text(zh, en)


def _wrong(zh: str, en: str) -> NoReturn:
    raise _WrongLine(zh, en)


class _Scanner:
    """Takes lines; gives events as soon as they are whole."""

    def __init__(self) -> None:
        self.begun = False
        self._opened: Opened | None = None
        self._pending: Reset | Exchange | None = None
        self._powered = False
        self._closed = False
        self._damaged = False

    def read(self, number: int, line: str) -> Iterator[Event]:
        """The events that ``line`` completes."""
        if line.startswith(_MAGIC):
            yield from self.give_up()
            self._begin(number, _printable(line.removeprefix(_MAGIC)))
        elif not self.begun:
            raise _WrongLine(_NO_TRACE.zh, _NO_TRACE.en)
        elif line.startswith("#"):
            self._take_header(line)
        elif line:
            yield from self._give_header()
            yield from self._read_event(number, line)

    def give_up(self) -> Iterator[Event]:
        """What was begun and will not be completed."""
        yield from self._give_header()
        if self._pending is not None:
            yield self._pending
        self._pending, self._damaged = None, True

    def _begin(self, number: int, version: str) -> None:
        if version != VERSION:
            self.begun = False
            version = version[:_QUOTED]
            _wrong(
                f"不认识的记录版本 {version}（本程序读 {VERSION}）",
                f"unknown version {version} of the format; this program reads {VERSION}",
            )
        self.begun = True
        self._powered = self._closed = self._damaged = False
        self._opened = Opened(line=number)

    def _take_header(self, line: str) -> None:
        found = _HEADER_LINE.fullmatch(line)
        if found is None or self._opened is None:
            return
        key, value = found[1], _printable(found[2])
        match key, value:
            case "redacted", "yes" | "no":
                self._opened = replace(self._opened, redacted=value == "yes")
            case "protocol", "T=0" | "T=1" as protocol:
                self._opened = replace(self._opened, protocol=protocol)
            case "redacted" | "protocol", _:
                value = value[:_QUOTED]
                _wrong(f"{key} 的值不对：{value}", f"wrong value of {key}: {value}")
            case "reader", _:
                self._opened = replace(self._opened, reader=value)
            case "started", _:
                self._opened = replace(self._opened, started=value)
            case _:
                self._opened = replace(self._opened, program=value)

    def _give_header(self) -> Iterator[Event]:
        if self._opened is not None:
            yield self._opened
        self._opened = None

    def _read_event(self, number: int, line: str) -> Iterator[Event]:
        if line[0] not in "R><!X":
            _wrong("不认识的行", "unknown kind of line")
        if line[0] in "<!":
            yield from self._read_outcome(line)
            return
        if isinstance(self._pending, Exchange) and line != CLOSED_LINE.strip():
            _wrong("上一条命令没有应答", "the command before this line has no answer")
        if self._pending is not None:
            # A reset that gave no ATR, or a command during which the program was interrupted.
            yield self._pending
            self._pending = None
        if self._closed:
            _wrong("会话已经结束（X）", "the session has ended (X)")
        match line[0]:
            case "R":
                yield from self._read_reset(number, line)
            case ">":
                self._read_command(number, line[1:].strip())
            case _:
                if line != CLOSED_LINE.strip():
                    _wrong("结束行只有一个 X", "the end of a session is X and nothing else")
                self._closed = True
                yield Closed(number)

    def _read_reset(self, number: int, line: str) -> Iterator[Event]:
        found = _RESET.fullmatch(line)
        if found is None:
            _wrong("复位行应为 R cold|warm ATR", "a reset is R cold or R warm, and the ATR")
        atr = _masked(found[2].strip())
        reset = Reset(found[1] == "cold", atr if atr.parts else None, number)
        self._powered = True
        if reset.outcome is None:
            self._pending = reset
        else:
            yield reset

    def _read_command(self, number: int, text: str) -> None:
        if not self._powered and not self._damaged:
            _wrong("命令之前没有复位（R）", "no reset (R) before the first command")
        self._damaged = False
        self._pending = Exchange(_command(text), None, number)

    def _read_outcome(self, line: str) -> Iterator[Event]:
        outcome = _no_answer(line) if line[0] == "!" else _answer(line)
        pending, self._pending = self._pending, None
        match pending, outcome:
            case Exchange(), _:
                yield replace(pending, outcome=outcome)
            case Reset(), NoAnswer():
                yield replace(pending, outcome=outcome)
            case _ if not self._damaged:
                # After a damage, the line that asked may be the one that was damaged.
                _wrong("应答之前没有命令", "an answer without a command")


def _no_answer(line: str) -> NoAnswer:
    kind, time = _last_word(line[1:])
    microseconds = _microseconds(time)
    if microseconds is None or not _KIND.fullmatch(kind):
        _wrong(
            "无应答行应为：! 原因 毫秒，例如 ! removed 1.234",
            "a missing answer is its cause and milliseconds, for example: ! removed 1.234",
        )
    return NoAnswer(kind, microseconds)


def _answer(line: str) -> Answer:
    rest, time = _last_word(line[1:])
    data, status = _last_word(rest)
    microseconds = _microseconds(time)
    if microseconds is None or not _STATUS.fullmatch(status):
        _wrong(
            "应答应为：数据 状态字 毫秒，例如 < 9000 1.234",
            "an answer is data, status word and milliseconds, for example: < 9000 1.234",
        )
    return Answer(_masked(data), StatusWord(int(status, 16)), microseconds)


def _last_word(text: str) -> tuple[str, str]:
    """The text before its last word, and that word."""
    words = text.rsplit(maxsplit=1)
    return (words[0].strip(), words[1]) if len(words) == 2 else ("", text.strip())


def _microseconds(text: str) -> int | None:
    found = _MILLISECONDS.fullmatch(text)
    return None if found is None else int(found[1]) * 1000 + int(found[2])


def _masked(text: str) -> Masked:
    try:
        return Masked.parse(text)
    except MaskError as error:
        raise _WrongLine(error.what.zh, error.what.en) from error


def parse_command(text: str) -> Masked:
    """What :func:`command_text` wrote; raises :class:`MaskError`."""
    try:
        return _command(text)
    except _WrongLine as error:
        raise MaskError(error.what) from None


def _command(text: str) -> Masked:
    if text.startswith(_RAW):
        return _masked(text.removeprefix(_RAW))
    body, le, tail = text.partition(_LE)
    shown, expected = _masked(body), _masked(tail)
    if not shown.hidden:
        if le:
            _wrong("Le 只写在隐藏数据之后", "Le stands only after hidden data")
        return shown
    command = None
    if not expected.hidden and bool(le) == bool(expected.parts):
        header, data = shown.cut(0, HEADER), shown.cut(HEADER, len(shown))
        command = _assembled(header, data, expected.head)
    if command is None:
        _wrong(
            "隐藏的命令应为：4 字节命令头、数据、Le（一或两字节）",
            "a command with hidden data is its header of 4 bytes, the data, and Le of 1 or 2 bytes",
        )
    return command


def _assembled(header: Masked, data: Masked, le: bytes) -> Masked | None:
    """The command with the Lc that is left out in a trace; None when there is no such command."""
    size = len(data)
    extended = size > 0xFF or len(le) == 2
    if len(header.head) != HEADER or not data.hidden or size > 0xFFFF or len(le) > 2:
        return None
    if extended and len(le) == 1:
        return None
    lc = b"\x00" + size.to_bytes(2, "big") if extended else bytes((size,))
    return Masked.of(*header.parts, lc, *data.parts, le)
