"""The test bank over HTTP: server and client, and what neither takes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hosts.bank.paper_card import PaperCard, ended
from tests.support.bank_keys import bank_vault

from sscard_ic.base import InputError, Secret
from sscard_ic.base.errors import Text
from sscard_ic.card.financial.authorisation import AuthorisationResponse, BankUnreachable
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.hosts.bank_book import BankBook
from sscard_ic.hosts.bank_issuer import NO_ORDER, BankHostError, Order
from sscard_ic.hosts.bank_messages import BankMessage, decode_message, encode_message
from sscard_ic.hosts.bank_opening import open_bank, rules_of
from sscard_ic.hosts.bank_server import BankServer, BankService
from sscard_ic.hosts.bank_settings import BankSettings, HttpBankSettings
from sscard_ic.hosts.http_bank import HttpBank
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.keys import KeyService
from sscard_ic.profile import load_financial


def made_bank() -> TestBank:
    vault = bank_vault()
    return TestBank(vault, load_financial(), BankBook(None, vault), BankRules())


@pytest.fixture(scope="module")
def bank() -> TestBank:
    return made_bank()


@pytest.fixture(scope="module")
def client(bank: TestBank) -> Iterator[HttpBank]:
    with BankServer(bank) as server:
        server.start()
        asked = HttpBank(HttpBankSettings(url=server.url))
        yield asked
        asked.close()


def test_a_load_over_http(
    bank: TestBank, client: HttpBank, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    card = PaperCard(pan="8888800000777777")
    bank.open_account(card.pan, card.sequence, 100_000, pin=b"246810")
    request = card.request("load", 5000, pin="246810")
    response = client.authorise(request)
    assert (response.code, card.knows(response, request)) == (b"00", True)
    card.completes()
    assert card.does(response.scripts[0].commands[0], request) == "04DA9F79:000000005000"
    client.confirm(request, ended(Kind.TC, "done"))
    client.confirm(request, ended(Kind.TC, "failed"))
    account = bank.account(card.pan, card.sequence)
    assert account is not None
    assert (account.main, account.cash) == (95_000, 5000)
    for said in (caplog.text, repr(client), repr(request), repr(BankMessage(request))):
        assert card.pan not in said
        assert "246810" not in said


def test_orders_over_http(client: HttpBank) -> None:
    card = PaperCard(pan="8888800000777777", atc=10)
    order = Order(limits={0x9F78: 2000})
    request = card.request("limits", pin="246810")
    (script,) = client.authorise(request, order).scripts
    assert card.does(script.commands[0], request) == "04DA9F78:000000002000"
    order = Order(Secret(b"123456"), Secret(b"654321"))
    request = card.request("pin", pin="246810")
    (script,) = client.authorise(request, order).scripts
    assert card.does(script.commands[0], request).startswith("84240001:")


def test_an_unload_whose_end_nobody_knows(bank: TestBank, client: HttpBank) -> None:
    card = PaperCard(balance=300)
    request = card.request("unload")
    assert client.authorise(request).code == b"05"
    client.confirm(request, ended(Kind.AAC, "unknown"))
    account = bank.account(card.pan, card.sequence)
    assert account is not None
    assert account.main == 100_000, "the card has to tell it"


_NOBODY = made_bank()
"""For messages that have no other of their own."""
pins = st.none() | st.text("0123456789", min_size=4, max_size=12)
_TAGS = [0x9F26, 0x9F27, 0x9F10, 0x9F36, 0x82, 0x95, 0x9F02, 0x5F2A, 0x9F74]


@settings(max_examples=50, deadline=None)
@given(
    values=st.dictionaries(st.sampled_from(_TAGS), st.binary(max_size=40)),
    sequence=st.none() | st.integers(0, 99),
    service=st.sampled_from(["purchase", "load", "pin", "card_block"]),
    contactless=st.booleans(),
    pin=pins,
    new=pins,
    limits=st.dictionaries(st.sampled_from([0x9F77, 0x9F78]), st.integers(0, 10**12 - 1)),
)
def test_messages_come_through(
    values: dict[int, bytes],
    sequence: int | None,
    service: Any,
    contactless: bool,
    pin: str | None,
    new: str | None,
    limits: dict[int, int],
) -> None:
    secret = None if pin is None else Secret(pin.encode())
    request = PaperCard(sequence=1).request(service, contactless=contactless)
    request = type(request)(request.pan, sequence, values, service, contactless, secret)
    order = Order(None if new is None else Secret(new.encode()), None, limits)
    message = BankMessage(request, order)
    assert decode_message(encode_message(message).reveal()) == message


def test_confirmations_come_through() -> None:
    request = PaperCard().request()
    for confirmation in (
        ended(None),
        ended(Kind.TC, "done"),
        ended(Kind.AAC, "failed", "not_run", "unknown"),
    ):
        message = BankMessage(request, NO_ORDER, confirmation)
        assert decode_message(encode_message(message).reveal()) == message


def _body(**changes: Any) -> bytes:
    told = json.loads(encode_message(BankMessage(PaperCard().request())).reveal())
    return json.dumps({**told, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 20_000,
        _body(operation="clear"),
        _body(pan="88888"),
        _body(pan=8888800000123456),
        _body(pan="８" * 16),
        _body(sequence=100),
        _body(sequence=True),
        _body(service="loads"),
        _body(service=["load"]),
        _body(contactless=None),
        _body(data="9F2608"),
        _body(data="XY"),
        _body(data=None),
        _body(data="950100950100"),
        _body(data="70039F2600"),
        _body(pin="12"),
        _body(pin=1234),
        _body(order=[]),
        _body(order={"limits": {"9F77": -1}}),
        _body(order={"limits": {"9F": 1}}),
        _body(order={"new_pin": "12a4"}),
        _body(operation="confirm"),
        _body(operation="confirm", confirmation={"kind": "ARC", "data": "", "scripts": []}),
        _body(operation="confirm", confirmation={"kind": "TC", "data": "", "scripts": [1]}),
        _body(
            operation="confirm",
            confirmation={
                "kind": "TC",
                "data": "",
                "scripts": [{"identifier": "00", "outcome": "done", "failed": 0}],
            },
        ),
    ],
    ids=range(29),
)
def test_messages_that_are_none(body: bytes) -> None:
    answer = BankService(made_bank()).answer(body)
    assert (answer.status, answer.body) == (400, b'{"error": "form"}')


@pytest.mark.parametrize("kind", [[], {}, 1, True, "tc"], ids=str)
def test_kinds_that_are_none(kind: Any) -> None:
    confirmation = {"kind": kind, "data": "", "scripts": []}
    answer = BankService(made_bank()).answer(_body(operation="confirm", confirmation=confirmation))
    assert (answer.status, answer.body) == (400, b'{"error": "form"}')


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


def _places(told: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to every value within a message."""
    inner = told.items() if isinstance(told, dict) else enumerate(told)
    found = [way] if way else []
    for key, value in inner:
        deeper = isinstance(value, dict | list)
        found += _places(value, (*way, key)) if deeper else [(*way, key)]
    return found


_ORDERED = BankMessage(
    PaperCard().request("pin", pin="1234"),
    Order(Secret(b"123456"), Secret(b"654321"), {0x9F78: 1}),
)
_ENDED = BankMessage(PaperCard().request("load", 100), NO_ORDER, ended(Kind.TC, "done", "failed"))
_WHOLE = [json.loads(encode_message(each).reveal()) for each in (_ORDERED, _ENDED)]
_WAYS = [(index, way) for index, told in enumerate(_WHOLE) for way in _places(told)]


@settings(max_examples=300, deadline=None)
@given(at=st.sampled_from(_WAYS), value=_ANYTHING)
def test_anything_in_place_of_a_value(at: tuple[int, tuple[Any, ...]], value: Any) -> None:
    told: Any = json.loads(json.dumps(_WHOLE[at[0]]))
    within = told
    for key in at[1][:-1]:
        within = within[key]
    within[at[1][-1]] = value
    answer = BankService(_NOBODY).answer(json.dumps(told).encode())
    assert answer.status in (200, 400)
    assert answer.status == 200 or answer.body == b'{"error": "form"}'


def test_a_bank_that_breaks_down() -> None:
    class Broken:
        name, environment = "broken", "test"

        def authorise(self, request: object, order: object) -> AuthorisationResponse:
            raise ZeroDivisionError("8888800000123456")

        def confirm(self, request: object, confirmation: object) -> None:
            raise AssertionError("nobody confirms")

    told: list[Text] = []
    with BankServer(Broken(), tell=told.append) as server:  # type: ignore[arg-type]
        server.start()
        asked = HttpBank(HttpBankSettings(url=server.url))
        with pytest.raises(BankHostError) as caught:
            asked.authorise(PaperCard().request())
        asked.close()
    assert [text.en for text in told] == ["an error within: ZeroDivisionError"]
    assert not caught.value.again
    assert "8888800000123456" not in str(caught.value)


def test_a_bank_that_is_not_there() -> None:
    with BankServer(made_bank()) as server:
        url = server.url
    asked = HttpBank(HttpBankSettings(url=url))
    with pytest.raises(BankHostError, match="cannot connect") as caught:
        asked.authorise(PaperCard().request())
    asked.close()
    assert isinstance(caught.value, BankUnreachable), "the terminal goes on without it"
    assert caught.value.again
    assert url in str(caught.value)
    assert "sscard bank host" in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost.example"])
def test_it_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(InputError, match="this machine only"):
        BankServer(made_bank(), host)


def test_no_bank_of_production_in_clear() -> None:
    class Real:
        name, environment = "real", "production"

    with pytest.raises(InputError, match="test banks"):
        BankServer(Real())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:8445/bank",
        "http://bank.example/bank",
        "http://192.0.2.1:8445/bank",
        "http://user@127.0.0.1/bank",
        "http://127.0.0.1:99999/bank",
        "http://127.0.0.1:8445/bank?pan=1",
        "http://127.0.0.1:84 45/bank",
        "127.0.0.1:8445",
        "",
    ],
)
def test_addresses_that_are_not_taken(url: str) -> None:
    with pytest.raises(ValueError, match="an address on this machine"):
        HttpBankSettings(url=url)


def test_settings_that_lack_their_table() -> None:
    with pytest.raises(ValueError, match=r"needs the table \[bank.http\]"):
        BankSettings(service="http")


@pytest.mark.parametrize("service", ["test", "http"])
def test_no_bank_for_cards_of_production(service: Any) -> None:
    def no_keys() -> KeyService:
        raise AssertionError("nobody asks for a passphrase in vain")

    http = HttpBankSettings(url="http://127.0.0.1:8445/bank")
    chosen = BankSettings(service=service, http=http)
    with (
        pytest.raises(InputError, match="test cards alone"),
        open_bank(chosen, "production", load_financial(), no_keys),
    ):
        raise AssertionError("not reached")


def test_settings_of_the_rules() -> None:
    chosen = BankSettings.model_validate(
        {"opening": 5, "cash_limit": 6, "unproved_balance": True, "bins": ["621700"]}, strict=True
    )
    assert rules_of(chosen) == BankRules(5, 6, True, ("621700",))
    for wrong in ({"bins": ["62"]}, {"bins": ["6217x0"]}, {"opening": 10**12}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            BankSettings.model_validate(wrong, strict=True)
