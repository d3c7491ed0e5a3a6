"""Finds the host's checkpoints by any of their names. The host itself silently ignores a name that it does not know."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.errors import InputError, MissingCapability
from easyphoto.messages import text
from easyphoto.webui.host_modules import host_module

PUT_IT = text("Put the file into the web UI's models/Stable-diffusion and press its refresh button.")
_MOST_NAMED = 8
_log = logging.getLogger(__name__)


def checkpoints() -> tuple[Any, ...]:
    """Return the host's entry of each checkpoint, the chosen one first."""
    models = host_module("sd_models")
    known = {id(info): info for info in models.checkpoints_list.values()}
    chosen = models.checkpoint_aliases.get(host_module("shared").opts.sd_model_checkpoint)
    first = [chosen] if chosen is not None else []
    return (*first, *(info for info in known.values() if info is not chosen))


def names() -> tuple[str, ...]:
    return tuple(str(info.name) for info in checkpoints())


def found(name: str) -> Any:
    """Find a checkpoint by file, title, name, stem or hash; None if a new listing of the folder has none either."""
    info = _known(name)
    models = host_module("sd_models")
    # A host without any checkpoint would download one of 4 GB when it lists them again.
    if info is None and models.checkpoints_list:
        models.list_models()
        info = _known(name)
    return info


def require(name: str) -> Any:
    """Raises MissingCapability if the host has no such checkpoint."""
    info = found(name)
    if info is None:
        there = names()
        more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
        listed = ", ".join(there[:_MOST_NAMED]) + more if there else "none"
        raise MissingCapability(
            text("The web UI has no checkpoint {name!r}.", name=name),
            advice=text("{put_it} Available now: {listed}.", put_it=PUT_IT, listed=listed),
        )
    return info


def of_family(family: Family) -> Any:
    """Return the chosen checkpoint if it is of that family, else the first that is. Raises MissingCapability."""
    for info in checkpoints():
        if _family_id(info) == family.id:
            return info
    raise MissingCapability(text("The web UI has no {label} checkpoint.", label=family.label), advice=PUT_IT)


def load_chosen() -> None:
    """Load the checkpoint that the host's user has chosen; does nothing if no checkpoint is loaded yet.

    A failure is only logged, as for the host's own pictures, which report it next time: finished pictures of ours must
    not be lost because of it.
    """
    models = host_module("sd_models")
    if getattr(models, "model_data", None) is not None and models.model_data.sd_model is None:
        return
    try:
        models.reload_model_weights()
    except Exception:
        _log.exception("The web UI could not load its chosen checkpoint again")


def file_of(info: Any) -> Path:
    return Path(str(info.filename)).absolute()


def _known(name: str) -> Any:
    models = host_module("sd_models")
    every = checkpoints()
    path = Path(name).expanduser()
    if path.is_file():
        same = (info for info in every if os.path.realpath(info.filename) == os.path.realpath(path))
        return next(same, None)
    alias = models.checkpoint_aliases.get(name)
    if alias is not None:
        return alias
    return next((info for info in every if name in (info.title, info.name, *_words(Path(str(info.filename))))), None)


def _words(file: Path) -> tuple[str, str]:
    return file.name, file.stem


def _family_id(info: Any) -> str | None:
    from easyphoto.backends.folders import family_of

    try:
        return family_of(file_of(info)).id
    except (InputError, OSError):
        return None
