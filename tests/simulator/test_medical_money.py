"""No fen is made or lost: the account against a small model of it (ref 12 §3, §4.2).

Credits, purchases, cuts of the power before and after a change, resets and commands between, in
any order. The model is a few sums that know nothing of how the card keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.simulator.medical_cards import KEYS, TERMINAL, MedicalCard, medical_card

from sscard_ic.apdu.medical import Amounts
from sscard_ic.simulator import CardLost

Cut = Literal["none", "before", "after"]
CUTS = st.sampled_from(("none", "none", "before", "after"))
FEN = st.one_of(st.integers(0, 3000), st.just(0xFFFFFFFF))
DAYS = st.sampled_from(
    ("20251231", "20260101", "20260331", "20260401", "20261231", "20270101", "20270401")
)
BETWEEN = (
    "0084000008",
    "B026000104",
    "B056010002",
    "00A4040006D15600000503",
    "B099000000",
    "00A4040105D156000005",  # what follows is answered by the chip itself
    "00A40400",
    "00A4040000",
    "00A404",
    "01C0000004",
    "80C0000004",
    "00B200000000",
)
"""Commands that end a prepared transaction, one each (ref 12 §4.2)."""
MOST = 0xFFFFFFFF
LOGGED = 30


@dataclass(frozen=True)
class Model:
    """What the account must hold."""

    balance: int = 0
    self_paid: int = 0
    pooled: int = 0
    year: int = 0
    credits: int = 0
    purchases: int = 0
    log: tuple[tuple[int, str, str, int, int, int], ...] = field(default=())
    """Number, type, time and the three amounts, the newest first."""

    def credited(self, amount: int, time: str) -> Model:
        """After a credit."""
        entry = (self.credits, "1", time, amount, 0, 0)
        return replace(
            self,
            balance=self.balance + amount,
            credits=self.credits + 1,
            log=(entry, *self.log)[:LOGGED],
        )

    def paid(self, a1: int, a2: int, a3: int, time: str) -> Model:
        """After a purchase, in a year that begins on 1 April."""
        year = int(time[:4]) - (time[4:8] < "0401")
        keeps = year <= self.year
        entry = (self.purchases, "2", time, a1, a2, a3)
        return replace(
            self,
            balance=self.balance - a1,
            self_paid=a2 + (self.self_paid if keeps else 0),
            pooled=a3 + (self.pooled if keeps else 0),
            year=max(year, self.year),
            purchases=self.purchases + 1,
            log=(entry, *self.log)[:LOGGED],
        )

    @property
    def fits(self) -> bool:
        """Whether its sums have four bytes."""
        return max(self.balance, self.self_paid, self.pooled) <= MOST


class MoneyMachine(RuleBasedStateMachine):
    """A card, the model, and the proof that the last purchase left."""

    @initialize()
    def start(self) -> None:
        self.card: MedicalCard = medical_card({"starting_day": b"\x04\x01"})
        self.model = Model()
        self.proof: dict[str, tuple[int, str] | None] = {"1": None, "2": None}

    def _conclude(self, command: str, cut: Cut, model: Model, answer: str, type_: str) -> None:
        """Send the second command, cut or not; what then must hold."""
        if cut == "before":
            self._cut(command)
            return
        assert self.card.data(command) == answer
        counter = self.model.purchases if type_ == "2" else self.model.credits
        mac_tac = answer[8:] + answer[:8] if type_ == "2" else command[-10:-2] + answer
        self.proof[type_] = (counter, mac_tac)
        self.model = model
        if cut == "after":
            self.card.open()

    def _cut(self, command: str) -> None:
        """The power fails before what the command changes is in the memory."""
        chip = self.card.card.chip
        try:
            chip.transmit_torn(bytes.fromhex(command))
        except CardLost as lost:
            assert lost.loss == "torn"
            self.card.open()
        else:
            raise AssertionError("nothing was to be written")

    @rule(amount=FEN, day=DAYS, cut=CUTS)
    def credit(self, amount: int, day: str, cut: Cut) -> None:
        after = self.model.credited(amount, day + "080000")
        if not after.fits:
            asked = f"B02800010B01{amount:08X}{TERMINAL.hex()}10"
            assert self.card.sw(asked) == "6985"
            return
        command, tac = self.card.credit_command(amount, day + "080000")
        self.proof["1"] = None
        self._conclude(command, cut, after, tac.hex().upper(), "1")

    @rule(a1=FEN, a2=FEN, a3=FEN, day=DAYS, cut=CUTS)
    def purchase(self, a1: int, a2: int, a3: int, day: str, cut: Cut) -> None:
        time = day + "090000"
        offer = self.card.initialize(Amounts(a1, a2, a3))
        if a1 > self.model.balance:
            assert (offer.sw, offer.data) == (0x9401, b"")
            return
        self.proof["2"] = None
        assert offer.sw == 0x9000
        command, answer = self.card.debit_command(Amounts(a1, a2, a3), time, offer=offer.data)
        after = self.model.paid(a1, a2, a3, time)
        if after.fits:
            self._conclude(command, cut, after, answer.hex().upper(), "2")
        else:
            assert self.card.sw(command) == "6985"

    @rule(
        a1=st.integers(0, 100),
        how=st.sampled_from(("wrong", "command", "reset", "twice")),
        between=st.sampled_from(BETWEEN),
    )
    def spoilt_purchase(self, a1: int, how: str, between: str) -> None:
        offer = self.card.initialize(Amounts(a1, 1, 1))
        if offer.sw != 0x9000:
            assert a1 > self.model.balance
            return
        self.proof["2"] = None
        command, answer = self.card.debit_command(
            Amounts(a1, 1, 1), "20260601090000", offer=offer.data
        )
        if how == "wrong":
            assert self.card.sw(command[:-10] + "0000000008") == "9302"
        elif how == "command":
            self.card.card.chip.transmit(bytes.fromhex(between))
        elif how == "reset":
            self.card.open()
        else:
            after = self.model.paid(a1, 1, 1, "20260601090000")
            if not after.fits:
                return
            self._conclude(command, "none", after, answer.hex().upper(), "2")
        assert self.card.sw(command) == "6901"

    @rule(amount=st.integers(0, 100))
    def spoilt_credit(self, amount: int) -> None:
        if self.model.balance + amount > MOST:
            return
        command, _ = self.card.credit_command(amount, "20260601090000")
        self.proof["1"] = None
        assert self.card.sw(command[:-10] + "0000000004") == "9302"
        assert self.card.sw(command) == "6901"

    @rule()
    def reset(self) -> None:
        self.card.open()

    @rule(index=st.integers(3, 9))
    def another_index(self, index: int) -> None:
        assert self.card.initialize(Amounts(0, 0, 0), index).sw == 0x9403

    @invariant()
    def holds_what_the_model_says(self) -> None:
        model = self.model
        assert self.card.balance == model.balance
        year = f"{model.year:04d}"
        assert self.card.totals == (model.self_paid, model.pooled, year)
        for type_, kept in self.proof.items():
            counter = (model.credits if type_ == "1" else model.purchases) - 1
            answer = self.card.card.send(f"B02E003{type_}02{counter & 0xFFFF:04X}08")
            if kept is None:
                assert answer.sw == 0x9406
            else:
                assert (kept[0], answer.data.hex().upper()) == (counter, kept[1])

    def teardown(self) -> None:
        """The log, and that it survives a power-up."""
        if not hasattr(self, "card"):
            return
        self.card.open()
        expected = [
            f"{number:04X}3{type_}{KEYS['terminal']}{time}{a1:08X}{a2:08X}{a3:08X}"
            for number, type_, time, a1, a2, a3 in self.model.log
        ]
        assert self.card.log == expected


TestMoney = MoneyMachine.TestCase
TestMoney.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
