"""Every implementation of the key capabilities, holding the keys of :mod:`.holdings`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from tests.keys.suites.holdings import declared, roots
from tests.keys.suites.hsm_bench import empty_token, given_token, held_token
from tests.keys.suites.psam_bench import TERMINAL, given_psam, held_psam
from tests.keys.suites.remote_bench import GivenKeys, Wanted, given_keys, served
from tests.support.softhsm import reopen

from sscard_ic.base import Secret
from sscard_ic.crypto.medical import TacForm
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.medical import Debiter
from sscard_ic.keys.medical_vault import HostDebiter

PASSPHRASE = Secret(b"suite")

Opener = Callable[[Path, Wanted, Any], AbstractContextManager[object]]
"""Opens one in a folder of its own, as it is wanted, in front of another one."""


@dataclass(frozen=True)
class Implementation:
    """How one is opened; each is closed when its context ends."""

    held: Opener
    """With the roots of :data:`HELD`."""
    given: Opener | None = None
    """With the card keys of :data:`GIVEN`; none where another implementation does the same."""
    behind: str = ""
    """The implementation that answers for it; one is opened for each thing that is wanted."""


@contextmanager
def _vault(folder: Path, wanted: Wanted, backing: Any) -> Iterator[object]:
    path = folder / "vault.json"
    SoftwareVault.create(path, PASSPHRASE, environment="test", keys=roots()).close()
    with closing(SoftwareVault.open(path, PASSPHRASE)) as vault:
        yield vault


@contextmanager
def _vault_rules(folder: Path, wanted: Wanted, backing: Any) -> Iterator[object]:
    """What the vault does with a card key, whatever root it comes from."""
    yield GivenKeys()


@contextmanager
def _psam(folder: Path, wanted: Wanted, backing: Any) -> Iterator[object]:
    yield held_psam()


@contextmanager
def _psam_given(folder: Path, wanted: Wanted, backing: Any) -> Iterator[object]:
    yield given_psam()


@contextmanager
def _token_host(folder: Path, wanted: Wanted, backing: Any) -> Iterator[object]:
    with closing(held_token("host")) as service:
        yield service


@contextmanager
def _token_inside(folder: Path, wanted: Wanted, backing: Any) -> Iterator[object]:
    with closing(held_token("token")) as service:
        yield service


@contextmanager
def _token_given(folder: Path, wanted: Wanted, backing: Any) -> Iterator[object]:
    with closing(given_token()) as service:
        yield service


def _remote(
    tac_form: TacForm, folder: Path, wanted: Wanted, backing: Any
) -> AbstractContextManager[object]:
    return served(folder, wanted, backing, tac_form, declared())


def _remote_given(
    tac_form: TacForm, folder: Path, wanted: Wanted, backing: Any
) -> AbstractContextManager[object]:
    return served(folder, wanted, backing, tac_form, given_keys())


IMPLEMENTATIONS: Mapping[str, Implementation] = {
    "vault": Implementation(_vault, _vault_rules),
    "psam": Implementation(_psam, _psam_given),
    # In mode host, what is done with a card key is what the vault does.
    "pkcs11-host": Implementation(_token_host),
    "pkcs11-token": Implementation(_token_inside, _token_given),
    "remote": Implementation(
        partial(_remote, "xor_halves"), partial(_remote_given, "xor_halves"), "vault"
    ),
    "remote-pkcs11": Implementation(
        partial(_remote, "double_length"), partial(_remote_given, "double_length"), "pkcs11-token"
    ),
}


def debiter_from(implementation: str, service: Any, number: int) -> Debiter:
    """What authorises the purchase ``number`` of the terminal: a PSAM, or the host by its keys."""
    if implementation == "psam":
        return held_psam(number)
    return HostDebiter(service, bytes.fromhex(TERMINAL), count(number).__next__)


# Stores of keys that begin empty


class Store:
    """A key store without keys, which can be closed and opened again."""

    def __init__(self, service: Any, opener: Callable[[Any], Any]) -> None:
        self.service = service
        self._open = opener

    @classmethod
    @contextmanager
    def fresh(cls, implementation: str, folder: Path) -> Iterator[Store]:
        """One in a folder of its own."""
        store = cls(*STORES[implementation](folder))
        try:
            yield store
        finally:
            store.service.close()

    def reopen(self) -> None:
        """Close it and open it again: what was not kept is lost."""
        self.service.close()
        self.service = self._open(self.service)


def _empty_vault(folder: Path) -> tuple[object, Callable[[Any], object]]:
    path = folder / "vault.json"
    created = SoftwareVault.create(path, PASSPHRASE, environment="test", keys=())
    return created, lambda closed: SoftwareVault.open(path, PASSPHRASE)


STORES: Mapping[str, Callable[[Path], tuple[Any, Callable[[Any], Any]]]] = {
    "vault": _empty_vault,
    "pkcs11-host": lambda folder: (empty_token("host"), reopen),
    "pkcs11-token": lambda folder: (empty_token("token"), reopen),
}
"""Each makes an empty one in a folder, and tells how to open it again."""
