"""The insightface package as an optional detector. It never downloads anything here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.errors import EnvironmentFailure, WeightsMissing
from easyphoto.faces.candidates import as_faces
from easyphoto.faces.engine import Face
from easyphoto.faces.parts import failure_of
from easyphoto.images.pictures import as_array
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

DETECTOR_FILES = ("det_10g.onnx", "scrfd_10g_bnkps.onnx", "det_2.5g.onnx", "det_500m.onnx")
"""File names of the detectors in the package's model packs, best first."""
_SIDE = 640
_SCORE = 0.5


class InsightFaceDetector:
    """Runs the detector file of a model pack through `insightface.model_zoo`."""

    id = "insightface"

    def __init__(self, file: Path, weights: tuple[UsedWeight, ...] = ()) -> None:
        # Given a file that is not there, some versions of the package try to download one.
        if not file.is_file():
            raise WeightsMissing(text("{file} is missing.", file=file), advice=_advice())
        try:
            from insightface.model_zoo import get_model
        except Exception as error:  # built against another numpy, the package ends in ValueError
            raise EnvironmentFailure(
                text(
                    "The detector `insightface` needs the package insightface, which cannot be loaded here ({kind}).",
                    kind=type(error).__name__,
                ),
                advice=text("Run: pip install insightface — or choose scrfd, which runs the same file without it."),
            ) from error
        self.weights = weights
        self._model = _opened(get_model, file)

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        try:
            found, points = self._model.detect(np.ascontiguousarray(as_array(picture)[..., ::-1]))
        except Exception as error:  # the package lets onnxruntime's errors through
            raise failure_of(self.id, error) from error
        if points is None:
            raise WeightsMissing(text("The detector's file finds faces without their landmarks."), advice=_advice())
        return as_faces(found[:, :4], points, found[:, 4])


def pack_file(home: Path) -> Path | None:
    """The best detector file in `home`/.insightface/models/PACK/; None when there is none."""
    models = home / ".insightface" / "models"
    return next((file for name in DETECTOR_FILES for file in sorted(models.glob(f"*/{name}"))), None)


def _opened(get_model: Callable[..., Any], file: Path) -> Any:
    try:
        model = get_model(str(file), providers=["CPUExecutionProvider"])
        model.prepare(ctx_id=-1, input_size=(_SIDE, _SIDE), det_thresh=_SCORE)
    except Exception as error:  # the package lets assertions and onnxruntime's errors through
        raise WeightsMissing(
            text("{file} cannot be read by insightface ({kind}).", file=file, kind=type(error).__name__),
            advice=_advice(),
        ) from error
    return model


def _advice() -> str:
    return text("Put det_10g.onnx into ~/.insightface/models/buffalo_l/, or choose yunet.")
