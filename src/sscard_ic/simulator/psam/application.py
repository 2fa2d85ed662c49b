"""The PSAM's application: its file system, SELECT and its commands (ref 12 §5)."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu import Command
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.psam import ciphers, commands, creation, purchase
from sscard_ic.simulator.psam.state import PsamState

Handler = Callable[[PsamState, Command], bytes]

_HANDLERS: dict[tuple[int, int], Handler] = {
    (0x00, 0xA4): commands.select_fid,
    (0x00, 0xB0): commands.read_binary,
    (0x00, 0xD6): commands.update_binary,
    (0x00, 0xB2): commands.read_record,
    (0x00, 0xDC): commands.update_record,
    (0x00, 0x84): commands.get_challenge,
    (0x00, 0x82): commands.external_authenticate,
    (0xBF, 0xDE): ciphers.deliver_session_key,
    (0x80, 0x1A): ciphers.derive_key,
    (0x80, 0xFA): ciphers.cipher_data,
    (0x80, 0x70): purchase.init_purchase,
    (0x80, 0x72): purchase.verify_mac2,
    (0x80, 0x8A): creation.create_mf,
    (0x80, 0x80): creation.create,
    (0x84, 0xD4): creation.load_key,
    (0x84, 0x1C): creation.end_personalization,
    (0x84, 0x8A): creation.recycle,
}
_CLASSES = frozenset(cla for cla, _ in _HANDLERS)
_INSTRUCTIONS = frozenset(ins for _, ins in _HANDLERS)


class PsamApplication:
    """The file system with both environments; it is the only application of its chip."""

    __slots__ = ("_psam",)

    def __init__(self, psam: PsamState) -> None:
        self._psam = psam

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by name: an equal one first, then the first beginning so."""
        directories = list(self._psam.directories())
        if following and self._psam.directory in directories:
            directories = directories[directories.index(self._psam.directory) + 1 :]
        equal = (each for each in directories if each.name == name)
        beginning = (each for each in directories if each.name.startswith(name))
        found = next(equal, None) or next(beginning, None)
        return None if found is None else commands.enter(self._psam, found)

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name."""
        handler = _HANDLERS.get((command.cla, command.ins))
        if handler is None:
            known = command.cla in _CLASSES and command.ins not in _INSTRUCTIONS
            raise Refusal(0x6D00 if known else 0x6E00)
        return handler(self._psam, command)

    def pass_over(self) -> None:
        """Nothing of a PSAM waits for the very next command (ref 12 §5.3)."""

    def deselect(self) -> None:
        """What was proved and begun falls."""
        self._psam.forget()

    def reset(self) -> None:
        """Back to the MF, nothing proved, nothing begun."""
        self._psam.enter(self._psam.mf)
