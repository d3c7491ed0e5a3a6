"""No folder of this machine in an answer: clients are told which file is meant, and not where it lies."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from easyphoto.messages import Text

# Absolute, of Windows as well; neither the addresses of this interface nor those of other servers.
_FOLDERS = re.compile(r"""(?<![\w:/\\.])(?![/\\]easyphoto/v1/)(?:[A-Za-z]:)?[/\\]+(?:[^/\\\s'"`,;:|]+[/\\]+)+""")


def without_folders(text: str) -> str:
    """Each absolute path in the text by its last name alone."""
    if "/" not in text and "\\" not in text:
        return text
    home = str(Path.home())
    # Its name may hold spaces, where any other path would end.
    for beginning in (home, home.replace("\\", "\\\\")) if len(home) > 1 else ():
        text = re.sub(rf"{re.escape(beginning)}(?=[/\\])", "", text)
    return _FOLDERS.sub("", text)


def told(value: Any) -> Any:
    """The same for all texts of a JSON value, and for what they were made from."""
    if isinstance(value, str):
        whole = without_folders(value)
        made = value.mapped(without_folders) if isinstance(value, Text) else whole
        # A path that only the whole sentence shows as one must not remain among the values.
        return made if made == whole else whole
    if isinstance(value, Mapping):
        return {key: told(part) for key, part in value.items()}
    return [told(part) for part in value] if isinstance(value, (list, tuple)) else value
