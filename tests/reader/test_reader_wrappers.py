"""Wrappers by transcript: exact commands and answers of a scripted card."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest
from tests.support.plant import (
    FACTORY_SERIAL,
    INITIAL_PIN,
    NEW_PIN,
    ChipSlot,
    authority_of,
    import_rows,
    open_ledger,
)

from sscard_ic.apdu import Command, iso
from sscard_ic.apdu.trace import Closed, Exchange, NoAnswer, Opened, Reset, parse
from sscard_ic.base import FixedClock, Secret, Text
from sscard_ic.base.secret import Secretive
from sscard_ic.card import SocialSecurityCard
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.reader import Tally, open_session
from sscard_ic.reader.connection import Connection, TransmissionProtocol
from sscard_ic.reader.errors import CardRemoved, CardWasReset, ReaderError
from sscard_ic.reader.trace import Recording, TraceWriter
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank


class Script:
    """Answers exactly the expected commands, in hex."""

    atr = bytes.fromhex("3B6D000000814842428653210200000001")

    def __init__(self, *exchanges: tuple[str, str], protocol: TransmissionProtocol = "T=0") -> None:
        self._exchanges = list(exchanges)
        self.protocol: TransmissionProtocol = protocol

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        expected, answer = self._exchanges.pop(0)
        assert raw.hex().upper() == expected
        return bytes.fromhex(answer)

    def reset(self, cold: bool) -> bytes:
        return self.atr

    def close(self) -> None:
        assert not self._exchanges


def ask(script: Script, command: Command | Secret) -> str:
    session = open_session(script)
    answer = session.transmit(command if isinstance(command, Secret) else bytes(command))
    session.close()
    return answer.hex().upper()


def test_waiting_data_are_fetched_when_they_were_asked_for() -> None:
    script = Script(("00A404000100", "6104"), ("00C0000004", "6F0284009000"))
    assert ask(script, Command(0x00, 0xA4, 4, 0, b"\x00", 256)) == "6F0284009000"


def test_waiting_data_nobody_asked_for_cost_nothing() -> None:
    assert ask(Script(("00A404000100", "6104")), Command(0x00, 0xA4, 4, 0, b"\x00")) == "6104"


def test_waiting_data_in_two_parts() -> None:
    script = Script(
        ("00880000080102030405060708", "6102"),
        ("00C0000002", "AABB6101"),
        ("00C0000001", "CC9000"),
    )
    command = Command(0x00, 0x88, 0, 0, bytes(range(1, 9)), 8)
    assert ask(script, command) == "AABBCC9000"


def test_a_card_that_never_stops_answering_is_stopped() -> None:
    silent = Script(("00C0000001", "61FF"), ("00C00000FF", "61FF"), ("00C00000FF", "61FF"))
    assert open_session(silent).transmit(bytes(iso.get_response(1))).hex() == "61ff"
    endless = Script(("0088000001AA", "61FF"), *[("00C00000FF", "00" * 255 + "61FF")] * 400)
    command = Command(0x00, 0x88, 0, 0, b"\xaa", 8)
    answer = open_session(endless).transmit(bytes(command))
    assert 65536 < len(answer) < 66000


def test_a_wrong_length_is_corrected_once() -> None:
    script = Script(("00B2010400", "6C03"), ("00B2010403", "0201339000"))
    assert ask(script, iso.read_record(1)) == "0201339000"
    stubborn = Script(("00B2010400", "6C03"), ("00B2010403", "6C04"))
    assert ask(stubborn, iso.read_record(1)) == "6C04"


@pytest.mark.parametrize("answer", ["", "90"])
def test_an_answer_without_status_word(answer: str) -> None:
    with pytest.raises(ReaderError, match="fewer than a status word"):
        ask(Script(("0084000008", answer)), iso.get_challenge())


def test_t1_keeps_le_of_case_four() -> None:
    script = Script(("00A40400010000", "9000"), protocol="T=1")
    assert ask(script, Command(0x00, 0xA4, 4, 0, b"\x00", 256)) == "9000"


def test_a_secret_stays_a_secret_on_its_way() -> None:
    seen = []

    class Watching(Script):
        def transmit(self, command: Secretive) -> bytes:
            seen.append(type(command))
            return super().transmit(command)

    script = Watching(("0020000003123456", "9000"))
    assert ask(script, Secret(bytes.fromhex("0020000003123456"))) == "9000"
    assert seen == [Secret]


def test_tally_counts_what_is_on_the_wire() -> None:
    script = Script(("00B2010400", "6C03"), ("00B2010403", "0201339000"))
    tally = Tally()
    open_session(script, tally=tally).transmit(bytes(iso.read_record(1)))
    assert (tally.exchanges, tally.sent, tally.received) == (2, 10, 7)


@pytest.mark.parametrize(
    ("command", "answer", "t0_bytes", "t0_turns"),
    [
        (5, 2, 7, 1),  # case 1 or refused case 2
        (5, 2 + 18, 5 + 1 + 18 + 2, 1),  # case 2
        (5 + 20, 2, 5 + 1 + 20 + 2, 3),  # case 3
    ],
)
def test_bytes_of_an_exchange_on_t0(
    command: int, answer: int, t0_bytes: int, t0_turns: int
) -> None:
    """ref 08 §1.5."""
    tally = Tally()
    tally.add(command, answer)
    assert (tally.t0_bytes, tally.t0_turns) == (t0_bytes, t0_turns)


def test_wire_time_of_the_reference_session() -> None:
    """ref 08 §3: 16 exchanges reading EF05 and EF06 with exact Le, 280 bytes on T=0."""
    tally = Tally()
    tally.add(5 + 15, 2)
    for lengths in ((16, 1, 4, 12, 4, 4, 9), (18, 30, 1, 1, 3, 4)):
        tally.add(5 + 2, 2)
        for length in lengths:
            tally.add(5, length + 2 + 2)
    assert tally.exchanges == 16
    assert tally.t0_bytes == 280
    assert round(tally.milliseconds("t0-9600")) == 359
    assert round(tally.milliseconds("t0-115200")) == 30
    assert 10 < tally.milliseconds("contactless-424k") < 12


# -- traces ----------------------------------------------------------------------------------

CLOCK = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))


class Watch:
    """A timer on which every reading is 1.234567 ms after the one before."""

    def __init__(self) -> None:
        self._now = 0

    def __call__(self) -> int:
        self._now += 1_234_567
        return self._now


def traced(inner: Connection, *, with_secrets: bool = False) -> tuple[TraceWriter, io.StringIO]:
    out = io.StringIO()
    writer = TraceWriter(
        inner, out, reader="slot 1", with_secrets=with_secrets, clock=CLOCK, timer=Watch()
    )
    return writer, out


def test_trace_shows_no_data_and_no_secret() -> None:
    script = Script(
        ("00A4020002EF05", "9000"),
        ("00B2010412", "0110510000D1560000050000000131313131" + "9000"),
        ("0020000003123456", "63C2"),
        ("00DC0204090907414141414141" + "41", "9000"),
    )
    trace, out = traced(script)
    trace.transmit(bytes.fromhex("00A4020002EF05"))
    trace.transmit(bytes.fromhex("00B2010412"))
    trace.transmit(Secret(bytes.fromhex("0020000003123456")))
    trace.transmit(bytes.fromhex("00DC020409090741414141414141"))
    trace.reset(cold=False)
    trace.close()
    trace.close()
    assert out.getvalue() == (
        "# sscard trace 1\n"
        "# reader: slot 1\n"
        "# started: 2026-11-21T08:00:00Z\n"
        "# protocol: T=0\n"
        "# redacted: yes\n"
        f"# program: sscard-ic {metadata.version('sscard-ic')}\n"
        "R cold 3B6D000000814842428653 ‹6 bytes›\n"
        "> 00A4020002EF05\n"
        "< 9000 1.234\n"
        "> 00B2010412\n"
        "< 0110510000D156000005 ‹8 bytes› 9000 1.234\n"
        "> 00200000 ‹3 bytes›\n"
        "< 63C2 1.234\n"
        "> 00DC0204 0907 ‹7 bytes›\n"
        "< 9000 1.234\n"
        "R warm 3B6D000000814842428653 ‹6 bytes›\n"
        "X\n"
    )


def test_a_trace_with_secrets_has_everything() -> None:
    trace, out = traced(Script(("0020000003123456", "63C2")), with_secrets=True)
    trace.transmit(Secret(bytes.fromhex("0020000003123456")))
    assert out.getvalue().splitlines()[4:] == [
        "# redacted: no",
        f"# program: sscard-ic {metadata.version('sscard-ic')}",
        f"R cold {Script.atr.hex().upper()}",
        "> 0020000003123456",
        "< 63C2 1.234",
    ]


class Failing(Script):
    """Fails in its own way, whatever is asked."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def transmit(self, command: Secretive) -> bytes:
        raise self._error

    def reset(self, cold: bool) -> bytes:
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CardRemoved(Text("", "gone")), "removed"),
        (CardWasReset(Text("", "reset")), "reset by another program"),
        (ReaderError(Text("", "broken")), "reader"),
        (KeyboardInterrupt(), "other"),
    ],
)
def test_exchanges_and_resets_that_fail_are_recorded(error: BaseException, kind: str) -> None:
    trace, out = traced(Failing(error))
    with pytest.raises(type(error)):
        trace.transmit(bytes.fromhex("0084000008"))
    with pytest.raises(type(error)):
        trace.reset(cold=True)
    assert out.getvalue().splitlines()[-4:] == [
        "> 0084000008",
        f"! {kind} 1.234",
        "R cold",
        f"! {kind} 1.234",
    ]
    *_, exchange, reset = parse(out.getvalue().encode(), "trace")
    assert isinstance(exchange, Exchange)
    assert isinstance(reset, Reset)
    assert exchange.outcome == reset.outcome == NoAnswer(kind, 1234)


@pytest.mark.parametrize("answer", ["", "90"])
def test_an_answer_without_status_word_is_recorded_as_none(answer: str) -> None:
    trace, out = traced(Script(("0084000008", answer)))
    assert trace.transmit(bytes.fromhex("0084000008")).hex() == answer
    assert out.getvalue().splitlines()[-2:] == [
        f"# the answer had {len(answer) // 2} bytes, no status word",
        "! reader 1.234",
    ]
    *_, exchange = parse(out.getvalue().encode(), "trace")
    assert isinstance(exchange, Exchange)
    assert exchange.outcome == NoAnswer("reader", 1234)


def test_every_line_is_in_the_file_before_the_next_step(tmp_path: Path) -> None:
    """A program that is killed while the card works leaves the command it sent."""
    path = tmp_path / "a.trace"
    seen = []

    class Looking(Script):
        def transmit(self, command: Secretive) -> bytes:
            seen.append(path.read_text(encoding="utf-8").splitlines()[-1])
            return super().transmit(command)

    with path.open("w", encoding="utf-8") as out:
        trace = TraceWriter(Looking(("0084000008", "9000")), out)
        trace.transmit(bytes.fromhex("0084000008"))
        assert path.read_text(encoding="utf-8").splitlines()[-1].startswith("< 9000 ")
    assert seen == ["> 0084000008"]


def test_sessions_follow_each_other_in_one_stream() -> None:
    out = io.StringIO()
    for _ in range(2):
        session = open_session(Script(("0084000008", "9000")), trace=out, reader="slot 2")
        session.transmit(bytes(iso.get_challenge()))
        session.close()
    events = parse(out.getvalue().encode(), "trace")
    assert list(map(type, events)) == [Opened, Reset, Exchange, Closed] * 2
    assert [event.reader for event in events if isinstance(event, Opened)] == ["slot 2"] * 2


def test_a_recording_opens_its_file_with_the_first_session() -> None:
    opened: list[io.StringIO] = []

    def open_file() -> io.StringIO:
        opened.append(io.StringIO())
        return opened[-1]

    recording = Recording(open_file, with_secrets=True)
    recording.close()
    assert (opened, recording.sessions) == ([], 0)
    for _ in range(2):
        session = open_session(Script(("0084000008", "9000")), trace=recording, reader="slot 3")
        session.transmit(bytes(iso.get_challenge()))
    (out,) = opened
    assert (recording.sessions, recording.exchanges) == (2, 2)
    assert out.getvalue().count("# redacted: no\n") == 2
    assert out.getvalue().count("# reader: slot 3\n") == 2
    recording.close()
    assert out.closed


@pytest.mark.parametrize("region", ["dalian", "urumqi"])
def test_no_key_no_pin_and_no_person_in_the_trace_of_a_card(
    region: str, tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    """A card made, read with PIN and keys, and its PIN changed; compared with all that it holds."""
    profile, out = load(region), io.StringIO()
    chip = blank(profile, FACTORY_SERIAL)
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        prepare_batch(ledger, batch, profile, plant_vault)
        authority = authority_of(profile)
        station = Station(
            ChipSlot(chip), ledger, profile, plant_vault, authority=authority, trace=out
        )
        assert station.run(batch).good == 1
    session = open_session(VirtualConnection(chip), trace=out)
    card = SocialSecurityCard(session, profile, plant_vault)
    card.check_authenticity()
    card.verify_pin(INITIAL_PIN)
    card.read(list(profile.places))
    card.change_pin(INITIAL_PIN, NEW_PIN)
    trace = out.getvalue().replace(" ", "")
    assert f"0304{profile.structure.specification_version.encode().hex().upper()}" in trace
    held = private(chip)
    assert len(held) > 80
    assert [value for value in held if value in trace] == []


def private(chip: Chip) -> set[str]:
    """Everything on a chip that is a key, a PIN, or a value of holder or card, in hex."""
    found = {FACTORY_SERIAL.hex().upper(), INITIAL_PIN.reveal().hex(), NEW_PIN.reveal().hex()}
    for path, value in chip.persistent_state().items():
        raw = bytes.fromhex(value) if isinstance(value, str) and len(value) > 8 else b""
        if raw[3:5] == b"\xef\x33":  # header of a key record, ref 11 §5.3
            found.add(raw[8 : 8 + raw[7]].hex().upper())
        elif len(raw) > 255 or path == "chip/unique":
            found.add(raw[:16].hex().upper())
        elif len(raw) > 5 and raw[1] == len(raw) - 2 and raw[0] not in (0x03, 0x04, 0x05, 0x70):
            data = raw[2 + 8 * (raw[0] == 0x01) :].rstrip(b"\x00\xff ")
            if len(data) > 3:
                found.add(data.hex().upper())
    return found
