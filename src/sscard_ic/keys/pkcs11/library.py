"""PKCS#11 libraries that this process has loaded.

python-pkcs11 initialises a library without telling it how threads are kept apart, and then it may
be entered by one thread at a time only. So each library has one lock, and every call holds it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pkcs11

from sscard_ic.base.errors import Text
from sscard_ic.keys.pkcs11.cryptoki import Cryptoki
from sscard_ic.keys.pkcs11.errors import CryptokiError, HsmError

_loading = threading.Lock()
_loaded: dict[str, Library] = {}


class Library:
    """A library, its lock, and its functions for keys by number."""

    def __init__(self, path: str) -> None:
        self.lock = threading.RLock()
        self.managed: Any = pkcs11.lib(path)
        """The door of python-pkcs11: slots and tokens."""
        self.functions = Cryptoki(path)


def load_library(module: Path) -> Library:
    """The library at ``module``; raises :class:`HsmError` when there is none."""
    path = str(module.resolve())
    if not module.is_file():
        raise HsmError(
            Text("没有这个 PKCS#11 库文件", "there is no such PKCS#11 library"),
            where=path,
            hint=Text(
                "安装加密机厂商的软件，并在设置中写明其 PKCS#11 库的路径（module）",
                "install the software of the HSM's maker, and set `module` to the path of its "
                "PKCS#11 library",
            ),
        )
    with _loading:
        known = _loaded.get(path)
        if known is None:
            try:
                known = _loaded[path] = Library(path)
            except (pkcs11.PKCS11Error, CryptokiError, OSError, AttributeError) as error:
                failure = _unusable(path, error)
            else:
                return known
        else:
            return known
    raise failure


def _unusable(path: str, error: Exception) -> HsmError:
    reason = type(error).__name__ if str(error) == "" else str(error)
    return HsmError(
        Text(f"不是可用的 PKCS#11 库：{reason}", f"not a PKCS#11 library that works: {reason}"),
        where=path,
        hint=Text(
            "检查路径、库的位数（32/64 位）以及厂商的配置文件",
            "check the path, whether the library is of 32 or 64 bits, and its maker's settings",
        ),
    )
