"""Opening face networks that OpenCV runs itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from easyphoto.errors import WeightsMissing
from easyphoto.messages import text

# LOG_LEVEL_ERROR; OpenCV 4.8 has no constant for it.
_ERRORS_ONLY = 2
# The log level is the process's own, so two threads must not lower and restore it at once.
_LOADING = threading.Lock()


@contextmanager
def reading(file: Path, what: str) -> Iterator[None]:
    """Context in which OpenCV opens `file` without its warnings. Raises WeightsMissing when it cannot read the file."""
    # OpenCV 5 warns at every load that the file has an older opset, but reads it.
    # In OpenCV 4.8 the log level functions are in cv2 itself, not in a module of their own.
    log = getattr(cv2.utils, "logging", cv2)
    with _LOADING:
        before = log.getLogLevel()
        log.setLogLevel(_ERRORS_ONLY)
        try:
            yield
        except (cv2.error, OSError) as error:
            raise WeightsMissing(
                text("{file} cannot be read by OpenCV as {what}.", file=file, what=what),
                advice=text("Delete it, so that it is downloaded again."),
            ) from error
        finally:
            log.setLogLevel(before)


def created(create: Callable[..., Any], file: Path, *rest: Any) -> Any:
    """The network made from the file by one of OpenCV's `create` functions."""
    try:
        return create(str(file), "", *rest)
    except cv2.error:
        if str(file).isascii():
            raise
        # On Windows OpenCV cannot open non-ASCII paths, such as one with a user's name; buffers work.
        return create("onnx", np.fromfile(file, np.uint8), np.empty(0, np.uint8), *rest)
