"""The checks of ``sscard doctor`` on who answers for keys; nobody logs in, no key is used."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sscard_ic.base.errors import InputError, SscardError, Text, os_reason
from sscard_ic.cli.checkup import Finding, Machine, State, belonging

if TYPE_CHECKING:
    from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
    from sscard_ic.keys.pkcs11.token import TokenState
    from sscard_ic.keys.remote.settings import RemoteSettings
    from sscard_ic.keys.settings import VaultSettings

_SETTINGS = Text("设置文件", "settings")
_LIBRARY = Text("加密机接口库", "HSM library")
_TOKEN = Text("加密机令牌", "HSM token")
_CERTIFICATE = Text("加密机证书", "HSM certificate")
_SERVICE = Text("加密机服务", "HSM service")
_SERVICES = {
    "vault": Text("软件密钥库", "software vault"),
    "pkcs11": Text("PKCS#11 加密机", "HSM by PKCS#11"),
    "remote": Text("加密机服务", "HSM service"),
}
_ENVIRONMENTS = {"test": Text("测试密钥", "test keys"), "production": Text("生产密钥", "real keys")}
_WRITABLE_BY_OTHERS = 0o022
_SOON = timedelta(days=30)
_SECONDS = 3.0
"""Longest that the HSM service is waited for."""


def key_findings(machine: Machine) -> Iterator[Finding]:
    """The settings, and the key service that they choose."""
    from sscard_ic.base.settings import read_settings
    from sscard_ic.keys.settings import KeysSettings

    try:
        settings = read_settings(machine.environment, machine.home)
        keys = settings.section("keys", KeysSettings)
    except InputError as error:
        yield _fault("settings", _SETTINGS, error)
        return
    yield _settings(settings.path, _SERVICES[keys.service])
    if keys.service == "pkcs11" and keys.pkcs11 is not None:
        yield from _pkcs11(keys.pkcs11)
    elif keys.service == "remote" and keys.remote is not None:
        yield from _remote(keys.remote)
    else:
        yield _vault(machine, keys.vault)
        words = Text(
            "打开密钥库时，根密钥和卡密钥都在本程序内存中",
            "root keys and card keys are in this program's memory while the vault is open",
        )
        yield _in_memory(words)


def _settings(path: Path | None, service: Text) -> Finding:
    if path is None:
        what = Text(
            f"没有 sscard.toml；密钥服务：{service.zh}", f"no sscard.toml; keys: {service.en}"
        )
        return Finding("settings", _SETTINGS, "ok", what)
    what = Text(f"{path}；密钥服务：{service.zh}", f"{path}; keys: {service.en}")
    if sys.platform != "win32" and path.stat().st_mode & _WRITABLE_BY_OTHERS:
        return Finding(
            "settings",
            _SETTINGS,
            "note",
            Text(f"{what.zh}；其他用户可改写此文件", f"{what.en}; others may write to it"),
            Text(
                f"谁能改它，谁就能换掉密钥服务：chmod go-w {path}",
                f"whoever can, decides where keys come from: chmod go-w {path}",
            ),
        )
    return Finding("settings", _SETTINGS, "ok", what)


def _in_memory(words: Text) -> Finding:
    """Whether card keys may be in the memory of this program, said plainly."""
    return Finding("derived keys", Text("密钥与内存", "keys in memory"), "ok", words)


def _vault(machine: Machine, settings: VaultSettings) -> Finding:
    from sscard_ic.keys.vault_format import head_of, looks_whole

    path = settings.file(machine.home)
    found = belonging(
        path,
        "vault",
        Text("密钥库", "key vault"),
        Text("制卡前运行 sscard keys init --test", "to make cards run sscard keys init --test"),
        lambda file: looks_whole(file.read_bytes()),
    )
    if found.state != "ok":
        return found
    kind = _ENVIRONMENTS[head_of(path.read_bytes(), str(path)).environment]
    what = Text(f"{path}（{kind.zh}）", f"{path} ({kind.en})")
    return Finding("vault", found.title, "ok", what)


# -- PKCS#11 -----------------------------------------------------------------------------------


def _pkcs11(settings: Pkcs11Settings) -> Iterator[Finding]:
    try:
        from sscard_ic.keys.pkcs11.library import load_library
        from sscard_ic.keys.pkcs11.token import token_state
    except ImportError:
        yield _without("hsm library", _LIBRARY, "python-pkcs11", "hsm")
        return
    try:
        load_library(settings.module)
        yield Finding("hsm library", _LIBRARY, "ok", Text(*(str(settings.module),) * 2))
    except SscardError as error:
        yield _fault("hsm library", _LIBRARY, error)
        return
    try:
        yield _token(token_state(settings), _ENVIRONMENTS[settings.environment])
    except SscardError as error:
        yield _fault("hsm token", _TOKEN, error)
    if settings.derived_keys == "host":
        words = Text(
            '根密钥不出加密机；单张卡的密钥可进入本程序内存（derived_keys = "host"），装载密钥需要',
            "root keys stay in the HSM; the key of a single card may be in this program's memory "
            '(derived_keys = "host"), from where it is loaded',
        )
    else:
        words = Text(
            '根密钥和卡密钥都不进入本程序内存（derived_keys = "token"），因此不能装载密钥',
            "neither root keys nor card keys come into this program's memory "
            '(derived_keys = "token"); no keys are loaded into cards',
        )
    yield _in_memory(words)


def _token(state: TokenState, kind: Text) -> Finding:
    name = f"{state.label} (serial {state.serial}, slot {state.slot}, {state.model})"
    level, pin, hint = _pin_state(state)
    what = Text(f"{name}；{kind.zh}；{pin.zh}", f"{name}; {kind.en}; {pin.en}")
    return Finding("hsm token", _TOKEN, level, what, hint)


def _pin_state(state: TokenState) -> tuple[State, Text, Text | None]:
    """What the flags of the token say about its PIN."""
    unlock = Text(
        "由安全官（SO）按厂商手册处理", "the SO puts it right, as the maker's manual says"
    )
    if not state.pin_set:
        return "missing", Text("还没有用户 PIN", "no user PIN yet"), unlock
    if state.locked:
        return "missing", Text("PIN 已锁定", "its PIN is locked"), unlock
    if state.final_try:
        return "missing", Text("PIN 只剩最后一次尝试", "one last try of its PIN is left"), unlock
    if state.count_low:
        words = Text("有人输错过 PIN", "a wrong PIN was given before")
        hint = Text(
            "由本人在提示处输入一次正确的 PIN（不用 SSCARD_HSM_PIN）",
            "type the right PIN once at the prompt, not by SSCARD_HSM_PIN",
        )
        return "note", words, hint
    return "ok", Text("PIN 正常", "its PIN is well"), None


# -- a remote HSM ------------------------------------------------------------------------------


def _remote(settings: RemoteSettings) -> Iterator[Finding]:
    if importlib.util.find_spec("httpx") is None:
        yield _without("hsm service", _SERVICE, "httpx", "remote")
        return
    try:
        yield _own_certificate(settings)
    except SscardError as error:
        yield _fault("hsm certificate", _CERTIFICATE, error)
        return
    yield _handshake(settings)
    words = Text(
        "根密钥和卡密钥都在加密机服务一侧", "root keys and card keys stay with the HSM service"
    )
    yield _in_memory(words)


def _own_certificate(settings: RemoteSettings) -> Finding:
    from sscard_ic.keys.remote.certificates import OwnCertificate

    now = datetime.now(UTC)
    own = OwnCertificate.read(settings.certificate)
    own.require_valid(now)
    day = f"{own.last:%Y-%m-%d}"
    what = Text(f"{own.path}，有效期至 {day}", f"{own.path}, valid until {day}")
    if own.last - now > _SOON:
        return Finding("hsm certificate", _CERTIFICATE, "ok", what)
    hint = Text("即将过期：向服务方申请新证书", "it ends soon: ask the operator for a new one")
    return Finding("hsm certificate", _CERTIFICATE, "note", what, hint)


def _handshake(settings: RemoteSettings) -> Finding:
    """Whether the service is there and trusted: a TLS handshake, and no message after it."""
    from sscard_ic.keys.remote.certificates import tls_context

    place = urlsplit(settings.url)
    address = (place.hostname or "", place.port or 443)
    try:
        context = tls_context(settings)
    except SscardError as error:
        return _fault("hsm service", _SERVICE, error)
    wait = min(settings.connect_timeout, _SECONDS)
    try:
        with (
            closing(socket.create_connection(address, timeout=wait)) as plain,
            context.wrap_socket(plain, server_hostname=address[0]) as secured,
        ):
            version = secured.version()
    except OSError as error:
        reason = os_reason(error)
        return Finding(
            "hsm service",
            _SERVICE,
            "missing",
            Text(f"{settings.url}：{reason.zh}", f"{settings.url}: {reason.en}"),
            Text(
                "检查网址、网络、ca_file 与服务是否已启动",
                "check the address, the network, ca_file, and whether the service runs",
            ),
        )
    kind = _ENVIRONMENTS[settings.environment]
    what = Text(
        f"{settings.url}（{kind.zh}），{version} 握手成功",
        f"{settings.url} ({kind.en}), {version} handshake done; "
        "the first message shows whether it takes our certificate",
    )
    return Finding("hsm service", _SERVICE, "ok", what)


# -- what goes wrong ---------------------------------------------------------------------------


def _without(subject: str, title: Text, package: str, extra: str) -> Finding:
    return Finding(
        subject,
        title,
        "missing",
        Text(f"没有安装 {package}", f"{package} is not installed"),
        Text(f'运行 pip install "sscard-ic[{extra}]"', f'run pip install "sscard-ic[{extra}]"'),
    )


def _fault(subject: str, title: Text, error: SscardError) -> Finding:
    where = f"{error.where}: " if error.where else ""
    what = Text(f"{where}{error.what.zh}", f"{where}{error.what.en}")
    hint = error.hint or Text("更正后再运行 sscard doctor", "put it right and run sscard doctor")
    return Finding(subject, title, "missing", what, hint)
