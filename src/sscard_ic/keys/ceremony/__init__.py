"""The work of the people who keep root keys: consent, deed, audit log, transcript."""

from sscard_ic.keys.ceremony.ceremony import Ceremony, HalfRotatedError, subject_of
from sscard_ic.keys.ceremony.components import (
    Booth,
    Entry,
    Part,
    carrier_number,
    parsed_check_value,
)
from sscard_ic.keys.ceremony.gathering import Parts
from sscard_ic.keys.ceremony.output import claimed
from sscard_ic.keys.ceremony.production import create_production, create_production_vault
from sscard_ic.keys.ceremony.record import (
    AuditChain,
    Desk,
    DoneError,
    DoneUnconfirmedError,
    NothingDoneError,
    UnrecordedError,
)
from sscard_ic.keys.ceremony.specs import (
    Wanted,
    declared_keys,
    find,
    newest,
    next_version,
    spec_of,
)
from sscard_ic.keys.ceremony.transcript import Step, Transcript

__all__ = [
    "AuditChain",
    "Booth",
    "Ceremony",
    "Desk",
    "DoneError",
    "DoneUnconfirmedError",
    "Entry",
    "HalfRotatedError",
    "NothingDoneError",
    "Part",
    "Parts",
    "Step",
    "Transcript",
    "UnrecordedError",
    "Wanted",
    "carrier_number",
    "claimed",
    "create_production",
    "create_production_vault",
    "declared_keys",
    "find",
    "newest",
    "next_version",
    "parsed_check_value",
    "spec_of",
    "subject_of",
]
