"""Where virtual chips come from: blanks as the factory delivers them, and saved images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sscard_ic.base import InputError, Text
from sscard_ic.crypto.published import published_test_key
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.cos import parse_dialect
from sscard_ic.profile.dialect import Dialect, Features
from sscard_ic.simulator import certificate, locking, medical, tree
from sscard_ic.simulator.application import Application
from sscard_ic.simulator.card import Interface, VirtualCard
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.certificate import CertificateApplication, CertificateState
from sscard_ic.simulator.chip import Chip
from sscard_ic.simulator.cos import INTERPRETERS
from sscard_ic.simulator.fault_file import FaultFile
from sscard_ic.simulator.faulty_card import FaultyCard
from sscard_ic.simulator.files import MF_FID
from sscard_ic.simulator.mask import Mask, mask_rules
from sscard_ic.simulator.memory import Memory, damaged
from sscard_ic.simulator.pboc import description as bank_description
from sscard_ic.simulator.pboc.bank import bank_of
from sscard_ic.simulator.pboc.registry import Registry
from sscard_ic.simulator.psam import factory as psam
from sscard_ic.simulator.silicon import HEAD_LENGTH, UNIQUE_LENGTH, Challenge, Identity
from sscard_ic.simulator.ssc import SocialSecurityApplication

TRANSPORT_KEY = "TRANSPORT"
"""Name of the key that opens test blanks, where their COS has no published one."""

_ATR_START = bytes.fromhex("3B6D0000")
Entropy = Callable[[int], bytes]


def blank(
    profile: CardProfile,
    serial: bytes,
    *,
    path: Path | None = None,
    features: Features | None = None,
    transport_key: bytes | None = None,
    card_manager_key: bytes | None = None,
    entropy: Entropy = os.urandom,
) -> Chip:
    """A factory-fresh chip whose ATR ends in the 6-byte ``serial``.

    ``transport_key`` opens the maker's blanks, itself or by a code of each chip; the one that the
    COS maker publishes, or the published test key, when left out. ``card_manager_key`` is the KMC
    of a chip with the bank's part; the published test key, when left out. With ``path`` the chip
    lives in that new file. ``entropy`` answers random bytes of a given length. Raises
    :class:`InputError` for a production profile, an existing file, or a serial of another length.
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
    key = transport_key or dialect.factory_key or published_test_key(TRANSPORT_KEY, 1)
    interpreter = INTERPRETERS[dialect.name]
    header = {
        "profile": profile.name,
        "serial": serial.hex().upper(),
        "algorithm": profile.algorithm,
        **interpreter.header(serial, key),
        "dialect": dialect.model_dump(mode="json"),
        "mask": mask_rules(profile.structure, dialect),
        medical.HEADER: medical.describe(profile.structure),
        certificate.HEADER: certificate.describe(profile.structure),
        bank_description.HEADER: bank_description.describe(profile.financial),
    }
    memory = Memory.create(header, path)
    identity = Identity(memory, dialect.features.protocol)
    identity.write_head((_ATR_START + dialect.factory_historical)[:HEAD_LENGTH])
    identity.write_unique(serial)
    card = card_of(memory, dialect)
    interpreter.manufacture(card)
    model = certificate.model_of(memory)
    if model is not None:
        CertificateState(memory, model, card.challenge).manufacture()
    if profile.financial is not None:
        Registry(memory, profile.financial).manufacture(serial, card_manager_key)
    memory.commit()
    return _chip(memory, dialect, entropy)


def open_image(
    path: Path, *, interface: Interface = "contact", entropy: Entropy = os.urandom
) -> Chip:
    """The chip saved in ``path``, without power, as a reader of that interface sees it.

    Raises :class:`InputError` when the file is no image, damaged or in use, or when the chip has
    no contactless face.
    """
    memory = Memory.open(path)
    dialect = None if psam.is_psam(memory) else dialect_of(memory, path)
    if interface == "contactless" and not (dialect and dialect.features.contactless):
        memory.close()
        raise InputError(
            Text("此卡没有非接触界面", "this card has no contactless face"),
            where=str(path),
            hint=Text("请用接触式打开", "open it by its contacts"),
        )
    if dialect is None:
        return psam.chip_of(memory, path, entropy)
    return _chip(memory, dialect, entropy, interface)


def open_card(path: Path, *, interface: Interface = "contact") -> VirtualCard:
    """The card in the image ``path`` with the faults on order for it, without power.

    Raises :class:`InputError` as :func:`open_image` does; an unreadable file of faults is an error
    of the power-up.
    """
    return FaultyCard(open_image(path, interface=interface), file=FaultFile(path))


def dialect_of(memory: Memory, path: Path) -> Dialect:
    """The dialect in the header of the image ``path``; raises :class:`InputError`."""
    try:
        return parse_dialect(memory.header["dialect"])
    except (KeyError, AttributeError, ValueError) as error:
        raise damaged(f"{path}:1") from error


def card_of(memory: Memory, dialect: Dialect, entropy: Entropy = os.urandom) -> CardState:
    """The file system in ``memory``; raises :class:`InputError` when it is damaged."""
    identity = Identity(memory, dialect.features.protocol, dialect.contactless_prefix)
    mask = Mask(memory.header["mask"])
    interpreter = INTERPRETERS[dialect.name]
    card = CardState(memory, dialect, interpreter, mask, identity, Challenge(entropy))
    tree.restore(card)
    identity.from_file = lambda: interpreter.historical(card)
    return card


def certificates_of(memory: Memory, challenge: Challenge) -> CertificateState | None:
    """The certificate application in ``memory``; None on a chip without one.

    Raises :class:`InputError` when it is damaged.
    """
    model = certificate.model_of(memory)
    if model is None:
        return None
    state = CertificateState(memory, model, challenge)
    state.check()
    return state


def _chip(
    memory: Memory, dialect: Dialect, entropy: Entropy, interface: Interface = "contact"
) -> Chip:
    card = card_of(memory, dialect, entropy)
    certificates = certificates_of(memory, card.challenge)
    home = SocialSecurityApplication(card)
    applications: list[Application] = [home]
    environments = {}
    if certificates is not None:
        applications.append(CertificateApplication(certificates))
        model = certificates.model
        environments[model.settings.environment_fid.to_bytes(2, "big")] = model.environment

    def names() -> list[bytes]:
        """Of everything but the bank's applications."""
        own = [] if certificates is None else [model.environment, model.name]
        return [*own, *(each.name for each in card.directories())]

    bank = bank_of(memory, interface, entropy, names)
    if bank is not None:
        applications.append(bank)

    def claimed(name: bytes) -> Application | None:
        """Names of directories are theirs, but that of the MF may be the PSE's, too."""
        if bank is None or not bank.owns(name):
            return None
        if any(each.name == name and each.spec.fid != MF_FID for each in card.directories()):
            return home
        locking.require_card(card)
        return bank

    def restore() -> None:
        """The other applications keep nothing of their own: they read the memory itself."""
        tree.restore(card)

    return Chip(
        memory,
        applications,
        card.identity,
        card.challenge,
        dialect.features,
        dialect.settings.challenge,
        restore=restore,
        interface=interface,
        environments=environments,
        claimed=claimed,
        closed=lambda: bank is not None and bank.closes_chip,
        delivered=bank.delivered if bank is not None else lambda: None,
    )
