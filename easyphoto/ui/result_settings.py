"""A result's settings as a configuration, to be saved under a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from easyphoto.ui.repeat import checked_record
from easyphoto.workspace.configurations import PHOTOGRAPH, VERSION, Configuration, configuration_from

OPTIONS = ("base", "engine", "faces", "weights")


def result_configuration(record: Any, request: Mapping[str, Any], name: str) -> Configuration:
    """Return the settings of a result from its PNG's record and its job's request, which knows what the record lacks.

    The seed is the picture's own. What this version does not know is dropped and said: results outlive versions. Raises
    InputError for a record that is not EasyPhoto's.
    """
    record = checked_record(record)
    options = request.get("options")
    options = options if isinstance(options, Mapping) else {}
    content = {
        "easyphoto": "configuration",
        "version": VERSION,
        "kind": PHOTOGRAPH,
        "name": name,
        "made_by": "a result",
        "settings": {**record["settings"], "seed": record["seed"]},
        **{key: options[key] for key in OPTIONS if key in options},
    }
    return configuration_from(content, kind=PHOTOGRAPH, source=name)
