"""What every other package stands on: errors, secrets, clock, resources, small protocols."""

from sscard_ic.base.clock import Clock, FixedClock, SystemClock
from sscard_ic.base.errors import CardError, InputError, SscardError, Text
from sscard_ic.base.secret import Secret, Secretive

__all__ = [
    "CardError",
    "Clock",
    "FixedClock",
    "InputError",
    "Secret",
    "Secretive",
    "SscardError",
    "SystemClock",
    "Text",
]
