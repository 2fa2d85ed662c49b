"""Building up the bank's applications on a virtual chip (ref 04 §7, appendix D, 15 §6-7)."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from tests.support.bank_plans import AID, PAN, PPSE, PSE, SET, bank_model, bank_plan, bank_profile
from tests.support.bank_vaults import KMC, bank_vault

from sscard_ic.apdu import Command
from sscard_ic.base.errors import SscardError
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card.bank_commands import (
    ChannelRefused,
    ForeignBlankError,
    GroupRefused,
    NoCardManager,
)
from sscard_ic.card.bank_personalization import BankPersonalizer, OtherDataError
from sscard_ic.card.bank_plan import BankPlan, InstancePlan, PlannedGroup
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.secure_channel import OtherProtocolError, WrongCardCryptogramError
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank
from sscard_ic.simulator.pboc.stored import StoredDebit

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "secure_channel.toml").read_text("utf-8")
)
SERIAL = bytes.fromhex("5119000013DF")
MASTERS = {"cryptogram": "3131313131313131" + "4040404040404040"}


@cache
def _keys() -> SoftwareVault:
    return bank_vault()


class PowerCut(Exception):
    """The card lost its power."""


class Watcher(Wrapper):
    """Keeps every command, and cuts the power at one: before the card has it, or after."""

    def __init__(self, inner: Connection, cut_at: int | None = None, *, before: bool = False):
        super().__init__(inner)
        self.cut_at, self.before = cut_at, before
        self.sent: list[Secretive] = []

    def transmit(self, command: Secretive) -> bytes:
        number = len(self.sent)
        self.sent.append(command)
        if number == self.cut_at and self.before:
            raise PowerCut
        answer = self.inner.transmit(command)
        if number == self.cut_at:
            raise PowerCut
        return answer

    @property
    def commands(self) -> list[Command]:
        """What was sent, secret or not."""
        return [
            Command.parse(each.reveal() if isinstance(each, Secret) else each) for each in self.sent
        ]


def _chip(model: FinancialApplication, kmc: bytes = KMC, protocol: str = "T=1") -> Chip:
    profile = bank_profile(model, protocol)
    return blank(profile, SERIAL, transport_key=bytes(16), card_manager_key=kmc)


def _personalize(
    chip: Chip,
    model: FinancialApplication,
    plan: BankPlan | None = None,
    cut_at: int | None = None,
    *,
    before: bool = False,
) -> Watcher:
    """One session, from power-up on."""
    watcher = Watcher(VirtualConnection(chip), cut_at, before=before)
    maker = BankPersonalizer(open_session(watcher), model, _keys())
    maker.personalize(plan or bank_plan())
    return watcher


def _essence(chip: Chip) -> dict[str, object]:
    """What the chip holds, the sequence counter apart."""
    states = chip.persistent_state().items()
    return {path: state for path, state in states if not path.endswith("/sequence")}


def _store(chip: Chip) -> StoredDebit:
    return StoredDebit(chip._memory, f"bank/{AID.hex().upper()}")


def _sent(chip: Chip, command: str) -> str:
    return VirtualConnection(chip).transmit(bytes.fromhex(command)).hex().upper()


def test_the_whole_card_of_appendix_d() -> None:
    chip, model = _chip(bank_model()), bank_model()
    watcher = _personalize(chip, model)
    store = _store(chip)
    assert store.issued
    key = BankSuite("3des").card_key(bytes.fromhex(MASTERS["cryptogram"]), PAN, 1)
    assert store.key("3des", "cryptogram") == key
    assert store.pin == "123456"
    contact = "6F3C8408A000000333010101A530500A50424F43204445424954870101" + (
        "9F380C9F7A019F02065F2A02DF69015F2D027A68BF0C0A9F4D020B0ADF4D020C0A9000"
    )
    assert _sent(chip, "00A4040008A00000033301010100") == contact
    for name in (PSE, PPSE):
        answer = _sent(chip, f"00A404000E{name.hex()}00")
        assert AID.hex().upper() in answer or name == PSE
        assert answer.endswith("9000")
    kinds = [command.ins for command in watcher.commands]
    assert kinds[:7] == [0xA4, 0x50, 0x82, 0xF2, 0xE6, 0xE6, 0xE6]
    groups = 5 + len(bank_plan().instance("payment").groups) + 2 + 1
    assert kinds.count(0xE2) == groups - 5
    assert len(kinds) == 7 + 3 * 3 + kinds.count(0xE2)


def test_a_finished_application_that_is_blocked_stays() -> None:
    """At T=0 its FCI waits behind 6283."""
    model = bank_model()
    chip = _chip(model, protocol="T=0")
    _personalize(chip, model)
    _store(chip).block()
    held = _essence(chip)
    _personalize(chip, model)
    assert _essence(chip) == held


class Script:
    """A card that answers a list of commands, each exactly as expected."""

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        self.left = list(exchanges)

    @property
    def atr(self) -> bytes:
        return b""

    @property
    def protocol(self) -> Literal["T=0", "T=1"]:
        return "T=1"

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        expected, answer = self.left.pop(0)
        assert raw.hex().upper() == expected
        return bytes.fromhex(answer)

    def reset(self, cold: bool) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("vector", ["plain", "enciphered"])
def test_the_session_of_the_reference_byte_by_byte(vector: str) -> None:
    """Ref 04 §7.7 and 15 §6.5: the same challenges give the same commands."""
    answer = "00000001020304050607" + "0102" + "0001A1A2A3A4A5A6" + "996B8F24B44C9B75"
    card = Script(
        ("00A4040008A00000033301010100", "6F0C8408A000000333010101A5009000"),
        ("8050010008112233445566778800", f"{answer}9000"),
        ("84820100103394B813219D3C1CC5D1E6DFCE558105", "9000"),
        *((command, "9000") for command in _VECTORS["personalization"][vector]),
    )
    model = bank_model(key_identifier="000000010203", initial_vector=vector)
    groups = (
        PlannedGroup(0x8000, keys="3des"),
        PlannedGroup(0x9000, check="3des"),
        PlannedGroup(0x8010, secret=Secret(bytes.fromhex("26000000FFFFFFFF"))),
        PlannedGroup(0x9010, bytes.fromhex("0303")),
    )
    plan = BankPlan("8888800000123456", 1, (InstancePlan("payment", AID, groups),))
    challenge = bytes.fromhex("1122334455667788")
    maker = BankPersonalizer(card, model, _keys(), random=lambda length: challenge[:length])
    maker.store(plan.instances[0], plan)
    assert not card.left


def test_nothing_secret_is_sent_without_being_marked() -> None:
    """Traces and logs hide what comes as a Secret."""
    chip, model = _chip(bank_model()), bank_model()
    watcher = _personalize(chip, model)
    for sent, command in zip(watcher.sent, watcher.commands, strict=True):
        if command.ins == 0xE2 and command.p1 & 0x60:
            assert isinstance(sent, Secret)
        elif command.ins == 0xE2:
            assert command.data[0] != 0x80
        if command.ins == 0x82:
            assert isinstance(sent, Secret)


@pytest.mark.parametrize("protocol", ["01", "02"])
@pytest.mark.parametrize("level", ["00", "01", "03"])
@pytest.mark.parametrize("vector", ["plain", "enciphered"])
@pytest.mark.parametrize("covers", ["plain", "enciphered"])
def test_every_channel_builds_the_same_card(
    protocol: str, level: str, vector: str, covers: str
) -> None:
    settings = {
        "protocol": protocol,
        "level": level,
        "initial_vector": vector,
        "mac_covers": covers,
    }
    model = bank_model(**settings)
    chip = _chip(model)
    _personalize(chip, model)
    assert _essence(chip) == _undisturbed()[0]


@pytest.mark.parametrize("derivation", ["visa2", "visa2_zero", "none"])
def test_every_derivation(derivation: str) -> None:
    model = bank_model(derivation=derivation)
    chip = _chip(model)
    _personalize(chip, model)
    assert _store(chip).issued


def _with(plan: BankPlan, *groups: PlannedGroup) -> BankPlan:
    """The plan with more groups of the payment application before its others."""
    payment, *others = plan.instances
    return replace(plan, instances=(replace(payment, groups=groups + payment.groups), *others))


def test_a_card_with_both_algorithms() -> None:
    """SM groups go under the 3DES DEK like the others (ref 04 §7.6)."""
    plain = [
        PlannedGroup(int(number, 16), bytes.fromhex(value))
        for number, value in SET["sm_groups"].items()
    ]
    private = bytes.fromhex(SET["sm2"]["card_private"])
    secret = PlannedGroup(0x8100, secret=Secret(private))
    keys = PlannedGroup(0x9030, check="sm4"), PlannedGroup(0x8030, keys="sm4")
    chip, model = _chip(bank_model()), bank_model()
    _personalize(chip, model, _with(bank_plan(), *plain, *keys, secret))
    store = _store(chip)
    assert store.issued and store.sm2_private == private
    master = bytes.fromhex(MASTERS["cryptogram"])
    assert store.key("sm4", "cryptogram") == BankSuite("sm4").card_key(master, PAN, 1)


def test_an_enciphered_group_may_be_the_last() -> None:
    plan = bank_plan()
    payment, *others = plan.instances
    *groups, tries = payment.groups
    pin = groups.pop()
    turned = replace(payment, groups=(*groups, tries, pin))
    chip, model = _chip(bank_model()), bank_model()
    watcher = _personalize(chip, model, replace(plan, instances=(turned, *others)))
    assert 0xE0 in {command.p1 for command in watcher.commands if command.ins == 0xE2}
    assert _essence(chip) == _undisturbed()[0]


def test_short_commands_and_joined_groups() -> None:
    """Long groups go on in the next command; several share one where the profile says so."""
    for settings, fewer in (({"longest_group": 40}, False), ({"joined_groups": True}, True)):
        model = bank_model(**settings)
        chip = _chip(model)
        watcher = _personalize(chip, model)
        assert _essence(chip) == _undisturbed()[0]
        stored = [command for command in watcher.commands if command.ins == 0xE2]
        assert (len(stored) < 30) == fewer
        assert all(len(command.data) <= 255 for command in stored)
        if not fewer:
            assert max(len(command.data) for command in stored) == 48
        payment = stored[: -3 if not fewer else -2]
        assert [command.p2 for command in payment] == list(range(len(payment)))
        assert [command.p1 & 0x80 for command in payment] == [0] * (len(payment) - 1) + [0x80]


def test_over_t0_the_same() -> None:
    model = bank_model()
    chip = _chip(model, protocol="T=0")
    _personalize(chip, model)
    assert _store(chip).issued


@cache
def _undisturbed() -> tuple[dict[str, object], int]:
    chip, model = _chip(bank_model()), bank_model()
    watcher = _personalize(chip, model)
    return _essence(chip), len(watcher.sent)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("share", range(4))
def test_a_cut_at_any_exchange(share: int, before: bool) -> None:
    expected, exchanges = _undisturbed()
    assert exchanges > 45
    for cut_at in range(share, exchanges, 4):
        model = bank_model()
        chip = _chip(model)
        with pytest.raises(PowerCut):
            _personalize(chip, model, cut_at=cut_at, before=before)
        _personalize(chip, model)
        assert _essence(chip) == expected, f"cut at exchange {cut_at}"


def test_a_finished_card_is_left_as_it_is() -> None:
    chip, model = _chip(bank_model()), bank_model()
    _personalize(chip, model)
    again = _personalize(chip, model)
    assert {command.ins for command in again.commands} == {0xA4, 0x50, 0x82, 0xF2, 0xB2}
    assert _essence(chip) == _undisturbed()[0]


def test_another_holders_card_is_not_taken_for_this_one() -> None:
    chip, model = _chip(bank_model()), bank_model()
    _personalize(chip, model)
    other = bank_plan(x0101="701957138888800000999999D49122200000000000000F5F340101")
    before = _essence(chip)
    with pytest.raises(OtherDataError) as raised:
        _personalize(chip, model, other)
    assert "record 0101" in raised.value.render("en")
    assert "8888800000" not in raised.value.render("en")
    assert _essence(chip) == before


_BROKEN: dict[str, tuple[dict[str, str], bytes, type[SscardError]]] = {
    "other KMC": ({}, bytes(range(16)), WrongCardCryptogramError),
    "blank of another bank": ({"key_identifier": "622800FFFFFF"}, KMC, ForeignBlankError),
    "other protocol": ({"protocol": "01"}, KMC, OtherProtocolError),
    "other key version": ({"key_version": "02"}, KMC, ChannelRefused),
    "no manager": ({"issuer_domain": "A000000004000000"}, KMC, NoCardManager),
}


@pytest.mark.parametrize("case", _BROKEN)
def test_what_does_not_fit_is_told_before_anything_is_changed(case: str) -> None:
    settings, kmc, error = _BROKEN[case]
    made = _chip(bank_model(), kmc)
    before = made.persistent_state()
    with pytest.raises(error) as raised:
        _personalize(made, bank_model(**settings))
    assert raised.value.hint is not None
    assert made.persistent_state() == before


def test_a_group_that_the_chip_refuses_is_named_without_its_content() -> None:
    chip, model = _chip(bank_model()), bank_model()
    plan = bank_plan(x9104="82027C")
    with pytest.raises(GroupRefused) as raised:
        _personalize(chip, model, plan)
    assert raised.value.numbers == (0x9104,) and raised.value.sw == 0x6A80
    assert "9104" in raised.value.render("zh") and "82027C" not in raised.value.render("zh")
    _personalize(chip, model)
    assert _essence(chip) == _undisturbed()[0]
