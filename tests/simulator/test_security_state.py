"""The security state against a small model, over any sequence of proofs, moves and resets."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.simulator import cards
from tests.simulator.cards import DF01, DF04, MF, SSSE, Card

PATHS = {"MF": [MF], "SSSE": [SSSE], "DF01": [SSSE, DF01], "DF04": [SSSE, DF04]}
KEYS = {
    ("MF", 0x00): "10",
    ("SSSE", 0x00): "11",
    ("SSSE", 0x04): "41",  # UKSSSE
    ("SSSE", 0x05): "50",  # BK
    ("SSSE", 0x06): "60",  # PUK
    ("SSSE", 0x0A): "A1",  # RKSSSE
    ("DF01", 0x00): "22",
    ("DF01", 0x83): "31",  # UK1DF01
    ("DF01", 0x88): "81",  # RK1DF01
    ("DF04", 0x00): "44",
    ("DF04", 0x83): "B1",  # LKDF04
    ("DF04", 0x84): "B5",  # RK1DF04
    ("DF04", 0x85): "B2",  # UK1DF04
    ("DF04", 0x86): "B3",  # UK2DF04
    ("DF04", 0x87): "B4",  # DSK
}
"""Owner and identifier → each byte of the key."""

MAX_TRIES = 3
DIR_UPDATE = "00DC01F41B701961174F0F7378312E73682EC9E7BBE1B1A3D5CF500453535345"


class SecurityMachine(RuleBasedStateMachine):
    """The card, and what a careful reader of the design expects of it."""

    @initialize()
    def start(self) -> None:
        self.card: Card = cards.finished_card()
        self.here = "MF"
        self.proved: set[tuple[str, int]] = set()
        self.pin = "123456"
        self.pin_verified = False
        self.pin_tries = MAX_TRIES
        self.tries = dict.fromkeys(KEYS, MAX_TRIES)

    @rule(where=st.sampled_from(sorted(PATHS)))
    def move(self, where: str) -> None:
        for step in PATHS[where]:
            assert self.card.sw(step) == "9000"
            name = next(n for n, path in PATHS.items() if path[-1] == step)
            if name != self.here:
                self.proved.clear()
            self.here = name

    @rule()
    def move_nowhere(self) -> None:
        assert self.card.sw("00A4000002DF77") == "6A82"

    @rule(kind=st.sampled_from(["cold", "warm", "power"]))
    def reset(self, kind: str) -> None:
        if kind == "power":
            self.card.chip.power_off()
            self.card.chip.power_on()
        else:
            self.card.chip.reset(cold=kind == "cold")
        self.here = "MF"
        self.proved.clear()
        self.pin_verified = False

    @rule(
        key_id=st.sampled_from(sorted({key_id for _, key_id in KEYS})),
        wrong=st.sampled_from([None, None, None, "00"]),
        short=st.booleans(),
    )
    def authenticate(self, key_id: int, wrong: str | None, short: bool) -> None:
        owner = self.here
        if 0 < key_id < 0x80 and owner in ("DF01", "DF04"):
            owner = "SSSE"
        value = wrong or KEYS.get((owner, key_id), "99")
        prove = self.card.authenticate_short if short else self.card.authenticate
        sw = prove(key_id, value * 16)
        key = (owner, key_id)
        if key not in KEYS:
            assert sw == "6A88"
        elif self.tries[key] == 0:
            assert sw == "6983"
        elif wrong is None:
            assert sw == "9000"
            self.tries[key] = MAX_TRIES
            self.proved.add(key)
        else:
            self.tries[key] -= 1
            assert sw == f"63C{self.tries[key]}"

    @rule(right=st.booleans())
    def verify(self, right: bool) -> None:
        value = self.pin if right else "999999"
        sw = self.card.sw(f"0020000003{value}")
        if self._pin_answer(sw, right):
            self.pin_verified = True

    @rule(right=st.booleans(), new=st.sampled_from(["123456", "654321"]))
    def change_pin(self, right: bool, new: str) -> None:
        old = self.pin if right else "999999"
        if self._pin_answer(self.card.sw(f"805E010007{old}FF{new}"), right):
            self.pin = new

    def _pin_answer(self, sw: str, right: bool) -> bool:
        if self.here == "MF":
            assert sw == "6A88"
        elif self.pin_tries == 0:
            assert sw == "6983"
        elif right:
            assert sw == "9000"
            self.pin_tries = MAX_TRIES
            return True
        else:
            self.pin_tries -= 1
            self.pin_verified = False
            assert sw == f"63C{self.pin_tries}"
        return False

    @invariant()
    def what_opens(self) -> None:
        """Every protected file, read or updated with its own content."""
        if not hasattr(self, "card"):
            return
        pin = self.pin_verified
        ssse, df01, df04 = (
            {key_id for owner, key_id in self.proved if owner == name}
            for name in ("SSSE", "DF01", "DF04")
        )
        doors = {
            "MF": {"00B201F41B": True, DIR_UPDATE: ("MF", 0x00) in self.proved},
            "SSSE": {
                "00B2013404": True,
                "00B0870001": 0x0A in ssse,
                "00DC022C03020133": 0x04 in ssse,
            },
            "DF01": {
                "00B2012C04": pin or 0x88 in df01,
                "00DC012C042002AAAA": 0x83 in df01,
            },
            "DF04": {
                "00B2013404": pin and 0x84 in df04,
                "00B201441C": pin,
                "00B201AC03": pin or 0x84 in df04,
                "00DC0134048502CCCC": 0x86 in df04,
                "00DC00431C" + "03" * 28: False,
            },
        }[self.here]
        for apdu, is_open in doors.items():
            assert self.card.sw(apdu) == ("9000" if is_open else "6982"), apdu

    @invariant()
    def counters_are_kept(self) -> None:
        if not hasattr(self, "card"):
            return
        stored = self.card.chip.persistent_state()
        assert stored.get("ssc/3F00/DDF1/EF80/010000/tries", MAX_TRIES) == self.pin_tries
        assert (
            stored.get("ssc/3F00/DDF1/EF80/0D0A01/tries", MAX_TRIES) == (self.tries["SSSE", 0x0A])
        )


TestSecurityState = SecurityMachine.TestCase
TestSecurityState.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
