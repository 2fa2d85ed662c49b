"""Temporary offline settlement: what the card keeps of it and when it is allowed (ref 12 §7.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.card.medical_records import OfflineData
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.card.writing import write_items
from sscard_ic.codec.digits import decode_cn
from sscard_ic.codec.text import decode_an
from sscard_ic.profile import CardProfile, Located
from sscard_ic.profile.medical import Medical, MedicalSettlement

_ALLOWED, _FORBIDDEN = b"1", b"0"
_COUNT_DIGITS = 2
_AMOUNT_DIGITS = 8


class OfflineFile:
    """The items of temporary offline settlement on one card."""

    def __init__(self, card: SocialSecurityCard, medical: Medical) -> None:
        if medical.offline is None:
            raise CardError(
                Text(
                    "此版本的卡没有临时脱网结算信息",
                    "cards of this version keep no data of temporary offline settlement",
                ),
                where=card.profile.name,
                hint=Text("请联网结算", "settle online"),
            )
        self._card = card
        self._paths = medical.offline.paths

    def read(self) -> OfflineData:
        """What the card keeps; what was never written counts as nothing.

        Raises :class:`CardError` when the card keeps it closed or it cannot be right.
        """
        reading = self._card.read(_places(self._card.profile, self._paths))
        for path in self._paths:
            if path in reading.closed:
                rule = str(reading.closed[path])
                raise CardError(
                    Text(
                        f"无法读取临时脱网结算信息；需要：{rule}",
                        f"the data of temporary offline settlement cannot be read; needed: {rule}",
                    ),
                    where=path,
                    hint=Text(
                        "校验密码，并使用有该密钥的 PSAM 或密钥库",
                        "verify the PIN, and use a PSAM or vault that has the key",
                    ),
                )
        flag, amount, count = (reading.values.get(path, b"") for path in self._paths)
        amount_digits, count_digits = decode_cn(amount) or "0", decode_an(count) or "0"
        if not (amount_digits + count_digits).isdecimal():
            raise CardError(
                Text(
                    "卡内临时脱网结算信息已损坏",
                    "the data of temporary offline settlement on the card are damaged",
                ),
                where=self._paths[1],
                hint=Text("请联网结算，由中心重写", "settle online; the centre writes them anew"),
            )
        return OfflineData(
            allowed=flag == _ALLOWED, amount=int(amount_digits), count=int(count_digits)
        )

    def write(self, data: OfflineData, before: OfflineData) -> None:
        """Write what differs from ``before``, in the order of the card, and read it back.

        Raises :class:`~.writing.PartlyWritten` when it ends early, :class:`InputError` when a
        number does not fit, before anything is written.
        """
        amount = str(data.amount).zfill(_AMOUNT_DIGITS)
        count = str(data.count).zfill(_COUNT_DIGITS)
        if len(amount) > _AMOUNT_DIGITS or len(count) > _COUNT_DIGITS:
            raise InputError(
                Text(
                    "累计金额或次数超出卡内数据项",
                    "the cumulative amount or count does not fit its item on the card",
                )
            )
        items = (
            (data.allowed != before.allowed, _ALLOWED if data.allowed else _FORBIDDEN),
            (data.amount != before.amount, bytes.fromhex(amount)),
            (data.count != before.count, count.encode("ascii")),
        )
        changes = zip(self._paths, items, strict=True)
        values = {path: value for path, (differs, value) in changes if differs}
        if values:
            write_items(self._card, values)


def _places(profile: CardProfile, paths: Sequence[str]) -> list[Located]:
    return [place for place in profile.places if place.path in paths]


def after_payment(data: OfflineData, total: int) -> OfflineData:
    """The data after one more temporarily offline payment of ``total`` fen."""
    return OfflineData(allowed=data.allowed, amount=data.amount + total, count=data.count + 1)


def check_allowed(data: OfflineData, total: int, rules: MedicalSettlement) -> None:
    """Raise :class:`CardError` unless a payment of ``total`` fen is allowed now.

    The flag is 1, and sum and number with this payment stay strictly below the region's limits.
    """
    after = after_payment(data, total)
    if not data.allowed:
        reason = Text("卡内标识不准许脱网结算", "the card's flag does not allow it")
    elif after.amount >= rules.offline_amount_limit:
        limit = f"{rules.offline_amount_limit / 100:.2f}"
        reason = Text(
            f"累计金额将达到或超过本地限额 {limit} 元",
            f"the cumulative amount would reach the region's limit of {limit} yuan",
        )
    elif after.count >= rules.offline_count_limit:
        reason = Text(
            f"累计次数将达到本地限次 {rules.offline_count_limit}",
            f"the cumulative count would reach the region's limit of {rules.offline_count_limit}",
        )
    else:
        return
    raise CardError(
        Text(f"不能临时脱网结算：{reason.zh}", f"no temporary offline settlement: {reason.en}"),
        hint=Text(
            "网络恢复后联网结算，累计数随之清零",
            "settle online when the network is back; that sets the sums to zero",
        ),
    )


def check_local(card: SocialSecurityCard, insured_place: str, region_code: str) -> None:
    """Raise :class:`CardError` for a card of another region (ref 12 §7.3, §11 test 12).

    Both the issuing city and, where the card tells it, the place of insurance must be local.
    """
    issued = card.identity.division_code
    if issued == region_code and insured_place in ("", region_code):
        return
    raise CardError(
        Text(
            f"异地卡不能临时脱网结算：发卡地 {issued}，参保地 {insured_place or '未写入'}，"
            f"本地 {region_code}",
            f"a card of another region cannot settle offline: issued in {issued}, insured in "
            f"{insured_place or 'nothing written'}, here {region_code}",
        ),
        hint=Text("请联网结算", "settle online"),
    )
