"""What a card of the bank bears, however it became known: planned, in a file, read from a card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.pboc.locator import Range, parse_locator
from sscard_ic.codec.pboc.locator import records as records_of
from sscard_ic.codec.tlv import BerTlv, TlvError, parse_ber
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank.findings import Finding, error, warning
from sscard_ic.profile.data_groups import TransactionPath
from sscard_ic.profile.financial import FinancialApplication, GroupNumbers, Instance

Interface = Literal["contact", "contactless"]
Way = tuple[TransactionPath, Algorithm]

INTERNAL = (0x0D01, 0x0E01, 0x3000, 0x3001)
"""Groups with data that no record holds (ref 04 §7.5); 0E02 is a list without tags."""
_TEMPLATE, _PROPRIETARY, _FCI, _DF_NAME = 0x70, 0xA5, 0x6F, 0x84
_LAST_CODED_FILE = 10
_BLOCKED_LIST = range(0x0E02, 0x0F00)
_EXTENSIONS = (0xA001, 0x8020, 0x9020, 0x8001, 0x7FFF, 0x9206)

WAYS: Mapping[str, tuple[Way, ...]] = {
    "contact": (("contact", "3des"),),
    "contact_sm": (("contact", "sm4"),),
    "cash": (("cash", "3des"),),
    "cash_sm": (("cash", "sm4"),),
    "contactless": (("contactless", "3des"),),
    "contactless_sm": (("contactless", "sm4"),),
    "issuer_data": (("contact", "3des"),),
    "issuer_data_sm": (("contact", "sm4"),),
}
"""Names of groups with AIP, AFL and issuer data."""


def way_name(way: Way) -> str:
    """A way for people: ``contact RSA``."""
    return f"{way[0]} {'RSA' if way[1] == '3des' else 'SM2'}"


@dataclass(frozen=True)
class Objects:
    """BER-TLV objects, with all that is below them."""

    tree: tuple[BerTlv, ...] = field(default=(), repr=False)

    @cached_property
    def flat(self) -> tuple[tuple[int, bytes], ...]:
        """Tag and value of each primitive object, in order."""
        return tuple(_flat(self.tree))

    def get(self, tag: int) -> bytes | None:
        """The first value of a tag."""
        return next((value for each, value in self.flat if each == tag), None)

    @property
    def tags(self) -> list[int]:
        """Tags at the top."""
        return [each.tag for each in self.tree]


def _flat(tree: Iterable[BerTlv]) -> Iterator[tuple[int, bytes]]:
    for each in tree:
        if each.children:
            yield from _flat(each.children)
        else:
            yield each.tag, each.value


@dataclass
class BankContents:
    """The data of one card; ``None`` stands for what nobody knows, as secrets of a real card."""

    aid: bytes
    signature_record: tuple[int, int] = (6, 1)
    """SFI and number of the record that the card makes up for 9F4B of a long RSA key."""
    fci: dict[Interface, Objects] = field(default_factory=dict, repr=False)
    """Content of A5 by interface."""
    ways: dict[Way, Objects] = field(default_factory=dict, repr=False)
    """AIP 82, AFL 94, issuer data 9F10 of each way."""
    records: dict[tuple[int, int], bytes] = field(default_factory=dict, repr=False)
    """Whole records by SFI and number."""
    elements: Objects = field(default_factory=Objects, repr=False)
    """Data that no record holds, as far as they are known."""
    numbers: frozenset[int] | None = None
    """Numbers of all groups of the payment application; None where a card was read."""
    pse: tuple[Objects, ...] | None = field(default=None, repr=False)
    """Content of A5, then the records of the directory."""
    ppse: Objects | None = field(default=None, repr=False)
    """Content of A5."""
    findings: list[Finding] = field(default_factory=list)
    """What was wrong with the form already."""

    @property
    def complete(self) -> bool:
        """Whether all that the payment application holds is known."""
        return self.numbers is not None

    def locator(self, way: Way) -> tuple[Range, ...]:
        """The AFL of a way; empty for none and for a damaged one."""
        try:
            return parse_locator(self.ways[way].get(0x94) or b"")
        except TlvError:
            return ()

    def record(self, sfi: int, number: int) -> Objects:
        """What stands in a record; nothing for one that is not there or damaged."""
        try:
            tree = parse_ber(self.records.get((sfi, number), b""))
        except TlvError:
            return Objects()
        coded = sfi <= _LAST_CODED_FILE and [each.tag for each in tree] == [_TEMPLATE]
        return Objects(tree[0].children if coded else tree)

    def of_way(self, way: Way) -> list[tuple[int, int, bool, Objects]]:
        """SFI, number, whether it is signed, and content of the records of a way, in order."""
        return [
            (sfi, number, signed, self.record(sfi, number))
            for sfi, number, signed in records_of(self.locator(way))
        ]

    def values(self, way: Way) -> dict[int, bytes]:
        """All that a terminal gets in a way: answer to GPO and records."""
        found = dict(self.ways[way].flat)
        for _, _, _, content in self.of_way(way):
            found.update(content.flat)
        return found

    def anywhere(self, tag: int) -> set[bytes]:
        """Every value that a tag has on the card."""
        parts = [*self.fci.values(), *self.ways.values(), self.elements]
        parts += [self.record(*place) for place in self.records]
        return {value for part in parts for each, value in part.flat if each == tag}


def contents_of_plan(plan: BankPlan, model: FinancialApplication) -> BankContents:
    """The contents that a plan gives its card."""
    groups = [
        (each.instance, DataGroup(group.number, group.value or b""))
        for each in plan.instances
        for group in each.groups
    ]
    return contents_of_groups(groups, model)


def contents_of_groups(
    groups: Iterable[tuple[Instance, DataGroup]], model: FinancialApplication
) -> BankContents:
    """The contents of data groups; what has a wrong form becomes a finding."""
    sfi, number = divmod(model.settings.signature_record, 0x100)
    contents = BankContents(model.aid, (sfi, number))
    seen: set[tuple[Instance, int]] = set()
    for instance, group in groups:
        where = f"{instance} {group.number:04X}"
        if (instance, group.number) in seen:
            contents.findings.append(
                error("group_twice", where, "数据分组重复", "the data group stands twice")
            )
        seen.add((instance, group.number))
        try:
            _take(contents, instance, group, model.numbers)
        except TlvError:
            contents.findings.append(
                error("form", where, "不是完整的 TLV 数据", "these are no whole TLV objects")
            )
    contents.numbers = frozenset(number for instance, number in seen if instance == "payment")
    return contents


def _take(
    contents: BankContents, instance: Instance, group: DataGroup, numbers: GroupNumbers
) -> None:
    if instance == "payment":
        _take_payment(contents, group, numbers)
    elif group.number in (numbers.fci, numbers.fci_contactless):
        content = _content_of_fci(group.value)
        if instance == "ppse":
            contents.ppse = content
        else:
            contents.pse = (content, *(contents.pse or (Objects(),))[1:])
    elif instance == "pse" and group.record is not None:
        tree = parse_ber(group.value)
        inner = tree[0].children if [each.tag for each in tree] == [_TEMPLATE] else tree
        contents.pse = (*(contents.pse or (Objects(),)), Objects(inner))
    else:
        _unknown(contents, f"{instance} {group.number:04X}")


def _take_payment(contents: BankContents, group: DataGroup, numbers: GroupNumbers) -> None:
    named = {getattr(numbers, name): name for name in type(numbers).model_fields}
    name = named.get(group.number, "")
    if name in ("fci", "fci_contactless"):
        interface: Interface = "contact" if name == "fci" else "contactless"
        contents.fci[interface] = _content_of_fci(group.value)
    elif name in WAYS:
        for way in WAYS[name]:
            known = contents.ways.get(way, Objects())
            contents.ways[way] = Objects(known.tree + parse_ber(group.value))
    elif group.number in INTERNAL:
        contents.elements = Objects(contents.elements.tree + parse_ber(group.value))
    elif group.record is not None:
        contents.records[group.record] = group.value
        if group.record[0] <= _LAST_CODED_FILE:
            _check_template(contents, group)
    elif not name and group.number not in (*_EXTENSIONS, *_BLOCKED_LIST):
        _unknown(contents, f"payment {group.number:04X}")


def _check_template(contents: BankContents, group: DataGroup) -> None:
    if [each.tag for each in parse_ber(group.value)] != [_TEMPLATE]:
        contents.findings.append(
            error(
                "template",
                f"payment {group.number:04X}",
                "记录不是一个 70 模板",
                "the record is not one template 70",
            )
        )


def _content_of_fci(value: bytes) -> Objects:
    """What stands in A5, alone or in a whole 6F (ref 15 §7.5)."""
    tree = parse_ber(value)
    if [each.tag for each in tree] == [_FCI]:
        inner = tree[0].children
        tree = inner[1:] if inner and inner[0].tag == _DF_NAME else ()
    if [each.tag for each in tree] != [_PROPRIETARY]:
        raise TlvError("another template")
    return Objects(tree[0].children)


def _unknown(contents: BankContents, where: str) -> None:
    contents.findings.append(
        warning("unknown_group", where, "未知的数据分组", "an unknown data group")
    )
