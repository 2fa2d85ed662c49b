"""Proofs that do no harm: both sides show that they hold the same key (ref 02 §3.3, §3.5)."""

from __future__ import annotations

import secrets

from sscard_ic.apdu import iso, ssc
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.channel import Channel
from sscard_ic.crypto.keys import CHALLENGE_LENGTH
from sscard_ic.keys import Authenticator, CardKey
from sscard_ic.profile import CardProfile

_CHALLENGE = Text("取随机数", "get a challenge")


def authenticate(
    channel: Channel,
    key_id: int,
    key: CardKey,
    keys: Authenticator,
    what: Text,
    version: int | None,
) -> None:
    """External authentication: the terminal proves ``key`` to the card (two exchanges)."""
    challenge = channel.send(iso.get_challenge(), _CHALLENGE).data
    if len(challenge) != CHALLENGE_LENGTH:
        raise CardError(
            Text(
                f"随机数有 {len(challenge)} 字节，应为 {CHALLENGE_LENGTH}",
                f"the challenge has {len(challenge)} bytes, not {CHALLENGE_LENGTH}",
            )
        )
    text = challenge
    cryptogram = keys.cryptogram(key, challenge, text)
    channel.send(ssc.external_authenticate(key_id, cryptogram, text, version), what)


def check_card(
    channel: Channel,
    key_id: int,
    key: CardKey,
    keys: Authenticator,
    what: Text,
    version: int | None,
) -> None:
    """Internal authentication: the card proves ``key`` to the terminal (one exchange).

    Raises :class:`CardError` when its answer is not that of the key.
    """
    challenge, text = secrets.token_bytes(8), secrets.token_bytes(8)
    answer = channel.send(ssc.internal_authenticate(key_id, challenge, text, version), what).data
    if answer != keys.cryptogram(key, challenge, text):
        raise CardError(
            Text(
                f"内部认证失败：卡内密钥 {key.name} 版本 {key.version} 不符",
                f"internal authentication failed: key {key.name} version {key.version} differs",
            ),
            hint=Text(
                "卡不属于本地区，或密钥库不是发卡所用的",
                "the card is of another region, or the vault is not the one it was issued with",
            ),
        )


def prove_key(
    channel: Channel, profile: CardProfile, keys: Authenticator, key: CardKey, what: Text
) -> None:
    """Prove one version of an external, internal or control key in its selected directory."""
    entry = profile.keys[key.name]
    version = key.version if entry.groups > 1 else None
    prove = check_card if entry.use == "internal" else authenticate
    prove(channel, entry.id, key, keys, what, version)
