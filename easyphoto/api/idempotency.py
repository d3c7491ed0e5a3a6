"""The header `Idempotency-Key`: a client that got no answer asks again, and gets the job that it has made.

As in the IETF's draft "The Idempotency-Key HTTP Header Field". A key is the requester's own, and lives as long as its
job. Two requests at once make one job, so neither is refused while the other is in work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Header

from easyphoto.api.errors import BadRequest, IdempotencyKeyReused
from easyphoto.commands.base import Command
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.idempotency import IdempotencyKey, fingerprint_of
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.messages import text

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
MOST_KEY = 255
ABOUT = (
    "A key of your own for this request, best a UUID. The same key with the same request answers with the same job, "
    "however often it is sent."
)
# A string of RFC 8941, as the draft wants it, or the same without its quotes, as most clients send it.
_KEY = re.compile(r'\s*(?:"(?P<quoted>(?:[ !#-\[\]-~]|\\["\\])+)"|(?P<bare>[!#-~][!-~]*))\s*')


def key_header() -> Any:
    return Header(None, alias=HEADER, max_length=MOST_KEY, description=ABOUT)


def key_in(header: str | None) -> str | None:
    """Return the key in the header. Raises BadRequest for anything but printable ASCII."""
    if header is None:
        return None
    found = _KEY.fullmatch(header)
    if found is None:
        raise BadRequest(
            text("{header} is no key.", header=HEADER), advice=text("Send letters, digits and -, best a UUID.")
        )
    return found["bare"] or re.sub(r"\\(.)", r"\1", found["quoted"])


@dataclass(frozen=True)
class Once:
    """Makes a job for a key once."""

    service: Service
    key: IdempotencyKey

    @classmethod
    def of(cls, service: Service, key: str, kind: str, request: Mapping[str, Any]) -> Once:
        return cls(service, IdempotencyKey(key, fingerprint_of(kind, request)))

    def job(self, build: Callable[[], Command]) -> tuple[Job, bool]:
        """Return the key's job, and whether an earlier request has made it. Raises IdempotencyKeyReused."""
        known = self._known()
        if known is not None:
            return known, True
        try:
            return self._same(*self.service.submit_once(build(), self.key))
        except EasyPhotoError:
            # The same request may have been done meanwhile, so that this one finds the name taken.
            known = self._known()
            if known is None:
                raise
            return known, True

    def _known(self) -> Job | None:
        job = self.service.queue.with_key(self.key.key)
        return None if job is None else self._same(job, True)[0]

    def _same(self, job: Job, is_replayed: bool) -> tuple[Job, bool]:
        if job.key != self.key:
            raise IdempotencyKeyReused(
                text("This {header} belongs to another request.", header=HEADER),
                advice=text("Send each request with a key of its own; only a repetition has the same."),
            )
        return job, is_replayed
