"""Blocking applications and the card by the issuer's keys (ref 02 §1.3, 11 §5.2, §10)."""

from __future__ import annotations

from sscard_ic.apdu import Command, issuer
from sscard_ic.base.errors import Text
from sscard_ic.card.issuer_keys import lock_key, maintenance_key
from sscard_ic.card.messages import MessageRefused
from sscard_ic.card.social_security import SocialSecurityCard


def block_application(
    card: SocialSecurityCard, directory: str, *, permanently: bool = False
) -> None:
    """APPLICATION BLOCK of a directory and all below it.

    Authenticates the key of its lock level (BK, LKDFxx) where there is one, then sends a MAC by
    its STK. Raises :class:`InputError` when the profile has no STK there,
    :class:`UnknownKeyError` before anything is sent, :class:`KeyRefused` or
    :class:`MessageRefused` afterwards.
    """
    what = Text(f"锁定应用 {directory}", f"block the application {directory}")
    _send(card, directory, issuer.block_application(permanently=permanently), what)


def unblock_application(card: SocialSecurityCard, directory: str) -> None:
    """APPLICATION UNBLOCK of a temporarily blocked directory; asks for what blocking asks for."""
    what = Text(f"解锁应用 {directory}", f"unblock the application {directory}")
    _send(card, directory, issuer.unblock_application(), what)


def block_card(card: SocialSecurityCard) -> None:
    """CARD BLOCK: the card answers no command any more. Nothing undoes it."""
    what = Text("锁定卡片", "block the card")
    _send(card, card.profile.structure.pin_directory, issuer.block_card(), what)


def _send(card: SocialSecurityCard, directory: str, command: Command, what: Text) -> None:
    profile = card.profile
    mac_key, level_key = maintenance_key(profile, directory), lock_key(profile, directory)
    if not profile.dialect.messaging.block_needs_key:
        level_key = None
    card.require_keys(mac_key, *([level_key] if level_key else []))
    card.enter(directory, blocked_too=True)
    if level_key is not None:
        card.authenticate(level_key)
    key = card.card_key(mac_key)
    response = card.channel.ask(card.messages(mac_key).protect(command, key))
    if not response.sw.ok:
        needed = f"key:{level_key}+mac:{mac_key}" if level_key else f"mac:{mac_key}"
        raise MessageRefused(what, response.sw, key.name, missing=Text(needed, needed))
