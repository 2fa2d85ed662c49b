"""What foreign programs send to a virtual card, written down as a trace."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Literal

import pytest
from tests.simulator.cards import DF01, SSSE, VERIFY, finished_card

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.trace import Answer, Closed, Event, Exchange, NoAnswer, Opened, Reset, parse
from sscard_ic.base import FixedClock
from sscard_ic.simulator import CardLost, Fault, FaultyCard, TracedCard

CLOCK = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
PIN_PROTECTED = "00B2012C04"


def traced(*faults: Fault) -> tuple[TracedCard, io.StringIO]:
    out = io.StringIO()
    card = FaultyCard(finished_card().chip, faults)
    return TracedCard(
        card, out, name="a.img", clock=CLOCK, timer=iter(range(0, 10**9, 1000)).__next__
    ), out


def send(card: TracedCard, *commands: str) -> None:
    for command in commands:
        card.transmit(bytes.fromhex(command))


def events(out: io.StringIO) -> list[Event]:
    return parse(out.getvalue().encode(), "trace")


def kinds(out: io.StringIO) -> list[type[Event]]:
    return [type(event) for event in events(out)]


def test_every_power_up_in_which_a_command_comes_is_a_session() -> None:
    card, out = traced()
    card.power_on()
    card.power_off()
    assert out.getvalue() == ""
    card.power_on()
    send(card, SSSE, DF01)
    card.reset(cold=False)
    send(card, SSSE)
    card.power_off()
    card.power_on()
    send(card, SSSE)
    card.close()
    session = [Opened, Reset, Exchange, Exchange, Reset, Exchange, Closed]
    assert kinds(out) == [*session, Opened, Reset, Exchange, Closed]
    opened, first, *_ = events(out)
    assert isinstance(opened, Opened)
    assert (opened.reader, opened.started, opened.redacted) == (
        "a.img",
        "2026-11-21T08:00:00Z",
        True,
    )
    assert isinstance(first, Reset)
    assert first.cold


def test_secrets_and_the_number_of_the_card_are_left_out() -> None:
    card, out = traced()
    atr = card.power_on()
    send(card, SSSE, DF01, VERIFY, PIN_PROTECTED)
    card.power_off()
    text = out.getvalue()
    assert "123456" not in text
    assert "AAAA" not in text
    assert atr.hex().upper() not in text
    assert SSSE[:8] in text


def test_the_number_of_the_card_is_left_out_of_every_reset() -> None:
    card, out = traced()
    card.power_on()
    send(card, SSSE)
    atrs = [card.reset(cold=False), card.reset(cold=True)]
    send(card, SSSE)
    card.close()
    resets = [event for event in events(out) if isinstance(event, Reset)]
    assert len(resets) == 3
    for atr, reset in zip([atrs[0], *atrs], resets, strict=True):
        assert isinstance(reset.outcome, Masked)
        assert reset.outcome.hidden
        assert reset.outcome.matches(atr)


class Waiting:
    """A card that leaves its answer waiting, also over a power-up."""

    atr = bytes.fromhex("3B00")
    protocol: Literal["T=0", "T=1"] = "T=0"
    powered = True

    def power_on(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        pass

    def reset(self, cold: bool) -> bytes:
        return self.atr

    def transmit(self, raw: bytes) -> bytes:
        return bytes.fromhex("6F068404010203049000" if raw[1] == 0xC0 else "6108")

    def close(self) -> None:
        pass


def test_what_comes_after_a_power_up_belongs_to_no_command_before_it() -> None:
    out = io.StringIO()
    card = TracedCard(Waiting(), out)
    card.power_on()
    send(card, SSSE, "00C0000008")
    card.power_off()
    card.power_on()
    send(card, "00C0000008")
    fetched = [e.outcome for e in events(out) if isinstance(e, Exchange)]
    data = [outcome.data for outcome in fetched if isinstance(outcome, Answer)]
    assert data == [Masked(), Masked.of(bytes.fromhex("6F06840401020304")), Masked.of(8)]


def test_a_card_that_lost_itself() -> None:
    card, out = traced(Fault("mute", after=1), Fault("mute-reset", after=1))
    card.power_on()
    send(card, SSSE)
    with pytest.raises(CardLost):
        send(card, DF01)
    card.power_off()
    with pytest.raises(CardLost):
        card.power_on()
    card.power_on()
    send(card, SSSE)
    card.close()
    session = [Opened, Reset, Exchange, Closed]
    assert kinds(out) == [Opened, Reset, Exchange, Exchange, Closed, *session]
    lost = events(out)[3]
    assert isinstance(lost, Exchange)
    assert lost.outcome == NoAnswer("mute", 1)


def test_a_reset_without_answer() -> None:
    card, out = traced(Fault("mute-reset", after=1))
    card.power_on()
    send(card, SSSE)
    with pytest.raises(CardLost):
        card.reset(cold=False)
    card.close()
    reset = events(out)[3]
    assert isinstance(reset, Reset)
    assert reset.outcome == NoAnswer("mute", 1)


def test_it_is_the_card_otherwise() -> None:
    card, _ = traced()
    plain = finished_card().chip
    assert card.atr == plain.atr
    assert card.protocol == plain.protocol
    card.power_on()
    assert card.powered
    card.close()
    assert not card.powered
