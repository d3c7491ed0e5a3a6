"""What the tests of the API say over and over."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.services import encoded, picture

V1 = "/easyphoto/v1"
JSON = {"Content-Type": "application/json"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {encoded(f'{user}:{password}'.encode())}"}


def inline(seed: int, size: tuple[int, int] = (256, 256)) -> dict[str, str]:
    return {"name": f"photo {seed}.png", "data": encoded(picture(seed, size))}


def photos(count: int = 5) -> list[dict[str, str]]:
    return [inline(seed) for seed in range(count)]


def finished(client, answer, seconds: float = 60.0) -> dict:
    """The job of a 202 when it is over."""
    assert answer.status_code == 202, answer.text
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job = client.get(answer.headers["location"]).json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.02)
    raise AssertionError("the job does not end")


def trained(client, name: str = "anna") -> dict:
    return finished(client, client.post(f"{V1}/train", json={"name": name, "photos": photos()}))


def error_of(answer) -> tuple[int, str]:
    """Status and code; every refusal has the same shape."""
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "advice", "values", "details"}
    assert error["message"]
    return answer.status_code, error["code"]


def events_of(text: str) -> list[dict]:
    """The events of a stream: number, type and values."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            record = json.loads(lines["data"])
            assert (str(record["number"]), record["type"]) == (lines["id"], lines["event"])
            found.append(record)
    return found


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
