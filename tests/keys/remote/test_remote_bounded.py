"""How long each read of an answer may take: what is left of the request's time, and no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpcore
import pytest

from sscard_ic.base import Secret
from sscard_ic.keys.remote import bounded
from sscard_ic.keys.remote.posting import Answer, open_client, post

HEAD, BODY = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 3\r\n\r\n"], [b"a", b"b", b"c"]


class Slow(httpcore.MockStream):
    """Each read takes three seconds of a clock that nobody waits for."""

    def __init__(self, parts: list[bytes]) -> None:
        super().__init__(parts)
        self.now = 1000.0
        self.timeouts: list[float | None] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.timeouts.append(timeout)
        self.now += 3.0
        return super().read(max_bytes, timeout)


@pytest.mark.parametrize(
    ("parts", "patience", "timeouts"),
    [
        (HEAD + BODY, 20.0, [20.0, 17.0, 14.0, 11.0, 8.0]),
        (HEAD + BODY, 13.0, [13.0, 10.0, 7.0, 4.0, 1.0]),
        (HEAD + BODY, 12.0, [12.0, 9.0, 6.0, 3.0]),
        (HEAD + BODY, 6.0, [6.0, 3.0]),
        (HEAD + BODY, 3.0, [3.0]),
    ],
)
def test_what_is_left(
    parts: list[bytes],
    patience: float,
    timeouts: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Slow(list(parts))

    def connect(*_: Any) -> httpcore.NetworkStream:
        stream.now += 500.0  # counts for nothing
        return stream

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    monkeypatch.setattr(bounded, "time", SimpleNamespace(monotonic=lambda: stream.now))
    with open_client(
        None, connect_timeout=1.0, read_timeout=patience, lasting=False, headers={}
    ) as client:
        url, nothing = "http://127.0.0.1/", frozenset[Any]()
        found = post(client, url, Secret(b"x"), again=nothing, retries=0)
    whole = len(timeouts) == len(parts)
    assert found == (Answer(200, b"abc") if whole else "timeout")
    assert stream.timeouts == timeouts
