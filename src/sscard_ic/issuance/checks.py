"""Checking a holder file: every row is accepted, or refused with its reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import InputError, Language, Text
from sscard_ic.codec.dates import parse_date
from sscard_ic.issuance.photo import PhotoError, PhotoFolders, PhotoLimits, check_photo
from sscard_ic.issuance.reading import HolderFile, Row, read_holder_file
from sscard_ic.issuance.rules import CardFields, RowContext, reason, row_reasons
from sscard_ic.ledger import Order, Reason
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.region import Region

UNIQUE_FIELDS = ("AAZ500", "AAC002", "PAN")
"""Numbers that no two rows of a file may share."""

_DATE_IN_NAME = re.compile(r"-([0-9]{8})(?![0-9])")


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row with the reasons to refuse it, if any, and the file of its photo, if any."""

    row: Row
    reasons: tuple[Reason, ...]
    photo: Path | None

    @property
    def card_number(self) -> str:
        """The ordered card number."""
        return self.row.fields.get("AAZ500", "")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the checks found in a file."""

    file: HolderFile
    profile: CardProfile
    batch_date: date
    rows: tuple[CheckedRow, ...]

    @property
    def accepted(self) -> int:
        """Number of accepted rows."""
        return sum(not row.reasons for row in self.rows)

    @property
    def refused(self) -> tuple[CheckedRow, ...]:
        """The refused rows."""
        return tuple(row for row in self.rows if row.reasons)

    def refusing(self, more: Mapping[int, Reason]) -> CheckReport:
        """The same report with ``more`` reasons by row number."""
        rows = tuple(
            replace(checked, reasons=(*checked.reasons, more[checked.row.number]))
            if checked.row.number in more
            else checked
            for checked in self.rows
        )
        return replace(self, rows=rows)

    def to_json(self, language: Language) -> dict[str, Any]:
        """``accepted`` and one entry for each reason of each refused row."""
        refused = [
            {
                "row": checked.row.number,
                "seq": checked.row.seq,
                "field": found.field,
                "reason": found.reason,
                "message": found.message.to(language),
            }
            for checked in self.refused
            for found in checked.reasons
        ]
        return {"accepted": self.accepted, "refused": refused}


def region_of(profile: CardProfile) -> Region:
    """The region's rules; raises :class:`InputError` for a national profile."""
    if profile.region is None:
        raise InputError(
            Text(
                "该配置没有发卡地区，不能用于批次",
                "the profile has no issuing region: batches need one",
            ),
            where=profile.name,
            hint=Text("请选择地区配置，如 dalian", "choose the profile of a region, e.g. dalian"),
        )
    return profile.region


def batch_date_of(path: Path, clock: Clock) -> date:
    """The day in the file name (``…-YYYYMMDD-…``), else today."""
    for found in _DATE_IN_NAME.finditer(path.name):
        try:
            return parse_date(found.group(1))
        except ValueError:
            continue
    return clock.today()


def check_file(
    path: Path,
    profile: CardProfile,
    formats: Mapping[str, ImportFormat],
    *,
    batch_date: date | None = None,
    photos: Path | None = None,
    clock: Clock | None = None,
) -> CheckReport:
    """Read and check ``path``; changes nothing.

    ``photos`` replaces the folders of the format. Raises :class:`InputError` when the file as a
    whole cannot be used.
    """
    region = region_of(profile)
    day = batch_date or batch_date_of(path, clock or SystemClock())
    file = read_holder_file(path, formats)
    folders = [photos] if photos else [path.parent / folder for folder in file.format.photos]
    checker = _Checker(file, profile, region, day, PhotoFolders(folders))
    doubles = _used_twice(file.rows)
    return CheckReport(
        file,
        profile,
        day,
        tuple(checker.check(row, doubles.get(row.number, ())) for row in file.rows),
    )


def ordered_reasons(report: CheckReport, ordered: Mapping[str, Order]) -> dict[int, Reason]:
    """For each row whose card number is in ``ordered``: that it was ordered before, and where."""
    found: dict[int, Reason] = {}
    for checked in report.rows:
        order = ordered.get(checked.card_number)
        if order:
            phrase = Text(
                f"已在批次 {order.batch} 第 {order.row} 行登记",
                f"already ordered in batch {order.batch} row {order.row}",
            )
            found[checked.row.number] = reason("AAZ500", phrase)
    return found


class _Checker:
    """Checks the rows of one file; a photo that many rows share is looked at once."""

    def __init__(
        self,
        file: HolderFile,
        profile: CardProfile,
        region: Region,
        batch_date: date,
        folders: PhotoFolders,
    ) -> None:
        self._file = file
        self._profile = profile
        self._region = region
        self._date = batch_date
        self._folders = folders
        self._limits = PhotoLimits(region.batch.photo_longest_side, region.batch.photo_max_bytes)
        self._card_fields = CardFields.of(profile)
        self._photos: dict[str, Path | PhotoError] = {}

    def check(self, row: Row, doubles: Iterable[Reason]) -> CheckedRow:
        """``row`` with all its reasons."""
        if row.columns != self._file.width:
            return CheckedRow(row, (_wrong_width(row.columns, self._file.width),), None)
        context = RowContext(
            fields=row.fields,
            format=self._file.format,
            profile=self._profile,
            region=self._region,
            card_fields=self._card_fields,
            batch_date=self._date,
            find_photo=self._find_photo,
        )
        found = (*row_reasons(context), *doubles)
        name = row.fields.get("PHOTO", "")
        usable = name and not any(result.field == "PHOTO" for result in found)
        return CheckedRow(row, found, self._find_photo(name) if usable else None)

    def _find_photo(self, name: str) -> Path:
        if name not in self._photos:
            try:
                path = self._folders.find(name)
                check_photo(path, self._limits)
                self._photos[name] = path
            except PhotoError as error:
                self._photos[name] = error
        known = self._photos[name]
        if isinstance(known, PhotoError):
            raise known
        return known


def _wrong_width(found: int, wanted: int) -> Reason:
    text = Text(f"有 {found} 列，应为 {wanted} 列", f"row has {found} columns instead of {wanted}")
    return Reason("", text.en, text)


def _used_twice(rows: Sequence[Row]) -> dict[int, list[Reason]]:
    """Row number → a reason for each of its numbers that another row bears too."""
    found: dict[int, list[Reason]] = {}
    for code in UNIQUE_FIELDS:
        for numbers in _shared(rows, code):
            for number in numbers:
                found.setdefault(number, []).append(reason(code, _twice(numbers)))
    return found


def _shared(rows: Sequence[Row], code: str) -> Iterator[list[int]]:
    places: dict[str, list[int]] = {}
    for row in rows:
        if value := row.fields.get(code):
            places.setdefault(value, []).append(row.number)
    return (numbers for numbers in places.values() if len(numbers) > 1)


def _twice(numbers: list[int]) -> Text:
    shown = [str(number) for number in numbers]
    zh = "、".join(shown[:-1]) + f" 和 {shown[-1]}"
    en = ", ".join(shown[:-1]) + f" and {shown[-1]}"
    return Text(f"在本文件中重复使用（第 {zh} 行）", f"used twice in this file (rows {en})")
