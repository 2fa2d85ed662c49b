"""What can go wrong when a key is asked for something."""

from __future__ import annotations

from datetime import date

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.inventory import KeyInfo, KeySpec


class VaultError(InputError):
    """A vault file cannot be made, read or trusted."""


class UnconfirmedError(VaultError):
    """A change is in the vault's file, and the disk did not confirm that it lasts."""


class KeyExistsError(InputError):
    """A key of this name, version and algorithm is there, or was."""

    def __init__(self, key: KeySpec, where: str = "") -> None:
        super().__init__(
            Text(
                f"密钥 {key.name} 版本 {key.version}（{key.algorithm.upper()}）已存在或曾经存在",
                f"the {key.algorithm.upper()} key {key.name} version {key.version} is there, "
                "or was",
            ),
            where=where,
            hint=Text("新密钥请用新的版本号", "give a new key a new version"),
        )


class ComponentError(InputError):
    """The parts of a key do not make the key that was expected."""


class HardwareOnlyError(InputError):
    """SM1 and SSF33 are not published; no software can compute with them."""

    def __init__(self, key: KeySpec, where: str = "") -> None:
        super().__init__(
            Text(
                f"{key.algorithm.upper()} 算法未公开，软件密钥库不能保存或使用 {key.name}",
                f"{key.algorithm.upper()} is not published: the software vault cannot hold "
                f"or use {key.name}",
            ),
            where=where,
            hint=Text(
                "请使用支持该算法的加密机（PKCS#11，配置厂商机制号）",
                "use an HSM that has it (PKCS#11, with the maker's mechanism numbers)",
            ),
        )


class UnknownKeyError(InputError):
    """The key service holds no such key in this algorithm."""

    def __init__(
        self, name: str, version: int, where: str = "", *, algorithm: str = "3des"
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


class ExpiredKeyError(InputError):
    """A key was to be used before its first day, or after its last one."""

    def __init__(self, key: KeySpec, day: date, where: str = "") -> None:
        early = key.valid_from is not None and day < key.valid_from
        bound = key.valid_from if early else key.valid_until
        zh, en = ("尚未启用", "is not valid before") if early else ("已过期", "expired after")
        super().__init__(
            Text(
                f"密钥 {key.name} 版本 {key.version} {zh}（{bound}）",
                f"the key {key.name} version {key.version} {en} {bound}",
            ),
            where=where,
            hint=Text(
                "检查本机日期；换用有效的版本，或由保管人延长有效期",
                "check the date of this machine; use a version that is valid, or let the "
                "custodians extend it",
            ),
        )


class WrongPurposeError(InputError):
    """A key was asked for what it is not meant for."""

    def __init__(self, key: KeySpec, operation: Text, where: str = "") -> None:
        super().__init__(
            Text(
                f"密钥 {key.name} 版本 {key.version} 的用途是 {key.use}，不能用于{operation.zh}",
                f"the key {key.name} version {key.version} is for {key.use}, not to {operation.en}",
            ),
            where=where,
            hint=Text("检查配置中的密钥名称", "check which key the profile names"),
        )


class DestroyedKeyError(UnknownKeyError):
    """The key was there and has been destroyed."""

    def __init__(self, key: KeyInfo, where: str = "") -> None:
        super().__init__(key.name, key.version, where)
        moment = "" if key.destroyed is None else f"{key.destroyed:%Y-%m-%d}"
        self.what = Text(
            f"密钥 {key.name} 版本 {key.version} 已于 {moment} 销毁",
            f"the key {key.name} version {key.version} was destroyed on {moment}",
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
