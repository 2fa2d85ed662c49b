"""PC/SC readers: connections, slots, and a monitor of readers and cards."""

from sscard_ic.reader.pcsc.connection import Access, PcscConnection, ProtocolChoice, open_pcsc
from sscard_ic.reader.pcsc.monitor import ReaderEvent, ReaderMonitor, ReaderState
from sscard_ic.reader.pcsc.slot import PcscSlot
from sscard_ic.reader.pcsc.transaction import assert_no_transaction, transaction

__all__ = [
    "Access",
    "PcscConnection",
    "PcscSlot",
    "ProtocolChoice",
    "ReaderEvent",
    "ReaderMonitor",
    "ReaderState",
    "assert_no_transaction",
    "open_pcsc",
    "transaction",
]
