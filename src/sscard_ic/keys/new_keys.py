"""What a new root key must be like: its description sound, its bits none of the weak ones."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from functools import cache
from itertools import product

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des
from sscard_ic.keys.errors import ComponentError, HardwareOnlyError
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.inventory import BANK_USES, HARDWARE_ONLY, KeySpec, Level, RootAlgorithm

FEWEST_COMPONENTS = 2
LAST_VERSION = 255
"""One byte on the card."""
NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,31}"
"""That of a key, as the key block has it, too."""

_NAME = re.compile(NAME)
_BANK_LEVELS: tuple[frozenset[Level], ...] = frozenset({"bank"}), frozenset({"bank", "maker"})
_BANK_ALGORITHMS: tuple[frozenset[RootAlgorithm], ...] = (
    frozenset({"3des", "sm4"}),
    frozenset({"3des"}),
)
"""Of most keys of the bank, and of a KMC: the secure channel protocols 01 and 02 are 3DES."""
_WITHOUT_PARITY = bytes(byte & 0xFE for byte in range(256))
_WEAK = frozenset(
    bytes.fromhex(key).translate(_WITHOUT_PARITY)
    for key in (
        # Weak and semi-weak keys of DES, NIST SP 800-67 Rev. 2, 3.3.2.
        "0101010101010101",
        "FEFEFEFEFEFEFEFE",
        "E0E0E0E0F1F1F1F1",
        "1F1F1F1F0E0E0E0E",
        "011F011F010E010E",
        "1F011F010E010E01",
        "01E001E001F101F1",
        "E001E001F101F101",
        "01FE01FE01FE01FE",
        "FE01FE01FE01FE01",
        "1FE01FE00EF10EF1",
        "E01FE01FF10EF10E",
        "1FFE1FFE0EFE0EFE",
        "FE1FFE1FFE0EFE0E",
        "E0FEE0FEF1FEF1FE",
        "FEE0FEE0FEF1FEF1",
    )
)


def require_sound(spec: KeySpec, where: str = "") -> None:
    """Refuse a key whose name, version, purpose or days contradict the rules or each other."""
    if not _NAME.fullmatch(spec.name):
        raise InputError(
            Text(
                "密钥名称应为 1 至 32 个字母、数字或 _ . -，以字母或数字开头",
                "the name of a key has 1 to 32 letters, digits or _ . -, "
                "the first a letter or digit",
            ),
            where=where,
            hint=Text("例如 UKSSSE", "for example UKSSSE"),
        )
    if not 1 <= spec.version <= LAST_VERSION:
        raise _unsound(
            spec,
            where,
            Text(f"密钥版本应为 1 至 {LAST_VERSION}", f"versions of a key are 1 to {LAST_VERSION}"),
            Text("版本号用尽时请换用新的名称", "when all are used up, take another name"),
        )
    wraps = spec.use == "wrap", spec.algorithm == "aes", spec.level == "site"
    if any(wraps) and not all(wraps):
        raise _unsound(
            spec,
            where,
            Text(
                "保护密钥的密钥（wrap）须为 AES、级别 site，且 AES 和 site 仅用于此",
                "a key that protects others (wrap) is an AES key of level site, "
                "and nothing else is",
            ),
            Text("核对用途、算法和级别", "compare use, algorithm and level"),
        )
    if spec.use in BANK_USES and not (
        spec.level in _BANK_LEVELS[spec.use == "card_manager"]
        and spec.algorithm in _BANK_ALGORITHMS[spec.use == "card_manager"]
    ):
        raise _unsound(
            spec,
            where,
            Text(
                "银行密钥的级别为 bank，算法为 3DES 或 SM4；KMC（card_manager）为 3DES，"
                "级别也可为 maker",
                "a key of the bank is of level bank, and 3DES or SM4; a KMC (card_manager) is "
                "3DES, and may be of level maker",
            ),
            Text("核对用途、算法和级别", "compare use, algorithm and level"),
        )
    first, last = spec.valid_from, spec.valid_until
    if first is not None and last is not None and last < first:
        raise _unsound(
            spec,
            where,
            Text(
                f"有效期的末日 {last} 早于首日 {first}",
                f"the last day {last} is before the first day {first}",
            ),
            Text("核对两个日期", "compare the two days"),
        )


def require_software(spec: KeySpec, where: str = "") -> None:
    """Refuse SM1 and SSF33: no software computes with such keys."""
    if spec.algorithm in HARDWARE_ONLY:
        raise HardwareOnlyError(spec, where)


def generated(spec: KeySpec) -> Secret:
    """Random bits for a key that software computes with; the parity of DES is left as it is."""
    while True:
        value = Secret(secrets.token_bytes(spec.length))
        if not is_weak(spec, value):
            return value


def combined(
    spec: KeySpec, components: Sequence[Secret], expected: bytes | None, where: str = ""
) -> Secret:
    """The XOR of two or more components, each as long as the key.

    ``expected`` is the 3-byte check value of the whole, None where nobody was told one. Raises
    :class:`ComponentError`, also for a weak key and when one component alone would be the key.
    """
    if len(components) < FEWEST_COMPONENTS:
        raise _refused(
            spec,
            where,
            Text("密钥至少由两个分量组成", "a key is joined from two components at least"),
        )
    for number, component in enumerate(components, 1):
        if len(component) != spec.length:
            raise _refused(
                spec,
                where,
                Text(
                    f"第 {number} 个分量应为 {spec.length} 字节",
                    f"component {number} must have {spec.length} bytes",
                ),
            )
    value = _joined(spec, components)
    problem = _problem(spec, components, value, expected)
    if problem is not None:
        value.clear()
        raise _refused(spec, where, problem)
    return value


def is_weak(spec: KeySpec, value: Secret) -> bool:
    """Whether no key should be like this: zeros, weak for DES, or 3DES that is single DES."""
    bits = _significant(spec, value)
    if not any(bits):
        return True
    if spec.family != "3des":
        return False
    halves = [bits[at : at + des.BLOCK] for at in range(0, len(bits), des.BLOCK)]
    return len(set(halves)) != len(halves) or any(half in _WEAK for half in halves)


def require_strong(spec: KeySpec, value: Secret, where: str = "") -> None:
    """Refuse a key made elsewhere that :func:`is_weak`."""
    if is_weak(spec, value):
        raise _weak(spec, where)


def require_strong_by_check_value(spec: KeySpec, found: bytes, where: str = "") -> None:
    """The same for a key of which nothing but its check value (3 bytes) is seen.

    So zeros are found, and DES keys all of whose halves are weak; other equal halves are not. Of
    sound 3DES keys one in 65,000 has such a check value, too.
    """
    if spec.algorithm in HARDWARE_ONLY:
        return
    if found in _weak_check_values(spec.algorithm, spec.length, spec.family == "3des"):
        raise _weak(spec, where)


@cache
def _weak_check_values(
    algorithm: RootAlgorithm, length: int, made_of_des: bool
) -> frozenset[bytes]:
    """The check values of zeros and of all that weak keys of DES are put together to."""
    values = {bytes(length)}
    if made_of_des:
        values |= {b"".join(each) for each in product(_WEAK, repeat=length // des.BLOCK)}
    return frozenset(check_value(algorithm, Secret(value)) for value in values)


def _weak(spec: KeySpec, where: str) -> InputError:
    return _unsound(
        spec,
        where,
        Text(
            "弱密钥（全零、DES 弱密钥，或 3DES 两半相同）",
            "a weak key (zeros, weak for DES, or 3DES with equal halves)",
        ),
        Text("未保存；请交来密钥的一方重新生成", "not stored; let its sender make another key"),
    )


def _joined(spec: KeySpec, components: Sequence[Secret]) -> Secret:
    value = bytearray(spec.length)
    for component in components:
        for at, byte in enumerate(component.reveal()):
            value[at] ^= byte
    joined = Secret(value)
    value[:] = bytes(len(value))
    return joined


def _problem(
    spec: KeySpec, components: Sequence[Secret], value: Secret, expected: bytes | None
) -> Text | None:
    if not any(_significant(spec, value)):
        return Text("各分量相互抵消，结果全为零", "the components cancel out: the key is all zeros")
    bits = _significant(spec, value)
    if any(hmac.compare_digest(bits, _significant(spec, each)) for each in components):
        return Text(
            "其余分量相互抵消，某一分量本身即为密钥",
            "the others cancel out: one component alone would be the key",
        )
    if expected is not None and not hmac.compare_digest(
        check_value(spec.algorithm, value), expected
    ):
        return Text(
            "合成的密钥与给出的校验值不符",
            "the key does not have the check value that was expected",
        )
    if is_weak(spec, value):
        return Text(
            "合成的密钥为弱密钥（DES 弱密钥，或 3DES 两半相同）",
            "the key would be a weak one (of DES, or 3DES with equal halves)",
        )
    return None


def _significant(spec: KeySpec, value: Secret) -> bytes:
    """The bits that count: DES ignores the lowest one of each byte."""
    bits = value.reveal()
    return bits.translate(_WITHOUT_PARITY) if spec.family == "3des" else bits


def _unsound(spec: KeySpec, where: str, what: Text, hint: Text) -> InputError:
    return InputError(_of(spec, what), where=where, hint=hint)


def _refused(spec: KeySpec, where: str, what: Text) -> ComponentError:
    return ComponentError(
        _of(spec, what),
        where=where,
        hint=Text(
            "未保存任何内容。请核对各分量及其载体后重新输入",
            "nothing was stored; compare the components with their carriers and enter them again",
        ),
    )


def _of(spec: KeySpec, what: Text) -> Text:
    return Text(
        f"密钥 {spec.name} 版本 {spec.version}：{what.zh}",
        f"key {spec.name} version {spec.version}: {what.en}",
    )
