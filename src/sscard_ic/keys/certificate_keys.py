"""PINs and control keys of the certificate application: the only place that computes with them.

The card knows a PIN by the key K = SM3(PIN)[0..15], a control key by itself; both are SM4 keys
(ref 02 §8.2-8.6). Challenges have 8 or 16 bytes; 8 are filled with 00.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sscard_ic.apdu import Command
from sscard_ic.apdu import certificate as apdu
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import sm3, sm4
from sscard_ic.crypto.secure_messaging import covered, message_key
from sscard_ic.profile.certificate import CONTROL_KEY_LENGTH, CertificateSettings

_SHORTEST, _LONGEST = 2, 7
"""Bytes of a PIN, two digits each."""
_CHALLENGES = (8, 16)


class PinFormError(InputError):
    """No PIN of this application; never shows it."""

    def __init__(self) -> None:
        super().__init__(
            Text(
                "证书应用的 PIN 应为 4 至 14 位数字，且位数为偶数",
                "a PIN of the certificate application has 4 to 14 digits, an even number of them",
            ),
            hint=Text(
                "例如 6 位（用户 PIN）或 8 位（管理员 PIN）数字",
                "user PINs have 6 digits, for example, administrator PINs 8",
            ),
        )


@dataclass(frozen=True, slots=True)
class CertificatePin:
    """A PIN, as BCD of 2 to 7 bytes. Raises :class:`PinFormError` for anything else."""

    value: Secret = field(repr=False)

    def __post_init__(self) -> None:
        if not _SHORTEST <= len(self.value) <= _LONGEST or not self.value.reveal().hex().isdigit():
            raise PinFormError

    @classmethod
    def of(cls, digits: str) -> CertificatePin:
        """The PIN of 4 to 14 digits, an even number of them."""
        if len(digits) % 2 or not digits.isascii() or not digits.isdigit():
            raise PinFormError
        return cls(Secret(bytes.fromhex(digits)))

    def proof(self, challenge: bytes) -> Secret:
        """SM4(K, challenge), 16 bytes: what VERIFY takes (ref 02 §8.3)."""
        return Secret(sm4.encrypt(self._key(), _filled(challenge)))

    def change(self, new: CertificatePin, challenge: bytes, reference: int) -> Secret:
        """The finished command that changes this PIN into ``new`` (ref 02 §8.5)."""
        return _protected(apdu.change_pin(reference), self._key(), new.value, challenge)

    def _key(self) -> bytes:
        return sm3.digest(self.value.reveal())[: sm4.KEY_LENGTH]


@dataclass(frozen=True, slots=True)
class ControlKey:
    """The control key of the application or of its environment, 16 bytes.

    Raises :class:`InputError` for another length.
    """

    value: Secret = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.value) != CONTROL_KEY_LENGTH:
            raise InputError(
                Text(
                    f"证书应用的主控密钥应为 {CONTROL_KEY_LENGTH} 字节，"
                    f"不是 {len(self.value)} 字节",
                    f"a control key of the certificate application has {CONTROL_KEY_LENGTH} "
                    f"bytes, not {len(self.value)}",
                )
            )

    def proof(self, challenge: bytes) -> Secret:
        """SM4(key, challenge), 16 bytes: what EXTERNAL AUTHENTICATE takes (ref 02 §8.6)."""
        return Secret(sm4.encrypt(self.value.reveal(), _filled(challenge)))

    def replacement(
        self, new: ControlKey, challenge: bytes, settings: CertificateSettings
    ) -> Secret:
        """The finished command that puts ``new`` in the place of this key (ref 02 §8.6)."""
        plain = Secret(settings.control_key_header + new.value.reveal())
        return _protected(apdu.replace_control_key(), self.value.reveal(), plain, challenge)


def _filled(challenge: bytes) -> bytes:
    if len(challenge) not in _CHALLENGES:
        raise ValueError(f"a challenge has {_CHALLENGES} bytes, this one {len(challenge)}")
    return challenge.ljust(sm4.BLOCK, b"\x00")


def _protected(command: Command, key: bytes, plain: Secret, challenge: bytes) -> Secret:
    """``command`` with LL ‖ ``plain`` ‖ 80 00… enciphered, and the MAC that begins with the
    challenge."""
    message = message_key("sm4", key, _filled(challenge), "card_key")
    enciphered = message.encipher(plain.reveal())
    mac = message.mac(covered(command.header, enciphered))
    return Secret(bytes(replace(command, data=enciphered + mac)))
