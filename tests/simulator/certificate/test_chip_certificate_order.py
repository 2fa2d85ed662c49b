"""The order in which two programs issue certificates, sent as they send it (ref 02 §8.2, §8.9)."""

from __future__ import annotations

from hashlib import shake_128

import pytest
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADF_BY_FID,
    ADF_FCI,
    ADMIN,
    ADMIN_PIN,
    CONTROL_KEY,
    DDF,
    DDF_FCI,
    EXPORT,
    GENERATE,
    PREPARE_EXPORT,
    USER,
    USER_PIN,
    CertificateCard,
    card_profile,
    new_card,
    pair_of,
    pin_key,
)

from sscard_ic.crypto import sm4
from sscard_ic.crypto.sm2 import message_digest, provider

SESSION_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
NEW_CONTROL_KEY = "F0E1D2C3B4A5968778695A4B3C2D1E0F"
NEW_ADMIN_PIN = "87654321"
ENCRYPTION = pair_of(0x1C0FFEE)


def certificate(name: str) -> bytes:
    """Something as long as a certificate, beginning like one."""
    return bytes.fromhex("30820272") + shake_128(name.encode()).digest(0x272)


def hash_on_card(card: CertificateCard, pin: str) -> bytes:
    """The key of a PIN, which one program lets the card compute."""
    return bytes.fromhex(card.data(f"80C4010306C104{pin}00"))[:16]


def unwrapped(card: CertificateCard, public: bytes) -> bytes:
    """The session key, wrapped for the card and decrypted by it."""
    cipher = provider().encrypt(public, SESSION_KEY)
    body = f"C2020013C1820070{cipher.hex()}"
    assert len(body) // 2 == 0x78
    return bytes.fromhex(card.data(f"804E000178{body}"))


def proves_its_keys(card: CertificateCard, public: bytes) -> None:
    """A signature by the signature key, a decryption by the encryption key."""
    assert card.sw(ADF) == "9000"
    assert card.verify() == "9000"
    digest = message_digest(public, b"synthetic")
    signature = bytes.fromhex(card.data(f"804C000126C2020013C120{digest.hex()}00"))
    assert len(signature) == 64
    assert provider().verify(public, digest, signature)
    cipher = provider().encrypt(ENCRYPTION.public, b"sixteen bytes ..")
    assert card.decrypt("0015", cipher) == b"sixteen bytes ..".hex().upper() + "9000"


def accepts_the_new_locks_only(card: CertificateCard) -> None:
    assert card.sw(ADF) == "9000"
    assert card.verify(ADMIN, ADMIN_PIN) == "63C5"
    assert card.verify(ADMIN, NEW_ADMIN_PIN) == "9000"
    for place in (ADF, DDF):
        assert card.sw(place) == "9000"
        assert card.authenticate(CONTROL_KEY) == "63C5"
        assert card.authenticate(NEW_CONTROL_KEY) == "9000"


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_evo(protocol: str) -> None:
    """Challenges of 16 bytes, both PINs, pieces of 70h, each directory by its name."""
    loaded = card_profile(
        rules={"import_key": "user_and_admin_pin"}, features={"protocol": protocol}
    )
    card = new_card(loaded)
    assert card.chip.protocol == protocol
    assert card.data(DDF) == DDF_FCI
    assert card.data(ADF) == ADF_FCI
    assert card.verify(USER, USER_PIN) == "9000"
    assert card.data(GENERATE) == ""
    public = card.read("0012", length=0x42)[2:]
    key = hash_on_card(card, ADMIN_PIN)
    assert key == pin_key(ADMIN_PIN)
    assert card.sw(f"0020010010{card.proof(key)}") == "9000"
    assert unwrapped(card, public) == SESSION_KEY
    assert card.import_pair(SESSION_KEY, ENCRYPTION) == ["9000"] * 3
    for fid, name in (("0018", "signature"), ("0019", "encryption")):
        card.write(fid, certificate(name), 0x70)
    assert card.change_pin(ADMIN, ADMIN_PIN, NEW_ADMIN_PIN) == "9000"
    for place in (ADF, DDF):
        assert card.sw(place) == "9000"
        assert card.authenticate(CONTROL_KEY) == "9000"
        assert card.replace_key(CONTROL_KEY, NEW_CONTROL_KEY) == "9000"
    card.reset()
    proves_its_keys(card, public)
    for fid, name in (("0018", "signature"), ("0019", "encryption")):
        der = certificate(name)
        head, tail = card.read(fid), card.read(fid, 256) + card.read(fid, 512)
        assert (head + tail).startswith(der)
        assert not any((head + tail)[len(der) :])
    accepts_the_new_locks_only(card)


def test_t10() -> None:
    """Challenges of 8 bytes, the user PIN alone, ADF by identifier, export, 1020 bytes by FAh."""
    card = new_card()
    card.challenge_length = 8
    assert card.data(DDF) == DDF_FCI
    assert card.data(ADF_BY_FID) == ADF_FCI
    assert card.verify(USER, USER_PIN) == "9000"
    assert card.data(GENERATE) == ""
    assert card.data(PREPARE_EXPORT) == ""
    exported = bytes.fromhex(card.data(EXPORT))
    assert exported == card.read("0012", length=0x42)
    public = exported[2:]
    assert unwrapped(card, public) == SESSION_KEY
    assert card.import_pair(SESSION_KEY, ENCRYPTION) == ["9000"] * 3
    for fid, name in (("0018", "signature"), ("0019", "encryption")):
        card.write(fid, certificate(name).ljust(1020, b"\x00"), 0xFA)
    assert card.change_pin(ADMIN, ADMIN_PIN, NEW_ADMIN_PIN) == "9000"
    for place in (ADF_BY_FID, DDF):
        assert card.sw(place) == "9000"
        assert card.authenticate(CONTROL_KEY) == "9000"
        assert card.replace_key(CONTROL_KEY, NEW_CONTROL_KEY) == "9000"
    card.reset()
    proves_its_keys(card, public)
    assert card.read("0019", 0, 256) == certificate("encryption")[:256]
    accepts_the_new_locks_only(card)


def test_both_challenges_prove_the_same_key() -> None:
    """An 8-byte challenge is one block filled with 00."""
    card = new_card()
    assert card.sw(ADF) == "9000"
    short = bytes.fromhex(card.data("0084000008"))
    assert len(short) == 8
    proof = sm4.encrypt(pin_key(USER_PIN), short + bytes(8))
    assert card.sw(f"0020018110{proof.hex()}") == "9000"


def test_the_whole_order_again() -> None:
    """A terminal that was interrupted begins anew; the last key pair and certificates count."""
    card = new_card()
    for _ in range(2):
        assert card.sw(ADF) == "9000"
        assert card.verify() == "9000"
        assert card.sw(GENERATE) == "9000"
        public = card.read("0012", length=0x42)[2:]
        assert unwrapped(card, public) == SESSION_KEY
        assert card.import_pair(SESSION_KEY, ENCRYPTION) == ["9000"] * 3
        card.write("0018", certificate("signature"), 0x70)
        card.reset()
    proves_its_keys(card, public)
