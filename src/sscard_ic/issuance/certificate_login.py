"""The PINs that a card asks for before operations of its certificate application."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sscard_ic.card import CertificateApplication
from sscard_ic.issuance.certificate_locks import CardLock, KnownLocks, LockSearch
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.profile.certificate import Condition
from sscard_ic.profile.certificate_words import NEEDED_PINS


def log_in(
    application: CertificateApplication,
    conditions: Iterable[Condition],
    *,
    user_pin: CertificatePin | None = None,
    locks: Sequence[CardLock] | LockSearch = (),
) -> None:
    """Verify what operations under ``conditions`` need, the user PIN before the administrator PIN.

    ``user_pin`` is that of the card, ``locks`` what it may be locked with, likeliest first, or
    what finds it; those of a new card, when left out. Raises :class:`WrongCertificatePin` and
    :class:`LockUnknown`.
    """
    model = application.model
    needed = {pin for condition in conditions for pin in NEEDED_PINS[condition]}
    if "user" in needed:
        pin = user_pin or CertificatePin.of(model.initial_pin("user"))
        application.verify_pin("user", pin)
    if "admin" in needed:
        if not isinstance(locks, LockSearch):
            locks = LockSearch(model, KnownLocks.of(locks or [CardLock.initial(model)]))
        locks.admin_pin(application)
