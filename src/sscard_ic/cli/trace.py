"""``sscard trace``: sessions with a card recorded, shown and replayed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import trace_table
from sscard_ic.cli.common import FAILED, json_option, say
from sscard_ic.cli.explain import brief_option, make_explainer, profile_option
from sscard_ic.reader.opening import ENVIRONMENT
from sscard_ic.reader.replay import open_replay
from sscard_ic.reader.trace import Recording
from sscard_ic.reader.trace_file import Existing, check_trace, open_trace, read_trace

META = "sscard.trace"
"""Where the reader's session looks for the recording that it belongs to."""

_WARNING = """\
*******************************************************************************
*  警告：此文件将以明文保存密码、密钥和个人数据！用后请立即删除，不要转给他人。
*  WARNING: this file will hold PINs, keys and personal data in clear!
*           Delete it when you are done, and give it to nobody.
*******************************************************************************"""

_inner_command = click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGS]..."
)


@click.group()
def trace() -> None:
    """Sessions with a card 通信记录: record, show, replay."""


@trace.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--with-secrets", is_flag=True, help="Hide nothing: PINs, keys, personal data 记录明文."
)
@click.option("--force", is_flag=True, help="Replace FILE if it is a trace 覆盖已有记录.")
@_inner_command
@click.pass_context
def record(
    context: click.Context, file: Path, with_secrets: bool, force: bool, command: tuple[str, ...]
) -> None:
    """Run another sscard command and record its session 记录会话.

    For example: sscard trace record read.trace -- read --reader virtual:card.img

    Keys, PINs and personal data are replaced by their lengths. The exit code is that of COMMAND.
    """
    existing: Existing = "replace" if force else "refuse"
    check_trace(file, existing)  # before the command runs, not after it
    if with_secrets:
        click.echo(_WARNING, err=True)
    recording = Recording(
        lambda: open_trace(file, existing, private=with_secrets), with_secrets=with_secrets
    )
    ended = False
    try:
        with _meta(context, recording):
            _run(context, command)
        ended = True
    except click.exceptions.Exit:
        ended = True
        raise
    finally:
        recording.close()
        if recording.sessions or ended:
            _say_recorded(recording, file)


@trace.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--explain", "in_words", is_flag=True, help="In words 用文字解释.")
@profile_option
@brief_option
@json_option
def show(file: Path, in_words: bool, profile_name: str | None, brief: bool, as_json: bool) -> None:
    """Show a recorded session as a table, or in words 查看记录.

    What can be read of a damaged file is shown, with the lines that cannot; exit code 1 then.
    """
    words = in_words or brief or profile_name is not None
    explainer = make_explainer(profile_name) if words else None
    whole = trace_table.show(read_trace(file), str(file), as_json, explainer, brief=brief)
    if not whole:
        click.get_current_context().exit(FAILED)


@trace.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--tolerant", is_flag=True, help="Take commands in any order; hidden data are 00 宽松重放."
)
@_inner_command
@click.pass_context
def replay(context: click.Context, file: Path, tolerant: bool, command: tuple[str, ...]) -> None:
    """Run another sscard command against a recording 重放.

    For example: sscard trace replay --tolerant read.trace -- read

    The card answers what it answered then: --reader replay:FILE and replay:tolerant:FILE do the
    same. Without --tolerant every command must come in the recorded order and be the same. The
    exit code is that of COMMAND.
    """
    if any(word.partition("=")[0] == "--reader" for word in command):
        raise InputError(
            Text("重放时以记录为读写器", "the recording is the reader of a replay"),
            where="--reader",
            hint=Text("去掉命令中的 --reader", "leave --reader out of the command"),
        )
    open_replay(file, tolerant=tolerant)  # what cannot be replayed is refused, whatever COMMAND is
    with _environment(ENVIRONMENT, f"replay:{'tolerant:' if tolerant else ''}{file}"):
        _run(context, command)


def _run(context: click.Context, command: tuple[str, ...]) -> None:
    """Run another command of the program; its errors and exit codes pass through."""
    root = context.find_root()
    group = root.command
    assert isinstance(group, click.Group)
    name, inner, arguments = group.resolve_command(root, list(command))
    assert inner is not None, "resolve_command fails for unknown names"
    with inner.make_context(name, arguments, parent=root) as inner_context:
        inner.invoke(inner_context)


@contextmanager
def _meta(context: click.Context, recording: Recording) -> Iterator[None]:
    meta: dict[str, Any] = context.find_root().meta
    before = meta.get(META)
    meta[META] = recording
    try:
        yield
    finally:
        meta[META] = before


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _say_recorded(recording: Recording, file: Path) -> None:
    if recording.sessions:
        count = recording.exchanges
        say(
            Text(
                f"已记录 {count} 次交换：{file}",
                f"Recorded {count} exchange{'' if count == 1 else 's'}: {file}",
            )
        )
    else:
        say(
            Text(
                "该命令没有打开卡会话，没有记录（批量制卡请用 batch run --trace）",
                "The command opened no session with a card; nothing was recorded "
                "(for batches: batch run --trace).",
            )
        )
