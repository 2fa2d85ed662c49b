"""People, an audit log and a booth for ceremonies without a terminal."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sscard_ic.base import FixedClock, Secret, SscardError, Text
from sscard_ic.base.authority import NOBODY, AuditEvent, NotAuthorised, Role
from sscard_ic.keys.ceremony import Entry, Part
from sscard_ic.keys.errors import ComponentError
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.inventory import KeySpec

CLOCK = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))


class People:
    """A desk at which the next of ``waiting`` signs in; nobody must with test keys."""

    def __init__(self, *waiting: str, consent: bool = True) -> None:
        self.waiting = list(waiting)
        self.consent = consent
        self.asked: list[tuple[str, str, tuple[Role, ...]]] = []

    def authorise(self, action: str, subject: str, *roles: Role) -> tuple[str, ...]:
        self.asked.append((action, subject, roles))
        if not self.consent:
            raise NotAuthorised(Text("拒绝", "refused"))
        return tuple(f"the {role}" for role in roles)

    def sign_in(self, *roles: Role) -> str:
        if not self.waiting:
            raise NotAuthorised(Text("没有人", "nobody is there"))
        return self.waiting.pop(0)


class NoPeople:
    """The desk of test keys."""

    def authorise(self, action: str, subject: str, *roles: Role) -> tuple[str, ...]:
        return (NOBODY,)

    def sign_in(self, *roles: Role) -> str:
        return NOBODY


class Log:
    """An audit log in memory, which may be full."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        """How deeds ended, and refusals."""
        self.given: list[AuditEvent] = []
        """Consents."""
        self.full = False
        self.full_after_consent = False

    def record(self, event: AuditEvent) -> None:
        if self.full or (self.full_after_consent and self.given):
            raise SscardError(Text("磁盘已满", "the disk is full"))
        (self.given if event.action == "authorise.given" else self.events).append(event)

    def head(self) -> str:
        return f"{len(self.events)}:{'ab' * 32}"

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(event.action, event.outcome) for event in self.events]


@dataclass
class Typist:
    """A booth in which the parts are typed as ``entries`` say."""

    entries: list[Entry]
    carriers: list[str] = field(default_factory=lambda: [f"E-{n:04d}" for n in range(1, 10)])
    log: list[str] = field(default_factory=list)
    refusals: list[tuple[str, int]] = field(default_factory=list)
    interrupt: str = ""
    """The question at which somebody presses Ctrl-C, as ``entry 2``."""
    shown: list[tuple[Secret, str]] = field(default_factory=list)

    def _ask(self, question: str) -> None:
        self.log.append(question)
        if question == self.interrupt:
            raise KeyboardInterrupt

    def call(self, number: int, count: int) -> None:
        self._ask(f"call {number}")

    def carrier(self, part: Part) -> str:
        self._ask(f"carrier {part.number}")
        return self.carriers.pop(0)

    def entry(self, part: Part) -> Entry:
        self._ask(f"entry {part.number}")
        return self.entries.pop(0)

    def refused(self, error: ComponentError, left: int) -> None:
        self.refusals.append((error.what.en, left))

    def unwelcome(self, error: NotAuthorised, left: int) -> None:
        self.refusals.append((error.what.en, left))

    def show(self, part: Part, component: Secret, check_value: str) -> None:
        self.shown.append((Secret(component.reveal()), check_value))
        self._ask(f"show {part.number}")

    def leave(self) -> None:
        self.log.append("leave")


def parts_of_key(spec: KeySpec, count: int = 2) -> list[Secret]:
    """Random parts."""
    return [Secret(secrets.token_bytes(spec.length)) for _ in range(count)]


def typed(
    spec: KeySpec, *values: Secret, form: Callable[[bytes], str] = lambda value: value.hex(" ", 4)
) -> list[Entry]:
    """The parts as custodians type them who make no mistake."""
    return [
        Entry(
            Secret(form(value.reveal()).encode()),
            check_value(spec.algorithm, value).hex().upper(),
        )
        for value in values
    ]


def whole(values: Sequence[Secret]) -> Secret:
    """What the parts make."""
    joined = bytes(len(values[0]))
    for value in values:
        joined = bytes(a ^ b for a, b in zip(joined, value.reveal(), strict=True))
    return Secret(joined)
