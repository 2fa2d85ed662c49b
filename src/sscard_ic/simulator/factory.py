"""Where virtual chips come from: blanks as the factory delivers them, and saved images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from sscard_ic.base import InputError, Text
from sscard_ic.crypto.published import published_test_key
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.dialect import Dialect, Features
from sscard_ic.simulator.card import VirtualCard
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.chip import Chip
from sscard_ic.simulator.cos import t514
from sscard_ic.simulator.fault_file import FaultFile
from sscard_ic.simulator.faulty_card import FaultyCard
from sscard_ic.simulator.mask import Mask, mask_rules
from sscard_ic.simulator.memory import Memory, damaged
from sscard_ic.simulator.silicon import HEAD_LENGTH, UNIQUE_LENGTH, Challenge, Identity
from sscard_ic.simulator.ssc import SocialSecurityApplication

TRANSPORT_KEY = "TRANSPORT"
"""Name of the key all transport codes of test blanks are computed with."""

_ATR_START = bytes.fromhex("3B6D0000")
Entropy = Callable[[int], bytes]


def blank(
    profile: CardProfile,
    serial: bytes,
    *,
    path: Path | None = None,
    features: Features | None = None,
    transport_key: bytes | None = None,
    entropy: Entropy = os.urandom,
) -> Chip:
    """A factory-fresh chip without MF whose ATR ends in the 6-byte ``serial``.

    Its transport code is 3DES(Ktran, 0000 ‖ serial) (ref 11 §5.1), with the published test key
    unless another is given. With ``path`` the chip lives in that new file. ``entropy`` answers
    random bytes of a given length. Raises :class:`InputError` for a production profile, an
    existing file, or a serial of another length.
    """
    if profile.region is not None and profile.region.issuer.environment == "production":
        raise InputError(
            Text("生产方案不能制作虚拟卡", "a production profile makes no virtual cards"),
            where=profile.name,
            hint=Text("请使用 environment = test 的方案", "use one with environment = test"),
        )
    if len(serial) != UNIQUE_LENGTH:
        raise InputError(
            Text("芯片序列号必须为 6 字节", "a chip serial has 6 bytes"),
            hint=Text("用 12 位十六进制数给出", "give it as 12 hex digits"),
        )
    dialect = profile.dialect
    if features is not None:
        dialect = dialect.model_copy(update={"features": features})
    key = transport_key or published_test_key(TRANSPORT_KEY, 1)
    header = {
        "profile": profile.name,
        "serial": serial.hex().upper(),
        t514.TRANSPORT_CODE: t514.transport_code(key, serial).hex().upper(),
        "dialect": dialect.model_dump(mode="json"),
        "mask": mask_rules(profile.structure),
    }
    memory = Memory.create(header, path)
    identity = Identity(memory, dialect.features.protocol)
    identity.write_head((_ATR_START + dialect.factory_historical)[:HEAD_LENGTH])
    identity.write_unique(serial)
    memory.commit()
    return _chip(memory, dialect, entropy)


def open_image(path: Path, *, entropy: Entropy = os.urandom) -> Chip:
    """The chip saved in ``path``, without power.

    Raises :class:`InputError` when the file is no image, damaged or in use.
    """
    memory = Memory.open(path)
    return _chip(memory, dialect_of(memory, path), entropy)


def open_card(path: Path) -> VirtualCard:
    """The card in the image ``path`` with the faults on order for it, without power.

    Raises :class:`InputError` when the file is no image, damaged or in use; an unreadable file of
    faults is an error of the power-up.
    """
    return FaultyCard(open_image(path), file=FaultFile(path))


def dialect_of(memory: Memory, path: Path) -> Dialect:
    """The dialect in the header of the image ``path``; raises :class:`InputError`."""
    try:
        return Dialect.model_validate(memory.header["dialect"])
    except (KeyError, ValidationError) as error:
        raise damaged(f"{path}:1") from error


def card_of(memory: Memory, dialect: Dialect, entropy: Entropy = os.urandom) -> CardState:
    """The file system in ``memory``; raises :class:`InputError` when it is damaged."""
    identity = Identity(memory, dialect.features.protocol)
    mask = Mask(memory.header["mask"])
    card = CardState(memory, dialect, mask, identity, Challenge(entropy))
    t514.restore(card)
    return card


def _chip(memory: Memory, dialect: Dialect, entropy: Entropy) -> Chip:
    card = card_of(memory, dialect, entropy)
    application = SocialSecurityApplication(card, t514.COMMANDS)

    def restore() -> None:
        card.mf = None
        t514.restore(card)

    return Chip(
        memory,
        [application],
        card.identity,
        card.challenge,
        dialect.features,
        dialect.settings.challenge,
        restore,
    )
