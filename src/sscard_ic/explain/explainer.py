"""Bytes of a session in words, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import Dialect, without_mac
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import Text
from sscard_ic.explain.atr import explain_atr
from sscard_ic.explain.commands import explain_command
from sscard_ic.explain.items import DIVISION_TABLE, RECORD_HEADER, explain_records, shapes
from sscard_ic.explain.recognition import DEFAULT, Recogniser
from sscard_ic.explain.records import summary
from sscard_ic.explain.selecting import fci
from sscard_ic.explain.sent import Sent, take_apart
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import status_words
from sscard_ic.explain.tlv import begins_with_object, explain_objects
from sscard_ic.explain.words import NOTHING, Detail, Explanation, Kind, bytes_of, joined
from sscard_ic.profile import CardProfile, load

Bytes = bytes | Masked
"""Bytes, all of them known or some of them hidden."""

_GET_RESPONSE = b"\x00\xc0"
_STATUS_LENGTH = 2
_DONE = 0x9000
_WARNINGS = 0x62
"""High byte of warnings: the command was executed, a SELECT took place."""

_SECURITY = 0x6982
_CARD_DATA = "EF05"
"""File whose records tell region and version (ref 01 §4.2)."""

_NO_COMMAND = Text("不是命令：不足四字节", "no command: less than four bytes")
_NO_STATUS = Text("应答不足两字节，没有状态字", "no status word: less than two bytes")
_ARROW = " → "


@dataclass(frozen=True, slots=True)
class _Turn:
    """A command at hand: its words, itself where it is there, and whose answer it fetches."""

    asked: Asked
    sent: Sent | None = None
    raw: Masked = NOTHING
    owner: Asked | None = None

    @property
    def kind(self) -> Kind:
        """What an explanation of it and its answer is."""
        return "exchange" if self.raw else "answer"

    def shown(self, with_secrets: bool) -> Masked:
        """The command as it may be shown."""
        if self.sent is None:
            return self.raw
        return self.sent.as_shown(self.asked.secret and not with_secrets)


class Explainer:
    """Explains the commands and answers of one session after the other; never raises.

    ``profile`` names files, items and keys; without one it is recognised from what is seen of the
    card (ATR, records 01 and 03 of EF05), and is the national one of version 2.00 until then. PINs,
    keys and transport codes are replaced by their lengths unless ``with_secrets``.
    """

    def __init__(self, profile: CardProfile | None = None, *, with_secrets: bool = False) -> None:
        self._given = profile
        self._with_secrets = with_secrets
        self._recogniser = Recogniser()
        self._session = Session(profile or load(DEFAULT))
        self._open: Asked | None = None
        """The command whose answer has not come."""
        self._waiting: Asked | None = None
        """The command whose answer GET RESPONSE fetches."""

    @property
    def profile(self) -> CardProfile:
        """The profile whose names are used now."""
        return self._session.names.profile

    @property
    def dialect(self) -> Dialect:
        """Whose names of commands hold now."""
        return self._session.dialect

    def knows_records(self, raw: Masked) -> bool:
        """Whether the bytes are records of one of the card's files."""
        wanted = shapes(raw)
        whole = sum(size + RECORD_HEADER for _, size in wanted)
        return bool(wanted) and whole <= len(raw) and bool(self._session.names.files_shaped(wanted))

    # -- sessions ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Another session begins, perhaps with another card."""
        self._recogniser = Recogniser()
        self._session = Session(self._given or load(DEFAULT))
        self._open = self._waiting = None

    def reset(self, atr: Bytes | None = None, *, cold: bool = True) -> Explanation:
        """A reset: nothing is selected and nothing proved any more."""
        self._session.reset()
        self._open = self._waiting = None
        name = Text("冷复位", "cold reset") if cold else Text("热复位", "warm reset")
        if not atr:
            return Explanation("reset", name, name)
        told = self.atr(atr)
        line = Text(f"{name.zh}{_ARROW}{told.summary.zh}", f"{name.en}{_ARROW}{told.summary.en}")
        return Explanation("reset", line, name, answer=told.details, data=told.data)

    def atr(self, raw: Bytes) -> Explanation:
        """An answer to reset. What it tells of the region decides the profile."""
        masked = _masked(raw)
        self._obey(self._recogniser.see_atr(masked))
        words, details = explain_atr(masked, self.profile.codes.get(DIVISION_TABLE))
        return Explanation("ATR", words, details=details, data=masked)

    # -- exchanges --------------------------------------------------------------------------

    def exchange(self, command: Bytes, answer: Bytes) -> Explanation:
        """A command and its answer, status word included."""
        turn = self._ask(_masked(command))
        data, sw = _divided(_masked(answer))
        if sw is None:
            return self._without_status(turn, data)
        return self._answered(turn, data, sw)

    def exchange_with(self, command: Bytes, data: Bytes, sw: int) -> Explanation:
        """A command and its answer, whose status word stands apart."""
        return self._answered(self._ask(_masked(command)), _masked(data), StatusWord(sw & 0xFFFF))

    def command(self, raw: Bytes) -> Explanation:
        """A command; its answer may follow by :meth:`answer`.

        Where another command follows instead, it is taken for successful.
        """
        turn = self._ask(_masked(raw))
        asked = self._open = turn.asked
        return Explanation(
            "command",
            _line(asked, None),
            asked.name,
            asked.place,
            turn.shown(self._with_secrets),
            asked.details,
            remarks=asked.remarks,
        )

    def unanswered(self) -> None:
        """The last command got no answer: nothing is known of what it did."""
        self._open = self._waiting = None

    def answer(self, raw: Bytes) -> Explanation:
        """The answer to the last command, status word included."""
        asked, self._open = self._open, None
        data, sw = _divided(_masked(raw))
        if asked is None:
            return self._alone(data, sw)
        turn = _Turn(asked)
        if sw is None:
            return self._without_status(turn, data)
        return self._answered(turn, data, sw)

    def status(self, sw: int) -> Explanation:
        """A status word, for the application that is selected."""
        word = StatusWord(sw & 0xFFFF)
        meaning = status_words(word, self._session.place.application)
        line = Text(f"{word} {meaning.zh}", f"{word} {meaning.en}")
        return Explanation("status word", line, sw=word, meaning=meaning)

    # -- objects ----------------------------------------------------------------------------

    def tlv(self, raw: Bytes) -> Explanation:
        """TLV objects, or records of the card with a tag and a length of one byte each."""
        masked = _masked(raw)
        told = self._objects(masked)
        line = told.words or bytes_of(len(masked))
        return Explanation("TLV", line, details=told.details, data=masked)

    def fci(self, raw: Bytes) -> Explanation:
        """File control information."""
        masked = _masked(raw)
        told = fci(masked)
        line = told.words or bytes_of(len(masked))
        return Explanation("TLV", line, details=told.details, data=masked)

    # -- inside -----------------------------------------------------------------------------

    def _obey(self, profile: CardProfile | None) -> None:
        if profile is not None and self._given is None:
            self._session.obey(profile)

    def _ask(self, raw: Masked) -> _Turn:
        """The command in words, what came before it being settled."""
        if self._open is not None and self._open.succeeded is not None:
            self._open.succeeded()
        self._open = None
        sent = take_apart(raw)
        if sent is None:
            self._waiting = None
            return _Turn(Asked(_NO_COMMAND, bytes_of(len(raw))), raw=raw)
        if without_mac(sent.header[:2]) == _GET_RESPONSE and self._waiting is not None:
            return _Turn(_fetching(self._waiting, sent), sent, raw, self._waiting)
        self._waiting = None
        return _Turn(explain_command(self._session, sent), sent, raw)

    def _hidden(self, asked: Asked, data: Masked) -> Masked:
        """The data of an answer as they may be shown."""
        return Masked.of(len(data)) if asked.secret and not self._with_secrets else data

    def _answered(self, turn: _Turn, data: Masked, sw: StatusWord) -> Explanation:
        asked = turn.asked
        meaning = self._meaning(asked, sw)
        told = Told()
        data = self._hidden(asked, data)
        if sw.ok or sw >> 8 == _WARNINGS:
            told = asked.read(data)
            if asked.succeeded is not None:
                asked.succeeded()
            self._learn(asked, told)
        elif asked.failed is not None:
            asked.failed(sw)
        fetches = sw.remaining is not None or (turn.owner and sw.correct_length is not None)
        self._waiting = (turn.owner or asked) if fetches else None
        outcome = told.words if sw.ok and told.words else meaning if sw != _DONE else None
        return Explanation(
            turn.kind,
            _line(asked, outcome),
            asked.name,
            asked.place,
            turn.shown(self._with_secrets),
            asked.details,
            data,
            told.details,
            sw,
            meaning,
            asked.remarks,
        )

    def _learn(self, asked: Asked, told: Told) -> None:
        """What records of the card data tell about the card's profile."""
        home = self._session.names.home
        if self._given is None and asked.place.startswith(f"{home}.{_CARD_DATA}"):
            self._obey(self._recogniser.see_records(told.details or asked.details))

    def _meaning(self, asked: Asked, sw: StatusWord) -> Text:
        """Of a status word after this command."""
        if sw == _SECURITY and asked.rule is not None:
            return self._session.missing(asked.rule)
        own = asked.reasons.get(sw)
        return own or status_words(sw, self._session.place.application)

    def _without_status(self, turn: _Turn, data: Masked) -> Explanation:
        self._waiting = None
        asked = turn.asked
        return Explanation(
            turn.kind,
            _line(asked, _NO_STATUS),
            asked.name,
            asked.place,
            turn.shown(self._with_secrets),
            asked.details,
            self._hidden(asked, data),
            remarks=asked.remarks,
        )

    def _alone(self, data: Masked, sw: StatusWord | None) -> Explanation:
        """An answer to a command that nobody knows."""
        if sw is None:
            return Explanation("answer", _NO_STATUS, data=data)
        meaning = status_words(sw, self._session.place.application)
        told = self._objects(data) if data else Told()
        self._obey(self._recogniser.see_records(told.details))
        parts = [told.words] if told.words else []
        line = joined([*parts, Text(f"{sw} {meaning.zh}", f"{sw} {meaning.en}")])
        return Explanation("answer", line, data=data, answer=told.details, sw=sw, meaning=meaning)

    def _objects(self, data: Masked) -> Told:
        """Objects in BER-TLV where they are such, else records of the card."""
        names = self._session.names
        fitting = names.files_shaped(shapes(data))
        if not fitting and begins_with_object(data.head):
            return fci(data) if data.head[:1] == b"\x6f" else _listed(explain_objects(data))
        file = fitting[0] if fitting else self._session.known_file(self._session.file)
        details = explain_records(names, file, data)
        if not fitting:
            return _listed(details)
        words = summary(details)
        return Told(joined([file.title, words]) if file and words else words, details)


def _fetching(owner: Asked, sent: Sent) -> Asked:
    """GET RESPONSE, whose answer is that of another command."""
    words = _words(owner)
    return Asked(
        Text("取响应", "GET RESPONSE"),
        Text(f"（{words.zh}）", f"of {words.en}"),
        owner.place,
        remarks=sent.remarks,
        read=owner.read,
        reasons=owner.reasons,
        secret=owner.secret,
    )


def _listed(details: tuple[Detail, ...]) -> Told:
    return Told(summary(details), details)


def _masked(raw: Bytes) -> Masked:
    return raw if isinstance(raw, Masked) else Masked.of(raw)


def _divided(raw: Masked) -> tuple[Masked, StatusWord | None]:
    """Data and status word of an answer; none where it is too short, or its end is hidden."""
    at = len(raw) - _STATUS_LENGTH
    last = raw.cut(max(at, 0), len(raw))
    if len(last) < _STATUS_LENGTH or last.hidden:
        return raw, None
    return raw.cut(0, at), StatusWord(int.from_bytes(last.head, "big"))


def _words(asked: Asked) -> Text:
    """Name and object of a command."""
    return Text(
        f"{asked.name.zh} {asked.about.zh}".strip(), f"{asked.name.en} {asked.about.en}".strip()
    )


def _line(asked: Asked, outcome: Text | None) -> Text:
    """The command in one line, and what came of it."""
    words = _words(asked)
    if outcome is None or not outcome.en:
        return words
    return Text(f"{words.zh}{_ARROW}{outcome.zh}", f"{words.en}{_ARROW}{outcome.en}")
