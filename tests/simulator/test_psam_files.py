"""Files, rights, keys and states of the virtual PSAM (ref 12 §5.1, 02 §7.1, §7.5)."""

from __future__ import annotations

import pytest
from tests.simulator.psams import (
    ADF,
    BY_AID,
    CREATE_ADF,
    CREATE_MF,
    MASTER,
    MF,
    OWNERS,
    SM4,
    blank,
    open_psam,
    psam,
    with_settings,
)

from sscard_ic.crypto import des

KEY = bytes(range(16))


# SELECT


@pytest.mark.parametrize(
    ("apdu", "answer"),
    [
        (MF, "6F11840F7378312E73682EC9E7BBE1B1A3D5CF"),
        ("00A4000000", "6F11840F7378312E73682EC9E7BBE1B1A3D5CF"),
        ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "6F11840F7378312E73682EC9E7BBE1B1A3D5CF"),
        (ADF, "6F088406D15600000590"),
        (BY_AID, "6F088406D15600000590"),
        ("00A4020002DF01", "6F088406D15600000590"),
        ("00A4000002EF11", "6A82"),
        ("00A40000020016", ""),
        ("00A40000020019", "6A82"),
        ("00A4020002DF02", "6A82"),
        (SM4, "6A82"),
        ("00A404000101", "6A82"),
        ("00A40400", "6A82"),
        ("00A4000001DF", "6700"),
        ("00A40300023F00", "6700"),
        ("00A40200", "6700"),
        ("00A4010002DF01", "6A86"),
        ("00A4000102DF01", "6A86"),
        ("00A40300", "6A82"),
    ],
)
def test_select(apdu: str, answer: str) -> None:
    card = psam()
    card.reset()
    response = card.send(apdu)
    if len(answer) == 4:
        assert str(response.sw) == answer
    else:
        assert (str(response.sw), response.data.hex().upper()) == ("9000", answer)


def test_adf_of_the_sm4_environment_answers_ten_bytes() -> None:
    """ref 01 §8 [impl x1]: 610A after SELECT DF01."""
    card = blank()
    name = SM4[10:]
    card.must(
        CREATE_MF,
        f"808000002ADDF22000FFFF00000482FF81FFFFFF0F{name}FF00180100010002030300",
        SM4,
        CREATE_ADF,
        MF,
        CREATE_ADF,
    )
    assert card.raw(SM4) == "6113"
    assert card.raw("00A4000002DF01") == "610A"
    card.must("00A40300")
    assert card.data("00A40300") == "6F11840F7378312E73682EC9E7BBE1B1A3D5CF"


def test_every_directory_is_found_from_every_other() -> None:
    card = psam()
    assert card.sw(MF) == "9000"
    assert card.sw(ADF) == "9000"
    assert card.sw(ADF) == "9000"
    assert card.sw("00A40000020019") == "9000"
    assert card.sw(MF) == "9000"


# Reading and updating


def test_reads_seen_on_the_wire() -> None:
    """ref 12 §5.1 [impl x3]."""
    card = psam()
    card.must(MF)
    assert card.raw("00B0960006") == "9901000000019000"
    card.must("00A4000002DF01", "00A40000020019")
    assert card.raw("00B0000004") == "000000059000"
    assert card.raw("00B09C0001") == "009000"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("00B0960006", "6A82"),
        ("00B099000400", "6700"),
        ("00B0990405", "6B00"),
        ("00B0000004", "6986"),
        ("00B0800004", "6A86"),
        ("00B0A00004", "6A86"),
        ("00B0910004", "6A82"),
        ("00B2010C00", "6A82"),
        ("00B2010000", "6A86"),
        ("00B2010400", "6986"),
    ],
)
def test_refused_reads(apdu: str, sw: str) -> None:
    assert psam().sw(apdu) == sw


@pytest.mark.parametrize("apdu", ["00B0860004", "00B2013C04"])
def test_files_that_are_not_free_to_read(apdu: str) -> None:
    """Read while the directory is open, refused 6982 once it is ended (ref 12 §5.1)."""
    card = open_psam()
    card.must(
        "80800000 08 0006 31 00 0004 11 FF",
        "80800000 08 0007 34 00 0040 11 FF",
        "00A4000002 0007",
        "00DC010404 61020101",
    )
    assert card.sw(apdu) == "9000"
    assert card.end() == "9000"
    assert card.sw(apdu) == "6982"


def test_directory_records() -> None:
    card = open_psam()
    card.must(MF, "00A40000020001")
    card.must("00DC01040A6108 4F06D15600000590")
    assert card.data("00B201040A") == "61084F06D15600000590"
    assert card.sw("00B2020400") == "6A83"
    assert card.sw("00DC0304026100") == "6A83"
    assert card.sw("00DC0104036105FF") == "6A85"
    assert card.sw("00DC020440613E" + "00" * 62) == "6A84"
    assert card.sw("00DC0104") == "6700"
    card.must("00DC0104026100")
    assert card.data("00B2010402") == "6100"
    assert card.sw("00B0000004") == "6981"
    card.must("00A40000020016")
    assert card.sw("00B2010400") == "6981"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("00D69C0004", "6700"),
        ("00D69C0801" + "FF", "9000"),
        ("00D69C0A01" + "FF", "6B00"),
        ("00D69C0902" + "FFFF", "6700"),
    ],
)
def test_update_while_open(apdu: str, sw: str) -> None:
    assert open_psam().sw(apdu) == sw


def test_closed_files_ask_for_the_key_of_their_owner() -> None:
    """ref 12 §5.1: 001A, 001B, 001C with KID 01, 02, 03; 0019 never; the MF's with MF-MK."""
    card = psam()
    for sfi, owner in (("9A", 1), ("9B", 2), ("9C", 3)):
        update = f"00D6{sfi}000102"
        assert card.sw(update) == "6982"
        for other, key in OWNERS.items():
            if other != owner:
                assert card.prove(other, key) == "9000"
        assert card.sw(update) == "6982"
        assert card.prove(owner, OWNERS[owner]) == "9000"
        assert card.sw(update) == "9000"
        card.must(BY_AID)
    assert card.prove(0, MASTER) == "9000"
    assert card.sw("00D699000400000000") == "6982"
    card.must(MF)
    assert card.sw("00D6960001FF") == "6982"


def test_proofs_fall() -> None:
    card = psam()
    assert card.prove(3, OWNERS[3]) == "9000"
    card.must(BY_AID)
    assert card.sw("00D69C000102") == "6982"
    assert card.prove(3, OWNERS[3]) == "9000"
    card.reset()
    card.must(BY_AID)
    assert card.sw("00D69C000102") == "6982"


# EXTERNAL AUTHENTICATE


def test_authentication_counts_and_locks() -> None:
    card = psam(profile=with_settings({"control_tries": 2}))
    assert card.prove(3, KEY) == "63C1"
    assert card.prove(3, OWNERS[3]) == "9000"
    assert card.prove(3, KEY) == "63C1"
    assert card.prove(3, KEY) == "63C0"
    assert card.prove(3, OWNERS[3]) == "6983"
    assert card.prove(2, OWNERS[2]) == "9000"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("0082000308" + "00" * 8, "6984"),
        ("0082000408" + "00" * 8, "6A88"),
        ("0082010308" + "00" * 8, "6A86"),
        ("0082000310" + "00" * 16, "6700"),
        ("0084000007", "6700"),
        ("0084000108", "6A86"),
    ],
)
def test_forms_of_authentication(apdu: str, sw: str) -> None:
    assert psam().sw(apdu) == sw


def test_four_bytes_of_challenge() -> None:
    """ref 02 §3.6: R ‖ 00000000."""
    card = psam()
    challenge = bytes.fromhex(card.data("0084000004")) + bytes(4)
    assert card.sw(f"0082000308{des.encrypt(OWNERS[3], challenge).hex()}") == "9000"
