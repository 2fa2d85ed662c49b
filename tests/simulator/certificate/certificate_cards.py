"""Cards with a certificate application, and what a terminal computes for them by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulator import cards
from tests.simulator.cards import Card, Randomness

from sscard_ic import profile
from sscard_ic.base import Secret
from sscard_ic.crypto import sm3, sm4
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate import CertificateApplication
from sscard_ic.simulator import Interface, blank, open_image

DDF = "00A404000C504B492EC9E7BBE1B1A3D5CF"
ADF = "00A404000C53532E434552542E41444631"
DDF_FCI = "6F14840C504B492EC9E7BBE1B1A3D5CF730492023330"
ADF_FCI = "6F0E840C53532E434552542E41444631"
ADF_BY_FID = "00A4000002DF01"
DDF_BY_FID = "00A4000002DDF3"
GENERATE = "8040000008C0020012C2020013"
PREPARE_EXPORT = "80C9820008C0020012C2020013"
EXPORT = "80C9828042"
USER, ADMIN = "81", "00"
USER_PIN, ADMIN_PIN = "123456", "12345678"
CONTROL_KEY = "00112233445566778899AABBCCDDEEFF"
CHALLENGE = "178CEDCF32C5D7990216632170C7CD37"
"""Of the recordings in ref 02 §8.3, §8.5 and §8.6."""


def folded_mac(key: bytes, data: bytes, start: bytes) -> bytes:
    """SM4-CBC by single blocks, the four words of the last one joined by XOR (ref 02 §8.5)."""
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 16)
    block = start
    for at in range(0, len(padded), 16):
        mixed = bytes(a ^ b for a, b in zip(block, padded[at : at + 16], strict=True))
        block = sm4.encrypt(key, mixed)
    words = [int.from_bytes(block[at : at + 4], "big") for at in range(0, 16, 4)]
    return (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4, "big")


def pin_key(pin: str) -> bytes:
    """K = SM3(PIN), its first 16 bytes (ref 02 §8.3)."""
    return sm3.digest(bytes.fromhex(pin))[:16]


def filled(text: bytes, length: int) -> bytes:
    """LL ‖ text ‖ 80 00… in ``length`` bytes."""
    return (bytes((len(text),)) + text + b"\x80").ljust(length, b"\x00")


@dataclass
class CertificateCard(Card):
    """A card whose certificate application is talked to; everything in hex digits."""

    challenge_length: int = 16

    def challenge(self) -> bytes:
        """A challenge of the card as one block."""
        length = self.challenge_length
        return bytes.fromhex(self.data(f"00840000{length:02X}")).ljust(16, b"\x00")

    def verify(self, reference: str = USER, pin: str = USER_PIN) -> str:
        """Challenge and VERIFY; the status word."""
        return self.sw(f"002001{reference}10{self.proof(pin_key(pin))}")

    def authenticate(  # type: ignore[override]
        self, key: str = CONTROL_KEY
    ) -> str:
        """Challenge and EXTERNAL AUTHENTICATE with a control key; the status word."""
        return self.sw(f"0082000010{self.proof(bytes.fromhex(key))}")

    def proof(self, key: bytes) -> str:
        """The next challenge enciphered."""
        return sm4.encrypt(key, self.challenge()).hex()

    def change_pin(self, reference: str, old: str, new: str) -> str:
        """Challenge and change of a PIN; the status word."""
        plain = filled(bytes.fromhex(new), 16)
        return self.sw(self.protected(f"845E01{reference}14", pin_key(old), plain))

    def replace_key(self, old: str, new: str, *, header: str = "000000") -> str:
        """Challenge and a new control key; the status word."""
        plain = filled(bytes.fromhex(header + new), 32)
        return self.sw(self.protected("84D4010024", bytes.fromhex(old), plain))

    def protected(self, head: str, key: bytes, plain: bytes) -> str:
        """A command with whole blocks enciphered, and its MAC by the next challenge."""
        body = bytes.fromhex(head) + sm4.encrypt(key, plain)
        return (body + folded_mac(key, body, self.challenge())).hex()

    def write(self, fid: str, content: bytes, piece: int) -> None:
        """SELECT and UPDATE BINARY by pieces."""
        assert self.raw(f"00A4000002{fid}") == "9000"
        for at in range(0, len(content), piece):
            part = content[at : at + piece]
            assert self.raw(f"00D6{at:04X}{len(part):02X}{part.hex()}") == "9000"

    def read(self, fid: str, offset: int = 0, length: int = 256) -> bytes:
        """SELECT and READ BINARY."""
        assert self.raw(f"00A4000002{fid}") == "9000"
        return bytes.fromhex(self.data(f"00B0{offset:04X}{length % 256:02X}"))

    def decrypt(self, fid: str, cipher: bytes) -> str:
        """SM2 decryption; the whole answer."""
        body = f"C202{fid}C182{len(cipher):04X}{cipher.hex()}"
        response = self.send(f"804E0001{len(body) // 2:02X}{body}00")
        return response.data.hex().upper() + str(response.sw)

    def import_pair(self, session_key: bytes, pair: KeyPair) -> list[str]:
        """Session key, public and private key; the status words."""
        enciphered = sm4.encrypt(session_key, pair.private.reveal())
        return [
            self.raw(f"804A021012C110{session_key.hex()}"),
            self.raw(f"80C2400046C0020014CA40{pair.public.hex()}"),
            self.raw(f"80C2C00126C2020015CB20{enciphered.hex()}"),
        ]

    @property
    def states(self) -> dict[str, object]:
        """What the memory holds of the application."""
        kept = self.chip.persistent_state()
        return {path: state for path, state in kept.items() if path.startswith("certificate/")}


@cache
def model() -> CertificateApplication:
    """The application of third-generation cards."""
    certificates = profile.load("3.00").structure.certificates
    assert certificates is not None
    return certificates


def card_profile(
    settings: dict[str, Any] | None = None,
    rules: dict[str, Any] | None = None,
    *,
    features: dict[str, Any] | None = None,
    **changes: Any,
) -> CardProfile:
    """The card of ref 11 §8 with a certificate application, which may differ."""
    loaded = cards.with_dialect(features=features)
    changed = model().model_copy(
        update={
            "settings": model().settings.model_copy(update=settings or {}),
            "rules": model().rules.model_copy(update=rules or {}),
            **changes,
        }
    )
    present = {"certificate_application": "present", "certificate": changed}
    return replace(loaded, structure=loaded.structure.model_copy(update=present))


def new_card(loaded: CardProfile | None = None, *, path: Path | None = None) -> CertificateCard:
    """A powered blank; nothing is selected."""
    randomness = Randomness(CHALLENGE)
    chip = blank(loaded or card_profile(), cards.SERIAL, path=path, entropy=randomness)
    chip.power_on()
    return CertificateCard(chip, randomness)


def opened(path: Path, interface: Interface = "contact") -> CertificateCard:
    """The card of an image, powered."""
    randomness = Randomness(CHALLENGE)
    chip = open_image(path, interface=interface, entropy=randomness)
    chip.power_on()
    return CertificateCard(chip, randomness)


def issued_card(loaded: CardProfile | None = None, *, path: Path | None = None) -> CertificateCard:
    """The same, its social security application as ref 11 §8 leaves it; the MF is current."""
    card = cards.finished_card(loaded or card_profile(), path=path)
    card.randomness.value = bytes.fromhex(CHALLENGE)
    return CertificateCard(card.chip, card.randomness)


def application(
    loaded: CardProfile | None = None, *, path: Path | None = None, user: bool = False
) -> CertificateCard:
    """A card whose ADF is selected, on demand with the user PIN verified."""
    card = new_card(loaded, path=path)
    assert card.sw(ADF) == "9000"
    if user:
        assert card.verify() == "9000"
    return card


def pair_of(number: int) -> KeyPair:
    """A key pair that is the same every time."""
    private = Secret(number.to_bytes(32, "big"))
    return KeyPair(private, provider().public_of(private))
