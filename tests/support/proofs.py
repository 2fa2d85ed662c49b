"""What must be true of a batch that was disturbed and is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sscard_ic.ledger import CardState, Ledger, Phase, SerialState, Step

STEPS = (Step.INITIALISE, Step.PERSONALIZE, Step.FINISH, Step.VERIFY)
"""Of cards without certificates."""


def assert_all_made_once(
    ledger: Ledger, batch: str, cards: int, steps: Sequence[Step] = STEPS
) -> None:
    """Every row has one card, every number is used, every step has begun and ended once."""
    assert ledger.counts(batch) == {CardState.VERIFIED: cards}
    assert ledger.serial_counts(batch) == {SerialState.USED: cards}
    made = ledger.cards_of(batch)
    assert len({card.chip_serial for card in made}) == cards
    begun: Counter[Step] = Counter()
    for card in made:
        entries = ledger.journal_of(card.id)
        for step in steps:
            phases = [entry.phase for entry in entries if entry.step is step]
            assert phases[0] is Phase.BEGIN
            assert phases[-1] is Phase.END
            assert phases.count(Phase.END) == 1
            begun[step] += phases.count(Phase.BEGIN)
    # Cards in work were met: steps were begun again.
    assert begun.total() > len(steps) * cards
