"""Who a card is on the wire: ATR historical bytes, factor, serial (ref 01 §9.1, §9.6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base.errors import CardError, Text

HISTORICAL_LENGTH = 13
FACTOR_LENGTH = 8
SERIAL_LENGTH = 6


@dataclass(frozen=True, slots=True)
class CardIdentity:
    """Division code (6 digits) and historical bytes (13) of one card."""

    division_code: str
    historical: bytes
    code: bytes = field(default=b"", compare=False)
    """Its 16-byte identification code; empty where it was not read."""

    @property
    def factor(self) -> bytes:
        """Diversification factor: historical bytes 6-13 (ref 01 §9.6)."""
        return self.historical[-FACTOR_LENGTH:]

    @property
    def serial(self) -> bytes:
        """T8-TD, the last six historical bytes."""
        return self.historical[-SERIAL_LENGTH:]


def chip_serial(atr: bytes) -> bytes:
    """T8-TD of an ATR: chip serial of a blank, region and card serial of an issued card."""
    historical = historical_bytes(atr)
    if len(historical) != HISTORICAL_LENGTH:
        raise CardError(
            Text(
                f"历史字节有 {len(historical)} 个，社会保障卡应有 {HISTORICAL_LENGTH} 个",
                f"{len(historical)} historical bytes, a social security card has "
                f"{HISTORICAL_LENGTH}",
            ),
            where=atr.hex().upper(),
            hint=Text("这不是社会保障卡，请换卡", "not a social security card; insert another one"),
        )
    return historical[-SERIAL_LENGTH:]
