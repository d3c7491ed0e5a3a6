"""A small HTTP client of the standard library: JSON, plain bytes, and streams of events."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

API = "/easyphoto/v1"
_PATIENCE = 600.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def words(self) -> str:
        """What a person would read of it."""
        try:
            said = self.json
        except ValueError:
            return self.body[:200].decode("utf-8", "replace")
        error = said.get("error") if isinstance(said, dict) else None
        if isinstance(error, dict):
            return f"{error.get('code')}: {error.get('message')} {error.get('advice', '')}".strip()
        return json.dumps(said, ensure_ascii=False)[:300]


@dataclass(frozen=True)
class Web:
    address: str
    account: str | None = None
    """user:password"""

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ask(
            "POST", path, json.dumps(body).encode(), headers={"Content-Type": "application/json", **headers}
        )

    def delete(self, path: str) -> Answer:
        return self.ask("DELETE", path)

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Whatever the status is; only a web UI that does not answer raises."""
        try:
            with urllib.request.urlopen(
                self._request(method, path, body, headers=headers or {}), timeout=_PATIENCE
            ) as said:
                return Answer(said.status, said.read(), dict(said.headers))
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, refused.read(), dict(refused.headers))

    def announce(self, path: str, length: int) -> Answer:
        """What a server says to a body of so many bytes before any of it is sent."""
        parts = urllib.parse.urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
        try:
            headers = {"Content-Type": "application/json", "Content-Length": str(length)}
            connection.request("POST", path, headers={**headers, **self._account()})
            said = connection.getresponse()
            return Answer(said.status, said.read(), dict(said.headers))
        finally:
            connection.close()

    def events(self, job: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """A job's events as the server sends them, until it ends the stream."""
        request = self._request("GET", f"{API}/jobs/{job}/events?after={after}", None, headers={})
        with urllib.request.urlopen(request, timeout=_PATIENCE) as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    yield json.loads(line[len(b"data: ") :])

    def _request(
        self, method: str, path: str, body: bytes | None, *, headers: Mapping[str, str]
    ) -> urllib.request.Request:
        return urllib.request.Request(
            self.address + path, data=body, headers={**self._account(), **headers}, method=method
        )

    def _account(self) -> dict[str, str]:
        if self.account is None:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(self.account.encode()).decode()}"}
