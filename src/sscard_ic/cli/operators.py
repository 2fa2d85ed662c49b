"""``sscard operator``: the people who may act on keys and cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from sscard_ic.base.authority import NOBODY, Role
from sscard_ic.base.errors import Text
from sscard_ic.cli import secrets
from sscard_ic.cli.authority import ROLE_WORDS, Desk
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.ledgers import ledger_option, office_ledger, open_ledger
from sscard_ic.cli.tables import print_table
from sscard_ic.ledger import Ledger, Operator

_roles_option = click.option(
    "--role",
    "roles",
    type=click.Choice(tuple(ROLE_WORDS)),
    multiple=True,
    required=True,
    help="密钥保管人, 操作员, 主管, 审计员; may be given several times.",
)
_STATES = {
    "active": Text("有效", "active"),
    "disabled": Text("停用", "disabled"),
    "locked": Text("锁定", "locked"),
}

_NEW = Text("，须改密码", ", must change password")


@click.group()
def operator() -> None:
    """Operators: names, roles, passwords 操作人员.

    Changes need a supervisor; two of them as soon as there are two.
    """


@operator.command()
@click.argument("name")
@_roles_option
@ledger_option
@json_option
def add(name: str, roles: tuple[str, ...], ledger_file: Path | None, as_json: bool) -> None:
    """Add a person 添加操作人员; the first one is a supervisor.

    The password comes from SSCARD_NEW_PASSWORD, SSCARD_NEW_PASSWORD_FILE or a prompt.
    """
    with office_ledger(ledger_file) as ledger:
        operators = ledger.operators
        display = operators.require_free(name)
        first = not operators.all()
        actors = (NOBODY,) if first else _consent(ledger, "operator.add", display)
        chosen = cast(tuple[Role, ...], roles)
        password = secrets.new_password(display)
        try:
            added = operators.add(
                display, chosen, password, actors=actors, first=first, must_change=not first
            )
        finally:
            password.clear()
    _tell(added, Text(f"已添加 {display}", f"{display} added"), as_json)
    if first:
        say(
            Text(
                "请再添加一名主管：唯一的主管锁定后无人能立即解锁，双人授权也需要第二人",
                "add a second supervisor: nobody can unlock a single one at once, "
                "and dangerous deeds need two people",
            )
        )


@operator.command("list")
@ledger_option
@json_option
def list_operators(ledger_file: Path | None, as_json: bool) -> None:
    """List everybody with roles and state 列出操作人员."""
    with open_ledger(ledger_file) as ledger:
        everybody = ledger.operators.all()
    if as_json:
        print_json({"operators": [_json(each) for each in everybody]})
        return
    rows = [
        (
            each.name,
            ", ".join(ROLE_WORDS[role].to(language()) for role in each.roles),
            _STATES[_state(each)].to(language())
            + (_NEW.to(language()) if each.must_change else ""),
            str(each.failed_tries),
            f"{each.created.astimezone():%Y-%m-%d}",
            f"{each.changed.astimezone():%Y-%m-%d}",
        )
        for each in everybody
    ]
    print_table(
        tr("名字", "name"),
        tr("角色", "roles"),
        tr("状态", "state"),
        tr("输错次数", "wrong tries"),
        tr("添加", "added"),
        tr("变更", "changed"),
        rows=rows,
        numbers=(3,),
    )


@operator.command("roles")
@click.argument("name")
@_roles_option
@ledger_option
@json_option
def set_roles(name: str, roles: tuple[str, ...], ledger_file: Path | None, as_json: bool) -> None:
    """Give a person these roles instead of the present ones 变更角色."""
    with office_ledger(ledger_file) as ledger:
        person = ledger.operators.get(name).name
        actors = _consent(ledger, "operator.roles", person)
        changed = ledger.operators.set_roles(person, cast(tuple[Role, ...], roles), actors=actors)
    _tell(changed, Text(f"已变更 {person} 的角色", f"roles of {person} changed"), as_json)


@operator.command()
@click.argument("name")
@ledger_option
@json_option
def password(name: str, ledger_file: Path | None, as_json: bool) -> None:
    """Set a new password 设置密码: everybody their own, supervisors that of others.

    It comes from SSCARD_NEW_PASSWORD, SSCARD_NEW_PASSWORD_FILE or a prompt.
    """
    with office_ledger(ledger_file) as ledger:
        person = ledger.operators.get(name).name
        desk = Desk(ledger, "production")
        actors: tuple[str, ...] = (desk.sign_in_for_password(person),)
        own = actors == (person,)
        if not own:
            actors = _consent(ledger, "operator.password", person, desk)
        chosen = secrets.new_password(person)
        try:
            changed = ledger.operators.set_password(
                person, chosen, actors=actors, must_change=not own
            )
        finally:
            chosen.clear()
    _tell(changed, Text(f"已设置 {person} 的密码", f"password of {person} set"), as_json)


@operator.command()
@click.argument("name")
@ledger_option
@json_option
def disable(name: str, ledger_file: Path | None, as_json: bool) -> None:
    """Let a person sign in no more 停用; the name stays taken."""
    with office_ledger(ledger_file) as ledger:
        person = ledger.operators.get(name).name
        actors = _consent(ledger, "operator.disable", person)
        changed = ledger.operators.disable(person, actors=actors)
    _tell(changed, Text(f"已停用 {person}", f"{person} disabled"), as_json)


@operator.command()
@click.argument("name")
@ledger_option
@json_option
def enable(name: str, ledger_file: Path | None, as_json: bool) -> None:
    """Let a disabled or locked person sign in again 启用或解锁; one supervisor unlocks."""
    with office_ledger(ledger_file) as ledger:
        person = ledger.operators.get(name)
        if person.state == "active":
            desk = Desk(ledger, "production")
            actors = desk.authorise("operator.enable", person.name, "supervisor")
        else:
            actors = _consent(ledger, "operator.enable", person.name)
        changed = ledger.operators.enable(person.name, actors=actors)
    _tell(changed, Text(f"已启用 {changed.name}", f"{changed.name} enabled"), as_json)


def _consent(ledger: Ledger, action: str, name: str, desk: Desk | None = None) -> tuple[str, ...]:
    """A supervisor, or two different ones where there are two."""
    roles: list[Role] = ["supervisor"] * max(1, min(2, ledger.operators.supervisors()))
    return (desk or Desk(ledger, "production")).authorise(action, name, *roles)


def _tell(person: Operator, done: Text, as_json: bool) -> None:
    if as_json:
        print_json(_json(person))
    say(done)
    if person.must_change:
        say(
            Text(
                f"{person.name} 须先更改密码：sscard operator password {person.name}",
                f"{person.name} must choose another password before anything else: "
                f"sscard operator password {person.name}",
            )
        )


def _state(person: Operator) -> str:
    return "locked" if person.state == "active" and person.locked else person.state


def _json(person: Operator) -> dict[str, Any]:
    return {
        "name": person.name,
        "roles": list(person.roles),
        "state": _state(person),
        "must_change": person.must_change,
        "failed_tries": person.failed_tries,
        "created": person.created.isoformat(),
        "changed": person.changed.isoformat(),
    }
