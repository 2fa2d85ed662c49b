"""Files of kind ``authorities``: the public keys that terminals of a payment scheme believe."""

from __future__ import annotations

from datetime import date
from functools import cached_property

from pydantic import Field, field_validator, model_validator

from sscard_ic.base.problems import Unusable
from sscard_ic.crypto.pboc.authorities import POINT_LENGTH, RID_LENGTH, AuthorityKey, Status
from sscard_ic.crypto.rsa import EXPONENTS, RsaPublic
from sscard_ic.profile.fields import HexByte, HexBytes, Strict, Title

_CHECKSUM = 20
_DEFAULT_EXPONENT = 3


class AuthorityEntry(Strict):
    """One key: of RSA with ``modulus``, of SM2 with ``point``."""

    index: HexByte
    status: Status
    modulus: HexBytes | None = None
    exponent: HexBytes = _DEFAULT_EXPONENT.to_bytes(1, "big")
    point: HexBytes | None = Field(default=None, min_length=POINT_LENGTH, max_length=POINT_LENGTH)
    """X‖Y."""
    expires: date | None = None
    checksum: HexBytes | None = Field(default=None, min_length=_CHECKSUM, max_length=_CHECKSUM)

    @model_validator(mode="after")
    def _one_key(self) -> AuthorityEntry:
        if (self.modulus is None) == (self.point is None):
            raise Unusable("须有 modulus 或 point 之一", "either modulus or point is needed")
        if self.modulus is not None and self.public is None:
            raise Unusable("不是可用的 RSA 公钥", "this is no public key of RSA")
        return self

    @cached_property
    def public(self) -> RsaPublic | bytes | None:
        """The key; None for numbers that are none."""
        if self.modulus is None:
            return self.point
        if int.from_bytes(self.exponent, "big") not in EXPONENTS:
            return None
        try:
            return RsaPublic.of_bytes(self.modulus, self.exponent)
        except ValueError:
            return None


class AuthorityTable(Title):
    """All keys of one RID."""

    rid: HexBytes = Field(min_length=RID_LENGTH, max_length=RID_LENGTH)
    keys: tuple[AuthorityEntry, ...] = Field(min_length=1)

    @field_validator("keys")
    @classmethod
    def _indexes_differ(cls, keys: tuple[AuthorityEntry, ...]) -> tuple[AuthorityEntry, ...]:
        indexes = [key.index for key in keys]
        twice = sorted({f"{each:02X}" for each in indexes if indexes.count(each) > 1})
        if twice:
            raise Unusable(f"索引重复：{', '.join(twice)}", f"index used twice: {', '.join(twice)}")
        return keys

    @model_validator(mode="after")
    def _checksums_fit(self) -> AuthorityTable:
        wrong = ", ".join(f"{key.index:02X}" for key in self.authorities() if not key.is_right)
        if wrong:
            raise Unusable(
                f"公钥与其校验值不符：{wrong}", f"key and checksum do not belong together: {wrong}"
            )
        return self

    def authorities(self) -> tuple[AuthorityKey, ...]:
        """The keys as the terminal uses them."""
        return tuple(
            AuthorityKey(
                self.rid, each.index, each.public, each.status, each.expires, each.checksum
            )
            for each in self.keys
            if each.public is not None
        )
