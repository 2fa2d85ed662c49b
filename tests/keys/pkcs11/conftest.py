"""One token for each way of using card keys, with the roots of the software vault beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.support.softhsm import (
    USER_PIN,
    new_token,
    open_softhsm,
    published_roots,
    softhsm_settings,
)

from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.pkcs11 import storage
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService
from sscard_ic.keys.pkcs11.login import open_token
from sscard_ic.keys.pkcs11.opening import create_service
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings


@pytest.fixture(scope="session")
def host(vault: SoftwareVault) -> Iterator[Pkcs11HostService]:
    """Card keys come to the host; nobody changes its keys."""
    with closing(open_softhsm(published_roots(vault.keys()))) as service:
        yield service


@pytest.fixture(scope="session")
def inside(vault: SoftwareVault) -> Iterator[Pkcs11TokenService]:
    """Card keys stay in the token; nobody changes its keys."""
    roots = published_roots(vault.keys())
    with closing(open_softhsm(roots, derived_keys="token")) as service:
        assert isinstance(service, Pkcs11TokenService)
        yield service


@pytest.fixture(scope="module")
def settings() -> Pkcs11Settings:
    """One token for this module; the more SoftHSM has, the slower it gets."""
    return softhsm_settings(new_token())


@pytest.fixture
def token(settings: Pkcs11Settings) -> Iterator[Pkcs11HostService]:
    """A prepared token without keys."""
    with closing(open_token(settings, USER_PIN)) as used:
        storage.unprepare(used)
    with closing(create_service(settings, USER_PIN)) as service:
        assert isinstance(service, Pkcs11HostService)
        yield service
