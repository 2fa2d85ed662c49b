"""One object per application on a card: blank, social security, certificate, bank."""

from sscard_ic.card.application import Blocked
from sscard_ic.card.blank import Blank
from sscard_ic.card.certificate_application import CertificateApplication
from sscard_ic.card.certificate_commands import (
    CertificateRefused,
    ControlKeyRefused,
    NoCertificateApplication,
    WrongCertificatePin,
)
from sscard_ic.card.channel import Refused
from sscard_ic.card.cos.steps import BlankKeys
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.habits import HabitBook, Habits
from sscard_ic.card.identity import CardIdentity, chip_serial
from sscard_ic.card.locking import block_application, block_card, unblock_application
from sscard_ic.card.messages import MessageRefused
from sscard_ic.card.pin_service import reset_pin, unblock_pin
from sscard_ic.card.proof import KeyRefused, WrongPin
from sscard_ic.card.reading import Reading
from sscard_ic.card.recognition import check_profile, recognise
from sscard_ic.card.social_security import SocialSecurityCard

__all__ = [
    "Blank",
    "BlankKeys",
    "Blocked",
    "CardIdentity",
    "CertificateApplication",
    "CertificateRefused",
    "ControlKeyRefused",
    "FinancialCard",
    "HabitBook",
    "Habits",
    "KeyRefused",
    "MessageRefused",
    "NoCertificateApplication",
    "Reading",
    "Refused",
    "SocialSecurityCard",
    "WrongCertificatePin",
    "WrongPin",
    "block_application",
    "block_card",
    "check_profile",
    "chip_serial",
    "recognise",
    "reset_pin",
    "unblock_application",
    "unblock_pin",
]
