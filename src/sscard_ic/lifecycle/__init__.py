"""Life cycle of an issued card: activation, PIN service."""

from sscard_ic.lifecycle.activation import Activation, activate, check_new_pin
from sscard_ic.lifecycle.pin_service import change_pin, reset_pin, unblock_pin

__all__ = [
    "Activation",
    "activate",
    "change_pin",
    "check_new_pin",
    "reset_pin",
    "unblock_pin",
]
