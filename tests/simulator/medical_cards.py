"""Cards with a medical account to test on, and a host that knows their keys (ref 12 §8)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.simulator import cards

from sscard_ic.apdu import Response
from sscard_ic.apdu.medical import Amounts
from sscard_ic.crypto import medical as rules
from sscard_ic.profile import CardProfile

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "medical.toml").read_text("utf-8")
)
KEYS = VECTORS["keys"]
DPK, DLK, DTK = (bytes.fromhex(KEYS[name]) for name in ("dpk", "dlk", "dtk"))
TERMINAL = bytes.fromhex(KEYS["terminal"])
DSK = "B4" * 16
UK2 = "B3" * 16
SELECT = "00A4040006D15600000503"
VERIFY = cards.VERIFY
TRANSACTION_KEYS = (
    "00D4000018090101EF33000010" + KEYS["dpk"],
    "00D4000018090202EF33000010" + "D2" * 16,
    "00D4000018080101EF33000010" + KEYS["dlk"],
    "00D40000180A0001EF33000010" + KEYS["dtk"],
)
"""DPK 1 and 2, DLK 1, DTK in the records of ref 11 §5.3; type 08, 09, 0A, level 00."""


def with_medical(
    changes: dict[str, Any] | None = None, base: CardProfile | None = None
) -> CardProfile:
    """A profile whose medical account has other settings."""
    card_profile = base or cards.with_dialect()
    medical = card_profile.structure.medical
    assert medical is not None
    settings = medical.settings.model_copy(update=changes or {})
    structure = card_profile.structure.model_copy(
        update={"medical": medical.model_copy(update={"settings": settings})}
    )
    return replace(card_profile, structure=structure)


@dataclass
class MedicalCard:
    """A card with its account selected, and what a host and a terminal would do."""

    card: cards.Card
    form: rules.TacForm = "xor_halves"
    number: int = field(default=0)
    """Last transaction number of the terminal."""

    def sw(self, apdu: str) -> str:
        """Status word only."""
        return self.card.sw(apdu)

    def data(self, apdu: str) -> str:
        """Data of a successful command."""
        return self.card.data(apdu)

    def random(self, value: str) -> None:
        """What the card draws next."""
        self.card.randomness.value = bytes.fromhex(value)

    def open(self, *, pin: bool = True) -> None:
        """Power, the account's directory, the PIN."""
        self.card.reset()
        assert self.card.sw(cards.SSSE) == "9000"
        assert self.card.sw(SELECT) == "9000"
        if pin:
            assert self.card.sw(VERIFY) == "9000"

    def initialize(self, amounts: Amounts, index: int = 1) -> Response:
        """C6."""
        data = bytes((index,)) + bytes(amounts) + TERMINAL
        return self.card.send(f"B028010113{data.hex()}16")

    def debit_command(
        self, amounts: Amounts, time: str, *, offer: bytes, dpk: bytes = DPK
    ) -> tuple[str, bytes]:
        """C7 for the answer to C6, and what the card must answer."""
        self.number += 1
        counter, random = int.from_bytes(offer[14:16], "big"), offer[18:22]
        moment, sums = bytes.fromhex(time), bytes(amounts)
        key = rules.purchase_key(dpk, random, counter, self.number)
        mac1 = rules.purchase_mac1(key, sums, 0x32, TERMINAL, moment)
        tac = rules.purchase_tac(DTK, sums, 0x32, TERMINAL, self.number, moment, self.form)
        command = f"B02C01000F{self.number:08X}{time}{mac1.hex().upper()}08"
        return command, tac + rules.purchase_mac2(key, sums)

    def debit(self, amounts: Amounts, time: str) -> None:
        """A whole purchase; the card's answer is checked."""
        offer = self.initialize(amounts)
        assert offer.sw == 0x9000, offer.sw
        command, expected = self.debit_command(amounts, time, offer=offer.data)
        assert self.card.data(command) == expected.hex().upper()

    def credit(self, amount: int, time: str) -> None:
        """A whole credit; MAC1 and TAC of the card are checked."""
        command, tac = self.credit_command(amount, time)
        assert self.card.data(command) == tac.hex().upper()

    def credit_command(self, amount: int, time: str) -> tuple[str, bytes]:
        """C4; then C5 and what the card must answer."""
        offer = bytes.fromhex(self.card.data(f"B02800010B01{amount:08X}{TERMINAL.hex()}10"))
        balance, counter = int.from_bytes(offer[:4], "big"), int.from_bytes(offer[4:6], "big")
        key = rules.load_key(DLK, offer[8:12], counter)
        assert offer[12:] == rules.load_mac1(key, balance, amount, 0x31, TERMINAL)
        moment = bytes.fromhex(time)
        mac2 = rules.load_mac2(key, amount, 0x31, TERMINAL, moment)
        tac = rules.load_tac(
            DTK, balance + amount, counter, amount, 0x31, TERMINAL, moment, self.form
        )
        return f"B02A00000B{time}{mac2.hex().upper()}04", tac

    @property
    def balance(self) -> int:
        """Account balance."""
        return int(self.data("B026000104"), 16)

    @property
    def totals(self) -> tuple[int, int, str]:
        """Annual totals and their year."""
        self_paid, pooled = self.data("B026000206"), self.data("B026000306")
        assert self_paid[8:] == pooled[8:]
        return int(self_paid[:8], 16), int(pooled[:8], 16), pooled[8:]

    @property
    def log(self) -> list[str]:
        """Records of EF08, the newest first."""
        assert self.sw("00A4020002EF08") == "9000"
        records: list[str] = []
        while (response := self.card.send(f"00B2{len(records) + 1:02X}041C")).sw == 0x9000:
            records.append(response.data.hex().upper())
        assert response.sw == 0x6A83
        return records


def medical_card(
    changes: dict[str, Any] | None = None,
    *,
    path: Path | None = None,
    pin: bool = True,
    opened: bool = True,
    without: str = "",
) -> MedicalCard:
    """The card of ref 11 §8 with the transaction keys of ref 12 §8; ended, account selected.

    ``pin`` false: a card without a PIN. ``without`` leaves out a file of DF04 by identifier, or a
    transaction key by its type.
    """
    card_profile = with_medical(changes)
    card = cards.blank_card(card_profile, path=path, presented=False)
    steps = [step["apdu"] for step in cards.STEPS]
    keys = [command for command in TRANSACTION_KEYS if without != command[10:12]]
    at = next(i for i, step in enumerate(steps) if "EF81C3" in step) + 1
    for command in (*steps[:at], *keys, *steps[at:]):
        left_out = without and f"{without}C" in command
        is_pin = command.startswith("00D400001801")
        if not (left_out or (is_pin and not pin)):
            assert card.sw(command) == "9000", command
    medical_settings = card_profile.structure.medical
    assert medical_settings is not None
    medical = MedicalCard(card, medical_settings.settings.tac_form)
    if opened:
        medical.open(pin=pin)
    return medical


def with_counters(medical: MedicalCard, *, purchases: int, year: str = "2026") -> MedicalCard:
    """The card after so many purchases of nothing in ``year``."""
    for _ in range(purchases):
        medical.debit(Amounts(0, 0, 0), f"{year}0101000000")
    return medical
