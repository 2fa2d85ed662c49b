"""A certificate authority that is watched, fails when it is told to, and may answer otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.support.plant import CLOCK

from sscard_ic.base import Text
from sscard_ic.hosts.authority_errors import RefusedRequestError
from sscard_ic.hosts.certificate_authority import (
    AuthorityError,
    CertificateAuthority,
    CertificateRequest,
)
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.inventory import Environment

Change = Callable[[CertificateGrant, CertificateRequest], CertificateGrant]


class WatchedAuthority:
    """Keeps what it was asked and what it answered; ``errors`` come before its answers."""

    def __init__(
        self,
        inner: CertificateAuthority | None = None,
        *,
        errors: Iterable[Exception | None] = (),
        change: Change = lambda grant, request: grant,
        environment: Environment = "test",
    ) -> None:
        self._inner = inner or TestAuthority(CLOCK)
        self._errors = iter(errors)
        self._change = change
        self._environment: Environment = environment
        self.requests: list[CertificateRequest] = []
        self.grants: list[CertificateGrant] = []

    @property
    def name(self) -> str:
        """Its name in the audit log."""
        return "a watched CA"

    @property
    def environment(self) -> Environment:
        """As it was told."""
        return self._environment

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """Those of the authority behind it."""
        return self._inner.trusted

    def register(self, request: CertificateRequest) -> CertificateGrant:
        """Fail, or ask the authority behind it."""
        self.requests.append(request)
        if error := next(self._errors, None):
            raise error
        self.grants.append(self._change(self._inner.register(request), request))
        return self.grants[-1]


def not_reached() -> AuthorityError:
    """Nobody answers."""
    return AuthorityError(
        Text("证书机构没有应答", "the certificate authority does not answer"), again=True
    )


def refused(code: str = "10032") -> RefusedRequestError:
    """The authority wants no certificates for this person; 10016: not yet."""
    return RefusedRequestError(code, "", "https://ca.example")
