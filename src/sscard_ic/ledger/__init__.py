"""Database of batches, cards, serial numbers and the journal of the stations."""

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

__all__ = [
    "Batch",
    "Card",
    "CardState",
    "JournalEntry",
    "Ledger",
    "NewBatch",
    "NewCard",
    "Order",
    "Phase",
    "Plan",
    "Reason",
    "SerialState",
    "Step",
]
