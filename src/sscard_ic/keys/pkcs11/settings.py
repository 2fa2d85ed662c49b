"""Which token of which PKCS#11 library holds the keys, and by which numbers it knows SM4."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sscard_ic.base.settings import FilePath, Section
from sscard_ic.keys.inventory import Environment

DerivedKeys = Literal["host", "token"]
SingleDes = Literal["double", "native"]

Number = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]
"""A CKM_ or CKK_ number of 32 bits, in TOML best as 0x80000101."""


class VendorMechanisms(Section):
    """What one HSM calls an algorithm that PKCS#11 has no common name for (ref 07 §c).

    The numbers are in the maker's manual; nobody publishes them, so none is preset. What is not
    set cannot be done, and says so.
    """

    key_type: Number
    """CKK_…: the type of its keys."""
    ecb: Number
    """CKM_…_ECB: encryption of whole blocks; derives card keys, gives check values."""
    cbc: Number | None = None
    """CKM_…_CBC: MACs, asked for when ``derived_keys`` is ``token``."""
    derive: Number | None = None
    """CKM_…_ECB_ENCRYPT_DATA: keys of provinces and cities from those above."""
    generate: Number | None = None
    """CKM_…_KEY_GEN: new keys."""
    value_length: bool = False
    """Whether templates of new keys name their length (CKA_VALUE_LEN)."""


class Mechanisms(Section):
    """Numbers of the algorithms that have no common name."""

    sm4: VendorMechanisms | None = None
    sm1: VendorMechanisms | None = None
    ssf33: VendorMechanisms | None = None


class Pkcs11Settings(Section):
    """One token. It is the only one that agrees with everything that is said here.

    The PIN is never a setting.
    """

    module: FilePath
    """The maker's PKCS#11 library, as ``/usr/lib/softhsm/libsofthsm2.so``."""
    token_label: str | None = None
    token_serial: str | None = None
    slot: Number | None = None
    environment: Environment = "test"
    """What the keys of this token must be."""
    derived_keys: DerivedKeys = "host"
    """Whether the key of a single card may come into this program's memory: keys are loaded into
    cards from there. ``token``: it is derived and used in the token alone, and loads no cards."""
    bytes_per_call: Annotated[int, Field(ge=4096, le=1 << 24, multiple_of=16)] = 1 << 17
    """The most that is encrypted by one call (128 KiB: the 3DES keys of 8192 cards)."""
    single_des: SingleDes = "double"
    """How the token holds keys of single DES. ``double``: as two-key 3DES with equal halves, which
    computes the same; SoftHSM with OpenSSL 3 and others have no single DES any more. ``native``: as
    DES keys, for tokens that refuse equal halves; only these are taken from key blocks."""
    mechanisms: Mechanisms = Mechanisms()
