"""Life cycle of an issued card: activation."""

from sscard_ic.lifecycle.activation import Activation, activate, check_new_pin

__all__ = ["Activation", "activate", "check_new_pin"]
