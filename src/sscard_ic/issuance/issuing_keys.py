"""What issuing asks of the key service, and that it is asked before anything is touched."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sscard_ic.card import BlankKeys
from sscard_ic.keys import KeyService, Macer, authenticator, blank_opener, key_loader, macer


@runtime_checkable
class IssuingKeys(KeyService, BlankKeys, Macer, Protocol):
    """Computes what a blank and its key files ask for, and seals the ledger."""


def issuing_keys(service: KeyService) -> IssuingKeys:
    """``service`` for issuing; raises :class:`MissingCapabilityError` for what it lacks."""
    for needed in (authenticator, macer, blank_opener, key_loader):
        needed(service)
    service.sealer()
    assert isinstance(service, IssuingKeys), "it has every part"
    return service
