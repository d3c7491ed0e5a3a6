"""Removes folders of this machine from answers: clients learn which file is meant, but not where it is."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from easyphoto.messages import Text

# Absolute paths, also of Windows, except URLs and paths of this API.
_FOLDERS = re.compile(r"""(?<![\w:/\\.])(?![/\\]easyphoto/v1/)(?:[A-Za-z]:)?[/\\]+(?:[^/\\\s'"`,;:|]+[/\\]+)+""")


def redacted_paths(text: str) -> str:
    """Replace each absolute path in the text by its last component."""
    if "/" not in text and "\\" not in text:
        return text
    home = str(Path.home())
    # The home folder's name may contain spaces, at which any other path would end.
    for beginning in (home, home.replace("\\", "\\\\")) if len(home) > 1 else ():
        text = re.sub(rf"{re.escape(beginning)}(?=[/\\])", "", text)
    return _FOLDERS.sub("", text)


def told(value: Any) -> Any:
    """Apply `redacted_paths` to all texts of a JSON value, and to the values that they were made from."""
    if isinstance(value, str):
        whole = redacted_paths(value)
        made = value.mapped(redacted_paths) if isinstance(value, Text) else whole
        # A path that is recognised only in the whole sentence must not remain among the values.
        return made if made == whole else whole
    if isinstance(value, Mapping):
        return {key: told(part) for key, part in value.items()}
    return [told(part) for part in value] if isinstance(value, (list, tuple)) else value
