"""Administrator PIN and control keys of a certificate application: replaced, and proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import CertificateApplication
from sscard_ic.card.certificate_commands import PLACES, WRONG_MAC, Place
from sscard_ic.card.channel import Refused
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.profile.certificate import CertificateApplication as Model

_IN_ORDER: tuple[Place, ...] = ("application", "environment")
"""In which control keys are replaced: ADF, then DDF (ref 02 §8.9)."""

LockName = Literal["admin_pin", "application", "environment"]
"""Administrator PIN, and the control key of a directory."""

LOCK_WORDS: Mapping[LockName, Text] = {
    "admin_pin": Text("管理员 PIN", "administrator PIN"),
    "application": Text("应用（ADF）主控密钥", "control key of the application (ADF)"),
    "environment": Text("环境（DDF）主控密钥", "control key of the environment (DDF)"),
}

_SPARE = 2
"""With so many tries left nothing is guessed any more."""
_LAST = 1
"""With so many not even what a person says is tried here."""
_WRONG = 0x63
"""SW1 of a card that has another PIN or key than the one presented."""

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


@dataclass(frozen=True, slots=True)
class KnownLock:
    """What is known of one PIN or control key of a card."""

    values: tuple[Secret, ...]
    """What it may be, likeliest first: the one proved last leads."""
    refused: tuple[Secret, ...] = ()
    """What the card has refused since; none of it is tried twice."""
    left: int | None = None
    """Tries left, where the card has said so or they were counted."""
    stated: Secret | None = None
    """What a person says that it is; never stored."""

    @property
    def candidates(self) -> tuple[Secret, ...]:
        """What may still be tried, likeliest first; what a person says comes before all."""
        named = self.values if self.stated is None else (self.stated, *self.values)
        return tuple(value for value in dict.fromkeys(named) if value not in self.refused)

    @property
    def is_lost(self) -> bool:
        """Whether nothing more is tried unless a person says what it is."""
        return not self.candidates or (self.left is not None and self.left <= _SPARE)


@dataclass(frozen=True, slots=True)
class KnownLocks:
    """What is known of the administrator PIN and both control keys of a card."""

    admin_pin: KnownLock
    application: KnownLock
    environment: KnownLock

    @classmethod
    def of(cls, locks: Sequence[CardLock]) -> KnownLocks:
        """Of a card that may be locked with any of ``locks``, likeliest first."""
        pins = dict.fromkeys(lock.admin_pin.value for lock in locks)
        keys = KnownLock(tuple(dict.fromkeys(lock.control_key.value for lock in locks)))
        return cls(KnownLock(tuple(pins)), keys, keys)

    def known(self, name: LockName) -> KnownLock:
        """One of them."""
        found: KnownLock = getattr(self, name)
        return found

    def changed(self, name: LockName, known: KnownLock) -> KnownLocks:
        """The same with one of them replaced."""
        changes: dict[str, KnownLock] = {name: known}
        return replace(self, **changes)

    def stating(self, pin: CertificatePin | None, key: ControlKey | None) -> KnownLocks:
        """The same with what a person says, which is tried first."""
        stated = self
        if pin is not None:
            stated = stated.changed("admin_pin", replace(self.admin_pin, stated=pin.value))
        if key is not None:
            for place in _IN_ORDER:
                stated = stated.changed(place, replace(self.known(place), stated=key.value))
        return stated


class LockUnknown(CardError):
    """The card is locked with something else than is known here; nothing more is tried out.

    ``left``: tries left, where they are known.
    """

    def __init__(self, name: LockName, left: int | None) -> None:
        self.name = name
        self.left = left
        words = LOCK_WORDS[name]
        tries_zh = "" if left is None else f"，还可试 {left} 次"
        tries_en = "" if left is None else f" ({left} {'try' if left == 1 else 'tries'} left)"
        super().__init__(
            Text(
                f"此处不知道卡的{words.zh}{tries_zh}；为免锁死，不再尝试",
                f"the {words.en} of the card is not known here{tries_en}; nothing more is tried, "
                "so that it is not locked for ever",
            ),
            hint=Text(
                "向上次写入证书者索取", "whoever loaded certificates into the card last has it"
            ),
        )


class LockSearch:
    """Finds and replaces what a card is locked with, and never locks it up by guessing.

    What the card refuses is remembered, by ``keep`` beyond this session. What nobody has stated is
    tried only while two tries remain if it is wrong; the last one is never spent. Before a card is
    given something new, that and what it has are kept.
    """

    def __init__(
        self,
        model: Model,
        locks: KnownLocks,
        keep: Callable[[KnownLocks], None] = lambda _: None,
    ) -> None:
        self._model = model
        self._keep = keep
        self.locks = locks

    @property
    def is_doubtful(self) -> bool:
        """Whether the administrator PIN may be one of several, or has been refused before."""
        known = self.locks.admin_pin
        return len(known.candidates) != 1 or bool(known.refused) or known.stated is not None

    def admin_pin(self, application: CertificateApplication) -> CertificatePin:
        """The administrator PIN that the card has; it is verified then.

        Raises :class:`LockUnknown`, and :class:`WrongCertificatePin` of the last one tried.
        """

        def present(value: Secret) -> None:
            application.verify_pin("admin", CertificatePin(value))

        return CertificatePin(self._find("admin_pin", present))

    def change_admin_pin(self, application: CertificateApplication, new: CertificatePin) -> None:
        """Change it into ``new``, unless the likeliest is that; one of several is found before."""
        candidates = self.locks.admin_pin.candidates
        old = CertificatePin(candidates[0]) if len(candidates) == 1 else self.admin_pin(application)
        if old != new:
            change = partial(application.change_pin, "admin", old, new)
            self._change("admin_pin", old.value, new.value, change)

    def replace_control_keys(
        self, application: CertificateApplication, new: ControlKey, *, again: bool
    ) -> None:
        """Give application and environment the control key ``new``, where they have another one.

        A single candidate is not tried out before, unless it is ``new`` ``again``. Raises
        :class:`LockUnknown` and :class:`ControlKeyRefused`.
        """
        for place in _IN_ORDER:
            candidates = self.locks.known(place).candidates
            if len(candidates) == 1 and not (again and candidates[0] == new.value):
                old = ControlKey(candidates[0])
            else:
                old = self._control_key(application, place)
            if old != new:
                replacing = partial(application.replace_control_key, place, old, new)
                self._change(place, old.value, new.value, replacing)

    def _control_key(self, application: CertificateApplication, place: Place) -> ControlKey:
        def present(value: Secret) -> None:
            application.prove_control_key(place, ControlKey(value))

        return ControlKey(self._find(place, present))

    def _find(self, name: LockName, present: Callable[[Secret], None]) -> Secret:
        refused: Refused | None = None
        for value in self.locks.known(name).candidates:
            try:
                self._present(name, value, partial(present, value))
            except Refused as error:
                if value not in self.locks.known(name).refused or error.tries_left == 0:
                    raise
                refused = error
                continue
            return value
        if refused is not None:
            raise refused
        raise LockUnknown(name, self.locks.known(name).left)

    def _present(self, name: LockName, value: Secret, present: Callable[[], None]) -> None:
        """Let the card judge ``value``, and remember what it says."""
        known = self.locks.known(name)
        spare = _SPARE if value != known.stated else _LAST
        if known.left is not None and known.left <= spare:
            raise LockUnknown(name, known.left)
        counted = (self._tries(name) if known.left is None else known.left) - 1
        try:
            present()
        except Refused as error:
            left = counted if error.tries_left is None else error.tries_left
            if error.sw >> 8 == _WRONG:
                refused = (*known.refused, value)
                self._note(name, replace(known, refused=refused, left=left))
            elif left == 0 or error.sw == WRONG_MAC:
                self._note(name, replace(known, left=left))
            raise
        except SscardError:
            # The card may have judged it: whether a try is spent, nobody has heard.
            # The next time another one comes first, lest the same interruption spends all.
            others = tuple(each for each in known.values if each != value)
            values = (*others, value) if value in known.values else others
            self._note(name, replace(known, values=values, left=max(counted, 0)))
            raise
        found = KnownLock((value,))
        if known.refused or known.left is not None:
            self._note(name, found)
        else:
            self.locks = self.locks.changed(name, found)

    def _change(self, name: LockName, old: Secret, new: Secret, change: Callable[[], None]) -> None:
        before = self.locks.known(name)
        self._note(name, replace(before, values=(old, new)))
        try:
            self._present(name, old, change)
        except Refused:  # the card has the old one
            self._note(name, replace(self.locks.known(name), values=before.values))
            raise
        self.locks = self.locks.changed(name, KnownLock((new,)))

    def _note(self, name: LockName, known: KnownLock) -> None:
        self.locks = self.locks.changed(name, known)
        self._keep(self.locks)

    def _tries(self, name: LockName) -> int:
        settings = self._model.settings
        return settings.admin_pin_tries if name == "admin_pin" else settings.control_key_tries


def prove_locks(
    application: CertificateApplication, model: Model, lock: CardLock, *, specimen: bool = False
) -> None:
    """Show that the card has the PIN and the keys of ``lock``, and refuses those of a new card.

    The right one comes last and gives back the try of the wrong one. A ``specimen`` has those of a
    new card, which are published. Raises :class:`CardError`.
    """
    initial = CardLock.initial(model)
    if not specimen:
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
        if not specimen:
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
