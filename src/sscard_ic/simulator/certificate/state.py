"""What the commands of the certificate application work on."""

from __future__ import annotations

from sscard_ic.crypto import sm4
from sscard_ic.profile.certificate import CertificateApplication, Condition, PinName, Purpose
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.certificate import stored
from sscard_ic.simulator.certificate.stored import Place, StoredControlKey, StoredFiles, StoredPin
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.silicon import Challenge

_PINS: dict[Condition, frozenset[PinName]] = {
    "free": frozenset(),
    "user_pin": frozenset({"user"}),
    "admin_pin": frozenset({"admin"}),
    "user_and_admin_pin": frozenset({"user", "admin"}),
}
_CHALLENGE_LENGTHS = (8, 16)


class CertificateState:
    """Kept states, current directory and file, and what has been proved.

    PINs count in the application, a control key in its directory until another one is selected:
    as in the social security application.
    """

    __slots__ = (
        "authenticated",
        "challenge",
        "control_keys",
        "exported",
        "file",
        "files",
        "model",
        "pins",
        "place",
        "session_key",
        "verified",
    )

    def __init__(self, memory: Memory, model: CertificateApplication, challenge: Challenge) -> None:
        self.model = model
        self.challenge = challenge
        self.files = StoredFiles(memory, model)
        self.pins: dict[PinName, StoredPin] = {
            name: stored.pin(memory, model, name) for name in stored.PINS
        }
        self.control_keys: dict[Place, StoredControlKey] = {
            place: stored.control_key(memory, model, place) for place in stored.PLACES
        }
        self.place: Place = "environment"
        """The current directory, while the application is the current one."""
        self.file: int | None = None
        """The current elementary file."""
        self.verified: set[PinName] = set()
        self.authenticated = False
        """Whether the control key of the current directory has been proved."""
        self.session_key: bytes | None = None
        """What deciphers the private key to come."""
        self.exported: Purpose | None = None
        """The public key that the next part of the export answers."""

    def manufacture(self) -> None:
        """Give PINs and control keys their first values."""
        for name, pin in self.pins.items():
            pin.manufacture(bytes.fromhex(self.model.initial_pin(name)))
        for key in self.control_keys.values():
            key.manufacture(self.model.initial_control_key)

    def check(self) -> None:
        """Raise :class:`InputError` when what is kept cannot be right."""
        for each in (*self.pins.values(), *self.control_keys.values()):
            each.check()
        self.files.check()

    def enter(self, place: Place) -> None:
        """Make a directory current; no elementary file is."""
        if place != self.place:
            self.place = place
            self.authenticated = False
        self.file = self.exported = None

    def forget(self) -> None:
        """Everything volatile falls."""
        self.place = "environment"
        self.file = self.session_key = self.exported = None
        self.verified.clear()
        self.authenticated = False

    def require(self, condition: Condition) -> None:
        """Refuse 6982 unless the PINs that it asks for have been verified."""
        if not self.verified >= _PINS[condition]:
            raise Refusal(0x6982)

    def take_challenge(self) -> bytes:
        """The challenge, once: 16 bytes, one of 8 filled with 00; refuses 6984 without one."""
        challenge = self.challenge.take()
        if challenge is None or len(challenge) not in _CHALLENGE_LENGTHS:
            raise Refusal(0x6984)
        return challenge.ljust(sm4.BLOCK, b"\x00")

    def pin(self, reference: int) -> PinName:
        """The PIN with this P2; refuses 6A88."""
        for name in self.pins:
            if self.model.pin_reference(name) == reference:
                return name
        raise Refusal(0x6A88)
