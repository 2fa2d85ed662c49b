"""Sessions with the bank's applications in words, and what is never among them."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.explain.test_explained_secrets import everything
from tests.support.bank_plans import SET, bank_model, bank_plan, bank_profile
from tests.support.bank_vaults import KMC, bank_vault

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.redaction import Redactor
from sscard_ic.apdu.trace import command_text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card.bank_personalization import BankPersonalizer
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.explain import Detail, Explainer, Explanation
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import blank

_SESSIONS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "explain_bank.toml").read_text("utf-8")
)["session"]
SELECT = "00A4040008A00000033301010100"
PDOL = "9F7A01" + "9F0206" + "5F2A02" + "DF6901"
FCI = "6F1D8408A000000333010101A5119F380C" + PDOL + "5F2D020000"
BARE = "6F0C8408A000000333010101A500"
UPDATE = (
    "8050010008112233445566778800",
    "0000000102030405060701020001A1A2A3A4A5A6996B8F24B44C9B75",
)


class Wire:
    """An explainer that is talked to in hex digits."""

    def __init__(self, *before: tuple[str, str]) -> None:
        self.explainer = Explainer()
        for command, data in before:
            self.send(command, data)

    def send(self, command: str, data: str = "", sw: str = "9000") -> Explanation:
        return self.explainer.exchange(bytes.fromhex(command), bytes.fromhex(data + sw))


def values(details: tuple[Detail, ...]) -> dict[str, str]:
    """Values by tag, at every depth."""
    found: dict[str, str] = {}
    for detail in details:
        found[detail.tag or detail.name.en] = detail.value.en if detail.value else str(detail.raw)
        found.update(values(detail.parts))
    return found


@pytest.mark.parametrize("session", _SESSIONS, ids=[each["title"] for each in _SESSIONS])
def test_summaries(session: dict[str, Any]) -> None:
    wire = Wire()
    told = [wire.send(step["command"], step["answer"], "") for step in session["step"]]
    assert [each.summary.en for each in told] == [step["en"] for step in session["step"]]
    assert [each.summary.zh for each in told] == [step["zh"] for step in session["step"]]


# -- transaction ------------------------------------------------------------------------------


def test_values_are_split_by_the_lists_of_this_card() -> None:
    wire = Wire((SELECT, FCI))
    options = wire.send("80A800000C830A0100000001000001560000", "770A82027C00940408010100")
    assert values(options.details) == {
        "9F7A": "1",
        "9F02": "100.00 yuan",
        "5F2A": "0156",
        "DF69": "0",
    }
    wire.send("00B2010C00", "700C8C05" + "9505" + "9F3704" + "8D03" + "8A0295")
    wire.send("00B2010C00", "700D8C05" + "9505" + "9F3704" + "8D04" + "8A029505")
    first = wire.send("80AE90000900000080001122334400", "")
    assert values(first.details) == {"95": "floor limit exceeded", "9F37": "11223344"}
    assert "ARQC, combined" in first.summary.en
    second = wire.send("80AE400007" + "3030" + "0000000000" + "00", "")
    assert values(second.details) == {"8A": "00 approved", "95": "none"}
    wire.send("80A800000C830A0100000001000001560000", "")
    again = wire.send("80AE80000900000080001122334400", "")
    assert values(again.details) == values(first.details)


def test_over_t0_the_lists_come_with_get_response() -> None:
    wire = Wire()
    wire.send(SELECT, "", "611F")
    wire.send("00C000001F", FCI)
    told = wire.send("80A800000C830A0100000001000001560000", "")
    assert values(told.details)["9F02"] == "100.00 yuan"


def test_another_length_than_the_list_asks_for_is_said() -> None:
    wire = Wire((SELECT, FCI))
    (only,) = wire.send("80A80000048302010200", "").details
    assert [remark.en for remark in only.remarks] == ["the list asks for 10 bytes, here are 2"]
    assert [remark.zh for remark in only.remarks] == ["列表要求 10 字节，此处 2 字节"]


def test_without_a_list_the_values_are_bytes() -> None:
    wire = Wire((SELECT, BARE))
    (only,) = wire.send("80AE80000900000080001122334400", "").details
    assert str(only.raw) == "000000800011223344"


def test_a_trace_in_which_values_are_hidden() -> None:
    wire = Wire((SELECT, FCI))
    command = Masked.of(bytes.fromhex("80A800000C830A"), 10, b"\x00")
    told = wire.explainer.exchange_with(command, Masked.of(12), 0x9000)
    assert values(told.details)["9F02"] == "‹6 bytes›"


def test_issuer_data_with_amounts() -> None:
    wire = Wire((SELECT, BARE))
    answer = "801E8000015E8D55683F6B1CDC07000103A02000010A01000001000029BD3A6C"
    told = wire.send("80AE800000", answer)
    assert values(told.answer)["9F10"] == (
        "DKI 00, CVN 01, 3DES, CVR: first ARQC, velocity exceeded; EC balance 100.00 yuan"
    )


def test_a_payment_by_air_is_one_answer() -> None:
    """qPBOC: everything comes with GPO (ref 04 §8.3)."""
    wire = Wire((SELECT, BARE))
    answer = "82027C00" + "9F360201A7" + "9F10080700010390000001" + "9F26081122334455667788"
    told = wire.send("80A8000002830000", f"77{len(answer) // 2:02X}{answer}")
    assert told.summary.en.endswith(
        "→ AIP: SDA, DDA, cardholder verification, "
        "terminal risk management, issuer authentication, TC, ATC 423"
    )


def test_numbers_of_cards_are_masked_in_words() -> None:
    wire = Wire((SELECT, BARE))
    track = wire.send("00B2010C00", "701957138888800000123456D49122200000000000000F5F340101")
    assert values(track.answer)["57"] == "888880******3456D4912220*************"
    pan = wire.send("00B2021C00", "700A5A088888800000123456")
    assert pan.summary.en.endswith("→ 888880******3456")
    first = "42" + b"8888800000123456^A".hex()
    told = wire.send("00B2010C00", f"70{len(first) // 2 + 3:02X}9F1F{len(first) // 2:02X}{first}")
    assert "8888800000123456" not in told.summary.en


def test_other_places_keep_their_words() -> None:
    wire = Wire()
    assert wire.send("00B2010C00", "").summary.en.startswith("READ RECORD SSSE")
    wallet = "805000020B01" + "00000064" + "112233445566"
    assert "INITIALIZE FOR LOAD" in wire.send(wallet).summary.en


# -- personalization --------------------------------------------------------------------------


def test_contents_of_open_groups_are_told() -> None:
    wire = Wire((SELECT, BARE), UPDATE)
    told = wire.send("80E2000012" + "910412"[:0] + "91040F" + "82027C0094090801020010010500" + "18")
    assert values(told.details)["82"].startswith("SDA, DDA")
    check = wire.send("80E200010C90000975EFD750436CAD7130")
    assert values(check.details)["check value of MAC"] == "50436C"
    two = wire.send("80E280020A" + "9010020303" + "9104020102")
    assert two.summary.en == (
        "STORE DATA block 2, 9010 PIN tries, 9104 AIP and AFL of contact debit, the last one"
    )


@pytest.mark.parametrize(
    "command",
    [
        "80E2600033800030" + "DE" * 48,
        "80E2000033800030" + "DE" * 48,
        "80E200000B801008" + "DE" * 8,
        "80E2000023810020" + "DE" * 32,
        "80E2000008" + "9010020303" + "DEDEDE",
        "80E200000AA00107" + "DE" * 7,
        "80E6000010" + "DE" * 16,
        "80D8000010" + "DE" * 16,
        "80F0000010" + "DE" * 16,
        "8482010010" + "DE" * 16,
    ],
)
def test_what_may_be_a_key_is_hidden(command: str) -> None:
    for before in ((), ((SELECT, BARE), UPDATE)):
        told = Wire(*before).send(command)
        assert "DEDE" not in everything(told).replace(" ", "")


def test_a_key_that_goes_on_in_the_next_command_is_hidden() -> None:
    wire = Wire((SELECT, BARE), UPDATE)
    begun = wire.send("80E2600010800030" + "DE" * 13)
    assert "its beginning" in begun.summary.en
    # The rest looks like a data group.
    for part in ("01010E" + "DE" * 14, "9010020303" + "DE" * 13):
        told = wire.send(f"80E26001{len(part) // 2:02X}{part}")
        assert "continued" in told.summary.en
        assert "DE" * 4 not in everything(told).replace(" ", "")
    after = wire.send("80E28002059010020303")
    assert after.summary.en == "STORE DATA block 2, 9010 PIN tries, the last one"


def test_a_refused_part_begins_anew() -> None:
    wire = Wire((SELECT, BARE), UPDATE)
    wire.send("80E2000010010120" + "AA" * 13, sw="6A80")
    told = wire.send("80E2600010800030" + "DE" * 13)
    assert "8000 3DES keys AC, MAC, ENC, its beginning" in told.summary.en
    assert "DEDE" not in everything(told).replace(" ", "")


def test_after_half_a_head_nothing_is_told() -> None:
    wire = Wire((SELECT, BARE), UPDATE)
    wire.send("80E2000007" + "9010020303" + "8010")
    told = wire.send("80E2000109" + "0826123456FFFFFFFF")
    assert "123456" not in everything(told).replace(" ", "")


# -- a whole card -----------------------------------------------------------------------------


class Log(Wrapper):
    """Keeps what was sent and answered."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.exchanges: list[tuple[bytes, bytes]] = []

    def transmit(self, command: Secretive) -> bytes:
        answer = self.inner.transmit(command)
        raw = command.reveal() if isinstance(command, Secret) else bytes(command)
        self.exchanges.append((raw, answer))
        return answer


def _built(**settings: Any) -> list[tuple[bytes, bytes]]:
    model = bank_model(**settings)
    chip = blank(bank_profile(model), bytes(6), transport_key=bytes(16), card_manager_key=KMC)
    log = Log(VirtualConnection(chip))
    BankPersonalizer(open_session(log), model, bank_vault()).personalize(bank_plan())
    return log.exchanges


@cache
def _secrets() -> tuple[str, ...]:
    suite = BankSuite("3des")
    keys = [
        suite.card_key(bytes.fromhex(value), SET["pan"], SET["sequence"])
        for value in SET["keys"].values()
        if len(value) == 32
    ]
    parts = [bytes.fromhex(value) for value in SET["rsa"].values() if len(value) == 128]
    return tuple(each.hex().upper() for each in (*keys, *parts, b"\x26\x12\x34\x56\xff\xff"))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="as shipped"),
        pytest.param({"level": "00", "longest_group": 16}, id="plain and short"),
        pytest.param({"level": "03"}, id="enciphered"),
        pytest.param({"joined_groups": True, "protocol": "01"}, id="joined"),
    ],
)
def test_no_secret_of_a_whole_personalization_is_told_or_written_down(
    settings: dict[str, Any],
) -> None:
    explainer, redactor = Explainer(), Redactor()
    enciphered = False
    for command, answer in _built(**settings):
        told = everything(explainer.exchange(command, answer)).replace(" ", "")
        written = command_text(redactor.command(command)).replace(" ", "")
        written += str(redactor.answer(answer[:-2])).replace(" ", "")
        for secret in _secrets():
            assert secret[:16] not in told
            assert secret[:16] not in written
        if command[1] == 0xE2 and command[2] & 0x60:
            enciphered = True
            hidden = command[8:].hex().upper()
            assert len(hidden) < 12 or hidden not in told + written
        if command[1] == 0x82:
            assert command[5:13].hex().upper() not in told + written
        if command[1] == 0x50:
            assert answer[20:28].hex().upper() not in written
    assert enciphered
