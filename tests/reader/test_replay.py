"""Recorded sessions as cards: strict and tolerant."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.plant import INITIAL_PIN, NEW_PIN, Issued

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.trace import Exchange, NoAnswer, Opened, Reset, parse, write
from sscard_ic.base import InputError, Secret
from sscard_ic.card import SocialSecurityCard, recognise
from sscard_ic.lifecycle import activate
from sscard_ic.reader import Connection, errors, open_session
from sscard_ic.reader.errors import CardRemoved, MuteCard, ReaderError
from sscard_ic.reader.replay import ReplayConnection, ReplayError, open_replay
from sscard_ic.reader.trace import TraceWriter
from sscard_ic.reader.virtual import VirtualConnection

SESSION = """\
# sscard trace 1
# protocol: T=1
R cold 3B6D000000814842428653 ‹6 bytes›
> 00A4020002EF05
< 9000 1.000
> 00B2010412
< 0110 210200D156000005 ‹8 bytes› 9000 1.000
> 00200000 ‹3 bytes›
< 63C2 1.000
> 0084000008
< 1122334455667788 9000 1.000
> 0082000410 1E008343409B5CEB 1122334455667788
< 9000 1.000
R warm 3B00
> 0084000008
< 8877665544332211 9000 1.000
> 00B2020412
! removed 1.000
> 00B2030412
"""
SELECT = bytes.fromhex("00A4020002EF05")
READ = bytes.fromhex("00B2010412")
CHALLENGE = bytes.fromhex("0084000008")


def replay(text: str = SESSION, *, tolerant: bool = False) -> ReplayConnection:
    return ReplayConnection(parse(text.encode(), "a.trace"), where="a.trace", tolerant=tolerant)


def shorter(lines: int) -> str:
    """The session from line ``lines`` on, with its head."""
    every = SESSION.splitlines(keepends=True)
    return "".join(every[:3] + every[lines - 1 :])


# -- strict ----------------------------------------------------------------------------------


def test_a_strict_replay_answers_in_the_recorded_order() -> None:
    card = replay(shorter(8))
    assert card.protocol == "T=1"
    assert card.atr == bytes.fromhex("3B6D000000814842428653" + "00" * 6)
    assert card.transmit(Secret(bytes.fromhex("0020000003999999"))).hex() == "63c2"
    assert card.transmit(CHALLENGE).hex() == "11223344556677889000"
    card.transmit(bytes.fromhex("00820004101E008343409B5CEB1122334455667788"))
    assert card.reset(cold=False) == card.atr == b"\x3b\x00"
    assert card.transmit(CHALLENGE).hex() == "88776655443322119000"
    card.close()


def test_another_command_than_the_recorded_one() -> None:
    card = replay()
    with pytest.raises(ReplayError) as caught:
        card.transmit(CHALLENGE)
    assert caught.value.kind == "replay"
    assert caught.value.render("en") == (
        "a.trace:4: command 00A40200 was recorded, but command 00840000 came\n"
        "  → --tolerant replays in any order"
    )
    assert caught.value.what.zh == "记录的是命令 00A40200，而来的是命令 00840000"
    assert card.transmit(SELECT).hex() == "9000"


def test_another_pin_length_is_told_without_the_pin() -> None:
    card = replay(shorter(8))
    with pytest.raises(ReplayError) as caught:
        card.transmit(Secret(bytes.fromhex("002000000412345678")))
    message = caught.value.render("en") + caught.value.render("zh")
    assert "command 00200000 came with other data or another length" in message
    assert "1234" not in message


def test_bytes_that_are_no_command_are_not_told() -> None:
    with pytest.raises(ReplayError) as caught:
        replay().transmit(b"\x12\x34\x56")
    assert "command ‹3 bytes› came" in caught.value.what.en
    assert "123456" not in str(caught.value)


def test_an_authentication_with_other_random_numbers() -> None:
    card = replay(shorter(12))
    with pytest.raises(ReplayError, match="random numbers, new ones each time: use --tolerant"):
        card.transmit(bytes.fromhex("0082000410") + bytes(16))


def test_a_hidden_answer_is_an_error() -> None:
    card = replay()
    card.transmit(SELECT)
    with pytest.raises(ReplayError) as caught:
        card.transmit(READ)
    assert caught.value.where == "a.trace:6"
    assert caught.value.what.en == "the recording is redacted: the answer to 00B20104 is hidden"
    assert caught.value.hint is not None
    assert "--with-secrets" in caught.value.hint.en


def test_resets_must_be_the_recorded_ones() -> None:
    card = replay(shorter(14))
    with pytest.raises(ReplayError, match="a warm reset was recorded, but a cold reset came"):
        card.reset(cold=True)
    with pytest.raises(ReplayError, match="a warm reset was recorded, but command 00840000 came"):
        card.transmit(CHALLENGE)
    card.reset(cold=False)
    with pytest.raises(ReplayError, match="command 00840000 was recorded, but a warm reset came"):
        card.reset(cold=False)


def test_the_end_of_a_recording() -> None:
    card = replay("".join(SESSION.splitlines(keepends=True)[:5]))
    card.transmit(SELECT)
    for _ in range(2):
        with pytest.raises(ReplayError, match=r"a\.trace:4: it ends here, but command 00A4"):
            card.transmit(SELECT)
    with pytest.raises(ReplayError, match="it ends here, but a cold reset came"):
        card.reset(cold=True)


def test_a_recording_that_was_cut_off_in_a_command() -> None:
    card = replay(shorter(19))
    with pytest.raises(ReplayError, match=r"a\.trace:4: the recording was cut off at this command"):
        card.transmit(bytes.fromhex("00B2030412"))


# -- tolerant --------------------------------------------------------------------------------


def test_a_tolerant_replay_looks_ahead_and_then_from_the_start() -> None:
    card = replay(tolerant=True)
    assert card.transmit(CHALLENGE).hex() == "11223344556677889000"
    assert card.transmit(CHALLENGE).hex() == "88776655443322119000"
    assert card.transmit(CHALLENGE).hex() == "11223344556677889000"
    assert card.transmit(SELECT).hex() == "9000"


def test_a_tolerant_replay_gives_00_for_what_is_hidden() -> None:
    card = replay(tolerant=True)
    assert card.hidden
    assert card.transmit(READ).hex() == "0110210200d156000005" + "00" * 8 + "9000"


def test_a_tolerant_replay_takes_any_authentication_with_the_key() -> None:
    card = replay(tolerant=True)
    assert card.transmit(bytes.fromhex("0082000410") + bytes(16)).hex() == "9000"
    for other in ("0082000A10" + "00" * 16, "0082000411" + "00" * 17, "0020000004" + "00" * 4):
        with pytest.raises(ReplayError, match="the recording holds no command"):
            card.transmit(bytes.fromhex(other))


def test_an_equal_authentication_goes_before_a_similar_one() -> None:
    text = SESSION + "< 9000 1.000\n> 008200041000000000000000000000000000000000\n< 6300 1.000\n"
    card = replay(text, tolerant=True)
    assert card.transmit(bytes.fromhex("0082000410") + bytes(16)).hex() == "6300"


def test_a_tolerant_replay_invents_no_answer() -> None:
    card = replay(tolerant=True)
    with pytest.raises(ReplayError) as caught:
        card.transmit(bytes.fromhex("00B2090412"))
    assert str(caught.value).startswith("a.trace: the recording holds no command 00B20904")
    with pytest.raises(ReplayError, match="holds no command"):
        card.transmit(bytes.fromhex("00B2030412"))  # cut off in the recording


def test_tolerant_resets_go_to_the_next_one_or_back_to_the_beginning() -> None:
    card = replay(tolerant=True)
    assert card.reset(cold=True) == b"\x3b\x00"
    assert card.transmit(CHALLENGE).hex() == "88776655443322119000"
    assert card.reset(cold=False)[:2] == b"\x3b\x6d"
    assert card.transmit(CHALLENGE).hex() == "11223344556677889000"


# -- both ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerant", [False, True])
def test_recorded_errors_are_raised_again(tolerant: bool) -> None:
    card = replay(shorter(17), tolerant=tolerant)
    with pytest.raises(CardRemoved) as caught:
        card.transmit(bytes.fromhex("00B2020412"))
    assert caught.value.render("en") == "a.trace:4: no answer, as recorded: the card was removed"


def _all_errors() -> list[type[ReaderError]]:
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, ReaderError)
    ]


@pytest.mark.parametrize("error", _all_errors())
def test_every_kind_of_error_is_recorded_and_raised_as_it_was(error: type[ReaderError]) -> None:
    atr = Reset(True, Masked.of(b"\x3b\x00"))
    failing = Exchange(Masked.of(CHALLENGE), NoAnswer(error.kind, 1))
    card = replay(write([Opened(), atr, failing]))
    with pytest.raises(error) as caught:
        card.transmit(CHALLENGE)
    assert type(caught.value) is error


def test_unknown_kinds_are_errors_of_the_reader() -> None:
    card = replay("# sscard trace 1\nR cold 3B00\n> 0084000008\n! other 1.000\n")
    with pytest.raises(ReaderError, match="no answer, as recorded: other") as caught:
        card.transmit(CHALLENGE)
    assert type(caught.value) is ReaderError


def test_a_reset_that_failed() -> None:
    text = "# sscard trace 1\nR cold 3B00\nR warm\n! mute 1.000\nR warm\n"
    card = replay(text)
    with pytest.raises(MuteCard):
        card.reset(cold=False)
    assert card.reset(cold=False) == b""


def test_the_first_session_of_several_is_replayed() -> None:
    other = SESSION.replace("EF05", "EF06")
    card = replay(shorter(20) + "> 0084000008\n< AA 9000 1.000\nX\n" + other)
    assert card.transmit(CHALLENGE).hex() == "aa9000"
    with pytest.raises(ReplayError, match="it ends here"):
        card.transmit(SELECT)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"nothing of the kind\n", ":1: no trace"),
        (b"# sscard trace 9\n", ":1: unknown version 9"),
        (b"# sscard trace 1\n", "the recording holds no card"),
        (b"# sscard trace 1\nR cold 3B0\n", ":2: an odd number of hex digits"),
        (b"# sscard trace 1\nR cold 3B00\n> 00\n< 00\n", ":4: an answer is data, status word"),
        (b"# sscard trace 1\nR cold 3B00\n< 9000 1.000\n", ":3: an answer without a command"),
    ],
)
def test_damaged_files(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_replay(path)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(str(path))


@given(
    st.lists(st.sampled_from([SELECT, READ, CHALLENGE, b"\x00", None])),
    st.booleans(),
)
def test_whatever_comes_is_answered_or_refused(asked: list[bytes | None], tolerant: bool) -> None:
    card = replay(tolerant=tolerant)
    for command in asked:
        try:
            answer = card.reset(cold=False) if command is None else card.transmit(command)
        except ReaderError:
            continue
        assert len(answer) >= 2


# -- sessions with a card --------------------------------------------------------------------


def record(card: Issued, out: io.StringIO, *, with_secrets: bool) -> Connection:
    driver = VirtualConnection(card.chip)
    return open_session(TraceWriter(driver, out, with_secrets=with_secrets))


def test_a_full_recording_reads_as_the_card_did(urumqi_card: Issued) -> None:
    """With keys: the recorded challenge makes the same cryptograms."""
    out = io.StringIO()
    session = record(urumqi_card, out, with_secrets=True)
    profile = recognise(session)
    places = list(profile.places)
    read = SocialSecurityCard(session, profile, urumqi_card.vault).read(places)
    replayed = replay(out.getvalue())
    assert not replayed.hidden
    assert replayed.atr == urumqi_card.chip.atr
    again = open_session(replayed)
    profile = recognise(again)
    assert SocialSecurityCard(again, profile, urumqi_card.vault).read(places).values == read.values


def test_a_redacted_activation_repeats_with_any_pin(dalian_card: Issued) -> None:
    out = io.StringIO()
    session = record(dalian_card, out, with_secrets=False)
    activate(session, dalian_card.profile, INITIAL_PIN, NEW_PIN)
    other = Secret(bytes.fromhex("135790"))
    again = open_session(replay(out.getvalue()))
    assert not activate(again, dalian_card.profile, NEW_PIN, other).recorded


def test_a_redacted_reading_knows_the_region_but_not_the_holder(dalian_card: Issued) -> None:
    out = io.StringIO()
    session = record(dalian_card, out, with_secrets=False)
    SocialSecurityCard(session, recognise(session)).read_basic()
    again = open_session(replay(out.getvalue(), tolerant=True))
    profile = recognise(again)
    assert profile.name == "regions/dalian"
    values = SocialSecurityCard(again, profile).read_basic().values
    assert values["SSSE.EF05.03"] == b"2.00"
    assert values["SSSE.EF06.09"] == bytes(30)
