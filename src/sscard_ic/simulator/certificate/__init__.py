"""The certificate application of a virtual chip (ref 02 §8)."""

from sscard_ic.simulator.certificate.application import CertificateApplication
from sscard_ic.simulator.certificate.description import HEADER, describe, model_of
from sscard_ic.simulator.certificate.inspection import (
    CertificateDescription,
    CertificateFile,
    ProofTries,
    describe_state,
)
from sscard_ic.simulator.certificate.state import CertificateState

__all__ = [
    "HEADER",
    "CertificateApplication",
    "CertificateDescription",
    "CertificateFile",
    "CertificateState",
    "ProofTries",
    "describe",
    "describe_state",
    "model_of",
]
