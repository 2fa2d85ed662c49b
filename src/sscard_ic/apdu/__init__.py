"""Commands, responses and status words, and builders for the command families of the card."""

from sscard_ic.apdu.command import ApduError, Command, Response
from sscard_ic.apdu.status import StatusWord

__all__ = ["ApduError", "Command", "Response", "StatusWord"]
