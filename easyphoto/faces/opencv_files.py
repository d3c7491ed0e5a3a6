"""Face networks that OpenCV runs itself, opened from their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from easyphoto.errors import WeightsMissing
from easyphoto.messages import text

# LOG_LEVEL_ERROR, which has no name in OpenCV 4.8.
_ERRORS_ONLY = 2


@contextmanager
def reading(file: Path, what: str) -> Iterator[None]:
    """Opening `file` is done inside. Raises WeightsMissing where OpenCV cannot read it."""
    # OpenCV 5 warns at every load that the file has an older opset; it reads it all the same.
    # OpenCV 4.8 has the switch, but no module for it.
    log = getattr(cv2.utils, "logging", cv2)
    before = log.getLogLevel()
    log.setLogLevel(_ERRORS_ONLY)
    try:
        yield
    except (cv2.error, OSError) as error:
        raise WeightsMissing(
            text("{file} cannot be read by OpenCV as {what}.", file=file, what=what),
            advice=text("Delete it, so that it is fetched again."),
        ) from error
    finally:
        log.setLogLevel(before)


def created(create: Callable[..., Any], file: Path, *rest: Any) -> Any:
    """The network that one of OpenCV's `create` functions makes of the file."""
    try:
        return create(str(file), "", *rest)
    except cv2.error:
        if str(file).isascii():
            raise
        # On Windows OpenCV opens no path with other letters, such as a user's name; the bytes need no path.
        return create("onnx", np.fromfile(file, np.uint8), np.empty(0, np.uint8), *rest)
