"""The one door to whoever holds the keys: the vault, or an HSM, as the settings say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.published_roots import published_roots
from sscard_ic.keys.service import KeyService
from sscard_ic.keys.settings import KeysSettings
from sscard_ic.keys.vault import SoftwareVault
from sscard_ic.profile.structure import Key


@dataclass(frozen=True, slots=True)
class HsmPin:
    """The PIN of a token; ``typed`` when a person gave it just now.

    One that was stored is not tried any more once a wrong one was given, so that no program locks
    the token.
    """

    value: Secret
    typed: bool


class KeySecrets(Protocol):
    """Gives what opens a key service, each secret only when it is needed."""

    def passphrase(self) -> Secret:
        """That of the software vault."""
        ...

    def hsm_pin(self) -> HsmPin:
        """That of an HSM's token."""
        ...


def open_service(settings: KeysSettings, secrets: KeySecrets) -> KeyService:
    """The key service that ``settings`` choose; whoever opens it closes it.

    Raises :class:`~sscard_ic.base.errors.SscardError` when it is not there, refuses the secret, or
    needs a part that is not installed.
    """
    if settings.service == "pkcs11" and settings.pkcs11 is not None:
        return _open_token(settings.pkcs11, secrets)
    if settings.service == "remote" and settings.remote is not None:
        from sscard_ic.keys.remote.client import RemoteHsm

        return RemoteHsm(settings.remote)
    path = settings.vault.file()
    # Nobody is asked for the passphrase of a vault that is not there.
    passphrase = secrets.passphrase() if path.exists() else Secret(b"")
    try:
        return SoftwareVault.open(path, passphrase)
    finally:
        passphrase.clear()


def create_token(
    settings: Pkcs11Settings,
    secrets: KeySecrets,
    published: Mapping[str, Key] | None = None,
    *,
    clock: Clock | None = None,
) -> KeyService:
    """Prepare the token of an HSM: empty, or for tests with the published roots of such keys.

    Algorithms that the settings give no numbers for are left out. Raises
    :class:`~sscard_ic.base.errors.SscardError`, also when the token has been prepared before.
    """
    clock = clock or SystemClock()
    with _with_pkcs11():
        from sscard_ic.keys.pkcs11.mechanisms import Ciphers
        from sscard_ic.keys.pkcs11.opening import create_service
    unset = Ciphers(settings).unset
    all_roots = [] if published is None else published_roots(published, clock.now())
    roots = [root for root in all_roots if root.algorithm not in unset]
    pin = _pin(settings, secrets)
    try:
        return create_service(settings, pin.value, roots=roots, typed=pin.typed, clock=clock)
    finally:
        pin.value.clear()


def _open_token(settings: Pkcs11Settings, secrets: KeySecrets) -> KeyService:
    with _with_pkcs11():
        from sscard_ic.keys.pkcs11 import opening
    pin = _pin(settings, secrets)
    try:
        return opening.open_service(settings, pin.value, typed=pin.typed)
    finally:
        pin.value.clear()


def _pin(settings: Pkcs11Settings, secrets: KeySecrets) -> HsmPin:
    """The PIN; nobody is asked for that of a token that is not there."""
    from sscard_ic.keys.pkcs11.token import token_state

    token_state(settings)
    return secrets.hsm_pin()


@contextmanager
def _with_pkcs11() -> Iterator[None]:
    """Tell which part is missing when python-pkcs11 is."""
    try:
        yield
        return
    except ModuleNotFoundError as error:
        if error.name != "pkcs11":
            raise
    raise SscardError(
        Text("没有安装 PKCS#11 接口（python-pkcs11）", "python-pkcs11 is not installed"),
        hint=Text('运行 pip install "sscard-ic[hsm]"', 'run pip install "sscard-ic[hsm]"'),
    )
