"""The card's side of the wire: virtual chips that obey a profile."""

from sscard_ic.simulator.application import Application, Refusal
from sscard_ic.simulator.card import CardLost, Loss, VirtualCard
from sscard_ic.simulator.chip import Chip
from sscard_ic.simulator.factory import blank, open_image
from sscard_ic.simulator.inspection import FileEntry, ImageDescription, describe_image
from sscard_ic.simulator.memory import ImageInUse, Memory

__all__ = [
    "Application",
    "CardLost",
    "Chip",
    "FileEntry",
    "ImageDescription",
    "ImageInUse",
    "Loss",
    "Memory",
    "Refusal",
    "VirtualCard",
    "blank",
    "describe_image",
    "open_image",
]
