"""What can go wrong with an HSM, told so that somebody can do something about it."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.keys.errors import EnvironmentMismatchError, MissingCapabilityError
from sscard_ic.keys.inventory import Environment, KeySpec


class HsmError(SscardError):
    """The HSM refuses, is not there, or holds something else than expected."""


class HsmPinError(HsmError):
    """The PIN is wrong, locked, not set, or was not tried so that nothing gets locked."""


class NoMechanismError(MissingCapabilityError):
    """The settings do not say by which number the HSM knows an algorithm."""

    def __init__(self, algorithm: str, setting: str, where: str = "") -> None:
        family = algorithm.upper()
        super().__init__(
            Text(
                f"设置中没有加密机的 {family} 机制号（{setting}）",
                f"the settings do not say by which number the HSM knows {family} ({setting})",
            ),
            where=where,
            hint=Text(
                f"按加密机厂商手册设置 {setting}；不支持 {family} 的加密机不能用于这些密钥",
                f"set {setting} as the maker's manual says; an HSM without {family} cannot "
                "serve such keys",
            ),
        )


class NotExtractableError(InputError):
    """Somebody asks for the bits of a key that never leaves its HSM."""

    def __init__(self, name: str, version: int, where: str = "") -> None:
        super().__init__(
            Text(
                f"密钥 {name} 版本 {version} 在加密机内，不可导出",
                f"the key {name} version {version} is in an HSM and cannot be taken out",
            ),
            where=where,
            hint=Text(
                "加密机中的密钥均标为不可导出；请由原保管人以分量或密钥块导入另一处",
                "every key of the HSM is marked not extractable; have its custodians bring it in "
                "elsewhere by their components, or by the key block it came in",
            ),
        )


class CryptokiError(Exception):
    """A function of the library returned ``code``; never seen outside this package."""

    def __init__(self, code: int, mechanism: str = "") -> None:
        super().__init__(f"{code:#x}")
        self.code = code
        self.mechanism = mechanism
        """The mechanism it was asked for, or the setting that names it."""


_NAMES: Mapping[int, str] = {
    0x02: "HostMemory",
    0x03: "SlotIDInvalid",
    0x05: "GeneralError",
    0x06: "FunctionFailed",
    0x13: "AttributeValueInvalid",
    0x1B: "ActionProhibited",
    0x21: "DataLenRange",
    0x30: "DeviceError",
    0x31: "DeviceMemory",
    0x32: "DeviceRemoved",
    0x54: "FunctionNotSupported",
    0x60: "KeyHandleInvalid",
    0x62: "KeySizeRange",
    0x63: "KeyTypeInconsistent",
    0x68: "KeyFunctionNotPermitted",
    0x70: "MechanismInvalid",
    0x71: "MechanismParamInvalid",
    0x82: "ObjectHandleInvalid",
    0x90: "OperationActive",
    0xA0: "PinIncorrect",
    0xA1: "PinInvalid",
    0xA2: "PinLenRange",
    0xA3: "PinExpired",
    0xA4: "PinLocked",
    0xB0: "SessionClosed",
    0xB1: "SessionCount",
    0xB3: "SessionHandleInvalid",
    0xB5: "SessionReadOnly",
    0xD0: "TemplateIncomplete",
    0xD1: "TemplateInconsistent",
    0xE0: "TokenNotPresent",
    0xE1: "TokenNotRecognised",
    0xE2: "TokenWriteProtected",
    0x100: "UserAlreadyLoggedIn",
    0x101: "UserNotLoggedIn",
    0x102: "UserPinNotInitialized",
    0x104: "AnotherUserAlreadyLoggedIn",
    0x190: "CryptokiNotInitialized",
}
"""Return values (CKR_…) by the names that python-pkcs11 gives them."""

_GONE = frozenset(
    {
        "CryptokiNotInitialized",
        "DeviceError",
        "DeviceRemoved",
        "FunctionFailed",
        "GeneralError",
        "KeyHandleInvalid",
        "ObjectHandleInvalid",
        "SessionClosed",
        "SessionHandleInvalid",
        "SlotIDInvalid",
        "TokenNotPresent",
        "TokenNotRecognised",
        "UserNotLoggedIn",
    }
)
_FULL = frozenset({"DeviceMemory", "HostMemory", "SessionCount"})
_READ_ONLY = frozenset({"SessionReadOnly", "TokenWriteProtected"})
_MECHANISM = frozenset(
    {
        "FunctionNotSupported",
        "KeyFunctionNotPermitted",
        "KeySizeRange",
        "KeyTypeInconsistent",
        "MechanismInvalid",
        "MechanismParamInvalid",
    }
)


def reason_of(error: Exception) -> str:
    """The name of the return value: python-pkcs11 has a class for each, the shim a number."""
    if isinstance(error, CryptokiError):
        return _NAMES.get(error.code, f"CKR {error.code:#x}")
    # A value without a class comes as a message: "Unmapped error code 0x68".
    known = str(error).rpartition("Unmapped error code ")[2] if str(error) else ""
    if known.startswith("0x"):
        return _NAMES.get(int(known, 16), f"CKR {known}")
    return type(error).__name__


def hsm_error(error: Exception, where: str) -> HsmError:
    """What the token ``where`` means by the return value behind ``error``."""
    reason = reason_of(error)
    mechanism = error.mechanism if isinstance(error, CryptokiError) else ""
    if reason in _GONE:
        return HsmError(
            Text(
                f"加密机不再应答，或令牌已被移除（{reason}）",
                f"the HSM does not answer any more, or the token was removed ({reason})",
            ),
            where=where,
            hint=Text(
                "检查加密机、网络与厂商服务，然后重新开始；中断的操作可以重做",
                "check the HSM, the network and its maker's service, then start again; what was "
                "interrupted can be asked for again",
            ),
        )
    if reason in _FULL:
        return HsmError(
            Text(f"加密机存储已满（{reason}）", f"the HSM is full ({reason})"),
            where=where,
            hint=Text(
                "删除不用的对象，或换用更大的令牌",
                "remove objects that nobody uses, or take a larger token",
            ),
        )
    if reason in _READ_ONLY:
        return read_only(where)
    if reason in _MECHANISM and mechanism:
        return lacks_mechanism(mechanism, where, reason)
    return HsmError(
        Text(f"加密机拒绝该操作（{reason}）", f"the HSM refuses ({reason})"),
        where=where,
        hint=Text(
            "按厂商手册查该返回码；FIPS 模式的加密机不接受明文分量，请以密钥块导入",
            "look the return value up in the maker's manual; an HSM in FIPS mode takes no key "
            "from outside but in a key block",
        ),
    )


def lacks_mechanism(mechanism: str, where: str, reason: str = "MechanismInvalid") -> HsmError:
    """The token cannot do what a mechanism, or the setting that names it, is to do."""
    return HsmError(
        Text(
            f"加密机不支持机制 {mechanism}（{reason}）",
            f"the HSM does not have the mechanism {mechanism} ({reason})",
        ),
        where=where,
        hint=Text(
            "核对厂商手册中的机制号，或换用支持该算法的加密机",
            "compare the number with the maker's manual, or take an HSM that has it",
        ),
    )


def read_only(where: str) -> HsmError:
    """Keys are to be changed in a token that is write-protected."""
    return HsmError(
        Text("令牌为只读，不能增删密钥", "the token is read-only; no key can be changed"),
        where=where,
        hint=Text("解除令牌的写保护", "take the write protection off the token"),
    )


def single_des_block(spec: KeySpec, where: str) -> HsmError:
    """A key block with a key of single DES, for a token that holds such keys as 3DES keys."""
    return HsmError(
        Text(
            f"密钥 {spec.name} 是单 DES 密钥，此令牌以两半相同的 3DES 密钥保存，不能由密钥块导入",
            f"the key {spec.name} is one of single DES; the token holds these as 3DES keys with "
            "equal halves and cannot take them out of a key block",
        ),
        where=where,
        hint=Text(
            '改用分量导入；令牌支持 DES 时设置 single_des = "native"',
            'enter it by components; where the token has DES, set single_des = "native"',
        ),
    )


def other_environment(held: Environment, said: Environment, where: str) -> EnvironmentMismatchError:
    """The token holds keys of another environment than the settings say."""
    kind = {"test": "测试", "production": "生产"}[held]
    return EnvironmentMismatchError(
        Text(
            f"令牌中是{kind}密钥，而设置写明 environment = {said}",
            f"the token holds {held} keys; the settings say environment = {said}",
        ),
        where=where,
        hint=Text(
            "改正 sscard.toml 的 keys.pkcs11.environment，或另选令牌",
            "correct keys.pkcs11.environment in sscard.toml, or choose another token",
        ),
    )


def foreign_key(spec: KeySpec, environment: Environment, where: str) -> EnvironmentMismatchError:
    """A key of one environment is, or should come, into a token of the other."""
    return EnvironmentMismatchError(
        Text(
            f"密钥 {spec.name} 版本 {spec.version} 的环境是 {environment}，与令牌不同",
            f"the key {spec.name} version {spec.version} is one of {environment}, unlike the token",
        ),
        where=where,
        hint=Text("每个令牌只用于一种环境", "a token holds keys of one environment"),
    )
