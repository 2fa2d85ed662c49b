"""``sscard keys serve``: the reference server of an HSM service over the keys of this machine."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sscard_ic.base.authority import AuditEvent, AuditSink
from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.authority import Desk
from sscard_ic.cli.common import json_option, print_json, say, tr
from sscard_ic.cli.ledgers import ledger_option, office_ledger
from sscard_ic.cli.secrets import open_keys, vault_option
from sscard_ic.cli.serving import Address, listen_address, until_stopped, wait_while
from sscard_ic.keys import Environment
from sscard_ic.profile import load

if TYPE_CHECKING:
    from sscard_ic.hosts.server import ServerCertificates
    from sscard_ic.hosts.throwaway import ThrowawayFiles

_pem = click.Path(path_type=Path, dir_okay=False)


@click.command("serve")
@click.option("--profile", "profile_name", required=True, help="Profile of the region 地区的规范.")
@click.option(
    "--listen",
    callback=listen_address,
    default="127.0.0.1:8443",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where terminals connect 监听地址; port 0: a free one.",
)
@click.option("--certificate", type=_pem, help="Certificate of this server, PEM 服务器证书.")
@click.option("--key", "private_key", type=_pem, help="Its private key, PEM 私钥文件.")
@click.option("--client-ca", type=_pem, help="CA of those who may ask, PEM 客户端 CA.")
@click.option(
    "--test-certificates",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Use throw-away certificates in DIR, made when there are none 试用证书.",
)
@vault_option
@ledger_option
@json_option
def serve_command(
    profile_name: str,
    listen: Address,
    certificate: Path | None,
    private_key: Path | None,
    client_ca: Path | None,
    test_certificates: Path | None,
    vault: Path | None,
    ledger_file: Path | None,
    as_json: bool,
) -> None:
    """Serve keys to terminals as an HSM service 加密机服务, until Ctrl-C.

    HTTPS; every client needs a certificate. It answers the messages of types 01 to 04 as text
    between bars, and MSGNO 9013 and 9011 as XML, at /hsm. With production keys an operator and a
    supervisor sign in; starts, stops and refusals go to the audit log.
    """
    from sscard_ic.hosts.hsm_service import ACTION, HsmService
    from sscard_ic.hosts.server import HsmServer

    own = certificate, private_key, client_ca
    _check_usage(own, test_certificates)
    profile = load(profile_name)
    with (
        closing(open_keys(vault)) as keys,
        office_ledger(ledger_file, existing=keys.environment == "production") as ledger,
    ):
        service = HsmService(keys, profile, ledger.audit)
        certificates, files = _certificates(own, test_certificates, keys.environment)
        with HsmServer(service, certificates, *listen) as server:
            people = Desk(ledger, keys.environment).authorise(
                ACTION, profile.name, "operator", "supervisor"
            )
            log = _Log(ledger.audit, profile.name, people, server.url)
            with until_stopped():
                log.note("started")
                server.start()
                _tell(server.url, files, keys.environment, as_json=as_json)
                wait_while(server)
            log.note("stopped")
    say(Text("已停止", "stopped"))


@dataclass(frozen=True, slots=True)
class _Log:
    """Writes down when the service started and stopped, and by whom."""

    audit: AuditSink
    profile: str
    people: tuple[str, ...]
    url: str

    def note(self, state: str) -> None:
        from sscard_ic.hosts.hsm_service import ACTION

        detail = {"state": state, "address": self.url}
        self.audit.record(AuditEvent(ACTION, self.profile, self.people, detail=detail))


def _check_usage(own: tuple[Path | None, ...], test_certificates: Path | None) -> None:
    if test_certificates is None and None in own:
        raise click.UsageError(
            tr(
                "请给出 --certificate、--key 和 --client-ca；试用可用 --test-certificates DIR",
                "give --certificate, --key and --client-ca; to try it, --test-certificates DIR",
            )
        )
    if test_certificates is not None and any(own):
        raise click.UsageError(
            tr(
                "--test-certificates 与 --certificate、--key、--client-ca 只用其一",
                "--test-certificates excludes --certificate, --key and --client-ca",
            )
        )


def _certificates(
    own: tuple[Path | None, ...], test_certificates: Path | None, environment: Environment
) -> tuple[ServerCertificates, ThrowawayFiles | None]:
    """What the server shows; with it the files for a client, where they are throw-away ones."""
    from sscard_ic.hosts.server import ServerCertificates
    from sscard_ic.hosts.throwaway import throwaway_files

    if test_certificates is None:
        certificate, private_key, client_ca = own
        assert certificate and private_key and client_ca, "_check_usage has seen to it"
        return ServerCertificates(certificate, private_key, client_ca), None
    if environment != "test":
        raise InputError(
            Text(
                "试用证书只用于测试密钥，不能用于生产密钥",
                "throw-away certificates serve test keys, never production keys",
            ),
            where=str(test_certificates),
            hint=Text(
                "请用 --certificate、--key、--client-ca 指定正式证书",
                "name real ones with --certificate, --key, --client-ca",
            ),
        )
    files = throwaway_files(test_certificates, SystemClock().now())
    return files.server, files


def _tell(
    url: str, files: ThrowawayFiles | None, environment: Environment, *, as_json: bool
) -> None:
    """Where the service is, and what belongs into sscard.toml of a client."""
    remote = {"url": url, "environment": environment}
    if files is not None:
        remote["ca_file"] = str(files.ca.resolve())
        remote["certificate"] = str(files.client_certificate.resolve())
        remote["private_key"] = str(files.client_key.resolve())
    if as_json:
        print_json({"service": "remote", "remote": remote})
        sys.stdout.flush()
        return
    say(Text(f"加密机服务：{url}（按 Ctrl-C 结束）", f"HSM service: {url} (Ctrl-C ends it)"))
    say(Text("客户端的 sscard.toml：", "sscard.toml of a client:"))
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in remote.items()]
    if files is None:
        lines.append(
            "# "
            + tr(
                "另加 ca_file、certificate、private_key：客户端自己的证书",
                "and ca_file, certificate, private_key: the certificates of that client",
            )
        )
    click.echo("\n".join(["[keys]", 'service = "remote"', "", "[keys.remote]", *lines]))
    sys.stdout.flush()
