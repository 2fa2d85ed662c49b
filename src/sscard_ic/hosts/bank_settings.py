"""``[bank]`` of the settings: who answers for the bank whose application is on the cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from sscard_ic.base.problems import Unusable
from sscard_ic.base.resources import home_dir
from sscard_ic.base.settings import FilePath, Section
from sscard_ic.hosts.serving import is_loopback

BOOK_NAME = "bank.db"


def _url(value: Any) -> str:
    parts = None
    if isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value:
        try:
            parts = urlsplit(value)
            usable = parts.port or 1
        except ValueError:
            usable = 0
    if (
        parts is None
        or not usable
        or parts.scheme != "http"
        or not is_loopback(parts.hostname or "")
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
    ):
        raise Unusable(
            "应为本机网址，如 http://127.0.0.1:8445/bank（测试银行以明文应答）",
            "an address on this machine is expected, as http://127.0.0.1:8445/bank (the test bank "
            "answers in clear)",
        )
    assert isinstance(value, str)
    return value


class HttpBankSettings(Section):
    """``[bank.http]``: a test bank that is asked by HTTP, as ``sscard bank host`` serves one."""

    url: Annotated[str, BeforeValidator(_url)]
    """``http://127.0.0.1:PORT/bank``."""
    connect_timeout: float = Field(default=5.0, gt=0, le=120)
    """Seconds until a connection stands."""
    read_timeout: float = Field(default=30.0, gt=0, le=300)
    """Seconds from a request to the whole of its answer."""


class BankSettings(Section):
    """``[bank]``: who answers for the bank on this machine."""

    service: Literal["test", "http"] = "test"
    """The test bank within this program, or one that is asked by HTTP."""
    book: FilePath | None = None
    """Accounts of the test bank; ``bank.db`` under ``SSCARD_HOME`` when left out."""
    opening: int | None = Field(default=100_000, ge=0, lt=10**12)
    """Fen in the main account of a genuine card that is seen for the first time."""
    cash_limit: int = Field(default=100_000, ge=0, lt=10**12)
    """Fen that the electronic cash of a new card may hold, as its 9F77 says."""
    unproved_balance: bool = False
    """Whether a load may start from a balance that the terminal tells and the card does not
    prove (ref 14 §6.2): cards whose 9F10 carries none cannot be loaded otherwise."""
    bins: list[Annotated[str, Field(pattern="^[0-9]{3,10}$")]] = Field(default_factory=list)
    """First digits of the account numbers that are the bank's own: no account is opened for others.
    Empty: any."""
    http: HttpBankSettings | None = None

    @model_validator(mode="after")
    def _chosen_is_there(self) -> BankSettings:
        if self.service == "http" and self.http is None:
            raise Unusable(
                'service = "http" 还需要 [bank.http] 表',
                'service = "http" needs the table [bank.http]',
            )
        return self

    def file(self) -> Path:
        """Where the accounts of the test bank are."""
        return self.book or home_dir() / BOOK_NAME
