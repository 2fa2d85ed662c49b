"""What may be asked of a key, and the words it is asked in. No type here holds key bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.factors import FACTOR_LENGTH
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.errors import MissingCapabilityError
from sscard_ic.keys.inventory import KeyInfo
from sscard_ic.profile.card_profile import CardProfile

Mode = Literal["plain", "plain_mac", "enciphered", "enciphered_mac"]


_CLASS_BYTES: dict[Mode, int] = {
    "plain": 0x00,
    "plain_mac": 0x04,
    "enciphered": 0x80,
    "enciphered_mac": 0x84,
}


@dataclass(frozen=True, slots=True)
class CardNames:
    """What else a card is known by: some HSM services want to be told."""

    historical: bytes = field(repr=False)
    """All 13 historical bytes of its ATR, the last 8 of them its factor."""
    identification_code: bytes = field(default=b"", repr=False)
    """16 bytes; empty where it was not read."""


@dataclass(frozen=True, slots=True)
class CardKey:
    """Names one key of one card.

    ``division_code`` is the 6-digit code of the issuing city, ``factor`` the card's 8 bytes
    (ATR historical bytes 6-13, ref 02 §2.2), ``algorithm`` that of this key on this card. ``card``
    tells more about it where more is known; the key is the same without.
    Raises :class:`InputError` for any other form.
    """

    name: str
    version: int
    division_code: str
    factor: bytes
    algorithm: Algorithm = "3des"
    card: CardNames | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        code = self.division_code
        if len(code) != 6 or not (code.isascii() and code.isdigit()):
            raise InputError(
                Text(
                    f"行政区划代码应为 6 位数字，而不是 {code!r}",
                    f"a division code has 6 digits, unlike {code!r}",
                ),
                where=self.name,
            )
        if len(self.factor) != FACTOR_LENGTH:
            raise InputError(
                Text(
                    f"卡片分散因子应为 {FACTOR_LENGTH} 字节，而不是 {len(self.factor)} 字节",
                    f"a card factor has {FACTOR_LENGTH} bytes, not {len(self.factor)}",
                ),
                where=self.name,
            )


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A 3DES or DES key that the maker of a COS prints in its manual, and so no secret.

    Blanks have such keys, and directories that were created just now (ref 11 §3.1, §7).
    """

    value: bytes
    """8 or 16 bytes."""
    algorithm: Algorithm = "3des"


@dataclass(frozen=True, slots=True)
class Protection:
    """How a key-loading command is protected on its way into the card (ref 11 §5.1, §5.3).

    ``under`` is the 16-byte card key that enciphers and authenticates, ``iv`` the start value of
    the MAC, filled with 00 to a block of its algorithm, ``cla`` the class byte that announces
    the mode where a dialect deviates from the usual 00, 04, 80, 84.
    """

    mode: Mode
    cla: int | None = None
    under: CardKey | PublishedKey | None = None
    iv: bytes = bytes(8)

    def __post_init__(self) -> None:
        if (self.mode == "plain") != (self.under is None):
            raise ValueError("every mode but plain, and only those, needs a key")

    @property
    def class_byte(self) -> int:
        """CLA of the finished command."""
        return _CLASS_BYTES[self.mode] if self.cla is None else self.cla

    @property
    def enciphered(self) -> bool:
        """Whether the record is enciphered."""
        return self.mode in ("enciphered", "enciphered_mac")

    @property
    def with_mac(self) -> bool:
        """Whether a MAC ends the data."""
        return self.mode in ("plain_mac", "enciphered_mac")


@runtime_checkable
class Authenticator(Protocol):
    """Proves knowledge of a key to a card, or checks the card's proof."""

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over ``text`` (8) under the process key of ``challenge`` (8), ref 02 §3.2-3.5.

        3DES or SM4 as ``key`` says. External authentication: the card's challenge and the
        terminal's text. Internal authentication: both halves of the command's data; the card's
        answer must equal it.
        """
        ...


@runtime_checkable
class BlankOpener(Protocol):
    """Proves to a blank that the one who builds it up is entitled to."""

    def transport_code(self, serial: bytes) -> Secret:
        """8 bytes that open a blank whose chip serial (T8-TD) has these 6 bytes, ref 11 §5.1."""
        ...

    def blank_cryptogram(self, challenge: bytes, published: PublishedKey | None) -> bytes:
        """8 bytes over a blank's challenge (8) under the key that opens the maker's blanks.

        ``published``: the one of the COS maker; None: the card maker's own, ref 11 §3.1, §7.
        """
        ...


@runtime_checkable
class Macer(Protocol):
    """Computes MACs with a card key itself, as the card identification code has one."""

    def mac(self, key: CardKey, data: bytes, iv: bytes = bytes(8)) -> bytes:
        """4 bytes by the algorithm and length of ``key`` (ref 02 §4.1).

        Retail MAC (16-byte 3DES key), DES MAC (8-byte key) or folded SM4 MAC; ``iv`` is filled
        with 00 to a block.
        """
        ...


@runtime_checkable
class MessageProtector(Protocol):
    """Protects single commands: secure messaging (ref 02 §4).

    ``challenge`` is the card's last one, 4 or 8 bytes (16 with SM4); ``method`` the setting
    ``secure_messaging`` of the card.
    """

    def protect_command(
        self,
        key: CardKey,
        head: bytes,
        data: Secret,
        challenge: bytes,
        method: Method,
        *,
        enciphered: bool,
    ) -> bytes:
        """The data field of the command ``head`` (CLA INS P1 P2): ``data`` and a MAC of 4 bytes.

        ``enciphered``: LL ‖ ``data`` ‖ 80 00… in whole blocks, of 8 bytes or 16 with SM4, instead
        of the data themselves. The MAC covers what is sent: header, Lc, data field.
        """
        ...


@runtime_checkable
class AnswerChecker(Protocol):
    """Computes what a card's answer must end with when it was read with a MAC (ref 02 §4.1)."""

    def answer_mac(self, key: CardKey, data: bytes, challenge: bytes, method: Method) -> bytes:
        """4 bytes over the ``data`` of the answer to the command after ``challenge``."""
        ...


@runtime_checkable
class KeyLoader(Protocol):
    """Builds finished key-loading commands; whoever sends them never sees the key.

    ``head`` is CLA INS P1 P2, whose CLA gives way to that of the protection; ``header`` what
    comes before the value in the key record, the value filled with FF to ``filled`` bytes
    (ref 11 §3.4, §5.3, 02 §9.1.4).
    """

    def load_key(
        self, head: bytes, header: bytes, key: CardKey, protection: Protection, filled: int = 16
    ) -> Secret:
        """The command that loads the card key ``key``."""
        ...

    def load_pin(
        self, head: bytes, header: bytes, pin: Secret, protection: Protection, filled: int = 16
    ) -> Secret:
        """The command that loads a PIN, given as its BCD block of at most 16 bytes."""
        ...


@runtime_checkable
class Inventory(Protocol):
    """Tells which keys there are, without their bits."""

    def keys(self) -> Sequence[KeyInfo]:
        """Every root key, destroyed ones too, ordered by name, version and algorithm."""
        ...

    def check_value(self, key: CardKey) -> bytes:
        """3 bytes: the check value of a derived card key."""
        ...


@runtime_checkable
class BulkDeriver(Protocol):
    """Derives one key for many cards at once; only key services and their tests ask for it."""

    def derive_many(
        self, name: str, version: int, algorithm: Algorithm, division_code: str, factors: bytes
    ) -> bytearray:
        """The keys of as many cards as ``factors`` has times 8 bytes, one behind the other.

        8 or 16 bytes each; the caller overwrites them when they have served.
        """
        ...


@runtime_checkable
class CardExpecter(Protocol):
    """Likes to know beforehand which cards come next, to ask its hardware for many at once."""

    def expect_cards(self, division_code: str, factors: Sequence[bytes]) -> None:
        """Cards of one city by their 8-byte factors, in the order they will come in.

        Replaces what was expected before.
        """
        ...


@runtime_checkable
class KeyHolder(Protocol):
    """Tells beforehand whether it has a key, so that nothing is sent to a card in vain."""

    def require_key(self, name: str, version: int, algorithm: Algorithm) -> None:
        """Raise :class:`UnknownKeyError` unless a key of this name can be derived today."""
        ...


def require_key(service: object, key: CardKey) -> None:
    """Raise :class:`UnknownKeyError` when ``service`` can tell that it lacks ``key``."""
    if isinstance(service, KeyHolder):
        service.require_key(key.name, key.version, key.algorithm)


def require_keys(service: object, profile: CardProfile) -> None:
    """Raise :class:`UnknownKeyError` for the first key of cards of ``profile`` that is lacking."""
    if not isinstance(service, KeyHolder):
        return
    for name, key in profile.keys.items():
        for version in range(1, key.groups + 1):
            service.require_key(name, version, profile.key_algorithm(name))


def authenticator(service: object) -> Authenticator:
    """``service`` as authenticator; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, Authenticator):
        return service
    raise missing(service, Text("认证（计算鉴别密文）", "authenticate (compute cryptograms)"))


def blank_opener(service: object) -> BlankOpener:
    """``service`` as opener of blanks; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, BlankOpener):
        return service
    raise missing(service, Text("打开白卡", "open blanks"))


def macer(service: object) -> Macer:
    """``service`` as macer; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, Macer):
        return service
    raise missing(service, Text("用卡密钥计算 MAC", "compute MACs with card keys"))


def message_protector(service: object) -> MessageProtector:
    """``service`` as protector; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, MessageProtector):
        return service
    raise missing(service, Text("保护安全报文", "protect messages (secure messaging)"))


def answer_checker(service: object) -> AnswerChecker:
    """``service`` as checker; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, AnswerChecker):
        return service
    raise missing(service, Text("校验应答的 MAC", "check the MACs of answers"))


def key_loader(service: object) -> KeyLoader:
    """``service`` as key loader; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, KeyLoader):
        return service
    raise missing(service, Text("生成装载密钥的命令", "build key-loading commands"))


def inventory(service: object) -> Inventory:
    """``service`` as inventory; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, Inventory):
        return service
    raise missing(service, Text("列出密钥及校验值", "list keys and their check values"))


def missing(service: object, ability: Text) -> MissingCapabilityError:
    """The error for what ``service`` cannot do."""
    kind = type(service).__name__
    # A service that lacks something by its settings says in ``limits`` which one would give it.
    limits: Text | None = getattr(service, "limits", None)
    return MissingCapabilityError(
        Text(
            f"此密钥服务（{kind}）不能{ability.zh}",
            f"this key service ({kind}) cannot {ability.en}",
        ),
        hint=limits
        or Text(
            "请改用具备该能力的密钥服务，例如软件密钥库",
            "use a key service that can, such as the software vault",
        ),
    )
