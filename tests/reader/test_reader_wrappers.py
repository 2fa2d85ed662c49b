"""Wrappers by transcript: exact commands and answers of a scripted card."""

from __future__ import annotations

import io

import pytest

from sscard_ic.apdu import Command, iso
from sscard_ic.base import Secret
from sscard_ic.base.secret import Secretive
from sscard_ic.reader import Tally, open_session
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.trace import TraceWriter


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


def test_trace_shows_no_data_and_no_secret() -> None:
    script = Script(
        ("00A4020002EF05", "9000"),
        ("00B2010412", "0110510000D1560000050000000131313131" + "9000"),
        ("0020000003123456", "63C2"),
        ("00DC02040A090841414141414141", "9000"),
    )
    out = io.StringIO()
    trace = TraceWriter(script, out)
    trace.transmit(bytes.fromhex("00A4020002EF05"))
    trace.transmit(bytes.fromhex("00B2010412"))
    trace.transmit(Secret(bytes.fromhex("0020000003123456")))
    trace.transmit(bytes.fromhex("00DC02040A090841414141414141"))
    trace.reset(cold=False)
    lines = out.getvalue().splitlines()
    assert lines[0] == "R cold 3B6D000000814842428653 ‹6 bytes›"
    assert lines[1] == "> 00A4020002EF05"
    assert lines[4].startswith("< ‹18 bytes› 9000 ")
    assert lines[5] == "> 00200000 ‹3 bytes›"
    assert lines[7] == "> 00DC0204 ‹9 bytes›"
    assert lines[9].startswith("R warm ")
    for secret in ("123456", "4141", "D156"):
        assert secret not in out.getvalue()
