"""Data preparation for the applications of the bank, and the checks of its result."""

from sscard_ic.issuance.bank.certifying import (
    CardCertifier,
    Certifiers,
    IssuerCertificate,
    RsaCertifier,
    Sm2Certifier,
)
from sscard_ic.issuance.bank.holder import BankHolder
from sscard_ic.issuance.bank.key_pool import KeyPool
from sscard_ic.issuance.bank.preparation import BankPreparer, prepare_bank
from sscard_ic.issuance.bank.published_issuer import PublishedIssuer
from sscard_ic.issuance.bank.signing import KeySource

__all__ = [
    "BankHolder",
    "BankPreparer",
    "CardCertifier",
    "Certifiers",
    "IssuerCertificate",
    "KeyPool",
    "KeySource",
    "PublishedIssuer",
    "RsaCertifier",
    "Sm2Certifier",
    "prepare_bank",
]
