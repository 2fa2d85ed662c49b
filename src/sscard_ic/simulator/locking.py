"""APPLICATION BLOCK and UNBLOCK, CARD BLOCK, and what a blocked card answers (ref 02 §1.3, §1.4).

A directory is blocked with all below it. Blocking and unblocking ask for the lock level of the
directory (ref 11 §5.2) and a MAC by its maintenance key.
"""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import Directory, Lock

_TEMPORARILY, _PERMANENTLY = 0x00, 0x01
_SELECT = (0x00, 0xA4)
_WHILE_BLOCKED = frozenset({(0x00, 0x84), (0x00, 0x82), (0x84, 0x1E), (0x84, 0x18)})
"""What leads out of a temporary lock: GET CHALLENGE, EXTERNAL AUTHENTICATE, BLOCK, UNBLOCK."""


def admit(card: CardState, command: Command) -> None:
    """Refuse a command that is not for a blocked directory; SELECT may lead out of it."""
    kind = command.cla, command.ins
    if kind in card.interpreter.always:
        return
    require_card(card)
    lock = card.directory.standing
    if kind != _SELECT and not (lock == "temporary" and kind in _WHILE_BLOCKED):
        raise Refusal(_answer(card, lock))


def require_card(card: CardState) -> None:
    """Refuse everything on a blocked card."""
    if card.mf is not None and card.mf.locked == "card":
        raise Refusal(_answer(card, "card"))


def require_unblocked(card: CardState) -> None:
    """Refuse what is in a blocked directory."""
    if card.blocked:
        raise Refusal(_answer(card, card.directory.standing))


def enter(card: CardState, directory: Directory) -> bytes:
    """Select ``directory``; its FCI.

    A temporarily blocked one is current afterwards, although the answer is a warning; any other
    blocked one is not selected.
    """
    lock = directory.standing
    if lock in ("permanent", "card"):
        raise Refusal(_answer(card, lock))
    card.enter(directory)
    fci = card.interpreter.fci(card, directory)
    if lock == "temporary":
        raise Refusal(card.dialect.messaging.blocked_select, fci)
    return fci


def _answer(card: CardState, lock: Lock) -> int:
    """What commands are answered because of ``lock``."""
    answers = card.dialect.messaging
    return {
        "temporary": answers.blocked_command,
        "permanent": answers.blocked_permanently,
        "card": answers.blocked_card,
    }[lock]


def block_application(card: CardState, command: Command) -> bytes:
    """APPLICATION BLOCK: P2 00 for a time, 01 for good. Refuses 6982, 6985 (MF), 6988."""
    if command.p1 or command.p2 not in (_TEMPORARILY, _PERMANENTLY):
        raise Refusal(0x6A86)
    directory = card.directory
    if directory.parent is None:
        raise Refusal(0x6985)
    _require(card, command, directory)
    _lock(card, directory, "permanent" if command.p2 == _PERMANENTLY else "temporary")
    return b""


def unblock_application(card: CardState, command: Command) -> bytes:
    """APPLICATION UNBLOCK: 6D00 where the COS has it not, 6985 when there is nothing to undo."""
    if not card.dialect.features.application_unblock:
        raise Refusal(0x6D00)
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    directory = card.directory
    if directory.locked != "temporary":
        raise Refusal(0x6985)
    _require(card, command, directory)
    _lock(card, directory, "none")
    return b""


def block_card(card: CardState, command: Command) -> bytes:
    """CARD BLOCK, in an ADF 6985; the MF is blocked with the DDF where its header says so."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    directory = card.directory
    if directory.spec.kind == "ADF":
        raise Refusal(0x6985)
    _require(card, command, directory)
    parent = directory.parent
    if parent is not None and parent.spec.locked_with_card:
        parent.lock("card")
    _lock(card, directory, "card")
    return b""


def _require(card: CardState, command: Command, directory: Directory) -> None:
    if command.data:
        raise Refusal(0x6700)
    if card.dialect.messaging.block_needs_key and not directory.lock_rule.met(card.security):
        raise Refusal(0x6982)
    card.check_message(card.interpreter.maintenance_key(card, directory))


def _lock(card: CardState, directory: Directory, lock: Lock) -> None:
    directory.lock(lock)
    card.blocked = directory.standing != "none"
