"""Loading keys into a virtual PSAM, creating, ending, recycling; its image (ref 02 §7.5)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.psams import (
    BY_AID,
    CREATE_ADF,
    CREATE_MF,
    MASTER,
    MF,
    OWNERS,
    SERIAL,
    TRANSPORT,
    PsamCard,
    blank,
    open_psam,
    psam,
    with_settings,
)

from sscard_ic.base import InputError
from sscard_ic.crypto import des
from sscard_ic.simulator import CardLost, open_image
from sscard_ic.simulator.psam.factory import blank_psam

KEY = bytes(range(16))


# Loading keys


def test_loaded_key_works() -> None:
    card = open_psam()
    assert card.load(0x07, 0x24, KEY) == "9000"
    card.must("BFDE072408" + "00" * 8)


@pytest.mark.parametrize(
    ("usage", "key_id", "length", "algorithm", "sw"),
    [
        (0x47, 0x24, 16, 0, "9000"),
        (0x46, 0x09, 8, 1, "9000"),
        (0x47, 0x24, 16, 3, "9000"),
        (0x47, 0x24, 16, 1, "6A80"),
        (0x47, 0x24, 8, 0, "6A80"),
        (0x47, 0x24, 16, 2, "6A80"),
        (0x47, 0x24, 24, 0, "6700"),
        (0x00, 0x01, 16, 0, "6985"),
    ],
)
def test_key_records(usage: int, key_id: int, length: int, algorithm: int, sw: str) -> None:
    card = open_psam()
    assert card.load(usage, key_id, bytes(length), algorithm=algorithm) == sw


def test_loading_refusals() -> None:
    card = open_psam()
    record = bytes.fromhex("4724000000000000") + KEY
    good = card.protected("84D40011", record)
    assert card.sw(good) == "9000"
    assert card.sw(good) == "6984"
    assert card.sw(card.protected("84D40014", record)) == "6A82"
    assert card.sw(card.protected("84D40111", record)) == "6A86"
    altered = card.protected("84D40011", record)
    assert card.sw(altered[:-2] + f"{int(altered[-2:], 16) ^ 1:02X}") == "6988"
    assert card.sw(card.protected("84D40011", record, under=KEY)) == "6988"
    assert card.sw(card.protected("84D40011", bytes.fromhex("47240100" + "00" * 20))) == "6A80"
    assert card.sw(card.protected("84D40011", bytes(20))) == "6A80"
    assert card.sw("84D4001110" + "00" * 16) == "6700"


def test_full_key_file() -> None:
    """A record takes 24 bytes; file 0012 has room for four, one of which is KID 02's."""
    card = open_psam()
    answers = [card.load(0x48, 0x40 + each, KEY, file=0x13) for each in range(5)]
    assert answers == ["9000", "9000", "9000", "9000", "6A84"]


def test_changing_a_key_while_open() -> None:
    """ref 12 §5.3 P2: usage ‖ identifier ‖ 00 ‖ key."""
    card = open_psam()
    assert card.load(0x07, 0x24, bytes(16)) == "9000"
    change = card.protected("84D40011", bytes.fromhex("072400") + KEY)
    assert len(change) == 2 * (5 + 0x1C)
    assert card.sw(change) == "9000"
    card.must("BFDE072408" + "00" * 8)
    process_key = des.encrypt(KEY, bytes(8))
    expected = des.encrypt(process_key, bytes(8)).hex().upper()
    assert card.data("80FA000008" + "00" * 8) == expected
    assert card.sw(card.protected("84D40011", bytes.fromhex("072500") + KEY)) == "6A88"
    assert card.sw(card.protected("84D40011", bytes.fromhex("072401") + KEY)) == "6A80"
    short = card.protected("84D40011", bytes.fromhex("072400") + KEY[:8])
    assert len(short) == 2 * (5 + 0x14)
    assert card.sw(short) == "6A80"


def test_closed_key_files_ask_for_owner_and_master_key() -> None:
    """ref 12 §5.1: ciphertext and MAC under DF-MK after authentication with KID 01."""
    card = psam()
    record = bytes.fromhex("4724000000000000") + KEY
    assert card.sw(card.protected("84D40011", record, under=MASTER)) == "6982"
    assert card.prove(2, OWNERS[2]) == "9000"
    assert card.sw(card.protected("84D40011", record, under=MASTER)) == "6982"
    assert card.prove(1, OWNERS[1]) == "9000"
    assert card.sw(card.protected("84D40011", record)) == "6988"
    assert card.sw(card.protected("84D40011", record, under=MASTER)) == "9000"
    card.must("BFDE472418" + "00" * 24)


# Creating, ending, recycling


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        (CREATE_MF, "6985"),
        (CREATE_MF.replace("3F0010", "3F0110"), "6A80"),
        (CREATE_MF.replace("3F0010", "3F0020"), "6A80"),
        ("808A000008" + "00" * 8, "6700"),
        (CREATE_ADF, "9000"),
        (CREATE_ADF.replace("DF0120", "DF0210"), "6A80"),
        (CREATE_ADF.replace("FF06D1", "FF04D1"), "6A80"),
        ("8080000008" + "0001340000400002", "9000"),
        ("8080000008" + "0001320000400002", "6A80"),
        ("8080000008" + "0001310000000002", "6A80"),
        ("8080000008" + "0012300000400002", "6A80"),
        ("8080010008" + "0001340000400002", "6A86"),
        ("8080000007" + "00013400004000", "6700"),
    ],
)
def test_create(apdu: str, sw: str) -> None:
    card = blank()
    if apdu != CREATE_MF.replace("3F0010", "3F0110"):
        card.must(CREATE_MF)
    assert card.sw(apdu) == sw
    if sw == "9000":
        assert card.sw(apdu) == "6A80"


def test_blank_holds_nothing() -> None:
    card = blank()
    assert card.sw(MF) == "6A82"
    assert card.sw(BY_AID) == "6A82"
    assert card.sw("8080000008" + "0001340000400002") == "6A82"
    assert card.sw("BFDE481208" + "00" * 8) == "6A82"
    assert card.sw(card.protected("848A0100")) == "6985"


def test_ended_directory_takes_no_more() -> None:
    card = open_psam()
    assert card.end() == "9000"
    assert card.sw("8080000008" + "0002310000040002") == "6982"
    assert card.end() == "6985"
    assert card.load(0x47, 0x24, KEY) == "6982"
    card.must(MF, "8080000008" + "0002310000040002")


def test_end_needs_challenge_and_mac() -> None:
    card = open_psam()
    assert card.sw("841C0000" + "04" + "00" * 4) == "6984"
    card.data("0084000008")
    assert card.sw("841C0000" + "04" + "00" * 4) == "6988"
    card.data("0084000008")
    assert card.sw("841C0000") == "6700"
    assert card.end() == "9000"


def test_four_bytes_of_challenge_for_loading() -> None:
    """ref 12 §5.3: random 4 ‖ 00000000 as start value."""
    card = blank(with_settings({"loading_challenge": 4}))
    card.must(CREATE_MF, "80800000 08 0011 30 30 0034 FF 04")
    assert card.load(0, 0, MASTER) == "6984"
    card.randomness.value = card.randomness.value[:4] + bytes(4)
    apdu = card.protected("84D40011", bytes(8) + MASTER)
    card.data("0084000004")
    assert card.sw(apdu) == "9000"


def test_recycled_psam_is_a_blank() -> None:
    """ref 02 §7.5."""
    card = psam((0x47, 0x24, KEY, 0))
    assert card.sw(card.protected("848A0100", under=KEY)) == "6988"
    assert card.sw(card.protected("848A0100")) == "9000"
    assert card.sw(MF) == "6A82"
    assert card.sw(card.protected("848A0100")) == "6985"
    assert [path for path in card.chip.persistent_state() if not path.startswith("chip/")] == []
    card.must(CREATE_MF)


# The image


def test_image_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "psam.img"
    card = open_psam(path=path)
    assert card.load(0x47, 0x24, KEY) == "9000"
    assert card.end() == "9000"
    assert card.prove(3, KEY) == "63C2"
    before = card.chip.persistent_state()
    card.chip.close()
    chip = open_image(path)
    assert chip.persistent_state() == before
    assert chip.power_on().endswith(SERIAL)
    again = PsamCard(chip, card.randomness)
    assert again.data("00B0960006") == "990100000001"
    again.must(BY_AID, "BFDE472418" + "00" * 24)
    assert again.prove(3, KEY) == "63C1"
    assert again.load(0x47, 0x25, KEY) == "6982"
    chip.close()


def test_changed_keys_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "psam.img"
    card = open_psam(path=path)
    assert card.load(0x07, 0x24, bytes(16)) == "9000"
    assert card.sw(card.protected("84D40011", bytes.fromhex("072400") + KEY)) == "9000"
    card.chip.close()
    again = PsamCard(open_image(path), card.randomness)
    again.chip.power_on()
    again.must(BY_AID, "BFDE072408" + "00" * 8)
    expected = des.encrypt(des.encrypt(KEY, bytes(8)), bytes(8)).hex().upper()
    assert again.data("80FA000008" + "00" * 8) == expected


@pytest.mark.parametrize(
    "states",
    [
        {"psam/3F00": "00"},
        {"psam/DF01": CREATE_ADF[10:]},
        {"psam/3F00/0016": "0016310000060002"},
        {"psam/3F00": CREATE_MF[10:], "psam/3F00/0016/body": "00"},
        {"psam/3F00": CREATE_MF[10:], "psam/3F00/other": 1},
        {
            "psam/3F00": CREATE_MF[10:],
            "psam/3F00/0016": "0016310000060002",
            "psam/3F00/0016/body": "00",
        },
        {
            "psam/3F00": CREATE_MF[10:],
            "psam/3F00/EF11": "EF1130300034FF04",
            "psam/3F00/EF11/4724": "4724",
        },
    ],
)
def test_damaged_image(tmp_path: Path, states: dict[str, str | int]) -> None:
    path = tmp_path / "psam.img"
    blank(path=path).chip.close()
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(states) + "\n")
    with pytest.raises(InputError, match="damaged"):
        open_image(path)


def test_torn_command_changes_nothing(tmp_path: Path) -> None:
    card = open_psam(path=tmp_path / "psam.img")
    before = card.chip.persistent_state()
    apdu = bytes.fromhex(card.protected("84D40011", bytes.fromhex("4724000000000000") + KEY))
    with pytest.raises(CardLost):
        card.chip.transmit_torn(apdu)
    assert card.chip.persistent_state() == before
    card.chip.power_on()
    card.must(BY_AID)
    assert card.sw("BFDE472418" + "00" * 24) == "6A88"
    assert card.load(0x47, 0x24, KEY) == "9000"


@pytest.mark.parametrize("serial", [b"", bytes(5), bytes(7)])
def test_serial_has_six_bytes(serial: bytes) -> None:
    with pytest.raises(InputError, match="6 bytes"):
        blank_psam(with_settings(), serial)


def test_t1_psam() -> None:
    card = blank(with_settings({"protocol": "T=1"}))
    card.must(CREATE_MF)
    assert card.chip.protocol == "T=1"
    assert card.raw(MF) == "6F11840F7378312E73682EC9E7BBE1B1A3D5CF9000"


def test_transport_key_is_not_in_messages() -> None:
    card = blank()
    assert TRANSPORT.hex() not in repr(card.chip).lower()


_STATES = {
    "blank": blank,
    "open": open_psam,
    "closed": lambda: psam((0x48, 0x12, KEY, 0), (0x42, 0x01, KEY, 0), (0x46, 0x09, KEY[:8], 1)),
}
_HEADS = [
    *("00A4", "00B0", "00D6", "00B2", "00DC", "0084", "0082", "00C0", "BFDE", "801A", "80FA"),
    *("8070", "8072", "808A", "8080", "84D4", "841C", "848A"),
]


@pytest.mark.parametrize("state", _STATES)
@given(data=st.data())
@settings(max_examples=30)
def test_whatever_is_sent_is_answered(state: str, data: st.DataObject) -> None:
    card = _STATES[state]()
    head = st.sampled_from(_HEADS).map(bytes.fromhex)
    parameters = st.sampled_from([0x00, 0x01, 0x02, 0x04, 0x11, 0x12, 0x42, 0x48, 0x96, 0x9C])
    body = st.binary(max_size=60).map(lambda body: bytes((len(body),)) + body if body else b"")
    tail = st.sampled_from([b"", b"\x00", b"\x08"])
    command = st.tuples(head, parameters, parameters, body, tail).map(
        lambda parts: parts[0] + bytes(parts[1:3]) + parts[3] + parts[4]
    )
    for raw in data.draw(st.lists(st.one_of(command, st.binary(max_size=40)), max_size=40)):
        answer = card.chip.transmit(raw)
        assert len(answer) >= 2
        assert KEY.hex() not in answer.hex()
