"""``sscard apdu``: raw commands to a card."""

from __future__ import annotations

from typing import Any

import click

from sscard_ic.apdu import ApduError, Command, Response
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import explained
from sscard_ic.cli.common import FAILED, json_option, language, print_json
from sscard_ic.cli.explain import make_explainer, profile_option
from sscard_ic.cli.readers import protocol_option, reader_option, session
from sscard_ic.explain import Explanation
from sscard_ic.reader.pcsc import Access, ProtocolChoice


@click.command()
@click.argument("commands", nargs=-1, required=True, metavar="HEX...")
@reader_option
@protocol_option
@click.option(
    "--exclusive", is_flag=True, help="Have the reader alone, the card reset first 独占读写器."
)
@click.option("--raw", is_flag=True, help="Show 61xx and 6Cxx as the card gives them.")
@click.option("-v", "--verbose", is_flag=True, help="Explain every exchange 逐条解释.")
@profile_option
@json_option
def apdu(
    commands: tuple[str, ...],
    reader: str | None,
    protocol: ProtocolChoice,
    exclusive: bool,
    raw: bool,
    verbose: bool,
    profile_name: str | None,
    as_json: bool,
) -> None:
    """Send commands in hex to one card, in one session 发送原始命令.

    Exit code 1 when the last answer is an error. What a card answers is shown as it is. No other
    program reaches the card meanwhile; without --exclusive it is as the last one left it.
    """
    parsed = [_parse(text) for text in commands]
    explainer = make_explainer(profile_name) if verbose or profile_name is not None else None
    answers = []
    access: Access = "exclusive" if exclusive else "shared"
    with session(reader, plain=raw, access=access, protocol=protocol) as connection:
        if not as_json:
            click.echo(f"ATR {connection.atr.hex().upper()}")
        if explainer is not None:
            _tell(explainer.reset(connection.atr), as_json)
        for command in parsed:
            answer = Response.parse(connection.transmit(bytes(command)))
            told = explainer.exchange(bytes(command), bytes(answer)) if explainer else None
            answers.append((command, answer, told))
            if not as_json:
                _show(command, answer)
            if told is not None:
                _tell(told, as_json)
    if as_json:
        print_json([_json(*each) for each in answers])
    if not answers[-1][1].sw.ok:
        click.get_current_context().exit(FAILED)


def _parse(text: str) -> Command:
    try:
        return Command.parse(bytes.fromhex(text))
    except ApduError as error:
        what = Text(f"命令长度不对：{error}", f"the command's lengths disagree: {error}")
    except ValueError:
        what = Text("不是十六进制数", "not hexadecimal digits")
    raise InputError(
        what, where=text[:10], hint=Text("例：00A4000002EF05", "for example 00A4000002EF05")
    )


def _tell(told: Explanation, as_json: bool) -> None:
    """The words of an exchange, below its bytes."""
    if not as_json:
        click.echo("\n".join(explained.lines(told, bare=True)))


def _json(command: Command, answer: Response, told: Explanation | None) -> dict[str, Any]:
    shown = {
        "command": bytes(command).hex().upper(),
        "data": answer.data.hex().upper(),
        "sw": f"{answer.sw}",
    }
    return shown if told is None else {**shown, "explained": explained.to_json(told)}


def _show(command: Command, answer: Response) -> None:
    click.echo(f"> {bytes(command).hex().upper()}")
    data = f"{answer.data.hex().upper()} " if answer.data else ""
    click.echo(f"< {data}{answer.sw} {answer.sw.text.to(language())}")
