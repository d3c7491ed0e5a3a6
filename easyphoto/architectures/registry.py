"""The registry of all families, and how a file's family is identified."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from easyphoto.architectures.base import Family
from easyphoto.architectures.header import Header
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.errors import InputError
from easyphoto.messages import text


@dataclass(frozen=True)
class Registry(Mapping[str, Family]):
    """Families by id. Immutable: `adding` returns a new registry."""

    families: tuple[Family, ...]

    def __getitem__(self, id: str) -> Family:
        for family in self.families:
            if family.id == id:
                return family
        raise KeyError(id)

    def __iter__(self) -> Iterator[str]:
        return (family.id for family in self.families)

    def __len__(self) -> int:
        return len(self.families)

    def adding(self, family: Family) -> Registry:
        return Registry((*self.families, family))

    @property
    def default(self) -> Family:
        """The family used when none is chosen; it ships with the project, so it is always available."""
        return next(family for family in self.families if family.ships)

    @property
    def from_files(self) -> tuple[Family, ...]:
        """The families whose models exist as single-file checkpoints."""
        return tuple(family for family in self.families if family.has_checkpoints)

    def names_of_files(self, between: str) -> str:
        """`SD 1.5 or SDXL`, for advice."""
        *names, last = (family.short for family in self.from_files)
        return f"{', '.join(names)} {between} {last}" if names else last

    def of_checkpoint(self, header: Header) -> Family | None:
        """The family of a single-file checkpoint, judged by tensor names and widths alone."""
        return next((family for family in self.from_files if family.is_checkpoint(header)), None)

    def of_unet(self, header: Header) -> Family | None:
        """The family of a checkpoint's UNet, even if the file lacks other parts."""
        return next((family for family in self.from_files if family.words_width == header.words_width), None)

    def of_words_width(self, width: int) -> Family | None:
        """The family whose UNet attends to text embeddings of this width."""
        return next((family for family in self.families if family.words_width == width), None)

    def of_folder(self, words_width: object, parts: Collection[str]) -> Family | None:
        """The family of a folder in the diffusers layout. `words_width` is its UNet's `cross_attention_dim`."""
        return next((family for family in self.families if family.is_folder(words_width, parts)), None)

    def of_lora(self, header: Header) -> Family | None:
        """The family of a LoRA, told by a shipped family's `ss_base_model_version`, else by the text embedding width,
        else by `modelspec.architecture`."""
        version = header.metadata.get("ss_base_model_version")
        own = (family for family in self.families if family.ships and family.kohya_version == version)
        width, told = header.lora_words_width, header.metadata.get("modelspec.architecture", "")
        if width is not None:
            fitting = (family for family in self.families if family.words_width == width)
        else:
            fitting = (family for family in self.families if family.architecture == told)
        return next(own, None) or next(fitting, None)


FAMILIES = Registry((MINIATURE, SD15, SDXL))


def family_named(name: str) -> Family:
    """The family with that id. Raises InputError that lists the known ids."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise InputError(
            text("There is no type of model called {name!r}.", name=name),
            advice=text("Known: {names}.", names=", ".join(FAMILIES)),
        ) from None
