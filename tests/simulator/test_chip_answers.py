"""Every APDU case on T=0 and T=1, GET RESPONSE, power and resets, foreign commands."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator import cards
from tests.simulator.cards import DF01, MF, SSSE, VERIFY, Card

from sscard_ic.base import CardError

RECORD = "0110511900D156000005000013DF031A2933"
FCI = "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"
INTERNAL = "008800001001020304050607080102030405060708"
UPDATE = "00DC012C12" + RECORD
Kind = Literal["6Cxx", "short", "T=1"]


def _card(kind: Kind) -> Card:
    features = {
        "6Cxx": {"wrong_le": "6Cxx", "protocol": "T=0"},
        "short": {"wrong_le": "short", "protocol": "T=0"},
        "T=1": {"wrong_le": "6Cxx", "protocol": "T=1"},
    }[kind]
    card = cards.finished_card(cards.with_dialect(features=features))
    card.data(SSSE)
    return card


@pytest.fixture(scope="module")
def by_kind() -> dict[str, Card]:
    kinds: tuple[Kind, ...] = ("6Cxx", "short", "T=1")
    return {kind: _card(kind) for kind in kinds}


@pytest.mark.parametrize(
    ("case", "apdu", "wrong_le", "short", "t1"),
    [
        ("2, Le exact", "00B2012C12", RECORD + "9000", RECORD + "9000", RECORD + "9000"),
        ("2, Le 00", "00B2012C00", "6C12", RECORD + "9000", RECORD + "9000"),
        ("2, Le longer", "00B2012C20", "6C12", RECORD + "9000", "6C12"),
        ("2, Le shorter", "00B2012C05", "6C12", RECORD[:10] + "9000", "6C12"),
        ("2 without Le", "00B2012C", "6112", "6112", RECORD + "9000"),
        ("2, Le odd", "0084000009", "6700", "6700", "6700"),
        ("2, Le 00", "0084000000", "6700", "6700", "6700"),
        ("2 without Le", "00840000", "6700", "6700", "6700"),
        ("3 with answer", SSSE, "6118", "6118", FCI + "9000"),
        ("4", SSSE + "00", "6118", "6118", FCI + "9000"),
        ("4, Le exact", SSSE + "18", "6118", "6118", FCI + "9000"),
        ("4, Le shorter", SSSE + "05", "6118", "6118", FCI[:10] + "9000"),
        ("3 with answer", INTERNAL, "6108", "6108", None),
        ("1, no answer", "80E00200", "6985", "6985", "6985"),
        ("1 as 5 bytes", "80E0020000", "6985", "6985", "6985"),
        ("3", VERIFY, "9000", "9000", "9000"),
        ("4, no answer", VERIFY + "00", "9000", "9000", "9000"),
        ("3, refused", UPDATE, "6982", "6982", "6982"),
        ("Lc too long", "00A4000003DDF1", "6700", "6700", "6700"),
        ("Lc too short", "00A4000001DDF1", "6700", "6700", "6700"),
        ("extended", "00A40000000002DDF1", "6700", "6700", "6700"),
        ("extended Le", "00B2012C000012", "6700", "6700", "6700"),
        ("header cut", "00A400", "6700", "6700", "6700"),
        ("nothing", "", "6700", "6700", "6700"),
    ],
)
def test_cases(
    by_kind: dict[str, Card], case: str, apdu: str, wrong_le: str, short: str, t1: str | None
) -> None:
    assert by_kind["6Cxx"].raw(apdu) == wrong_le, case
    assert by_kind["short"].raw(apdu) == short, case
    if t1 is not None:
        assert by_kind["T=1"].raw(apdu) == t1, case


def test_internal_authenticate_on_t1(by_kind: dict[str, Card]) -> None:
    direct = by_kind["T=1"].raw(INTERNAL)
    assert direct[-4:] == "9000"
    assert len(direct) == 2 * 10
    assert by_kind["6Cxx"].data(INTERNAL) + "9000" == direct


@pytest.mark.parametrize(
    ("apdu", "expected"),
    [
        ("00B0960000", 256 * "00" + "9000"),
        ("00B0960010", 16 * "00" + "9000"),
        ("00B0010028", 40 * "00" + "9000"),
        ("00B0010000", "6C28"),
        ("00B0010029", "6C28"),
        ("00B0010127", 39 * "00" + "9000"),
        ("00B0012801", "6B00"),
    ],
)
def test_read_binary_of_296_bytes(apdu: str, expected: str) -> None:
    """ref 11 §8 step 17: DF01 EF16, 0128 bytes, read freely."""
    card = cards.finished_card()
    card.data(SSSE)
    card.data(DF01)
    card.data("00A4000002EF16")
    assert card.raw(apdu) == expected


class TestGetResponse:
    def test_in_parts(self, by_kind: dict[str, Card]) -> None:
        card = by_kind["6Cxx"]
        assert card.raw(SSSE) == "6118"
        assert card.raw("00C0000010") == FCI[:32] + "6108"
        assert card.raw("00C0000000") == "6C08"
        assert card.raw("00C0000009") == "6C08"
        assert card.raw("00C0000008") == FCI[32:] + "9000"
        assert card.raw("00C0000008") == "6985"

    def test_too_long_where_length_is_not_checked(self, by_kind: dict[str, Card]) -> None:
        card = by_kind["short"]
        card.raw(SSSE)
        assert card.raw("00C0000000") == FCI + "9000"

    @pytest.mark.parametrize("other", ["0084000008", "00", "00B2992C00", "A0A40000023F00"])
    def test_another_command_drops_the_data(self, by_kind: dict[str, Card], other: str) -> None:
        card = by_kind["6Cxx"]
        card.raw(SSSE)
        card.raw(other)
        assert card.raw("00C0000018") == "6985"

    @pytest.mark.parametrize(
        ("apdu", "sw"),
        [
            ("00C0010018", "6A86"),
            ("00C0000001AA", "6700"),
            ("00C00000", "6700"),
            ("80C0000018", "6E00"),
        ],
    )
    def test_malformed(self, by_kind: dict[str, Card], apdu: str, sw: str) -> None:
        card = by_kind["6Cxx"]
        card.raw(SSSE)
        assert card.raw(apdu) == sw
        assert card.raw("00C0000018") == FCI + "9000"

    @pytest.mark.parametrize("cold", [True, False])
    def test_reset_drops_the_data(self, cold: bool) -> None:
        card = _card("6Cxx")
        card.raw(SSSE)
        card.chip.reset(cold=cold)
        assert card.raw("00C0000018") == "6985"


class TestPower:
    def test_without_power(self) -> None:
        card = cards.blank_card()
        atr = card.chip.atr
        card.chip.power_off()
        assert not card.chip.powered
        with pytest.raises(CardError, match="no power"):
            card.raw("0084000008")
        assert card.chip.atr == atr
        assert card.chip.power_on() == atr
        assert card.chip.powered

    @pytest.mark.parametrize("how", ["cold", "warm", "cycle"])
    def test_every_reset_starts_from_the_mf_with_nothing_proved(self, how: str) -> None:
        """ref 09 §2 rules 1 and 2."""
        card = _card("6Cxx")
        card.data(DF01)
        assert card.sw(VERIFY) == "9000"
        assert card.sw("00B2012C00") != "6982"
        card.data("0084000008")
        if how == "cycle":
            card.chip.power_off()
            card.chip.power_on()
        else:
            card.chip.reset(cold=how == "cold")
        assert card.raw("00B2010412") == "6986"
        assert card.sw("00A4000002EF05") == "6A82"
        card.data(SSSE)
        assert card.sw("0082000410" + "00" * 16) == "6984"
        card.data(DF01)
        assert card.sw("00B2012C00") == "6982"

    def test_t1_atr_has_a_check_byte(self, by_kind: dict[str, Card]) -> None:
        atr = by_kind["T=1"].chip.atr
        assert atr.hex().upper().startswith("3BED000001" + "00814842428653" + "5119000013DF")
        check = 0
        for byte in atr[1:]:
            check ^= byte
        assert len(atr) == 19
        assert check == 0

    def test_blank_after_reset(self) -> None:
        card = cards.blank_card(presented=False)
        assert card.sw(MF) == "6A82"
        assert card.sw("00A4000000") == "6A82"
        assert card.sw("00A4030000") == "6A82"
        assert card.sw(SSSE) == "6A82"
        assert card.sw("00B0000000") == "6986"
        assert card.sw("00B0810000") == "6A82"
        assert card.sw(VERIFY) == "6A82"
        assert card.sw("0084000008") == "9000"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("00A4040000", "6A82"),
        ("00A40400", "6A82"),
        ("A0A40000023F00", "6E00"),
        ("FFCA000000", "6E00"),
        ("80CA9F7F00", "6D00"),
        ("00CA9F7F00", "6D00"),
        ("8050000008", "6D00"),
        ("80B2010400", "6E00"),
        ("04B2010404AABBCCDD", "6986"),
        ("04A4000002EF05", "6882"),
        ("84DA0000", "6D00"),
        ("00A4050000", "6A86"),
        ("00A4040106D15600000500", "6A86"),
        ("00A4000C02DDF1", "6A86"),
        ("00A4040011" + "41" * 17, "6A82"),
        ("0084000108", "6A86"),
        ("008400000100", "6700"),
        ("0082010410" + "00" * 16, "6A86"),
        ("0082000407" + "00" * 7, "6700"),
        ("0082000412" + "00" * 18, "6700"),
        ("0082007710" + "00" * 16, "6A88"),
        ("0088010010" + "00" * 16, "6A86"),
        ("0088000008" + "00" * 8, "6700"),
        ("0088000111" + "00" * 16 + "01", "6A88"),
        ("0088000011" + "00" * 16 + "04", "6A88"),
        ("0020010003123456", "6A86"),
        ("00200000", "6700"),
        ("002000000112", "6700"),
        ("002000000712345612345612", "6700"),
        ("0020000103123456", "6A88"),
        ("0020008003123456", "6A88"),
        ("805E000007123456FF654321", "6A86"),
        ("805E010003123456", "6700"),
        ("805E010006123456FF65", "6700"),
        ("805E010007123456FF65432A", "6A80"),
        ("80E0040000", "6A86"),
        ("80E0010100", "6A86"),
    ],
)
def test_refused_commands(apdu: str, sw: str) -> None:
    card = cards.finished_card()
    card.data(SSSE)
    before = card.chip.persistent_state()
    assert card.sw(apdu) == sw
    assert card.chip.persistent_state() == before


_commands = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda head, p, body, le: bytes(head) + bytes(p) + bytes((len(body),)) * bool(body) + body
        + le,
        st.sampled_from(
            [
                (0x00, 0xA4), (0x00, 0xB2), (0x00, 0xDC), (0x00, 0xE2), (0x00, 0xB0), (0x00, 0xD6),
                (0x00, 0x84), (0x00, 0x82), (0x00, 0x88), (0x00, 0x20), (0x80, 0x5E), (0x80, 0xE0),
                (0x80, 0xE1), (0x00, 0x14), (0x00, 0xD2), (0x00, 0xD4), (0x80, 0xD4), (0x04, 0xD4),
                (0x84, 0xD4), (0x00, 0xC0),
            ]
        ),
        st.tuples(
            st.one_of(st.integers(0, 5), st.integers(0, 255)),
            st.one_of(st.integers(0, 5), st.integers(0, 255)),
        ),
        st.one_of(
            st.binary(max_size=255),
            st.sampled_from([bytes.fromhex(step["apdu"])[5:] for step in cards.STEPS]),
        ),
        st.sampled_from([b"", b"\x00", b"\x08"]),
    ),
)  # fmt: skip


@given(st.lists(_commands, max_size=30), st.sampled_from(["blank", "open", "finished"]))
def test_whatever_comes_the_card_answers(commands: list[bytes], state: str) -> None:
    make = {
        "blank": cards.blank_card,
        "open": cards.ssse_card,
        "finished": cards.finished_card,
    }
    card = make[state]()
    for command in commands:
        assert len(card.chip.transmit(command)) >= 2
    card.chip.reset(cold=True)
    assert card.raw("0084000008") == "0123456789ABCDEF9000"
