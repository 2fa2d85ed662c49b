"""What the application keeps: over power cycles, in images, and when the power fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulator import cards
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADMIN,
    ADMIN_PIN,
    CONTROL_KEY,
    DDF,
    GENERATE,
    USER,
    USER_PIN,
    CertificateCard,
    application,
    card_profile,
    filled,
    new_card,
    opened,
    pair_of,
    pin_key,
)

from sscard_ic.base import InputError
from sscard_ic.crypto import sm4
from sscard_ic.crypto.sm2 import provider
from sscard_ic.simulator import CardLost, Memory, blank, describe_image, open_image

SESSION_KEY = bytes(range(16))
PAIR, OTHER_PAIR = pair_of(0xABCDEF), pair_of(0xFEDCBA)


def proof(card: CertificateCard, key: bytes) -> str:
    return card.proof(key)


def wrong_pin(card: CertificateCard) -> str:
    return f"0020018110{proof(card, bytes(16))}"


def right_pin_again(card: CertificateCard) -> str:
    assert card.verify(USER, "999999").startswith("63")
    return f"0020018110{proof(card, pin_key(USER_PIN))}"


def wrong_control_key(card: CertificateCard) -> str:
    return f"0082000010{proof(card, bytes(16))}"


def right_control_key_again(card: CertificateCard) -> str:
    assert card.authenticate("11" * 16).startswith("63")
    return f"0082000010{proof(card, bytes.fromhex(CONTROL_KEY))}"


def new_pin(card: CertificateCard) -> str:
    return card.protected(f"845E01{ADMIN}14", pin_key(ADMIN_PIN), filled(b"\x87\x65\x43\x21", 16))


def new_pin_from_a_wrong_one(card: CertificateCard) -> str:
    return card.protected(f"845E01{ADMIN}14", bytes(16), filled(b"\x87\x65\x43\x21", 16))


def new_control_key(card: CertificateCard) -> str:
    assert card.authenticate() == "9000"
    return card.protected(
        "84D4010024", bytes.fromhex(CONTROL_KEY), filled(bytes(3) + b"k" * 16, 32)
    )


def new_environment_key(card: CertificateCard) -> str:
    assert card.sw(DDF) == "9000"
    return new_control_key(card)


def key_pair(card: CertificateCard) -> str:
    assert card.verify() == "9000"
    return GENERATE


def public_key(card: CertificateCard) -> str:
    assert card.verify() == "9000"
    return f"80C2400046C0020014CA40{PAIR.public.hex()}"


def private_key(card: CertificateCard) -> str:
    assert card.verify() == "9000"
    assert card.raw(f"804A021012C110{SESSION_KEY.hex()}") == "9000"
    return f"80C2C00126C2020015CB20{sm4.encrypt(SESSION_KEY, PAIR.private.reveal()).hex()}"


def public_key_of_another_pair(card: CertificateCard) -> str:
    assert card.verify() == "9000"
    assert card.import_pair(SESSION_KEY, PAIR) == ["9000"] * 3
    return f"80C2400046C0020014CA40{OTHER_PAIR.public.hex()}"


def certificate(card: CertificateCard) -> str:
    assert card.verify() == "9000"
    assert card.raw("00A40000020018") == "9000"
    return "00D6010010" + "AB" * 16


def wiped_certificate(card: CertificateCard) -> str:
    assert card.raw(certificate(card)) == "9000"
    return "00D6010010" + "00" * 16


CHANGES: dict[str, Callable[[CertificateCard], str]] = {
    each.__name__: each
    for each in (
        wrong_pin,
        right_pin_again,
        wrong_control_key,
        right_control_key_again,
        new_pin,
        new_pin_from_a_wrong_one,
        new_control_key,
        new_environment_key,
        key_pair,
        public_key,
        private_key,
        public_key_of_another_pair,
        certificate,
        wiped_certificate,
    )
}


@pytest.mark.parametrize("change", CHANGES)
def test_torn_writes_leave_old_or_new(change: str, tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    card = application(path=path)
    command = bytes.fromhex(CHANGES[change](card))
    before = card.chip.persistent_state()
    with pytest.raises(CardLost):
        card.chip.transmit_torn(command)
    assert not card.chip.powered
    assert card.chip.persistent_state() == before == dict(Memory.read(path).states)
    card.chip.power_on()
    assert card.sw("00B0000010") in ("6A82", "6986"), "nothing is selected any more"
    assert card.sw(ADF) == "9000"
    command = bytes.fromhex(CHANGES[change](card))
    before, writes = card.chip.persistent_state(), card.chip.writes
    card.chip.transmit(command)
    after = card.chip.persistent_state()
    assert after != before
    assert card.chip.writes == writes + 1, "one commit for one command"
    assert dict(Memory.read(path).states) == after
    card.chip.close()
    again = open_image(path)
    assert again.persistent_state() == after
    again.close()


def test_what_changes_nothing_writes_nothing() -> None:
    card = application(user=True)
    assert card.raw(GENERATE) == "9000"
    assert card.import_pair(SESSION_KEY, PAIR) == ["9000"] * 3
    assert card.raw(certificate(card)) == "9000"
    writes = card.chip.writes
    assert card.verify() == "9000"
    assert card.verify(ADMIN, ADMIN_PIN) == "9000"
    assert card.authenticate() == "9000"
    assert card.change_pin(ADMIN, ADMIN_PIN, ADMIN_PIN) == "9000"
    assert card.import_pair(SESSION_KEY, PAIR) == ["9000"] * 3
    assert card.raw(certificate(card)) == "9000"
    assert card.read("0012", length=66)
    assert card.read("0018")
    assert card.sw("804C000126C2020013C120" + "33" * 32) == "9000"
    assert card.decrypt("0015", provider().encrypt(PAIR.public, bytes(16))).endswith("9000")
    for torn in (certificate(card), f"804A021012C110{SESSION_KEY.hex()}", "00B0000010"):
        assert card.chip.transmit_torn(bytes.fromhex(torn))[-2:] == b"\x90\x00"
    assert card.chip.writes == writes


def test_everything_survives(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    card = application(path=path, user=True)
    assert card.raw(GENERATE) == "9000"
    public = card.read("0012", length=66)
    assert card.import_pair(SESSION_KEY, PAIR) == ["9000"] * 3
    assert card.raw(certificate(card)) == "9000"
    assert card.raw(new_pin(card)) == "9000"
    assert card.raw(new_control_key(card)) == "9000"
    assert card.verify(USER, "999999") == "63C5"
    card.chip.close()
    card = opened(path)
    assert card.sw(ADF) == "9000"
    assert card.raw(GENERATE) == "6982"
    assert card.verify(USER, "999999") == "63C4", "the counter goes on"
    assert card.verify() == "9000"
    assert card.verify(ADMIN, "87654321") == "9000"
    assert card.authenticate((b"k" * 16).hex()) == "9000"
    assert card.read("0012", length=66) == public
    assert card.read("0014", length=66)[2:] == PAIR.public
    assert card.read("0018", 256, 16) == b"\xab" * 16
    assert card.decrypt("0015", provider().encrypt(PAIR.public, b"still here")) == (
        b"still here".hex().upper() + "9000"
    )


def test_a_new_card_has_what_the_profile_says() -> None:
    loaded = card_profile(
        {"user_pin_tries": 3, "admin_pin_tries": 4, "control_key_tries": 5},
        initial_user_pin="4321",
        initial_admin_pin="11223344",
        initial_control_key=bytes(range(16)),
    )
    assert new_card(loaded).states == {
        "certificate/pins/user": "4321",
        "certificate/pins/user/tries": 3,
        "certificate/pins/admin": "11223344",
        "certificate/pins/admin/tries": 4,
        "certificate/keys/environment": bytes(range(16)).hex().upper(),
        "certificate/keys/environment/tries": 5,
        "certificate/keys/application": bytes(range(16)).hex().upper(),
        "certificate/keys/application/tries": 5,
    }


class TestImagesWithoutIt:
    """Chips of other generations, and images made before there was such an application."""

    def test_a_profile_without(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        loaded = cards.with_dialect()
        assert loaded.structure.certificates is None
        card = cards.blank_card(loaded, path=path)
        for select in (DDF, ADF, "00A4000002DDF3"):
            assert card.sw(select) == "6A82"
        assert not any(name.startswith("certificate") for name in card.chip.persistent_state())
        card.chip.close()
        assert describe_image(path).certificates is None

    def test_an_old_image(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        new_card(path=path).chip.close()
        header, states = map(json.loads, path.read_text("utf-8").splitlines())
        del header["certificate"]
        kept = {name: state for name, state in states.items() if "certificate" not in name}
        path.write_text(json.dumps(header) + "\n" + json.dumps(kept) + "\n", "utf-8")
        card = opened(path)
        assert card.sw(DDF) == "6A82"
        assert card.sw("0084000008") == "9000"
        card.chip.close()
        assert describe_image(path).certificates is None


DAMAGES = {
    "certificate/pins/user": ("12", "FFFFFF", "123456789012345678", "xx", 7),
    "certificate/pins/admin/tries": (-1, 7, "6"),
    "certificate/keys/application": ("11" * 15, "", "zz"),
    "certificate/keys/environment/tries": (16, "1"),
    "certificate/files/0012": ("00" * 63, "11" * 66, 5),
    "certificate/files/0013": ("00" * 31, "g" * 64),
    "certificate/files/0018": ("", "11" * 2049, "1"),
}


@pytest.mark.parametrize(
    ("path", "state"), [(path, state) for path, states in DAMAGES.items() for state in states]
)
def test_damaged_images(path: str, state: object, tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    new_card(path=image).chip.close()
    with image.open("a", encoding="utf-8") as file:
        file.write(json.dumps({path: state}) + "\n")
    for look in (open_image, describe_image):
        with pytest.raises(InputError, match="damaged") as error:
            look(image)
        assert error.value.where == path


def test_a_pin_that_is_gone(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    new_card(path=image).chip.close()
    with image.open("a", encoding="utf-8") as file:
        file.write('{"certificate/pins/user":null}\n')
    with pytest.raises(InputError, match="damaged"):
        open_image(image)


@pytest.mark.parametrize("description", [{}, [], "x", {"environment": 1}])
def test_a_damaged_description(description: object, tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    new_card(path=image).chip.close()
    header, *rest = image.read_text("utf-8").splitlines()
    changed = json.dumps(json.loads(header) | {"certificate": description})
    image.write_text("\n".join((changed, *rest)) + "\n", "utf-8")
    with pytest.raises(InputError, match="damaged"):
        open_image(image)


def test_what_an_image_tells(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    card = application(path=image, user=True)
    assert card.raw(GENERATE) == "9000"
    assert card.raw(certificate(card)) == "9000"
    for _ in range(6):
        card.verify(ADMIN, "99999999")
    assert card.authenticate("11" * 16) == "63C5"
    described = describe_image(image)
    told = described.certificates
    assert told is not None
    assert bytes.fromhex(told.environment).startswith(b"PKI.")
    assert bytes.fromhex(told.application) == b"SS.CERT.ADF1"
    assert [(file.fid, file.content, file.size, file.written) for file in told.files] == [
        ("0012", "signature_public", 66, True),
        ("0013", "signature_private", 32, True),
        ("0014", "encryption_public", 66, False),
        ("0015", "encryption_private", 32, False),
        ("0018", "signature_certificate", 2048, True),
        ("0019", "encryption_certificate", 2048, False),
    ]
    assert [(each.name, each.left, each.most) for each in told.tries] == [
        ("user_pin", 6, 6),
        ("admin_pin", 0, 6),
        ("environment_key", 6, 6),
        ("application_key", 5, 6),
    ]
    assert described.locked == ("certificate/pins/admin",)
    private = card.states["certificate/files/0013"]
    assert isinstance(private, str)
    words = repr(described)
    for secret in (private, private.lower(), CONTROL_KEY, f"'{USER_PIN}'", ADMIN_PIN):
        assert secret not in words


def test_the_challenge_is_of_the_chips_entropy() -> None:
    drawn: list[int] = []

    def entropy(length: int) -> bytes:
        drawn.append(length)
        return bytes(length)

    chip = blank(card_profile(), cards.SERIAL, entropy=entropy)
    chip.power_on()
    card = CertificateCard(chip, cards.Randomness())
    assert card.sw(ADF) == "9000"
    assert card.data("0084000010") == "00" * 16
    assert card.data("0084000008") == "00" * 8
    assert drawn == [16, 8]
