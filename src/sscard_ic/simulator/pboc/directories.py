"""PSE and PPSE: directories of payment applications (ref 04 §2.2-2.3)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.card import Interface
from sscard_ic.simulator.pboc.common import no_record, unknown, wanted_record
from sscard_ic.simulator.pboc.stored import StoredApplication

_READ_RECORD = (0x00, 0xB2)


class DirectoryApplication:
    """A personalized directory: SELECT and READ RECORD, no more.

    Its records are free to read; ``name`` is its AID.
    """

    __slots__ = ("_interface", "_name", "_store")

    def __init__(
        self, store: StoredApplication, name: bytes, interface: Interface = "contact"
    ) -> None:
        self._store = store
        self._name = name
        self._interface = interface

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by the name or its beginning: the FCI of the interface, or the only one."""
        if following or not self._name.startswith(name):
            return None
        content = self._store.fci(self._interface)
        if content is None:
            content = self._store.fci("contact") or b""
        return encode_ber(0x6F, encode_ber(0x84, self._name), encode_ber(0xA5, content))

    def process(self, command: Command) -> bytes:
        """READ RECORD; 6A83 ends the list, 6A82 where there is no such file."""
        if (command.cla, command.ins) != _READ_RECORD:
            raise unknown(command)
        sfi, number = wanted_record(command)
        record = self._store.record(sfi, number)
        if record is None:
            raise no_record(self._store, sfi)
        return record

    def pass_over(self) -> None:
        """Nothing here waits for the very next command."""

    def deselect(self) -> None:
        """Nothing is proved here."""

    def reset(self) -> None:
        """Nothing is proved here."""
