"""All checks of a card's data (ref 04 §7.11, 15 §3.5, §8.5)."""

from __future__ import annotations

from datetime import date

from sscard_ic.issuance.bank import check_structure, check_values
from sscard_ic.issuance.bank.check_signatures import Authorities, check_signatures
from sscard_ic.issuance.bank.contents import BankContents
from sscard_ic.issuance.bank.findings import Finding


def check_contents(
    contents: BankContents, authorities: Authorities, at: date
) -> tuple[Finding, ...]:
    """What is wrong with a card's data on the day ``at``: errors first, each finding once."""
    found = list(contents.findings)
    for rule in (*check_structure.RULES, *check_values.RULES):
        found += rule(contents)
    found += check_signatures(contents, authorities, at)
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.level))
