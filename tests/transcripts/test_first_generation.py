"""A card of version 1.00, as terminals of its time read it: by file, PIN, and record number.

Commands of ref 01 §11.1 and §12.1 (session of a real log): SELECT by name, VERIFY, SELECT of a
file, READ RECORD by number. The layout is that of ref 01 §6.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.old_region import write_old_region

from sscard_ic.apdu import Response
from sscard_ic.apdu.ssc import pin_block
from sscard_ic.issuance.remake import remake
from sscard_ic.profile import load
from sscard_ic.profile.contents import Contents
from sscard_ic.profile.values import encode
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

PIN = pin_block("123456").hex().upper()
HISTORICAL = bytes.fromhex("00814842428653" + "2102" + "00000007")

SESSION = [
    # command, how the answer begins, status
    ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "6F16840F7378312E7368", 0x9000),
    ("0020000003" + PIN, "", 0x9000),
    ("0084000008", "", 0x9000),
    ("00A4000002EF05", "", 0x9000),
    ("00B2010412", "0110210200D156000005", 0x9000),
    ("00B2030406", "0304312E3030", 0x9000),  # "1.00"
    ("00A4000002EF06", "", 0x9000),
    ("00B2010414", "0812", 0x9000),
    ("00B2020420", "091E", 0x9000),
    ("00B2030403", "0A01", 0x9000),  # no name extension between them (ref 01 §6)
    ("00B2070400", "", 0x6A83),
    ("00A4000002DF01", "6F088406D15600000500", 0x9000),
    ("00A4000002EF06", "", 0x9000),
    ("00B2010440", "253E", 0x9000),  # postal address, 62 bytes
    ("00B2030405", "2703", 0x9000),  # postal code
    ("00A4000002EF15", "", 0x6A82),  # new in 2.00
    ("00A4000002DF07", "", 0x6A82),
]


@pytest.fixture
def chip(tmp_path: Path) -> Chip:
    profile = load(str(write_old_region(tmp_path)))
    values = {
        place.path: encode(place.item, place.item.example or "", profile.codes)
        for place in profile.places
        if place.file.structure != "cyclic"
    }
    code = values["SSSE.EF05.01"]
    values["SSSE.EF05.01"] = bytes.fromhex("210200") + code[3:]
    card = blank(profile, bytes.fromhex("0000000000F2"))
    contents = Contents(profile.name, bytes((0x3B, 0x6D, 0, 0)) + HISTORICAL, values)
    remake(open_session(VirtualConnection(card)), profile, contents)
    card.reset(cold=True)
    return card


def test_the_session_of_an_old_terminal(chip: Chip) -> None:
    for command, beginning, status in SESSION:
        answer = Response.parse(chip.transmit(bytes.fromhex(command)))
        if answer.sw.remaining is not None:
            fetch = bytes((0x00, 0xC0, 0x00, 0x00, answer.sw.remaining & 0xFF))
            answer = Response.parse(chip.transmit(fetch))
        assert answer.sw == status, command
        assert answer.data.hex().upper().startswith(beginning), command


def test_without_the_pin_the_files_of_the_applications_are_closed(chip: Chip) -> None:
    for command in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "00A4000002DF01"):
        chip.transmit(bytes.fromhex(command))
    chip.transmit(bytes.fromhex("00A4000002EF06"))
    assert chip.transmit(bytes.fromhex("00B2010440")) == bytes.fromhex("6982")
