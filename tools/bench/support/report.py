"""Figures beside what they are measured against, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).resolve().parents[3] / "build" / "bench"
_WIDTH = 150


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and its floor, baseline or peer of the same run and unit."""

    name: str
    value: float
    unit: str
    against: str
    reference: float
    limit: float | None = None
    bound: Literal["at most", "at least"] = "at most"

    @property
    def ratio(self) -> float:
        """Value over reference."""
        return self.value / self.reference

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        if self.limit is None:
            return None
        return self.value <= self.limit if self.bound == "at most" else self.value >= self.limit

    def to_json(self) -> dict[str, Any]:
        """The figure by the names of its parts."""
        value: dict[str, Any] = {
            "name": self.name,
            "ratio": round(self.ratio, 4),
            "value": round(self.value, 4),
            "unit": self.unit,
            "against": self.against,
            "reference": round(self.reference, 4),
        }
        if self.limit is not None:
            value |= {"bound": self.bound, "limit": self.limit, "met": self.met}
        return value


def publish(name: str, title: str, figures: Sequence[Figure]) -> None:
    """Print the table and write ``build/bench/<name>.json``."""
    OUT.mkdir(parents=True, exist_ok=True)
    report = {
        "benchmark": name,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": [figure.to_json() for figure in figures],
    }
    text = json.dumps(report, ensure_ascii=False, indent=2)
    (OUT / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    Console(width=_WIDTH).print(_table(title, figures))


def machine() -> dict[str, Any]:
    """What the figures of this run depend on."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def _table(title: str, figures: Sequence[Figure]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in ("figure", "ratio", "value", "unit", "against", "reference", "limit", ""):
        right = heading in ("ratio", "value", "reference", "limit")
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for figure in figures:
        limit, verdict = "", ""
        if figure.limit is not None:
            limit = f"{'≤' if figure.bound == 'at most' else '≥'} {_number(figure.limit)}"
            verdict = "met" if figure.met else "MISSED"
        table.add_row(
            figure.name,
            f"{figure.ratio:.2f}",
            _number(figure.value),
            figure.unit,
            figure.against,
            _number(figure.reference),
            limit,
            verdict,
        )
    return table


def _number(value: float) -> str:
    if value >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"
