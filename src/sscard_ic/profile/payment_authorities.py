"""The public keys that terminals believe (``profiles/authorities/payment.toml``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from sscard_ic.crypto.pboc.authorities import AuthorityKey
from sscard_ic.profile.loader import load_authority_table

SHIPPED = "authorities/payment"


@cache
def load_authorities(name: str = SHIPPED) -> Mapping[tuple[bytes, int], AuthorityKey]:
    """The keys by RID (5 bytes) and index: live ones, those of laboratories, and demonstration
    keys, told apart by :attr:`~sscard_ic.crypto.pboc.authorities.AuthorityKey.status`.

    ``name``: the table, a file of kind ``authorities``; errors as those of profiles.
    """
    keys = load_authority_table(name).authorities()
    return MappingProxyType({(key.rid, key.index): key for key in keys})
