"""Recorded sessions in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.trace import Answer, Event, Exchange, Opened, Reset
from sscard_ic.explain.explainer import Explainer
from sscard_ic.explain.words import Explanation


def explain_step(step: Reset | Exchange, explainer: Explainer) -> Explanation:
    """One reset or exchange; of a command without an answer nothing is known but itself."""
    if isinstance(step, Reset):
        atr = step.outcome if isinstance(step.outcome, Masked) else None
        return explainer.reset(atr, cold=step.cold)
    if isinstance(step.outcome, Answer):
        return explainer.exchange_with(step.command, step.outcome.data, step.outcome.sw)
    explained = explainer.command(step.command)
    explainer.unanswered()
    return explained


def explain_events(events: Iterable[Event], explainer: Explainer) -> Iterator[Explanation]:
    """The words of every reset and exchange of recorded sessions."""
    for event in events:
        if isinstance(event, Opened):
            explainer.begin()
        elif isinstance(event, Reset | Exchange):
            yield explain_step(event, explainer)
