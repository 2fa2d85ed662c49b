"""The contents of a card of the bank, read from the card by its contact face.

GPO is answered by counting a transaction that is not gone on with: the ATC grows by one each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sscard_ic.apdu import pboc
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.commands import BankRefused, UnusableCard
from sscard_ic.codec.tlv import BerTlv, TlvError, parse_ber
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank.contents import BankContents, Objects, Way
from sscard_ic.profile.data_groups import TransactionPath

_ASKED = (
    "9F13 9F36 9F4F 9F51 9F52 9F53 9F54 9F56 9F57 9F58 9F59 9F5C 9F6D 9F72 9F73 9F75 9F76 9F77 "
    "9F78 9F79 DF4F"
)
_SM_INDICATOR, _CASH_INDICATOR, _AMOUNT, _CURRENCY = 0xDF69, 0x9F7A, 0x9F02, 0x5F2A
_CASH_CODE = 0x9F74
_PATHS: Mapping[TransactionPath, Mapping[int, bytes]] = {
    "contact": {_CASH_INDICATOR: b"\x00", _CURRENCY: b"\x01\x56"},
    "cash": {_CASH_INDICATOR: b"\x01", _CURRENCY: b"\x01\x56", _AMOUNT: bytes(6)},
}
_MOST_ENTRIES = 10


def read_card(card: FinancialCard) -> BankContents:
    """What a terminal can learn: directory, FCI, the ways of the contact face, free data objects.

    Raises :class:`NoBankApplication` where the application is gone, :class:`ReaderError`.
    """
    sfi, number = divmod(card.model.settings.signature_record, 0x100)
    contents = BankContents(card.info.aid, (sfi, number))
    contents.pse = _directory(card)
    contents.fci["contact"] = _template(card.channel.ask_whole(pboc.select(card.info.aid)).data)
    card.select()
    algorithms: tuple[Algorithm, ...] = ("3des", "sm4")
    for algorithm in algorithms if _SM_INDICATOR in card.info.list else algorithms[:1]:
        for path in _PATHS:
            _read_way(card, contents, (path, algorithm))
    card.select()
    found = [(tag, card.get_data(tag)) for tag in (int(text, 16) for text in _ASKED.split())]
    contents.elements = Objects(tuple(BerTlv(tag, value) for tag, value in found if value))
    return contents


def _read_way(card: FinancialCard, contents: BankContents, way: Way) -> None:
    """One GPO and its records; an answer that another way gave already adds nothing."""
    path, algorithm = way
    card.select()
    indicator = b"\x01" if algorithm == "sm4" else b"\x00"
    try:
        options = card.get_processing_options({**_PATHS[path], _SM_INDICATOR: indicator})
    except (BankRefused, UnusableCard):
        return
    tags = (0x82, 0x94)
    told = Objects(tuple(BerTlv(tag, options.values.get(tag, b"")) for tag in tags))
    if any(known.flat == told.flat for known in contents.ways.values()):
        return
    contents.ways[way] = told
    for sfi, number, _ in (each for entry in options.locator for each in entry.records()):
        if (sfi, number) not in contents.records:
            response = card.ask(pboc.read_record(sfi, number))
            if response.sw.ok:
                contents.records[sfi, number] = response.data


def _directory(card: FinancialCard) -> tuple[Objects, ...] | None:
    response = card.ask(pboc.select(card.model.pse))
    if not response.sw.ok:
        return None
    own = _template(response.data)
    file = own.get(0x88) or b"\x01"
    return (own, *_entries(card, file[0] & 0x1F))


def _entries(card: FinancialCard, sfi: int) -> Iterator[Objects]:
    for number in range(1, _MOST_ENTRIES + 1):
        response = card.ask(pboc.read_record(sfi, number))
        if not response.sw.ok:
            return
        yield _objects(response.data)


def _template(fci: bytes) -> Objects:
    """The content of A5."""
    found = next((each.find(0xA5) for each in _objects(fci, inner=False).tree), None)
    return Objects(found.children) if found else Objects()


def _objects(data: bytes, *, inner: bool = True) -> Objects:
    try:
        tree = parse_ber(data)
    except TlvError:
        return Objects()
    return Objects(tree[0].children if inner and tree else tree)
