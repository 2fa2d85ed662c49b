"""Root keys in an HSM behind PKCS#11; what is named here needs python-pkcs11 when it is called."""

from __future__ import annotations
