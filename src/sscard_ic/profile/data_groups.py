"""The data groups of a card of the bank, as data: what stands in which group (ref 04 §7.5, 15 §3).

A value is hexadecimal digits, or ``@name``: what data preparation knows or computes under that
name for a card, see :data:`Computed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from sscard_ic.base.problems import Unusable
from sscard_ic.codec.pboc.locator import Range, parse_locator, records
from sscard_ic.codec.tlv import TlvError
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict

TransactionPath = Literal["contact", "cash", "contactless"]
"""Ways through a transaction, each with an AIP and an AFL: debit, electronic cash, qPBOC."""

Computed = Literal[
    "pan",
    "sequence",
    "track2",
    "name",
    "name_extension",
    "id_number",
    "id_type",
    "expiry",
    "effective",
    "service_code",
    "balance",
    "label",
    "entry",
    "directory",
    "aip",
    "locator",
    "issuer_data",
    "authority_index",
    "issuer_certificate",
    "issuer_remainder",
    "issuer_exponent",
    "static_signature",
    "card_certificate",
    "card_remainder",
    "card_exponent",
]
"""Names of what data preparation computes.

``entry`` is the content of tag 61 in a directory, ``directory`` that tag with it.
"""

SIGNED: frozenset[Computed] = frozenset({"static_signature", "card_certificate"})
"""What covers the signed records of a way, and so can stand in none of them."""

OF_PATH: frozenset[Computed] = SIGNED | {"aip", "locator", "issuer_data"}
"""What another way has another value of, so that its group must name its way."""
OF_ALGORITHM: frozenset[Computed] = (OF_PATH - {"aip"}) | {
    "authority_index",
    "issuer_certificate",
    "issuer_remainder",
    "issuer_exponent",
    "card_remainder",
    "card_exponent",
}
"""The same for the algorithm."""

SecretGroup = Literal[
    "keys_3des",
    "check_3des",
    "keys_sm4",
    "check_sm4",
    "sm2_private",
    "rsa_coefficient",
    "rsa_exponent_q",
    "rsa_exponent_p",
    "rsa_q",
    "rsa_p",
    "pin",
    "pin_tries",
]
"""Groups without tags: keys, check values and PIN."""
NamedGroup = Literal[
    "fci",
    "fci_contactless",
    "contact",
    "contact_sm",
    "cash",
    "cash_sm",
    "contactless",
    "contactless_sm",
    "issuer_data",
    "issuer_data_sm",
]
"""Groups whose numbers are settings of :class:`~.financial.GroupNumbers`."""
ENCIPHERED: frozenset[str] = frozenset(set(get_args(SecretGroup)) - {"check_3des", "check_sm4"}) - {
    "pin_tries"
}
"""Groups that are sent enciphered; none of them can be the last (ref 04 §7.6)."""

SIGNATURE_RECORD = "@signature_record"
"""Entry of a locator: the record with 9F4B, which only a long RSA key needs (ref 04 §3.7)."""

_TAG = re.compile(r"[0-9A-F]{2}|[0-9A-F]{4}|[0-9A-F]{6}")
_DIGITS = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_NUMBER = re.compile(r"[0-9A-F]{4}")


def _tag(value: Any) -> int:
    if isinstance(value, int):
        return value
    if not isinstance(value, str) or not _TAG.fullmatch(value):
        raise Unusable(f"{value!r} 不是数据标签", f"{value!r} is no tag: 2, 4 or 6 digits, A to F")
    return int(value, 16)


def _tagged(value: Any) -> Any:
    return {_tag(tag): each for tag, each in value.items()} if isinstance(value, Mapping) else value


def _value(value: Any) -> str:
    if isinstance(value, str) and value.startswith("@"):
        if value[1:] in get_args(Computed):
            return value
        names = ", ".join(get_args(Computed))
        raise Unusable(
            f"没有可计算的值 {value}；已有：{names}",
            f"nothing is computed as {value}; known: {names}",
        )
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return value
    raise Unusable(
        "应为十六进制数字或 @名称", "hexadecimal digits, or a name after @, are expected"
    )


def _group(value: Any) -> str:
    known = (*get_args(SecretGroup), *get_args(NamedGroup))
    if isinstance(value, str) and (_NUMBER.fullmatch(value) or value in known):
        return value
    names = ", ".join(known)
    raise Unusable(
        f"应为 4 位 DGI 编号，或下列名称之一：{names}",
        f"the number of a group, 4 digits, is expected, or one of {names}",
    )


def _locator_entry(value: Any) -> str:
    if value == SIGNATURE_RECORD:
        return SIGNATURE_RECORD
    try:
        (entry,) = parse_locator(bytes.fromhex(value))
    except (TlvError, ValueError, TypeError):
        raise Unusable(
            f"应为 8 位十六进制的文件定位项，或 {SIGNATURE_RECORD}",
            f"an entry of a file locator, 8 digits, is expected, or {SIGNATURE_RECORD}",
        ) from None
    return bytes(entry).hex().upper()


Tag = Annotated[int, BeforeValidator(_tag), PlainSerializer(lambda tag: f"{tag:02X}")]
Value = Annotated[str, BeforeValidator(_value)]
Values = Annotated[
    dict[int, Value],
    BeforeValidator(_tagged),
    PlainSerializer(lambda values: {f"{tag:02X}": value for tag, value in values.items()}),
]
"""Values by tag."""
LocatorEntry = Annotated[str, BeforeValidator(_locator_entry)]


class PlannedPath(Strict):
    """One way through a transaction."""

    aip: HexBytes = Field(min_length=2, max_length=2)
    locator: dict[Algorithm, tuple[LocatorEntry, ...]]
    """Entries of the AFL, with 3DES and RSA, and with SM4 and SM2."""
    discretionary: HexBytes = b""
    """What follows the eight fixed bytes of the issuer data: length, identifier, room."""

    def ranges(self, algorithm: Algorithm, signature_record: int | None) -> tuple[Range, ...]:
        """The AFL with keys of an algorithm; empty where the way has none with them.

        ``signature_record`` is SFI and number of the record with 9F4B, None where there is none.
        """
        entries = self.locator.get(algorithm, ())
        if signature_record is None:
            extra = ""
        else:
            sfi, number = divmod(signature_record, 0x100)
            extra = bytes(Range(sfi, number, number)).hex()
        text = "".join(extra if entry == SIGNATURE_RECORD else entry for entry in entries)
        return parse_locator(bytes.fromhex(text)) if text else ()


class GroupModel(Strict):
    """One data group."""

    dgi: Annotated[str, BeforeValidator(_group)]
    """Number, or name of a setting of ``numbers``."""
    tags: tuple[Tag, ...] = ()
    """In their order in the group; one whose value a card has not is left out."""
    values: Values = Field(default={})
    """Where they differ from those of the plan."""
    path: TransactionPath | None = None
    """Way whose AIP, AFL, issuer data or signatures stand in the group, if any."""
    algorithm: Algorithm | None = None
    """Where it is only there on cards with this algorithm."""

    @model_validator(mode="after")
    def _check(self) -> GroupModel:
        if bool(self.tags) == (self.dgi in get_args(SecretGroup)):
            raise Unusable(
                f"{self.dgi} 应有标签，密钥与 PIN 组则不应有",
                f"{self.dgi}: a group has tags, one of keys or a PIN has none",
            )
        return self


class Holding(Strict):
    """How holder and account are written down."""

    name_form: Literal["gbk", "latin"] = "gbk"
    """The name in Chinese characters, or in Latin letters ``SURNAME/GIVEN`` (ref 04 §3.2)."""
    long_name: Literal["whole", "rest"] = "whole"
    """Where a name of 27-45 bytes goes: all of it to 9F0B, which then stands instead of 5F20 (ref
    04 §7.11), or what 5F20 has no room for, 1-19 bytes (ref 15 §3.5)."""
    id_types: dict[str, HexByte] = Field(default={"01": 0x00})
    """Document type of the holder's record (AAC058) to 9F62 (ref 15 §3.5)."""
    other_id_type: HexByte = 0x05
    """9F62 of every other type: 05, other."""
    service_code: str = Field(default="220", pattern=r"[0-9]{3}")
    """In track 2 and in 5F30."""
    track2_digits: int = Field(default=37, ge=0, le=37)
    """Digits that track 2 is filled to with zeros; the bank may give its own (ref 04 §3.2)."""
    years: int = Field(default=10, ge=1, le=30)
    """Validity of the application: until the end of that month."""
    sequence: int = Field(default=1, ge=0, le=99)
    """PAN sequence number, where the bank gives none."""
    initial_pin: str = Field(default="000000", pattern=r"[0-9]{4,12}")
    """Offline PIN, where the bank gives none (ref 04 §7.7)."""
    pin_tries: HexByte = 0x03


class Signing(Strict):
    """Certificates and signatures of the card's data."""

    algorithms: tuple[Algorithm, ...] = Field(default=("3des",), min_length=1)
    """Keys of the card: 3DES and RSA, SM4 and SM2, or both (ref 04 §1.3)."""
    rsa_bits: int = Field(default=1152, ge=1024, le=1984, multiple_of=8)
    """Length of the card's RSA key (ref 15 §8.2); of more than 1024 bits, the signature of a
    contactless payment comes with a record (ref 15 §3.6)."""
    exponent: Literal[3, 65537] = 3
    """Public exponent of the card's RSA key."""
    authentication_code: HexWord = 0xDAC0
    """Data authentication code, 9F45, in the static signature (ref 04 §6.9)."""
    derivation_index: HexByte = 0x00
    """Index of the bank's master keys in 9F10 (ref 04 §6.7)."""
    cryptogram_version: HexByte = 0x01
    """CVN in 9F10: 01, or 17 (ref 04 §6.4)."""


class DataPlan(Strict):
    """All that data preparation writes on a card of this profile (ref 04 §7.5, §7.8)."""

    holding: Holding = Holding()
    signing: Signing = Signing()
    paths: dict[TransactionPath, PlannedPath] = Field(default={})
    """The ways that a card knows."""
    values: Values = Field(default={})
    """Of all tags that have one value wherever they stand."""
    payment: tuple[GroupModel, ...] = ()
    """Groups of the payment application, in the order in which the card gets them."""
    pse: tuple[GroupModel, ...] = ()
    ppse: tuple[GroupModel, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> DataPlan:
        for instance in (self.payment, self.pse, self.ppse):
            if instance and instance[-1].dgi in ENCIPHERED:
                raise Unusable(
                    f"{instance[-1].dgi} 以密文发送，不能是最后一组",
                    f"{instance[-1].dgi} is sent enciphered and cannot be the last group",
                )
            for group in instance:
                self._check_values(group)
        for path in self.paths:
            for algorithm in self.paths[path].locator:
                self._check_records(path, algorithm)
        return self

    def _check_values(self, group: GroupModel) -> None:
        missing = [tag for tag in group.tags if tag not in group.values and tag not in self.values]
        if missing:
            tags = ", ".join(f"{tag:X}" for tag in missing)
            raise Unusable(f"{group.dgi}：标签 {tags} 没有值", f"{group.dgi}: no value for {tags}")
        names = {self.value(group, tag).removeprefix("@") for tag in group.tags}
        if names & OF_PATH and group.path is None:
            raise Unusable(f"{group.dgi} 缺少 path", f"{group.dgi}: path is missing")
        if names & OF_ALGORITHM and group.algorithm is None:
            raise Unusable(f"{group.dgi} 缺少 algorithm", f"{group.dgi}: algorithm is missing")

    def _check_records(self, path: TransactionPath, algorithm: Algorithm) -> None:
        """Whether the records of a way are there, and none that is signed holds a signature."""
        for sfi, number, signed in records(self.paths[path].ranges(algorithm, None)):
            dgi = f"{sfi:02X}{number:02X}"
            group = self.record(dgi, algorithm)
            if group is None:
                raise Unusable(
                    f"{path} 的 AFL 所列记录 {dgi} 没有数据分组",
                    f"the AFL of {path} names the record {dgi}, which no group fills",
                )
            names = {self.value(group, tag).removeprefix("@") for tag in group.tags}
            if signed and names & SIGNED:
                raise Unusable(
                    f"{path}：记录 {dgi} 中的签名不能覆盖自身",
                    f"{path}: a signature in the record {dgi} cannot cover itself",
                )

    def record(self, dgi: str, algorithm: Algorithm) -> GroupModel | None:
        """The group that a record of the payment application is made of."""
        fitting = (group for group in self.payment if group.dgi == dgi)
        return next((g for g in fitting if g.algorithm in (None, algorithm)), None)

    def value(self, group: GroupModel, tag: int) -> str:
        """The value of a tag of a group: hexadecimal digits, or ``@name``."""
        return group.values[tag] if tag in group.values else self.values[tag]
