"""Keys by which a client asks for a job once, however often its request arrives.

The draft "The Idempotency-Key HTTP Header Field" of the IETF: a client that got no answer sends the same request with
the same key again, and gets the job that the first one made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class IdempotencyKey:
    """Recorded with its job, so it outlives a restart, and goes when the job goes."""

    key: str
    fingerprint: str
    """Tells the request from others, without what it says: a request may hold photos."""


def fingerprint_of(kind: str, request: Mapping[str, Any]) -> str:
    """Return the fingerprint of a request's values, in whatever order they were sent."""
    written = json.dumps([kind, request], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
