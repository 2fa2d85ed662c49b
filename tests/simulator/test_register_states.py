"""The registers of TimeCOS and FMCOS against a model of them (ref 02 §9.1.5, 11 §2.3, §7)."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.simulator.register_cards import ERASE, KEY_FILE, MF, VECTORS, new_card

SELECT = {"MF": MF, "outer": "00A40000023F01", "inner": "00A4000002DF01"}
KEYS = {
    "MF": {0x00: 10},
    "outer": {0x01: 1, 0x03: 3, 0x04: 4},
    "inner": {0x83: 3, 0x85: 5},
}
PIN_STATE = 2
STATES = (1, 2, 3, 4, 5, 10)
FILES = tuple(f"80E002{state:02X}07280001{state:X}{state:X}EFFFFF" for state in STATES)


def _key(key_id: int, state: int) -> str:
    """WRITE KEY with 15 tries."""
    return f"80D401{key_id:02X}0D39F0EF{state:02X}FF" + f"{key_id:02X}" * 8


class RegisterMachine(RuleBasedStateMachine):
    """Selections, proofs and resets at random; then every state is looked at by a file."""

    def __init__(self) -> None:
        super().__init__()
        self.card = new_card("timecos")
        assert self.card.authenticate_short(0x00, VECTORS["timecos"]["factory_key"]) == "9000"
        script = [ERASE, KEY_FILE, _key(0, 10), *FILES, "80E03F010D38FFFFEFEFFFFFFF4444463031"]
        script += [SELECT["outer"], "80E00000073F01FFFFEFFFFF", *FILES]
        script += [_key(key_id, state) for key_id, state in KEYS["outer"].items()]
        script += ["80D401000B3AF0EF02FF123456FFFFFF", "80E0DF010E38FFFFEFEFFFFFFFD15600000500"]
        script += [SELECT["inner"], "80E00000073F01FFFFEFFFFF", *FILES]
        script += [_key(key_id, state) for key_id, state in KEYS["inner"].items()]
        for apdu in (*script, MF):
            assert self.card.sw(apdu) == "9000", apdu
        self.card.reset()
        self.here, self.mf, self.register, self.pin = "MF", 0, 0, False

    @rule(name=st.sampled_from(sorted(SELECT)))
    def select(self, name: str) -> None:
        if name == "inner" and self.here == "MF":
            assert self.card.sw(SELECT[name]) == "6A82"
            return
        assert self.card.sw(SELECT[name]) == "9000"
        self.here, self.register = name, 0

    @rule(choice=st.integers(0, 2), right=st.booleans())
    def prove(self, choice: int, right: bool) -> None:
        keys = KEYS[self.here]
        key_id, state = list(keys.items())[choice % len(keys)]
        value = f"{key_id:02X}" * 8 if right else "F0" * 8
        sw = self.card.authenticate_short(key_id, value)
        assert (sw == "9000") == right
        if self.here == "MF":
            self.mf = state if right else 0
        else:
            self.register = state if right else 0

    @precondition(lambda self: self.here != "MF")
    @rule(right=st.booleans())
    def verify(self, right: bool) -> None:
        sw = self.card.sw("0020000003" + ("123456" if right else "654321"))
        assert (sw == "9000") == right
        self.pin = right
        if not right:
            self.register = 0
        elif self.here == "outer":
            self.register = PIN_STATE

    @rule()
    def reset(self) -> None:
        self.card.reset()
        self.here, self.mf, self.register, self.pin = "MF", 0, 0, False

    @invariant()
    def what_opens(self) -> None:
        if self.here == "MF":
            expected = {self.mf}
        else:
            expected = {self.register} | ({PIN_STATE} if self.pin else set())
        opened = set()
        for state in STATES:
            assert self.card.sw(f"00A400000202{state:02X}") == "9000"
            if self.card.sw("00B0000001") == "9000":
                opened.add(state)
        assert opened == expected - {0}


TestRegisters = RegisterMachine.TestCase
TestRegisters.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
