"""The protocols through which lower packages have people's consent asked and deeds written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from sscard_ic.base.errors import SscardError

Role = Literal["custodian", "operator", "supervisor", "auditor"]
"""密钥保管人, 操作员, 主管, 审计员."""
Outcome = Literal["done", "refused", "failed"]

NOBODY = "-"
"""Actor of what was done with test keys without signing in."""


class NotAuthorised(SscardError):
    """Somebody may not do this, or not alone."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One deed, before it gets its number, time and place in the chain.

    ``action`` is one of the words of ``docs/keys.md``, as ``key.destroy``; ``subject`` what it was
    done to. Nothing in it may be a key, a PIN or a person's data other than an operator's name.
    """

    action: str
    subject: str
    actors: tuple[str, ...] = (NOBODY,)
    """Who did it, then who consented."""
    outcome: Outcome = "done"
    detail: Mapping[str, str] = field(default_factory=dict)


class AuditSink(Protocol):
    """Keeps events for good."""

    def record(self, event: AuditEvent) -> None:
        """Write ``event`` down durably; raises :class:`SscardError` when it cannot."""
        ...


class Authoriser(Protocol):
    """Makes sure that those who must consent to a deed have signed in for it."""

    def authorise(self, action: str, subject: str, *roles: Role) -> tuple[str, ...]:
        """The names of as many different people as there are ``roles``, one of each role.

        Raises :class:`NotAuthorised`; the refusal is in the audit log then.
        """
        ...


@contextmanager
def deed(sink: AuditSink, event: AuditEvent) -> Iterator[dict[str, str]]:
    """Do ``event`` inside: it is recorded as done after that, or as failed.

    The block may add to the detail it gets. A failure is recorded by the class of its error alone.
    What was done but could not be recorded ends with the error of the ``sink``.
    """
    detail = dict(event.detail)
    try:
        yield detail
    except BaseException as error:
        detail["error"] = type(error).__name__
        sink.record(replace(event, outcome="failed", detail=detail))
        raise
    sink.record(replace(event, detail=detail))
