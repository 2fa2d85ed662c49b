"""Unblocking and resetting the PIN by the issuer's keys (ref 02 §1.1, §5.4)."""

from __future__ import annotations

from sscard_ic.apdu import Command, issuer
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.issuer_keys import maintenance_key, unlocking_key
from sscard_ic.card.messages import MessageRefused
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.keys import CardKey

_UNBLOCK = Text("解锁密码", "unblock the PIN")
_RESET = Text("重置密码", "reset the PIN")


def unblock_pin(card: SocialSecurityCard) -> None:
    """PIN CHANGE/UNBLOCK: the holder's PIN counts again, with all its tries.

    Authenticates the PUK, then sends a MAC by the STK. Raises :class:`UnknownKeyError` before
    anything is sent, :class:`KeyRefused` or :class:`MessageRefused` afterwards.
    """
    key = _prepare(card)
    command = card.messages(key.name).protect(issuer.unblock_pin(), key)
    _send(card, command, key, _UNBLOCK)


def reset_pin(card: SocialSecurityCard, new: Secret) -> None:
    """PIN CHANGE/UNBLOCK with a new PIN (BCD block), which is enciphered on its way.

    The old one need not be known. Raises as :func:`unblock_pin` does.
    """
    key = _prepare(card)
    command = issuer.reset_pin(card.profile.dialect.messaging.pin_reset_p2)
    _send(card, card.messages(key.name).enciphered(command, new, key), key, _RESET)


def _prepare(card: SocialSecurityCard) -> CardKey:
    """Authenticate the PUK where the card asks for it; the key of the MAC."""
    profile = card.profile
    settings, directory = profile.dialect.messaging, profile.structure.pin_directory
    puk = unlocking_key(profile)
    name = puk if settings.pin_service_key == "unlock_pin" else maintenance_key(profile, directory)
    card.require_keys(puk, name)
    card.enter(directory)
    if settings.pin_service_needs_puk:
        card.authenticate(puk)
    return card.card_key(name)


def _send(card: SocialSecurityCard, command: Command | Secret, key: CardKey, what: Text) -> None:
    response = card.channel.ask(command)
    card.forget_pin()
    if not response.sw.ok:
        needed = f"key:{unlocking_key(card.profile)}+mac:{key.name}"
        raise MessageRefused(what, response.sw, key.name, missing=Text(needed, needed))
