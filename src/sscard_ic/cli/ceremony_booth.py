"""The terminal at which custodians type parts of keys, one after the other."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from sscard_ic.base.authority import NotAuthorised
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.cli.common import language, say, tr
from sscard_ic.keys.ceremony import Entry, Part, carrier_number
from sscard_ic.keys.errors import ComponentError

_WIPE = "\x1b[2J\x1b[3J\x1b[H"
"""The screen, the lines that have scrolled off it, the cursor to its corner."""
_GROUP = 4


class TerminalBooth:
    """A :class:`~sscard_ic.keys.ceremony.Booth`: hidden input, screen wiped after each part."""

    def __init__(self, about: str) -> None:
        """``about``: key, deed and place, which the screen forgets when it is wiped."""
        self._about = about

    def call(self, number: int, count: int) -> None:
        """Ask for the next custodian."""
        if count == 1:
            say(
                Text(
                    f"{self._about}：请保管人独自到终端前。",
                    f"{self._about}: the custodian, alone at the terminal.",
                )
            )
            return
        say(
            Text(
                f"{self._about}，分量 {number}/{count}：请其保管人独自到终端前。",
                f"{self._about}, part {number} of {count}: its custodian, alone at the terminal.",
            )
        )

    def carrier(self, part: Part) -> str:
        """The number of the envelope or card; asked again until it can be one."""
        return ask(
            tr("载体编号（密码信封、IC 卡）", "Number of the carrier (envelope, card)"),
            lambda typed: carrier_number(typed, part.spec),
        )

    def entry(self, part: Part) -> Entry:
        """The part, not echoed, and its check value."""
        digits = 2 * part.spec.length
        component = hidden(
            tr(
                f"分量（{digits} 个十六进制数字，不显示）",
                f"Component ({digits} hex digits, not shown)",
            )
        )
        return Entry(component, ask(tr("该分量的校验值", "Check value of this component")))

    def refused(self, error: ComponentError, left: int) -> None:
        """Say why, and how often it may be typed again."""
        say(
            Text(
                f"{error.what.zh}。请重新输入（还可输入 {left} 次）。",
                f"{error.what.en[:1].upper()}{error.what.en[1:]}. "
                f"Type it again ({left} more {'try' if left == 1 else 'tries'}).",
            )
        )

    def unwelcome(self, error: NotAuthorised, left: int) -> None:
        """Say why, and how often another person may sign in."""
        say(
            Text(
                f"{error.what.zh}。请另一人登录（还可尝试 {left} 次）。",
                f"{error.what.en}. Another person must sign in "
                f"({left} more {'try' if left == 1 else 'tries'}).",
            )
        )

    def show(self, part: Part, component: Secret, check_value: str) -> None:
        """The part on the screen until it has been copied."""
        digits = component.reveal().hex().upper()
        groups = (digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))
        lines = (
            "",
            f"  {part.spec.name} {part.spec.version:02d} {part.spec.algorithm.upper()}",
            f"  {tr('分量', 'component')}: {' '.join(groups)}",
            f"  {tr('校验值', 'check value')}: {check_value}",
            "",
            tr(
                "请抄写到载体上。此分量只显示这一次，不保存。",
                "Copy it onto the carrier. It is shown this once and kept nowhere.",
            ),
        )
        click.echo("\n".join(lines))
        click.prompt(
            tr("抄写核对完毕后按回车", "Press Enter when it is copied and compared"),
            default="",
            show_default=False,
            hide_input=True,
        )

    def leave(self) -> None:
        """Wipe the screen and what has scrolled off it."""
        if sys.stderr.isatty():
            click.echo(_WIPE, err=True, nl=False)


def require_terminal() -> None:
    """Refuse to show a part where it would end in a file, a pipe or another program."""
    if sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty():
        return
    raise InputError(
        Text(
            "密钥分量只在终端屏幕上显示，不写入文件或管道",
            "a component is shown on the screen of a terminal, never in a file or a pipe",
        ),
        hint=Text("请直接在终端中运行", "run it at a terminal, without redirection"),
    )


def ask(prompt: str, check: Callable[[str], str] = str, default: str | None = None) -> str:
    """Something that may be seen; asked again while ``check`` raises :class:`InputError`."""

    def checked(typed: str) -> str:
        try:
            return check(typed)
        except InputError as error:
            raise click.UsageError(error.render(language())) from None

    with _someone_types(prompt):
        answer: str = click.prompt(
            prompt, default=default, show_default=False, err=True, value_proc=checked
        )
    return answer


def hidden(prompt: str) -> Secret:
    """Something that nobody may see, as UTF-8."""
    with _someone_types(prompt), warnings.catch_warnings():
        # Where there is no terminal, what is typed comes from elsewhere and is not echoed.
        warnings.simplefilter("ignore", getpass.GetPassWarning)
        answer: str = click.prompt(prompt, err=True, hide_input=True)
    return Secret(answer.encode("utf-8", errors="surrogateescape"))


@contextmanager
def _someone_types(prompt: str) -> Iterator[None]:
    """Where nobody can type, an error that says so; at a terminal, breaking off stays that."""
    try:
        yield
    except click.Abort:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        raise InputError(
            Text(f"没有输入：{prompt}", f"nothing was typed: {prompt}"),
            hint=Text(
                "密钥仪式须由保管人在终端输入；未保存任何内容",
                "custodians type at a terminal; nothing was stored",
            ),
        ) from None
