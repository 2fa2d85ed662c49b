"""Every rule of the certificate application opens and closes on the card as its profile says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import get_args

import pytest
from tests.wholecard.terminal import Terminal

from sscard_ic.crypto import sm3, sm4
from sscard_ic.profile import CardProfile, available, load
from sscard_ic.profile.certificate import CertificateApplication, CertificateRules, Condition
from sscard_ic.profile.manual import manual
from sscard_ic.simulator import Chip, blank

OK, CLOSED = 0x9000, 0x6982
PINS = {"user": ("81", "123456"), "admin": ("00", "12345678")}
NEEDED = {
    "free": set(),
    "user_pin": {"user"},
    "admin_pin": {"admin"},
    "user_and_admin_pin": {"user", "admin"},
}
PROFILES = [
    info.name
    for info in available()
    if info.kind in ("national", "region") and load(info.name).structure.certificates is not None
]
CARDS = [name for name in PROFILES if load(name).region is not None]

Operation = Callable[[Terminal], int]


def _in_file(fid: str, head: str, body: bytes = b"", le: int | None = None) -> Operation:
    def send(terminal: Terminal) -> int:
        sw, _ = terminal.send("00A40000", bytes.fromhex(fid))
        assert sw == OK
        return terminal.send(head, body, le)[0]

    return send


def _send(head: str, body: str) -> Operation:
    return lambda terminal: terminal.send(head, bytes.fromhex(body))[0]


OPERATIONS: dict[str, Operation] = {
    "generate_key": _send("80400000", "C0020012C2020013"),
    "read_public": _in_file("0012", "00B00000", le=66),
    "use_private": _send("804C0001", "C2020013C120" + "31" * 32),
    "import_key": _send("804A0210", "C110" + "5A" * 16),
    "read_certificate": _in_file("0019", "00B00000", le=16),
    "update_certificate": _in_file("0019", "00D60000", b"\x30\x02\x05\x00"),
}
"""One command under each rule (ref 02 §8.2, §8.8)."""


def _model(profile: CardProfile) -> CertificateApplication:
    model = profile.structure.certificates
    assert model is not None
    return model


def _changed(profile: CardProfile, condition: Condition) -> CardProfile:
    """The profile with one condition for everything."""
    rules = CertificateRules(**dict.fromkeys(CertificateRules.model_fields, condition))
    model = _model(profile).model_copy(update={"rules": rules})
    structure = profile.structure.model_copy(update={"certificate": model})
    return replace(profile, structure=structure)


def _enter(terminal: Terminal, chip: Chip, *pins: str) -> None:
    """The application after a reset, with these PINs verified (ref 02 §8.3)."""
    chip.reset(cold=True)
    model = _model(terminal.profile)
    for name in (model.environment, model.name):
        assert terminal.send("00A40400", name)[0] == OK
    for pin in pins:
        reference, digits = PINS[pin]
        sw, challenge = terminal.send("00840000", le=16)
        assert sw == OK
        key = sm3.digest(bytes.fromhex(digits))[:16]
        assert terminal.send(f"002001{reference}", sm4.encrypt(key, challenge))[0] == OK


def _sets() -> Iterator[tuple[str, ...]]:
    for count in range(len(PINS) + 1):
        yield from combinations(PINS, count)


def test_every_rule_is_exercised() -> None:
    assert set(OPERATIONS) == set(CertificateRules.model_fields)
    assert set(NEEDED) == set(get_args(Condition))
    assert CARDS


@pytest.mark.parametrize("condition", [None, *NEEDED])
@pytest.mark.parametrize("name", CARDS)
def test_every_rule_opens_and_closes(name: str, condition: Condition | None) -> None:
    profile = load(name) if condition is None else _changed(load(name), condition)
    chip = blank(profile, bytes.fromhex("0000000000F2"))
    chip.power_on()
    terminal = Terminal(chip, profile)
    # The card has a key pair, so that nothing but a rule can refuse its use.
    _enter(terminal, chip, *PINS)
    assert OPERATIONS["generate_key"](terminal) == OK
    for operation, send in OPERATIONS.items():
        rule = getattr(_model(profile).rules, operation)
        for pins in _sets():
            _enter(terminal, chip, *pins)
            wanted = OK if NEEDED[rule] <= set(pins) else CLOSED
            assert send(terminal) == wanted, (operation, rule, pins)
    chip.close()


@pytest.mark.parametrize("name", PROFILES)
def test_every_file_and_extension_is_in_the_manual(name: str) -> None:
    model, text = _model(load(name)), manual(load(name), "zh")
    for fid in model.files.model_dump(mode="json").values():
        assert f"\n| {fid} | " in text
    for oid in model.contents.model_dump(exclude={"holder_digest"}).values():
        assert f"`{oid}`" in text
    assert f"`{model.settings.sign_command.hex(' ').upper()}`" in text
