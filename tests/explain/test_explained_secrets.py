"""No PIN and no key is shown, whatever the lengths of its command say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.explain import Detail, Explainer, Explanation

PIN, KEY = "314159", "404142434445464748494A4B4C4D4E4F"


def everything(told: Explanation) -> str:
    """All that an explanation says, in both languages."""

    def parts(details: tuple[Detail, ...]) -> str:
        return "".join(
            f"{each.name}{each.value}{each.raw}{each.remarks}{parts(each.parts)}"
            for each in details
        )

    texts = f"{told.summary}{told.name}{told.meaning}{told.remarks}{told.command}{told.data}"
    return texts + parts(told.details) + parts(told.answer)


COMMANDS = {
    "VERIFY": f"0020000003{PIN}",
    "VERIFY with a wrong Lc": f"0020000004{PIN}",
    "VERIFY without Lc": f"00200000{PIN}",
    "VERIFY of another class": f"8020000003{PIN}",
    "VERIFY with a MAC": f"0420000007{PIN}01020304",
    "VERIFY of a bank": f"002000800826{PIN}FFFFFFFF",
    "CHANGE PIN": f"805E010007{PIN}FF{PIN}",
    "RELOAD PIN": f"805E000007{PIN}01020304",
    "PIN CHANGE/UNBLOCK": f"842400010C{PIN}000000000001020304",
    "WRITE KEY": f"00D40000180D0401EF33003310{KEY}",
    "WRITE KEY without header": f"00D4000010{KEY}",
    "WRITE KEY with a wrong Lc": f"00D40000200D0401EF33003310{KEY}",
    "WRITE KEY of a PIN": f"00D4000018010000EF33115503{PIN}" + "FF" * 13,
    "WRITE KEY of MCOS": f"80D400011800040100000003 33{KEY}".replace(" ", ""),
    "WRITE KEY of FMCOS": f"80D4010015F9F0F0AA33{KEY}",
    "WRITE KEY of HDOS": f"80D40000 18 0400000103000033 {KEY}".replace(" ", ""),
    "transport code": f"80E0030008{PIN}0000000000",
    "transport code of HDOS": f"8000000008{PIN}0000000000",
    "HASH": f"80C4000010{KEY}",
    "unknown 802E": f"802E000010{KEY}",
    "unknown 80D2": f"80D2000003{PIN}",
    "unknown of MCOS's class": f"BF77000010{KEY}",
    "unknown of the medical class": f"B077000010{KEY}",
    "STORE DATA": f"80E2800010{KEY}",
    "IMPORT SESSION KEY": f"804A021012C110{KEY}",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_secrets_are_not_shown(name: str) -> None:
    told = Explainer().exchange(bytes.fromhex(COMMANDS[name]), b"\x90\x00")
    said = everything(told).replace(" ", "")
    assert PIN not in said
    assert KEY not in said
    assert KEY[:12] not in said


@pytest.mark.parametrize("name", COMMANDS)
def test_secrets_on_demand(name: str) -> None:
    explainer = Explainer(with_secrets=True)
    told = explainer.exchange(bytes.fromhex(COMMANDS[name]), b"\x90\x00")
    assert str(told.command) == COMMANDS[name]


def test_a_card_that_echoes_shows_nothing() -> None:
    told = Explainer().exchange(bytes.fromhex(f"0020000003{PIN}"), bytes.fromhex(f"{PIN}9000"))
    assert PIN not in everything(told)
    explainer = Explainer()
    explainer.exchange(bytes.fromhex(f"0020000003{PIN}"), b"\x61\x03")
    told = explainer.exchange(bytes.fromhex("00C0000003"), bytes.fromhex(f"{PIN}9000"))
    assert PIN not in everything(told)


@given(
    st.sampled_from([0x00, 0x04, 0x80, 0x84]),
    st.sampled_from([0x20, 0x24, 0x5E, 0xD4]),
    st.binary(min_size=2, max_size=2),
    st.binary(max_size=3),
    st.binary(max_size=3),
)
def test_no_arrangement_shows_a_pin(
    cla: int, ins: int, parameters: bytes, before: bytes, after: bytes
) -> None:
    raw = bytes((cla, ins)) + parameters + before + bytes.fromhex(PIN + PIN) + after
    assert PIN + PIN not in everything(Explainer().command(raw))


def test_the_answer_of_an_unknown_command_is_a_length() -> None:
    explainer = Explainer()
    first = explainer.exchange(bytes.fromhex("802E000003010203"), b"\x61\x10")
    second = explainer.exchange(bytes.fromhex("00C0000010"), bytes.fromhex(KEY + "9000"))
    assert KEY not in everything(first) + everything(second).replace(" ", "")


def test_a_plain_command_without_words_of_its_own_is_shown() -> None:
    told = Explainer().exchange(bytes.fromhex("00E4000002EF05"), b"\x90\x00")
    assert "EF05" in everything(told).replace(" ", "")
