"""What can go wrong when a key is asked for something."""

from __future__ import annotations

from sscard_ic.base.errors import InputError, SscardError, Text


class VaultError(InputError):
    """A vault file cannot be made, read or trusted."""


class UnknownKeyError(InputError):
    """The key service holds no such key."""

    def __init__(self, name: str, version: int, where: str = "") -> None:
        super().__init__(
            Text(f"没有密钥 {name} 版本 {version}", f"there is no key {name} version {version}"),
            where=where,
            hint=Text(
                "用 sscard keys list 查看现有密钥", "see `sscard keys list` for those there are"
            ),
        )


class EnvironmentMismatchError(InputError):
    """Test keys were asked to serve a production profile, or the reverse."""


class MissingCapabilityError(SscardError):
    """A key service cannot do what the job needs."""
