"""What custodians do with root keys: consent first, the deed, the audit log, a transcript."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from sscard_ic.base.authority import Role
from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.base.secret import Secret
from sscard_ic.keys.ceremony import components, specs
from sscard_ic.keys.ceremony.components import Booth, Part
from sscard_ic.keys.ceremony.gathering import Parts, collected
from sscard_ic.keys.ceremony.output import claimed
from sscard_ic.keys.ceremony.record import AuditChain, Deed, Desk, Recorder
from sscard_ic.keys.ceremony.transcript import Transcript
from sscard_ic.keys.errors import (
    DestroyedKeyError,
    EnvironmentMismatchError,
    MissingCapabilityError,
    UnconfirmedError,
    UnknownKeyError,
)
from sscard_ic.keys.inventory import KeyInfo, KeySpec
from sscard_ic.keys.key_block import KeyBlock
from sscard_ic.keys.new_keys import require_software, require_sound
from sscard_ic.keys.policy import require_use
from sscard_ic.keys.store import KeyStore

_TWO_PEOPLE: tuple[Role, ...] = ("custodian", "supervisor")


@runtime_checkable
class PassphraseHolder(Protocol):
    """A key store whose passphrase can be changed."""

    def change_passphrase(self, old: Secret, new: Secret) -> None:
        """Protect the same keys by ``new``; raises :class:`VaultError` for another ``old``."""
        ...


class HalfRotatedError(SscardError):
    """The new version is there; the last day of the old one is not set yet."""


class Ceremony:
    """Every deed with the keys of one vault or token; each is done whole or not at all."""

    def __init__(
        self,
        store: KeyStore,
        place: str,
        desk: Desk,
        audit: AuditChain,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._place = place
        self._clock = clock or SystemClock()
        self._recorder = Recorder(store.environment, place, desk, audit, self._clock)

    def require_new(self, spec: KeySpec) -> None:
        """Refuse a key that contradicts itself, and one that is or was there."""
        require_sound(spec, self._place)
        specs.require_unused(self._store, spec, self._place)

    def generate(self, spec: KeySpec) -> Transcript:
        """Make a key inside the vault or HSM."""
        self.require_new(spec)
        deed = self._recorder.authorised(
            "key.generate", subject_of(spec), *_TWO_PEOPLE, **_purpose(spec)
        )
        with self._recorder.written(deed):
            self._recorder.given(deed)
            self._made(deed, self._store.generate(spec))
        return self._recorder.transcript(deed)

    def combine(self, spec: KeySpec, parts: Parts) -> Transcript:
        """Join what two or more custodians type, each unseen by the others.

        With production keys each is another person. Nothing is stored before all parts are there
        and the whole has the check value that was expected. Raises :class:`ComponentError`,
        :class:`NotAuthorised`.
        """
        self.require_new(spec)
        require_software(spec, self._place)
        deed = self._recorder.begin("key.combine", subject_of(spec), **_purpose(spec))
        with (
            self._recorder.written(deed),
            collected(self._recorder, deed, spec, parts) as values,
        ):
            self._recorder.given(deed)
            self._made(deed, self._store.combine(spec, values, parts.expected))
        return self._recorder.transcript(deed)

    def new_component(self, spec: KeySpec, booth: Booth) -> Transcript:
        """Make a random part of a key and show it once to the custodian who signed in."""
        require_sound(spec, self._place)
        value = components.new_component(spec)
        deed = self._recorder.begin("key.component", subject_of(spec))
        try:
            with self._recorder.written(deed):
                booth.call(1, 1)
                custodian = self._recorder.sign_in(deed, "custodian")
                part = Part(1, 1, spec, custodian)
                own = components.component_check_value(spec, value)
                try:
                    carrier = components.carrier_number(booth.carrier(part), spec)
                    deed.detail.update(check_value=own, carrier=carrier)
                    self._recorder.given(deed)
                    booth.show(part, value, own)
                finally:
                    booth.leave()
                self._recorder.step(deed, "shown", person=custodian, carrier=carrier, value=own)
        finally:
            value.clear()
        return self._recorder.transcript(deed)

    def require_rotatable(self, old: KeyInfo, new: KeySpec, last_day: date) -> KeyInfo:
        """``old`` with its last day; refuses to leave a day without a valid version."""
        self.require_new(new)
        if last_day < self._clock.today():
            raise InputError(
                Text(
                    f"旧版本的末日 {last_day} 已过，新旧版本应同时可用",
                    f"the last day of the old version, {last_day}, has passed: "
                    "both versions should be usable for a while",
                ),
                where=old.name,
            )
        if new.valid_from is not None and new.valid_from - last_day > timedelta(days=1):
            raise InputError(
                Text(
                    f"{last_day} 至 {new.valid_from} 之间没有可用的版本",
                    f"no version would be valid between {last_day} and {new.valid_from}",
                ),
                where=old.name,
            )
        limited = replace(old, valid_until=last_day)
        require_sound(limited, self._place)
        return limited

    def rotate(
        self, old: KeyInfo, new: KeySpec, last_day: date, parts: Parts | None = None
    ) -> Transcript:
        """Put a new version beside ``old``, whose last day of use is ``last_day``.

        Both are usable until then. Without ``parts`` the new version is generated. The new one
        comes first: whatever ends the rotation half way, both can be used then. Raises
        :class:`HalfRotatedError` when the last day of the old one is not set yet.
        """
        limited = self.require_rotatable(old, new, last_day)
        if parts is not None:
            require_software(new, self._place)
        deed = self._recorder.authorised(
            "key.rotate",
            subject_of(new),
            *_TWO_PEOPLE,
            **_purpose(new),
            old=subject_of(old),
            old_check_value=old.check_value,
            old_until=last_day.isoformat(),
        )
        with self._recorder.written(deed):
            if parts is None:
                self._replaced(deed, limited, lambda: self._store.generate(new))
            else:
                with collected(self._recorder, deed, new, parts) as values:
                    self._replaced(
                        deed, limited, lambda: self._store.combine(new, values, parts.expected)
                    )
        return self._recorder.transcript(deed)

    def set_validity(
        self, key: KeyInfo, valid_from: date | None, valid_until: date | None
    ) -> Transcript:
        """Change the days on which a key may be used."""
        changed = replace(key, valid_from=valid_from, valid_until=valid_until)
        require_sound(changed, self._place)
        deed = self._recorder.authorised(
            "key.validity",
            subject_of(key),
            *_TWO_PEOPLE,
            before=_days(key),
            after=_days(changed),
        )
        with self._recorder.written(deed):
            self._recorder.given(deed)
            self._made(deed, self._store.set_validity(*_place_of(key), valid_from, valid_until))
        return self._recorder.transcript(deed)

    def destroy(self, key: KeyInfo) -> Transcript:
        """Overwrite a key for good."""
        deed = self._recorder.authorised("key.destroy", subject_of(key), *_TWO_PEOPLE)
        with self._recorder.written(deed):
            self._recorder.given(deed)
            self._made(deed, self._store.destroy(*_place_of(key)))
        return self._recorder.transcript(deed)

    def export_block(self, key: KeyInfo, under: KeyInfo, out: Path) -> Transcript:
        """Write a key, protected by the transport key ``under``, to the new file ``out``."""
        require_use(under, "wrap", self._clock.today(), self._place)
        if subject_of(key) == subject_of(under):
            raise InputError(
                Text("密钥不能用自己保护", "a key cannot protect itself"), where=key.name
            )
        with claimed(out):
            deed = self._recorder.authorised(
                "key.export",
                subject_of(key),
                *_TWO_PEOPLE,
                check_value=key.check_value,
                under=subject_of(under),
                under_check_value=under.check_value,
            )
            with self._recorder.written(deed, lasting=False):
                self._recorder.given(deed)
                block = self._store.export_block(*_place_of(key), under)
                replace_file(out, block.to_text().encode("ascii") + b"\n")
                deed.keys = (key, under)
                deed.file = str(out)
        return self._recorder.transcript(deed)

    def require_importable(self, block: KeyBlock) -> KeyInfo:
        """The transport key that opens ``block``, when nothing speaks against taking it."""
        if block.environment != self._store.environment:
            raise _foreign(block, self._place)
        self.require_new(block.spec)
        name, version = block.under_name, block.under_version
        try:
            under = specs.find(self._store, name, version, "aes", self._place)
        except DestroyedKeyError:
            raise
        except UnknownKeyError as error:
            command = f"sscard keys combine {name} --version {version} --use wrap"
            error.hint = Text(
                f"先以分量输入传输密钥：{command}",
                f"bring the transport key in first, by its components: {command}",
            )
            raise
        require_use(under, "wrap", self._clock.today(), self._place)
        return under

    def import_block(self, block: KeyBlock) -> Transcript:
        """Take the key of ``block`` in, with the purpose and the days that it binds."""
        under = self.require_importable(block)
        deed = self._recorder.authorised(
            "key.import",
            subject_of(block.spec),
            *_TWO_PEOPLE,
            **_purpose(block.spec),
            under=subject_of(under),
        )
        with self._recorder.written(deed):
            self._recorder.given(deed)
            self._made(deed, self._store.import_block(block))
        return self._recorder.transcript(deed)

    def require_passphrase(self) -> PassphraseHolder:
        """The vault, if it has a passphrase; raises :class:`MissingCapabilityError`."""
        if isinstance(self._store, PassphraseHolder):
            return self._store
        raise MissingCapabilityError(
            Text("此密钥服务没有口令", "this key service has no passphrase"),
            where=self._place,
            hint=Text("加密机的 PIN 请用其工具更改", "change the PIN of an HSM by its tool"),
        )

    def change_passphrase(self, ask: Callable[[], tuple[Secret, Secret]]) -> Transcript:
        """Protect the vault by another passphrase; ``ask``, after consent: the old, the new one."""
        vault = self.require_passphrase()
        deed = self._recorder.authorised("vault.passphrase", self._place, "custodian")
        with self._recorder.written(deed):
            old, new = ask()
            self._recorder.given(deed)
            vault.change_passphrase(old, new)
        return self._recorder.transcript(deed)

    # Inside

    def _made(self, deed: Deed, *keys: KeyInfo) -> None:
        deed.keys = keys
        deed.detail["check_value"] = keys[0].check_value

    def _replaced(self, deed: Deed, limited: KeyInfo, make: Callable[[], KeyInfo]) -> None:
        """The new version, and then the old one with its last day."""
        self._recorder.given(deed)
        last_day = deed.detail.pop("old_until")
        try:
            made = make()
        except UnconfirmedError as error:
            deed.detail.update(disk="unconfirmed", old_until="not set")
            raise _half_rotated(deed, limited, error) from None
        self._made(deed, made)
        deed.detail["old_until"] = "not set"
        try:
            ended = self._store.set_validity(
                *_place_of(limited), limited.valid_from, limited.valid_until
            )
        except UnconfirmedError:
            deed.detail["old_until"] = last_day
            raise
        except SscardError as error:
            raise _half_rotated(deed, limited, error) from None
        deed.detail["old_until"] = last_day
        deed.keys = made, ended
        self._recorder.step(deed, "old_key", value=ended.check_value)


def subject_of(spec: KeySpec) -> str:
    """A key in a few words: ``UKSSSE 02 3DES``."""
    return f"{spec.name} {spec.version:02d} {spec.algorithm.upper()}"


def _place_of(key: KeyInfo) -> tuple[str, int, str]:
    return key.name, key.version, key.family


def _purpose(spec: KeySpec) -> dict[str, str]:
    return {"level": spec.level, "use": spec.use, "valid": _days(spec)}


def _days(spec: KeySpec) -> str:
    first, last = (
        "" if day is None else day.isoformat() for day in (spec.valid_from, spec.valid_until)
    )
    return f"{first}/{last}"


def _foreign(block: KeyBlock, place: str) -> EnvironmentMismatchError:
    names = {"test": Text("测试", "test"), "production": Text("生产", "production")}
    name = names[block.environment]
    return EnvironmentMismatchError(
        Text(
            f"密钥块中是{name.zh}密钥，不能导入 {place}",
            f"the key block holds a {name.en} key, which {place} does not take",
        ),
        where=block.spec.name,
        hint=Text("测试密钥与生产密钥不得混用", "test and production keys are never mixed"),
    )


def _half_rotated(deed: Deed, limited: KeyInfo, error: SscardError) -> HalfRotatedError:
    old = subject_of(limited)
    command = (
        f"sscard keys validity {limited.name} --version {limited.version} "
        f"--algorithm {limited.algorithm} --valid-until {limited.valid_until}"
    )
    return HalfRotatedError(
        Text(
            f"新版本 {deed.subject} 已存入，但旧版本 {old} 的末日尚未设定：{error.what.zh}",
            f"the new version {deed.subject} is in, but the last day of {old} is not set yet: "
            f"{error.what.en}",
        ),
        where=error.where,
        hint=Text(
            f"两个版本均可用，无需重新更换。请补设末日：{command}",
            f"both can be used, do not rotate again; set the last day by: {command}",
        ),
    )
