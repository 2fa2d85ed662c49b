"""Administrator PIN and control keys of a certificate application: replaced, and proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import CertificateApplication
from sscard_ic.card.certificate_commands import PLACES, Place
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.profile.certificate import CertificateApplication as Model

_IN_ORDER: tuple[Place, ...] = ("application", "environment")
"""In which control keys are replaced: ADF, then DDF (ref 02 §8.9)."""

_BLANK_WANTED = Text("换一张空白卡", "insert a blank card")


@dataclass(frozen=True, slots=True)
class CardLock:
    """What the certificate application of a card is locked with."""

    admin_pin: CertificatePin
    control_key: ControlKey

    @classmethod
    def of(cls, grant: CertificateGrant) -> CardLock:
        """What a card is locked with once the grant is loaded."""
        return cls(CertificatePin(grant.admin_pin), ControlKey(grant.control_key))

    @classmethod
    def initial(cls, model: Model) -> CardLock:
        """What a new card is locked with."""
        return cls(
            CertificatePin.of(model.initial_pin("admin")),
            ControlKey(Secret(model.initial_control_key)),
        )


def admin_pin_of(
    application: CertificateApplication, candidates: Sequence[CardLock]
) -> CertificatePin:
    """The administrator PIN that the card has; it is verified then.

    A try that a wrong one costs comes back with the right one. Raises :class:`Refused` when none
    is right.
    """
    *doubtful, last = (lock.admin_pin for lock in candidates)
    for pin in doubtful:
        if application.accepts_pin("admin", pin):
            return pin
    application.verify_pin("admin", last)
    return last


def replace_control_keys(
    application: CertificateApplication, candidates: Sequence[CardLock], new: ControlKey
) -> None:
    """Give application and environment the control key ``new``, where they have not got it yet.

    ``candidates`` as for :func:`admin_pin_of`; a single one is not tried out before.
    """
    for place in _IN_ORDER:
        *doubtful, old = (lock.control_key for lock in candidates)
        for key in doubtful:
            if application.accepts_control_key(place, key):
                old = key
                break
        if old != new:
            application.replace_control_key(place, old, new)


def prove_locks(application: CertificateApplication, model: Model, lock: CardLock) -> None:
    """Show that the card has the PIN and the keys of ``lock``, and refuses those of a new card.

    The right one comes last and gives back the try of the wrong one. Raises :class:`CardError`.
    """
    initial = CardLock.initial(model)
    if initial.admin_pin != lock.admin_pin:
        _require(
            not application.accepts_pin("admin", initial.admin_pin),
            Text(
                "证书应用仍接受出厂管理员 PIN",
                "the certificate application still takes the administrator PIN of a new card",
            ),
        )
    _require(
        application.accepts_pin("admin", lock.admin_pin),
        Text(
            "证书应用不接受新的管理员 PIN",
            "the certificate application refuses its new administrator PIN",
        ),
    )
    for place in _IN_ORDER:
        words = PLACES[place]
        if initial.control_key != lock.control_key:
            _require(
                not application.accepts_control_key(place, initial.control_key),
                Text(
                    f"{words.zh}仍接受出厂主控密钥",
                    f"{words.en} still takes the control key of a new card",
                ),
            )
        _require(
            application.accepts_control_key(place, lock.control_key),
            Text(f"{words.zh}不接受新的主控密钥", f"{words.en} refuses its new control key"),
        )


def _require(true: bool, otherwise: Text) -> None:
    if not true:
        raise CardError(otherwise, hint=_BLANK_WANTED)
