"""What the catalogue says about a file: its sources, its hash, its licence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SHA256_DIGITS = 64


class Commercial(str, Enum):
    """Whether a licence allows commercial use. `UNKNOWN` is no yes."""

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
"""Where a file can be fetched from; a plain text is a URL."""


@dataclass(frozen=True)
class Variant:
    """Another file that holds the same network: in half precision, pickled, not packed."""

    name: str
    sha256: str = ""
    bytes: int | None = None
    sources: tuple[Source, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether its whole hash is known, so that nothing is left to trust on first use."""
        return len(self.sha256) == SHA256_DIGITS


@dataclass(frozen=True)
class WeightFile:
    """One downloadable file. `path` is relative to the weight store's root."""

    id: str
    path: str
    sources: tuple[Source, ...]
    """In the order in which they are tried."""
    licence: str
    commercial: Commercial
    origin: str
    needed_by: str
    sha256: str = ""
    """Known for certain. Fewer than 64 digits: only its beginning is known; "": nothing is. What is not known is
    trusted on first use, and recorded."""
    bytes: int | None = None
    alternative: str | None = None
    """Id of the file to take instead where the licence set refuses this one."""
    other_names: tuple[str, ...] = ()
    """Under which other names hosts keep the same bytes."""
    variants: tuple[Variant, ...] = ()
    """Taken where the file itself is not at hand; fetched where it has no source that works."""

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def folder(self) -> str:
        """Where it and its variants lie below the store's root."""
        return self.path.rpartition("/")[0]

    @property
    def forms(self) -> tuple[Variant, ...]:
        """The file itself, then its variants: the order in which they are looked for."""
        return (Variant(self.name, self.sha256, self.bytes, self.sources), *self.variants)

    def names_of(self, form: Variant) -> tuple[str, ...]:
        """Every name under which hosts keep `form`."""
        return (form.name, *self.other_names) if form.name == self.name else (form.name,)


@dataclass(frozen=True)
class UsedWeight:
    """A weight file that took part in a run, for its record."""

    id: str
    """The catalogue's id, or the file's name where it is the user's own."""
    file: str
    licence: str
    sha256: str
