"""The table of offers is true: of every implementation, capability and algorithm."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.keys.suites.holdings import key_of
from tests.keys.suites.implementations import IMPLEMENTATIONS, Store
from tests.keys.suites.offers import CAPABILITIES, OFFERS
from tests.keys.suites.services import Services

from sscard_ic.base import SscardError
from sscard_ic.keys import (
    KeySpec,
    MissingCapabilityError,
    UnknownKeyError,
    answer_checker,
    authenticator,
    inventory,
    key_loader,
    macer,
    message_protector,
)
from sscard_ic.keys.medical import crediter, debiter, purchase_host
from sscard_ic.keys.store import key_store

ACCESSORS: dict[str, Callable[[object], object]] = {
    "AnswerChecker": answer_checker,
    "Authenticator": authenticator,
    "Crediter": crediter,
    "Debiter": debiter,
    "Inventory": inventory,
    "KeyLoader": key_loader,
    "KeyStore": key_store,
    "Macer": macer,
    "MessageProtector": message_protector,
    "PurchaseHost": purchase_host,
}
WITHOUT_SM4 = [name for name, offered in OFFERS.items() if offered["Authenticator"] == ("3des",)]


def test_every_implementation_is_in_the_table() -> None:
    assert set(OFFERS) == set(IMPLEMENTATIONS)


def test_every_capability_is_in_the_table() -> None:
    """Those of the table are there, and somebody offers each of those that are there."""
    offered = {capability for offers in OFFERS.values() for capability in offers}
    assert offered == set(CAPABILITIES)


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("implementation", OFFERS)
def test_what_each_offers(services: Services, implementation: str, capability: str) -> None:
    service = services.held(implementation)
    offered = capability in OFFERS[implementation]
    assert isinstance(service, CAPABILITIES[capability]) == offered


@pytest.mark.parametrize("capability", ACCESSORS)
@pytest.mark.parametrize("implementation", OFFERS)
def test_asking_for_it(services: Services, implementation: str, capability: str) -> None:
    """What is offered is given as it is; what is not is refused in words, with a next step."""
    service = services.held(implementation)
    if capability in OFFERS[implementation]:
        assert ACCESSORS[capability](service) is service
        return
    with pytest.raises(MissingCapabilityError) as caught:
        ACCESSORS[capability](service)
    assert caught.value.hint is not None
    assert caught.value.render("zh") != caught.value.render("en")


@pytest.mark.parametrize("capability", ACCESSORS)
def test_asking_something_else_for_it(capability: str) -> None:
    with pytest.raises(MissingCapabilityError) as caught:
        ACCESSORS[capability](object())
    assert caught.value.hint is not None


@pytest.mark.parametrize("implementation", WITHOUT_SM4)
def test_no_sm4(services: Services, implementation: str) -> None:
    """SoftHSM has none: what would need it is refused in words, in front of a service too."""
    service = services.held(implementation)
    with pytest.raises(SscardError, match="SM4 key NATION version 1"):
        service.cryptogram(key_of("NATION", "sm4"), bytes(8), bytes(8))


@pytest.mark.parametrize("implementation", ["pkcs11-host", "pkcs11-token"])
def test_no_sm4_key_is_made_without_its_numbers(
    implementation: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Store.fresh(implementation, tmp_path_factory.mktemp("store")) as store:
        with pytest.raises(SscardError, match=r"(?i)SM4") as caught:
            store.service.generate(KeySpec("NATION", 1, "N1", "external", "sm4"))
        assert not isinstance(caught.value, UnknownKeyError)
        assert caught.value.hint is not None
        assert store.service.keys() == []
