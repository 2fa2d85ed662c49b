"""Chips before the bank's personalization, and a host with an arithmetic of its own."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.cards import SERIAL, Card, Randomness, with_dialect
from tests.support.debit_card import SET, card_key, model

from sscard_ic.crypto import des
from sscard_ic.crypto.suites import SUITES
from sscard_ic.profile import CardProfile
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator import CardLost, Interface, blank, open_image

KMC = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
RANDOM = "A1A2A3A4A5A6"
HOST = "1122334455667788"
ISD = "A000000003000000"
AID = "A000000333010101"
PSE = b"1PAY.SYS.DDF01".hex().upper()
PPSE = b"2PAY.SYS.DDF01".hex().upper()
PACKAGE, PAYMENT, DIRECTORY = "A000000333010130", "A0000003330101", PSE
LABEL = "500A50424F43204445424954870101"
ENTRY = f"61194F08{AID}{LABEL}"
DIRECTORIES = {
    PSE: {"0101": f"701B{ENTRY}", "9102": "A508880101" + "5F2D027A68"},
    PPSE: {"9102": f"A51EBF0C1B{ENTRY}"},
}
"""The groups of ref 04 §7.8."""

_TEMPLATE = (
    "9104 9203 9207 9114 9213 9217 9102 9103 0101 0102 0201 0202 0203 0204 0205 0206 0207 0301 0302"
    " 0303 0401 0501 0502 0503 0504 0505 0D01 0E01 9200 9201"
)


def bank_model(
    chip: dict[str, Any] | None = None, settings: dict[str, Any] | None = None
) -> FinancialApplication:
    """The application of the package with other settings of chip and application."""
    loaded = model(**(settings or {}))
    return FinancialApplication.model_validate(
        {**loaded.model_dump(mode="json"), "chip": {**loaded.chip.model_dump(), **(chip or {})}}
    )


def bank_profile(
    financial: FinancialApplication | None = None, protocol: str = "T=1"
) -> CardProfile:
    """The card of ref 11 §8 with the bank's part."""
    features = {"protocol": protocol}
    return replace(with_dialect(features=features), financial=financial or bank_model())


@dataclass
class BankCard(Card):
    """A chip and the host that personalizes it; everything in hex digits."""

    model: FinancialApplication = field(default_factory=bank_model)
    master: bytes = KMC
    level: int = 0
    last_mac: bytes = b""
    block: int = 0
    keys: dict[str, bytes] = field(default_factory=dict)
    torn: bool = False
    """Whether the power fails before a secured command reaches the memory."""

    @property
    def states(self) -> dict[str, object]:
        """What the memory holds of the bank."""
        kept = self.chip.persistent_state()
        return {path: state for path, state in kept.items() if path.startswith("bank/")}

    def select(self, aid: str) -> str:
        """SELECT; the status word."""
        return self.sw(f"00A40400{len(aid) // 2:02X}{aid}")

    def fci(self, aid: str) -> str:
        """SELECT; the FCI."""
        return self.data(f"00A40400{len(aid) // 2:02X}{aid}00")

    # Secure channel

    def initialize(self, host: str = HOST) -> bytes:
        """INITIALIZE UPDATE; the session keys are the host's afterwards."""
        answer = bytes.fromhex(self.data(f"8050000008{host}00"))
        self.keys = self._session_keys(bytes.fromhex(host), answer)
        return answer

    def authentication(self, level: int, answer: bytes, host: str = HOST) -> str:
        """EXTERNAL AUTHENTICATE that belongs to an answer."""
        card = answer[12:20]
        cryptogram = _whole_mac(self.keys["enc"], card + bytes.fromhex(host), bytes(8))
        self.level, self.block, self.last_mac = level, 0, bytes(8)
        head = bytes((0x84, 0x82, level, 0, 16))
        self.last_mac = self._mac(head + cryptogram, bytes(8))
        return (head + cryptogram + self.last_mac).hex().upper()

    def open(self, level: int = 1) -> str:
        """Both commands; the status word of the second."""
        return self.sw(self.authentication(level, self.initialize()))

    def wrapped(self, head: str, data: str) -> str:
        """A command as the level wants it; ``head``: INS P1 P2."""
        plain = bytes.fromhex(data)
        if not self.level:
            return f"80{head}{len(plain):02X}{data}"
        start = self.last_mac
        if self.model.chip.initial_vector == "enciphered":
            key = self.keys["mac"]
            start = des.encrypt(key[:8] if self.scp02 else key, start)
        body = bytes.fromhex("84" + head)
        sent = plain
        if self.level == 3 and plain:
            sent = self.enciphered(plain)
        covered = sent if self.model.chip.mac_covers == "enciphered" else plain
        self.last_mac = self._mac(body + bytes((len(covered) + 8,)) + covered, start)
        return (body + bytes((len(sent) + 8,)) + sent + self.last_mac).hex().upper()

    def enciphered(self, plain: bytes) -> bytes:
        """A data field of level 03."""
        filled = plain if self.scp02 else bytes((len(plain),)) + plain
        if self.scp02 or len(filled) % 8:
            filled += b"\x80"
        return des.encrypt_cbc(self.keys["enc"], filled + bytes(-len(filled) % 8), bytes(8))

    def secured(self, head: str, data: str) -> str:
        """Send a command as the level wants it; the status word, or nothing when torn."""
        command = self.wrapped(head, data)
        if not self.torn:
            return self.sw(command)
        with pytest.raises(CardLost):
            self.chip.transmit_torn(bytes.fromhex(command))
        return ""

    # What the channel is for

    def install(
        self, aid: str, module: str, *, parameters: str = "C900", privileges: str = "00"
    ) -> str:
        """INSTALL; the status word."""
        parts = (PACKAGE, module, aid, privileges, parameters, "")
        return self.secured("E60C00", "".join(f"{len(p) // 2:02X}{p}" for p in parts))

    def store(self, data: str, p1: int = 0) -> str:
        """The next STORE DATA; the status word."""
        answer = self.secured(f"E2{p1:02X}{self.block:02X}", data)
        if answer == "9000":
            self.block = self.block + 1 & 0xFF
        return answer

    def group(self, number: str, value: str, *, last: bool = False) -> str:
        """A whole group, in as many commands as it takes; the last status word."""
        secret = number[0] == "8"
        plain = bytes.fromhex(value)
        if secret:
            plain = des.encrypt(self.keys["dek"], plain)
        size = f"{len(plain):02X}" if len(plain) < 0xFF else f"FF{len(plain):04X}"
        data, answer = f"{number}{size}{plain.hex()}", ""
        piece = 2 * (self.model.chip.longest_group - 16)
        for at in range(0, len(data), piece):
            ends = last and at + piece >= len(data)
            p1 = (0x60 if secret else 0) | (0x80 if ends else 0)
            answer = self.store(data[at : at + piece], p1)
            if answer != "9000":
                break
        return answer

    def personalize(self, aid: str, level: int = 1) -> None:
        """Select an installed application and give it its whole set."""
        assert self.select(aid) == "9000"
        assert self.open(level) == "9000"
        groups = payment_groups() if aid == AID else DIRECTORIES[aid]
        for number, value in groups.items():
            answer = self.group(number, value, last=number == list(groups)[-1])
            assert answer == "9000", (number, answer)

    def install_all(self, level: int = 1) -> None:
        """Payment application, PSE and PPSE, without data."""
        assert self.select(ISD) == "9000"
        assert self.open(level) == "9000"
        assert self.install(AID, PAYMENT, parameters="C90120", privileges="10") == "9000"
        for directory in (PSE, PPSE):
            assert self.install(directory, DIRECTORY) == "9000"

    @property
    def scp02(self) -> bool:
        """Whether the channel is SCP02."""
        return self.model.chip.protocol == "02"

    def _session_keys(self, host: bytes, answer: bytes) -> dict[str, bytes]:
        """Ref 04 §7.2, §7.3; KEYDATA as the card told it."""
        key_data, card = answer[:10], answer[12:20]
        six = {"emv_cps": key_data[4:], "none": b""}.get(
            self.model.chip.derivation, key_data[:2] + key_data[4:8]
        )
        keys = {}
        for number, (kind, constant) in enumerate(
            (("enc", "0182"), ("mac", "0101"), ("dek", "0181")), start=1
        ):
            own = self.master
            if six:
                blocks = six + bytes((0xF0, number)) + six + bytes((0x0F, number))
                own = des.encrypt(self.master, blocks)
            keys[kind] = own
            if self.scp02:
                block = bytes.fromhex(constant) + card[:2] + bytes(12)
                keys[kind] = des.encrypt_cbc(own, block, bytes(8))
            elif kind != "dek":
                keys[kind] = des.encrypt(own, card[4:] + host[:4] + card[:4] + host[4:])
        return keys

    def _mac(self, message: bytes, start: bytes) -> bytes:
        if not self.scp02:
            return _whole_mac(self.keys["mac"], message, start)
        padded = _filled(message)
        left = self.keys["mac"][:8]
        for at in range(0, len(padded), 8):
            mixed = bytes(a ^ b for a, b in zip(padded[at : at + 8], start, strict=True))
            last = at + 8 == len(padded)
            start = des.encrypt(self.keys["mac"] if last else left, mixed)
        return start


def _filled(message: bytes) -> bytes:
    return message + b"\x80" + bytes(-(len(message) + 1) % 8)


def _whole_mac(key: bytes, message: bytes, start: bytes) -> bytes:
    return des.encrypt_cbc(key, _filled(message), start)[-8:]


def payment_groups() -> dict[str, str]:
    """Ref 04 appendix D with keys, PIN 123456 and RSA key, beside it the SM set; plain values."""
    groups = {**SET["groups"], **SET["sm_groups"]}
    values: dict[str, str] = {number: groups[number] for number in _TEMPLATE.split()}
    for keys, check, algorithm in (("8000", "9000", "3des"), ("8030", "9030", "sm4")):
        own = [card_key(algorithm, use) for use in ("cryptogram", "mac", "encipherment")]  # type: ignore[arg-type]
        values[keys] = b"".join(own).hex().upper()
        checks = [SUITES[algorithm].check_value(key) for key in own]  # type: ignore[index]
        values[check] = b"".join(checks).hex().upper()
    values["8100"] = SET["sm2"]["card_private"]
    parts = ("p", "q", "exponent_p", "exponent_q", "coefficient")
    for number, part in zip((0x8205, 0x8204, 0x8203, 0x8202, 0x8201), parts, strict=True):
        values[f"{number:04X}"] = SET["rsa"][part] + "80" + "00" * 7
    return {**values, "8010": "26123456FFFFFFFF", "9010": "0303"}


def blank_card(
    financial: FinancialApplication | None = None,
    *,
    path: Path | None = None,
    protocol: str = "T=1",
    serial: bytes = SERIAL,
    random: str = RANDOM,
    master: bytes = KMC,
) -> BankCard:
    """A powered blank with the bank's part."""
    financial = financial or bank_model()
    randomness = Randomness(random)
    chip = blank(
        bank_profile(financial, protocol),
        serial,
        path=path,
        transport_key=bytes(16),
        card_manager_key=master,
        entropy=randomness,
    )
    chip.power_on()
    return BankCard(chip, randomness, financial, master)


def opened(card: BankCard, path: Path, interface: Interface = "contact") -> BankCard:
    """The image of a card that has been closed, powered."""
    chip = open_image(path, interface=interface, entropy=card.randomness)
    chip.power_on()
    return BankCard(chip, card.randomness, card.model, card.master)


def perso_card(
    financial: FinancialApplication | None = None, *, aid: str = AID, level: int = 1, **how: Any
) -> BankCard:
    """A card whose application ``aid`` is selected, installed, and has an open channel."""
    card = blank_card(financial, **how)
    card.install_all(level)
    assert card.select(aid) == "9000"
    assert card.open(level) == "9000"
    return card


def issued_card(financial: FinancialApplication | None = None, **how: Any) -> BankCard:
    """A card whose three applications are issued, after a reset."""
    card = blank_card(financial, **how)
    card.install_all()
    for aid in (AID, PSE, PPSE):
        card.personalize(aid)
    card.reset()
    return card


VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "vectors" / "secure_channel.toml").read_text("utf-8")
)
