"""What of commands and answers is written down (ref 01 §4, §9, §11; 02 §1.3, §3; 11 §5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.apdu import Command, ssc
from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.redaction import Redactor, redact_atr
from sscard_ic.apdu.trace import command_text
from sscard_ic.base import Secret

SSSE = "7378312E73682EC9E7BBE1B1A3D5CF"
HISTORICAL = "00814842428653651900000007"
"""In the form of ref 01 §9.6, with a number made for this test."""


def shown(command: str, *, secret: bool = False) -> str:
    return command_text(Redactor().command(bytes.fromhex(command), secret=secret))


def answer(command: str, data: str, *, secret: bool = False) -> str:
    redactor = Redactor()
    redactor.command(bytes.fromhex(command), secret=secret)
    return str(redactor.answer(bytes.fromhex(data)))


@pytest.mark.parametrize(
    "command",
    [
        f"00A404000F{SSSE}",  # by name, ref 02 §1.2
        "00A40000023F00",
        "00A4020002EF05",
        "0084000008",
        "00B2010412",
        "00B0880000",
        "00B0000000012C",  # extended Le
        "00C0000018",
        "0088000010" + "11" * 16 + "08",  # challenges, ref 02 §3.5
        "0088000011" + "11" * 17,  # with the version of the key
        "80E0010010000000001AEF80C300800018EFEF00FF",  # ref 11 §8
        "80E0020000",
        "80CA9F7909",
        "00DC0104060304322E3030",  # specification version
        "00DC01040E040C915600000221020021020001",  # initialising institution
        "00DC051C06050420261121",  # date of issue
        "8040000008C0020012C2020013",  # files of a key pair, ref 02 §8.2
        "80C9820008C0020012C2020013",
        "80C9828042",
    ],
)
def test_names_structure_and_challenges_are_shown(command: str) -> None:
    assert shown(command) == command


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("0020000003123456", "00200000 ‹3 bytes›"),  # VERIFY
        ("805E010007123456FF258036", "805E0100 ‹7 bytes›"),  # CHANGE PIN
        ("842400010C" + "55" * 12, "84240001 ‹12 bytes›"),
        ("80E0030008" + "55" * 8, "80E00300 ‹8 bytes›"),  # transport code
        ("80E0050008" + "55" * 8, "80E00500 ‹8 bytes›"),  # number of the chip
        ("00D4010018" + "55" * 24, "00D40100 ‹24 bytes›"),
        ("80D4000020" + "55" * 32, "80D40000 ‹32 bytes›"),
        ("0082000410" + "55" * 16, "00820004 ‹16 bytes›"),  # cryptogram
        ("0088000009" + "55" * 9 + "08", "00880000 ‹9 bytes› Le 08"),
        ("00D6008003555555", "00D60080 ‹3 bytes›"),
        ("BFDE481218" + "55" * 24, "BFDE4812 ‹24 bytes›"),  # PSAM: factors
        ("80FA000008" + "55" * 8 + "00", "80FA0000 ‹8 bytes› Le 00"),
        ("04DC01040A" + "0304322E3030" + "55" * 4, "04DC0104 ‹10 bytes›"),  # with MAC
        ("00D600000001" + "2C" + "55" * 300, "00D60000 ‹300 bytes›"),
        ("00D600000001" + "2C" + "55" * 300 + "0000", "00D60000 ‹300 bytes› Le 0000"),
        ("00880000000003555555" + "0200", "00880000 ‹3 bytes› Le 0200"),
        ("00A4040011" + "55" * 17, "00A40400 ‹17 bytes›"),  # longer than any name
        # The certificate application, ref 02 §8.2, §8.8.
        ("80C4010305C10312345600", "80C40103 ‹5 bytes› Le 00"),  # a PIN that the card hashes
        ("80C401030612345678123456", "raw 80C40103 ‹8 bytes›"),
        ("0020018110" + "55" * 16, "00200181 ‹16 bytes›"),
        ("845E010014" + "55" * 20, "845E0100 ‹20 bytes›"),
        ("84D4010024" + "55" * 36, "84D40100 ‹36 bytes›"),
        ("804A021012C110" + "55" * 16, "804A0210 ‹18 bytes›"),
        ("80C2C00126C2020015CB20" + "55" * 32, "80C2C001 C2020015 ‹34 bytes›"),
        ("80C2400046C0020014CA40" + "55" * 64, "80C24000 C0020014 ‹66 bytes›"),
        ("804E000178C2020013C1820070" + "55" * 112, "804E0001 C2020013 ‹116 bytes›"),
        ("804E000178C2020013C1820070" + "55" * 112 + "10", "raw 804E0001 ‹122 bytes›"),
        ("804C000126C2020013C120" + "55" * 32, "804C0001 C2020013 ‹34 bytes›"),
        ("8040000006C00212C20213", "80400000 C00212C2 ‹2 bytes›"),
        ("80C2C00105C202001555", "80C2C001 C2020015 ‹1 byte›"),
        ("80C2C00103C20200", "80C2C001 ‹3 bytes›"),
        ("80C2C00108C2020015C2025555", "80C2C001 C2020015 ‹4 bytes›"),
    ],
)
def test_everything_else_is_a_length(command: str, expected: str) -> None:
    assert shown(command) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00DC0104140812" + "31" * 18, "00DC0104 0812 ‹18 bytes›"),  # by number
        ("00DC0830140812" + "31" * 18, "00DC0830 0812 ‹18 bytes›"),  # by tag, ref 01 §11.2
        ("00DC0930140812" + "31" * 18, "00DC0930 ‹20 bytes›"),  # another tag than asked for
        ("00E20028050903313233", "00E20028 0903 ‹3 bytes›"),
        ("00DC01040302" + "0133", "00DC0104 0201 ‹1 byte›"),  # category: the holder's age
        ("00DC0104060604" + "20361121", "00DC0104 0604 ‹4 bytes›"),  # expiry: the same
        ("00DC0104050503" + "202611", "00DC0104 0503 ‹3 bytes›"),  # a date of another length
        (
            "00DC0104120110210200D1560000050000001234567890",
            "00DC0104 0110210200D156000005 ‹8 bytes›",
        ),
        ("00DC0104120110" + "55" * 16, "00DC0104 0110 ‹16 bytes›"),  # no identification code
        ("00DC000303" + "0007" + "31", "00DC0003 ‹3 bytes›"),  # raw record of a cyclic file
        ("00DC01042000" + "1E" + "31" * 30, "00DC0104 ‹32 bytes›"),
    ],
)
def test_records_that_are_written(command: str, expected: str) -> None:
    assert shown(command) == expected


def test_whatever_comes_as_a_secret_is_hidden_behind_its_header() -> None:
    verify = ssc.verify(Secret(bytes.fromhex("123456")))
    assert shown(verify.reveal().hex(), secret=True) == "00200000 ‹3 bytes›"
    assert shown(f"00A404000F{SSSE}00", secret=True) == "00A40400 ‹15 bytes› Le 00"
    assert shown("0020000012", secret=True) == "raw 00200000 ‹1 byte›"
    assert shown("123456", secret=True) == "raw ‹3 bytes›"
    assert answer("0084000008", "1122334455667788", secret=True) == "‹8 bytes›"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("", ""),
        ("12", "raw ‹1 byte›"),
        ("123456", "raw ‹3 bytes›"),
        ("00A40400", "00A40400"),
        ("00200000123456", "raw 00200000 ‹3 bytes›"),  # a PIN without its length
        ("00A404000FFF", "raw 00A40400 ‹2 bytes›"),
        ("00D60000000003555555", "raw 00D60000 ‹6 bytes›"),  # extended where short would do
        # Lc forgotten or wrong, so that a PIN or the end of a key is where Le would be
        ("00200000001234", "raw 00200000 ‹3 bytes›"),
        ("805E0100001234", "raw 805E0100 ‹3 bytes›"),
        ("0020000012", "raw 00200000 ‹1 byte›"),
        ("0020000002123456", "raw 00200000 ‹4 bytes›"),
        ("002000000312345678", "raw 00200000 ‹5 bytes›"),
        ("80D4000017" + "55" * 24, "raw 80D40000 ‹25 bytes›"),
        ("80FA000008" + "55" * 9, "raw 80FA0000 ‹10 bytes›"),
        ("00D60000000003555555" + "0200", "raw 00D60000 ‹8 bytes›"),
    ],
)
def test_commands_whose_lengths_disagree(command: str, expected: str) -> None:
    assert shown(command) == expected


@given(
    st.sampled_from(["00200000", "805E0100", "84240001", "80D40000", "00D40100", "00820004"]),
    st.binary(max_size=40),
)
def test_behind_the_header_of_a_command_with_secrets_no_data_are_shown(
    header: str, body: bytes
) -> None:
    """Whatever Lc says: only an Lc that agrees, and 00, are shown."""
    first, *rest = Redactor().command(bytes.fromhex(header) + body).parts
    assert isinstance(first, bytes)
    size = rest[0] if rest and isinstance(rest[0], int) else 0
    assert not any(first[4:]) or int.from_bytes(first[4:], "big") == size
    assert [part for part in rest if isinstance(part, bytes) and any(part)] == []


@pytest.mark.parametrize(
    ("command", "data", "expected"),
    [
        # ref 01 §2.3
        (f"00A404000F{SSSE}", f"6F16840F{SSSE}A50388011E", f"6F16840F{SSSE}A50388011E"),
        ("00A40000023F00", "6F06A5049F0C0155", "6F06A5049F0C01 ‹1 byte›"),
        (  # an SM4 card
            f"00A404000F{SSSE}",
            f"6F1A840F{SSSE}A50788011E9F0C8603",
            f"6F1A840F{SSSE}A50788011E9F0C8603",
        ),
        ("00A40000023F00", "6F07850255669F0C8603", "‹10 bytes›"),
        ("00A40000023F00", "6F08850255669F0C8603", "6F088502 ‹2 bytes› 9F0C8603"),
        ("00A40000023F00", "9F0C8603", "‹4 bytes›"),
        ("00A40000023F00", "6F0285035566", "‹6 bytes›"),  # broken
        ("00A40000023F00", "7003840155", "‹5 bytes›"),  # no FCI
        ("00A40000023F00", "6F8103840155", "‹6 bytes›"),  # a longer form of length
        ("0084000008", "1122334455667788", "1122334455667788"),
        ("0084000008", "55" * 33, "‹33 bytes›"),
        ("0088000008" + "55" * 8, "1122334455667788", "‹8 bytes›"),
        ("00B0880000", "0304322E3030", "‹6 bytes›"),
        ("80CA9F7900", "9F7906000000001234", "‹9 bytes›"),
        ("B026000104", "00001234", "‹4 bytes›"),
        ("00B2010412", "0110210200D156000005" + "55" * 8, "0110210200D156000005 ‹8 bytes›"),
        ("00B2032C06", "0304322E3030", "0304322E3030"),
        ("00B2010020", "091E" + "31" * 30, "‹32 bytes›"),  # asked for tag 01
        ("00B2090020", "091E" + "31" * 30, "091E ‹30 bytes›"),
        # all records, ref 01 §12.1
        ("00B2010540", "0304322E30300709" + "31" * 9, "0304322E30300709 ‹9 bytes›"),
        ("00B2010540", "0304322E30300709" + "31" * 8, "‹16 bytes›"),
        ("00B2010404", "0304322E30300304322E3030", "‹12 bytes›"),  # two where one was asked for
        ("00B2010455", "31" * 85, "‹85 bytes›"),  # raw records, ref 01 §4.4
        ("00B2010404", "00020000", "‹4 bytes›"),
        # directory, ref 11 §5.4; an item of the card has the tag 70 too, ref 01 §4.5
        (
            "00B2011C00",
            "700B61094F05D1560000055000",
            "700B61094F05D1560000055000",
        ),
        ("00B2010405", "7003500101", "7003 ‹3 bytes›"),
        ("00B2010405", "6103500101", "6103 ‹3 bytes›"),
        ("00B2010407", "70056103500101", "7005 ‹5 bytes›"),
        # The certificate application, ref 02 §8.2, §8.9.
        (
            "00A404000C504B492EC9E7BBE1B1A3D5CF",
            "6F14840C504B492EC9E7BBE1B1A3D5CF730492023330",
            "6F14840C504B492EC9E7BBE1B1A3D5CF73049202 ‹2 bytes›",
        ),
        ("0084000010", "55" * 16, "55" * 16),
        ("80C4010305C10312345600", "55" * 32, "‹32 bytes›"),  # opens like the PIN
        ("804E000178C2020013C1820070" + "55" * 112, "55" * 16, "‹16 bytes›"),
        ("804C000126C2020013C120" + "55" * 32, "55" * 64, "‹64 bytes›"),
        ("80C9828042", "0040" + "55" * 64, "‹66 bytes›"),
        ("00B0000042", "0040" + "55" * 64, "‹66 bytes›"),
        ("00B0000010", "30820276" + "55" * 12, "‹16 bytes›"),
    ],
)
def test_answers(command: str, data: str, expected: str) -> None:
    assert answer(command, data) == expected


def test_what_get_response_fetches_belongs_to_the_command_before_it() -> None:
    fci = bytes.fromhex("6F06840401020304")
    redactor = Redactor()
    redactor.command(bytes.fromhex("00A40000023F00"))
    assert redactor.answer(b"") == Masked()
    redactor.command(bytes.fromhex("00C0000008"))
    assert redactor.answer(fci) == Masked.of(fci)
    for first, secret in (("0088000008" + "55" * 8, False), ("00A40000023F00", True)):
        redactor = Redactor()
        redactor.command(bytes.fromhex(first), secret=secret)
        redactor.command(bytes.fromhex("00C0000008"))
        assert redactor.answer(fci) == Masked.of(8)


def test_data_behind_a_challenge_are_no_challenge() -> None:
    redactor = Redactor()
    redactor.command(bytes.fromhex("0084000008"))
    redactor.command(bytes.fromhex("00C0000008"))
    assert redactor.answer(bytes(8)) == Masked.of(8)


@pytest.mark.parametrize(
    ("atr", "expected"),
    [
        (f"3B6D0000{HISTORICAL}", "3B6D000000814842428653 ‹6 bytes›"),
        (f"3B9D9501{HISTORICAL}5A", "3B9D950100814842428653 ‹7 bytes›"),  # TCK, ref 01 §9.6
        ("3B04" + "31323334", "3B04 ‹4 bytes›"),
        ("3B00", "3B00"),
        ("3B6D0000" + HISTORICAL[:10], "‹9 bytes›"),  # cut
        ("3B0D" + "00" * 13 + "00", "3B0D00000000000000 ‹7 bytes›"),
        ("", ""),
    ],
)
def test_the_number_in_an_atr_is_hidden(atr: str, expected: str) -> None:
    assert str(redact_atr(bytes.fromhex(atr))) == expected


HEADERS = [
    *("00A40400", "00B20104", "00B20105", "00B20100", "00DC0104", "00E20028"),
    *("00C00000", "00840000", "00880000", "80E00100", "00200000", "70700000"),
]
_header = st.sampled_from([bytes.fromhex(header) for header in HEADERS])
_byte = st.integers(0, 255)
_bytes = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda head, tail: head + tail, _header, st.binary(max_size=40)),
    st.builds(
        lambda head, data, le: bytes(Command(head[0], head[1], head[2], head[3], data, le)),
        _header,
        st.binary(max_size=300),
        st.one_of(st.none(), st.integers(1, 300)),
    ),
)
_data = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda tag, value: bytes((tag, len(value))) + value, _byte, st.binary(max_size=255)),
)


@given(st.lists(st.tuples(_bytes, st.booleans(), _data), max_size=4), st.binary(max_size=40))
def test_any_bytes_are_redacted_and_never_altered(
    exchanges: list[tuple[bytes, bool, bytes]], atr: bytes
) -> None:
    redactor = Redactor()
    for raw, secret, data in exchanges:
        command = redactor.command(raw, secret=secret)
        assert command.matches(raw)
        assert redactor.answer(data).matches(data)
        if secret:
            visible = sum(len(part) for part in command.parts if isinstance(part, bytes))
            assert visible <= 4 + 3 + 2
            assert redactor.answer(data) == Masked.of(len(data))
    assert redact_atr(atr).matches(atr)
