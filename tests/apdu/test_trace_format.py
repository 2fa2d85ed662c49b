"""The text of traces: written, read, cut off and damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.apdu import StatusWord
from sscard_ic.apdu.masked import LONGEST, Masked
from sscard_ic.apdu.trace import (
    Answer,
    Closed,
    Damage,
    Event,
    Exchange,
    NoAnswer,
    Opened,
    Reset,
    command_line,
    parse,
    scan,
    write,
)
from sscard_ic.base import InputError

DOCUMENT = Path(__file__).parents[2] / "docs" / "trace-format.md"

_part = st.one_of(st.binary(max_size=12), st.integers(0, 400))
_masked = st.lists(_part, max_size=3).map(lambda parts: Masked.of(*parts))
_microseconds = st.integers(0, 10**9)
_no_answer = st.builds(
    NoAnswer, st.sampled_from(["mute", "no card", "reset by another program"]), _microseconds
)
_answer = st.builds(Answer, _masked, st.integers(0, 0xFFFF).map(StatusWord), _microseconds)
_words = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=20)
_opened = st.builds(
    Opened,
    _words.map(lambda text: " ".join(text.split())),
    st.just("2026-11-21T08:00:00Z"),
    st.sampled_from(["T=0", "T=1"]),
    st.booleans(),
    st.just("sscard-ic 0.1.0"),
)
_atr = _masked.filter(lambda masked: bool(masked.parts))
_powered = st.builds(Reset, st.just(True), _atr)
_step = st.one_of(
    st.builds(Exchange, _masked, st.one_of(_answer, _no_answer)),
    st.builds(Reset, st.booleans(), st.one_of(st.none(), _atr, _no_answer)),
)


@st.composite
def _sessions(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = [draw(_opened), draw(_powered), *draw(st.lists(_step, max_size=4))]
    if draw(st.booleans()):
        events.append(Exchange(draw(_masked), None))
    if draw(st.booleans()):
        events.append(Closed())
    return events


_events = st.lists(_sessions(), min_size=1, max_size=2).map(
    lambda sessions: [event for session in sessions for event in session]
)

SMALL = b"# sscard trace 1\nR cold 3B00\n"


def what(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse(content, "file")
    assert caught.value.hint is not None
    return str(caught.value).splitlines()[0]


@given(_events)
def test_what_was_written_is_read(events: list[Event]) -> None:
    text = write(events)
    assert parse(text.encode(), "file") == events
    assert parse(text.replace("\n", "\r\n").encode("utf-8-sig"), "file") == events


@given(_events, st.data())
def test_a_file_may_be_cut_at_any_byte(events: list[Event], data: st.DataObject) -> None:
    content = write(events).encode()
    cut = content[: data.draw(st.integers(len("# sscard trace 1"), len(content)))]
    read = parse(cut, "file")
    # The last one may lack its answer or a part of its header; all before it are whole.
    assert read[:-1] == events[: len(read) - 1]


@given(_events, st.data())
def test_a_file_that_ends_with_a_line_is_whole_up_to_it(
    events: list[Event], data: st.DataObject
) -> None:
    lines = write(events).splitlines(keepends=True)
    count = data.draw(st.integers(1, len(lines)))
    read = parse("".join(lines[:count]).encode(), "file")
    assert sum(line[0] in "RX>" for line in lines[:count]) == sum(
        not isinstance(event, Opened) for event in read
    )


@given(st.binary(max_size=300))
def test_any_bytes_after_the_first_line_are_events_or_damages(junk: bytes) -> None:
    for event in scan(SMALL + junk):
        assert event.line >= 1


def test_the_example_of_the_documentation() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    example = text.split("```text\n", 1)[1].split("```", 1)[0]
    opened, reset, select, code, version, verify, change, closed = parse(example.encode(), "docs")
    assert isinstance(opened, Opened)
    assert opened.reader == "Virtual PCD 00 00"
    assert isinstance(reset, Reset)
    assert isinstance(select, Exchange)
    assert select.outcome == Answer(Masked(), StatusWord(0x6118), 8214)
    assert isinstance(code, Exchange)
    shown = bytes.fromhex("0110210200D156000005")
    assert code.outcome == Answer(Masked.of(shown, 8), StatusWord(0x9000), 9118)
    assert isinstance(version, Exchange)
    assert isinstance(verify, Exchange)
    assert verify.command == Masked.of(bytes.fromhex("0020000003"), 3)
    assert isinstance(change, Exchange)
    assert change.outcome == NoAnswer("removed", 3007)
    assert closed == Closed()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (Masked.of(bytes.fromhex("00880000"), b"\x10", 16, b"\x08"), "> 00880000 ‹16 bytes› Le 08"),
        (Masked.of(bytes.fromhex("00D60000 00 0003"), 3, b"\x02\x00"),
         "> 00D60000 ‹3 bytes› Le 0200"),
        (Masked.of(bytes.fromhex("00D60000 00 012C"), 300), "> 00D60000 ‹300 bytes›"),
        (Masked.of(bytes.fromhex("00DC0104 06 0604"), 4), "> 00DC0104 0604 ‹4 bytes›"),
        # What a reader would complete in another way is written out.
        (Masked.of(bytes.fromhex("00D60000 00 0003"), 3), "> raw 00D60000000003 ‹3 bytes›"),
        (Masked.of(bytes.fromhex("00D60000 00 012C"), 300, b"\x00"),
         "> raw 00D6000000012C ‹300 bytes› 00"),
        (Masked.of(bytes.fromhex("0020000004"), 3), "> raw 0020000004 ‹3 bytes›"),
        (Masked.of(bytes.fromhex("0020000003"), 4), "> raw 0020000003 ‹4 bytes›"),
        (Masked.of(4, b"\x03\x01\x02\x03"), "> raw ‹4 bytes› 03010203"),
        (Masked(), ">"),
    ],
)  # fmt: skip
def test_how_commands_are_written(command: Masked, line: str) -> None:
    assert command_line(command) == f"{line}\n"
    (*_, exchange) = parse(SMALL + f"{line}\n".encode(), "file")
    assert exchange == Exchange(command, None)


def test_people_may_space_and_annotate() -> None:
    content = SMALL + (
        b"\n# version of the card: see below\n> 00 b2 03 2c 06\n\n"
        b"# protocol: none of the header any more\n<  03 04 32 2e 30 30   9000   1.000\n"
    )
    opened, reset, exchange = parse(content, "file")
    assert exchange == Exchange(
        Masked.of(bytes.fromhex("00B2032C06")),
        Answer(Masked.of(bytes.fromhex("0304322E3030")), StatusWord(0x9000), 1000),
    )
    assert (opened.line, reset.line, exchange.line) == (1, 2, 5)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"> 00A4020002EF0\n", "file:3: an odd number of hex digits"),
        (b"> 00A4 0200 02 EFGG\n", "file:3: neither hex digits nor ‹n bytes›"),
        ("> 00200000 ‹0 bytes›\n".encode(), "file:3: neither hex digits nor ‹n bytes›"),
        ("> raw ‹999999 bytes› ‹999999 bytes›\n".encode(), "file:3: more than 1000000 bytes"),
        ("> 002000 ‹3 bytes›\n".encode(), "file:3: a command with hidden data is its header"),
        ("> 00200000 ‹70000 bytes›\n".encode(), "file:3: a command with hidden data"),
        ("> 00200000 ‹300 bytes› Le 00\n".encode(), "file:3: a command with hidden data"),
        ("> 00200000 ‹3 bytes› Le \n".encode(), "file:3: neither hex digits"),
        ("> 00200000 ‹3 bytes› Le 000000\n".encode(), "file:3: a command with hidden data"),
        ("> 00200000 ‹3 bytes› Le ‹1 byte›\n".encode(), "file:3: a command with hidden data"),
        (b"> 00B00000 Le 08\n", "file:3: Le stands only after hidden data"),
        (b"> 00840000\n< 1.000\n", "file:4: an answer is data, status word and milliseconds"),
        (b"> 00840000\n< 9000\n", "file:4: an answer is data, status word and milliseconds"),
        (b"> 00840000\n< 900 1.000\n", "file:4: an answer is data, status word"),
        (b"> 00840000\n< 9000 1.0\n", "file:4: an answer is data, status word"),
        (b"> 00840000\n! 1.000\n", "file:4: a missing answer is its cause and milliseconds"),
        (b"< 9000 1.000\n", "file:3: an answer without a command"),
        (b"! mute 1.000\n", "file:3: an answer without a command"),
        (b"> 00840000\n> 00840000\n", "file:4: the command before this line has no answer"),
        (b"> 00840000\nR warm 3B00\n", "file:4: the command before this line has no answer"),
        (b"R cold\n< 9000 1.000\n", "file:4: an answer without a command"),
        (b"R tepid 3B00\n", "file:3: a reset is R cold or R warm"),
        (b"X\n> 00840000\n", "file:4: the session has ended"),
        (b"X marks the spot\n", "file:3: the end of a session is X"),
        (b"? 00\n", "file:3: unknown kind of line"),
        (b"# \xff\n", "file:3: not UTF-8 text"),
        (b"# sscard trace 2\nR cold 3B00\n", "file:3: unknown version 2 of the format"),
    ],
)
def test_damage_is_told_with_its_line(lines: bytes, expected: str) -> None:
    assert what(SMALL + lines).startswith(expected)


@pytest.mark.parametrize("mark", [b"<", b"!", b"R", b">", b"#", b""])
def test_long_lines_of_nothing_are_read_at_once(mark: bytes) -> None:
    """Spaces by the hundred thousand, which a careless pattern tries in every way."""
    *_, last = scan(SMALL + b"> 00\n" + mark + b" " * 200_000 + b"z\n")
    assert last.line in (3, 4)


def test_long_lines_of_bytes_are_read_at_once() -> None:
    """Every part is taken once, and none after the most that a command can have."""
    *_, long = scan(SMALL + b"> " + b"00 " * LONGEST + b"\n")
    assert isinstance(long, Exchange)
    assert len(long.command) == LONGEST
    *_, refused = scan(SMALL + b"> " + b"00 " * LONGEST + b"00 no hex digits\n")
    assert isinstance(refused, Damage)
    assert "more than 1000000 bytes" in refused.what.en


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "file:1: the file is empty"),
        (b" \n\n", "file:1: the file is empty"),
        (b"R cold 3B00\n", "file:1: no trace"),
        (b"\x89PNG\r\n\x1a\n" * 50, "file:1: no trace"),
        (b"# sscard", "file:1: no trace"),
        (b"# sscard trace 12\nR cold 3B00\n", "file:1: unknown version 12"),
        (b"# sscard trace 1\n# protocol: T=9\n", "file:2: wrong value of protocol: T=9"),
        (b"# sscard trace 1\n# redacted: perhaps\n", "file:2: wrong value of redacted"),
        (b"# sscard trace 1\n> 00840000\n", "file:2: no reset (R) before the first command"),
    ],
)
def test_files_that_are_no_traces(content: bytes, expected: str) -> None:
    assert what(content).startswith(expected)


def test_what_can_be_read_is_read_around_a_damage() -> None:
    content = SMALL + b"> 0084000008\n< 9000\n> 00840000Z8\n< 9000 1.000\n> 00A4\n< 6700 2.000\n"
    _, _, cut, first, second, whole = scan(content)
    assert cut == Exchange(Masked.of(bytes.fromhex("0084000008")), None)
    assert isinstance(first, Damage)
    assert isinstance(second, Damage)
    assert (first.line, second.line) == (4, 5)
    assert isinstance(whole, Exchange)
    assert whole.outcome == Answer(Masked(), StatusWord(0x6700), 2000)


def test_names_of_readers_stay_on_one_line() -> None:
    opened, _ = parse(
        write([Opened(reader="a\n> 00\udc80"), Reset(True, Masked.of(b";"))]).encode(), "f"
    )
    assert isinstance(opened, Opened)
    assert opened.reader == "a > 00"


def test_what_a_terminal_would_obey_is_neither_written_nor_read() -> None:
    escape = "ACME\x1b]0;title\x07 \x9b31m\u202e01"
    written = write([Opened(reader=escape, program=escape), Reset(True, Masked.of(b";"))])
    foreign = f"# sscard trace 1\n# reader: {escape}\n# program: {escape}\nR cold 3B\n"
    for text in (written, foreign):
        opened, _ = parse(text.encode(), "f")
        assert isinstance(opened, Opened)
        assert opened.reader == opened.program == "ACME ]0;title 31m 01"
    assert written.replace("\n", "").isprintable()
    for header in ("# protocol: \x1b[2J", "# redacted: \x1b[2J", "# sscard trace 1\x1b[2J"):
        told = what(f"# sscard trace 1\n{header}\n".encode())
        assert told.isprintable()
        assert "[2J" in told
