"""How a root key is named on the command line: one that is there, or one that is to be."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any, Literal, TypeVar, get_args

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.ceremony_booth import TerminalBooth, ask
from sscard_ic.cli.common import language, tr
from sscard_ic.keys.ceremony import Parts, Wanted, parsed_check_value, subject_of
from sscard_ic.keys.inventory import KeyInfo, KeySpec, Level, RootAlgorithm, Use

F = TypeVar("F", bound=Callable[..., Any])

NO_DAY: Literal["none"] = "none"
"""Word for a validity without limit."""

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

name_argument = click.argument("name")
algorithm_option = click.option(
    "--algorithm",
    type=click.Choice(get_args(RootAlgorithm)),
    help="Algorithm 算法 (default: what there is; of a new key: as the card profiles say).",
)


def version_option(words: str, *, required: bool = True) -> Callable[[F], F]:
    """``--version`` of a key."""
    return click.option(
        "--version", type=click.IntRange(1, 255), required=required, help=f"{words}."
    )


def day_option(name: str, words: str, *, required: bool = False) -> Callable[[F], F]:
    """An option that is a day; the command gets a ``date``."""
    return click.option(
        name, metavar="YYYY-MM-DD", callback=_day, required=required, help=f"{words}."
    )


def changed_day_option(name: str, words: str) -> Callable[[F], F]:
    """The same, or :data:`NO_DAY`."""
    return click.option(name, metavar="YYYY-MM-DD|none", callback=_day_or_none, help=f"{words}.")


def _day(context: click.Context, parameter: click.Parameter, typed: str | None) -> date | None:
    if typed is None:
        return None
    try:
        # Weeks and days without hyphens are ISO 8601, too, and easily misread.
        if not _ISO_DAY.fullmatch(typed):
            raise ValueError
        return date.fromisoformat(typed)
    except ValueError:
        words = tr("日期格式应为 YYYY-MM-DD", "a day is written YYYY-MM-DD")
        raise click.BadParameter(words, context, parameter) from None


def _day_or_none(
    context: click.Context, parameter: click.Parameter, typed: str | None
) -> date | Literal["none"] | None:
    return NO_DAY if typed == NO_DAY else _day(context, parameter, typed)


def valid_options(command: F) -> F:
    """Adds ``--valid-from`` and ``--valid-until`` of a new key."""
    last = day_option("--valid-until", "Last day of use 停用日期")(command)
    return day_option("--valid-from", "First day of use 启用日期")(last)


def new_key_options(command: F) -> F:
    """Adds all that describes a new key; the command gets ``wanted``."""
    return _described(valid_options(_with_wanted(command)))


def component_options(command: F) -> F:
    """The same without its days, on which no component depends."""
    return _described(_with_wanted(command))


def _described(command: F) -> F:
    use = click.option(
        "--use",
        type=click.Choice(get_args(Use)),
        help="Purpose 用途 (default: as the card profiles say); wrap: an AES key of this site.",
    )(command)
    level = click.option(
        "--level",
        type=click.Choice(get_args(Level)),
        help="Where its chain begins 密钥级别 (default: as the card profiles say).",
    )(use)
    return name_argument(version_option("Version 版本")(algorithm_option(level)))


def _with_wanted(command: F) -> F:
    @wraps(command)
    def with_wanted(
        *args: Any,
        name: str,
        version: int,
        algorithm: RootAlgorithm | None,
        level: Level | None,
        use: Use | None,
        valid_from: date | None = None,
        valid_until: date | None = None,
        **others: Any,
    ) -> Any:
        wanted = Wanted(name, version, algorithm, level, use, valid_from, valid_until)
        return command(*args, wanted=wanted, **others)

    return with_wanted  # type: ignore[return-value]


def _check_value(
    context: click.Context, parameter: click.Parameter, typed: str | None
) -> bytes | None:
    try:
        return None if typed is None else parsed_check_value(typed)
    except InputError as error:
        raise click.BadParameter(error.what.to(language()), context, parameter) from None


def parts_options(command: F) -> F:
    """Adds ``--parts`` and ``--check-value`` of a key that custodians bring in."""
    value = click.option(
        "--check-value",
        metavar="HEX",
        callback=_check_value,
        help="Check value that the whole key must have 合成后的校验值 (default: asked).",
    )(command)
    return click.option(
        "--parts",
        type=click.IntRange(2, 9),
        default=2,
        show_default=True,
        help="Number of components 分量数.",
    )(value)


def parts_of(count: int, check_value: bytes | None, custodians: int, about: str) -> Parts:
    """The ceremony at this terminal; asks for the check value of the whole key."""
    if check_value is None:
        typed = ask(
            tr(
                "完整密钥的校验值（建议核对；不知道则直接回车）",
                "Check value of the whole key (recommended; Enter where nobody knows it)",
            ),
            _or_nothing,
            default="",
        )
        check_value = bytes.fromhex(typed) or None
    return Parts(TerminalBooth(about), count, check_value, custodians)


def _or_nothing(typed: str) -> str:
    return parsed_check_value(typed).hex() if typed else ""


def about(action: str, spec: KeySpec, place: str) -> str:
    """What a custodian is called to the terminal for."""
    return f"{action} {subject_of(spec)} ({place})"


def introduce(spec: KeySpec, place: str, role: Text | None = None) -> None:
    """Tell what key it is about, and where, before consent; ``role``: as what it serves."""
    first, last = ("-" if day is None else str(day) for day in (spec.valid_from, spec.valid_until))
    words = [
        subject_of(spec),
        f"{tr('级别', 'level')} {spec.level}",
        f"{tr('用途', 'use')} {spec.use}",
        f"{tr('有效期', 'valid')} {first} … {last}",
    ]
    if isinstance(spec, KeyInfo):
        words.append(f"{tr('校验值', 'check value')} {spec.check_value}")
    head = "" if role is None else f"{role.to(language())}: "
    click.echo(f"{head}{', '.join(words)}: {place}", err=True)
