"""qPBOC on the card: the whole payment in the answer to GPO (ref 14 §9, 04 §8.3).

A payment that the card approves changes the balance with that answer; it counts when the last
record of the AFL has been read, see :mod:`.interrupted`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.codec.pboc.bits import Aip, CardProcessing, Ctq, Kind, Ttq
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.codec.pboc.locator import parse_locator, records
from sscard_ic.codec.tlv import BerTlv, TlvError, encode_ber, parse_ber
from sscard_ic.crypto.pboc.offline_data import dynamic_number, fast_terminal_data
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import interrupted, logs, offline
from sscard_ic.simulator.pboc.contactless_risk import Decision, decide, decide_prepaid
from sscard_ic.simulator.pboc.purses import available, processing
from sscard_ic.simulator.pboc.state import DebitState
from sscard_ic.simulator.pboc.stored import Counter

_CONDITIONS = 0x6985
_TOLD_IN_PAYMENTS = 1
"""Personalized value of 9F5D that wants it in answers, not only by GET DATA (ref 14 §2.1)."""
_SIGNATURE_ROOM = 128
"""Bytes of the longest 9F4B that goes with the answer to GPO: a key of 1024 bits."""
_VERSION_3 = bytes.fromhex("0030")
"""9F08 of the first application version that knows fDDA 01."""


def wants_debit(state: DebitState) -> bool:
    """Whether a GPO by air, once told, asks for the commands of the contacts (ref 14 §9.1)."""
    asked = Ttq.CONTACTLESS_PBOC in state.qualifiers
    return asked and state.model.settings.contactless_debit


def process(state: DebitState) -> bytes:
    """Answer to a GPO, its values told: template 77 with TC, ARQC or AAC.

    What an interrupted payment changed has been taken back. Refuses 6985 where TTQ b1.6 is
    missing, or where the rules end the payment.
    """
    if Ttq.QPBOC not in state.qualifiers:
        raise Refusal(_CONDITIONS)
    locator = state.begin("contactless", state.algorithm_for("contactless"))
    state.stage, state.locator, state.long_objects = "selected", b"", {}
    decision = decide(state)
    answers = {Kind.TC: _approve, Kind.ARQC: _go_online, Kind.AAC: _without_records}
    answer = answers[decision.kind](state, decision, locator)
    state.stage = "finished"
    return answer


def record_read(state: DebitState, sfi: int, number: int) -> None:
    """Call before a record is answered: the last one of the AFL may make a payment count."""
    paying = state.path == "contactless" and state.stage == "finished" and bool(state.locator)
    state.settles = paying and (sfi, number) == _last(state.locator)


def record_answered(state: DebitState) -> None:
    """Call when an answer goes out whole and with 9000: the last record makes a payment count."""
    if not state.settles:
        return
    state.settles, state.locator = False, b""
    interrupted.settle(state.store)
    if CardProcessing.LOG_OFFLINE in processing(state.store):
        logs.log_transaction(state)


def extra(state: DebitState, sfi: int, number: int, record: bytes) -> bytes:
    """``record`` with what a payment adds to it; empty in and out where there is none.

    9F69 goes into the last record after fDDA 01, and once more when that record is read again
    before the next transaction: so a terminal learns that the payment counts. 9F4B of a long key,
    and with it 9F5D, goes into a record of its own (ref 14 §9.8, 04 §3.7, §8.3).
    """
    if sfi << 8 | number == state.model.settings.signature_record and state.long_objects:
        return _with_objects(record, state.long_objects)
    again = state.stage == "selected" and not state.store.flag("interrupted")
    kept = (
        state.store.data(interrupted.AUTHENTICATION)
        if again or state.path == "contactless"
        else None
    )
    if kept is not None and tuple(kept[:2]) == (sfi, number):
        return _with_objects(record, {0x9F69: kept[2:]})
    return record


# Ends of a payment


def _approve(state: DebitState, decision: Decision, locator: bytes) -> bytes:
    """TC (ref 14 §9.6, §9.8)."""
    *_, (sfi, number, counted) = _entries(locator)
    last = sfi, number
    qualifiers = _card_qualifiers(state, decision)
    cryptogram = _cryptogram(state, decision)
    signature = b""
    if Aip.DDA in state.aip:
        signature = _sign(state, qualifiers, last, signed_last=counted)
    read = {
        each.tag
        for place in _places(locator)
        for each in _within(state.store.record(*place) or b"")
    }
    objects = {0x82: int(state.aip).to_bytes(2, "big"), 0x94: locator}
    objects |= {0x9F36: state.atc.to_bytes(2, "big"), 0x9F26: cryptogram}
    objects[0x9F10] = state.answered_issuer_data(discretionary=False)
    objects |= {tag: state.find(tag) or b"" for tag in (0x57, 0x5F34) if tag not in read}
    late = {0x9F4B: signature, 0x9F5D: _available(state, decision)}
    if len(signature) > _SIGNATURE_ROOM:
        state.long_objects = {tag: value for tag, value in late.items() if value}
        late = {}
    objects |= {0x9F4B: late.get(0x9F4B, b""), 0x9F6C: qualifiers}
    objects[0x9F5D] = late.get(0x9F5D, b"")
    _count(state, decision, kept=True)
    state.locator = locator
    return _template(objects)


def _go_online(state: DebitState, decision: Decision, locator: bytes) -> bytes:
    """ARQC (ref 14 §9.7); a prepaid card pays already, or declines."""
    options = processing(state.store)
    contacts = Ttq.CONTACT_PBOC in state.qualifiers
    if CardProcessing.PREFER_CONTACT_ONLINE in options and contacts:
        raise Refusal(_CONDITIONS)
    decision = decide_prepaid(state, decision)
    if decision.kind is Kind.AAC:
        return _without_records(state, decision, locator)
    answer = _without_records(state, decision, locator)
    _count(state, decision, kept=False)
    if CardProcessing.NEW_CARD in options:
        state.store.last_online = state.atc
    return answer


def _without_records(state: DebitState, decision: Decision, locator: bytes) -> bytes:
    """The answer with AAC, or ARQC: no record is read after it (ref 14 §9.8)."""
    settings = state.model.settings
    online = decision.kind is Kind.ARQC
    element = state.store.element
    cryptogram = _cryptogram(state, decision)
    objects = {0x82: int(state.aip).to_bytes(2, "big")}
    objects[0x94] = locator if settings.online_locator == "present" else b""
    objects |= {0x9F36: state.atc.to_bytes(2, "big"), 0x57: state.find(0x57) or b""}
    objects[0x9F10] = state.answered_issuer_data(
        discretionary=online, spent=decision.spent, accumulated=decision.accumulated
    )
    objects[0x9F26] = cryptogram
    objects[0x9F63] = (element(0x9F63) or b"") if settings.product_information else b""
    objects |= {0x5F34: state.find(0x5F34) or b"", 0x9F6C: _card_qualifiers(state, decision)}
    objects[0x9F5D] = _available(state, decision) if state.has_currency or not online else b""
    objects[0x5F20] = element(0x5F20) or b""
    return _template(objects)


# Their parts


def _cryptogram(state: DebitState, decision: Decision) -> bytes:
    state.cvr |= decision.results
    state.note_kinds(decision.kind)
    return state.compute_cryptogram(state.terminal)


def _count(state: DebitState, decision: Decision, *, kept: bool) -> None:
    """Change balance and counters as decided; ``kept``: until the last record is read."""
    store = state.store
    purse = state.purse
    amounts, counters = {}, dict[Counter, int]()
    if decision.spent:
        amounts[purse.balance] = (state.amount_of(purse.balance) or 0) - decision.spent
    if decision.accumulated:
        counters["ctta"] = store.counter("ctta") + decision.accumulated
    if decision.international:
        counters["offline_currency"] = store.counter("offline_currency") + 1
    interrupted.change(store, amounts, counters, kept=kept)


def _card_qualifiers(state: DebitState, decision: Decision) -> bytes:
    """9F6C with what was decided about the holder; empty where the card has none."""
    stored = state.store.element(0x9F6C)
    if stored is None:
        return b""
    personalized = int.from_bytes(stored, "big") & ~(Ctq.ONLINE_PIN | Ctq.SIGNATURE)
    return (personalized | decision.qualifiers).to_bytes(len(stored), "big")


def _sign(
    state: DebitState, qualifiers: bytes, last: tuple[int, int], *, signed_last: bool
) -> bytes:
    """9F4B of fDDA 00, or of 01 where terminal and card know it (ref 04 §6.9, 14 §7.6).

    A last record that the issuer signed has no room for 9F69: it stays with version 00.
    """
    known = (state.find(0x9F08) or b"") >= _VERSION_3
    related = counter = None
    if known and Ttq.FDDA_01 in state.qualifiers and not signed_last:
        capability = state.store.element(0xDF61) or b"\x00"
        related = b"\x01" + state.entropy(4) + (qualifiers or bytes(2)) + capability
        counter = state.atc if state.model.settings.fdda_counter else None
    terminal = fast_terminal_data(state.terminal, related, counter)
    signature = offline.dynamic_signature(state, dynamic_number(state.atc), terminal)
    if related is not None:
        state.store.put_data(interrupted.AUTHENTICATION, bytes(last) + related)
    return signature


def _available(state: DebitState, decision: Decision) -> bytes:
    """9F5D after this answer, where it was personalized as 1 and 9F68 wants it; else empty."""
    wanted = CardProcessing.RETURN_AVAILABLE_AMOUNT in processing(state.store)
    if not wanted or state.amount_of(0x9F5D) != _TOLD_IN_PAYMENTS:
        return b""
    left = available(state.store, state.purse, decision.spent, decision.accumulated)
    return amount(left)


# Records


def _entries(locator: bytes) -> list[tuple[int, int, bool]]:
    """SFI, number, whether it is signed, of the records of an AFL; refuses 6985 for a wrong one."""
    try:
        return list(records(parse_locator(locator)))
    except TlvError as error:
        raise Refusal(_CONDITIONS) from error


def _places(locator: bytes) -> list[tuple[int, int]]:
    """SFI and number of the records of an AFL."""
    return [(sfi, number) for sfi, number, _ in _entries(locator)]


def _last(locator: bytes) -> tuple[int, int]:
    return _places(locator)[-1]


def _within(record: bytes) -> tuple[BerTlv, ...]:
    """Objects of a record; none where it is no template 70."""
    try:
        (template,) = parse_ber(record)
    except (TlvError, ValueError):
        return ()
    return template.children


def _with_objects(record: bytes, objects: Mapping[int, bytes]) -> bytes:
    """``record`` with ``objects`` in the places that it has for them, or behind the others."""
    held = {each.tag: _encoded(each) for each in _within(record)}
    added = {tag: encode_ber(tag, value) for tag, value in objects.items()}
    return encode_ber(0x70, *(held | added).values())


def _encoded(each: BerTlv) -> bytes:
    return encode_ber(each.tag, each.value, *(_encoded(child) for child in each.children))


def _template(objects: Mapping[int, bytes]) -> bytes:
    return encode_ber(0x77, _join(objects))


def _join(objects: Mapping[int, bytes]) -> bytes:
    """The objects that have a value."""
    return b"".join(encode_ber(tag, value) for tag, value in objects.items() if value)
