"""What a person gives to be explained: bytes, alone or in lines of a log, and what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sscard_ic.apdu.masked import Masked, MaskError
from sscard_ic.apdu.names import command_name
from sscard_ic.apdu.trace import parse_command
from sscard_ic.base.errors import InputError, Text
from sscard_ic.explain.atr import looks_like_atr
from sscard_ic.explain.commands import is_secret
from sscard_ic.explain.explainer import Explainer
from sscard_ic.explain.sent import take_apart
from sscard_ic.explain.statuses import may_be_status
from sscard_ic.explain.tlv import looks_like_objects
from sscard_ic.explain.words import Explanation, bytes_of

What = Literal["command", "answer", "atr", "tlv", "sw", "data"]
"""What some bytes are."""

_STATUS_LENGTH = 2
_ONLY_ASK = frozenset(
    bytes.fromhex(header)
    for header in ("0084", "00B0", "00B2", "00C0", "00CA", "80CA", "805C", "B026", "BFC8")
)
"""Commands that have no data: the fifth byte is Le."""

_SUCCESS = b"\x90\x00"
_RESETS = (0x3B, 0x3F)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes, what their line says they are, and the number of the line."""

    raw: Masked
    what: What | None = None
    line: int = 0


# -- text ---------------------------------------------------------------------------------------

_COMMENT = re.compile(r"\s*(#|//|;|$)")
_MARK = re.compile(
    r"\s*(?:(?P<command>=>|-+>|>+|→|C-APDU\s*:?|发送\s*[:：]?)"
    r"|(?P<answer><=|<-+|<+|←|R-APDU\s*:?|接收\s*[:：]?|应答\s*[:：]?)"
    r"|(?P<atr>R\s+(?:cold|warm)\b|ATR\s*[:：=]?))\s*",
    re.IGNORECASE,
)
"""How logs mark their lines."""

_MARKED: dict[str, What] = {"command": "command", "answer": "answer", "atr": "atr"}

_PREFIX = re.compile(r"0[xX](?=[0-9A-Fa-f]{2})")
_SEPARATORS = re.compile(r"[\s:,_-]+")
_HIDDEN = re.compile(r"(‹[^›]*›)")


def parse_bytes(text: str, where: str = "") -> Masked:
    """The bytes of hex digits; spaces, ``:``, ``-``, ``,``, ``0x`` and ``‹n bytes›`` may stand.

    Raises :class:`InputError`, which names ``where`` and never the bytes.
    """
    plain = "".join(
        part if part.startswith("‹") else _SEPARATORS.sub("", _PREFIX.sub("", part))
        for part in _HIDDEN.split(text)
    )
    hint = Text("例：00A4000002EF05", "for example 00A4000002EF05")
    if not plain:
        raise InputError(Text("没有字节", "there are no bytes"), where=where, hint=hint)
    try:
        raw = Masked.parse(plain)
        # A trace leaves out the Lc of a command whose data it hides.
        return parse_command(text) if raw.hidden and command_name(raw.head[:4]) else raw
    except MaskError as error:
        raise InputError(error.what, where=where, hint=hint) from None


def parse_lines(content: str, where: str) -> Iterator[Piece]:
    """The bytes in the lines of a log or a script.

    A line is hex digits, after ``>`` or ``<`` where it marks them as sent and answered; a command
    and its answer may stand on one line with ``<`` between them. ``#``, ``//`` and ``;`` begin
    comments. Raises :class:`InputError` at the first line that is neither.
    """
    for number, line in enumerate(content.splitlines(), 1):
        if _COMMENT.match(line):
            continue
        place = f"{where}:{number}"
        mark = _MARK.match(line)
        what = _MARKED.get(mark.lastgroup or "") if mark else None
        text = line[mark.end() :] if mark else line
        sent, arrow, answered = text.partition("<")
        if arrow and sent.strip():
            yield Piece(parse_bytes(sent, place), "command", number)
            yield Piece(parse_bytes(answered.lstrip("=-< "), place), "answer", number)
        else:
            yield Piece(parse_bytes(text, place), what, number)


# -- bytes --------------------------------------------------------------------------------------


def recognise(raw: Masked, explainer: Explainer, *, asked: bool) -> What:
    """What the bytes are; ``asked``: a command stands before them, without an answer."""
    if len(raw) == _STATUS_LENGTH and not raw.hidden:
        status = may_be_status(int.from_bytes(raw.head, "big"))
        return ("answer" if asked else "sw") if status else "data"
    sent = take_apart(raw)
    known = sent is not None and (
        command_name(sent.header, explainer.dialect) is not None or is_secret(sent.header)
    )
    if sent is not None and known and not sent.remarks:
        return "command"
    head = raw.head
    if not raw.hidden and looks_like_atr(head):
        return "atr"
    if asked or raw.cut(len(raw) - _STATUS_LENGTH, len(raw)).head == _SUCCESS:
        return "answer"
    if looks_like_objects(head) or explainer.knows_records(raw):
        return "tlv"
    if known:
        return "command"
    return "atr" if head[:1] and head[0] in _RESETS else "data"


def divide(raw: Masked, explainer: Explainer) -> tuple[Masked, Masked] | None:
    """Command and answer, where both stand in one string; None where it is one thing."""
    sent = take_apart(raw)
    if sent is None or not sent.remarks or command_name(sent.header, explainer.dialect) is None:
        return None
    lc = raw.head[4] if len(raw.head) > 4 else 0
    only_asks = sent.header[:2] in _ONLY_ASK
    for stop in (5, 5 + lc, 6 + lc) if only_asks else (5 + lc, 6 + lc, 5):
        command, answer = raw.cut(0, stop), raw.cut(stop, len(raw))
        whole = take_apart(command)
        last = answer.cut(len(answer) - _STATUS_LENGTH, len(answer)).head
        fits = len(last) == _STATUS_LENGTH and may_be_status(int.from_bytes(last, "big"))
        if fits and whole is not None and not whole.remarks and len(command) == stop:
            return command, answer
    return None


def explain_pieces(
    pieces: Iterable[Piece], explainer: Explainer, what: What | None = None
) -> Iterator[tuple[int, Explanation]]:
    """Every piece with the number of its line; ``what`` forces what they are.

    A command and the answer behind it are one exchange.
    """
    waiting: Piece | None = None
    for piece in _divided(pieces, explainer, what):
        kind = what or piece.what or recognise(piece.raw, explainer, asked=waiting is not None)
        if waiting is not None:
            before, waiting = waiting, None
            if kind == "answer":
                yield before.line, explainer.exchange(before.raw, piece.raw)
                continue
            yield before.line, explainer.command(before.raw)
        if kind == "command":
            waiting = piece
        else:
            yield piece.line, _explained(piece.raw, kind, explainer)
    if waiting is not None:
        yield waiting.line, explainer.command(waiting.raw)


def _divided(pieces: Iterable[Piece], explainer: Explainer, what: What | None) -> Iterator[Piece]:
    for piece in pieces:
        pair = None if what or piece.what else divide(piece.raw, explainer)
        if pair is None:
            yield piece
        else:
            yield Piece(pair[0], "command", piece.line)
            yield Piece(pair[1], "answer", piece.line)


def _explained(raw: Masked, kind: What, explainer: Explainer) -> Explanation:
    match kind:
        case "answer":
            return explainer.answer(raw)
        case "atr":
            return explainer.atr(raw)
        case "tlv":
            return explainer.tlv(raw)
        case "sw":
            return explainer.status(int.from_bytes(raw.filled()[-_STATUS_LENGTH:], "big"))
        case _:
            words = bytes_of(len(raw))
            line = Text(f"{words.zh}，无法识别", f"{words.en} that are nothing known")
            return Explanation("data", line, data=raw)
