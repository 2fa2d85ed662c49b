"""Activation (启用): the holder gets a card that is theirs alone (ref 03 §3.1, 05 §3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import SocialSecurityCard, WrongPin, chip_serial
from sscard_ic.codec.digits import decode_cn
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Step
from sscard_ic.profile import CardProfile
from sscard_ic.profile.region import PinPolicy
from sscard_ic.reader import Connection

_STATION = "counter"


@dataclass(frozen=True, slots=True)
class Activation:
    """What was done; ``recorded`` says whether a ledger knew the card."""

    recorded: bool


def check_new_pin(block: Secret, policy: PinPolicy) -> None:
    """Raise :class:`InputError` when the PIN in the BCD ``block`` is not one to set."""
    pin = decode_cn(block.reveal())
    if len(pin) != policy.digits:
        raise InputError(
            Text(f"新密码应为 {policy.digits} 位数字", f"a new PIN has {policy.digits} digits")
        )
    if pin in policy.forbidden_new or pin == policy.initial:
        raise InputError(
            Text("新密码过于简单，或是初始密码", "the new PIN is too simple, or the initial one"),
            hint=Text("请另选一个密码", "choose another one"),
        )


def activate(
    session: Connection,
    profile: CardProfile,
    old: Secret,
    new: Secret,
    ledger: Ledger | None = None,
) -> Activation:
    """Verify the initial PIN, change it, and take the card from sealed to normal in the ledger.

    ``old`` and ``new`` are BCD blocks. A wrong PIN is told with the tries left and never tried
    again. Raises :class:`SscardError` when the ledger says the card may not be activated.
    """
    card_in_ledger = ledger.card_by_chip(chip_serial(session.atr)) if ledger else None
    if card_in_ledger is not None and card_in_ledger.state is not CardState.VERIFIED:
        raise SscardError(
            Text(
                f"台账中此卡的状态是 {card_in_ledger.state}，不能启用",
                f"the ledger has this card as {card_in_ledger.state}; it cannot be activated",
            ),
            where=f"{card_in_ledger.batch}:{card_in_ledger.row}",
            hint=Text("只有封存待领的卡可以启用", "only sealed cards can be activated"),
        )
    check_new_pin(new, pin_policy(profile))
    if new == old:
        raise InputError(Text("新密码与原密码相同", "the new PIN is the old one"))
    card = SocialSecurityCard(session, profile)
    if ledger is None or card_in_ledger is None:
        card.verify_pin(old)
        card.change_pin(old, new)
        return Activation(recorded=False)
    if not (_was_cut_off(ledger, card_in_ledger) and _accepts(card, new)):
        ledger.journal(card_in_ledger.id, Step.ACTIVATE, Phase.BEGIN, station=_STATION)
        card.verify_pin(old)
        card.change_pin(old, new)
    ledger.complete(
        card_in_ledger.id,
        Step.ACTIVATE,
        CardState.ACTIVATED,
        station=_STATION,
        chip_serial=chip_serial(session.atr),
    )
    return Activation(recorded=True)


def _was_cut_off(ledger: Ledger, card: Card) -> bool:
    """Whether an earlier activation was begun and its end is not known."""
    return any(entry.step is Step.ACTIVATE for entry in ledger.journal_of(card.id))


def _accepts(card: SocialSecurityCard, pin: Secret) -> bool:
    """Whether the card has this PIN; a wrong one costs a try, which the right one gives back."""
    try:
        card.verify_pin(pin)
    except WrongPin:
        return False
    return True


def pin_policy(profile: CardProfile) -> PinPolicy:
    """The region's rules for PINs; the usual ones where the profile has no region."""
    return profile.region.pin if profile.region else PinPolicy()
