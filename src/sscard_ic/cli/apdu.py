"""``sscard apdu``: raw commands to a card."""

from __future__ import annotations

import click

from sscard_ic.apdu import ApduError, Command, Response
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.common import FAILED, json_option, language, print_json
from sscard_ic.cli.readers import protocol_option, reader_option, session
from sscard_ic.reader.pcsc import Access, ProtocolChoice


@click.command()
@click.argument("commands", nargs=-1, required=True, metavar="HEX...")
@reader_option
@protocol_option
@click.option(
    "--exclusive", is_flag=True, help="Have the reader alone, the card reset first 独占读写器."
)
@click.option("--raw", is_flag=True, help="Show 61xx and 6Cxx as the card gives them.")
@json_option
def apdu(
    commands: tuple[str, ...],
    reader: str | None,
    protocol: ProtocolChoice,
    exclusive: bool,
    raw: bool,
    as_json: bool,
) -> None:
    """Send commands in hex to one card, in one session 发送原始命令.

    Exit code 1 when the last answer is an error. What a card answers is shown as it is. No other
    program reaches the card meanwhile; without --exclusive it is as the last one left it.
    """
    parsed = [_parse(text) for text in commands]
    answers = []
    access: Access = "exclusive" if exclusive else "shared"
    with session(reader, plain=raw, access=access, protocol=protocol) as connection:
        if not as_json:
            click.echo(f"ATR {connection.atr.hex().upper()}")
        for command in parsed:
            answer = Response.parse(connection.transmit(bytes(command)))
            answers.append((command, answer))
            if not as_json:
                _show(command, answer)
    if as_json:
        print_json(
            [
                {"command": bytes(c).hex().upper(), "data": a.data.hex().upper(), "sw": f"{a.sw}"}
                for c, a in answers
            ]
        )
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


def _show(command: Command, answer: Response) -> None:
    click.echo(f"> {bytes(command).hex().upper()}")
    data = f"{answer.data.hex().upper()} " if answer.data else ""
    click.echo(f"< {data}{answer.sw} {answer.sw.text.to(language())}")
