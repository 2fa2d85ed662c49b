"""The holder's PIN at the counter: changed, unblocked, set anew (ref 02 §5, 03 §3.2)."""

from __future__ import annotations

from sscard_ic import card
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import SocialSecurityCard
from sscard_ic.keys import Authenticator
from sscard_ic.lifecycle.activation import check_new_pin, pin_policy
from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection


def change_pin(session: Connection, profile: CardProfile, old: Secret, new: Secret) -> None:
    """Replace the PIN by one that the region allows; ``old`` and ``new`` are BCD blocks.

    Raises :class:`InputError` for a new PIN that is not allowed, :class:`WrongPin` for a wrong old
    one, which costs a try.
    """
    check_new_pin(new, pin_policy(profile))
    if new == old:
        raise InputError(Text("新密码与原密码相同", "the new PIN is the old one"))
    SocialSecurityCard(session, profile).change_pin(old, new)


def unblock_pin(session: Connection, profile: CardProfile, keys: Authenticator) -> None:
    """Give the PIN all its tries back; needs PUK and STK."""
    card.unblock_pin(SocialSecurityCard(session, profile, keys))


def reset_pin(session: Connection, profile: CardProfile, keys: Authenticator, new: Secret) -> None:
    """Set a new PIN without the old one; needs PUK and STK.

    Raises :class:`InputError` for a new PIN that the region does not allow.
    """
    check_new_pin(new, pin_policy(profile))
    card.reset_pin(SocialSecurityCard(session, profile, keys), new)
