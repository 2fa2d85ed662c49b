"""Virtual cards with the certificate application, a scripted card, and what is put on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.card.writing_support import Wire

from sscard_ic.base import Secret, Secretive
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.enveloped_key import EnvelopedKey, seal
from sscard_ic.crypto.sm2 import KeyPair
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

USER, ADMIN = CertificatePin.of("123456"), CertificatePin.of("12345678")
NEW_ADMIN = CertificatePin.of("80142536")
WRONG = CertificatePin.of("999999")
INITIAL_KEY = ControlKey(Secret(bytes.fromhex("00112233445566778899AABBCCDDEEFF")))
NEW_KEY = ControlKey(Secret(bytes.fromhex("5AA5C33C0FF01EE12DD24BB478878718")))
WRONG_KEY = ControlKey(Secret(bytes(16)))

SELECT, CHALLENGE, READ, UPDATE, VERIFY = 0xA4, 0x84, 0xB0, 0xD6, 0x20


def envelope(recipient: bytes, pair: KeyPair) -> EnvelopedKey:
    """``pair`` wrapped for the holder of the public key ``recipient``."""
    return EnvelopedKey.parse(seal(recipient, pair))


@dataclass(frozen=True)
class Bench:
    """A card in memory, the wire to it, and a session."""

    chip: Chip
    profile: CardProfile
    model: Model
    wire: Wire
    application: CertificateApplication

    def again(self) -> CertificateApplication:
        """A session after a reset, on the same wire: the first one has ended."""
        self.wire.reset(cold=True)
        application = CertificateApplication(open_session(self.wire), self.model)
        self.sent()
        return application

    def sent(self) -> Sequence[bytes]:
        """What was sent since this was asked last."""
        commands = list(self.wire.sent)
        self.wire.sent.clear()
        return commands

    def heads(self) -> Sequence[str]:
        """The four header bytes of what was sent."""
        return [raw[:4].hex().upper() for raw in self.sent()]


def changed(
    *, protocol: TransmissionProtocol = "T=0", rules: Any = None, **settings: Any
) -> CardProfile:
    """The profile of a region with certificates, some settings and rules changed."""
    profile = load("urumqi")
    old = profile.structure.certificates
    assert old is not None
    model = old.model_copy(
        update={
            "settings": old.settings.model_copy(update=settings),
            "rules": old.rules.model_copy(update=rules or {}),
        }
    )
    features = profile.dialect.features.model_copy(update={"protocol": protocol})
    return replace(
        profile,
        structure=profile.structure.model_copy(update={"certificate": model}),
        dialect=profile.dialect.model_copy(update={"features": features}),
    )


def bench(*, protocol: TransmissionProtocol = "T=0", rules: Any = None, **settings: Any) -> Bench:
    """A new card, its chip and its profile with the same settings; the wire is beside the card."""
    profile = changed(protocol=protocol, rules=rules, **settings)
    model = profile.structure.certificates
    assert model is not None
    chip = blank(profile, bytes.fromhex("0000000000C1"))
    wire = Wire(VirtualConnection(chip))
    application = CertificateApplication(open_session(wire), model)
    made = Bench(chip, profile, model, wire, application)
    made.sent()
    return made


def der_of(length: int, filling: bytes = b"\xa7") -> bytes:
    """A DER SEQUENCE of so many bytes in all."""
    for head in (2, 3, 4):
        content = length - head
        encoded = {
            2: bytes((content & 0xFF,)),
            3: bytes((0x81, content & 0xFF)),
            4: b"\x82" + (content & 0xFFFF).to_bytes(2, "big"),
        }[head]
        if {2: content < 0x80, 3: 0x80 <= content < 0x100, 4: content >= 0x100}[head]:
            return b"\x30" + encoded + filling * content
    raise ValueError(f"no SEQUENCE has {length} bytes")


class Scripted:
    """A card that answers one command after the other as it was told, on T=1.

    ``script`` holds pairs of hex digits: the command, ``*`` for any bytes at its end, and the
    answer with its status word.
    """

    def __init__(self, *script: tuple[str, str]) -> None:
        self._script = list(script)
        self.protocol: TransmissionProtocol = "T=1"
        self.atr = b""

    def transmit(self, command: Secretive) -> bytes:
        """The next answer, when it is the next command."""
        raw = command.reveal() if isinstance(command, Secret) else command
        assert self._script, f"one command too many: {raw.hex()}"
        expected, answer = self._script.pop(0)
        head, _, any_end = expected.replace(" ", "").partition("*")
        got = raw.hex().upper()
        assert got.startswith(head) if "*" in expected else got == head, (got, expected)
        assert not any_end
        return bytes.fromhex(answer)

    def reset(self, cold: bool) -> bytes:
        """No ATR."""
        return b""

    def close(self) -> None:
        """Everything must have been sent."""
        assert not self._script, f"not sent: {self._script}"


ENVIRONMENT = ("00A404000C504B492EC9E7BBE1B1A3D5CF", "9000")
APPLICATION = ("00A404000C53532E434552542E41444631", "9000")


def scripted(*script: tuple[str, str], **settings: Any) -> tuple[Scripted, CertificateApplication]:
    """A session with a card that answers so after both SELECTs."""
    card = Scripted(ENVIRONMENT, APPLICATION, *script)
    model = changed(**settings).structure.certificates
    assert model is not None
    connection: Connection = card
    return card, CertificateApplication(open_session(connection), model)
