"""What the certificate application refuses, and with which status word."""

from __future__ import annotations

import pytest
from tests.simulator import cards
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADMIN,
    ADMIN_PIN,
    CHALLENGE,
    CONTROL_KEY,
    DDF,
    EXPORT,
    GENERATE,
    PREPARE_EXPORT,
    CertificateCard,
    application,
    card_profile,
    issued_card,
    model,
    new_card,
    pair_of,
    pin_key,
)

from sscard_ic.crypto import sm4
from sscard_ic.crypto.sm2 import provider

PAIR = pair_of(0x5EED)
XY = PAIR.public.hex()
PROOF = "00" * 16
SESSION = "804A021012C110" + "11" * 16
PUBLIC = "80C2400046C0020014CA40" + XY
PRIVATE = "80C2C00126C2020015CB20" + "22" * 32
SIGN = "804C000126C2020013C120" + "33" * 32
CIPHER = provider().encrypt(PAIR.public, bytes(16)).hex()
DECRYPT = "804E000178C2020013C1820070" + CIPHER
OFF_CURVE = "01" * 64

FORMS = [
    # CLA, INS, P1 P2
    ("6E00", "90840000 10"),
    ("6E00", "A0A40000 02 0012"),
    ("6E00", "04B00000 10"),
    ("6E00", "80840000 10"),
    ("6E00", "00C98280 42"),
    ("6D00", "00B20104 10"),
    ("6D00", "00880000 10" + PROOF),
    ("6D00", "80E00000 02 0012"),
    ("6A86", "00840100 10"),
    ("6A86", "00840001 10"),
    ("6A86", "80C40003 05 C103123456"),
    ("6A86", "80C40102 05 C103123456"),
    ("6A86", "80400001 08 C0020012C2020013"),
    ("6A86", "80C98100 08 C0020012C2020013"),
    ("6A86", "80C98281 42"),
    ("6A86", "804E0000 08 C2020013C1020011"),
    ("6A86", "804A0211 12 C110" + PROOF),
    ("6A86", "804A0110 12 C110" + PROOF),
    ("6A86", "80C24001 46 C0020014CA40" + XY),
    ("6A86", "80C2C000 26 C2020015CB20" + "22" * 32),
    ("6A86", "00820001 10" + PROOF),
    ("6A86", "00820100 10" + PROOF),
    ("6A86", "84D40000 24" + "00" * 36),
    ("6A86", "84D40101 24" + "00" * 36),
    ("6A86", "804C0002 26 C2020013C120" + "33" * 32),
    ("6A86", "00A40002 02 0012"),
    ("6A86", "00A40200 02 0012"),
    ("6A86", "00A40300"),
    ("6A86", "00B08100 10"),
    ("6A86", "00D68100 01 00"),
    # plain PINs
    ("6A86", "00200081 03 123456"),
    ("6A86", "00200000 04 12345678"),
    ("6700", "00200181 03 123456"),
    ("6700", "00200181"),
    ("6A88", "00200182 10" + PROOF),
    ("6A86", "845E0081 14" + "00" * 20),
    ("6A88", "845E0101 14" + "00" * 20),
    # lengths
    ("6700", "00840000 04"),
    ("6700", "00840000 00"),
    ("6700", "00840000"),
    ("6700", "00840000 01 08"),
    ("6700", "80C40103"),
    ("6700", "00200181 0F" + PROOF[2:]),
    ("6700", "00200181 11" + PROOF + "00"),
    ("6700", "00820000 08" + PROOF[16:]),
    ("6700", "845E0100 13" + "00" * 19),
    ("6700", "84D40100 23" + "00" * 35),
    ("6700", "80400000 07 C0020012C20200"),
    ("6700", "80400000"),
    ("6700", "80C98200"),
    ("6700", "80C98280 01 00"),
    ("6700", "804E0001"),
    ("6700", "804A0210 11 C10F" + PROOF[2:]),
    ("6700", "80C24000 45 C0020014CA3F" + XY[2:]),
    ("6700", "80C2C001 25 C2020015CB1F" + "22" * 31),
    ("6700", "804C0001 25 C2020013C11F" + "33" * 31),
    ("6700", "00A40000 01 12"),
    ("6700", "00A40000 03 001200"),
    # forms of the data
    ("6A80", "80C40103 05 C003123456"),
    ("6A80", "80C40103 05 C104123456"),
    ("6A80", "80C40103 01 C1"),
    ("6A80", "80400000 08 C1020012C2020013"),
    ("6A80", "80400000 08 C2020013C0020012"),
    ("6A80", "80400000 08 C0020012C2020015"),
    ("6A80", "80400000 08 C0020014C2020015"),
    ("6A82", "80400000 08 C0020013C2020013"),
    ("6A82", "80400000 08 C0020012C2020012"),
    ("6A82", "80400000 08 C0020010C2020011"),
    ("6A80", "80C98200 08 C0020012C2020015"),
    ("6A82", "80C98200 08 C0020018C2020013"),
    ("6A80", "804E0001 04 C2020013"),
    ("6A80", "804E0001 05 C10400131122"),
    ("6A80", "804E0001 06 C2020013C100"),
    ("6A80", "804E0001 05 C20113C100"),
    ("6A82", "804E0001 78 C2020012C1820070" + CIPHER),
    ("6A80", "804A0210 12 C210" + PROOF),
    ("6A80", "80C24000 46 C0020014CB40" + XY),
    ("6A80", "80C24000 46 C0020012CA40" + XY),
    ("6A82", "80C24000 46 C0020015CA40" + XY),
    ("6A80", "80C24000 46 C0020014CA40" + OFF_CURVE),
    ("6A80", "80C2C001 26 C2020013CB20" + "22" * 32),
    ("6A82", "80C2C001 26 C2020014CB20" + "22" * 32),
    ("6A80", "804C0001 26 C2020015C120" + "33" * 32),
    ("6A82", "804C0001 26 C2020012C120" + "33" * 32),
    ("6A80", "804C0001 26 C2020013C220" + "33" * 32),
    # files
    ("6A82", "00A40000 02 0016"),
    ("6A82", "00A40000 02 DF02"),
    ("6986", "00B00000 10"),
    ("6986", "00D60000 01 00"),
    ("6700", "00B00000 01 00"),
    ("6700", "00D60000"),
    ("6700", "00D60000 10"),
    # what is not there yet
    ("6985", EXPORT),
    ("6A88", PREPARE_EXPORT),
    ("6A88", SIGN),
    ("6A88", DECRYPT),
    ("6985", PRIVATE),
    # no challenge
    ("6984", "00200181 10" + PROOF),
    ("6984", "00820000 10" + PROOF),
    ("6984", "845E0181 14" + "00" * 20),
]


@pytest.mark.parametrize(("sw", "apdu"), FORMS, ids=lambda each: each.replace(" ", "")[:26])
def test_forms(sw: str, apdu: str) -> None:
    card = application(user=True)
    before = card.states
    writes = card.chip.writes
    assert card.raw(apdu.replace(" ", "")) == sw
    assert card.chip.writes == writes
    assert card.states == before


OPERATIONS = {
    "generate_key": GENERATE,
    "use_private": SIGN,
    "import_key": PUBLIC,
    "update_certificate": "00D6000001AA",
}


@pytest.mark.parametrize("apdu", [*OPERATIONS.values(), DECRYPT, SESSION, PRIVATE])
def test_without_the_user_pin(apdu: str) -> None:
    card = application()
    assert card.sw("00A40000020018") == "9000"
    assert card.raw(apdu) == "6982"


@pytest.mark.parametrize("rule", OPERATIONS)
@pytest.mark.parametrize(
    ("condition", "needed"),
    [
        ("free", ()),
        ("user_pin", ("81",)),
        ("admin_pin", ("00",)),
        ("user_and_admin_pin", ("81", "00")),
    ],
)
def test_rules(rule: str, condition: str, needed: tuple[str, ...]) -> None:
    """Every rule asks for exactly the PINs that it names."""
    pins = {"81": "123456", "00": "12345678"}
    for verified in ((), ("81",), ("00",), ("81", "00")):
        card = application(card_profile(rules={rule: condition}))
        assert card.sw("00A40000020018") == "9000"
        for reference in verified:
            assert card.verify(reference, pins[reference]) == "9000"
        allowed = set(needed) <= set(verified)
        assert (card.raw(OPERATIONS[rule]) == "6982") is not allowed, verified


@pytest.mark.parametrize(("rule", "fid"), [("read_public", "0012"), ("read_certificate", "0018")])
def test_rules_of_reading(rule: str, fid: str) -> None:
    card = application(card_profile(rules={rule: "admin_pin"}))
    assert card.raw(f"00A4000002{fid}") == "9000"
    assert card.raw("00B0000042") == "6982"
    if rule == "read_public":
        assert card.raw(PREPARE_EXPORT) == "6982"
    assert card.verify(ADMIN, ADMIN_PIN) == "9000"
    assert card.raw("00B0000042") == "00" * 66 + "9000"


@pytest.mark.parametrize(
    "apdu",
    [
        "00200181 10" + PROOF,
        "845E0100 14" + "00" * 20,
        "00B00000 10",
        "00D60000 01 00",
        GENERATE,
        PREPARE_EXPORT,
        EXPORT,
        DECRYPT,
        SESSION,
        PUBLIC,
        PRIVATE,
        SIGN,
    ],
)
def test_the_environment_has_neither_pins_nor_files(apdu: str) -> None:
    card = application(user=True)
    assert card.sw(DDF) == "9000"
    assert card.data("0084000010") == CHALLENGE
    assert card.raw(apdu.replace(" ", "")) == "6985"
    assert card.raw("00A40000020012") == "6A82"


def test_a_damaged_ciphertext() -> None:
    card = application(user=True)
    assert card.sw(GENERATE) == "9000"
    public = card.read("0012", length=66)[2:]
    cipher = provider().encrypt(public, bytes(range(16)))
    assert card.decrypt("0013", cipher) == bytes(range(16)).hex().upper() + "9000"
    for at, sw in ((0, "6A80"), (64, "6988"), (95, "6988"), (96, "6988"), (111, "6988")):
        damaged = bytearray(cipher)
        damaged[at] ^= 1
        assert card.decrypt("0013", bytes(damaged)) == sw
    assert card.decrypt("0013", cipher[:96]) == "6A80"
    assert card.decrypt("0013", provider().encrypt(PAIR.public, bytes(16))) == "6988"


@pytest.mark.parametrize("length", [1, 16, 151])
def test_messages_of_every_length_decrypt(length: int) -> None:
    card = application(user=True)
    session = bytes(range(16))
    assert card.import_pair(session, PAIR) == ["9000"] * 3
    message = bytes(range(length))
    cipher = provider().encrypt(PAIR.public, message)
    assert card.decrypt("0015", cipher) == message.hex().upper() + "9000"


class TestPrivateKeys:
    """Of the pair for encryption: enciphered with the session key, and of the public key."""

    SESSION = bytes(range(16))

    def import_private(self, card: CertificateCard, private: bytes) -> str:
        enciphered = sm4.encrypt(self.SESSION, private)
        return card.raw(f"80C2C00126C2020015CB20{enciphered.hex()}")

    def ready(self) -> CertificateCard:
        card = application(user=True)
        assert card.raw(f"804A021012C110{self.SESSION.hex()}") == "9000"
        return card

    def test_out_of_range(self) -> None:
        card = self.ready()
        assert self.import_private(card, bytes(32)) == "6A80"
        assert self.import_private(card, b"\xff" * 32) == "6A80"
        assert "certificate/files/0015" not in card.states

    def test_of_another_public_key(self) -> None:
        card = self.ready()
        assert card.raw(PUBLIC) == "9000"
        assert self.import_private(card, pair_of(7).private.reveal()) == "6A80"
        assert self.import_private(card, PAIR.private.reveal()) == "9000"

    def test_before_its_public_key(self) -> None:
        card = self.ready()
        assert self.import_private(card, PAIR.private.reveal()) == "9000"
        assert card.raw(PUBLIC) == "9000"
        assert "certificate/files/0015" in card.states

    def test_falls_with_its_public_key(self) -> None:
        card = self.ready()
        assert card.import_pair(self.SESSION, PAIR) == ["9000"] * 3
        writes = card.chip.writes
        assert card.import_pair(self.SESSION, PAIR) == ["9000"] * 3
        assert card.chip.writes == writes
        assert card.raw(f"80C2400046C0020014CA40{pair_of(7).public.hex()}") == "9000"
        assert card.raw(DECRYPT.replace("C2020013", "C2020015")) == "6A88"

    def test_the_session_key_falls_with_the_application(self) -> None:
        card = issued_card()
        for leave in ("reset", cards.SSSE, cards.MF, None):
            assert card.sw(ADF) == "9000"
            assert card.verify() == "9000"
            assert card.raw(f"804A021012C110{self.SESSION.hex()}") == "9000"
            if leave == "reset":
                card.reset()
            elif leave is not None:
                assert card.sw(leave) == "9000"
            else:
                assert card.sw(DDF) == "9000"
            assert card.sw(ADF) == "9000"
            if leave is not None:
                assert card.verify() == "9000"
            imported = self.import_private(card, PAIR.private.reveal())
            assert imported == ("6985" if leave is not None else "9000")


def test_a_sign_command_of_another_card() -> None:
    card = application(card_profile({"sign_command": bytes.fromhex("80508101")}), user=True)
    assert card.sw(GENERATE) == "9000"
    assert card.raw(SIGN) == "6D00"
    answer = card.send(SIGN.replace("804C0001", "80508101"))
    assert answer.sw == 0x9000
    public = card.read("0012", length=66)[2:]
    assert provider().verify(public, bytes.fromhex("33" * 32), answer.data)


def test_another_slot_and_header() -> None:
    changed = {
        "session_key_slot": 0x11,
        "control_key_header": bytes.fromhex("010203"),
        "public_key_header": bytes.fromhex("0104"),
    }
    card = application(card_profile(changed), user=True)
    assert card.raw(SESSION) == "6A86"
    assert card.raw(SESSION.replace("804A0210", "804A0211")) == "9000"
    assert card.sw(GENERATE) == "9000"
    assert card.read("0012", length=66)[:2] == bytes.fromhex("0104")
    assert card.authenticate() == "9000"
    assert card.replace_key(CONTROL_KEY, "77" * 16) == "6A80"
    assert card.authenticate() == "9000"
    assert card.replace_key(CONTROL_KEY, "77" * 16, header="010203") == "9000"


def test_other_references_and_files() -> None:
    files = {"signature_public": 0x0022, "signature_private": 0x0023}
    changed = model().files.model_copy(update=files)
    card = new_card(card_profile(user_pin=0x85, initial_user_pin="4321", files=changed))
    assert card.sw(ADF) == "9000"
    assert card.raw("0020018110" + PROOF) == "6A88"
    assert card.sw(f"0020018510{card.proof(pin_key('4321'))}") == "9000"
    assert card.raw(GENERATE) == "6A82"
    assert card.raw("8040000008C0020022C2020023") == "9000"
    assert card.raw("00A40000020022") == "9000"
    assert card.raw("00A40000020012") == "6A82"
