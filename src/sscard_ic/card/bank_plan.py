"""What the applications of the bank on one card will be given (ref 04 §7.4-7.7, 15 §2.3).

A plan is made by data preparation and carried out by a personalizer. Card keys stand in it by
name alone; other secrets are sealed wherever a plan is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, get_args

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys.bank_capabilities import BankCard, Filling
from sscard_ic.profile.financial import FinancialApplication, Instance


class Unsealer(Protocol):
    """The half of a :class:`Sealer` that reading a plan takes."""

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The plain bytes; raises :class:`SscardError` when altered or moved."""
        ...


_INSTANCES: tuple[Instance, ...] = ("payment", "pse", "ppse")


@dataclass(frozen=True, slots=True)
class Transported:
    """A secret as the bank's data preparation sent it, under the transport key (ref 04 §7.6)."""

    data: bytes = field(repr=False)
    """Whole blocks of ciphertext; nobody but the key service opens them."""
    algorithm: Algorithm
    """Of the transport key."""
    filled: Filling = "none"
    """Whether 80 00… was added before."""


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """One data group: its number and exactly one of the five things it may hold."""

    number: int
    """DGI, 2 bytes."""
    value: bytes | None = field(default=None, repr=False)
    """Sent as it is."""
    secret: Secret | None = None
    """Sent enciphered: PIN block, number of a private key; without filling."""
    keys: Algorithm | None = None
    """The three card keys of this algorithm, AC ‖ MAC ‖ ENC; only the key service knows them."""
    check: Algorithm | None = None
    """Check values of these keys, 9 bytes."""
    transported: Transported | None = None
    """Sent enciphered anew; the clear value stays inside the key service."""

    def __post_init__(self) -> None:
        contents = self.value, self.secret, self.keys, self.check, self.transported
        if contents.count(None) != len(contents) - 1:
            raise ValueError(f"data group {self.number:04X} needs one content")


@dataclass(frozen=True, slots=True)
class InstancePlan:
    """One application: its data groups in the order in which the card gets them."""

    instance: Instance
    aid: bytes
    groups: tuple[PlannedGroup, ...]
    """The last one ends personalization, so it is none that is sent enciphered (ref 04 §7.6)."""

    def group(self, number: int) -> PlannedGroup | None:
        """The group with a number."""
        return next((group for group in self.groups if group.number == number), None)


@dataclass(frozen=True, slots=True)
class BankPlan:
    """Payment application and directories of one card, in the order of personalization."""

    pan: str = field(repr=False)
    """Digits without filling."""
    sequence: int | None
    """PAN sequence number."""
    instances: tuple[InstancePlan, ...]

    def instance(self, name: Instance) -> InstancePlan:
        """One of the applications; raises ``KeyError`` where the plan has none."""
        found = next((plan for plan in self.instances if plan.instance == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def bank_card(self, algorithm: Algorithm, model: FinancialApplication) -> BankCard:
        """Whom the key service derives the card keys of an algorithm for."""
        settings = model.settings
        return BankCard(
            self.pan, self.sequence, algorithm, model.keys, settings.sm_mac, settings.sm_arpc
        )

    def to_json(self, sealer: Sealer | None = None, context: str = "") -> bytes:
        """The plan, its secrets sealed under ``context``: the place where the plan is kept.

        PAN and holder's data stand in it in the clear; without ``sealer`` everything does, for a
        place that seals the whole.
        """
        value = {
            "pan": self.pan,
            "sequence": self.sequence,
            "instances": [_instance_value(plan, sealer, context) for plan in self.instances],
        }
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes, sealer: Unsealer | None = None, context: str = "") -> BankPlan:
        """The plan of :meth:`to_json`; raises :class:`SscardError` for a secret of another place.

        Raises :class:`InputError` for what is no plan.
        """
        try:
            value = json.loads(data)
            instances = tuple(_instance(each, sealer, context) for each in value["instances"])
            return cls(str(value["pan"]), _sequence(value["sequence"]), instances)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                Text("不是银行应用的数据计划", "this is no plan of the bank's applications"),
                hint=Text("请重新准备数据", "prepare the data again"),
            ) from None


def _instance_value(plan: InstancePlan, sealer: Sealer | None, context: str) -> dict[str, Any]:
    place = f"{context}/{plan.instance}"
    return {
        "instance": plan.instance,
        "aid": plan.aid.hex().upper(),
        "groups": [_group_value(group, sealer, place) for group in plan.groups],
    }


def _group_value(group: PlannedGroup, sealer: Sealer | None, place: str) -> dict[str, str]:
    number = f"{group.number:04X}"
    if group.value is not None:
        return {"dgi": number, "value": group.value.hex().upper()}
    if group.secret is not None:
        if sealer is None:
            return {"dgi": number, "secret": group.secret.reveal().hex().upper()}
        sealed = sealer.seal(group.secret.reveal(), f"{place}/{number}")
        return {"dgi": number, "sealed": sealed.hex().upper()}
    if group.keys is not None:
        return {"dgi": number, "keys": group.keys}
    if group.transported is not None:
        sent = group.transported
        data = {"transported": sent.data.hex().upper()}
        return {"dgi": number, **data, "algorithm": sent.algorithm, "filled": sent.filled}
    assert group.check is not None
    return {"dgi": number, "check": group.check}


def _instance(value: Mapping[str, Any], sealer: Unsealer | None, context: str) -> InstancePlan:
    name = value["instance"]
    if name not in _INSTANCES:
        raise ValueError(name)
    place = f"{context}/{name}"
    groups = tuple(_group(each, sealer, place) for each in value["groups"])
    return InstancePlan(name, bytes.fromhex(value["aid"]), groups)


def _group(value: Mapping[str, str], sealer: Unsealer | None, place: str) -> PlannedGroup:
    number = int(value["dgi"], 16)
    if "secret" in value and sealer is None:
        return PlannedGroup(number, secret=Secret(bytes.fromhex(value["secret"])))
    if "sealed" in value and sealer is not None:
        sealed = bytes.fromhex(value["sealed"])
        return PlannedGroup(number, secret=Secret(sealer.unseal(sealed, f"{place}/{number:04X}")))
    if "value" in value:
        return PlannedGroup(number, bytes.fromhex(value["value"]))
    if "transported" in value:
        return PlannedGroup(number, transported=_transported(value))
    if "keys" in value:
        return PlannedGroup(number, keys=_algorithm(value["keys"]))
    return PlannedGroup(number, check=_algorithm(value["check"]))


def _transported(value: Mapping[str, str]) -> Transported:
    filled = value["filled"]
    if filled not in get_args(Filling):
        raise ValueError(filled)
    data, algorithm = bytes.fromhex(value["transported"]), _algorithm(value["algorithm"])
    return Transported(data, algorithm, cast(Filling, filled))


def _algorithm(name: str) -> Algorithm:
    if name not in SUITES:
        raise ValueError(name)
    return cast(Algorithm, name)


def _sequence(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError(type(value).__name__)
    return value
