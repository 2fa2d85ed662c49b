"""``sscard explain``: bytes in words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click

from sscard_ic.apdu.trace import is_trace
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import explained, trace_table
from sscard_ic.cli.common import FAILED, json_option, print_json
from sscard_ic.explain import Explainer
from sscard_ic.explain.material import Piece, What, explain_pieces, parse_bytes, parse_lines
from sscard_ic.profile import load
from sscard_ic.reader.trace_file import LARGEST, read_trace

_STDIN = "-"
_ONE_BYTE = 2
"""Hex digits of a byte: words of that length are the bytes of one thing."""

_DIGITS = re.compile(r"[0-9A-Fa-f\s]*")
_BYTES = re.compile(r"[0-9A-Fa-fxX\s:,_-]*(‹\d+ bytes?›[0-9A-Fa-f\s]*)*")
_PATH = re.compile(r"[/\\]|\.\w+$")
"""A word that can only be a path, whether there is such a file or not."""

_QUOTED = 10
"""Characters of an argument that errors quote: it may hold a PIN."""

_NOTHING = Text("没有可解释的字节", "there is nothing to explain")

_EXAMPLE = Text(
    "例：sscard explain 00B2032C06 0304322E30309000，或一个记录文件",
    "for example: sscard explain 00B2032C06 0304322E30309000, or the file of a trace",
)

_WARNING = """\
*******************************************************************************
*  警告：将显示密码、密钥等明文！
*  WARNING: PINs and keys are shown in clear!
*******************************************************************************"""

profile_option = click.option(
    "--profile",
    "profile_name",
    help="Profile 卡规范; recognised from what is seen when left out, else national/2.00.",
)
brief_option = click.option("--brief", is_flag=True, help="One line each 每条一行.")
secrets_option = click.option(
    "--with-secrets", is_flag=True, help="Show PINs and keys that the input holds 显示明文."
)


@click.command()
@click.argument("given", nargs=-1, metavar="[HEX|FILE|-]...")
@click.option(
    "--as",
    "what",
    type=click.Choice(["command", "answer", "atr", "tlv", "sw", "trace"]),
    help="What the input is 输入的种类; recognised when left out.",
)
@profile_option
@brief_option
@secrets_option
@json_option
def explain(
    given: tuple[str, ...],
    what: str | None,
    profile_name: str | None,
    brief: bool,
    with_secrets: bool,
    as_json: bool,
) -> None:
    """Put bytes into words 解释: commands, answers, FCI, TLV, ATR, status words, whole traces.

    HEX is one of them each; a command and its answer stand one after the other, and what a SELECT
    selects counts for what follows. FILE, or - for standard input, is a trace, or text with hex
    digits in its lines. PINs and keys are shown as their lengths.
    """
    if with_secrets:
        click.echo(_WARNING, err=True)
    explainer = make_explainer(profile_name, with_secrets)
    sources = _sources(given)
    if (trace := _only_trace(sources, what)) is not None:
        whole = trace_table.show(trace.content, trace.name, as_json, explainer, brief=brief)
        if not whole:
            click.get_current_context().exit(FAILED)
        return
    pieces = [piece for source in sources for piece in source.pieces()]
    if not pieces:
        raise InputError(_NOTHING, where=sources[0].name, hint=_EXAMPLE)
    _explain(pieces, explainer, cast(What | None, what), brief, as_json)


def make_explainer(profile_name: str | None, with_secrets: bool = False) -> Explainer:
    """An explainer with the names of a profile, or one that recognises it."""
    profile = load(profile_name) if profile_name is not None else None
    return Explainer(profile, with_secrets=with_secrets)


@dataclass(frozen=True, slots=True)
class _Source:
    """Hex digits, or a file with its content."""

    name: str
    content: bytes = b""
    digits: bool = False

    def pieces(self) -> Iterable[Piece]:
        """The bytes in it; raises :class:`InputError` with the line that holds none."""
        if self.digits:
            return [Piece(parse_bytes(self.name, self.name[:_QUOTED]))]
        try:
            return list(parse_lines(self.content.decode("utf-8-sig"), self.name))
        except UnicodeDecodeError:
            raise InputError(
                Text("既不是通信记录，也不是文本", "neither a trace nor text"),
                where=self.name,
                hint=_EXAMPLE,
            ) from None


def _sources(given: tuple[str, ...]) -> list[_Source]:
    """What the arguments name; standard input where there are none."""
    if not given:
        if sys.stdin.isatty():
            raise InputError(_NOTHING, hint=_EXAMPLE)
        given = (_STDIN,)
    if len(given) > 1 and all(len(word) == _ONE_BYTE for word in given):
        given = (" ".join(given),)
    return [_source(word) for word in given]


def _source(word: str) -> _Source:
    if word == _STDIN:
        return _Source(word, sys.stdin.buffer.read(LARGEST))
    if not _DIGITS.fullmatch(word) and (Path(word).exists() or _PATH.search(word)):
        return _Source(word, read_trace(Path(word)))
    if not _BYTES.fullmatch(word):
        raise InputError(
            Text("既不是十六进制数，也没有这个文件", "neither hex digits nor a file that exists"),
            where=word[:_QUOTED],
            hint=_EXAMPLE,
        )
    return _Source(word, digits=True)


def _only_trace(sources: list[_Source], what: str | None) -> _Source | None:
    """The trace, where the input is one."""
    traces = [each for each in sources if not each.digits and is_trace(each.content)]
    wanted = what == "trace" or (what is None and bool(traces))
    if not wanted:
        return None
    if len(sources) > 1 or sources[0].digits:
        raise InputError(
            Text("记录应为唯一的一个文件", "a trace is one file and stands alone"),
            where=(traces or sources)[0].name[:_QUOTED],
            hint=_EXAMPLE,
        )
    return sources[0]


def _explain(
    pieces: list[Piece], explainer: Explainer, what: What | None, brief: bool, as_json: bool
) -> None:
    told = []
    for number, (line, each) in enumerate(explain_pieces(pieces, explainer, what), 1):
        if as_json:
            told.append({"line": line or None, **explained.to_json(each)})
            continue
        place = str(line or (number if len(pieces) > 1 else ""))
        click.echo("\n".join(explained.lines(each, place, brief=brief)))
    if as_json:
        print_json({"profile": explainer.profile.name, "explained": told})
