"""Key pairs at the terminal: generated, imported, used (ref 02 §8.1-8.2, §8.4, §8.8)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.card.certificate.bench import ADMIN, READ, USER, Bench, bench, envelope, scripted

from sscard_ic.apdu import certificate as apdu
from sscard_ic.base import CardError, InputError, Secret, Secretive
from sscard_ic.card import CertificateRefused
from sscard_ic.crypto.enveloped_key import EnvelopedKey
from sscard_ic.crypto.sm2 import KeyPair, message_digest, provider
from sscard_ic.profile.certificate import Purpose
from sscard_ic.reader.connection import Connection, TransmissionProtocol
from sscard_ic.reader.wrappers import Wrapper

PUBLIC = "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7" + (
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
"""The point G of the curve."""
PROTOCOLS = pytest.mark.parametrize("protocol", ["T=0", "T=1"])


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return provider().generate()


@pytest.fixture(scope="module")
def loaded(pair: KeyPair) -> Bench:
    """Both key pairs on the card, the user PIN verified."""
    made = bench()
    made.application.verify_pin("user", USER)
    public = made.application.generate_key()
    made.application.import_encryption_key(envelope(public, pair))
    return made


@PROTOCOLS
def test_generate(protocol: TransmissionProtocol) -> None:
    made = bench(protocol=protocol)
    assert made.application.public_key("signature") is None
    made.application.verify_pin("user", USER)
    made.sent()
    first = made.application.generate_key()
    assert made.heads() == ["80400000", "00A40000", "00B00000"]
    provider().check_public(first)
    assert made.application.generate_key() != first
    again = made.again()
    assert again.public_key("signature") not in (None, first)
    assert again.public_key("encryption") is None


@PROTOCOLS
def test_import(protocol: TransmissionProtocol, pair: KeyPair) -> None:
    made = bench(protocol=protocol)
    made.application.verify_pin("user", USER)
    public = made.application.generate_key()
    made.sent()
    wrapped = envelope(public, pair)
    made.application.import_encryption_key(wrapped)
    commands = made.sent()
    if protocol == "T=0":  # fetching the session key is the fifth
        assert commands.pop(1).hex() == "00c0000010"  # type: ignore[attr-defined]
    assert [raw[:5].hex().upper() for raw in commands] == [
        "804E000178", "804A021012", "80C2400046", "80C2C00126",
    ]  # fmt: skip
    assert made.application.public_key("encryption") == pair.public
    message = b"a session key of 24 byte"
    cipher = provider().encrypt(pair.public, message)
    assert made.application.decrypt(cipher).reveal() == message


def test_import_anew(pair: KeyPair) -> None:
    """Everything is repeatable, also with another key pair."""
    made = bench()
    made.application.verify_pin("user", USER)
    public = made.application.generate_key()
    for each in (pair, pair, provider().generate(), pair):
        wrapped = envelope(public, each)
        made.application.import_encryption_key(wrapped)
        cipher = provider().encrypt(each.public, b"\x01")
        assert made.application.decrypt(cipher).reveal() == b"\x01"


def test_an_envelope_for_another_card(loaded: Bench, pair: KeyPair) -> None:
    loaded.sent()
    wrapped = envelope(provider().generate().public, pair)
    with pytest.raises(CertificateRefused, match="decrypt the session key") as caught:
        loaded.application.import_encryption_key(wrapped)
    assert caught.value.hint is not None
    assert "another public key" in caught.value.hint.en
    assert loaded.heads() == ["804E0001"]
    assert loaded.application.public_key("encryption") == pair.public


def test_an_envelope_before_the_key_pair(pair: KeyPair) -> None:
    made = bench()
    made.application.verify_pin("user", USER)
    wrapped = envelope(pair.public, pair)
    with pytest.raises(CertificateRefused, match="6A88") as caught:
        made.application.import_encryption_key(wrapped)
    assert caught.value.hint is not None
    assert "cert keygen" in caught.value.hint.en


def test_a_session_key_of_another_length(loaded: Bench, pair: KeyPair) -> None:
    public = loaded.application.public_key("signature")
    assert public is not None
    wrapped = envelope(public, pair)
    other = provider().encrypt(public, b"\x3c" * 24)
    longer = EnvelopedKey(wrapped.encrypted_private, wrapped.public, other)
    loaded.sent()
    with pytest.raises(CardError, match="24 bytes, not 16"):
        loaded.application.import_encryption_key(longer)
    assert "804A0210" not in loaded.heads()


class Refusing(Wrapper):
    """Refuses one command, and knows why not."""

    def __init__(self, inner: Connection, instruction: int) -> None:
        super().__init__(inner)
        self._instruction = instruction

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else bytes(command)
        return b"\x6f\x00" if raw[1] == self._instruction else self.inner.transmit(command)


def test_the_session_key_is_cleared(pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the card takes it or not."""
    seen: list[tuple[Secret, int]] = []
    build = apdu.import_session_key

    def listen(slot: int, session: Secret) -> Secret:
        seen.append((session, len(session)))
        return build(slot, session)

    monkeypatch.setattr(apdu, "import_session_key", listen)
    made = bench()
    made.application.verify_pin("user", USER)
    wrapped = envelope(made.application.generate_key(), pair)
    made.application.import_encryption_key(wrapped)
    made.wire.inner = Refusing(made.wire.inner, 0x4A)
    with pytest.raises(CardError):
        made.application.import_encryption_key(wrapped)
    assert [length for _, length in seen] == [16, 16]
    assert [session.reveal() for session, _ in seen] == [b"", b""]


def test_a_key_pair_whose_public_key_could_not_be_read() -> None:
    """Signatures are over Z of the new key, not over that of the one before."""
    made = bench()
    made.application.verify_pin("user", USER)
    made.application.generate_key()
    card = made.wire.inner
    made.wire.inner = Refusing(card, READ)
    with pytest.raises(CardError):
        made.application.generate_key()
    made.wire.inner = card
    signature = made.application.sign(b"words")
    public = made.application.public_key("signature")
    assert public is not None
    assert provider().verify(public, message_digest(public, b"words"), signature)


def test_sign(loaded: Bench) -> None:
    public = loaded.application.public_key("signature")
    assert public is not None
    loaded.sent()
    for user_id in (b"1234567812345678", b"ALICE123@YAHOO.COM", b""):
        signature = loaded.application.sign(b"message", user_id)
        assert provider().verify(public, message_digest(public, b"message", user_id), signature)
    assert loaded.heads() == ["804C0001", "00C00000"] * 3
    assert len(loaded.application.sign_digest(bytes(32))) == 64


def test_sign_reads_the_public_key_for_z_once() -> None:
    made = bench(protocol="T=1")
    made.application.verify_pin("user", USER)
    public = made.application.generate_key()
    again = made.again()
    again.verify_pin("user", USER)
    made.sent()
    message = "签名".encode()
    assert provider().verify(public, message_digest(public, message), again.sign(message))
    assert made.heads() == ["00A40000", "00B00000", "804C0001"]
    again.sign(message)
    assert made.heads() == ["804C0001"]
    public = again.generate_key()
    made.sent()
    assert provider().verify(public, message_digest(public, message), again.sign(message))
    assert made.heads() == ["804C0001"]


@pytest.mark.parametrize("length", [0, 20, 31, 33, 64])
def test_no_digest(loaded: Bench, length: int) -> None:
    loaded.sent()
    with pytest.raises(InputError, match="32 bytes"):
        loaded.application.sign_digest(bytes(length))
    assert loaded.sent() == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=151), st.sampled_from(["signature", "encryption"]))
def test_decrypt(loaded: Bench, message: bytes, purpose: Purpose) -> None:
    public = loaded.application.public_key(purpose)
    assert public is not None
    cipher = provider().encrypt(public, message)
    assert loaded.application.decrypt(cipher, purpose).reveal() == message


@pytest.mark.parametrize("length", [151, 1])
def test_decrypt_at_the_ends(loaded: Bench, pair: KeyPair, length: int) -> None:
    cipher = provider().encrypt(pair.public, b"\x5a" * length)
    assert loaded.application.decrypt(cipher).reveal() == b"\x5a" * length


@pytest.mark.parametrize("length", [0, 1, 96, 248, 300])
def test_ciphertexts_that_no_command_holds(loaded: Bench, length: int) -> None:
    loaded.sent()
    with pytest.raises(InputError) as caught:
        loaded.application.decrypt(bytes(length))
    assert f"has {length} bytes" in str(caught.value)
    assert "97 to 247" in str(caught.value)
    assert "151 bytes" in str(caught.value)
    assert loaded.sent() == []


def test_a_damaged_ciphertext(loaded: Bench, pair: KeyPair) -> None:
    cipher = bytearray(provider().encrypt(pair.public, b"message"))
    for at in (0, 70, -1):  # C1, C3, C2
        damaged = bytearray(cipher)
        damaged[at] ^= 1
        with pytest.raises(CertificateRefused, match="decrypt") as caught:
            loaded.application.decrypt(bytes(damaged))
        assert caught.value.hint is not None
        assert "damaged" in caught.value.hint.en


@pytest.mark.parametrize(
    ("rules", "lacking"),
    [
        ("user_pin", "user PIN"),
        ("admin_pin", "admin PIN"),
        ("user_and_admin_pin", "user PIN and admin PIN"),
    ],
)
def test_each_refusal_names_the_pin_that_is_missing(
    pair: KeyPair, rules: str, lacking: str
) -> None:
    everything = dict.fromkeys(
        ["generate_key", "read_public", "use_private", "import_key"], rules
    ) | {"read_certificate": rules, "update_certificate": rules}
    made = bench(rules=everything)
    wrapped = envelope(pair.public, pair)
    application = made.application
    for attempt in (
        application.generate_key,
        lambda: application.public_key("encryption"),
        lambda: application.sign_digest(bytes(32)),
        lambda: application.decrypt(provider().encrypt(pair.public, b"1")),
        lambda: application.import_encryption_key(wrapped),
        lambda: application.write_certificate("signature", b"\x30\x01\x00"),
        lambda: application.certificate("encryption"),
    ):
        with pytest.raises(CertificateRefused, match="6982") as caught:
            attempt()
        assert caught.value.missing is not None
        assert caught.value.missing.en == lacking
        assert caught.value.hint is not None
        assert lacking in caught.value.hint.en
    made.application.verify_pin("user", USER)
    made.application.verify_pin("admin", ADMIN)
    made.application.generate_key()


def test_a_card_that_asks_for_more_than_its_profile() -> None:
    card, application = scripted(("80400000*", "6982"), rules={"generate_key": "free"})
    with pytest.raises(CertificateRefused, match="6982") as caught:
        application.generate_key()
    assert caught.value.missing is None
    assert caught.value.hint is not None
    assert "certificate.rules" in caught.value.hint.en
    card.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("0040" + PUBLIC + "9000", PUBLIC),
        ("4141" + PUBLIC + "9000", PUBLIC),  # nobody knows what the header means
        ("00" * 66 + "9000", None),
        ("FF" * 66 + "9000", None),
        ("0040" + "00" * 64 + "9000", None),
        ("0040" + PUBLIC[:-2] + "9000", None),
        ("9000", None),
    ],
)
def test_public_keys_of_other_cards(answer: str, expected: str | None) -> None:
    card, application = scripted(("00A40000020014", "9000"), ("00B0000042", answer))
    public = application.public_key("encryption")
    assert (public.hex().upper() if public else None) == expected
    card.close()


def test_a_generated_key_that_is_not_there() -> None:
    card, application = scripted(
        ("80400000 08 C0020012 C2020013", "9000"),
        ("00A40000020012", "9000"),
        ("00B0000042", "00" * 66 + "9000"),
    )
    with pytest.raises(CardError, match="empty"):
        application.generate_key()
    card.close()


def test_signing_without_a_key() -> None:
    made = bench()
    made.application.verify_pin("user", USER)
    with pytest.raises(CardError, match="no signature key"):
        made.application.sign(b"message")


@pytest.mark.parametrize("status", ["6D00", "6A86", "6E00", "6A81"])
def test_the_command_that_signs_is_a_setting(status: str) -> None:
    card, application = scripted(
        ("80DEAD01 26 C2020013 C120" + "11" * 32 + "00", status),
        sign_command=bytes.fromhex("80DEAD01"),
    )
    with pytest.raises(CertificateRefused) as caught:
        application.sign_digest(b"\x11" * 32)
    assert caught.value.hint is not None
    assert "sign_command" in caught.value.hint.en
    card.close()


def test_an_answer_that_is_no_signature() -> None:
    card, application = scripted(("804C0001*", "00" * 63 + "9000"))
    with pytest.raises(CardError, match="63 bytes, not 64"):
        application.sign_digest(bytes(32))
    card.close()


def test_another_slot() -> None:
    """The bytes of ref 02 §8.2, on T=1, with the session key where another profile has it."""
    cipher = "55" * 112
    card, application = scripted(
        (f"804E0001 78 C2020013 C1820070 {cipher} 00", "3C" * 16 + "9000"),
        ("804A02A1 12 C110" + "3C" * 16, "9000"),
        (f"80C24000 46 C0020014 CA40 {PUBLIC}", "9000"),
        ("80C2C001 26 C2020015 CB20" + "66" * 32, "6985"),
        session_key_slot=0xA1,
    )
    wrapped = EnvelopedKey(b"\x66" * 32, bytes.fromhex(PUBLIC), bytes.fromhex(cipher))
    with pytest.raises(CertificateRefused, match="import the encryption private key"):
        application.import_encryption_key(wrapped)
    card.close()


def test_what_decrypts_is_secret(loaded: Bench, pair: KeyPair) -> None:
    message = loaded.application.decrypt(provider().encrypt(pair.public, b"0123456789"))
    assert isinstance(message, Secret)
    assert "0123456789" not in repr(message)
