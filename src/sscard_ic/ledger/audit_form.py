"""An entry of the audit log: its one written form, and its hash, which the next entry holds.

An entry is one JSON object on one line, UTF-8, no spaces between its parts, its
members in this order::

    {"seq":1,"at":"2026-11-21T08:00:00.000+00:00","action":"key.destroy","subject":"RKSSSE 01",
     "actors":["li","wang"],"outcome":"done","detail":{"place":"vault.json"},"host":"station-1",
     "clock":"SystemClock","program":"sscard-ic 0.1.0","prev":"0000…","hash":"4f9c…"}

(broken here for the page). ``seq`` counts from 1 without a gap. ``at`` is UTC by the ``clock``
named. The members of ``detail`` are in the order of their code points. In strings ``"``, ``\\`` and
the characters below U+0020 are escaped (``\\b \\t \\n \\f \\r``, else ``\\u00xx`` in lower case),
nothing else is. ``prev`` is the ``hash`` of the entry before; 64 zeros in the first.

``hash`` is SHA-256, in lower-case hex, of that text without its last member: up to and including
the quote that ends ``prev``, then ``}``. So one line of an export is checked with::

    sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\\n' | sha256sum

The chain shows every change but two: entries cut off at its end, and a log written anew from some
entry on. Both show against a head, ``seq:hash``, that was noted elsewhere before.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import NamedTuple, get_args

from sscard_ic.base.authority import AuditEvent, Outcome
from sscard_ic.ledger import errors

START = "0" * 64
"""``prev`` of the first entry."""

_OUTCOMES: dict[str, Outcome] = {outcome: outcome for outcome in get_args(Outcome)}


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Number and hash of an entry: pins down everything up to it."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> AuditHead:
        """The head that was printed as ``seq:hash``; raises :class:`ValueError`."""
        if not re.fullmatch(r"[0-9]{1,18}:[0-9a-fA-F]{64}", text, re.ASCII):
            raise ValueError(text)
        seq, digest = text.split(":")
        return cls(int(seq), digest.lower())


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event with its place in the log."""

    seq: int
    at: datetime
    event: AuditEvent
    host: str
    clock: str
    program: str
    prev: str
    hash: str


class AuditRow(NamedTuple):
    """A row as it lies in the file; bytes that are no UTF-8 as lone surrogates."""

    seq: int
    at: str
    action: str
    subject: str
    actors: str
    outcome: str
    detail: str
    host: str
    clock: str
    program: str
    prev: str
    hash: str

    def text(self) -> str:
        """What is hashed."""
        return "".join(
            (
                f'{{"seq":{self.seq},"at":{_json(self.at)},"action":{_json(self.action)},',
                f'"subject":{_json(self.subject)},"actors":{self.actors},',
                f'"outcome":{_json(self.outcome)},"detail":{self.detail},',
                f'"host":{_json(self.host)},"clock":{_json(self.clock)},',
                f'"program":{_json(self.program)},"prev":{_json(self.prev)}}}',
            )
        )

    def line(self) -> bytes:
        """The whole entry as one line of JSON, without the end of the line."""
        return _bytes(f'{self.text()[:-1]},"hash":{_json(self.hash)}}}')

    def digest(self) -> str:
        """The hash that belongs to this content."""
        return _sha256(self.text())

    def number(self, among: range) -> int | None:
        """The number, if any of these, with which this content has its hash."""
        rest = self.text().removeprefix(f'{{"seq":{self.seq}')
        numbers = (seq for seq in among if _sha256(f'{{"seq":{seq}{rest}') == self.hash)
        return next(numbers, None)

    def entry(self) -> AuditEntry:
        """Its meaning; raises :class:`SscardError` when it has none."""
        actors, detail = _list(self.actors), _object(self.detail)
        at = _time(self.at)
        if actors is None or detail is None or at is None or self.outcome not in _OUTCOMES:
            raise errors.audit_damaged(self.seq)
        event = AuditEvent(self.action, self.subject, actors, _OUTCOMES[self.outcome], detail)
        return AuditEntry(
            self.seq, at, event, self.host, self.clock, self.program, self.prev, self.hash
        )

    def is_canonical(self) -> bool:
        """Whether its parts that are JSON are written in the one form they can have."""
        actors, detail = _list(self.actors), _object(self.detail)
        return (
            actors is not None
            and detail is not None
            and _json(actors) == self.actors
            and _sorted(detail) == self.detail
        )


def compose(event: AuditEvent, last: AuditHead, at: datetime, *, clock: str, host: str) -> AuditRow:
    """The entry of ``event``, after ``last``."""
    row = AuditRow(
        seq=last.seq + 1,
        at=moment(at),
        action=_clean(event.action),
        subject=_clean(event.subject),
        actors=_json([_clean(name) for name in event.actors]),
        outcome=event.outcome,
        detail=_sorted({_clean(name): _clean(value) for name, value in event.detail.items()}),
        host=_clean(host),
        clock=clock,
        program=_program(),
        prev=last.hash,
        hash="",
    )
    return row._replace(hash=row.digest())


def moment(at: datetime) -> str:
    """A time as entries have it: all of one length, so that they sort as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


@cache
def _program() -> str:
    return f"sscard-ic {metadata.version('sscard-ic')}"


def _clean(text: str) -> str:
    """Half characters, as in names of files, and NUL are no text for a database: in words."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _list(text: str) -> tuple[str, ...] | None:
    value = _parsed(text)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def _object(text: str) -> dict[str, str] | None:
    value = _parsed(text)
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return value
    return None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _sorted(detail: dict[str, str]) -> str:
    return _json(dict(sorted(detail.items())))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sha256(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
