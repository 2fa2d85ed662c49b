"""PIN and key states, tries and challenges under any order of commands, beside a plain model."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.simulator.cards import MF, SSSE, VERIFY
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADMIN_PIN,
    CONTROL_KEY,
    DDF,
    USER_PIN,
    CertificateCard,
    card_profile,
    filled,
    folded_mac,
    issued_card,
    pin_key,
)

from sscard_ic.crypto import sm4

MOST = 3
PINS = (USER_PIN, ADMIN_PIN, "4321")
KEYS = (CONTROL_KEY, "10" * 16)
REFERENCES = {"user": "81", "admin": "00"}
PLACES = {"application": ADF, "environment": DDF}
PROBES = {
    "804A021012C110" + "01" * 16: {"user"},
    "00D600000100": {"admin"},
    "804E000178C2020013C1820070" + "01" * 112: {"user", "admin"},
}
"""Commands that change nothing, and the PINs without which they are refused 6982."""

SECRETS = [*(("pins", name) for name in REFERENCES), *(("keys", place) for place in PLACES)]


class CertificateMachine(RuleBasedStateMachine):
    """The card, and what a careful reader of the reference expects of it."""

    @initialize()
    def start(self) -> None:
        tries = ("user_pin_tries", "admin_pin_tries", "control_key_tries")
        rules = {
            "import_key": "user_pin",
            "update_certificate": "admin_pin",
            "use_private": "user_and_admin_pin",
        }
        self.card: CertificateCard = issued_card(card_profile(dict.fromkeys(tries, MOST), rules))
        self.place: str | None = None
        self.verified: set[str] = set()
        self.authenticated = False
        self.challenge: bytes | None = None
        self.drawn = 0
        self.values = {
            ("pins", "user"): USER_PIN,
            ("pins", "admin"): ADMIN_PIN,
            ("keys", "application"): CONTROL_KEY,
            ("keys", "environment"): CONTROL_KEY,
        }
        self.tries = dict.fromkeys(SECRETS, MOST)

    def forget(self) -> None:
        self.verified.clear()
        self.authenticated = False

    @rule(place=st.sampled_from(sorted(PLACES)))
    def select(self, place: str) -> None:
        assert self.card.sw(PLACES[place]) == "9000"
        if place != self.place:
            self.authenticated = False
        if self.place is None:
            self.challenge = None
        self.place = place

    @rule(leave=st.sampled_from([MF, SSSE]), pin=st.booleans())
    def leave(self, leave: str, pin: bool) -> None:
        assert self.card.sw(leave) == "9000"
        if pin and leave == SSSE:
            assert self.card.sw(VERIFY) == "9000"
        if self.place is not None:
            self.challenge = None
        self.place = None
        self.forget()

    @rule(kind=st.sampled_from(["cold", "warm", "power"]))
    def reset(self, kind: str) -> None:
        if kind == "power":
            self.card.chip.power_off()
            self.card.chip.power_on()
        else:
            self.card.chip.reset(cold=kind == "cold")
        self.place = self.challenge = None
        self.forget()

    @rule(length=st.sampled_from([8, 16]))
    def draw(self, length: int) -> None:
        self.drawn += 1
        self.card.randomness.value = self.drawn.to_bytes(16, "big")
        drawn = bytes.fromhex(self.card.data(f"00840000{length:02X}"))
        assert len(drawn) == length
        self.challenge = drawn.ljust(16, b"\x00")

    def expected(self, secret: tuple[str, str], right: bool, wrong: str = "") -> str:
        """Status of a proof, and what it does to the tries; a wrong one answers ``wrong``."""
        if self.tries[secret] == 0:
            return "6983"
        if self.challenge is None:
            return "6984"
        self.tries[secret] = MOST if right else self.tries[secret] - 1
        return "9000" if right else wrong or f"63C{self.tries[secret]}"

    @precondition(lambda self: self.place is not None)
    @rule(name=st.sampled_from(sorted(REFERENCES)), guess=st.none() | st.sampled_from(PINS))
    def verify(self, name: str, guess: str | None) -> None:
        pin = guess or self.values["pins", name]
        proof = sm4.encrypt(pin_key(pin), self.challenge or bytes(16))
        apdu = f"002001{REFERENCES[name]}10{proof.hex()}"
        if self.place == "environment":
            assert self.card.raw(apdu) == "6985"
            return
        expected = self.expected(("pins", name), pin == self.values["pins", name])
        assert self.card.raw(apdu) == expected
        self.settle(expected)
        if expected == "9000":
            self.verified.add(name)
        elif expected.startswith("63"):
            self.verified.discard(name)

    @precondition(lambda self: self.place is not None)
    @rule(key=st.none() | st.sampled_from(KEYS))
    def authenticate(self, key: str | None) -> None:
        assert self.place is not None
        right = self.values["keys", self.place]
        proof = sm4.encrypt(bytes.fromhex(key or right), self.challenge or bytes(16))
        expected = self.expected(("keys", self.place), key in (None, right))
        assert self.card.raw(f"0082000010{proof.hex()}") == expected
        self.settle(expected)
        if expected == "9000" or expected.startswith("63"):
            self.authenticated = expected == "9000"

    @precondition(lambda self: self.place == "application")
    @rule(
        name=st.sampled_from(sorted(REFERENCES)),
        guess=st.none() | st.sampled_from(PINS),
        new=st.sampled_from([*PINS, "FFFF"]),
    )
    def change_pin(self, name: str, guess: str | None, new: str) -> None:
        secret = ("pins", name)
        old = guess or self.values[secret]
        plain = filled(bytes.fromhex(new), 16)
        apdu = self.protected(f"845E01{REFERENCES[name]}14", pin_key(old), plain)
        expected = self.expected(secret, old == self.values[secret])
        if expected.startswith("63"):
            self.verified.discard(name)
        self.settle(expected)
        if expected == "9000" and new == "FFFF":
            expected = "6A80"
        elif expected == "9000":
            self.values[secret] = new
            self.verified.discard(name)
        assert self.card.raw(apdu) == expected

    @precondition(lambda self: self.place is not None)
    @rule(guess=st.none() | st.sampled_from(KEYS), new=st.sampled_from(KEYS))
    def replace_key(self, guess: str | None, new: str) -> None:
        assert self.place is not None
        secret = ("keys", self.place)
        old = guess or self.values[secret]
        plain = filled(bytes(3) + bytes.fromhex(new), 32)
        apdu = self.protected("84D4010024", bytes.fromhex(old), plain)
        if not self.authenticated:
            assert self.card.raw(apdu) == "6982"
            return
        expected = self.expected(secret, old == self.values[secret], "6988")
        assert self.card.raw(apdu) == expected
        self.settle(expected)
        if expected == "9000":
            self.values[secret] = new
        if expected in ("9000", "6988"):
            self.authenticated = False

    def protected(self, head: str, key: bytes, plain: bytes) -> str:
        body = bytes.fromhex(head) + sm4.encrypt(key, plain)
        return (body + folded_mac(key, body, self.challenge or bytes(16))).hex()

    def settle(self, answered: str) -> None:
        """A proof that was tried has used the challenge up."""
        if answered != "6983":
            self.challenge = None

    @precondition(lambda self: self.place == "application")
    @rule(apdu=st.sampled_from(sorted(PROBES)))
    def probe(self, apdu: str) -> None:
        assert self.card.raw("00A40000020018") == "9000"
        assert (self.card.raw(apdu) == "6982") is not (PROBES[apdu] <= self.verified)

    @invariant()
    def kept(self) -> None:
        states = self.card.states
        for (group, name), value in self.values.items():
            assert states[f"certificate/{group}/{name}"] == value
            assert states[f"certificate/{group}/{name}/tries"] == self.tries[group, name]


TestStates = CertificateMachine.TestCase
TestStates.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
