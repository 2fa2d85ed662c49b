"""Database of batches, cards, serial numbers, the stations' journal, operators, the audit log."""

from sscard_ic.ledger.audit import AuditLog
from sscard_ic.ledger.audit_check import AuditBreak, AuditReport
from sscard_ic.ledger.audit_form import AuditEntry, AuditHead
from sscard_ic.ledger.ledger import Ledger
from sscard_ic.ledger.model import (
    Batch,
    Card,
    CardState,
    JournalEntry,
    NewBatch,
    NewCard,
    Order,
    Phase,
    Plan,
    Reason,
    SerialState,
    Step,
)
from sscard_ic.ledger.operators import Operator, Operators

__all__ = [
    "AuditBreak",
    "AuditEntry",
    "AuditHead",
    "AuditLog",
    "AuditReport",
    "Batch",
    "Card",
    "CardState",
    "JournalEntry",
    "Ledger",
    "NewBatch",
    "NewCard",
    "Operator",
    "Operators",
    "Order",
    "Phase",
    "Plan",
    "Reason",
    "SerialState",
    "Step",
]
