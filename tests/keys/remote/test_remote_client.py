"""What a remote HSM answers and what it cannot, over a service on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from tests.support.hsm_vectors import REGION, VectorKeys, vector_keys
from tests.support.remote_hsm import certificates, client_settings, remote_hsm, served

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base import Secret
from sscard_ic.hosts.hsm_service import ServiceSettings
from sscard_ic.hosts.server import HsmServer
from sscard_ic.keys import (
    AnswerChecker,
    Authenticator,
    CardKey,
    CardNames,
    Inventory,
    KeyHolder,
    KeyLoader,
    Macer,
    MessageProtector,
    MissingCapabilityError,
    inventory,
    key_loader,
    macer,
    require_keys,
)
from sscard_ic.keys.medical import (
    Credit,
    Crediter,
    Purchase,
    PurchaseHost,
    TacChecker,
    crediter,
)
from sscard_ic.keys.medical_vault import HostDebiter
from sscard_ic.keys.remote.addresses import NoAddressError
from sscard_ic.keys.remote.client import RemoteHsm
from sscard_ic.keys.remote.errors import RefusedError, RemoteError
from sscard_ic.profile import load

FACTOR = bytes.fromhex("866033110000048A")
R, T = bytes.fromhex("0102030405060708"), bytes.fromhex("1122334455667788")
PIN = Secret(bytes.fromhex("123456"))
RESET, BLOCK = bytes.fromhex("84240001"), bytes.fromhex("84160000")


def key_of(name: str, version: int = 1, **more: Any) -> CardKey:
    return CardKey(name, version, "320800", FACTOR, **more)


PURCHASE = Purchase(
    CardKey("DPK", 1, "320800", bytes.fromhex("990100000000002A")),
    bytes.fromhex("11223344"),
    7,
    Amounts(0, 15000, 11000),
    bytes.fromhex("990100000001"),
    bytes.fromhex("20260315101530"),
    1,
    0,
)
DTK = CardKey("DTK", 1, "320800", PURCHASE.key.factor)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("remote")


@pytest.fixture(scope="module")
def keys() -> VectorKeys:
    return vector_keys()


@pytest.fixture(scope="module")
def server(keys: VectorKeys, folder: Path) -> Iterator[HsmServer]:
    with served(keys, REGION, folder) as found:
        yield found


class Clients:
    """Makes clients with other settings, and closes them."""

    def __init__(self, server: HsmServer, folder: Path, stack: ExitStack) -> None:
        self._server, self._folder, self._stack = server, folder, stack

    def __call__(self, **changes: Any) -> RemoteHsm:
        settings = client_settings(self._server.url, certificates(self._folder), **changes)
        return self._stack.enter_context(closing(RemoteHsm(settings)))


@pytest.fixture
def client(server: HsmServer, folder: Path) -> Iterator[Clients]:
    with ExitStack() as stack:
        yield Clients(server, folder, stack)


# ── Capabilities ─────────────────────────────────────────────────────────────────────────────


def test_what_it_is(client: Clients, server: HsmServer) -> None:
    hsm = client()
    for can in (Authenticator, MessageProtector, KeyHolder, PurchaseHost, TacChecker):
        assert isinstance(hsm, can)
    for cannot in (Macer, KeyLoader, Inventory, AnswerChecker, Crediter):
        assert not isinstance(hsm, cannot)
    assert (hsm.environment, hsm.place) == ("test", server.url)
    assert repr(hsm) == f"<RemoteHsm {server.url}>"


@pytest.mark.parametrize("form", ["bar", "xml"])
def test_cryptograms(client: Clients, form: str) -> None:
    """Ref 02 §3.3 Vector A, §3.4: 3DES and SM4, by types 02 and 01."""
    hsm = client(form=form)
    assert hsm.cryptogram(key_of("UKSSSE"), R, T).hex().upper() == "1E008343409B5CEB"
    assert hsm.cryptogram(key_of("IRK"), R, T).hex().upper() == "1E008343409B5CEB"
    sm4 = key_of("RKSSSE", algorithm="sm4")
    assert hsm.cryptogram(sm4, R, R).hex().upper() == "9807C3D1D3159B7D"
    assert hsm.cryptogram(key_of("IRK", algorithm="sm4"), R, R).hex().upper() == "9807C3D1D3159B7D"


def test_protected_commands(client: Clients, folder: Path, keys: VectorKeys) -> None:
    """Ref 02 §4.2 items 3 and 5."""
    expected = bytes.fromhex("827A76F626547728D808FCD7")
    stk, none = key_of("STK"), Secret(b"")
    hsm = client()
    assert hsm.protect_command(stk, RESET, PIN, R, "card_key", enciphered=True) == expected
    mac = hsm.protect_command(stk, BLOCK, none, R, "card_key", enciphered=False)
    assert mac.hex().upper() == "012085BA"
    with served(keys, REGION, folder, settings=ServiceSettings(plaintext="block")) as other:
        settings = client_settings(other.url, certificates(folder), plaintext="block")
        with closing(RemoteHsm(settings)) as blocks:
            found = blocks.protect_command(stk, RESET, PIN, R, "card_key", enciphered=True)
    assert found == expected


@pytest.mark.parametrize(
    ("algorithm", "challenge"),
    [
        ("3des", "01020304"),
        ("3des", "0102030405060708"),
        ("sm4", "0102030405060708"),
        ("sm4", "000102030405060708090A0B0C0D0E0F"),
    ],
)
@pytest.mark.parametrize("length", [2, 3, 7, 8, 15, 16])
def test_protected_commands_are_those_of_the_keys_behind(
    client: Clients, keys: VectorKeys, algorithm: Any, challenge: str, length: int
) -> None:
    """Challenges of every length, data that fill their blocks and others."""
    key = key_of("STK", algorithm=algorithm)
    data, drawn = Secret(bytes(range(length))), bytes.fromhex(challenge)
    hsm = client()
    found = hsm.protect_command(key, RESET, data, drawn, "card_key", enciphered=True)
    assert found == keys.protect_command(key, RESET, data, drawn, "card_key", enciphered=True)


def test_settlements(client: Clients) -> None:
    """Ref 12 §8 E1, by the debiter of an online terminal."""
    hsm = client()
    debiter = HostDebiter(hsm, PURCHASE.terminal, lambda: 5)
    debit = debiter.authorise_debit(PURCHASE)
    assert (debit.number, debit.mac1.hex().upper()) == (5, "7719C2E8")
    assert debiter.confirm_debit(PURCHASE, debit, bytes.fromhex("B134A332"))
    assert not debiter.confirm_debit(PURCHASE, debit, bytes.fromhex("B134A333"))
    tac = bytes.fromhex("92AF822F")
    assert hsm.debit_tac(DTK, PURCHASE, 5, "xor_halves") == tac
    assert hsm.check_debit_tac(DTK, PURCHASE, 5, tac, "xor_halves")
    assert not hsm.check_debit_tac(DTK, PURCHASE, 5, bytes(4), "xor_halves")


def test_a_settlement_is_asked_for_once(client: Clients, keys: VectorKeys) -> None:
    hsm = client()
    hsm.purchase_macs(PURCHASE, 9)
    asked = len(keys.asked)
    named = replace(PURCHASE.key, card=CardNames(bytes(5) + PURCHASE.key.factor))
    hsm.purchase_macs(replace(PURCHASE, key=named), 9)
    hsm.debit_tac(DTK, PURCHASE, 9, "xor_halves")
    assert len(keys.asked) == asked
    hsm.purchase_macs(PURCHASE, 10)
    assert len(keys.asked) > asked


def test_the_last_settlements_are_remembered(client: Clients, keys: VectorKeys) -> None:
    hsm = client()
    for number in range(65):
        hsm.purchase_macs(PURCHASE, number)
    asked = len(keys.asked)
    hsm.purchase_macs(PURCHASE, 1)
    assert len(keys.asked) == asked
    hsm.purchase_macs(PURCHASE, 0)
    assert len(keys.asked) > asked


def test_settlements_with_three_amounts(client: Clients) -> None:
    """Ref 12 §8 E3; 05 appendix A: 16 or 24 digits."""
    purchase = replace(
        PURCHASE,
        random=bytes.fromhex("55667788"),
        counter=9,
        amounts=Amounts(2000, 2500, 0),
        time=bytes.fromhex("20260317090000"),
    )
    macs = client(amounts="three").purchase_macs(purchase, 7)
    assert [mac.hex().upper() for mac in macs] == ["B6F61F85", "814ABC33"]
    with pytest.raises(MissingCapabilityError, match="settle amounts with A1"):
        client().purchase_macs(purchase, 7)


# ── What it cannot ───────────────────────────────────────────────────────────────────────────


def test_what_no_message_has(client: Clients) -> None:
    hsm = client()
    stk = key_of("STK")
    credit = Credit(key_of("DLK"), bytes(4), 1, 0, 1, bytes(6))
    for ask, words in (
        (hsm.keys, "list keys"),
        (hsm.sealer, "seal what a ledger keeps"),
        (lambda: hsm.digest("text", "context"), "seal what a ledger keeps"),
        (
            lambda: hsm.protect_command(stk, RESET, PIN, R, "card_key", enciphered=False),
            "a MAC over data in clear",
        ),
        (
            lambda: hsm.protect_command(stk, RESET, Secret(b""), R, "card_key", enciphered=True),
            "a MAC over data in clear",
        ),
        (
            lambda: hsm.check_credit_tac(DTK, credit, bytes(7), bytes(4), "xor_halves"),
            "the TAC of a credit",
        ),
        (lambda: macer(hsm), "compute MACs with card keys"),
        (lambda: key_loader(hsm), "build key-loading commands"),
        (lambda: inventory(hsm), "list keys and their check values"),
        (lambda: crediter(hsm), "services have no message"),
    ):
        with pytest.raises(MissingCapabilityError) as caught:
            ask()
        assert words in caught.value.what.en
        assert caught.value.hint is not None


def test_what_xml_has_no_message_for(client: Clients) -> None:
    hsm = client(form="xml")
    with pytest.raises(MissingCapabilityError, match="no message of the type 03"):
        hsm.protect_command(key_of("STK"), RESET, PIN, R, "card_key", enciphered=True)
    with pytest.raises(MissingCapabilityError, match="no message of the type 04"):
        hsm.purchase_macs(PURCHASE, 5)


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────


def test_keys_are_known_by_their_addresses(client: Clients, keys: VectorKeys) -> None:
    hsm = client()
    asked = len(keys.asked)
    for name, version in (("IRK", 1), ("UKSSSE", 1), ("UKSSSE", 3), ("UKMF", 1), ("DPK", 2)):
        hsm.require_key(name, version, "3des")
    for name, version in (("UKSSSE", 4), ("BK", 1), ("IRK", 2), ("NOBODY", 1), ("DTK", 1)):
        with pytest.raises(NoAddressError, match=r"keys\.remote\.addresses") as caught:
            hsm.require_key(name, version, "3des")
        assert name in caught.value.what.en
    with pytest.raises(NoAddressError):
        hsm.cryptogram(key_of("BK"), R, T)
    assert len(keys.asked) == asked, "nobody was asked"


def test_a_profile_with_more_keys_than_addresses(client: Clients) -> None:
    with pytest.raises(NoAddressError):
        require_keys(client(), load("dalian"))


def test_addresses_of_the_settings(client: Clients, keys: VectorKeys) -> None:
    hsm = client(addresses={"BK": "0095"})
    hsm.cryptogram(key_of("BK"), R, T)
    assert (keys.asked[-1].name, keys.asked[-1].version) == ("UKSSSE", 2)


def test_the_group_of_type_01(client: Clients, keys: VectorKeys) -> None:
    hsm = client(key_group=2)
    hsm.require_key("IRK", 2, "3des")
    with pytest.raises(NoAddressError):
        hsm.require_key("IRK", 1, "3des")


def test_keys_of_a_profile(server: HsmServer, folder: Path) -> None:
    """A region's own keys, where the profile says their addresses."""
    region = load(REGION)
    added = region.keys["UK1SSSE"].model_copy(update={"hsm_address": 0x0300})
    settings = client_settings(server.url, certificates(folder))
    with closing(RemoteHsm(settings, {**region.keys, "UK1SSSE": added})) as hsm:
        hsm.require_key("UK1SSSE", 3, "3des")
        with pytest.raises(RefusedError, match=r"22 .*no key stands at this address"):
            hsm.cryptogram(key_of("UK1SSSE"), R, T)


@pytest.mark.parametrize("form", ["bar", "xml"])
def test_what_the_service_is_told_of_the_card(client: Clients, keys: VectorKeys, form: str) -> None:
    code, historical = bytes.fromhex("320800" + "AB" * 13), bytes.fromhex("0081484242") + FACTOR
    named = key_of("IRK", card=CardNames(historical, code))
    client(form=form).cryptogram(named, R, T)
    assert keys.asked[-1].card == CardNames(historical, code)
    head, tail = "0081484286", "D1" * 13
    client(form=form, historical_head=head, code_tail=tail).cryptogram(key_of("IRK"), R, T)
    assert keys.asked[-1].card == CardNames(
        bytes.fromhex(head) + FACTOR, bytes.fromhex("320800" + tail)
    )
    odd = key_of("IRK", card=CardNames(historical[1:], code[1:]))
    client(form=form).cryptogram(odd, R, T)
    assert keys.asked[-1].card == CardNames(bytes(5) + FACTOR, bytes.fromhex("320800") + bytes(13))


def test_what_a_card_is_called_makes_no_other_key() -> None:
    named = key_of("IRK", card=CardNames(bytes(13)))
    assert (named, hash(named)) == (key_of("IRK"), hash(key_of("IRK")))


# ── Files and chains ─────────────────────────────────────────────────────────────────────────


def test_an_enciphered_private_key(server: HsmServer, folder: Path, tmp_path: Path) -> None:
    """Nobody is asked for its passphrase behind the program's back."""
    files = certificates(folder)
    key = serialization.load_pem_private_key(files.client_key.read_bytes(), None)
    path = tmp_path / "client.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        )
    )
    with pytest.raises(RemoteError, match="the key is enciphered or no PEM") as caught:
        RemoteHsm(client_settings(server.url, files, private_key=path))
    assert caught.value.where == str(path)


@pytest.mark.parametrize("form", ["bar", "xml"])
def test_a_service_on_top_of_another(server: HsmServer, folder: Path, form: str) -> None:
    """Whatever offers the capabilities can stand behind a service: another one, too."""
    settings = client_settings(server.url, certificates(folder), form=form)
    with (
        closing(RemoteHsm(settings)) as inner,
        remote_hsm(inner, REGION, folder) as outer,
    ):
        assert outer.cryptogram(key_of("UKSSSE"), R, T).hex().upper() == "1E008343409B5CEB"
        assert outer.cryptogram(key_of("IRK"), R, T).hex().upper() == "1E008343409B5CEB"
        if form == "xml":
            with pytest.raises(RefusedError, match=r"30 .*no message of the type 04"):
                outer.purchase_macs(PURCHASE, 5)
            return
        reset = outer.protect_command(key_of("STK"), RESET, PIN, R, "card_key", enciphered=True)
        assert reset.hex().upper() == "827A76F626547728D808FCD7"
        assert outer.purchase_macs(PURCHASE, 5)[0].hex().upper() == "7719C2E8"
        assert outer.debit_tac(DTK, PURCHASE, 5, "xor_halves").hex().upper() == "92AF822F"


def test_a_chain_whose_end_is_gone(keys: VectorKeys, folder: Path) -> None:
    with served(keys, REGION, folder) as gone:
        settings = client_settings(gone.url, certificates(folder), retries=0)
    with (
        closing(RemoteHsm(settings)) as inner,
        remote_hsm(inner, REGION, folder) as outer,
        pytest.raises(RefusedError, match="cannot connect to the HSM service"),
    ):
        outer.cryptogram(key_of("UKSSSE"), R, T)
