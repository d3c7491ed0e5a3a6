"""A web UI's own face restorers and upscalers, through /sdapi/v1/extra-single-image.

If its network cannot be loaded, the web UI still answers, with the unchanged or interpolated picture; this is detected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from easyphoto.backends.remote_client import WebUi
from easyphoto.backends.remote_payloads import decoded, encoded, room_for
from easyphoto.backends.remote_watch import watched
from easyphoto.errors import BackendError
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array
from easyphoto.messages import text
from easyphoto.progress import NullProgress, Progress
from easyphoto.weights.catalog import UsedWeight

_EXTRA = "/sdapi/v1/extra-single-image"
RESTORERS = {"gfpgan": "gfpgan_visibility", "codeformer": "codeformer_visibility"}
"""Restorer → its field in extra-single-image; a web UI's other restorers cannot be requested."""
PLAIN = ("lanczos", "nearest")
"""Upscalers that interpolate instead of running a network, so a plain enlargement is their correct answer."""
# CodeFormer's fidelity weight: 0 is sharpest, 1 most faithful.
_FAITHFULNESS = 0.5
_LEAST_CHANGE = 1


@dataclass(frozen=True)
class RemoteRestorer:
    webui: WebUi
    name: str

    changes_only: ClassVar[bool] = False

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        return (_used(self.name),)

    def restore(self, face: Image.Image) -> Image.Image:
        """Restore an aligned RGB face; same size. Raises BackendError if the face came back unchanged."""
        content = {
            **_content(face, factor=1),
            RESTORERS[self.name.lower()]: 1,
            "codeformer_weight": _FAITHFULNESS,
        }
        made = _asked(self.webui, content, Size.of(face), NullProgress())
        if not _differ(made, face):
            raise BackendError(
                text("The web UI returned the face unchanged instead of restoring it with {name}.", name=self.name),
                advice=text("Its model may be missing, or it found no face; its log says which."),
            )
        return made


@dataclass(frozen=True)
class RemoteUpscaler:
    webui: WebUi
    name: str
    factor: int

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        return (_used(self.name),)

    def upscale(self, picture: Image.Image, progress: Progress) -> Image.Image:
        """Enlarge an RGB picture by `factor`. Raises BackendError if the web UI only interpolated it, Cancelled."""
        progress.check()
        size = Size(picture.width * self.factor, picture.height * self.factor)
        content = {**_content(picture, factor=self.factor), "upscaler_1": self.name}
        made = _asked(self.webui, content, size, progress)
        plainly = picture.resize(made.size, Image.Resampling.LANCZOS)
        if self.name.lower() not in PLAIN and not _differ(made, plainly):
            raise BackendError(
                text("The web UI enlarged the picture without {name}.", name=self.name),
                advice=text("Its model may be missing, or could not be downloaded; its log says which."),
            )
        return made


def _content(picture: Image.Image, *, factor: int) -> dict[str, Any]:
    return {
        "image": encoded(picture),
        "resize_mode": 0,
        "upscaling_resize": factor,
        "upscaler_1": "None",
        "upscaler_2": "None",
        "gfpgan_visibility": 0,
        "codeformer_visibility": 0,
    }


def _asked(webui: WebUi, content: dict[str, Any], size: Size, progress: Progress) -> Image.Image:
    answer = watched(webui, _EXTRA, content, steps=1, progress=progress, room=room_for(size, pictures=2))
    return decoded(answer.get("image") if isinstance(answer, dict) else None, size)


def _differ(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures of one size differ by more than rounding."""
    return int(np.abs(as_array(one).astype(np.int16) - as_array(other)).max()) > _LEAST_CHANGE


def _used(name: str) -> UsedWeight:
    return UsedWeight(name, name, "user's own", "")
