"""Saving a run: LoRA files to judge and to choose from, and one file from which the run resumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from easyphoto.backends.headers import read_header
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, write_bytes
from easyphoto.training.loop import Learner
from easyphoto.training.lora import kohya_state, safetensors_bytes, write_lora
from easyphoto.training.run import RunFolder


def marks(steps: int, validations: int) -> tuple[int, ...]:
    """The steps after which the run is saved and judged: evenly spaced, the last one at the end."""
    count = min(validations, steps)
    return tuple(round(steps * part / count) for part in range(1, count + 1))


def save_resume(folder: RunFolder, learner: Learner, fingerprint: str) -> Path:
    """Write everything needed to resume the run; returns the file."""
    write_bytes(folder.resume, safetensors_bytes(learner.state(), {"fingerprint": fingerprint}))
    return folder.resume


def save_lora(folder: RunFolder, learner: Learner, metadata: Mapping[str, str]) -> Path:
    """Write the current adapters as a float16 LoRA; returns the file."""
    target = folder.checkpoint(learner.step)
    write_lora(target, kohya_state(learner.adapted, dtype=torch.float16), metadata)
    return target


def resume(folder: RunFolder, learner: Learner, fingerprint: str) -> int:
    """Resume the run from its resume file and return the step, 0 for a new run.

    Raises InputError if the file is unreadable or the run's record has changed since.
    """
    if not folder.resume.is_file():
        return 0
    try:
        read_header(folder.resume)
        with safe_open(folder.resume, framework="pt") as opened:
            told = (opened.metadata() or {}).get("fingerprint")
            state = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _damaged(folder.resume, cause_of(error)) from error
    except InputError as error:
        # Its advice is that for a file which was downloaded.
        raise _damaged(folder.resume, error.message.rstrip(".")) from error
    if told != fingerprint:
        raise InputError(
            text("run.json was changed since this run began."), advice=text("Start a new run in a folder of its own.")
        )
    try:
        learner.restore(state)
    except KeyError as error:
        raise _damaged(folder.resume, text("it lacks {name}", name=error.args[0])) from error
    return learner.step


def _damaged(file: Path, cause: str) -> InputError:
    return InputError(
        text("{source} cannot be read: {cause}.", source=file.name, cause=cause),
        advice=text("Delete the run's checkpoints folder; it then starts over."),
    )
