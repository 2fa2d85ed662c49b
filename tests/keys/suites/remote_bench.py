"""HSM services (加密机服务) in front of other key services, and clients of them over TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.keys.suites.holdings import GIVEN
from tests.support.changed_rules import with_messaging
from tests.support.fixed_keys import FixedKeys
from tests.support.remote_hsm import remote_hsm

from sscard_ic.crypto.medical import TacForm
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.keys.remote.client import RemoteHsm
from sscard_ic.profile import CardProfile, Key, load


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an HSM service is set up for: one province, one variant of secure messaging."""

    province: str = "32"
    method: Method = "card_key"


class GivenKeys(FixedKeys):
    """The card keys of :data:`GIVEN`, as test keys."""

    environment = "test"

    def __init__(self) -> None:
        super().__init__({name: bytes.fromhex(bits) for (_, bits), name in GIVEN.items()})


def given_keys() -> dict[str, Key]:
    """:data:`GIVEN` as a profile would declare them."""
    return {
        name: Key.model_validate(
            {
                "directory": "SSSE",
                "id": 4,
                "use": "external",
                "level": "P1",
                "length": len(bits) // 2,
                "hsm_address": f"{0x0200 + number:04X}",
            }
        )
        for number, ((_, bits), name) in enumerate(GIVEN.items())
    }


@contextmanager
def served(
    folder: Path, wanted: Wanted, service: Any, tac_form: TacForm, keys: Mapping[str, Key]
) -> Iterator[RemoteHsm]:
    """A client of an HSM service in front of ``service``."""
    with remote_hsm(service, _profile(wanted, tac_form, keys), folder, amounts="three") as client:
        yield client


def _profile(wanted: Wanted, tac_form: TacForm, keys: Mapping[str, Key]) -> CardProfile:
    profile = with_messaging(load("urumqi"), secure_messaging=wanted.method)
    assert profile.region is not None
    assert profile.structure.medical is not None
    issuer = profile.region.issuer.model_copy(update={"division_code": f"{wanted.province}0100"})
    medical = profile.structure.medical
    settings = medical.settings.model_copy(update={"tac_form": tac_form})
    changes = {"keys": dict(keys), "medical": medical.model_copy(update={"settings": settings})}
    return replace(
        profile,
        structure=profile.structure.model_copy(update=changes),
        region=profile.region.model_copy(update={"issuer": issuer}),
    )
