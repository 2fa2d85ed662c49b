"""What can go wrong when a key is asked for something."""

from __future__ import annotations

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.crypto.suites import Algorithm


class VaultError(InputError):
    """A vault file cannot be made, read or trusted."""


class UnknownKeyError(InputError):
    """The key service holds no such key in this algorithm (``3des`` or ``sm4``)."""

    def __init__(
        self, name: str, version: int, where: str = "", *, algorithm: Algorithm = "3des"
    ) -> None:
        family = algorithm.upper()
        super().__init__(
            Text(
                f"没有 {family} 密钥 {name} 版本 {version}",
                f"there is no {family} key {name} version {version}",
            ),
            where=where,
            hint=Text(
                "用 sscard keys list 查看现有密钥", "see `sscard keys list` for those there are"
            ),
        )


class EnvironmentMismatchError(InputError):
    """Test keys were asked to serve a production profile, or the reverse."""


class MissingCapabilityError(SscardError):
    """A key service cannot do what the job needs."""


class PsamError(SscardError):
    """A PSAM cannot do what is asked of it."""


class NotPsamError(PsamError):
    """The card in the PSAM's reader is no PSAM of the social security system."""

    def __init__(self) -> None:
        super().__init__(
            Text("这张卡不是社会保障 PSAM 卡", "this card is no social security PSAM"),
            where="PSAM",
            hint=Text(
                "检查读写器是否弄混：--psam 指 PSAM 的读写器，--reader 指社保卡的读写器",
                "are the readers mixed up? --psam names that of the PSAM, --reader the card's",
            ),
        )


class PsamAlgorithmError(PsamError):
    """The PSAM has no environment for the family of the card's keys."""

    def __init__(self, algorithm: Algorithm) -> None:
        family = algorithm.upper()
        super().__init__(
            Text(f"此 PSAM 没有 {family} 环境", f"this PSAM has no {family} environment"),
            where="PSAM",
            hint=Text(
                f"此卡的密钥为 {family}：请换用支持它的 PSAM，或使用加密机",
                f"the keys of this card are {family}: use a PSAM that has them, or an HSM",
            ),
        )


class NoPsamKeyError(UnknownKeyError):
    """The PSAM holds no such key, or another version of it."""

    def __init__(
        self, name: str, version: int, *, algorithm: Algorithm, held: int | None = None
    ) -> None:
        super().__init__(name, version, "PSAM", algorithm=algorithm)
        if held is None:
            self.hint = Text(
                "此 PSAM 不含该密钥：请换用级别或地区相符的 PSAM，或使用加密机",
                "the PSAM lacks it: use one of the right level and region, or an HSM",
            )
        else:
            self.hint = Text(
                f"此 PSAM 中该密钥为版本 {held}",
                f"this PSAM holds version {held} of it",
            )
