"""The keys of one card: how a key service knows them, and which of them a rule asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.card.application import flag_by_region
from sscard_ic.card.identity import CardIdentity
from sscard_ic.keys import (
    Authenticator,
    CardKey,
    CardNames,
    UnknownKeyError,
    message_protector,
    require_key,
)
from sscard_ic.profile import AccessRule, CardProfile


class OwnKeys:
    """The keys of the card at hand, by names out of its profile; no key bits.

    ``service`` answers for them; without one nothing that needs a key can be done. ``identity``
    tells who the card is when a key is first named: that may need an exchange. ``group`` is the
    group of every key that has several.
    """

    def __init__(
        self,
        profile: CardProfile,
        service: Authenticator | None,
        group: int,
        identity: Callable[[], CardIdentity],
    ) -> None:
        self.profile = profile
        """Of a card whose region has no profile with the algorithm that was found out."""
        self.service = service
        self._group = group
        self._identity = identity

    def need_service(self, key: str) -> Authenticator:
        """Who answers for ``key``; raises :class:`CardError` when there is nobody."""
        if self.service is None:
            raise CardError(
                Text(
                    f"需要密钥 {key}，但没有密钥服务",
                    f"key {key} is needed and no key service given",
                ),
                hint=Text("用 --vault 指定密钥库", "name a vault with --vault"),
            )
        return self.service

    def named(self, name: str, version: int | None = None) -> CardKey:
        """The name of one key for a key service; by default of the session's group.

        Raises :class:`InputError` for a group that the key does not have.
        """
        group = self._group_of(name, version)
        identity = self._identity()
        if self.profile.region is None and self.profile.announced is None:
            flag = flag_by_region(identity.division_code)
            self.profile = replace(self.profile, announced=flag)
        algorithm = self.profile.key_algorithm(name)
        names = CardNames(identity.historical, identity.code)
        return CardKey(name, group, identity.division_code, identity.factor, algorithm, names)

    def _group_of(self, name: str, version: int | None) -> int:
        groups = self.profile.keys[name].groups
        if version is None:
            version = self._group if groups > 1 else 1
        if not 1 <= version <= groups:
            raise InputError(
                Text(
                    f"密钥 {name} 有 {groups} 组，没有第 {version} 组",
                    f"the key {name} has {groups} groups, there is no group {version}",
                ),
                hint=Text(f"可用 1 至 {groups}", f"ask for one of 1 to {groups}"),
            )
        return version

    def sends_version(self, key: CardKey, asked: int | None) -> bool:
        """Whether the version byte goes with a proof: it does for a version that was asked for."""
        if asked is not None:
            return True
        groups = self.profile.keys[key.name].groups
        return self.profile.terminal.sends_version(key.version, groups)

    def require(self, *names: str) -> None:
        """Raise before anything is sent when the key service lacks one of the keys."""
        for name in names:
            require_key(self.need_service(name), self.named(name))

    def require_mac(self, name: str) -> None:
        """The same for the key of a MAC, which not every key service computes."""
        message_protector(self.need_service(name))
        self.require(name)

    def chosen(self, rule: AccessRule, keys: Sequence[str]) -> Sequence[str]:
        """The keys to authenticate: all of ``and``; of ``or`` the first that the service has."""
        if rule.logic == "and" or len(keys) < 2:
            return keys
        for key in keys:
            try:
                self.require(key)
            except UnknownKeyError:
                continue
            return (key,)
        return keys[:1]
