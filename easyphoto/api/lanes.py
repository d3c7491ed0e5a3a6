"""The lanes of the queue over HTTP: on which devices jobs run side by side, and what each does now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from easyphoto.api.answers import texts_told
from easyphoto.api.paths import told
from easyphoto.api.schemas import LaneAnswer, LanesAnswer
from easyphoto.jobs.runners import LaneFacts
from easyphoto.jobs.service import Service


@dataclass(frozen=True)
class LaneRoutes:
    service: Service

    def list(self) -> LanesAnswer:
        """Where jobs run side by side, and what each lane does now. A lane that somebody else's job keeps busy does not
        say which.
        """
        lanes = self.service.lanes()
        devices = [told(lane.device) for lane in lanes]
        return LanesAnswer(
            lanes=[LaneAnswer(**lane_record(lane), state=lane.state, job=lane.job) for lane in lanes],
            texts=texts_told(devices),
        )


def lane_record(lane: LaneFacts) -> dict[str, Any]:
    """Return what does not change while the server runs, as plain values."""
    kept = {name: value for name, value in asdict(lane).items() if name not in ("state", "job")}
    return {**kept, "device": told(lane.device), "takes": list(lane.takes)}
