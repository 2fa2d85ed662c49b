"""Bytes to words: what goes over the wire, with the names of the profile and the state so far."""

from sscard_ic.explain.explainer import Bytes, Explainer
from sscard_ic.explain.words import Detail, Explanation

__all__ = ["Bytes", "Detail", "Explainer", "Explanation"]
