"""The plan of a profile, made ready for many cards: constants joined, ways resolved.

Everything here is the same for every card of a profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sscard_ic.card.bank_plan import PlannedGroup
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.pboc.locator import records
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.data_groups import GroupModel, TransactionPath
from sscard_ic.profile.financial import FinancialApplication, Instance

Template = Literal["record", "fci", "none"]

_RECORD, _PROPRIETARY, _FCI, _DF_NAME, _ENTRY = 0x70, 0xA5, 0x6F, 0x84, 0x61
_AID, _LABEL, _PRIORITY = 0x4F, 0x50, 0x87
_LAST_CODED_FILE = 10
"""Records of files above it have no template 70 (ref 04 §7.5)."""
_FREE_SIGNATURE_BITS = 1024
"""A longer RSA key signs in a record of its own (ref 15 §3.6)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A value that each card has its own of."""

    tag: int
    name: str


@dataclass(frozen=True, slots=True)
class LaidWay:
    """A way with an algorithm."""

    algorithm: Algorithm
    aip: bytes
    signed: tuple[tuple[int, int], ...]
    """SFI and number of the signed records, in order."""
    signature: int
    """Ways with the same number sign the same, and share certificate and signature."""
    locator: bytes
    issuer_data: bytes


@dataclass(frozen=True, slots=True)
class LaidGroup:
    """A group: tags with values, or one of the groups of keys and PIN."""

    number: int
    role: str
    """Name of the group in the plan, or its number."""
    parts: tuple[bytes | Piece, ...]
    """Empty for keys and PIN."""
    algorithm: Algorithm
    way: LaidWay | None
    template: Template
    aid: bytes
    """Of the application that the group belongs to."""
    whole_fci: bool
    fixed: PlannedGroup | None = None
    """Where every card has the same."""

    def wrap(self, body: bytes) -> bytes:
        """The value of the group around its objects."""
        if self.template == "record":
            return encode_ber(_RECORD, body)
        if self.template == "none":
            return body
        own = encode_ber(_PROPRIETARY, body)
        return encode_ber(_FCI, encode_ber(_DF_NAME, self.aid), own) if self.whole_fci else own


class Layout:
    """All groups of a profile's cards."""

    def __init__(self, model: FinancialApplication) -> None:
        self._model = model
        self._plan = model.plan
        self._constants = self._named_constants()
        self._signatures: dict[tuple[object, ...], int] = {}
        aids = {"payment": model.aid, "pse": model.pse, "ppse": model.ppse}
        groups = {"payment": model.plan.payment, "pse": model.plan.pse, "ppse": model.plan.ppse}
        self.instances: tuple[tuple[Instance, bytes, tuple[LaidGroup, ...]], ...] = tuple(
            (name, aids[name], tuple(self._laid(groups[name], aids[name])))
            for name in model.chip.order
        )
        self._records = {
            (group.number, group.algorithm): group
            for name, _, laid in self.instances
            if name == "payment"
            for group in laid
        }

    def record(self, sfi: int, number: int, algorithm: Algorithm) -> LaidGroup:
        """The group that a record of the payment application is."""
        dgi = sfi << 8 | number
        found = self._records.get((dgi, algorithm))
        return found or self._records[dgi, self._plan.signing.algorithms[0]]

    def _laid(self, groups: tuple[GroupModel, ...], aid: bytes) -> Iterator[LaidGroup]:
        """The groups of an application that cards with these algorithms and ways have."""
        plan = self._plan
        for group in groups:
            algorithm = group.algorithm or plan.signing.algorithms[0]
            if algorithm not in plan.signing.algorithms:
                continue
            way = None
            if group.path is not None:
                way = self._way(group.path, algorithm) if group.path in plan.paths else None
                if way is None:
                    continue
            number = self._number(group)
            laid = LaidGroup(
                number,
                group.dgi,
                tuple(self._parts(group)),
                algorithm,
                way,
                _template(group.dgi, number),
                aid,
                self._model.chip.template == "6F",
            )
            yield replace(laid, fixed=self._fixed(laid))

    def _fixed(self, group: LaidGroup) -> PlannedGroup | None:
        """The group itself where it is the same on every card."""
        role, number = group.role, group.number
        if role.startswith(("keys_", "check_")):
            algorithm: Algorithm = "sm4" if role.endswith("sm4") else "3des"
            if role.startswith("keys_"):
                return PlannedGroup(number, keys=algorithm)
            return PlannedGroup(number, check=algorithm)
        if role == "pin_tries":
            tries = self._plan.holding.pin_tries
            return PlannedGroup(number, bytes((tries, tries)))
        bodies = [part for part in group.parts if isinstance(part, bytes)]
        if len(bodies) == len(group.parts) and any(bodies):
            return PlannedGroup(number, group.wrap(b"".join(bodies)))
        return None

    def _way(self, path: TransactionPath, algorithm: Algorithm) -> LaidWay | None:
        """A way with an algorithm; None where it has no AFL for it."""
        long = algorithm == "3des" and self._plan.signing.rsa_bits > _FREE_SIGNATURE_BITS
        record = self._model.settings.signature_record if long else None
        planned = self._plan.paths[path]
        ranges = planned.ranges(algorithm, record)
        if not ranges:
            return None
        signed = tuple((sfi, number) for sfi, number, covered in records(ranges) if covered)
        key = algorithm, planned.aip, signed
        signing = self._plan.signing
        issuer_data = IssuerData(
            signing.derivation_index,
            signing.cryptogram_version,
            0,
            BankSuite(algorithm).identifier,
        )
        return LaidWay(
            algorithm,
            planned.aip,
            signed,
            self._signatures.setdefault(key, len(self._signatures)),
            b"".join(bytes(each) for each in ranges),
            bytes(issuer_data) + planned.discretionary,
        )

    def _parts(self, group: GroupModel) -> Iterator[bytes | Piece]:
        """Constants joined, and what differs from card to card between them."""
        constant = b""
        for tag in group.tags:
            text = self._plan.value(group, tag)
            name = text.removeprefix("@")
            value = self._constants.get(name) if text != name else bytes.fromhex(text)
            if value is None:
                yield constant
                yield Piece(tag, name)
                constant = b""
            elif value:
                constant += encode_ber(tag, value)
        yield constant

    def _number(self, group: GroupModel) -> int:
        named: int | None = getattr(self._model.numbers, group.dgi, None)
        return int(group.dgi, 16) if named is None else named

    def _named_constants(self) -> dict[str, bytes]:
        """Values with a name that do not differ from card to card."""
        label = self._model.label.encode("ascii", "replace")
        priority = bytes.fromhex(self._plan.values.get(_PRIORITY, "01"))
        parts = ((_AID, self._model.aid), (_LABEL, label), (_PRIORITY, priority))
        entry = b"".join(encode_ber(tag, value) for tag, value in parts)  # ref 04 §7.8
        service = bytes.fromhex(self._plan.holding.service_code.zfill(4))
        return {
            "label": label,
            "entry": entry,
            "directory": encode_ber(_ENTRY, entry),
            "service_code": service,
        }


def _template(dgi: str, number: int) -> Template:
    if dgi in ("fci", "fci_contactless"):
        return "fci"
    record = DataGroup(number, b"").record
    return "record" if record is not None and record[0] <= _LAST_CODED_FILE else "none"
