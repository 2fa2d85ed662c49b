"""The terminal's side of the wire: connections, slots, wrappers, virtual cards."""

from sscard_ic.reader.connection import Connection, Slot
from sscard_ic.reader.meter import LinkMeter, Tally
from sscard_ic.reader.opening import list_readers, open_connection, open_slot, open_slots
from sscard_ic.reader.session import open_session
from sscard_ic.reader.trace import TraceWriter

__all__ = [
    "Connection",
    "LinkMeter",
    "Slot",
    "Tally",
    "TraceWriter",
    "list_readers",
    "open_connection",
    "open_session",
    "open_slot",
    "open_slots",
]
