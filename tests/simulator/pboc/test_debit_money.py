"""Transactions in any order over both faces, with cuts of the power, against a model of money."""

from __future__ import annotations

from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support import contactless as air
from tests.support.contact import TERMINAL, Contact
from tests.support.debit_card import PIN, SELECT, SET, DebitCard, debit_card
from tests.support.debit_model import (
    LOWER,
    MOST,
    SINGLE,
    START,
    THRESHOLD,
    TOTAL,
    UPPER,
    UPPER_TOTAL,
    Ending,
    Kind,
    Model,
    Rule,
)

from sscard_ic.apdu import Response
from sscard_ic.codec.pboc import bits
from sscard_ic.simulator import CardLost

Cut = Literal["none", "before", "after"]
Face = Literal["contact", "contactless"]
Script = Literal["none", "load", "wrong", "pin", "block", "unblock"]

CUTS = st.sampled_from(("none",) * 8 + ("before", "after"))
Near = Literal["zero", "balance", "threshold", "single", "total", "upper", "most"]
EDGES: tuple[Near, ...] = ("zero", "balance", "threshold", "single", "total", "upper", "most")
FEN = st.one_of(
    st.tuples(st.just("zero"), st.integers(0, 3000)),
    st.tuples(st.sampled_from(EDGES), st.integers(-1, 1)),
)
"""An amount beyond an edge of what the card allows."""
ENDINGS = st.sampled_from(
    ("approve", "approve", "approve", "decline", "wrong proof", "no proof", "unable")
)
SCRIPTS = st.sampled_from(("none", "load", "load", "wrong", "wrong", "pin", "block", "unblock"))
ASKED = st.sampled_from(("TC", "TC", "ARQC", "ARQC", "AAC"))
FACES = st.sampled_from(("contact", "contactless"))
READINGS = st.sampled_from(("all", "all", "last", "others", "nothing"))
_RULES: dict[Rule, int] = {"low": 0x80, "and": 0x40, "or": 0x20}
_DEBIT_LOCATOR = SET["groups"]["9104"][12:]
_CASH_LOCATOR = SET["groups"]["9203"][12:]
_LOG, _LOADS = 11, 12


def amount(value: int) -> str:
    return f"{value:012d}"


class DebitMachine(RuleBasedStateMachine):
    """A card, the model, and what became of the money that left the balance."""

    @initialize(
        how=st.sampled_from(("low", "and", "or")), prepaid=st.booleans(), new_check=st.booleans()
    )
    def start(self, how: Rule, prepaid: bool, new_check: bool) -> None:
        options = bytes((_RULES[how] | 0x08 | new_check << 4, 0x10 | prepaid << 7, 0xF0, 0))
        elements = {
            "9F79": amount(START),
            "9F77": amount(MOST),
            "9F78": amount(SINGLE),
            "9F6D": amount(THRESHOLD),
            "9F6B": "999999999999",
            "9F54": amount(TOTAL),
            "9F5C": amount(UPPER_TOTAL),
            "9F58": f"{LOWER:02X}",
            "9F59": f"{UPPER:02X}",
            "9F68": options.hex(),
        }
        contact = debit_card(elements=elements)
        self.faces: dict[Face, DebitCard] = {
            "contact": contact,
            "contactless": contact.face("contactless"),
        }
        self.model = Model(how, prepaid, new_check)
        self.loaded = self.claimed = self.forfeited = 0

    def fen(self, wish: tuple[Near, int]) -> int:
        """An amount near an edge; 0 rather than less."""
        model = self.model
        edges: dict[Near, int] = {
            "zero": 0,
            "balance": model.balance,
            "threshold": model.balance - THRESHOLD,
            "single": SINGLE,
            "total": TOTAL - model.total,
            "upper": UPPER_TOTAL - model.total,
            "most": MOST - model.balance,
        }
        return max(0, edges[wish[0]] + wish[1])

    # The wire

    def use(self, face: Face) -> DebitCard:
        """Present the card to a reader."""
        for card in self.faces.values():
            card.chip.power_off()
        self.faces[face].chip.power_on()
        return self.faces[face]

    def exchange(self, card: DebitCard, command: str, cut: Cut, before: Model) -> Response | None:
        """The answer; None when the power was cut.

        ``before`` is the model as it stands when the card has not executed the command.
        """
        if cut == "none":
            return card.send(command)
        try:
            if cut == "before":
                card.chip.transmit_torn(bytes.fromhex(command))
            else:
                card.chip.transmit(bytes.fromhex(command))
        except CardLost:
            self.model = before
        card.chip.power_off()
        return None

    # Contact commands, on either face

    @rule(
        asked=ASKED,
        wish=FEN,
        cash=st.booleans(),
        face=FACES,
        cut=CUTS,
        ending=ENDINGS,
        script=SCRIPTS,
        early=st.sampled_from((False, False, False, True)),
        credit=FEN,
        script_cut=CUTS,
    )
    def debit(
        self,
        asked: Kind,
        wish: tuple[Near, int],
        cash: bool,
        face: Face,
        cut: Cut,
        ending: Ending,
        script: Script,
        early: bool,
        credit: tuple[Near, int],
        script_cut: Cut,
    ) -> None:
        fen = self.fen(wish)
        told = TERMINAL | {0x9F02: amount(fen), 0x9F66: air.DEBIT, 0x9F7A: f"{cash:02X}"}
        contact = Contact(self.use(face), told)
        kind = self._first(contact, asked, fen, cash and face == "contact", cut)
        if kind is None:
            return
        if kind == "ARQC":
            if early and not self._script(contact, script, credit, script_cut):
                return
            self._second(contact, ending, fen)
            if early or self._script(contact, script, credit, script_cut, counted=True):
                return
        elif kind == "AAC":
            self._script(contact, script, credit, script_cut)

    def _first(self, contact: Contact, asked: Kind, fen: int, cash: bool, cut: Cut) -> Kind | None:
        self.model.begin()
        cash = cash and self.model.pays_cash(fen)
        locator = contact.start().hex().upper()
        assert locator == (_CASH_LOCATOR if cash else _DEBIT_LOCATOR)
        before = self.model.copy()
        results = 0 if cash else before.results(fen)
        expected = self.model.first(asked, fen, cash=cash)
        command = contact.command(False, bits.Kind[asked])
        if cut != "none":
            self.exchange(contact.card, command, cut, before)
            self.forfeited += before.balance - self.model.balance
            return None
        answer = contact.first(bits.Kind[asked])
        assert answer.kind.name == expected
        assert int(answer.results[2:], 16) == results
        assert answer.cryptogram == contact.expected(answer)
        self.claimed += before.balance - self.model.balance
        return expected

    def _second(self, contact: Contact, ending: Ending, fen: int) -> None:
        expected = self.model.second(ending, fen)
        code = {"decline": "05", "unable": "Y3"}.get(ending, "00")
        if ending in ("approve", "decline"):
            assert contact.authenticate(code) == "9000"
        elif ending == "wrong proof":
            assert contact.authenticate(wrong=True) == "6300"
        answer = contact.second(bits.Kind["AAC" if ending == "decline" else "TC"], code)
        assert answer.kind.name == expected
        assert answer.cryptogram == contact.expected(answer)

    def _script(
        self,
        contact: Contact,
        script: Script,
        credit: tuple[Near, int],
        cut: Cut,
        *,
        counted: bool = False,
    ) -> bool:
        """A command of the issuer; False when the power was cut."""
        if script == "none":
            return True
        before, model = self.model.copy(), self.model
        model.scripts = min(model.scripts + counted, 15)
        expected = "9000"
        data = b""
        if script == "load":
            balance = model.balance + self.fen(credit)
            data = bytes.fromhex(amount(balance))
            expected = "9000" if model.load(balance) else "6A80"
        elif script == "wrong":
            expected = "6988"
        elif script == "pin":
            model.tries = 3
        else:
            model.blocked = script == "block"
        headers = {"load": "04DA9F79", "pin": "84240000", "block": "841E0000"}
        header = headers.get(script, "84180000")
        if expected != "9000" and counted:
            model.script_failed = True
        command = contact.signed(header, data, wrong=script == "wrong")
        answer = self.exchange(contact.card, command, cut, before)
        self.loaded += self.model.balance - before.balance
        assert answer is None or str(answer.sw) == expected
        return answer is not None

    # qPBOC

    @rule(
        wish=FEN,
        offline_only=st.booleans(),
        cryptogram=st.sampled_from((False, False, True)),
        reading=READINGS,
        cut=CUTS,
        last_cut=CUTS,
    )
    def tap(
        self,
        wish: tuple[Near, int],
        offline_only: bool,
        cryptogram: bool,
        reading: str,
        cut: Cut,
        last_cut: Cut,
    ) -> None:
        fen = self.fen(wish)
        qualifiers = (0x28 if offline_only else 0x20) << 8 | cryptogram << 7
        payment = air.Tap(fen, f"{qualifiers:04X}0000")
        card = self.use("contactless")
        before = self.model.copy()
        expected = self.model.tap(fen, offline_only=offline_only, cryptogram=cryptogram)
        if cut != "none":
            self.exchange(card, air.options_command(card, payment), cut, before)
            self._account(before)
            return
        answer = air.answer(card, payment)
        assert answer.kind == expected.kind
        if expected.kind == "TC":
            self._read(card, answer, reading, fen, last_cut)
        elif expected.kind == "ARQC":
            self.claimed += expected.spent

    def _account(self, before: Model) -> None:
        """A GPO was cut: only what a prepaid card has paid at once is gone."""
        model = self.model
        if model.unread is None and model.atc != before.atc:
            settled = before.balance if before.unread is None else before.unread[0]
            self.forfeited += settled - model.balance

    def _read(self, card: DebitCard, answer: air.Answer, reading: str, fen: int, cut: Cut) -> None:
        *others, last = answer.records
        if reading in ("all", "others"):
            air.read_all(card, others)
        if reading not in ("all", "last"):
            return
        before = self.model.copy()
        assert before.unread is not None
        spent = before.unread[0] - before.balance
        self.model.read_out(fen)
        if self.exchange(card, air.read_command(*last), cut, before) is not None:
            self.claimed += spent
        elif self.model.unread is None:
            self.forfeited += spent

    # Between

    @rule(right=st.booleans(), face=FACES)
    def verify(self, right: bool, face: Face) -> None:
        card = self.use(face)
        card.send(SELECT)
        pin = PIN if right else "654321"
        left = self.model.tries
        expected = "9000" if right else f"63C{left - 1}"
        if left:
            self.model.tries = 3 if right else left - 1
        assert card.sw(f"002000800826{pin}FFFFFFFF") == (expected if left else "6984")

    @rule(face=FACES)
    def wander(self, face: Face) -> None:
        """Reading what the card gives away changes nothing."""
        card = self.use(face)
        card.send(SELECT)
        for sfi, number in ((1, 1), (4, 1), (_LOG, 1), (6, 1)):
            card.send(air.read_command(sfi, number))
        assert card.sw("80AE4000" + "00") != "9000"

    # What must hold

    @invariant()
    def holds_what_the_model_says(self) -> None:
        model, card = self.model, self.use("contact")
        blocked = card.sw(SELECT) == "6283"
        found = (
            air.balance(card),
            card.store.counter("ctta"),
            card.data("80CA9F3600")[3:].hex(),
            card.data("80CA9F1300")[3:].hex(),
            card.data("80CA9F1700")[3],
            blocked,
        )
        counters = f"{model.atc:04x}", f"{model.last_online:04x}"
        assert found == (model.balance, model.total, *counters, model.tries, model.blocked)

    @invariant()
    def no_fen_is_made_or_lost(self) -> None:
        settled = self.model.balance if self.model.unread is None else self.model.unread[0]
        assert START + self.loaded == settled + self.claimed + self.forfeited

    def teardown(self) -> None:
        """The logs."""
        if not hasattr(self, "model"):
            return
        card = self.use("contact")
        card.send(SELECT)
        log = [
            (int(entry[6:12].hex()), int.from_bytes(entry[-2:], "big"))
            for entry in _entries(card, _LOG)
        ]
        assert log == self.model.log
        loads = [
            (int(entry[2:8].hex()), int(entry[8:14].hex()), int.from_bytes(entry[-2:], "big"))
            for entry in _entries(card, _LOADS)
        ]
        assert loads == self.model.loads


def _entries(card: DebitCard, sfi: int) -> list[bytes]:
    found: list[bytes] = []
    while (answer := card.send(air.read_command(sfi, len(found) + 1))).sw == 0x9000:
        found.append(answer.data)
    return found


TestDebitMoney = DebitMachine.TestCase
TestDebitMoney.settings = settings(max_examples=40, stateful_step_count=35, deadline=None)
