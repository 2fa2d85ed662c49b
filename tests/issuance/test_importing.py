"""Importing: what becomes a batch, and what changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from sscard_ic.base.errors import InputError
from sscard_ic.issuance.checks import CheckReport, check_file
from sscard_ic.issuance.holder import Holder
from sscard_ic.issuance.importing import import_file
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.profile import CardProfile, ImportFormat
from sscard_ic.profile.region import BatchRules

Check = Callable[..., CheckReport]
NAME = "dalian-210200-20261121-001"


@pytest.fixture
def check(batches: Path, formats: Mapping[str, ImportFormat], dalian: CardProfile) -> Check:
    def run(name: str, profile: CardProfile = dalian) -> CheckReport:
        return check_file(batches / name, profile, formats, batch_date=date(2026, 11, 21))

    return run


def test_a_file_becomes_a_batch_of_its_name(ledger: Ledger, check: Check, photos: Path) -> None:
    report = import_file(ledger, check(f"{NAME}.csv"))

    assert report.batch is not None and not report.already_imported
    assert (report.batch.name, report.batch.source_name) == (NAME, f"{NAME}.csv")
    assert (report.batch.profile, report.batch.rows) == ("regions/dalian", 200)
    cards = ledger.cards_of(NAME)
    holder = Holder.from_json(ledger.holder(cards[0].id))
    assert holder.fields["AAC003"] == "宋泽轩"
    assert holder.photo == str((photos / "portrait-02.jpg").resolve())
    assert Holder.from_json(ledger.holder(cards[12].id)).photo == ""


def test_refused_rows_are_kept_with_all_their_fields(ledger: Ledger, check: Check) -> None:
    report = import_file(ledger, check("dalian-defects.csv"))

    assert report.batch is not None
    assert ledger.counts("dalian-defects") == {CardState.REFUSED: 14, CardState.ACCEPTED: 2}
    refused = ledger.cards_of("dalian-defects", (CardState.REFUSED,))
    assert [found.reason for found in refused[-1].reasons] == ["minor without guardian"]
    assert Holder.from_json(ledger.holder(refused[0].id)).fields["AAC003"] == "宋泽轩"


def test_the_same_file_again_changes_nothing(ledger: Ledger, check: Check) -> None:
    first = import_file(ledger, check(f"{NAME}.csv"))
    again = import_file(ledger, check(f"{NAME}.csv"))

    assert again.already_imported and again.batch == first.batch
    assert ledger.batches() == (first.batch,)


def test_cards_ordered_before_change_nothing(ledger: Ledger, check: Check) -> None:
    import_file(ledger, check(f"{NAME}.csv"))
    report = import_file(ledger, check(f"{NAME}.bank.txt"))

    assert report.batch is None
    assert [found.reason for row in report.checks.refused for found in row.reasons] == [
        f"AAZ500 already ordered in batch {NAME} row {number}" for number in range(1, 51)
    ]
    assert len(ledger.batches()) == 1


def test_a_region_may_want_whole_files(ledger: Ledger, check: Check, dalian: CardProfile) -> None:
    assert dalian.region is not None
    rules = BatchRules(on_refused="file")
    strict = replace(dalian, region=dalian.region.model_copy(update={"batch": rules}))

    assert import_file(ledger, check("dalian-defects.csv", strict)).batch is None
    assert import_file(ledger, check(f"{NAME}.csv", strict)).batch is not None
    assert [batch.name for batch in ledger.batches()] == [NAME]


def test_another_file_of_the_same_name_is_refused(
    ledger: Ledger,
    formats: Mapping[str, ImportFormat],
    dalian: CardProfile,
    photos: Path,
    sample_rows: list[dict[str, str]],
    write_batch: Callable[..., Path],
) -> None:
    for rows in (sample_rows[:1], sample_rows[1:2]):
        report = check_file(write_batch(rows), dalian, formats, photos=photos)
        if rows[0]["SEQ"] == "1":
            import_file(ledger, report)
        else:
            with pytest.raises(InputError, match="exists already"):
                import_file(ledger, report)
    assert len(ledger.cards_of("batch-20261121-001")) == 1
