"""The worked examples of the medical account, byte for byte, through the terminal's objects.

Ref 12 §8 E1-E4: a card of city 990100 with the factor 990100000000002A is made with the root keys
of the examples; then the terminal's objects must send exactly the commands of the examples, and
the card must answer exactly their answers. The messages to a PSAM are those of the same examples.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.card.medical_support import OfflineTerminal, Recorded, numbering, settling
from tests.simulator import cards
from tests.simulator.medical_cards import MedicalCard, with_counters

from sscard_ic.apdu import psam
from sscard_ic.apdu.medical import TYPE_PURCHASE, Amounts
from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base import Secret
from sscard_ic.card import Blank, CardIdentity, SocialSecurityCard
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.medical_records import CreditResult, DebitResult, OfflineData, Split
from sscard_ic.codec.digits import encode_cn
from sscard_ic.crypto.factors import city_factor, province_factor
from sscard_ic.keys import CardKey, SoftwareVault
from sscard_ic.keys.hierarchy import Hierarchy, RootKey
from sscard_ic.keys.published_roots import published_keys
from sscard_ic.profile import CardProfile
from sscard_ic.profile.medical import MedicalSettlement
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "medical.toml").read_text("utf-8")
)
KEYS = VECTORS["keys"]
PURCHASES: dict[str, Any] = {case["name"]: case for case in VECTORS["purchase"]}
TERMINAL = bytes.fromhex(KEYS["terminal"])
HISTORICAL = bytes.fromhex("0081484228" + KEYS["factor"])
IDENTITY = CardIdentity(KEYS["division_code"], HISTORICAL)
PIN = Secret(pin_block("123456"))
SPLITS = {"E1": Split(3000, 8000, 4000), "E2": Split(4250), "E3": Split(2000, cash=500)}
MODES: dict[str, Any] = {"E1": "online", "E2": "temporary", "E3": "offline"}
RULES: dict[str, Any] = {
    "E1": MedicalSettlement(mode=1),
    "E2": MedicalSettlement(mode=2, offline_amount_limit=30000, offline_count_limit=3),
    "E3": MedicalSettlement(mode=3),
}


def _bare(text: str) -> str:
    return text.replace(" ", "")


def _profile(rules: MedicalSettlement) -> CardProfile:
    profile = settling(cards.with_dialect(), rules)
    assert profile.region is not None
    issuer = profile.region.issuer.model_copy(update={"division_code": KEYS["division_code"]})
    return replace(profile, region=profile.region.model_copy(update={"issuer": issuer}))


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> SoftwareVault:
    """Published keys, but DPK below the root of the examples, and their DLK and DTK as they are.

    The examples give no root of DLK and DTK.
    """
    given = {name: bytes.fromhex(KEYS[name.lower()]) for name in ("DLK", "DTK")}
    root = Secret(bytes.fromhex(KEYS["root"]))
    derive, find = Hierarchy.card_key, Hierarchy.root

    def card_key(self: Hierarchy, key: CardKey) -> bytes:
        return given[key.name] if key.version == 1 and key.name in given else derive(self, key)

    def root_of(self: Hierarchy, name: str, version: int, algorithm: Any = "3des") -> RootKey:
        found = find(self, name, version, algorithm)
        return replace(found, value=root) if (name, version) == ("DPK", 1) else found

    monkeypatch.setattr(Hierarchy, "card_key", card_key)
    monkeypatch.setattr(Hierarchy, "root", root_of)
    return published_keys(cards.with_dialect().keys)


class Workshop:
    """The card of the examples, and one terminal at it."""

    def __init__(self, vault: SoftwareVault, rules: MedicalSettlement, number: int) -> None:
        self.randomness = cards.Randomness()
        self.profile = _profile(rules)
        self.chip = blank(self.profile, cards.SERIAL, entropy=self.randomness)
        self._vault = vault
        session = open_session(VirtualConnection(self.chip))
        workpiece = Blank(session, self.profile, vault, cards.SERIAL)
        workpiece.check_fresh()
        workpiece.initialise(IDENTITY, PIN)
        card = SocialSecurityCard(session, self.profile, vault, identity=IDENTITY)
        code = encode_cn(KEYS["division_code"] + "D156000005", 16)
        card.update({"SSSE.EF05.01": code})
        workpiece.finish(IDENTITY)
        self.wire = Recorded(VirtualConnection(self.chip))
        self.raw = MedicalCard(cards.Card(self.chip, self.randomness))
        self.raw.open()
        self._terminal = OfflineTerminal(vault, TERMINAL, numbering(number))

    def account(self) -> MedicalAccount:
        """The account on a fresh power-up; what goes over the wire is noted."""
        self.wire = Recorded(VirtualConnection(self.chip))
        card = SocialSecurityCard(open_session(self.wire), self.profile, self._vault)
        card.verify_pin(PIN)
        return MedicalAccount(card, terminal=self._terminal, centre=self._vault)

    def sent(self, instruction: str) -> list[str]:
        """The commands of the account with this CLA INS P1."""
        return [raw for raw in self.wire.sent if raw.startswith(instruction)]


def _moment(digits: str) -> datetime:
    return datetime.strptime(digits, "%Y%m%d%H%M%S")


def _debit(shop: Workshop, name: str) -> DebitResult:
    case = PURCHASES[name]
    account = shop.account()
    if name == "E2":
        account.write_offline_data(OfflineData(allowed=True, amount=0, count=0))
    shop.randomness.value = bytes.fromhex(case["random"])
    return account.debit(SPLITS[name], mode=MODES[name], time=_moment(case["time"]))


@pytest.mark.parametrize("name", ["E1", "E2", "E3"])
def test_purchases(vault: SoftwareVault, name: str) -> None:
    case = PURCHASES[name]
    shop = Workshop(vault, RULES[name], case["number"])
    if name == "E3":
        shop.raw.credit(7000, "20260101000000")
    with_counters(shop.raw, purchases=case["counter"])
    result = _debit(shop, name)
    # A T=0 command with data and answer goes without Le; GET RESPONSE fetches the answer.
    assert shop.sent("B02801") == [_bare(case["initialize"])[:-2]]
    assert shop.sent("B02C01") == [_bare(case["debit"])[:-2]]
    assert result.pending.mac1.hex().upper() == case["mac1"]
    assert result.tac is not None
    assert result.tac.hex().upper() == case["tac_xor_halves"]
    assert (result.mac2_valid, result.tac_valid, result.problems) == (True, True, ())
    (newest, *_) = shop.account().log()
    assert bytes(newest).hex().upper() == _bare(case["record"])
    if name == "E2":
        assert result.offline == OfflineData(allowed=True, amount=4250, count=1)


def test_credit(vault: SoftwareVault) -> None:
    case = VECTORS["credit"]
    shop = Workshop(vault, RULES["E1"], 1)
    for amount in (1000, 1500, 2500):
        shop.raw.credit(amount, "20260101000000")
    account = shop.account()
    shop.randomness.value = bytes.fromhex(case["random"])
    time = _moment(case["time"])
    result: CreditResult = account.credit(case["amount"], terminal=TERMINAL, time=time)
    assert shop.sent("B02800") == [_bare(case["initialize"])[:-2]]
    assert shop.sent("B02A00") == [_bare(case["credit"])[:-2]]
    assert result.balance == case["new_balance"] == account.balances().account
    assert result.tac is not None
    assert result.tac.hex().upper() == case["tac_xor_halves"]
    assert result.clears
    assert bytes(account.log()[0]).hex().upper() == _bare(case["record"])


def _purchase_messages() -> Iterator[tuple[str, int]]:
    for name in PURCHASES:
        yield from ((name, 2), (name, 3))


@pytest.mark.parametrize(("name", "steps"), list(_purchase_messages()))
def test_messages_to_a_psam(name: str, steps: int) -> None:
    """P5 with two or three factors, and P6 (ref 12 §5.3)."""
    case = PURCHASES[name]
    city = KEYS["division_code"]
    factors = (bytes.fromhex(KEYS["factor"]), city_factor(city), province_factor(city))
    purchase = psam.PurchaseInit(
        bytes.fromhex(case["random"]),
        case["counter"],
        Amounts(*case["amounts"]),
        TYPE_PURCHASE,
        bytes.fromhex(case["time"]),
        1,
        0,
    )
    command = psam.init_purchase(purchase, factors[:steps])
    assert bytes(command).hex().upper() == _bare(case[f"psam_initialize_{steps}"])
    mac2 = bytes.fromhex(case["mac2"])
    assert bytes(psam.verify_mac2(mac2)).hex().upper() == _bare(case["psam_credit"])
