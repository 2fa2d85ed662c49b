"""Who does what a command does: people sign in at the terminal, two for what is dangerous."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import click

from sscard_ic.base.authority import NOBODY, AuditEvent, NotAuthorised, Role
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.cli import secrets
from sscard_ic.cli.common import language, say, tr
from sscard_ic.keys import Environment
from sscard_ic.ledger import Ledger, Operator

ROLE_WORDS: dict[Role, Text] = {
    "custodian": Text("密钥保管人", "custodian"),
    "operator": Text("操作员", "operator"),
    "supervisor": Text("主管", "supervisor"),
    "auditor": Text("审计员", "auditor"),
}

PROMPTS = 3
"""How often one person is asked for before the command gives up."""


class Desk:
    """Where people sign in for one run of a command; a :class:`~base.authority.Authoriser`.

    The first of them may be named by ``SSCARD_OPERATOR``, with the password in
    ``SSCARD_OPERATOR_PASSWORD`` or ``SSCARD_OPERATOR_PASSWORD_FILE``; everybody else types. Test
    keys are public: in the environment ``test`` nobody is asked, but whoever ``SSCARD_OPERATOR``
    names must sign in, and is the actor then.
    """

    def __init__(self, ledger: Ledger, environment: Environment) -> None:
        self._operators = ledger.operators
        self._audit = ledger.audit
        self._asks = environment != "test"
        self._people: list[Operator] = []
        self._first_asked = False

    def sign_in(self, *any_of: Role, action: str = NOBODY, subject: str = NOBODY) -> str:
        """The name of somebody who signs in now and has one of these roles (none: any role).

        Each call asks anew, so that several people can be asked for, one after the other. Raises
        :class:`NotAuthorised`; the refusal is in the audit log then.
        """
        return self._signed_in(_Wanted(any_of or tuple(ROLE_WORDS), action, subject))

    def sign_in_for_password(self, of: str) -> str:
        """The name of somebody who wants to set the password of ``of``.

        That person may come with a password that must be changed, which serves for nothing else.
        """
        wanted = _Wanted(tuple(ROLE_WORDS), "operator.password", of, own_password=of)
        return self._signed_in(wanted)

    def _signed_in(self, wanted: _Wanted) -> str:
        return self._admit(wanted).name if self._asks else self._actor_of_a_test(wanted)

    def authorise(self, action: str, subject: str, *roles: Role) -> tuple[str, ...]:
        """As many different people as ``roles``, one of each; first who has signed in already.

        In the environment ``test`` one name only. Raises :class:`NotAuthorised`; the refusal is in
        the audit log then.
        """
        if not self._asks:
            return (self._actor_of_a_test(_Wanted(roles, action, subject)),)
        while True:
            present = [self._operators.get(person.name) for person in self._people]
            chosen = _chosen((each for each in present if each.state == "active"), roles)
            names = tuple(person.name for person in chosen)
            if len(chosen) == len(roles):
                return names
            self._admit(_Wanted(_missing(chosen, roles), action, subject, names))

    def _actor_of_a_test(self, wanted: _Wanted) -> str:
        if not self._people:
            given = secrets.first_operator()
            if given is None:
                return NOBODY
            self._people.append(self._checked(wanted, *given, last=True))
        return self._people[0].name

    def _admit(self, wanted: _Wanted) -> Operator:
        if not self._operators.all():
            raise self._refused(wanted, "operators", _no_operators())
        tries = 0
        while True:
            given = None if self._first_asked else secrets.first_operator()
            self._first_asked = True
            name, password = given or self._typed(wanted)
            tries += 1
            last = given is not None or tries == PROMPTS
            try:
                return self._joined(wanted, name, password, last=last)
            except NotAuthorised as error:
                if last:
                    raise
                click.echo(error.render(language()), err=True)

    def _joined(self, wanted: _Wanted, name: str, password: Secret, *, last: bool) -> Operator:
        operator = self._checked(wanted, name, password, last=last)
        if operator.name in wanted.present:
            raise self._refused(wanted, "same person", _same_person(operator.name), operator)
        if not set(operator.roles) & set(wanted.roles):
            error = _lacks_role(operator.name, wanted.roles)
            raise self._refused(wanted, "role", error, operator)
        if all(person.name != operator.name for person in self._people):
            self._people.append(operator)
        return operator

    def _checked(self, wanted: _Wanted, name: str, password: Secret, *, last: bool) -> Operator:
        """Who has signed in; the deed is refused, too, when the ``last`` try fails."""
        try:
            operator = self._operators.sign_in(
                name, password, action=wanted.action, subject=wanted.subject
            )
        except NotAuthorised as error:
            if last:
                self._refused(wanted, "sign_in", error)
            raise
        finally:
            password.clear()
        if operator.must_change and operator.name != wanted.own_password:
            raise self._refused(wanted, "must change", _must_change(operator.name), operator)
        return operator

    def _typed(self, wanted: _Wanted) -> tuple[str, Secret]:
        """Name and password of somebody at the terminal."""
        if not _somebody_may_type():
            raise self._refused(wanted, "no terminal", _nobody_there())
        say(_who_is_asked(wanted))
        try:
            name: str = click.prompt(tr("姓名", "Name"), err=True)
            return name, secrets.typed_password(tr("密码", "Password"))
        except click.Abort:
            if sys.stdin is not None and sys.stdin.isatty():
                raise
        except InputError:
            pass  # the name came from a file or a pipe, and nothing after it
        raise self._refused(wanted, "no terminal", _nobody_there())

    def _refused(
        self, wanted: _Wanted, reason: str, error: NotAuthorised, person: Operator | None = None
    ) -> NotAuthorised:
        """Writes the refusal down; ``person``: whoever signed in and was not admitted."""
        detail = {"action": wanted.action, "roles": ",".join(wanted.roles), "reason": reason}
        if person is not None:
            detail["person"] = person.name
        actors = wanted.present or (NOBODY,)
        self._audit.record(
            AuditEvent("authorise.refused", wanted.subject, actors, "refused", detail)
        )
        return error


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Somebody with one of ``roles``, beside those who are ``present`` already."""

    roles: tuple[Role, ...]
    action: str = NOBODY
    subject: str = NOBODY
    present: tuple[str, ...] = ()
    own_password: str | None = None
    """Who may come with a password that must be changed, for that is what they come for."""


def _somebody_may_type() -> bool:
    """Whether standard input may be a person: a file, a pipe and a closed one are none.

    A stream within this process has no descriptor: whoever made it answers for what is in it.
    """
    if sys.stdin is None:
        return False
    try:
        return os.isatty(sys.stdin.fileno())
    except (OSError, ValueError):
        return not sys.stdin.closed


def _chosen(people: Iterable[Operator], roles: Sequence[Role]) -> list[Operator]:
    """As many as can take different ones of ``roles``, earlier ones first."""
    chosen: list[Operator] = []
    for person in people:
        if _fit([*(each.roles for each in chosen), person.roles], roles):
            chosen.append(person)
    return chosen


def _missing(chosen: Sequence[Operator], roles: Sequence[Role]) -> tuple[Role, ...]:
    """The roles of which one more person must have one."""
    held = [person.roles for person in chosen]
    return tuple(role for role in dict.fromkeys(roles) if _fit([*held, (role,)], roles))


def _fit(held: Sequence[tuple[Role, ...]], roles: Sequence[Role]) -> bool:
    """Whether everybody can take a role of their own."""
    return any(
        all(role in mine for role, mine in zip(order, held, strict=True))
        for order in permutations(roles, len(held))
    )


def _words(roles: Iterable[Role]) -> Text:
    words = [ROLE_WORDS[role] for role in roles]
    return Text("或".join(word.zh for word in words), " or ".join(word.en for word in words))


def _who_is_asked(wanted: _Wanted) -> Text:
    words = _words(wanted.roles)
    head = "" if wanted.action == NOBODY else f"{wanted.action} {wanted.subject}"
    if wanted.present:
        who = Text(f"须另一人同意，请{words.zh}登录", f"another person must consent: {words.en}")
    else:
        who = Text(f"请{words.zh}登录", f"sign in: {words.en}")
    return Text(f"{head}：{who.zh}" if head else who.zh, f"{head}: {who.en}" if head else who.en)


def _no_operators() -> NotAuthorised:
    return NotAuthorised(
        Text("台账中还没有操作人员", "the ledger has no operators yet"),
        hint=Text(
            "请先添加主管：sscard operator add 名字 --role supervisor",
            "add a supervisor first: sscard operator add NAME --role supervisor",
        ),
    )


def _same_person(name: str) -> NotAuthorised:
    return NotAuthorised(
        Text(f"{name} 已登录；须由另一人同意", f"{name} has signed in already"),
        hint=Text("请由另一人登录", "another person must consent"),
    )


def _lacks_role(name: str, roles: Iterable[Role]) -> NotAuthorised:
    words = _words(roles)
    return NotAuthorised(
        Text(f"{name} 不是{words.zh}", f"{name} is no {words.en}"),
        hint=Text(
            "请由具有该角色的人登录；sscard operator list 列出角色",
            "somebody with that role must sign in; sscard operator list shows the roles",
        ),
    )


def _must_change(name: str) -> NotAuthorised:
    return NotAuthorised(
        Text(
            f"{name} 的密码由他人设置，须先由本人更改",
            f"somebody else has set the password of {name}: it must be changed first",
        ),
        hint=Text(
            f"请本人运行：sscard operator password {name}",
            f"{name} runs: sscard operator password {name}",
        ),
    )


def _nobody_there() -> NotAuthorised:
    return NotAuthorised(
        Text("没有终端，无人可以登录", "nobody can sign in: there is no terminal"),
        hint=Text(
            "第一人可用 SSCARD_OPERATOR 和 SSCARD_OPERATOR_PASSWORD（或 _FILE）指定；"
            "第二人必须在终端前登录",
            "the first person may come from SSCARD_OPERATOR and SSCARD_OPERATOR_PASSWORD "
            "(or SSCARD_OPERATOR_PASSWORD_FILE); a second person must be present at a terminal",
        ),
    )
