"""HDOS on the card's side: life cycle, files, keys and flags (ref 11 §4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulator.cards import SERIAL, Card, Randomness

from sscard_ic.crypto import des
from sscard_ic.crypto.mac import pad80, retail_mac
from sscard_ic.profile import load
from sscard_ic.simulator import blank, open_image

CODE = des.encrypt(bytes(16), bytes(2) + SERIAL).hex()
MF = "80E03F0013 041E000021 315041592E5359532E4444463031"
SSSE = "80E0DDF114 041E000021 7378312E73682EC9E7BBE1B1A3D5CF"
DF01 = "80E0DF010B 0400000021 D15600000500"
ENTER_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
MK = "11" * 16
END = "800E0001023F00"
VERIFY = "0020000003123456"


def plain(apdu: str) -> str:
    return apdu.replace(" ", "")


def key(id_: int, kind: int, follow_up: int, value: str, version: int = 1) -> str:
    """A key record: id, type, algorithm, version, follow-up, use, change, counter, value."""
    algorithm = 0 if len(value) == 32 else 1
    return f"{id_:02X}{kind:02X}{algorithm:02X}{version:02X}{follow_up:02X}002133{value}"


def new_card(path: Path | None = None) -> Card:
    randomness = Randomness()
    profile = load("dalian", "hdos")
    chip = blank(profile, SERIAL, path=path, transport_key=bytes(16), entropy=randomness)
    chip.power_on()
    return Card(chip, randomness)


def opened_card(path: Path | None = None) -> Card:
    card = new_card(path)
    assert card.sw(f"8000000008{CODE}") == "9000"
    return card


def enciphered(card: Card, record: str, under: str = MK, head: str = "84D40000") -> str:
    """WRITE KEY with the record enciphered and authenticated (ref 11 §3.4, §4)."""
    challenge = bytes.fromhex(card.data("0084000004")) + bytes(4)
    raw = bytes.fromhex(record)
    block = bytes((len(raw),)) + raw
    body = des.encrypt(bytes.fromhex(under), block if len(block) % 8 == 0 else pad80(block))
    start = bytes.fromhex(head) + bytes((len(body) + 4,))
    mac = retail_mac(bytes.fromhex(under), start + body, challenge)
    return (start + body + mac).hex()


def built_card() -> Card:
    """MF, SSSE with UKSSSE (flag 4), RKSSSE (flag 3) and PIN (global flag 2), DF01 with RK1 (3)."""
    card = opened_card()
    for apdu in (
        MF,
        SSSE,
        ENTER_SSSE,
        "80E0000005 C50600F021",
        f"80D4000018 {key(0, 0, 0, MK, 0)}",
    ):
        assert card.sw(plain(apdu)) == "9000", apdu
    for record in (
        key(4, 0, 4, "41" * 16),
        key(0x0A, 0, 3, "A1" * 16),
        key(2, 1, 0, "20" * 8),
        "000A0000820021" + "33" + "123456FFFFFFFFFF",
    ):
        assert card.sw(enciphered(card, record)) == "9000", record
    for apdu in (
        "80E0EF0505 01000B 0044",  # free, update with flag 4
        "00A4020002EF05",
        "00DC010403020133",
        "80E0EF0805 000010 3344",
        DF01,
        "00A4040006D15600000500",
        "80E0000005 C50300F021",
        f"80D4000018 {key(0, 0, 0, '22' * 16, 0)}",
    ):
        assert card.sw(plain(apdu)) == "9000", apdu
    assert card.sw(enciphered(card, key(0x88, 0, 3, "81" * 16), "22" * 16)) == "9000"
    for apdu in ("80E0EF0505 01000B 2344", "00A4020002EF05", "00DC0104042002AAAA"):
        assert card.sw(plain(apdu)) == "9000", apdu
    return card


def ended_card() -> Card:
    card = built_card()
    assert card.sw("00A40000023F00") == "9000"
    assert card.sw(END) == "9000"
    card.reset()
    return card


def test_a_blank_takes_nothing_before_its_transport_code() -> None:
    card = new_card()
    assert card.sw(plain(MF)) == "6982"
    assert card.sw("80000000081111111111111111") == "63C2"
    assert card.sw(f"8000000008{CODE}") == "9000"
    assert card.sw(plain(MF)) == "9000"
    assert card.sw(plain(MF)) == "6A89"


def test_the_transport_code_locks_after_three_failures() -> None:
    card = new_card()
    answers = [card.sw("80000000081111111111111111") for _ in range(4)]
    assert answers == ["63C2", "63C1", "63C0", "6983"]
    assert card.sw(f"8000000008{CODE}") == "6983"


def test_nothing_is_proved_before_the_end_of_creation() -> None:
    card = built_card()
    assert card.sw(VERIFY) == "6901"
    assert card.authenticate(4, "41" * 16) == "6901"
    assert card.sw("0088000010" + "11" * 16) == "6901"


def test_rights_count_from_the_end_of_creation_on() -> None:
    card = built_card()
    assert card.data("00B2010404") == "2002AAAA"
    card = ended_card()
    assert card.sw(f"8000000008{CODE}") == "6985"
    assert card.sw("00A4040006D15600000500") == "9000"
    assert card.sw("00B2012C00") == "6982"
    assert card.sw(plain("80E0EF0A05 00000B 0000")) == "6982"
    assert card.sw("00A40000023F00") == "9000"
    assert card.sw(END) == "6985"


def test_the_pin_or_its_neighbour_opens() -> None:
    card = ended_card()
    assert card.sw("00A4040006D15600000500") == "9000"
    assert card.sw(VERIFY) == "9000"
    assert card.data("00B2012C04") == "2002AAAA"
    card.reset()
    assert card.sw("00A4040006D15600000500") == "9000"
    assert card.authenticate(0x88, "81" * 16) == "9000"
    assert card.data("00B2012C04") == "2002AAAA"


def test_the_global_flag_of_the_pin_reaches_applications_entered_later() -> None:
    card = ended_card()
    assert card.sw(ENTER_SSSE) == "9000"
    assert card.sw(VERIFY) == "9000"
    assert card.sw("00A4040006D15600000500") == "9000"
    assert card.data("00B2012C04") == "2002AAAA"
    # A failed verification takes no flag away here (ref 11 §2.3).
    assert card.sw("0020000003654321") == "63C2"
    assert card.data("00B2012C04") == "2002AAAA"


def test_an_application_forgets_its_own_flags_when_it_is_selected_again() -> None:
    card = ended_card()
    assert card.sw("00A4040006D15600000500") == "9000"
    assert card.authenticate(0x88, "81" * 16) == "9000"
    assert card.sw("00A4040006D15600000500") == "9000"
    assert card.sw("00B2012C00") == "6982"


def test_the_environment_forgets_everything_when_another_one_is_selected() -> None:
    card = ended_card()
    assert card.sw(ENTER_SSSE) == "9000"
    assert card.authenticate(0x0A, "A1" * 16) == "9000"
    assert len(card.data("00B0880010")) == 32
    assert card.sw("00A4040006D15600000500") == "9000"
    assert card.sw(ENTER_SSSE) == "9000"
    assert len(card.data("00B0880010")) == 32
    assert card.sw("00A40000023F00") == "9000"
    assert card.sw(ENTER_SSSE) == "9000"
    assert card.sw("00B0880010") == "6982"


def test_a_challenge_is_good_for_the_next_command_only() -> None:
    card = ended_card()
    assert card.sw(ENTER_SSSE) == "9000"
    card.data("0084000008")
    assert card.sw("00B2012C00") == "6C03"
    assert card.sw("0082000410" + "00" * 16) == "6984"


def test_key_files_ask_for_their_form() -> None:
    card = opened_card()
    for apdu in (MF, "80E0000005 C50300F021"):
        assert card.sw(plain(apdu)) == "9000"
    assert card.sw(enciphered(card, key(4, 0, 4, "41" * 16))) == "6901"
    assert card.sw(f"80D4000018{key(4, 0, 4, '41' * 16)}") == "6A80"
    assert card.sw(f"80D4000018{key(0, 0, 0, MK, 0)}") == "9000"
    assert card.sw(f"80D4000018{key(4, 0, 4, '41' * 16)}") == "6981"
    good = enciphered(card, key(4, 0, 4, "41" * 16))
    assert card.sw(good) == "9000"
    assert card.sw(enciphered(card, key(4, 0, 4, "41" * 16))) == "6985"
    wrong = enciphered(card, key(5, 0, 5, "51" * 16))
    assert card.sw(wrong[:-2] + "00") == "6988"
    assert card.sw(wrong) == "6984"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("80E0EF0505 07000B 0044", "6A80"),  # no such type
        ("80E0EF0505 01000000 44", "6A80"),  # no bytes
        ("80E0FFFF05 01000B 0044", "6A80"),
        ("80E0000005 01000B 0044", "6A80"),  # 0000 is for keys
        ("80E0EF0504 01000B 00", "6700"),
        ("80E0EF0506 01000B 004400", "6700"),
        ("80E0DF0209 0400000021 D1560000", "6700"),  # a name of four bytes
    ],
)
def test_what_cannot_be_created_is_refused(apdu: str, sw: str) -> None:
    card = opened_card()
    assert card.sw(plain(MF)) == "9000"
    assert card.sw(plain(apdu)) == sw


def test_a_changed_key_is_its_new_record_at_once(tmp_path: Path) -> None:
    """Follow-up state and tries come with the record; so it is when the image is reopened."""
    path = tmp_path / "card.img"
    card = opened_card(path)
    for apdu in (
        MF,
        SSSE,
        ENTER_SSSE,
        "80E0000005 C50600F021",
        f"80D4000018 {key(0, 0, 0, MK, 0)}",
    ):
        assert card.sw(plain(apdu)) == "9000", apdu
    assert card.sw(enciphered(card, "0400000104000033" + "41" * 16)) == "9000"
    for apdu in ("80E0EF0505 01000B 0044", "00A40000023F00", END, ENTER_SSSE):
        assert card.sw(plain(apdu)) == "9000", apdu
    assert card.authenticate(4, "99" * 16) == "63C2"
    changed = enciphered(card, "0400000105000055" + "42" * 16, "41" * 16, "84D40004")
    assert card.sw(changed) == "9000"
    for reopened in (False, True):
        if reopened:
            card.chip.close()
            card = Card(open_image(path, entropy=card.randomness), card.randomness)
            card.chip.power_on()
            assert card.sw(ENTER_SSSE) == "9000"
        else:
            assert card.authenticate(4, "99" * 16) == "63C4"
        assert card.sw("00A4020002EF05") == "9000"
        assert card.authenticate(4, "42" * 16) == "9000"
        assert card.sw("00DC010403020133") == "6982", "flag 5 and not 4"
        assert card.authenticate(4, "99" * 16) == "63C4"
    card.chip.close()


def test_the_card_can_be_erased_while_it_is_built_only() -> None:
    card = built_card()
    assert card.sw("00A40000023F00") == "9000"
    assert card.sw("800E0000023F00") == "9000"
    assert card.sw("00A40000023F00") == "6A82"
    card = ended_card()
    assert card.sw("800E0000023F00") == "6982"


def test_the_fci_of_the_environment_is_that_of_a_real_card() -> None:
    card = ended_card()
    found = card.data(ENTER_SSSE)
    assert found == "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"  # ref 01 §2.3
    assert card.data("00A4040006D15600000500") == "6F088406D15600000500"


def test_the_atr_file_gives_the_historical_bytes() -> None:
    card = opened_card()
    before = card.chip.reset(cold=True)
    assert before[-6:] == SERIAL
    assert card.sw(f"8000000008{CODE}") == "9000"
    for apdu in (MF, "80E02F0105 00000D 0021", "00A40200022F01"):
        assert card.sw(plain(apdu)) == "9000"
    assert card.sw("00D600000D" + "00814E43238697159900BF7C7A") == "9000"
    assert card.chip.reset(cold=True) == bytes.fromhex("3B6D0000" + "00814E43238697159900BF7C7A")
