"""Checks: the sample files, and each rule on a row that breaks only this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.support.profiles import without_certificates

from sscard_ic.base import FixedClock
from sscard_ic.base.errors import InputError
from sscard_ic.codec.check_digits import id_check_character
from sscard_ic.issuance.checks import CheckReport, batch_date_of, check_file, ordered_reasons
from sscard_ic.ledger import Order
from sscard_ic.profile import CardProfile, ImportFormat, load
from sscard_ic.profile.region import BatchRules

Formats = Mapping[str, ImportFormat]
Check = Callable[..., CheckReport]
Rows = list[dict[str, str]]
DAY = date(2026, 11, 21)
ADULT, INFANT, CHILD = 0, 12, 15
"""Rows of the sample: 34, 1 and 12 years."""


@pytest.fixture
def check(
    formats: Formats, dalian: CardProfile, photos: Path, write_batch: Callable[..., Path]
) -> Check:
    """Checks the given rows of a Dalian batch."""

    def run(rows: Rows, profile: CardProfile = dalian) -> CheckReport:
        return check_file(write_batch(rows), profile, formats, photos=photos)

    return run


def reasons(report: CheckReport) -> list[tuple[int, str, str]]:
    return [
        (checked.row.number, found.field, found.reason)
        for checked in report.rows
        for found in checked.reasons
    ]


@pytest.mark.parametrize(
    ("name", "profile", "rows"),
    [
        ("dalian-210200-20261121-001.csv", "dalian", 200),
        ("dalian-210200-20261121-001.bank.txt", "dalian", 50),
        ("urumqi-650100-20261121-001.csv", "urumqi", 200),
    ],
)
def test_the_good_samples_are_accepted(
    batches: Path, formats: Formats, name: str, profile: str, rows: int
) -> None:
    report = check_file(batches / name, load(profile), formats)

    assert reasons(report) == []
    assert (report.accepted, report.batch_date) == (rows, DAY)
    with_photo = [checked for checked in report.rows if checked.row.fields["PHOTO"]]
    assert all(checked.photo and checked.photo.is_file() for checked in with_photo)


def test_the_defects_are_found_exactly(
    batches: Path, formats: Formats, dalian: CardProfile, clock: FixedClock
) -> None:
    expected = [
        (int(row), reason)
        for row, reason in (
            line.split("\t")
            for line in (batches / "dalian-defects.expected.tsv").read_text().splitlines()
        )
    ]
    report = check_file(batches / "dalian-defects.csv", dalian, formats, clock=clock)

    assert [(row, reason) for row, _, reason in reasons(report)] == expected
    assert [checked.row.number for checked in report.rows if not checked.reasons] == [15, 16]
    assert reasons(report)[-1] == (14, "GUARDIAN_NAME", "minor without guardian")
    assert report.to_json("zh")["accepted"] == 2
    assert report.to_json("zh")["refused"][0] == {
        "row": 1,
        "seq": "1",
        "field": "AAC002",
        "reason": "AAC002 check character wrong",
        "message": "社会保障号码（AAC002）校验码错误",
    }


BROKEN = [
    (ADULT, {"SEQ": ""}, ["SEQ empty"]),
    (ADULT, {"SEQ": "1a"}, ["SEQ is not a sequence number"]),
    (ADULT, {"AAB301": ""}, ["AAB301 empty"]),
    (ADULT, {"AAZ500": ""}, ["AAZ500 empty"]),
    (ADULT, {"AAZ500": "d00000013"}, ["AAZ500 is not a card number"]),
    (ADULT, {"AAZ500": "D0000001"}, ["AAZ500 is not a card number"]),
    (ADULT, {"AAZ500": "D0000001-3"}, ["AAZ500 is not a card number"]),
    (ADULT, {"AAC002": ""}, ["AAC002 empty"]),
    (ADULT, {"AAC002": "21029919921003345"}, ["AAC002 is not a number of 18 characters"]),
    (ADULT, {"AAC002": "21029919921003345x"}, ["AAC002 is not a number of 18 characters"]),
    (ADULT, {"AAC003": "宋\x07轩"}, ["AAC003 holds a control character"]),
    (ADULT, {"AAC010": "1\u0085号"}, ["AAC010 holds a control character"]),
    (ADULT, {"AAC004": ""}, ["AAC004 empty"]),
    (ADULT, {"AAC004": "3"}, ["AAC004 not a code of table T13"]),
    (ADULT, {"AAC005": ""}, ["AAC005 empty"]),
    (ADULT, {"AAC005": "1"}, ["AAC005 not a nation code"]),
    (ADULT, {"AAC006": ""}, ["AAC006 empty"]),
    (ADULT, {"AAC006": "1992-10-03"}, ["AAC006 is not a date"]),
    (ADULT, {"AAC025": "2102"}, ["AAC025 is not a division code"]),
    (ADULT, {"AAC058": ""}, ["AAC058 empty"]),
    (ADULT, {"AAC058": "A"}, ["AAC058 is not a document type"]),
    (ADULT, {"AAC009": "99"}, ["AAC009 not a code of table T16"]),
    (ADULT, {"AAC010": "号" * 41}, ["AAC010 longer than 80 bytes in GB18030"]),
    (ADULT, {"AAC010": "𬭛" * 21}, ["AAC010 longer than 80 bytes in GB18030"]),
    (ADULT, {"AAC067": "none"}, ["AAC067 is not a telephone"]),
    (ADULT, {"AAC067": "0411-88880000-12345"}, ["AAC067 longer than 15 bytes in GB18030"]),
    (ADULT, {"AAC161": "China"}, ["AAC161 is not a country code"]),
    (ADULT, {"AAE008": "ICBC"}, ["AAE008 is not a bank code"]),
    (ADULT, {"PAN": ""}, ["PAN empty"]),
    (ADULT, {"PAN": "8888 8058 8000 0000 0010"}, ["PAN is not a bank card number"]),
    (ADULT, {"PHOTO": ""}, ["PHOTO empty"]),
    (
        ADULT,
        {"PHOTO": "../photos/portrait-01.jpg"},
        ["PHOTO is not a path inside the photo folder"],
    ),
    (ADULT, {"PHOTO": "/etc/passwd"}, ["PHOTO is not a path inside the photo folder"]),
    (ADULT, {"PHOTO": "C:\\photo.jpg"}, ["PHOTO is not a path inside the photo folder"]),
    (ADULT, {"PHOTO": ".."}, ["PHOTO is not a path inside the photo folder"]),
    (INFANT, {"GUARDIAN_NAME": ""}, ["GUARDIAN_NAME empty"]),
    (INFANT, {"GUARDIAN_PHONE": ""}, ["GUARDIAN_PHONE empty"]),
    (INFANT, {"GUARDIAN_PHONE": "?"}, ["GUARDIAN_PHONE is not a telephone"]),
    (INFANT, {"GUARDIAN_ID": ""}, ["GUARDIAN_ID empty"]),
    (INFANT, {"GUARDIAN_ID": "210299198202130495"}, ["GUARDIAN_ID check character wrong"]),
    (INFANT, {"GUARDIAN_NAME": "提" * 26}, ["GUARDIAN_NAME longer than 50 bytes in GB18030"]),
    (INFANT, {"PHOTO": "missing.jpg"}, ["PHOTO file missing"]),
    (CHILD, {"PHOTO": ""}, ["PHOTO empty"]),
    (
        ADULT,
        {"AAC003": "", "AAZ500": "D00000014", "PAN": "8888805880000000011"},
        ["AAC003 empty", "AAZ500 check character wrong", "PAN check digit wrong"],
    ),
]


@pytest.mark.parametrize(("number", "change", "expected"), BROKEN)
def test_each_rule_refuses_its_row(
    check: Check, sample_rows: Rows, number: int, change: dict[str, str], expected: list[str]
) -> None:
    report = check([{**sample_rows[number], **change}])

    assert [reason for _, _, reason in reasons(report)] == expected
    for found in report.rows[0].reasons:
        assert found.message.zh and found.message.en
        assert any("\u4e00" <= character <= "\u9fff" for character in found.message.zh)
        assert found.field in change
        for value in change.values():
            assert len(value) < 9 or value not in str(found), "values stay out of reasons"


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (ADULT, {"AAC003": "阿卜杜热西提·买买提依明·图尔荪江古丽"}),
        (ADULT, {"AAC003": "㑇䶮〇"}),
        (ADULT, {"AAC004": "9"}),
        (ADULT, {"AAC067": "0411-88880000"}),
        (ADULT, {"AAC009": "", "AAC010": "", "AAC067": "", "AAC161": "", "AAE008": ""}),
        (INFANT, {"PHOTO": "portrait-01.jpg"}),
    ],
)
def test_unusual_but_right(
    check: Check, sample_rows: Rows, number: int, change: dict[str, str]
) -> None:
    assert reasons(check([{**sample_rows[number], **change}])) == []


def test_whatever_a_card_cannot_take_is_refused(
    check: Check, sample_rows: Rows, dalian: CardProfile
) -> None:
    """A profile may send any field to any item: here the address to one of digits."""
    directories = dict(dalian.structure.directories)
    file = directories["DF01"].files["EF06"]
    items = tuple(
        item.model_copy(update={"source": "AAE006"}) if item.tag == 0x24 else item
        for item in file.items
    )
    files = {**directories["DF01"].files, "EF06": file.model_copy(update={"items": items})}
    directories["DF01"] = directories["DF01"].model_copy(update={"files": files})
    structure = dalian.structure.model_copy(update={"directories": directories})

    report = check(sample_rows[:1], replace(dalian, structure=structure))
    assert reasons(report) == [(1, "AAE006", "AAE006 cannot be written to the card")]


def citizen(birth: str) -> dict[str, str]:
    """Number and date of birth of a boy born on ``birth``."""
    body = f"210299{birth}001"
    return {"AAC002": body + id_check_character(body), "AAC006": birth, "AAC004": "1"}


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        ("20261122", ["AAC006 is after the date of the batch", "minor without guardian"]),
        ("20261121", ["minor without guardian"]),
        ("20191122", ["minor without guardian"]),
        ("20191121", ["PHOTO empty", "minor without guardian"]),
        ("20101122", ["PHOTO empty", "minor without guardian"]),
        ("20101121", ["PHOTO empty"]),
    ],
)
def test_ages_count_on_the_day_of_the_batch(
    check: Check, sample_rows: Rows, birth: str, expected: list[str]
) -> None:
    report = check([{**sample_rows[ADULT], **citizen(birth), "PHOTO": ""}])
    assert [reason for _, _, reason in reasons(report)] == expected


def test_the_ages_are_the_region_s(check: Check, sample_rows: Rows, dalian: CardProfile) -> None:
    assert dalian.region is not None
    rules = BatchRules(photo_from_age=40, guardian_below_age=1)
    strict = replace(dalian, region=dalian.region.model_copy(update={"batch": rules}))
    infant = {f"GUARDIAN_{part}": "" for part in ("NAME", "ID", "PHONE")}
    rows = [{**sample_rows[ADULT], "PHOTO": ""}, {**sample_rows[INFANT], **infant}]

    assert reasons(check(rows, strict)) == []


def test_foreigners_are_checked_for_the_form_of_their_number_only(
    check: Check, sample_rows: Rows
) -> None:
    foreigner = {**sample_rows[9], "AAC006": "19850101", "AAC004": "2"}
    assert foreigner["AAC058"] == "07" and foreigner["AAC005"] == ""

    assert reasons(check([foreigner])) == []
    wrong = foreigner["AAC002"][:17] + "X"
    assert reasons(check([{**foreigner, "AAC002": wrong}])) == [
        (1, "AAC002", "AAC002 check character wrong")
    ]


def test_numbers_that_rows_share(check: Check, sample_rows: Rows) -> None:
    first, second, third, fourth = (dict(row) for row in sample_rows[:4])
    second["PAN"] = third["PAN"] = first["PAN"]
    fourth["AAZ500"] = first["AAZ500"]

    assert reasons(check([first, second, third, fourth])) == [
        (1, "AAZ500", "AAZ500 used twice in this file (rows 1 and 4)"),
        (1, "PAN", "PAN used twice in this file (rows 1, 2 and 3)"),
        (2, "PAN", "PAN used twice in this file (rows 1, 2 and 3)"),
        (3, "PAN", "PAN used twice in this file (rows 1, 2 and 3)"),
        (4, "AAZ500", "AAZ500 used twice in this file (rows 1 and 4)"),
    ]
    second = {**sample_rows[1], **{code: first[code] for code in ("AAC002", "AAC004", "AAC006")}}
    assert reasons(check([first, second])) == [
        (row, "AAC002", "AAC002 used twice in this file (rows 1 and 2)") for row in (1, 2)
    ]


def test_a_row_with_other_columns_is_refused_alone(
    check: Check, sample_rows: Rows, photos: Path
) -> None:
    report = check(sample_rows[:3])
    path = report.file.path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"2,210200\r\n", *lines[3:]]))

    again = check_file(path, report.profile, {"f": report.file.format}, photos=photos)
    assert reasons(again) == [(2, "", "row has 2 columns instead of 21")]
    assert again.to_json("en")["refused"][0]["seq"] == "2"


def test_numbers_ordered_before(check: Check, sample_rows: Rows) -> None:
    report = check(sample_rows[:3])
    found = ordered_reasons(report, {sample_rows[1]["AAZ500"]: Order("batch-7", 12)})

    assert reasons(report.refusing(found)) == [
        (2, "AAZ500", "AAZ500 already ordered in batch batch-7 row 12")
    ]


def test_photos_are_found_beside_the_file(
    formats: Formats,
    dalian: CardProfile,
    photos: Path,
    sample_rows: Rows,
    tmp_path: Path,
    write_batch: Callable[..., Path],
) -> None:
    path = write_batch([{**sample_rows[ADULT], "PHOTO": "sub/me.jpg"}])
    assert reasons(check_file(path, dalian, formats)) == [(1, "PHOTO", "PHOTO file missing")]
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "photos" / "sub" / "me.jpg").write_bytes((photos / "portrait-01.jpg").read_bytes())

    report = check_file(path, dalian, formats)
    assert reasons(report) == []
    assert report.rows[0].photo == (tmp_path / "photos" / "sub" / "me.jpg").resolve()


def test_the_day_of_a_batch(clock: FixedClock) -> None:
    def day(name: str) -> date:
        return batch_date_of(Path(name), clock)

    assert day("dalian-210200-20250203-001.bank.txt") == date(2025, 2, 3)
    assert day("batch-20250203.csv") == date(2025, 2, 3)
    assert day("batch-20251399-20250203.csv") == date(2025, 2, 3)
    assert day("batch-20251399.csv") == day("batch-202502031.csv") == DAY


def test_a_national_profile_is_no_region(batches: Path, formats: Formats) -> None:
    with pytest.raises(InputError, match="no issuing region"):
        check_file(batches / "dalian-defects.csv", load("2.00"), formats)


def test_holders_whom_no_authority_could_be_told_are_refused(
    batches: Path, formats: Formats, photos: Path, write_batch: Callable[..., Path]
) -> None:
    """Before a blank is spent on them; where cards bear no certificates nobody is told anything."""
    profile = load("urumqi")
    sample = check_file(batches / "urumqi-650100-20261121-001.csv", profile, formats)
    path = write_batch([{**sample.rows[0].row.fields, "AAC002": ""}])
    careless = {
        name: form.model_copy(update={"required": ("SEQ", "AAC003", "AAZ500")})
        for name, form in formats.items()
    }
    refusal = (1, "AAC002", "AAC002 cannot be told to a certificate authority")
    assert reasons(check_file(path, profile, careless, photos=photos)) == [refusal]
    without = without_certificates(profile)
    assert reasons(check_file(path, without, careless, photos=photos)) == []
