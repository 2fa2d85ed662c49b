"""GENERATE AC at the terminal: data, answer, kind, combined signature (ref 14 §4, §5.4, §7.5)."""

from __future__ import annotations

import hashlib

from sscard_ic.apdu import Response, pboc
from sscard_ic.base.errors import Text
from sscard_ic.card.financial.authenticating import note_failure
from sscard_ic.card.financial.commands import BankRefused, UnusableCard
from sscard_ic.card.financial.offline import Authentication, result_text
from sscard_ic.card.financial.records import unique_objects
from sscard_ic.card.financial.running import Running
from sscard_ic.card.financial.words import KIND_WORDS
from sscard_ic.codec.pboc.bits import ADVICE, Kind, Tsi, Tvr
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import BerTlv, TlvError, parse_ber

_GENERATE = Text("生成应用密文", "generate an application cryptogram")
_TC_HASH, _TDOL = 0x98, 0x97
_ANSWERED = (0x9F27, 0x9F36, 0x9F26, 0x9F10)
_CDOL1, _CDOL2 = 0x8C, 0x8D


_RANK = {Kind.AAC: 0, Kind.ARQC: 1, Kind.TC: 2}
"""A card may answer a lower kind than it is asked, never a higher one (ref 14 §11)."""


def first_cryptogram(run: Running, asked: Kind) -> Kind:
    """The card's decision; raises :class:`UnusableCard` for a kind that it may not answer."""
    run.renew_number()
    kind = _generate(run, asked, _CDOL1)
    run.tsi |= Tsi.CARD_RISK
    _require_kind(asked, kind)
    combined = [result_text(run.offline)] if run.offline.method == "cda" else []
    run.step("card_action", *cryptogram_words(run, kind), *combined)
    return kind


def second_cryptogram(run: Running, asked: Kind) -> Kind:
    """The end after an ARQC; errors as of :func:`first_cryptogram`."""
    kind = _generate(run, asked, _CDOL2)
    _require_kind(asked, kind)
    if kind == Kind.ARQC:
        raise _another_kind(asked, kind)
    return kind


def _require_kind(asked: Kind, kind: Kind) -> None:
    if _RANK[kind] > _RANK[asked]:
        raise _another_kind(asked, kind)


def _another_kind(asked: Kind, kind: Kind) -> UnusableCard:
    return UnusableCard(
        Text(
            f"终端请求 {asked.name}，卡应答 {kind.name}",
            f"the terminal asked {asked.name}, the card answered {kind.name}",
        )
    )


def _generate(run: Running, asked: Kind, list_tag: int) -> Kind:
    """One GENERATE AC: its kind; cryptogram and issuer data go among the terminal's values."""
    combined = _combined(run, asked)
    dol = run.data.list_of(list_tag)
    _put_hash(run, dol)
    told = dol.join(run.all_values())
    run.covered_tvr = run.tvr
    run.told = [*run.told, told]
    response = run.card.ask(pboc.generate_ac(asked, told, combined=combined))
    if not response.sw.ok:
        raise BankRefused(_GENERATE, response.sw)
    answer = _answer(response)
    found = _found(answer)
    kind = _kind(found)
    run.values |= found
    run.kind = kind
    if combined and kind != Kind.AAC:
        _check_combined(run, answer, kind)
    elif 0x9F26 not in found:
        raise _odd_cryptogram()
    return kind


def _combined(run: Running, asked: Kind) -> bool:
    return run.offline.method == "cda" and run.offline.passed and asked != Kind.AAC


def _check_combined(run: Running, answer: BerTlv, kind: Kind) -> None:
    checks = Authentication(run.data, run.terminal, run.purchase.at.date())
    told, number = b"".join(run.told), run.values[0x9F37]
    run.offline, cryptogram = checks.check_combined(answer, told, number, kind)
    if run.offline.passed:
        run.values[0x9F26] = cryptogram
    else:
        run.unsigned = True
        note_failure(run)


def _put_hash(run: Running, dol: Dol) -> None:
    """The TC hash over the TDOL, where a list asks for it (ref 14 §11)."""
    if _TC_HASH not in dol:
        return
    if _TDOL not in run.data:
        run.tvr |= Tvr.DEFAULT_TDOL
    content = run.data.list_of(_TDOL).join(run.all_values())
    run.values[_TC_HASH] = hashlib.sha1(content, usedforsecurity=False).digest()


def _answer(response: Response) -> BerTlv:
    try:
        (answer,) = parse_ber(response.data)
    except (TlvError, ValueError):
        raise _odd_cryptogram() from None
    return answer


def _found(answer: BerTlv) -> dict[int, bytes]:
    if answer.tag == 0x77:
        try:
            told = unique_objects(answer)
        except TlvError:
            raise _odd_cryptogram() from None
        # Nothing else: it would stand in for what the terminal itself knows.
        return {tag: told[tag] for tag in _ANSWERED if tag in told}
    value = answer.value
    if answer.tag != 0x80 or len(value) < 11:
        raise _odd_cryptogram()
    found = {0x9F27: value[:1], 0x9F36: value[1:3], 0x9F26: value[3:11]}
    return {**found, 0x9F10: value[11:]} if len(value) > 11 else found


def _kind(found: dict[int, bytes]) -> Kind:
    information = found.get(0x9F27, b"")
    if len(information) != 1 or information[0] >> 6 > Kind.ARQC:
        raise _odd_cryptogram()
    if len(found.get(0x9F36, b"")) != 2 or len(found.get(0x9F26, bytes(8))) != 8:
        raise _odd_cryptogram()
    return Kind(information[0] >> 6)


def _odd_cryptogram() -> UnusableCard:
    return UnusableCard(
        Text(
            "卡对 GENERATE AC 的应答格式不符",
            "the card's answer to GENERATE AC has another structure",
        )
    )


def cryptogram_words(run: Running, kind: Kind) -> list[Text]:
    """What the card answered."""
    words = KIND_WORDS[kind]
    counter = int.from_bytes(run.values[0x9F36], "big")
    details = [
        Text(f"卡应答 {words.zh}，ATC {counter}", f"the card answers {words.en}, ATC {counter}")
    ]
    if run.values[0x9F27][0] & ADVICE:
        details.append(Text("卡要求通知", "the card wants an advice"))
    return details
