"""What an HSM service answers (ref 05 appendix A, 02 §6.2, §6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from sscard_ic.keys.remote import fields
from sscard_ic.keys.remote.fields import Field
from sscard_ic.keys.remote.parts import Message, Places, Proof, hexed


@dataclass(frozen=True, slots=True)
class BasicReply(Message):
    """Type 01, MSGNO 9013: RESULT1 for the internal, RESULT2 for the external authentication."""

    internal: Proof
    external: Proof | None

    FIELDS: ClassVar[tuple[Field, ...]] = (fields.PROOF, fields.EXTERNAL_PROOF)

    def texts(self) -> tuple[str, ...]:
        """RESULT1, RESULT2."""
        external = "" if self.external is None else hexed(bytes(self.external))
        return hexed(bytes(self.internal)), external

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The reply of checked texts."""
        internal, external = texts
        return cls(Proof.parse(internal), Proof.parse(external) if external else None)


@dataclass(frozen=True, slots=True)
class AuthenticationReply(Message):
    """Type 02, MSGNO 9011: the data of EXTERNAL AUTHENTICATE."""

    proof: Proof

    FIELDS: ClassVar[tuple[Field, ...]] = (fields.PROOF,)

    def texts(self) -> tuple[str, ...]:
        """RESULT."""
        return (hexed(bytes(self.proof)),)

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The reply of checked texts."""
        return cls(Proof.parse(texts[0]))


@dataclass(frozen=True, slots=True)
class MessageReply(Message):
    """Type 03: header ‖ enciphered data ‖ MAC 4, a command to be sent unchanged."""

    command: bytes

    FIELDS: ClassVar[tuple[Field, ...]] = (fields.COMMAND,)

    def texts(self) -> tuple[str, ...]:
        """The command."""
        return (hexed(self.command),)

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The reply of checked texts."""
        return cls(bytes.fromhex(texts[0]))


@dataclass(frozen=True, slots=True)
class DebitReply(Message):
    """Type 04: transaction number and time as asked, MAC1, MAC2 and TAC (4 bytes each)."""

    number: int
    time: bytes
    mac1: bytes
    mac2: bytes
    tac: bytes

    FIELDS: ClassVar[tuple[Field, ...]] = (
        fields.NUMBER,
        fields.TIME,
        fields.MAC1,
        fields.MAC2,
        fields.TAC,
    )

    def texts(self) -> tuple[str, ...]:
        """Its five fields."""
        return (f"{self.number:08X}", *map(hexed, (self.time, self.mac1, self.mac2, self.tac)))

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The reply of checked texts."""
        number, *rest = texts
        return cls(int(number, 16), *map(bytes.fromhex, rest))


Reply = BasicReply | AuthenticationReply | MessageReply | DebitReply


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a service answers instead of a reply: its code, and words for people."""

    code: str
    text: str
