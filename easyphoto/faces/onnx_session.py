"""Opening and running .onnx files with onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from easyphoto.errors import EnvironmentFailure, WeightsMissing, first_line
from easyphoto.faces.parts import failure_of
from easyphoto.messages import text
from easyphoto.parallel import thread_limit

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
_ERRORS_ONLY = 3


def open_session(file: Path) -> InferenceSession:
    """A session for the network in `file`, on CUDA if onnxruntime supports it, else on the CPU.

    Raises EnvironmentFailure when onnxruntime is not installed, WeightsMissing when it cannot read the file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EnvironmentFailure(
            text("{name} needs onnxruntime, which is not installed.", name=file.name),
            advice=text("Run: pip install onnxruntime"),
        ) from error
    if not file.is_file():
        raise WeightsMissing(text("{file} is missing.", file=file), advice=text("Run: easyphoto weights check"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # As torch does; 0 lets onnxruntime decide.
    options.intra_op_num_threads = thread_limit() or 0
    # Spinning idle threads would starve torch, which runs in the same process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    here = onnxruntime.get_available_providers()
    providers = [provider for provider in _PROVIDERS if provider in here]
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common base but Exception
        raise WeightsMissing(
            text("{file} cannot be read by onnxruntime: {reason}.", file=file, reason=first_line(error)),
            advice=text("Delete it, so that it is downloaded again."),
        ) from error


def answers_of(session: InferenceSession, feed: dict[str, np.ndarray], what: str) -> list[np.ndarray]:
    """All outputs of the network, shaped as it defines them.

    `feed` holds the inputs by name; `what` names the network in errors.

    Raises OutOfMemory, or EnvironmentFailure when the network rejects its input.
    """
    try:
        return [np.asarray(answer) for answer in session.run(None, feed)]
    except Exception as error:  # onnxruntime's errors have no common base but Exception
        raise failure_of(what, error) from error
