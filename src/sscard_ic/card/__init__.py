"""One object per application on a card: the blank, the social security application."""

from sscard_ic.card.blank import Blank
from sscard_ic.card.channel import Refused
from sscard_ic.card.habits import HabitBook, Habits
from sscard_ic.card.identity import CardIdentity, chip_serial
from sscard_ic.card.recognition import check_profile, recognise
from sscard_ic.card.social_security import Reading, SocialSecurityCard, WrongPin

__all__ = [
    "Blank",
    "CardIdentity",
    "HabitBook",
    "Habits",
    "Reading",
    "Refused",
    "SocialSecurityCard",
    "WrongPin",
    "check_profile",
    "chip_serial",
    "recognise",
]
