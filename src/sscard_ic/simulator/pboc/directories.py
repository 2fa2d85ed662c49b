"""PSE and PPSE: directories of payment applications (ref 04 §2.2-2.3)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card import Interface
from sscard_ic.simulator.pboc.stored import StoredApplication

_READ_RECORD = (0x00, 0xB2)
_CLASSES = (0x00, 0x04, 0x80, 0x84)
_BY_NUMBER = 0x04
_LAST_FILE = 0x1E


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
            raise Refusal(0x6D00 if command.cla in _CLASSES else 0x6E00)
        sfi, reference = command.p2 >> 3, command.p2 & 0x07
        if reference != _BY_NUMBER or not command.p1 or not 1 <= sfi <= _LAST_FILE:
            raise Refusal(0x6A86)
        if command.data:
            raise Refusal(0x6700)
        record = self._store.record(sfi, command.p1)
        if record is None:
            raise Refusal(0x6A83 if self._store.has_file(sfi) else 0x6A82)
        return record

    def pass_over(self) -> None:
        """Nothing here waits for the very next command."""

    def deselect(self) -> None:
        """Nothing is proved here."""

    def reset(self) -> None:
        """Nothing is proved here."""
