"""Which library answers for SM2 on this machine: OpenSSL's before gmalg."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.crypto.sm2.model import Sm2

VARIABLE = "SSCARD_SM2"
"""Environment variable that forces one library by its name."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A library by name, and either what it offers or why it is absent."""

    name: str
    sm2: Sm2 | None
    absent: Text | None = None


def provider() -> Sm2:
    """The SM2 of this machine: OpenSSL's, else gmalg's, or the one that SSCARD_SM2 names.

    Raises :class:`~sscard_ic.base.errors.InputError` for a name that is unknown or whose library
    is absent.
    """
    return choose(os.environ.get(VARIABLE, ""), _PROBES)


def providers() -> tuple[Backend, ...]:
    """Every library in the order of preference, also those that are absent."""
    return tuple(probe() for probe in _PROBES.values())


def choose(forced: str, probes: Mapping[str, Callable[[], Backend]]) -> Sm2:
    """The first library that is there, or the one called ``forced``."""
    if forced and forced not in probes:
        names = " | ".join(probes)
        raise InputError(
            Text("没有这个 SM2 程序库", "there is no such SM2 library"),
            where=VARIABLE,
            hint=Text(f"设为 {names}，或取消设置", f"set it to {names}, or unset it"),
        )
    absent = []
    for name in (forced,) if forced else probes:
        backend = probes[name]()
        if backend.sm2 is not None:
            return backend.sm2
        absent.append(backend)
    raise _nothing(forced, absent)


def probe_openssl(names: Iterable[str] | None = None) -> Backend:
    """The machine's OpenSSL, opened by one of ``names`` and tried out with known answers."""
    try:
        # cffi itself may be missing, or unable to load.
        from sscard_ic.crypto import openssl_library
        from sscard_ic.crypto.sm2.by_openssl import ByOpenssl
        from sscard_ic.crypto.sm2.self_test import answers_right
    except ImportError as error:
        return Backend("openssl", None, _unloadable("cffi", error))
    try:
        opened = (
            openssl_library.machine_library()
            if names is None
            else openssl_library.open_library(names)
        )
        sm2 = ByOpenssl(opened)
        right = answers_right(sm2)
    except openssl_library.OpensslAbsent as error:
        return Backend("openssl", None, error.reason)
    except AttributeError as error:
        return Backend("openssl", None, _unloadable("libcrypto", error))
    if not right:
        return Backend("openssl", None, _wrong(sm2.library))
    return Backend("openssl", sm2)


def probe_gmalg() -> Backend:
    """gmalg, when it is installed."""
    try:
        from sscard_ic.crypto.sm2.by_gmalg import ByGmalg
    except ImportError as error:
        return Backend("gmalg", None, _unloadable("gmalg", error))
    return Backend("gmalg", ByGmalg())


_PROBES: Mapping[str, Callable[[], Backend]] = {
    "openssl": cache(probe_openssl),
    "gmalg": cache(probe_gmalg),
}


def _unloadable(name: str, error: Exception) -> Text:
    return Text(f"无法使用 {name}：{error}", f"{name} cannot be used: {error}")


def _wrong(library: str) -> Text:
    return Text(
        f"{library} 没有 SM2，或 SM2 自检未通过",
        f"{library} has no SM2, or gives wrong answers",
    )


def _nothing(forced: str, absent: list[Backend]) -> SscardError:
    reasons = [backend.absent for backend in absent if backend.absent is not None]
    if forced:
        what = Text(f"SM2 程序库 {forced} 不可用", f"the SM2 library {forced} is absent")
        hint = Text(
            "请安装带 SM2 的 OpenSSL 3，或取消设置，由 gmalg 代替"
            if forced == "openssl"
            else "请安装 gmalg，或取消设置",
            "install an OpenSSL 3 with SM2, or unset it: gmalg stands in"
            if forced == "openssl"
            else "install gmalg, or unset it",
        )
    else:
        what = Text("本机没有 SM2 程序库", "this machine has no SM2 library")
        hint = Text(
            "请安装带 SM2 的 OpenSSL 3，或 gmalg", "install an OpenSSL 3 with SM2, or gmalg"
        )
    zh = "；".join((what.zh, *(reason.zh for reason in reasons)))
    en = "; ".join((what.en, *(reason.en for reason in reasons)))
    return InputError(Text(zh, en), where=VARIABLE if forced else "", hint=hint)
