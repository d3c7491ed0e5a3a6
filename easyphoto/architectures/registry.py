"""Every family, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.errors import InputError

FAMILIES: Mapping[str, Family] = MappingProxyType({family.id: family for family in (MINIATURE, SD15, SDXL)})


def family_named(name: str) -> Family:
    """The family of that id. Raises InputError with the list of known ones."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise InputError(f"There is no model family {name!r}.", advice=f"Known: {', '.join(FAMILIES)}.") from None
