"""Whether a card has the keys of its bank: a declined transaction over nothing (ref 14 §5.4)."""

from __future__ import annotations

import secrets

from sscard_ic.apdu import pboc
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import TlvError, parse_ber
from sscard_ic.crypto.pboc.symmetric import cryptogram_input
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.bank_capabilities import BankCard, BankIssuer

_UNPREDICTABLE, _CDOL1 = 0x9F37, 0x8C
_COUNTRY = {0x9F1A: b"\x01\x56", 0x5F2A: b"\x01\x56"}
"""China and its currency: a decline counts up what is foreign (ref 14 §0.2)."""
_ASK = Text("生成应用密文（AAC）", "generate an application cryptogram (AAC)")


def prove_cryptogram(
    card: FinancialCard, issuer: BankIssuer, keys: BankCard, algorithm: Algorithm
) -> None:
    """Have the card decline a transaction of 0 and check its AAC; its ATC goes up by one.

    Raises :class:`CardError` when the cryptogram is not that of the bank's keys.
    """
    card.select()
    data = card.open(algorithm)
    values = {**_COUNTRY, _UNPREDICTABLE: secrets.token_bytes(4)}
    told = data.list_of(_CDOL1).join(values)
    answer = card.channel.send(pboc.generate_ac(Kind.AAC, told), _ASK).data
    try:
        (found,) = parse_ber(answer)
        counter = int.from_bytes(found.value[1:3], "big")
        cryptogram, issuer_data = found.value[3:11], IssuerData.parse(found.value[11:])
    except (TlvError, ValueError):
        raise _wrong() from None
    aip = int(data.aip).to_bytes(2, "big")
    results = issuer_data.card_verification_results
    message = cryptogram_input(issuer_data.version, values, aip, counter, results)
    if issuer.application_cryptogram(keys, counter, message) != cryptogram:
        raise _wrong()


def _wrong() -> CardError:
    return CardError(
        Text(
            "银行应用的密文不是由该行密钥产生",
            "the cryptogram of the bank's application does not come from the bank's keys",
        ),
        hint=Text(
            "检查 [keys] 中的密钥名称和版本是否与发卡行一致",
            "check that names and versions in [keys] are those of the issuing bank",
        ),
    )
