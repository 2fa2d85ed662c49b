"""Opening and preparing a token."""

from __future__ import annotations

from collections.abc import Iterable

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.secret import Secret
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.pkcs11 import storage
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService
from sscard_ic.keys.pkcs11.login import open_token
from sscard_ic.keys.pkcs11.mechanisms import Ciphers
from sscard_ic.keys.pkcs11.service import Pkcs11Service
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.pkcs11.token import OpenToken


def open_service(
    settings: Pkcs11Settings,
    pin: Secret,
    *,
    typed: bool = False,
    allow_last_try: bool = False,
    clock: Clock | None = None,
) -> Pkcs11Service:
    """Log in to a prepared token; the login is as :func:`open_token` says."""
    token = open_token(settings, pin, typed=typed, allow_last_try=allow_last_try)
    try:
        return _service(token, settings, clock)
    except BaseException:
        token.close()
        raise


def create_service(
    settings: Pkcs11Settings,
    pin: Secret,
    *,
    roots: Iterable[RootKey] = (),
    typed: bool = False,
    allow_last_try: bool = False,
    clock: Clock | None = None,
) -> Pkcs11Service:
    """Prepare an initialised token for the environment of the settings, and open it.

    ``roots``: published test keys to begin with. Whatever fails, the token is as it was.
    """
    clock = clock or SystemClock()
    token = open_token(settings, pin, typed=typed, allow_last_try=allow_last_try)
    try:
        aes = Ciphers(settings).of("aes")
        storage.prepare(token, aes, settings.environment, clock.now())
        try:
            service = _service(token, settings, clock)
            if published := tuple(roots):
                service.bring_in(published)
        except BaseException:
            storage.unprepare(token)
            raise
    except BaseException:
        token.close()
        raise
    return service


def _service(token: OpenToken, settings: Pkcs11Settings, clock: Clock | None) -> Pkcs11Service:
    kind = Pkcs11HostService if settings.derived_keys == "host" else Pkcs11TokenService
    return kind(token, settings, clock or SystemClock())
