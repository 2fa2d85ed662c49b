"""Taking rows up again that an earlier run has left: failed ones, and those whose card is lost."""

from __future__ import annotations

from collections.abc import Collection

from sscard_ic.base.authority import NOBODY
from sscard_ic.base.errors import InputError, Text
from sscard_ic.issuance.deeds import Actors, recorded
from sscard_ic.issuance.foreman import IN_WORK
from sscard_ic.ledger import Ledger, Step

_PERSON = "operator"
"""In the journal in the place of a reader; the audit log says who it was."""


def take_up_again(
    ledger: Ledger,
    batch: str,
    *,
    failed: bool = False,
    lost: Collection[int] = (),
    actors: Actors = (NOBODY,),
) -> None:
    """Let rows wait for other blanks: all ``failed`` ones, and the ``lost`` ones in work.

    The numbers of lost cards are spoilt, and the audit log says who gave them up. Raises
    :class:`InputError`, before anything is changed, for a row that has no card in work.
    """
    begun = {card.row: card for card in ledger.cards_of(batch, IN_WORK)}
    for row in lost:
        if row not in begun:
            raise InputError(
                Text(f"第 {row} 行没有在制的卡", f"row {row} has no card in work"),
                where=batch,
                hint=Text("用 sscard batch status 查看", "see: sscard batch status"),
            )
    with recorded(ledger, "batch.resume", batch, actors) as detail:
        if failed and (count := ledger.reopen_failed(batch)):
            detail["failed_again"] = count
        for row in sorted(set(lost)):
            ledger.spoil(begun[row].id, station=_PERSON, step=Step.INITIALISE, note="card lost")
            detail["lost_rows"] = f"{detail.get('lost_rows', '')} {row}".strip()
