"""The people who may act on keys and cards: names, roles, passwords."""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from sscard_ic.base.authority import NOBODY, AuditEvent, Role
from sscard_ic.base.clock import Clock
from sscard_ic.base.secret import Secret
from sscard_ic.ledger import operator_errors as errors
from sscard_ic.ledger.audit import AuditLog
from sscard_ic.ledger.database import Database
from sscard_ic.ledger.tables import operators

ROLES: tuple[Role, ...] = get_args(Role)

LOCK_AFTER = 3
"""Wrong passwords in a row that lock a name (ref 05 §9.4, row of §5.6)."""

LONE_SUPERVISOR_WAIT = timedelta(minutes=30)
"""After this time a locked supervisor may try once more, where no other one could unlock."""

PASSWORD_CHARACTERS = 8
"""Fewest characters of a password."""

NAME_CHARACTERS = 64
"""Most characters of a name."""

_PUNCTUATION = frozenset(" .-_·")
"""What a name may have beside letters and digits."""


class Scrypt(NamedTuple):
    """Cost of one try of a password."""

    n: int
    r: int
    p: int


SCRYPT = Scrypt(n=2**15, r=8, p=1)
"""Of new passwords; each row keeps its own."""

_MEMORY = 64 * 1024 * 1024
"""Bytes that scrypt may take: twice what :data:`SCRYPT` needs."""

_SALT_BYTES, _HASH_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class Operator:
    """A person; ``name`` as it was written first."""

    name: str
    roles: tuple[Role, ...]
    state: Literal["active", "disabled"]
    locked: bool
    must_change: bool
    """Somebody else knows the password: nothing may be done with it but setting another."""
    failed_tries: int
    created: datetime
    changed: datetime


class Operators:
    """The operators of a ledger.

    Every change stands in the audit log, written in the same transaction: neither is there
    without the other. Who must consent is asked by the caller; ``actors`` are those who did. Names
    are the same when they differ in case or width alone.
    """

    def __init__(self, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def all(self) -> tuple[Operator, ...]:
        """Everybody, in the order they were added; disabled ones too."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(operators).order_by(operators.c.id)).mappings()
            return tuple(_operator(row) for row in rows)

    def get(self, name: str) -> Operator:
        """The operator ``name``; raises :class:`InputError` naming the known ones."""
        with self._database.read() as connection:
            return _operator(_known(connection, name))

    def supervisors(self) -> int:
        """How many active operators have the role of a supervisor."""
        with self._database.read() as connection:
            return len(_supervisors(connection))

    def require_free(self, name: str) -> str:
        """``name`` as a new operator would have it; raises as :meth:`add` does."""
        display = _usable(name)
        with self._database.read() as connection:
            if _row(connection, display) is not None:
                raise errors.name_taken(display)
        return display

    def add(
        self,
        name: str,
        roles: Iterable[Role],
        password: Secret,
        *,
        actors: tuple[str, ...] = (NOBODY,),
        first: bool = False,
        must_change: bool = False,
    ) -> Operator:
        """Add a person.

        ``first``: nobody consented, since there are no operators yet; must be a supervisor then.
        ``must_change``: somebody else chose the password.
        Raises :class:`InputError` for a name or password against the rules and a name that is
        taken, :class:`NotAuthorised` for a first one who is not the first.
        """
        display, chosen = _usable(name), _roles(roles)
        if first and "supervisor" not in chosen:
            raise errors.first_not_supervisor()
        values = _hashed(display, password)
        with self._database.write() as connection:
            if first and connection.execute(sa.select(operators.c.id).limit(1)).first():
                raise errors.not_first()
            if _row(connection, display) is not None:
                raise errors.name_taken(display)
            now = self._now()
            values |= {
                "name": _key(display),
                "display": display,
                "roles": ",".join(chosen),
                "state": "active",
                "must_change": must_change,
                "failed_tries": 0,
                "created_at": now,
                "changed_at": now,
            }
            connection.execute(sa.insert(operators), values)
            detail = {"roles": ",".join(chosen)}
            self._audit.append(
                connection, AuditEvent("operator.add", display, actors, "done", detail)
            )
            return _operator(_known(connection, display))

    def set_roles(
        self, name: str, roles: Iterable[Role], *, actors: tuple[str, ...] = (NOBODY,)
    ) -> Operator:
        """Give a person these roles instead of the present ones.

        Raises :class:`InputError` when no active supervisor would be left.
        """
        chosen = _roles(roles)
        with self._database.write() as connection:
            row = _known(connection, name)
            if "supervisor" not in chosen:
                _require_another_supervisor(connection, row)
            detail = {"roles": ",".join(chosen), "before": row["roles"]}
            return self._change(
                connection, row, "operator.roles", actors, detail, roles=",".join(chosen)
            )

    def set_password(
        self,
        name: str,
        password: Secret,
        *,
        actors: tuple[str, ...] = (NOBODY,),
        must_change: bool = False,
    ) -> Operator:
        """Give a person a new password; a locked one stays locked.

        ``must_change``: somebody else chose it. Raises :class:`InputError` for one against the
        rules, and for the one that had to be changed.
        """
        values = {**_hashed(self.get(name).name, password), "must_change": must_change}
        with self._database.write() as connection:
            row = _known(connection, name)
            if row["must_change"] and not must_change:
                _require_another(password, row)
            return self._change(connection, row, "operator.password", actors, {}, **values)

    def disable(self, name: str, *, actors: tuple[str, ...] = (NOBODY,)) -> Operator:
        """Let a person sign in no more; the name is never given to another.

        Raises :class:`InputError` when no active supervisor would be left.
        """
        with self._database.write() as connection:
            row = _known(connection, name)
            _require_another_supervisor(connection, row)
            return self._change(connection, row, "operator.disable", actors, {}, state="disabled")

    def enable(self, name: str, *, actors: tuple[str, ...] = (NOBODY,)) -> Operator:
        """Let a disabled or locked person sign in again."""
        with self._database.write() as connection:
            row = _known(connection, name)
            detail = {"was": "locked" if row["locked_at"] else row["state"]}
            values = {"state": "active", "failed_tries": 0, "locked_at": None}
            return self._change(connection, row, "operator.enable", actors, detail, **values)

    def sign_in(
        self, name: str, password: Secret, *, action: str = NOBODY, subject: str = NOBODY
    ) -> Operator:
        """The operator ``name``, if ``password`` is right; to do ``action`` to ``subject``.

        Raises :class:`NotAuthorised` with the same words, after the same work, for a wrong name,
        a wrong password, a disabled and a locked name; which it was stands in the audit log.
        :data:`LOCK_AFTER` wrong passwords in a row lock the name.
        """
        with self._database.read() as connection:
            row = _row(connection, name)
        digest = _digest(password, row)
        with self._database.write() as connection:
            # As it is now: others may have tried meanwhile, too.
            row = _row(connection, name)
            reason = self._refusal(connection, row, digest)
            if row is not None and reason is None:
                _update(connection, row, failed_tries=0, locked_at=None)
                return _operator(_known(connection, name))
            detail = {"reason": str(reason)}
            if action != NOBODY:
                detail |= {"action": action, "subject": subject}
            if row is not None and reason == "password":
                detail |= self._count(connection, row)
            # A name nobody has may be a password that was typed into the wrong line.
            person = NOBODY if row is None else row["display"]
            event = AuditEvent("sign_in.refused", person, outcome="refused", detail=detail)
            self._audit.append(connection, event)
        raise errors.refused(LOCK_AFTER)

    def _refusal(
        self, connection: Connection, row: RowMapping | None, digest: bytes
    ) -> Literal["name", "disabled", "locked", "password"] | None:
        right = hmac.compare_digest(digest, bytes(_HASH_BYTES) if row is None else row["hash"])
        if row is None:
            return "name"
        if row["state"] != "active":
            return "disabled"
        if row["locked_at"] is not None and not self._may_try_again(connection, row):
            return "locked"
        return None if right else "password"

    def _may_try_again(self, connection: Connection, row: RowMapping) -> bool:
        free = [each for each in _supervisors(connection) if each["locked_at"] is None]
        if free or "supervisor" not in row["roles"].split(","):
            return False
        since = datetime.fromisoformat(row["locked_at"])
        return self._clock.now() - since >= LONE_SUPERVISOR_WAIT

    def _count(self, connection: Connection, row: RowMapping) -> Mapping[str, str]:
        tries = row["failed_tries"] + 1
        locked = tries >= LOCK_AFTER
        _update(connection, row, failed_tries=tries, locked_at=self._now() if locked else None)
        return {"tries": str(tries), "locked": "yes" if locked else "no"}

    def _change(
        self,
        connection: Connection,
        row: RowMapping,
        action: str,
        actors: tuple[str, ...],
        detail: Mapping[str, str],
        **values: Any,
    ) -> Operator:
        _update(connection, row, changed_at=self._now(), **values)
        self._audit.append(connection, AuditEvent(action, row["display"], actors, "done", detail))
        return _operator(_known(connection, row["display"]))

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


def _operator(row: RowMapping) -> Operator:
    held = row["roles"].split(",")
    return Operator(
        name=row["display"],
        roles=tuple(role for role in ROLES if role in held),
        state="active" if row["state"] == "active" else "disabled",
        locked=row["locked_at"] is not None,
        must_change=row["must_change"],
        failed_tries=row["failed_tries"],
        created=datetime.fromisoformat(row["created_at"]),
        changed=datetime.fromisoformat(row["changed_at"]),
    )


def _row(connection: Connection, name: str) -> RowMapping | None:
    query = sa.select(operators).where(operators.c.name == _key(name))
    return connection.execute(query).mappings().first()


def _known(connection: Connection, name: str) -> RowMapping:
    row = _row(connection, name)
    if row is None:
        listed = connection.execute(sa.select(operators.c.display).order_by(operators.c.id))
        raise errors.unknown(name, list(listed.scalars()))
    return row


def _supervisors(connection: Connection) -> list[RowMapping]:
    active = sa.select(operators).where(operators.c.state == "active")
    rows = connection.execute(active).mappings()
    return [row for row in rows if "supervisor" in row["roles"].split(",")]


def _require_another_supervisor(connection: Connection, row: RowMapping) -> None:
    if [each["id"] for each in _supervisors(connection)] == [row["id"]]:
        raise errors.last_supervisor(row["display"])


def _update(connection: Connection, row: RowMapping, **values: Any) -> None:
    connection.execute(
        sa.update(operators).where(operators.c.id == row["id"]).values(values),
    )


def _key(name: str) -> str:
    """What makes two names the same."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    # Typed bytes that are no text; there is no such name.
    return unicodedata.normalize("NFKC", folded).strip().encode(errors="replace").decode()


def _usable(name: str) -> str:
    display = unicodedata.normalize("NFC", name).strip()
    key = _key(display)
    fits = 0 < len(display) <= NAME_CHARACTERS and 0 < len(key) <= NAME_CHARACTERS
    if not fits or not all(map(_visible, display)) or key == NOBODY:
        raise errors.bad_name(NAME_CHARACTERS)
    return display


def _visible(character: str) -> bool:
    """Whether it can be told apart on a list: Hangul fillers and other blanks are letters, too."""
    category = unicodedata.category(character)
    return character in _PUNCTUATION or (
        category[0] in "LN" and "FILLER" not in unicodedata.name(character, "FILLER")
    )


def _roles(roles: Iterable[Role]) -> tuple[Role, ...]:
    asked = set(roles)
    if not asked or not asked <= set(ROLES):
        raise errors.bad_roles(ROLES)
    return tuple(role for role in ROLES if role in asked)


def _hashed(name: str, password: Secret) -> dict[str, Any]:
    """The columns of a new password; raises :class:`InputError` when it is against the rules."""
    text = _normal(password)
    if len(text) < PASSWORD_CHARACTERS:
        raise errors.password_too_short(PASSWORD_CHARACTERS)
    if _key(text) == _key(name):
        raise errors.password_is_name()
    salt = os.urandom(_SALT_BYTES)
    return {
        "scrypt_n": SCRYPT.n,
        "scrypt_r": SCRYPT.r,
        "scrypt_p": SCRYPT.p,
        "salt": salt,
        "hash": _scrypt(text, salt, SCRYPT),
    }


def _digest(password: Secret, row: RowMapping | None) -> bytes:
    """What must be the row's hash; without a row the same work for nothing."""
    if row is None:
        return _scrypt(_normal(password), bytes(_SALT_BYTES), SCRYPT)
    cost = Scrypt(row["scrypt_n"], row["scrypt_r"], row["scrypt_p"])
    try:
        return _scrypt(_normal(password), row["salt"], cost)
    except ValueError:
        raise errors.damaged(row["display"]) from None


def _require_another(password: Secret, row: RowMapping) -> None:
    if hmac.compare_digest(_digest(password, row), row["hash"]):
        raise errors.password_unchanged()


def _scrypt(text: str, salt: bytes, cost: Scrypt) -> bytes:
    return hashlib.scrypt(
        text.encode(errors="surrogateescape"),
        salt=salt,
        n=cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=_MEMORY,
        dklen=_HASH_BYTES,
    )


def _normal(password: Secret) -> str:
    """The same characters typed on two systems may be composed differently."""
    text = password.reveal().decode(errors="surrogateescape")
    return unicodedata.normalize("NFC", text)
