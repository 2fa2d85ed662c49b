"""By which numbers a token computes with each algorithm: PKCS#11's own, or those of the settings.

The DES family and AES have numbers of PKCS#11 2.40; SM4, SM1 and SSF33 have none (ref 07 §c).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sscard_ic.keys.inventory import RootAlgorithm
from sscard_ic.keys.pkcs11.cryptoki import Mechanism
from sscard_ic.keys.pkcs11.errors import NoMechanismError
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings, VendorMechanisms

CMAC = Mechanism(0x108A, "CKM_AES_CMAC")
CMAC_LENGTH = 16
KEY_WRAP_PAD = Mechanism(0x210A, "CKM_AES_KEY_WRAP_PAD")
KEY_WRAP_KWP = Mechanism(0x210B, "CKM_AES_KEY_WRAP_KWP")
"""RFC 5649; the other one is its name before PKCS#11 3.1, which SoftHSM still uses."""


@dataclass(frozen=True, slots=True)
class Cipher:
    """How a token computes with the keys of one algorithm."""

    algorithm: RootAlgorithm
    block: int
    key_type: int
    ecb: Mechanism
    _cbc: Mechanism | None
    _derive: Mechanism | None
    _generate: Mechanism | None
    value_length: bool
    double: bool = False
    """Whether the token holds its keys twice over, as 3DES keys with equal halves."""

    @property
    def cbc(self) -> Mechanism:
        """CBC without padding; raises :class:`NoMechanismError`."""
        return self._set(self._cbc, "cbc")

    @property
    def derive(self) -> Mechanism:
        """A new key by ECB; raises :class:`NoMechanismError`."""
        return self._set(self._derive, "derive")

    @property
    def generate(self) -> Mechanism:
        """A random key; raises :class:`NoMechanismError`."""
        return self._set(self._generate, "generate")

    def held(self, bits: bytes) -> bytes:
        """The bits of a key, or what derives it, as the token is to hold them."""
        return 2 * bits if self.double else bits

    def _set(self, mechanism: Mechanism | None, part: str) -> Mechanism:
        if mechanism is None:
            raise NoMechanismError(self.algorithm, f"{_SETTING}.{self.algorithm}.{part}")
        return mechanism


_SETTING = "mechanisms"


def _common(
    algorithm: RootAlgorithm, block: int, key_type: int, numbers: tuple[int, int, int, int]
) -> Cipher:
    name = {"des": "DES", "3des": "DES3", "aes": "AES"}[algorithm]
    ecb, cbc, derive, generate = numbers
    made = "DES2" if algorithm == "3des" else name
    return Cipher(
        algorithm,
        block,
        key_type,
        Mechanism(ecb, f"CKM_{name}_ECB"),
        Mechanism(cbc, f"CKM_{name}_CBC"),
        Mechanism(derive, f"CKM_{name}_ECB_ENCRYPT_DATA"),
        Mechanism(generate, f"CKM_{made}_KEY_GEN"),
        value_length=algorithm == "aes",
    )


_COMMON: Mapping[RootAlgorithm, Cipher] = {
    "des": _common("des", 8, 0x13, (0x121, 0x122, 0x1100, 0x120)),
    "3des": _common("3des", 8, 0x14, (0x132, 0x133, 0x1102, 0x130)),
    "aes": _common("aes", 16, 0x1F, (0x1081, 0x1082, 0x1104, 0x1080)),
}
_DOUBLE_DES = replace(_COMMON["3des"], algorithm="des", double=True)
_VENDOR_BLOCK = 16
"""Bytes of a block of SM4, SM1 and SSF33 (ref 02 §2.4)."""


class Ciphers:
    """The algorithms of one token."""

    def __init__(self, settings: Pkcs11Settings) -> None:
        self._vendor = settings.mechanisms
        self._common = dict(_COMMON)
        if settings.single_des == "double":
            self._common["des"] = _DOUBLE_DES

    def has(self, algorithm: RootAlgorithm) -> bool:
        """Whether the settings know it; not whether the token does."""
        return algorithm not in self.unset

    @property
    def unset(self) -> frozenset[str]:
        """Algorithms that the settings say nothing about."""
        vendor = {name: getattr(self._vendor, name) for name in type(self._vendor).model_fields}
        return frozenset(name for name, numbers in vendor.items() if numbers is None)

    def of(self, algorithm: RootAlgorithm) -> Cipher:
        """One of them; raises :class:`NoMechanismError`."""
        common = self._common.get(algorithm)
        if common is not None:
            return common
        numbers: VendorMechanisms | None = getattr(self._vendor, algorithm)
        if numbers is None:
            raise NoMechanismError(algorithm, f"{_SETTING}.{algorithm}")
        return _vendor(algorithm, numbers)


def _vendor(algorithm: RootAlgorithm, numbers: VendorMechanisms) -> Cipher:
    def named(number: int | None, part: str) -> Mechanism | None:
        setting = f"{_SETTING}.{algorithm}.{part}"
        return None if number is None else Mechanism(number, f"{setting} = {number:#x}")

    ecb = Mechanism(numbers.ecb, f"{_SETTING}.{algorithm}.ecb = {numbers.ecb:#x}")
    return Cipher(
        algorithm,
        _VENDOR_BLOCK,
        numbers.key_type,
        ecb,
        named(numbers.cbc, "cbc"),
        named(numbers.derive, "derive"),
        named(numbers.generate, "generate"),
        numbers.value_length,
    )
