"""Single exchanges with the certificate application, with refusals in words (ref 02 §8.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from sscard_ic.apdu import Command, Response, iso
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import Condition, PinName
from sscard_ic.profile.certificate_words import NEEDED_PINS, PIN_WORDS, pin_list
from sscard_ic.reader.connection import Connection

Place = Literal["application", "environment"]
"""A directory with a control key of its own: the ADF, or the DDF around it."""

PLACES: Mapping[Place, Text] = {
    "application": Text("证书应用（ADF）", "the certificate application (ADF)"),
    "environment": Text("证书应用环境（DDF）", "the certificate environment (DDF)"),
}
_CHALLENGE = Text("取随机数", "get a challenge")

NOT_SATISFIED = StatusWord(0x6982)
WRONG_MAC = StatusWord(0x6988)
_NO_SUCH_KEY = StatusWord(0x6A88)
_WRONG = frozenset({0x6300, WRONG_MAC})
"""A wrong proof whose tries the card does not tell."""
NOT_OFFERED = frozenset({0x6A81, 0x6A86, 0x6D00, 0x6E00})
"""How a card says that it does not have a command, or not in this form."""
_NOT_ON_THE_CARD = NOT_OFFERED | {0x6A82, 0x6A88, 0x6F00}
"""What cards without the application answer to SELECT by name."""

_HINTS: Mapping[int, Text] = {
    0x6A80: Text(
        "卡不接受这些数据：卡规范 [certificate] 的设置与此卡不符，或密钥、密文不匹配",
        "the card does not take these data: the settings [certificate] of the profile are not "
        "those of this card, or key and data do not belong together",
    ),
    0x6A82: Text(
        "卡内没有该文件：卡规范 [certificate.files] 与此卡不符，或同一连接上选择了其他应用",
        "the card has no such file: [certificate.files] of the profile is not that of this card, "
        "or another application was selected on the same connection",
    ),
    0x6A84: Text(
        "卡内文件比卡规范的 certificate_size 小",
        "the file of the card is smaller than certificate_size of the profile",
    ),
    0x6A88: Text(
        "卡内尚无该密钥：先生成签名密钥对（sscard cert keygen），"
        "加密密钥由 CA 签发后写入（sscard cert load）",
        "the key is not on the card yet: generate the signature key pair (sscard cert keygen); the "
        "encryption key comes from the CA (sscard cert load)",
    ),
    0x6984: Text(
        "随机数已失效，请重试；若仍失败，检查卡规范的 challenge",
        "the challenge is not valid any more; try again, then check challenge of the profile",
    ),
    **dict.fromkeys(NOT_OFFERED, Text("此卡不支持该命令", "this card does not have the command")),
}


class NoCertificateApplication(CardError):
    """SELECT of the environment or of the application was refused."""

    def __init__(self, sw: StatusWord) -> None:
        self.sw = sw
        super().__init__(
            Text(
                f"卡上没有证书应用（{sw}），是第三代社会保障卡吗？",
                f"no certificate application on this card ({sw}); is it of the third generation?",
            ),
            hint=Text(
                "请插入第三代社会保障卡，或改用与此卡相符的卡规范",
                "insert a card of the third generation, or name the profile of this card",
            ),
        )


class CertificateRefused(Refused):
    """A command of the certificate application was refused; the hint says what to do."""

    def __init__(
        self,
        command: Text,
        sw: StatusWord,
        *,
        lacking: Sequence[PinName] = (),
        hints: Mapping[int, Text] | None = None,
    ) -> None:
        closed = sw == NOT_SATISFIED
        super().__init__(command, sw, missing=pin_list(lacking) if closed and lacking else None)
        if closed:
            self.hint = _closed(lacking)
        elif sw in (known := {**_HINTS, **(hints or {})}):
            self.hint = known[sw]


class WrongCertificatePin(CertificateRefused):
    """A PIN was refused; ``tries_left`` says how often it may be tried again."""

    def __init__(self, command: Text, sw: StatusWord, pin: PinName) -> None:
        super().__init__(command, sw)
        self.pin = pin
        name = PIN_WORDS[pin]
        if self.tries_left == 0:
            self.hint = Text(
                f"{name.zh}已锁定；没有公开的解锁命令，请退回发卡机构换卡",
                f"the {name.en} is locked and no command to unblock it is known; the card goes "
                "back to its issuer and is replaced",
            )
        elif self.tries_left == 1:
            self.hint = Text(
                f"再错一次，{name.zh}即锁定，无法解锁",
                f"one more wrong {name.en} locks it, and nothing unblocks it",
            )
        elif self.tries_left is not None or sw in _WRONG:
            self.hint = Text(
                f"请核对{name.zh}，不要反复尝试：每次错误都消耗次数",
                f"make sure of the {name.en}; do not repeat it, every wrong one costs a try",
            )
        elif sw == _NO_SUCH_KEY:
            self.hint = Text(
                f"卡内没有{name.zh}：检查卡规范 [certificate] 的 {pin}_pin",
                f"the card has no {name.en}: check {pin}_pin in [certificate] of the profile",
            )


class ControlKeyRefused(CertificateRefused):
    """The control key of a directory was refused."""

    def __init__(self, command: Text, sw: StatusWord, place: Place) -> None:
        super().__init__(command, sw)
        self.place = place
        if self.tries_left == 0:
            self.hint = Text(
                "主控密钥已锁定，请退回发卡机构",
                "the control key is locked; the card goes back to its issuer",
            )
        elif self.tries_left is not None or sw in _WRONG:
            self.hint = Text(
                "卡内主控密钥与所给的不同；不要反复尝试，每次都消耗次数",
                "the card has another control key; do not repeat it, every time costs a try",
            )
        elif sw == NOT_SATISFIED:
            self.hint = Text(
                "此卡更换主控密钥前要先认证旧密钥：修改卡规范的 change_needs_authentication",
                "this card asks for a proof of the old key before: correct "
                "change_needs_authentication of the profile",
            )


class CertificateCommands:
    """Sends single commands to the application, and remembers what was verified in it."""

    def __init__(self, connection: Connection, model: Model) -> None:
        self.channel = Channel(connection)
        self.model = model
        self.verified: set[PinName] = set()
        """PINs that the card took; whether it still counts them is known to the card alone."""

    def select(self, place: Place) -> None:
        """Make a directory the current one (one exchange)."""
        name = self.model.name if place == "application" else self.model.environment
        sw = self.channel.ask(iso.select_name(name)).sw
        if sw in _NOT_ON_THE_CARD:
            raise NoCertificateApplication(sw)
        if not sw.ok:
            title = PLACES[place]
            raise CertificateRefused(Text(f"选择{title.zh}", f"select {title.en}"), sw)

    def ask(self, command: Command | Secret) -> Response:
        """The answer, whatever its status."""
        return self.channel.ask(command)

    def send(
        self,
        command: Command | Secret,
        what: Text,
        condition: Condition = "free",
        hints: Mapping[int, Text] | None = None,
    ) -> Response:
        """The answer of a command that must succeed; :class:`CertificateRefused` otherwise."""
        response = self.ask(command)
        if not response.sw.ok:
            raise self.refusal(what, response.sw, condition, hints)
        return response

    def refusal(
        self,
        what: Text,
        sw: StatusWord,
        condition: Condition = "free",
        hints: Mapping[int, Text] | None = None,
    ) -> CertificateRefused:
        """What is raised for a status; names the PINs of ``condition`` that were not verified."""
        lacking = [pin for pin in NEEDED_PINS[condition] if pin not in self.verified]
        return CertificateRefused(what, sw, lacking=lacking, hints=hints)

    def challenge(self) -> bytes:
        """A challenge of the card, as long as the profile says (one exchange)."""
        length = self.model.settings.challenge
        challenge = self.send(iso.get_challenge(length), _CHALLENGE).data
        if len(challenge) != length:
            raise CardError(
                Text(
                    f"随机数有 {len(challenge)} 字节，应为 {length}",
                    f"the challenge has {len(challenge)} bytes, not {length}",
                ),
                hint=Text(
                    "检查卡规范的 challenge（8 或 16）", "check challenge of the profile (8 or 16)"
                ),
            )
        return challenge


def _closed(lacking: Sequence[PinName]) -> Text:
    if lacking:
        need = pin_list(lacking)
        return Text(f"先校验{need.zh}", f"verify the {need.en} first")
    return Text(
        "卡的要求与卡规范 [certificate.rules] 不同，或已校验的 PIN 失效："
        "重新选择应用并校验两个 PIN 后再试",
        "the card asks for more than [certificate.rules] of the profile, or a verified PIN counts "
        "no more: select the application again, verify both PINs, and repeat it",
    )
