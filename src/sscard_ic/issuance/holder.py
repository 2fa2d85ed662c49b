"""A holder's record as the ledger seals it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Holder:
    """The fields of a row by code, and the file of its photo."""

    fields: Mapping[str, str] = field(repr=False)
    photo: str
    """Path of the photo's file; empty when there is none."""

    def to_json(self) -> bytes:
        """As bytes for the ledger."""
        value = {"fields": dict(self.fields), "photo": self.photo}
        return json.dumps(value, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Holder:
        """The record of :meth:`to_json`."""
        value = json.loads(data)
        return cls(value["fields"], value["photo"])
