"""The card's side of the wire: virtual chips that obey a profile."""

from sscard_ic.simulator.application import Application, Refusal
from sscard_ic.simulator.card import CardLost, Interface, Loss, VirtualCard
from sscard_ic.simulator.certificate import CertificateDescription, CertificateFile, ProofTries
from sscard_ic.simulator.chip import Chip
from sscard_ic.simulator.factory import blank, open_card, open_image
from sscard_ic.simulator.fault_file import FaultFile, FaultFileError, move_image
from sscard_ic.simulator.faults import FAULT_KINDS, Fault, FaultKind, status_word
from sscard_ic.simulator.faulty_card import FaultyCard
from sscard_ic.simulator.inspection import (
    BlockedDirectory,
    FileEntry,
    ImageDescription,
    describe_image,
)
from sscard_ic.simulator.memory import ImageInUse, Memory
from sscard_ic.simulator.pboc.inspection import BankApplication, BankDescription
from sscard_ic.simulator.psam.factory import blank_psam
from sscard_ic.simulator.vpcd import DEFAULT_PORT, VpcdSlot
from sscard_ic.simulator.vpcd_deck import VpcdDeck
from sscard_ic.simulator.vpcd_link import CardNotRead, NoVpcdReader
from sscard_ic.simulator.vpcd_stay import SlotEvent, SlotState, VpcdTimes
from sscard_ic.simulator.vpcd_trace import TracedCard

__all__ = [
    "DEFAULT_PORT",
    "FAULT_KINDS",
    "Application",
    "BankApplication",
    "BankDescription",
    "BlockedDirectory",
    "CardLost",
    "CardNotRead",
    "CertificateDescription",
    "CertificateFile",
    "Chip",
    "Fault",
    "FaultFile",
    "FaultFileError",
    "FaultKind",
    "FaultyCard",
    "FileEntry",
    "ImageDescription",
    "ImageInUse",
    "Interface",
    "Loss",
    "Memory",
    "NoVpcdReader",
    "ProofTries",
    "Refusal",
    "SlotEvent",
    "SlotState",
    "TracedCard",
    "VirtualCard",
    "VpcdDeck",
    "VpcdSlot",
    "VpcdTimes",
    "blank",
    "blank_psam",
    "describe_image",
    "move_image",
    "open_card",
    "open_image",
    "status_word",
]
