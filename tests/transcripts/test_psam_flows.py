"""What public terminal programs send to a card and a PSAM, byte for byte where it is fixed.

ref 09 §2 item 8 and 01 §10.6 (writing, both generations), 02 §7.3. Nothing here knows a key: what
the card accepts, the PSAM has computed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.support.psams import made

from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.profile import CardProfile, load, load_psam
from sscard_ic.profile.psam import PsamProfile
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

SERIAL = bytes.fromhex("0000000000A1")
SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
SELECT_EF05, SELECT_EF0D = "00A4000002EF05", "00A4000002EF0D"
READ_CODE, CHALLENGE = "00B2010412", "0084000008"
PSAM_3DES = "00A4040006D15600000590"
PSAM_SM4, PSAM_DF01 = "00A404000F7378332E73682EC9E7BBE1B1A3D5CF", "00A4000002DF01"

PROVINCIAL = """
kind = "region"
zh = "有省扩展文件的测试地区"
en = "test region with a provincial file"
extends = "regions/{region}"

[keys.UK1SSSE]
directory = "SSSE"
id = "0D"
use = "external"
groups = 3
level = "P1"
psam_usage = "48"
psam_id = "13"

[directories.SSSE.files.EF0D]
zh = "省扩展文件"
en = "provincial extension"
structure = "variable"
read = "free"
update = "key:UK1SSSE"
items = [
  {{ tag = "EA", format = "an", length = 12, zh = "人员识别号", en = "person number" }},
  {{ tag = "EB", format = "cn", length = 3, zh = "初次申领地", en = "first region" }},
]
"""
"""EF0D of Jiangsu, which those programs write (ref 01 §4.2)."""

UPDATES = [
    "00DC052806050420270101",
    "00DC062806060420370101",
    "00DC07280B0709443231343335363958",
    "00DC0830140812" + b"11010519491231002X".hex().upper(),
    "00DC093020091E" + "D5C5C8FD".ljust(60, "0"),
    "00DC4E30164E14" + "00" * 20,
    "00DC0A30030A0131",
    "00DC0B30030B0101",
    "00DC0D30060D0419491231",
]
"""By tag and short identifier (ref 01 §11.2)."""

EXTENSION = ["00DC01040EEA0C" + b"210000123456".hex().upper(), "00DC020405EB03210200"]


class Wire:
    """Raw exchanges of a T=0 reader in hex, without any wrapper, all of them remembered."""

    def __init__(self, chip: Chip) -> None:
        self._connection = VirtualConnection(chip)
        self.sent: list[str] = []

    @property
    def factor(self) -> str:
        """Last 8 bytes of the ATR (ref 01 §10.6 step 2)."""
        return self._connection.atr[-8:].hex().upper()

    def __call__(self, command: str) -> str:
        self.sent.append(command)
        return self._connection.transmit(bytes.fromhex(command)).hex().upper()

    def data(self, command: str) -> str:
        answer = self(command)
        assert answer.endswith("9000"), (command, answer)
        return answer[:-4]


@cache
def profiles(region: str, folder: Path) -> tuple[CardProfile, PsamProfile]:
    file = folder / f"{region}.toml"
    file.write_text(PROVINCIAL.format(region=region), encoding="utf-8")
    card = load(str(file))
    return card, replace(load_psam(f"psam/{region}"), card=card)


def card_and_psam(region: str, folder: Path) -> tuple[Wire, Wire]:
    """An issued card of the region and the PSAM of one of its terminals, both powered."""
    profile, psam = profiles(region, folder)
    chip = blank(profile, SERIAL)
    SpecimenMaker(profile).make(open_session(VirtualConnection(chip)))
    return Wire(chip), Wire(made(psam))


def city_factor(code: str) -> str:
    """Six digits in ASCII and 73 78 (ref 01 §10.6 step 3)."""
    return (code + "sx").encode().hex().upper()


def test_second_generation_write(tmp_path: Path) -> None:
    """19 exchanges with the card, twice 4 with the PSAM (ref 09 §2 item 8)."""
    card, psam = card_and_psam("dalian", tmp_path)
    assert card(SELECT_SSSE).startswith("61")
    assert card(SELECT_EF05) == "9000"
    code = card.data(READ_CODE)[4:10]
    assert code == "210200"
    factors = card.factor + city_factor(code)

    def authenticate(psam_id: str, key_id: str) -> str:
        challenge = card.data(CHALLENGE)
        assert psam(PSAM_3DES).startswith("61")
        assert psam(f"BFDE48{psam_id}18{factors}{challenge}") == "9000"
        assert psam(f"80FA000008{challenge}") == "6108"
        cryptogram = psam.data("00C0000008")
        return card(f"008200{key_id}10{cryptogram}{challenge}")

    assert authenticate("12", "04") == "9000"
    for update in UPDATES:
        assert card(update) == "9000", update
    assert authenticate("13", "0D") == "9000"
    assert card(SELECT_EF0D) == "9000"
    for update in EXTENSION:
        assert card(update) == "9000", update
    assert (len(card.sent), len(psam.sent)) == (19, 8)
    assert card("00B201040E") == "EA0C" + b"210000123456".hex().upper() + "9000"
    assert card("00B2093020").startswith("091ED5C5C8FD")


def test_third_generation_write(tmp_path: Path) -> None:
    """SM4: R and R ‖ 00 into the PSAM, the terminal folds, Lc 11 with version 01 (01 §10.6)."""
    card, psam = card_and_psam("urumqi", tmp_path)
    assert card(SELECT_SSSE).startswith("61")
    assert card(SELECT_EF05) == "9000"
    code = card.data(READ_CODE)[4:10]
    assert code == "650100"
    factors = card.factor + city_factor(code)
    zeros = "00" * 8

    def authenticate(psam_id: str, key_id: str) -> str:
        challenge = card.data(CHALLENGE)
        assert psam(PSAM_SM4).startswith("61")
        assert psam(PSAM_DF01) == "610A"
        assert psam(f"BFDE48{psam_id}20{factors}{challenge}{zeros}") == "9000"
        assert psam(f"80FA000010{challenge}{zeros}") == "6110"
        block = psam.data("00C0000010")
        folded = f"{int(block[:16], 16) ^ int(block[16:], 16):016X}"
        return card(f"008200{key_id}11{folded}{challenge}01")

    assert card(UPDATES[0]) == "6982"
    assert authenticate("12", "04") == "9000"
    for update in UPDATES:
        assert card(update) == "9000", update
    assert authenticate("13", "0D") == "9000"
    assert card(SELECT_EF0D) == "9000"
    for update in EXTENSION:
        assert card(update) == "9000", update


def test_internal_authentication_with_three_steps(tmp_path: Path) -> None:
    """IRK 67/08, Lc 20: the card's answer is what the PSAM computes (ref 02 §2.3, §3.5)."""
    card, psam = card_and_psam("dalian", tmp_path)
    card(SELECT_SSSE)
    card(SELECT_EF05)
    code = card.data(READ_CODE)[4:10]
    province = (code[:2] + "0000sh").encode().hex().upper()
    factors = card.factor + city_factor(code) + province
    first, second = card.data(CHALLENGE), "0102030405060708"
    assert card(f"0088000010{first}{second}") == "6108"
    answer = card.data("00C0000008")
    psam(PSAM_3DES)
    assert psam(f"BFDE670820{factors}{first}") == "9000"
    assert psam(f"80FA000008{second}") == "6108"
    assert psam.data("00C0000008") == answer


def test_challenge_of_another_moment_opens_nothing(tmp_path: Path) -> None:
    card, psam = card_and_psam("dalian", tmp_path)
    card(SELECT_SSSE)
    factors = card.factor + city_factor("210200")
    challenge = card.data(CHALLENGE)
    psam(PSAM_3DES)
    psam(f"BFDE481218{factors}{challenge}")
    psam(f"80FA000008{challenge}")
    cryptogram = psam.data("00C0000008")
    assert card(f"0082000410{cryptogram}{challenge}") == "9000"
    assert card(f"0082000410{cryptogram}{challenge}") == "6984"


def test_psam_of_another_city_opens_nothing(tmp_path: Path) -> None:
    """A province's root serves every city of it; another province's factor gives other keys."""
    card, _ = card_and_psam("dalian", tmp_path)
    _, psam = card_and_psam("urumqi", tmp_path)
    card(SELECT_SSSE)
    challenge = card.data(CHALLENGE)
    psam(PSAM_3DES)
    psam(f"BFDE481218{card.factor}{city_factor('650100')}{challenge}")
    psam(f"80FA000008{challenge}")
    cryptogram = psam.data("00C0000008")
    assert card(f"0082000410{cryptogram}{challenge}").startswith("63C")


def test_debit_with_a_psam(tmp_path: Path) -> None:
    """ref 12 §7.1 steps 3 to 8, as the drivers send them: Lc 2C, two factors."""
    card, psam = card_and_psam("dalian", tmp_path)
    card(SELECT_SSSE)
    card(SELECT_EF05)
    factors = card.factor + city_factor(card.data(READ_CODE)[4:10])
    assert psam("00A40000023F00").startswith("61")
    terminal = psam.data("00B0960006")
    assert terminal == "210200000001"
    assert psam("00A4000002DF01").startswith("61")
    assert psam.data("00B09C0001") == "01"
    assert psam("00A40000020019") == "9000"
    assert psam.data("00B0000004") == "00000001"
    assert card("00A4040006D15600000503").startswith(("61", "9000"))
    assert card("0020000003123456") == "9000"
    amounts, time = "00000000" + "00003A98" + "00002AF8", "20260315101530"
    assert card(f"B02801011301{amounts}{terminal}") == "6116"
    offer = card.data("00C0000016")
    counter, version_and_algorithm, random = offer[28:32], offer[32:36], offer[36:44]
    assert version_and_algorithm == "0100"
    asked = random + counter + amounts + "32" + time + version_and_algorithm
    assert psam(f"807001002C{asked}{factors}") == "6108"
    number_and_mac1 = psam.data("00C0000008")
    assert number_and_mac1[:8] == "00000001"
    assert card(f"B02C01000F{number_and_mac1[:8]}{time}{number_and_mac1[8:]}") == "6108"
    mac2 = card.data("00C0000008")[8:]
    assert psam(f"8072000004{mac2}") == "9000"
    assert psam(f"8072000004{mac2}") == "6901"
