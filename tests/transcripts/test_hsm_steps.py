"""The step functions of terminals that ask an HSM at the centre (ref 02 §6), on a finished card.

The commands stand here as the drivers send them; the HSM is a vault that answers RESULTs from
what the steps hand out: key address, key factor (the card's last challenge) and original data
(the challenge before it).
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import CardKey, SoftwareVault, published_keys
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
ALGORITHMS: dict[str, Algorithm] = {"01": "3des", "03": "sm4"}
ADDRESSES = {"004C0A": "RKSSSE", "009412": "UKSSSE", "004F2E": "RK1DF01"}
"""Key address and PSAM identifier of the HSM's key list (ref 01 §10.5)."""


@dataclass(frozen=True)
class Hsm:
    """The centre's side: RESULT = cryptogram 8 ‖ original data 8, in hex (ref 02 §6.2, §6.3)."""

    vault: SoftwareVault

    def key(self, name: str, region: str, atr_info: str, flag: str) -> CardKey:
        """The card key by what the terminal reports: AAB301, AAZ507, AFLAG."""
        factor = bytes.fromhex(atr_info)[-8:]
        return CardKey(name, 1, region, factor, ALGORITHMS[flag])

    def result(self, key: CardKey, key_factor: str, original: str) -> str:
        """One RESULT of 32 hex digits."""
        cryptogram = self.vault.cryptogram(key, bytes.fromhex(key_factor), bytes.fromhex(original))
        return cryptogram.hex().upper() + original


class Terminal:
    """Raw exchanges of a T=0 reader, in hex."""

    def __init__(self, chip: Chip) -> None:
        self._connection = VirtualConnection(chip)

    @property
    def atr_info(self) -> str:
        """AAZ507: the ATR without its first four bytes, 26 digits."""
        return self._connection.atr.hex().upper()[8:]

    def send(self, command: str) -> str:
        """Data and status word."""
        return self._connection.transmit(bytes.fromhex(command)).hex().upper()

    def data(self, command: str) -> str:
        """Data of a command that must succeed; waiting ones are fetched."""
        answer = self.send(command)
        if len(answer) == 4 and answer.startswith("61"):  # a challenge may begin so, too
            answer = self.send(f"00C00000{answer[2:4]}")
        assert answer.endswith("9000"), (command, answer)
        return answer[:-4]

    def challenge(self) -> str:
        """8 bytes, for SM4 cards too."""
        return self.data("0084000008")

    def algorithm(self) -> str:
        """AFLAG: the byte after 9F0C86 in the FCI, 01 where it is absent (ref 02 §1.2)."""
        _, mark, rest = self.data(SELECT_SSSE).partition("9F0C86")
        return rest[:2] if mark else "01"


@dataclass(frozen=True)
class Bench:
    """A finished card, the terminal before it and the HSM behind."""

    terminal: Terminal
    hsm: Hsm
    plan: PreparedCard


def _bench(region: str) -> Bench:
    profile = load(region)
    chip = blank(profile, bytes.fromhex("0000000000A1"))
    plan = SpecimenMaker(profile).make(open_session(VirtualConnection(chip)))
    return Bench(Terminal(chip), Hsm(published_keys(profile.keys)), plan)


@pytest.fixture
def urumqi() -> Bench:
    """A card of version 3.00 with SM4 keys."""
    return _bench("urumqi")


@pytest.fixture
def dalian() -> Bench:
    """A card of version 2.00 with 3DES keys."""
    return _bench("dalian")


def _read_bas_step1(terminal: Terminal) -> str:
    """iReadCardBas_HSM_Step1: region|ATR info|algorithm|card id|SJS1|SJS2|SJS3|SJS4|."""
    flag = terminal.algorithm()
    terminal.data("00A4020002EF05")
    card_id = terminal.data("00B2010412")[4:]
    random1, random2, random3, random4 = (terminal.challenge() for _ in range(4))
    # The last challenge is the one that the card remembers: it is the factor of the process key.
    fields = (card_id[:6], terminal.atr_info, flag, card_id, random1, random2, random4, random3)
    return "|".join(fields) + "|"


def test_reading_the_basic_information_in_two_steps(urumqi: Bench) -> None:
    """ref 02 §6.2, §6.3: INTERNAL AUTHENTICATE with RESULT1, EXTERNAL with RESULT2, Lc 10."""
    terminal, hsm = urumqi.terminal, urumqi.hsm
    told = _read_bas_step1(terminal).split("|")
    region, atr_info, flag, card_id, sjs1, sjs2, sjs3, sjs4, _ = told
    assert (region, flag, len(atr_info), len(card_id)) == ("650100", "03", 26, 32)
    assert terminal.send("00B207040B") == "6982", "the card number is closed on 3.00 cards"

    irk = hsm.key("IRK", region, atr_info, flag)
    result1 = hsm.result(irk, sjs1, sjs2)
    result2 = hsm.result(hsm.key(ADDRESSES["004C0A"], region, atr_info, flag), sjs3, sjs4)
    assert (len(result1), len(result2)) == (32, 32)

    answer = terminal.data(f"0088000010{result1}")
    first, second = bytes.fromhex(result1[:16]), bytes.fromhex(result1[16:])
    assert answer == hsm.vault.cryptogram(irk, first, second).hex().upper()
    assert terminal.send(f"0082000A10{result2}") == "9000"
    assert terminal.data("00B207040B")[4:] == urumqi.plan.items["SSSE.EF05.07"].hex().upper()
    terminal.data("00A4020002EF06")
    assert terminal.data("00B2010414")[4:] == urumqi.plan.items["SSSE.EF06.08"].hex().upper()
    assert terminal.data("00B2020420")[4:] == urumqi.plan.items["SSSE.EF06.09"].hex().upper()


def test_the_other_order_of_the_challenges_is_refused(urumqi: Bench) -> None:
    """Only the latest challenge is valid in the card: SJS3 is the fourth, not the third."""
    told = _read_bas_step1(urumqi.terminal).split("|")
    region, atr_info, flag, _, _, _, sjs3, sjs4, _ = told
    key = urumqi.hsm.key("RKSSSE", region, atr_info, flag)
    swapped = urumqi.hsm.result(key, sjs4, sjs3)
    assert urumqi.terminal.send(f"0082000A10{swapped}") == "63C2"


@pytest.mark.parametrize("region", ["urumqi", "dalian"])
def test_writing_with_one_result(region: str, request: pytest.FixtureRequest) -> None:
    """ref 02 §6.4, MSGNO 9011: KEYADD 0094, KEYFAC the last challenge, ODATA the one before."""
    bench: Bench = request.getfixturevalue(region)
    terminal = bench.terminal
    flag = terminal.algorithm()
    assert flag == {"urumqi": "03", "dalian": "01"}[region]
    terminal.data("00A4020002EF05")
    card_id = terminal.data("00B2010412")[4:]
    original = terminal.challenge()
    key_factor = terminal.challenge()
    key = bench.hsm.key(ADDRESSES["009412"], card_id[:6], terminal.atr_info, flag)
    result = bench.hsm.result(key, key_factor, original)

    terminal.data("00A4020002EF06")
    assert terminal.send("00DC0404030A0131") == "6982"
    assert terminal.send(f"0082000410{result}") == "9000"
    number, name = (b"11010519491231002X".hex(), "D5C5C8FD".ljust(60, "0"))
    for update in (
        f"00DC0104140812{number}",
        f"00DC020420091E{name}",
        "00DC0404030A0131",
        "00DC0504030B0101",
        "00DC0704060D0419491231",
    ):
        assert terminal.send(update) == "9000", update
    terminal.data("00A4020002EF05")
    for update in ("00DC05040605" + "0420270101", "00DC06040606" + "0420370101"):
        assert terminal.send(update) == "9000", update
    assert terminal.data("00B2050406") == "050420270101"


def test_reading_a_closed_file_in_two_steps(urumqi: Bench) -> None:
    """ref 02 §6.4, iReadCard_HSM_Step1: alg|004F2E|challenge1|challenge2|, then Lc 10 in DF01."""
    terminal = urumqi.terminal
    flag = terminal.algorithm()
    terminal.data("00A4020002EF05")
    region = terminal.data("00B2010412")[4:10]
    terminal.send("00A4000002DF01")
    terminal.data("00A4020002EF06")
    assert terminal.send("00B2010400") == "6982"
    step1 = f"{flag}|004F2E|{terminal.challenge()}|{terminal.challenge()}|"
    _, address, challenge1, challenge2, _ = step1.split("|")
    key = urumqi.hsm.key(ADDRESSES[address], region, terminal.atr_info, flag)
    result = urumqi.hsm.result(key, challenge2, challenge1)
    assert terminal.send(f"0082008810{result}") == "9000"
    assert terminal.send("00B2010400").startswith("6C")
