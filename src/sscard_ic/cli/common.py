"""What every command shares: consoles, language, JSON output, exit codes."""

from __future__ import annotations

import json
import locale
import os
import sys
from typing import Any, TextIO, cast

import click
from rich.console import Console

from sscard_ic.base.errors import Language, SscardError, Text, os_reason

DONE, FAILED, USAGE, SOME_REFUSED = 0, 1, 2, 3
"""Exit codes (3: some rows or cards were refused)."""


_UNLIMITED = 10_000
"""Columns of a file or a pipe."""

_JSON = "sscard.json"
_DONE = "sscard.done"


def _remember_json(context: click.Context, parameter: click.Parameter, chosen: bool) -> bool:
    context.find_root().meta[_JSON] = chosen
    return chosen


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=_remember_json,
    help="JSON on standard output, errors included.",
)


def keep_done(context: click.Context, done: dict[str, Any]) -> None:
    """What the command has done, for JSON output, though it ends before its time."""
    context.find_root().meta[_DONE] = done


def done_so_far(context: click.Context) -> dict[str, Any]:
    """What was kept last."""
    done: dict[str, Any] = context.find_root().meta.get(_DONE, {})
    return done


def print_error(context: click.Context, error: SscardError) -> None:
    """An error in words on standard error, and as JSON where JSON was asked for."""
    from sscard_ic.reader.errors import ReaderError  # a late import: it brings the whole package

    click.echo(error.render(language()), err=True)
    if context.find_root().meta.get(_JSON):
        hint = error.hint.to(language()) if error.hint else None
        message = error.what.to(language())
        told = {"where": error.where, "message": message, "hint": hint}
        if isinstance(error, ReaderError):
            told["kind"] = error.kind
        print_json({**done_so_far(context), "error": told})


def detect_language(environment: dict[str, str] | None = None) -> Language:
    """``SSCARD_LANG``, else the locale: Chinese where it is Chinese, English otherwise."""
    values = os.environ if environment is None else environment
    for name in ("SSCARD_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := values.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "zh" if (locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"


def language() -> Language:
    """The language of the running command."""
    context = click.get_current_context(silent=True)
    chosen = context.find_root().params.get("lang") if context else None
    return cast(Language, chosen) if chosen else detect_language()


def tr(zh: str, en: str) -> str:
    """One of two wordings, by the language of the running command."""
    return Text(zh, en).to(language())


def stdout_console() -> Console:
    """For results. Where no terminal sets the width, lines are as long as they need to be."""
    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNLIMITED
    return Console(file=sys.stdout, highlight=False, width=wide)


def stderr_console() -> Console:
    """For words to the person and progress."""
    return Console(file=sys.stderr, highlight=False)


def say(text: Text) -> None:
    """One message to the person, on standard error."""
    click.echo(text.to(language()), err=True)


def system_error(error: OSError) -> SscardError:
    """What the operating system refused, in words: a full disk, a folder that cannot be made."""
    reason = os_reason(error)
    named = error.filename if error.filename2 is None else error.filename2
    return SscardError(
        Text(f"操作系统拒绝读写：{reason.zh}", f"cannot be read or written: {reason.en}"),
        where="" if named is None else str(named),
        hint=Text("请检查路径、权限和磁盘空间", "check path, permissions and free space"),
    )


def print_json(value: Any) -> None:
    """``value`` as JSON on standard output, readable on any console encoding."""
    click.echo(json.dumps(value, ensure_ascii=not _speaks_unicode(sys.stdout), indent=2))


def _speaks_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") in ("utf8", "gb18030")


def protect_consoles() -> None:
    """A console that cannot show a character shows a replacement instead of breaking the job."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
