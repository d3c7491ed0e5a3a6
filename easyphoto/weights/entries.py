"""The entries of the catalogue: a file's sources, hash and licence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SHA256_DIGITS = 64


class Commercial(str, Enum):
    """Whether a licence allows commercial use. `UNKNOWN` does not count as permission."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class LicenceSet(str, Enum):
    """Which weights may be used."""

    COMMERCIAL_SAFE = "commercial-safe"
    RESEARCH = "research"

    def allows(self, commercial: Commercial) -> bool:
        return self is LicenceSet.RESEARCH or commercial is Commercial.YES


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the Hugging Face hub."""

    repository: str
    file: str
    revision: str = "main"


@dataclass(frozen=True)
class ModelScopeFile:
    """A file of a repository on ModelScope."""

    repository: str
    file: str
    revision: str = "master"


Source = HubFile | ModelScopeFile | str
"""Where a file can be downloaded from; a plain string is a URL."""


@dataclass(frozen=True)
class Variant:
    """Another file with the same network: in half precision, pickled, or not packed."""

    name: str
    sha256: str = ""
    bytes: int | None = None
    sources: tuple[Source, ...] = ()
    other_names: tuple[str, ...] = ()
    """Other names under which hosts keep the same bytes."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names under which hosts keep it."""
        return (self.name, *self.other_names)

    @property
    def is_certain(self) -> bool:
        """Whether the whole hash is known, so that nothing is trusted on first use."""
        return len(self.sha256) == SHA256_DIGITS


@dataclass(frozen=True)
class WeightFile:
    """One downloadable file. `path` is relative to the weight store's root."""

    id: str
    path: str
    sources: tuple[Source, ...]
    """Sources in the order in which they are tried."""
    licence: str
    commercial: Commercial
    origin: str
    needed_by: str
    sha256: str = ""
    """The hash, as far as it is certain: 64 hexadecimal digits, fewer where only its beginning is known, or "". An
    unknown rest is trusted on first use and recorded."""
    bytes: int | None = None
    alternative: str | None = None
    """Id of the file to use instead where the licence set refuses this one."""
    other_names: tuple[str, ...] = ()
    """Other names under which hosts keep the same bytes."""
    variants: tuple[Variant, ...] = ()
    """Used where the file itself is not at hand; downloaded where none of its sources works."""

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def folder(self) -> str:
        """Folder of the file and its variants below the store's root."""
        return self.path.rpartition("/")[0]

    @property
    def forms(self) -> tuple[Variant, ...]:
        """The file itself, then its variants, in the order in which they are looked for."""
        return (Variant(self.name, self.sha256, self.bytes, self.sources, self.other_names), *self.variants)


@dataclass(frozen=True)
class UsedWeight:
    """A weight file used in a run, for the run's record."""

    id: str
    """The catalogue's id, or the name of a file of the user's own."""
    file: str
    licence: str
    sha256: str
