"""``sscard cert serve``: the reference server of a certificate authority, for developers."""

from __future__ import annotations

import json
import sys

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.cert_trust import answer_form, request_form
from sscard_ic.cli.common import json_option, language, print_json, say
from sscard_ic.cli.serving import Address, listen_address, until_stopped, wait_while


@click.command("serve")
@click.option(
    "--listen",
    callback=listen_address,
    default="127.0.0.1:8444",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where terminals connect 监听地址, on this machine only; port 0: a free one.",
)
@json_option
def serve_command(listen: Address, as_json: bool) -> None:
    """Serve the test CA by HTTP 试用证书机构, until Ctrl-C.

    For developers of terminals: it answers requests in the form of [certificates.http], or of its
    defaults. Its keys are published and it answers in clear: never for real cards.
    """
    from sscard_ic.hosts.authority_server import AuthorityServer
    from sscard_ic.hosts.test_authority import TestAuthority

    chosen = language()  # the server's thread knows no options
    server = AuthorityServer(
        TestAuthority(),
        *listen,
        request_form=request_form(),
        answer_form=answer_form(),
        tell=lambda text: click.echo(text.to(chosen), err=True),
    )
    with server, until_stopped():
        server.start()
        _tell(server.url, as_json=as_json)
        wait_while(server)
    say(Text("已停止", "stopped"))


def _tell(url: str, *, as_json: bool) -> None:
    """Where the service is, and what belongs into sscard.toml of a client."""
    http = {"url": url, "environment": "test"}
    if as_json:
        print_json({"service": "http", "http": http})
    else:
        say(Text(f"试用证书机构：{url}（按 Ctrl-C 结束）", f"test CA: {url} (Ctrl-C ends it)"))
        say(Text("客户端的 sscard.toml：", "sscard.toml of a client:"))
        lines = [f"{name} = {json.dumps(value)}" for name, value in http.items()]
        head = ["[certificates]", 'service = "http"', "", "[certificates.http]"]
        click.echo("\n".join([*head, *lines]))
    sys.stdout.flush()
