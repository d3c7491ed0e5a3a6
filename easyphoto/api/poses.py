"""Poses over HTTP: the list, and a picture of each."""

import io
from dataclasses import dataclass

from fastapi import Response

from easyphoto.api.gallery_schemas import PoseAnswer, PosesAnswer
from easyphoto.backends.skeletons import draw_skeletons
from easyphoto.inference.poses import of_pose
from easyphoto.jobs.service import Service


@dataclass(frozen=True)
class PoseRoutes:
    service: Service

    def list(self) -> PosesAnswer:
        """How somebody may stand or sit in a picture that is drawn from words."""
        return PosesAnswer(poses=[PoseAnswer(**pose.facts) for pose in self.service.poses()])

    def picture(self, id: str) -> Response:
        """Its skeleton as OpenPose draws it, which a request may also upload as its `pose_picture`."""
        pose = self.service.pose(id)
        drawn = draw_skeletons(of_pose(pose).figures, pose.size)
        stream = io.BytesIO()
        drawn.save(stream, format="PNG")
        return Response(stream.getvalue(), media_type="image/png")
