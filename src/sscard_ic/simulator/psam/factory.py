"""Where virtual PSAMs come from: blanks of the factory, and saved images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from sscard_ic.base import InputError, Text
from sscard_ic.crypto.published import published_test_key
from sscard_ic.profile.dialect import Features
from sscard_ic.profile.psam import PsamDialect, PsamProfile
from sscard_ic.simulator.chip import Chip
from sscard_ic.simulator.memory import Memory, damaged
from sscard_ic.simulator.psam.application import PsamApplication
from sscard_ic.simulator.psam.state import PsamState
from sscard_ic.simulator.silicon import UNIQUE_LENGTH, Challenge, Identity

CHIP = "psam"
"""What the header of an image says under ``chip``."""

_ATR_START = bytes.fromhex("3B6D0000")
Entropy = Callable[[int], bytes]


def blank_psam(
    profile: PsamProfile,
    serial: bytes,
    *,
    path: Path | None = None,
    transport_key: bytes | None = None,
    entropy: Entropy = os.urandom,
) -> Chip:
    """A factory-fresh PSAM whose ATR ends in the 6-byte ``serial``.

    Its transport key is the published test key unless another is given. With ``path`` it lives in
    that new file. Raises :class:`InputError` for a production profile, an existing file, or a
    serial of another length.
    """
    if profile.region.issuer.environment == "production":
        raise InputError(
            Text("生产方案不能制作虚拟 PSAM", "a production profile makes no virtual PSAM"),
            where=profile.name,
            hint=Text("请使用 environment = test 的方案", "use one with environment = test"),
        )
    if len(serial) != UNIQUE_LENGTH:
        raise InputError(
            Text("芯片序列号必须为 6 字节", "a chip serial has 6 bytes"),
            hint=Text("用 12 位十六进制数给出", "give it as 12 hex digits"),
        )
    dialect = profile.model.dialect
    key = transport_key or published_test_key(dialect.transport_root, 1)
    header = {
        "chip": CHIP,
        "profile": profile.name,
        "serial": serial.hex().upper(),
        "transport_key": key.hex().upper(),
        "dialect": dialect.model_dump(mode="json"),
    }
    memory = Memory.create(header, path)
    identity = Identity(memory, dialect.settings.protocol)
    identity.write_head(_ATR_START + dialect.factory_historical)
    identity.write_unique(serial)
    memory.commit()
    return _chip(_state(memory, dialect, key, entropy))


def is_psam(memory: Memory) -> bool:
    """Whether an image is that of a PSAM."""
    return memory.header.get("chip") == CHIP


def state_of(memory: Memory, path: Path, entropy: Entropy = os.urandom) -> PsamState:
    """The file system of the image ``path``; raises :class:`InputError` when it is damaged."""
    try:
        dialect = PsamDialect.model_validate(memory.header["dialect"])
        transport_key = bytes.fromhex(memory.header["transport_key"])
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise damaged(f"{path}:1") from error
    return _state(memory, dialect, transport_key, entropy)


def chip_of(memory: Memory, path: Path, entropy: Entropy = os.urandom) -> Chip:
    """The chip of the image ``path``, without power; raises :class:`InputError`."""
    return _chip(state_of(memory, path, entropy))


def _state(
    memory: Memory, dialect: PsamDialect, transport_key: bytes, entropy: Entropy
) -> PsamState:
    identity = Identity(memory, dialect.settings.protocol)
    state = PsamState(memory, dialect, transport_key, identity, Challenge(entropy))
    state.restore()
    return state


def _chip(state: PsamState) -> Chip:
    settings = state.dialect.settings
    features = Features(protocol=settings.protocol, wrong_le=settings.wrong_le)
    return Chip(
        state.memory,
        [PsamApplication(state)],
        state.identity,
        state.challenge,
        features,
        "until_used",
        state.restore,
    )
