"""Importing: the rows of a checked file become cards of the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.base.authority import NOBODY
from sscard_ic.issuance.checks import CheckReport, ordered_reasons, region_of
from sscard_ic.issuance.deeds import Actors, event
from sscard_ic.issuance.holder import Holder
from sscard_ic.ledger import Batch, Ledger, NewBatch, NewCard


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file. ``batch`` is None when nothing was imported."""

    checks: CheckReport
    batch: Batch | None
    already_imported: bool = False


def import_file(ledger: Ledger, report: CheckReport, actors: Actors = (NOBODY,)) -> ImportReport:
    """Store the checked file as a batch named after it, with all its rows, or nothing.

    Nothing is stored when the same content is there already, when no row is accepted, and when
    a row is refused although the region wants whole files. A card number that was ordered before
    refuses its row. The audit log says who took it in. Raises :class:`InputError` when a batch of
    this name has other content.
    """
    known = ledger.batch_of_source(report.file.sha256)
    if known:
        return ImportReport(report, known, already_imported=True)
    ordered = ledger.ordered(checked.card_number for checked in report.rows)
    report = report.refusing(ordered_reasons(report, ordered))
    whole_file = region_of(report.profile).batch.on_refused == "file"
    if not report.accepted or (whole_file and report.refused):
        return ImportReport(report, None)
    new = _batch(report)
    facts = {
        "profile": new.profile,
        "file": new.source_name,
        "sha256": new.source_sha256,
        "rows": len(report.rows),
        "refused": len(report.refused),
    }
    deed = event("batch.import", new.name, actors, facts)
    return ImportReport(report, ledger.import_batch(new, _cards(report), deed))


def _batch(report: CheckReport) -> NewBatch:
    path = report.file.path
    return NewBatch(
        name=path.stem,
        profile=report.profile.name,
        source_name=path.name,
        source_sha256=report.file.sha256,
        batch_date=report.batch_date,
    )


def _cards(report: CheckReport) -> list[NewCard]:
    return [
        NewCard(
            row=checked.row.number,
            seq=checked.row.seq,
            card_number=checked.card_number,
            holder=Holder(checked.row.fields, str(checked.photo or "")).to_json(),
            reasons=checked.reasons,
        )
        for checked in report.rows
    ]
