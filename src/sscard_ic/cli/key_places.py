"""Where a root key is used: on the cards and PSAMs of the shipped profiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sscard_ic import profile as profiles
from sscard_ic.cli import common
from sscard_ic.cli.common import tr
from sscard_ic.cli.key_words import factor_words
from sscard_ic.keys.inventory import KeyInfo, Use
from sscard_ic.profile.manual import key_command, key_words, opened, opens_words

_ASKED: frozenset[Use] = frozenset({"external", "internal"})
"""Uses by which a terminal names the key in a command."""


@dataclass(frozen=True, slots=True)
class Place:
    """A key in one profile; digits are hexadecimal, empty where there is none."""

    profile: str
    directory: str
    identifier: str
    """P2 of the commands that use this version."""
    command: str
    """CLA INS P1 P2 of the authentication."""
    psam: str
    """Usage byte and identifier of its root in a PSAM."""
    hsm: str
    """Its address in HSM services."""
    purpose: str
    """What it does there, in words."""
    rights: tuple[dict[str, str], ...] = field(default=())
    """Each file or item that it opens, and for what."""

    def to_json(self) -> dict[str, Any]:
        """The place by the names of its parts."""
        return {
            "profile": self.profile,
            "directory": self.directory,
            "id": self.identifier or None,
            "command": self.command.replace(" ", "") or None,
            "psam": self.psam.replace(" ", "") or None,
            "hsm_address": self.hsm or None,
            "opens": list(self.rights),
        }


class Places:
    """Every place of one root key."""

    def __init__(self, key: KeyInfo) -> None:
        self._key = key

    @cached_property
    def cards(self) -> list[Place]:
        """On cards of the shipped profiles that have this version in this algorithm.

        Variants of a region's cards have the keys of the others.
        """
        loaded = (
            profiles.load(info.name)
            for info in profiles.available()
            if info.kind in ("national", "region") and not info.variant
        )
        return [place for card in loaded for place in self._on(card)]

    @cached_property
    def psams(self) -> list[Place]:
        """As a key of a PSAM itself, or the one that blanks of PSAMs are personalized under."""
        loaded = (
            profiles.load_psam(info.name) for info in profiles.available() if info.kind == "psam"
        )
        return [place for psam in loaded for place in self._in(psam)]

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """What the steps from the root depend on, in words; nothing where it is used as it is."""
        if self._key.factors == ("card",) and self.psams and not self.cards:
            if any(place.identifier for place in self.psams):
                return (tr("PSAM 序列号后 8 字节", "last 8 bytes of the PSAM's serial number"),)
            return ()
        return tuple(factor_words(factor) for factor in self._key.factors)

    def _on(self, card: profiles.CardProfile) -> Iterator[Place]:
        name, version = self._key.name, self._key.version
        key = card.keys.get(name)
        if key is None or version > key.groups or card.key_algorithm(name) != self._key.family:
            return
        usage, number = key.psam_usage, key.psam_id
        psam = "" if usage is None or number is None else f"{usage:02X} {number:02X}"
        words = opens_words(card, name, common.language())
        if key.role is not None:
            words = "; ".join(filter(None, (key_words(key)[0].to(common.language()), words)))
        rights = opened(card, name)
        addresses = key.hsm_addresses
        yield Place(
            card.name,
            key.directory,
            f"{key.id + (version - 1 if key.indexed else 0):02X}",
            key_command(key) if key.use in _ASKED else "",
            psam,
            f"{addresses[version - 1]:04X}" if addresses else "",
            words,
            tuple({"path": path, "operation": operation.en} for operation, path in rights),
        )

    def _in(self, psam: profiles.PsamProfile) -> Iterator[Place]:
        name, model = self._key.name, psam.model
        found: dict[str, list[str]] = {}
        for title, directory in model.directories.items():
            for own in directory.keys:
                if own.root == name:
                    found.setdefault(f"{own.id:02X}", []).append(title)
        for identifier, directories in found.items():
            words = tr("PSAM 自身的密钥", "a key of the PSAM itself")
            yield Place(psam.name, " ".join(directories), identifier, "", "", "", words)
        if model.dialect.transport_root == name:
            words = tr("PSAM 个人化的传输密钥", "protects the personalization of the PSAM")
            yield Place(psam.name, "", "", "", "", "", words)
