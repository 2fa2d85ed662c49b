"""Programs of others see the virtual card in a reader and use it (ref 09 §2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from tests.pcsc.conftest import Insert, Run
from tests.support.plant import Issued

from sscard_ic.simulator import Chip, VirtualCard
from sscard_ic.testing.service import PcscService, ReaderSlot

NAME = "7378312E73682EC9E7BBE1B1A3D5CF"
SSSE = f"00A404000F{NAME}"
VERIFY = "0020000003123456"
DF01 = "00A4000002DF01"
PIN_DOOR = "00B2012C00"
"""Record 1 of EF05: in DF01 it is read with the PIN only."""


class Recorder(VirtualCard):
    """A card that keeps what came over the wire, both directions in hex."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self.exchanges: list[tuple[str, str]] = []

    @property
    def atr(self) -> bytes:
        return self._chip.atr

    @property
    def protocol(self) -> Literal["T=0", "T=1"]:
        return self._chip.protocol

    @property
    def powered(self) -> bool:
        return self._chip.powered

    def power_on(self) -> bytes:
        return self._chip.power_on()

    def power_off(self) -> None:
        self._chip.power_off()

    def reset(self, cold: bool) -> bytes:
        return self._chip.reset(cold)

    def close(self) -> None:
        self._chip.close()

    def transmit(self, raw: bytes) -> bytes:
        answer = self._chip.transmit(raw)
        self.exchanges.append((raw.hex().upper(), answer.hex().upper()))
        return answer


def records_of(card: Issued) -> list[str]:
    """All records of EF05 of the SSSE, read in process, in hex."""
    card.chip.power_on()
    card.chip.transmit(bytes.fromhex(SSSE))
    found = []
    for number in range(1, 8):
        length = card.chip.transmit(bytes((0x00, 0xB2, number, 0x2C, 0)))[1]
        found.append(card.chip.transmit(bytes((0x00, 0xB2, number, 0x2C, length)))[:-2])
    card.chip.power_off()
    return [record.hex().upper() for record in found]


def spaced(data: str) -> str:
    return bytes.fromhex(data).hex(" ").upper()


def printed_bytes(text: str) -> str:
    """The hex column of a dump, in one piece."""
    lines = re.findall(r"^(?:[0-9a-f]{8}: )?((?:[0-9A-F]{2} )+)", text, re.MULTILINE)
    return "".join(lines).replace(" ", "")


class TestOpenscTool:
    def test_it_lists_the_reader_with_its_card(
        self,
        run: Run,
        insert: Insert,
        dalian_card: Issued,
        free_slots: Callable[..., list[ReaderSlot]],
    ) -> None:
        slot, empty = free_slots(2)
        insert(dalian_card.chip, slot)
        lines = run("opensc-tool", "--list-readers").splitlines()
        [line] = [line for line in lines if line.endswith(slot.name)]
        assert line.split()[1] == "Yes"
        [line] = [line for line in lines if line.endswith(empty.name)]
        assert line.split()[1] == "No"

    def test_it_shows_the_atr(
        self, run: Run, insert: Insert, urumqi_card: Issued, free_slot: ReaderSlot
    ) -> None:
        insert(urumqi_card.chip, free_slot)
        shown = run("opensc-tool", "--reader", free_slot.name, "--atr")
        assert bytes.fromhex(shown.strip().replace(":", "")) == urumqi_card.chip.atr

    def test_its_probing_for_other_cards_is_answered(
        self, run: Run, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
    ) -> None:
        """Item 1: a driver's commands come before ours, and ours work all the same."""
        record = records_of(dalian_card)[0]
        card = Recorder(dalian_card.chip)
        insert(card, free_slot)
        read = f"00B2012C{len(record) // 2:02X}"
        shown = run("opensc-tool", "--reader", free_slot.name, "-s", SSSE, "-s", read)
        assert printed_bytes(shown.partition("2C 12")[2]) == record
        probes = [answer for command, answer in card.exchanges if command not in (SSSE, read)]
        assert len(probes) > 30, "this version of opensc does not probe"
        assert {answer[-4:] for answer in probes} <= {"6A82", "6A86", "6D00", "6117"}

    def test_its_resets(
        self, run: Run, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
    ) -> None:
        """Item 2: what was proved falls with ``--reset``; the ATR is the same."""
        insert(dalian_card.chip, free_slot)
        tool = ("opensc-tool", "--reader", free_slot.name, "--card-driver", "default")
        proved = ("-s", SSSE, "-s", VERIFY, "-s", DF01, "-s", PIN_DOOR)
        assert "SW1=0x90" in run(*tool, *proved).partition("00 B2 01 2C")[2]
        for how in ("warm", "cold"):
            shown = run(*tool, f"--reset={how}", "--atr")
            assert dalian_card.chip.atr.hex(":") in shown
            unproved = run(*tool, "-s", SSSE, "-s", DF01, "-s", PIN_DOOR)
            assert "(SW1=0x69, SW2=0x82)" in unproved


def test_opensc_explorer_walks_and_reads(
    run: Run, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    expected = records_of(dalian_card)
    insert(dalian_card.chip, free_slot)
    script = f"info\ncd aid:{NAME}\ninfo\ncat sfi:5\napdu {SSSE}\napdu {VERIFY}\nquit\n"
    shown = run("opensc-explorer", "--reader", free_slot.name, given=script)
    root, _, application, dump, selected, verified = re.split(r"OpenSC \[.*?\]> ", shown)[1:7]
    assert "1PAY.SYS.DDF01" in root
    assert "sx1.sh." in application
    assert re.findall(r"Record (\d+):", dump) == [str(n) for n in range(1, 8)]
    assert printed_bytes(dump) == "".join(expected)
    assert "SW1=0x90, SW2=0x00" in selected
    assert "SW1=0x90, SW2=0x00" in verified


def test_pcsc_scan_sees_the_card(
    run: Run,
    insert: Insert,
    urumqi_card: Issued,
    free_slot: ReaderSlot,
    service: PcscService,
    removable_slots: tuple[ReaderSlot, ReaderSlot],
) -> None:
    """It watches one reader more than there are, and the service allows sixteen."""
    service.unplug(removable_slots[0].name)
    insert(urumqi_card.chip, free_slot)
    shown = run("pcsc_scan", "-n", "-t", "1")  # -n: no search for the ATR in the internet
    reader = shown.partition(f"Reader {_number(shown, free_slot)}: {free_slot.name}")[2]
    assert "Card inserted" in reader.splitlines()[2]
    assert f"ATR: {spaced(urumqi_card.chip.atr.hex())}" in reader.splitlines()[3]


def _number(shown: str, slot: ReaderSlot) -> str:
    [number] = re.findall(rf"^(\d+): {slot.name}$", shown, re.MULTILINE)
    return str(number)


# Items 3 to 7: what programs send, and what the card says on T=0. The answers themselves are
# tested without a reader; here they must come through unchanged.
SENT = [
    ("00A4040000", "6A82"),  # no name: the first command of every GlobalPlatform tool
    ("A0A40000023F00", "6E00"),  # GSM class
    ("00A40400077378312E73682E", "6118"),  # part of a name
    ("00A40402077378312E73682E", "6A82"),  # the next one: there is none
    (SSSE, "6118"),  # case 4 without Le
    (f"{SSSE}00", "6118"),
    ("00C0000018", "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E9000"),
    ("00B2052806", "9000"),  # Le is the length of the field
    ("00B2052800", "6C06"),
    ("00B2052807", "6C06"),
    ("00B2052805", "6C06"),
    ("00840000", "6700"),
    ("0084000008", "9000"),
]


def test_scriptor_gets_the_answers_of_the_card(
    run: Run, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    script = "\n".join(command for command, _ in SENT) + "\n"
    answers = _answers(run("scriptor", "-r", free_slot.name, given=script))
    for (command, expected), answer in zip(SENT, answers, strict=True):
        assert answer.endswith(expected), command
        if expected[0] == "6":
            assert answer == expected, command


def test_scriptor_resets_the_card(
    run: Run, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    opened, closed = [SSSE, VERIFY, DF01, PIN_DOOR], [SSSE, DF01, PIN_DOOR]
    script = "\n".join([*opened, "reset", "00B2012C12", *closed])
    shown = run("scriptor", "-r", free_slot.name, given=script + "\n")
    before, after = (_answers(part) for part in shown.split("> RESET"))
    assert before[-1].startswith("6C")
    assert f"OK: {spaced(dalian_card.chip.atr.hex())}" in shown
    assert after[0] == "6A82", "the card starts at its MF"
    assert after[-1] == "6982"


def _answers(shown: str) -> list[str]:
    """What scriptor received, in hex: behind ``<``, over as many lines as it needs."""
    parts = re.findall(r"^< ((?:[0-9A-F]{2} ?\n?)+)", shown, re.MULTILINE)
    return ["".join(part.split()) for part in parts]
