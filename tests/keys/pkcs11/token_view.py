"""Keys that tests put into tokens, and what lies there, seen by another program."""

from __future__ import annotations

from typing import Any

import pkcs11
from pkcs11 import Attribute, ObjectClass
from tests.support.softhsm import MODULE, reopen

from sscard_ic.keys import KeySpec
from sscard_ic.keys.pkcs11.service import Pkcs11Service

MASTER = KeySpec("MKSSSE", 1, "maker", "master")
STK = KeySpec("STK", 1, "N2", "mac", "des")
KBPK = KeySpec("KBPK", 1, "site", "wrap", "aes")


def objects(service: Pkcs11Service, attributes: dict[Attribute, Any]) -> list[Any]:
    """What lies in a token, seen by another session of python-pkcs11."""
    label = service.settings.token_label
    found = pkcs11.lib(str(MODULE.resolve())).get_token(token_label=label)
    session = found.open(rw=True)
    return list(session.get_objects({Attribute.TOKEN: True, **attributes}))


def held_keys(service: Pkcs11Service) -> list[Any]:
    """The key objects."""
    return objects(service, {Attribute.CLASS: ObjectClass.SECRET_KEY})


def entries(service: Pkcs11Service) -> list[Any]:
    """The data objects."""
    return objects(service, {Attribute.CLASS: ObjectClass.DATA})


def again(service: Pkcs11Service) -> Pkcs11Service:
    """The same token, closed and opened."""
    service.close()
    return reopen(service)
