"""Card sides of the sequences that public terminal programs send, on an issued virtual card.

ref 01 §10.6 (external authentication, second and third generation) and 09 §2 items 3-8. The
terminal's computations stand here once more, from the formulas, so that card and test agree by
themselves.
"""

from __future__ import annotations

import pytest
from tests.support.plant import Issued

from sscard_ic.crypto import des, sm4
from sscard_ic.crypto.published import published_test_key
from sscard_ic.reader.virtual import VirtualConnection

SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


class Wire:
    """Raw exchanges in hex, without any wrapper."""

    def __init__(self, card: Issued) -> None:
        self._connection = VirtualConnection(card.chip)
        self.atr = self._connection.atr

    def __call__(self, command: str) -> str:
        return self._connection.transmit(bytes.fromhex(command)).hex().upper()


def terminal_key(atr: bytes, root: str, city: str) -> bytes:
    """Root of the province, diversified by the city and by the last 8 bytes of the ATR."""
    key = published_test_key(root, 1)
    for factor in (f"{city}sx".encode(), atr[-8:]):
        left = des.encrypt(key, factor)
        right = des.encrypt(key, bytes(b ^ 0xFF for b in factor))
        key = left + right
    return key


def authentication(key: bytes, challenge: bytes) -> str:
    """Cryptogram ‖ challenge: the terminal reuses the card's challenge as its text."""
    process_key = des.encrypt(key, challenge)
    return (des.encrypt(process_key, challenge) + challenge).hex().upper()


def authenticate(wire: Wire, key_id: str, key: bytes) -> str:
    answer = wire("0084000008")
    assert answer.endswith("9000")
    data = authentication(key, bytes.fromhex(answer[:-4]))
    return wire(f"008200{key_id}10{data}")


def test_kiosk_reads_the_basic_information(dalian_card: Issued) -> None:
    """09 §2 item 8, reading: SELECT, SELECT EF05, 10 READ RECORD by tag and SFI, exact Le."""
    wire = Wire(dalian_card)
    assert wire(SELECT_SSSE).startswith("61")
    assert wire("00A4000002EF05") == "9000"
    reads = {
        "00B2010412": "0110",
        "00B2052806": "0504",
        "00B207280B": "0709",
        "00B2083014": "0812",
        "00B2093020": "091E",
        "00B24E3016": "4E14",
        "00B20A3003": "0A01",
        "00B20B3003": "0B01",
        "00B20C3005": "0C03",
        "00B20D3006": "0D04",
    }
    for command, head in reads.items():
        answer = wire(command)
        assert answer.startswith(head), command
        assert answer.endswith("9000")
        assert len(answer) // 2 - 2 == int(command[-2:], 16)


def test_kiosk_writes_after_external_authentication(dalian_card: Issued) -> None:
    """09 §2 item 8, writing; 01 §10.6 steps 1-4 and 8: UKSSSE, then 9 updates by tag and SFI."""
    wire = Wire(dalian_card)
    assert wire(SELECT_SSSE).startswith("61")
    assert wire("00A4000002EF05") == "9000"
    assert wire("00B2010412").startswith("0110210200D156000005")
    update = "00DC052806050420270101"
    assert wire(update) == "6982"
    key = terminal_key(wire.atr, "UKSSSE", "210200")
    assert authenticate(wire, "04", key) == "9000"
    updates = [
        update,
        "00DC062806060420370101",
        "00DC07280B0709443231343335363958",
        "00DC0830140812" + b"11010519491231002X".hex(),
        "00DC093020091E" + "D5C5C8FD".ljust(60, "0"),
        "00DC4E30164E14" + "00" * 20,
        "00DC0A30030A0131",
        "00DC0B30030B0101",
        "00DC0D30060D0419491231",
    ]
    for command in updates:
        assert wire(command) == "9000", command
    assert wire("00B2093020").startswith("091ED5C5C8FD")


def psam_session(atr: bytes, root: str, city: str, challenge: bytes) -> bytes:
    """What BFDE leaves in an SM4 PSAM: card factor, city factor, R ‖ 00×8 (01 §10.6 step 6)."""
    key = published_test_key(root, 1, 16, "sm4")
    for factor in (f"{city}sx".encode(), atr[-8:]):
        key = sm4.encrypt(key, factor + bytes(b ^ 0xFF for b in factor))
    return sm4.encrypt(key, challenge + bytes(8))


def test_kiosk_writes_a_third_generation_card(urumqi_card: Issued) -> None:
    """01 §10.6, third column: R and R ‖ 00 into the PSAM, XOR fold, Lc 11 with version 01."""
    wire = Wire(urumqi_card)
    assert wire(SELECT_SSSE) == "611C"
    assert wire("00A4000002EF05") == "9000"
    assert wire("00B2010412").startswith("0110650100D156000005")
    update = "00DC06280606" + "0420370101"
    assert wire(update) == "6982"
    challenge = bytes.fromhex(wire("0084000008")[:-4])
    session = psam_session(wire.atr, "UKSSSE", "650100", challenge)
    block = sm4.encrypt(session, challenge + bytes(8))
    folded = bytes(left ^ right for left, right in zip(block[:8], block[8:], strict=True))
    assert wire(f"0082000411{(folded + challenge).hex()}01") == "9000"
    assert wire(update) == "9000"
    assert wire("00DC0830140812" + b"11010519491231002X".hex()) == "9000"
    assert wire("00B2062806") == "0604203701019000"


def test_a_wrong_cryptogram_opens_nothing(dalian_card: Issued) -> None:
    wire = Wire(dalian_card)
    wire(SELECT_SSSE)
    assert authenticate(wire, "04", bytes(16)) == "63C2"
    assert wire("00DC052806050420270101") == "6982"


def test_reading_by_number_after_selecting_each_file(dalian_card: Issued) -> None:
    """01 §11.1: number, current file; Le 00 is answered with the right length."""
    wire = Wire(dalian_card)
    wire(SELECT_SSSE)
    assert wire("00A4020002EF06") == "9000"
    assert wire("00B2010400") == "6C14"
    assert wire("00B2010414").startswith("0812")
    assert wire("00B2080400") == "6A83"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00A4040000", "6A82"),  # SELECT without a name: the first command of every GP tool
        ("A0A40000023F00", "6E00"),  # GSM class
        ("00A40400077378312E73682E", "6118"),  # part of the name
        ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "6118"),  # case 4 without Le
        ("00A40000023F00", "6117"),
        ("00A4000002DDF1", "6118"),
    ],
)
def test_first_commands_of_foreign_programs(dalian_card: Issued, command: str, answer: str) -> None:
    """09 §2 items 3-6."""
    assert Wire(dalian_card)(command) == answer


def test_the_recorded_fci_of_the_ssse(dalian_card: Issued) -> None:
    """ref 01 §2.3, recording of one real chip."""
    wire = Wire(dalian_card)
    wire(SELECT_SSSE)
    fci = "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"
    assert wire("00C0000018") == f"{fci}9000"
