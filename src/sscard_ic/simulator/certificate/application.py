"""The certificate application beside the social security application: SELECT and its commands."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu import Command
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.certificate import files, key_pairs, proofs
from sscard_ic.simulator.certificate.state import CertificateState
from sscard_ic.simulator.certificate.stored import Place

Handler = Callable[[CertificateState, Command], bytes]

_WITH_PARAMETERS: dict[tuple[int, int], Handler] = {
    (0x00, 0xA4): files.select_fid,
    (0x00, 0xB0): files.read_binary,
    (0x00, 0xD6): files.update_binary,
    (0x00, 0x20): proofs.verify,
    (0x84, 0x5E): proofs.change_pin,
}
"""Commands whose P1 P2 say something."""

_EXACT: dict[bytes, Handler] = {
    bytes.fromhex("00840000"): proofs.get_challenge,
    bytes.fromhex("00820000"): proofs.authenticate,
    bytes.fromhex("80C40103"): proofs.hash_data,
    bytes.fromhex("84D40100"): proofs.replace_control_key,
    bytes.fromhex("80400000"): key_pairs.generate,
    bytes.fromhex("80C98200"): key_pairs.prepare_export,
    bytes.fromhex("80C98280"): key_pairs.export,
    bytes.fromhex("804E0001"): key_pairs.decrypt,
    bytes.fromhex("80C24000"): key_pairs.import_public_key,
    bytes.fromhex("80C2C001"): key_pairs.import_private_key,
}
"""Commands by their four header bytes (ref 02 §8.2)."""

_SESSION_KEY = bytes.fromhex("804A02")
_ANYWHERE = frozenset(
    {
        files.select_fid,
        proofs.get_challenge,
        proofs.hash_data,
        proofs.authenticate,
        proofs.replace_control_key,
    }
)
"""What the environment knows, too; PINs, files and key pairs are the directory's (DF01)."""


class CertificateApplication:
    """``PKI.社会保障`` with its directory ``SS.CERT.ADF1``."""

    __slots__ = ("_classes", "_exact", "_instructions", "_kinds", "_state")

    def __init__(self, state: CertificateState) -> None:
        self._state = state
        settings = state.model.settings
        self._exact = {
            **_EXACT,
            _SESSION_KEY + bytes((settings.session_key_slot,)): key_pairs.import_session_key,
            settings.sign_command: key_pairs.sign,
        }
        self._kinds = {*_WITH_PARAMETERS, *((head[0], head[1]) for head in self._exact)}
        self._classes = {cla for cla, _ in self._kinds}
        self._instructions = {ins for _, ins in self._kinds}

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by name: an equal one first, then the first beginning so."""
        model = self._state.model
        names: list[tuple[Place, bytes]] = [
            ("environment", model.environment),
            ("application", model.name),
        ]
        if following:
            names = names[1:] if self._state.place == "environment" else []
        equal = (place for place, each in names if each == name)
        beginning = (place for place, each in names if each.startswith(name))
        place = next(equal, None) or next(beginning, None)
        return None if place is None else files.enter(self._state, place)

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name; refuses 6985 what belongs to the other directory."""
        kind = command.cla, command.ins
        handler = self._exact.get(command.header) or _WITH_PARAMETERS.get(kind)
        if handler is None:
            raise Refusal(self._unknown(command))
        if self._state.place == "environment" and handler not in _ANYWHERE:
            raise Refusal(0x6985)
        return handler(self._state, command)

    def pass_over(self) -> None:
        """Nothing here waits for the very next command."""

    def deselect(self) -> None:
        """PIN and key states fall, and the session key."""
        self._state.forget()

    def reset(self) -> None:
        """Nothing proved, nothing selected."""
        self._state.forget()

    def _unknown(self, command: Command) -> int:
        if command.cla not in self._classes:
            return 0x6E00
        if command.ins not in self._instructions:
            return 0x6D00
        return 0x6A86 if (command.cla, command.ins) in self._kinds else 0x6E00
