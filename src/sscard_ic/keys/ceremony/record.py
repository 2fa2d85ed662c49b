"""A deed while it is done: who took part, and the audit log's entry however it ends."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from typing import Protocol

from sscard_ic.base.authority import (
    NOBODY,
    AuditEvent,
    AuditSink,
    Authoriser,
    NotAuthorised,
    Outcome,
    Role,
)
from sscard_ic.base.clock import Clock
from sscard_ic.base.errors import SscardError, Text
from sscard_ic.keys.ceremony.transcript import Step, StepKind, Transcript
from sscard_ic.keys.errors import UnconfirmedError
from sscard_ic.keys.inventory import Environment, KeyInfo


class Desk(Authoriser, Protocol):
    """Where people sign in."""

    def sign_in(self, *roles: Role) -> str:
        """The name of one person with any of ``roles``; raises :class:`NotAuthorised`."""
        ...


class AuditChain(AuditSink, Protocol):
    """An audit log whose end can be noted elsewhere."""

    def head(self) -> object:
        """The last entry; its ``str`` is ``seq:hash``."""
        ...


class DoneError(SscardError):
    """Something was done whole, and what should have come after it was not."""

    def __init__(
        self, transcript: Transcript, what: Text, *, where: str = "", hint: Text | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.transcript = transcript


class UnrecordedError(DoneError):
    """Something was done, and the audit log could not be written."""


class DoneUnconfirmedError(DoneError):
    """Something was done, and the disk did not confirm that it lasts."""


class NothingDoneError(SscardError):
    """The audit log could not be written before anything was done."""


@dataclass(slots=True)
class Deed:
    """What has happened so far."""

    action: str
    subject: str
    detail: dict[str, str]
    actors: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    keys: tuple[KeyInfo, ...] = ()
    file: str = ""

    def join(self, names: Iterable[str]) -> None:
        """These take part; nobody is named twice."""
        self.actors += [name for name in dict.fromkeys(names) if name not in self.actors]


class Recorder:
    """Begins deeds on one vault or token, and writes down how they ended."""

    def __init__(
        self,
        environment: Environment,
        place: str,
        desk: Desk,
        audit: AuditChain,
        clock: Clock,
    ) -> None:
        self._environment = environment
        self._place = place
        self._desk = desk
        self._audit = audit
        self._clock = clock

    @property
    def needs_people(self) -> bool:
        """Whether people must sign in: test keys are public."""
        return self._environment == "production"

    def begin(self, action: str, subject: str, **detail: str) -> Deed:
        """A deed that nobody has consented to yet."""
        common = {"environment": self._environment, "place": self._place}
        deed = Deed(action, subject, {**common, **detail})
        self.step(deed, "begun")
        return deed

    def authorised(self, action: str, subject: str, *roles: Role, **detail: str) -> Deed:
        """A deed that one person of each of ``roles`` has consented to."""
        deed = self.begin(action, subject, **detail)
        names = self._desk.authorise(action, subject, *roles)
        deed.join(names)
        for name in dict.fromkeys(names):
            if name != NOBODY:
                self.step(deed, "consent", person=name)
        return deed

    def sign_in(self, deed: Deed, *roles: Role) -> str:
        """The name of one more person who takes part."""
        name = self._desk.sign_in(*roles)
        deed.join((name,))
        return name

    def given(self, deed: Deed) -> None:
        """Write down that all have consented; called right before the first change.

        So a deed that is killed, or after which the log is full, has left its trace. Raises
        :class:`NothingDoneError`, before anything is done.
        """
        try:
            self._audit.record(
                _event(deed, "done", "authorise.given", {"action": deed.action, **deed.detail})
            )
        except SscardError as error:
            raise _nothing_done(deed, error) from None

    def refuse(self, deed: Deed, person: str, reason: str) -> None:
        """Write down that ``person`` could not consent, and another is asked for."""
        detail = {"action": deed.action, "reason": reason}
        self._audit.record(
            AuditEvent("authorise.refused", deed.subject, (person,), "refused", detail)
        )

    def step(
        self, deed: Deed, kind: StepKind, *, person: str = "", carrier: str = "", value: str = ""
    ) -> None:
        """Note what has happened now."""
        deed.steps.append(Step(self._clock.now(), kind, person, carrier, value))

    @contextmanager
    def written(self, deed: Deed, *, lasting: bool = True) -> Iterator[None]:
        """Do it inside: the audit log says how it ended, also when it was broken off.

        Raises :class:`UnrecordedError` when the log cannot be written after something ``lasting``;
        else its own error, upon which the caller undoes what was done. What the disk did not
        confirm is done, and ends with :class:`DoneUnconfirmedError`.
        """
        unconfirmed: UnconfirmedError | None = None
        try:
            yield
        except NothingDoneError:
            raise
        except UnconfirmedError as error:
            unconfirmed = error
            deed.detail["disk"] = "unconfirmed"
        except BaseException as error:
            outcome: Outcome = "refused" if isinstance(error, NotAuthorised) else "failed"
            reason = error.what.en if isinstance(error, SscardError) else type(error).__name__
            detail = {**deed.detail, "reason": reason}
            self._audit.record(_event(deed, outcome, deed.action, detail))
            raise
        self.step(deed, "done")
        try:
            self._audit.record(_event(deed, "done", deed.action, deed.detail))
        except SscardError as error:
            if not lasting:
                raise
            raise self._unrecorded(deed, error) from None
        if unconfirmed is not None:
            raise DoneUnconfirmedError(
                self.transcript(deed),
                unconfirmed.what,
                where=unconfirmed.where,
                hint=unconfirmed.hint,
            ) from None

    def transcript(self, deed: Deed, *, recorded: bool = True) -> Transcript:
        """The record of a deed that is done; ``recorded``: and in the audit log."""
        return Transcript(
            action=deed.action,
            subject=deed.subject,
            environment=self._environment,
            place=self._place,
            actors=tuple(deed.actors),
            keys=deed.keys,
            steps=tuple(deed.steps),
            machine=platform.node(),
            program=f"sscard-ic {metadata.version('sscard-ic')}",
            audit=str(self._audit.head()) if recorded else "",
            file=deed.file,
        )

    def _unrecorded(self, deed: Deed, error: SscardError) -> UnrecordedError:
        return UnrecordedError(
            self.transcript(deed, recorded=False),
            Text(
                f"{deed.action} {deed.subject} 已完成，但未能写入审计日志：{error.what.zh}",
                f"{deed.action} {deed.subject} is done, but the audit log could not be written: "
                f"{error.what.en}",
            ),
            where=error.where,
            hint=Text(
                "请手工记录此操作及人员，并检查台账的磁盘空间和权限",
                "write it down by hand, with the people, and check the ledger's disk and "
                "permissions",
            ),
        )


def _event(deed: Deed, outcome: Outcome, action: str, detail: Mapping[str, str]) -> AuditEvent:
    actors = tuple(deed.actors) or (NOBODY,)
    return AuditEvent(action, deed.subject, actors, outcome, dict(detail))


def _nothing_done(deed: Deed, error: SscardError) -> NothingDoneError:
    return NothingDoneError(
        Text(
            f"{deed.action} {deed.subject} 未执行，因为无法写入审计日志：{error.what.zh}",
            f"{deed.action} {deed.subject} was not done, for the audit log cannot be written: "
            f"{error.what.en}",
        ),
        where=error.where,
        hint=Text(
            "未更改任何内容。请检查台账的磁盘空间和权限，然后重新开始",
            "nothing was changed; check the ledger's disk and permissions, then begin again",
        ),
    )
