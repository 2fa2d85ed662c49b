"""Proofs that do no harm: both sides show that they hold the same key (ref 02 §3.3-3.5)."""

from __future__ import annotations

import secrets

from sscard_ic.apdu import Response, iso, ssc
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.crypto.suites import CHALLENGE_LENGTH
from sscard_ic.keys import Authenticator, CardKey, require_key
from sscard_ic.profile import CardProfile
from sscard_ic.profile.structure import Key

_CHALLENGE = Text("取随机数", "get a challenge")
_NO_SUCH_KEY = StatusWord(0x6A88)


class KeyRefused(Refused):
    """The card refused a proof with ``key``; it is not repeated, nor tried with another group."""

    def __init__(self, command: Text, sw: StatusWord, key: CardKey, groups: int) -> None:
        super().__init__(command, sw)
        self.key = key
        if self.tries_left == 0:
            self.hint = _locked(key.version, groups)
        elif self.tries_left is not None:
            self.hint = Text(
                "密钥服务的密钥与卡内的不同（地区、版本或密钥库不符）；不要重试，每次都消耗次数",
                "the key service has another key than the card (region, version or vault differ); "
                "do not repeat it, every time costs a try",
            )
        elif sw == _NO_SUCH_KEY:
            self.hint = Text(
                f"卡内没有此密钥的第 {key.version} 组",
                f"the card has no group {key.version} of this key",
            )


class WrongPin(Refused):
    """The PIN was refused; ``tries_left`` says how often it may be tried again."""

    def __init__(self, command: Text, sw: StatusWord) -> None:
        super().__init__(command, sw)
        if self.tries_left == 0:
            self.hint = Text(
                "密码已锁定，请持卡人到服务窗口解锁或重置（sscard card pin unblock、reset）",
                "the PIN is locked; the holder has it unblocked or reset at a service window "
                "(sscard card pin unblock, reset)",
            )
        elif self.tries_left == 1:
            self.hint = Text("再错一次，密码即锁定", "one more wrong PIN locks it")


def _locked(group: int, groups: int) -> Text:
    others = [str(number) for number in range(1, groups + 1) if number != group]
    if not others:
        return Text(
            "此密钥已锁定且没有其他组，请退回发卡机构",
            "the key is locked and has no other group; the card goes back to its issuer",
        )
    return Text(
        f"第 {group} 组已锁定；可指定其他组（{'、'.join(others)}），程序不会自行改用",
        f"group {group} is locked; another one can be asked for ({', '.join(others)}), "
        "it is never tried by itself",
    )


def authenticate(
    channel: Channel,
    entry: Key,
    key: CardKey,
    keys: Authenticator,
    what: Text,
    *,
    with_version: bool,
) -> None:
    """External authentication: the terminal proves ``key`` to the card (two exchanges).

    ``with_version`` ends the data with the key version: Lc 11 instead of 10. Raises
    :class:`UnknownKeyError` before anything is sent, :class:`KeyRefused` afterwards.
    """
    require_key(keys, key)
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
    version = key.version if with_version else None
    response = channel.ask(ssc.external_authenticate(entry.id, cryptogram, text, version))
    _accepted(response, what, key, entry)


def check_card(
    channel: Channel,
    entry: Key,
    key: CardKey,
    keys: Authenticator,
    what: Text,
    *,
    with_version: bool,
) -> None:
    """Internal authentication: the card proves ``key`` to the terminal (one exchange).

    Raises :class:`UnknownKeyError` before anything is sent, :class:`CardError` when the card's
    answer is not that of the key.
    """
    challenge, text = secrets.token_bytes(8), secrets.token_bytes(8)
    expected = keys.cryptogram(key, challenge, text)
    version = key.version if with_version else None
    response = channel.ask(ssc.internal_authenticate(entry.id, challenge, text, version))
    _accepted(response, what, key, entry)
    if response.data != expected:
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


def _accepted(response: Response, what: Text, key: CardKey, entry: Key) -> None:
    if not response.sw.ok:
        raise KeyRefused(what, response.sw, key, entry.groups)


def prove_key(
    channel: Channel, profile: CardProfile, keys: Authenticator, key: CardKey, what: Text
) -> None:
    """Prove one version of an external, internal or control key in its selected directory."""
    entry = profile.keys[key.name]
    prove = check_card if entry.use == "internal" else authenticate
    prove(channel, entry, key, keys, what, with_version=entry.groups > 1)
