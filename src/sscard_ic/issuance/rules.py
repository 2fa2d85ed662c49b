"""What a row must satisfy; each rule looks at one thing and yields its reasons (ref 05 §6, 13 §8).

The phrases of the reasons are stable: programs compare them. They never hold a value of the row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from sscard_ic.base.errors import InputError, Text
from sscard_ic.codec.check_digits import is_card_number, is_id_number, is_luhn
from sscard_ic.codec.dates import age_on, parse_date
from sscard_ic.codec.text import ENCODING, split_name
from sscard_ic.hosts.certificate_authority import usable_holder
from sscard_ic.issuance.fields import title
from sscard_ic.issuance.photo import PhotoError
from sscard_ic.ledger import Reason
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import Item
from sscard_ic.profile.values import encode

NATIONAL = "01"
"""AAC058 of Chinese nationals: resident ID card or household register (ref 05 §7.4)."""

_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_CARD_NUMBER = re.compile(r"[A-Z][0-9A-Z]{7}[0-9X]")
_FORMS: dict[str, tuple[re.Pattern[str], Text]] = {
    "SEQ": (re.compile(r"[0-9]{1,10}"), Text("不是序号", "is not a sequence number")),
    "AAC025": (re.compile(r"[0-9]{6}"), Text("不是行政区划代码", "is not a division code")),
    "AAC058": (re.compile(r"[0-9]{2}"), Text("不是证件类型代码", "is not a document type")),
    "AAC161": (re.compile(r"[A-Z]{3}"), Text("不是国家代码", "is not a country code")),
    "AAE008": (re.compile(r"[0-9]{3,6}"), Text("不是银行代码", "is not a bank code")),
    "AAC067": (re.compile(r"\+?[0-9][0-9-]{4,13}"), Text("不是电话号码", "is not a telephone")),
}
_FORMS["GUARDIAN_PHONE"] = _FORMS["AAC067"]
_BANK_CARD_NUMBER = re.compile(r"[0-9]{12,19}")
_TABLE_PHRASES = {"T14": Text("不是民族代码", "not a nation code")}

_EMPTY = Text("为空", "empty")
_CHECK_CHARACTER = Text("校验码错误", "check character wrong")
_NOT_ID_NUMBER = Text("不是 18 位号码", "is not a number of 18 characters")
_NO_CERTIFICATE = Text("不能用于申请证书", "cannot be told to a certificate authority")
_NOT_DATE = Text("不是有效日期", "is not a date")
_CONTRADICTS_ID = Text("与社会保障号码（AAC002）不符", "contradicts AAC002")


@dataclass(frozen=True)
class CardFields:
    """What the profile says about the fields that go to the card as they are."""

    items: tuple[tuple[str, Item], ...]
    name_bytes: tuple[int, int]
    """Lengths of 姓名 and 姓名扩展; the latter 0 when the card has none."""

    @classmethod
    def of(cls, profile: CardProfile) -> CardFields:
        """Gathered from the items with a source."""
        found: dict[str, list[Item]] = {}
        for located in profile.places:
            if located.item.source:
                found.setdefault(located.item.source, []).append(located.item)
        length = {source: items[0].length for source, items in found.items()}
        return cls(
            tuple(
                (source, item)
                for source, items in found.items()
                if not source.startswith("@")
                for item in items
            ),
            (length.get("@name", 0), length.get("@name_extension", 0)),
        )


@dataclass(frozen=True)
class RowContext:
    """One row with everything the rules need."""

    fields: dict[str, str]
    format: ImportFormat
    profile: CardProfile
    region: Region
    card_fields: CardFields
    batch_date: date
    find_photo: Callable[[str], object] = field(repr=False)
    """Raises :class:`PhotoError` for a photo that cannot be used."""

    def __getitem__(self, code: str) -> str:
        return self.fields.get(code, "")

    @cached_property
    def birth(self) -> date | None:
        """Date of birth; None when it is not a date."""
        try:
            return parse_date(self["AAC006"])
        except ValueError:
            return None

    @property
    def age(self) -> int | None:
        """Completed years on the day of the batch."""
        return age_on(self.birth, self.batch_date) if self.birth else None

    @property
    def is_national(self) -> bool:
        """Whether the holder is a Chinese national."""
        return self["AAC058"] == NATIONAL

    @property
    def is_minor(self) -> bool:
        """Whether a guardian must act for the holder."""
        return self.age is not None and self.age < self.region.batch.guardian_below_age


Rule = Callable[[RowContext], Iterator[Reason]]


def reason(code: str, phrase: Text) -> Reason:
    """``phrase`` about field ``code``."""
    name = title(code)
    message = Text(f"{name.zh}（{code}）{phrase.zh}", f"{name.en} ({code}) {phrase.en}")
    return Reason(code, f"{code} {phrase.en}", message)


def required(row: RowContext) -> Iterator[Reason]:
    """Fields that may not be empty; the nation may for foreigners."""
    wanted = [*row.format.required, *(["AAC005"] if row.is_national else [])]
    for code in dict.fromkeys(wanted):
        if not row[code]:
            yield reason(code, _EMPTY)


def region(row: RowContext) -> Iterator[Reason]:
    """The region is that of the profile."""
    if row["AAB301"] and row["AAB301"] != row.region.issuer.division_code:
        yield reason("AAB301", Text("不是本批次的地区", "is not the region of this batch"))


def card_number(row: RowContext) -> Iterator[Reason]:
    """Form and check character of the card number (ref 01 §9.3)."""
    number = row["AAZ500"]
    if number and not _CARD_NUMBER.fullmatch(number):
        yield reason("AAZ500", Text("不是社保卡号", "is not a card number"))
    elif number and not is_card_number(number):
        yield reason("AAZ500", _CHECK_CHARACTER)


def id_numbers(row: RowContext) -> Iterator[Reason]:
    """Form and check character of holder's and guardian's number (ref 01 §9.2)."""
    for code in ("AAC002", "GUARDIAN_ID"):
        number = row[code]
        if number and not _ID_NUMBER.fullmatch(number):
            yield reason(code, _NOT_ID_NUMBER)
        elif number and not is_id_number(number):
            yield reason(code, _CHECK_CHARACTER)


def birth_date(row: RowContext) -> Iterator[Reason]:
    """A date, not in the future, and digits 7-14 of a national's number."""
    if not row["AAC006"]:
        return
    if row.birth is None:
        yield reason("AAC006", _NOT_DATE)
    elif row.birth > row.batch_date:
        yield reason("AAC006", Text("晚于批次日期", "is after the date of the batch"))
    elif _speaks(row) and row["AAC002"][6:14] != row["AAC006"]:
        yield reason("AAC006", _CONTRADICTS_ID)


def sex(row: RowContext) -> Iterator[Reason]:
    """Digit 17 of a national's number: odd male, even female (ref 05 §7.3)."""
    if row["AAC004"] in ("1", "2") and _speaks(row):
        male = int(row["AAC002"][16]) % 2 == 1
        if male != (row["AAC004"] == "1"):
            yield reason("AAC004", _CONTRADICTS_ID)


def _speaks(row: RowContext) -> bool:
    """Whether the number says anything about birth and sex: a national's of the right form."""
    return row.is_national and bool(_ID_NUMBER.fullmatch(row["AAC002"]))


def bank_card_number(row: RowContext) -> Iterator[Reason]:
    """Digits with a Luhn check digit; needed for cards with a bank's application.

    A card that comes from the bank may be told by the prefixes of the region instead.
    """
    number = row["PAN"]
    mode = row.profile.structure.bank_application
    told = mode == "none" or (mode == "present" and row.region.bank.prefixes)
    if not number and not told:
        yield reason("PAN", Text("为空", "is empty"))
    if number and not _BANK_CARD_NUMBER.fullmatch(number):
        yield reason("PAN", Text("不是银行卡号", "is not a bank card number"))
    elif number and not is_luhn(number):
        yield reason("PAN", Text("校验位错误", "check digit wrong"))


def forms(row: RowContext) -> Iterator[Reason]:
    """Fields with a fixed form."""
    for code, (pattern, phrase) in _FORMS.items():
        if row[code] and not pattern.fullmatch(row[code]):
            yield reason(code, phrase)


def codes(row: RowContext) -> Iterator[Reason]:
    """Values of closed code tables (ref 01 §5)."""
    for code, item in row.card_fields.items:
        table = row.profile.codes.get(item.codes or "")
        if table is None or table.open or not row[code]:
            continue
        if table.meaning(row[code]) is None:
            unknown = Text(f"不在代码表 {item.codes} 中", f"not a code of table {item.codes}")
            yield reason(code, _TABLE_PHRASES.get(item.codes or "", unknown))


def lengths(row: RowContext) -> Iterator[Reason]:
    """Text that is longer in GB18030 than its item; a character is never cut (ref 13 §8)."""
    for code, item in row.card_fields.items:
        if item.format == "an" and len(row[code].encode(ENCODING, "replace")) > item.length:
            yield reason(code, _too_long(item.length))
    try:
        first, second = row.card_fields.name_bytes
        split_name(row["AAC003"], first, second, row.region.card.name_split)
    except ValueError:
        yield reason("AAC003", _too_long(first + second))


def _too_long(length: int) -> Text:
    return Text(f"的 GB18030 编码超过 {length} 字节", f"longer than {length} bytes in GB18030")


def printable(row: RowContext) -> Iterator[Reason]:
    """Control characters would cut a text short on the card."""
    for code, value in row.fields.items():
        if any(unicodedata.category(character) == "Cc" for character in value):
            yield reason(code, Text("含有控制字符", "holds a control character"))


def photo(row: RowContext) -> Iterator[Reason]:
    """From a certain age a photo; any that is named must be usable (ref 05 §6, §8.3)."""
    if not row["PHOTO"]:
        if row.age is not None and row.age >= row.region.batch.photo_from_age:
            yield reason("PHOTO", _EMPTY)
        return
    try:
        row.find_photo(row["PHOTO"])
    except PhotoError as error:
        yield reason("PHOTO", Text(error.what.zh, error.reason))


def guardian(row: RowContext) -> Iterator[Reason]:
    """Below a certain age a guardian with number and telephone (ref 05 §6)."""
    if not row.is_minor:
        return
    codes_ = ("GUARDIAN_NAME", "GUARDIAN_ID", "GUARDIAN_PHONE")
    if not any(row[code] for code in codes_):
        limit = row.region.batch.guardian_below_age
        yield Reason(
            "GUARDIAN_NAME",
            "minor without guardian",
            Text(f"未满 {limit} 周岁但无监护人", f"minor (below {limit}) without guardian"),
        )
        return
    for code in codes_:
        if not row[code]:
            yield reason(code, _EMPTY)


def writable(row: RowContext) -> Iterator[Reason]:
    """Whatever else a card could not take, so that preparing an accepted row cannot fail."""
    for code, item in row.card_fields.items:
        try:
            encode(item, row[code])
        except InputError as error:
            yield Reason(
                code,
                f"{code} cannot be written to the card",
                Text(
                    f"{title(code).zh}（{code}）无法写入卡片：{error.what.zh}",
                    f"{title(code).en} ({code}) cannot be written to the card: {error.what.en}",
                ),
            )


def certificates(row: RowContext) -> Iterator[Reason]:
    """What an authority is told of the holder of a card with certificates (ref 05 §4.2)."""
    if row.profile.structure.certificates is None:
        return
    codes_ = ("AAC003", "AAZ500", "AAC002")
    usable = usable_holder(*(row[code] for code in codes_)).values()
    for code, good in zip(codes_, usable, strict=True):
        if not good:
            yield reason(code, _NO_CERTIFICATE)


ROW_RULES: tuple[Rule, ...] = (
    required,
    region,
    card_number,
    id_numbers,
    birth_date,
    sex,
    codes,
    lengths,
    bank_card_number,
    forms,
    printable,
    photo,
    guardian,
    writable,
    certificates,
)


def row_reasons(row: RowContext) -> list[Reason]:
    """The reasons to refuse ``row``: for each field the first that a rule finds."""
    found: dict[str, Reason] = {}
    for rule in ROW_RULES:
        for result in rule(row):
            found.setdefault(result.field, result)
    return list(found.values())
