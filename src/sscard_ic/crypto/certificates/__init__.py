"""X.509 certificates with SM2 keys: parsed, verified, built (GM/T 0015; ref 02 §8.9)."""

from sscard_ic.crypto.certificates.building import build_certificate, new_serial
from sscard_ic.crypto.certificates.certificate import Certificate
from sscard_ic.crypto.certificates.chain import chain
from sscard_ic.crypto.certificates.errors import CertificateError
from sscard_ic.crypto.certificates.extensions import USAGES, Extension
from sscard_ic.crypto.certificates.names import DistinguishedName
from sscard_ic.crypto.certificates.requests import Request, build_request, parse_request
from sscard_ic.crypto.certificates.signing import Signer

__all__ = [
    "USAGES",
    "Certificate",
    "CertificateError",
    "DistinguishedName",
    "Extension",
    "Request",
    "Signer",
    "build_certificate",
    "build_request",
    "chain",
    "new_serial",
    "parse_request",
]
