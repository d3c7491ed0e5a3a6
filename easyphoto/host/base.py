"""The host EasyPhoto runs in, and the resources it lends: networks to paint with, a device, a Python to train with.

`ThisMachine` is the host without a web UI, `webui.host` runs inside a web UI, and `RemoteHost` paints on another
machine's web UI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Backend
from easyphoto.backends.published import name_for
from easyphoto.errors import DiskFailure
from easyphoto.messages import note
from easyphoto.model_cache import Lease
from easyphoto.progress import Progress
from easyphoto.restoration.base import Finisher
from easyphoto.restoration.opening import open_finisher
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import WeightSettings
from easyphoto.storage.journal import UNLIST, Change, begin, end, new_change
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Workspace

LANGUAGES = ("en", "zh_CN")
"""Languages of the tabs."""


@dataclass(frozen=True)
class HostFacts:
    """What a tab or a client needs to know about the host before starting anything. Cheap to compute."""

    name: str
    """Display name: "AUTOMATIC1111 1.10.1", "this machine"."""
    kind: str
    """standalone, a1111, forge, reforge, remote."""
    language: str = LANGUAGES[0]
    """One of LANGUAGES; "" follows each visitor's browser, where a page is in all of them."""
    checkpoints: tuple[str, ...] = ()
    """Allowed values of `base`, the best choice first."""
    restorers: tuple[str, ...] = ()
    upscalers: tuple[str, ...] = ()
    """Allowed values of the settings `restore` and `upscale` besides EasyPhoto's own ("none", "auto", …)."""
    warnings: tuple[str, ...] = ()
    """What the host lacks, and what to do about it."""
    sends: tuple[str, ...] = ()
    """Tabs of the host that accept a picture: img2img, inpaint, extras."""
    is_local: bool = False
    """The page is reachable from this machine only, so it may ask for local paths."""


class Host(Protocol):
    def facts(self) -> HostFacts: ...

    def base_model(self, name: str, settings: WeightSettings) -> tuple[Family, Path]:
        """The family and the file or folder of a base model to train on.

        Raises WeightsMissing if there is no such model, InputError if it is of no usable kind.
        """
        ...

    def checkpoint_files(self) -> Mapping[str, Path]:
        """The files of the checkpoints in `HostFacts.checkpoints`, by name; those on another machine are left out."""
        ...

    def open_backend(
        self, base: str, family: Family, store: WeightStore, settings: WeightSettings, models: Lease | None = None
    ) -> Backend:
        """The backend for a base model, named as in the run, and the person's family. `models` lends networks."""
        ...

    def open_finisher(
        self, settings: InferenceSettings, store: WeightStore, progress: Progress, models: Lease | None = None
    ) -> Finisher | None:
        """The restorer and upscaler the settings ask for; None if both are off."""
        ...

    def trainer(self, workspace: Workspace) -> Path | None:
        """The Python that trains; None means this process's. Raises TrainerMissing if it must be set up first."""
        ...

    def lent_device(self, what_for: str) -> AbstractContextManager[None]:
        """A context in which a training owns the device; leaving it in any way gives the device back."""
        ...

    def pictures_folder(self) -> Path | None:
        """Where the host keeps the pictures that it makes; None where it makes none."""
        ...

    def publish(self, lora: Path) -> Path | None:
        """Copy a LoRA into the host's LoRA folder as `published_name` and return the copy; None if the host has none.

        Raises DiskFailure.
        """
        ...

    def withdraw(self, lora: Path) -> Path | None:
        """Remove a published LoRA and return its path, None if there was none. Raises DiskFailure."""
        ...

    @property
    def lists(self) -> bool:
        """Whether the host has a folder to publish LoRAs in."""
        ...

    def unlist(self, name: str) -> Path | None:
        """Same as `withdraw`, by published name, for a LoRA whose own file is gone. Raises DiskFailure."""
        ...


class ListsNoLoras:
    """A host without a folder to publish LoRAs in."""

    def publish(self, lora: Path) -> Path | None:
        return None

    def withdraw(self, lora: Path) -> Path | None:
        return None

    @property
    def lists(self) -> bool:
        return False

    def unlist(self, name: str) -> Path | None:
        return None


@dataclass(frozen=True)
class ThisMachine(ListsNoLoras):
    """The host without a web UI: diffusers paints, and this Python trains."""

    language: str = LANGUAGES[0]
    is_local: bool = False
    """See HostFacts."""
    folders: tuple[Path, ...] = ()
    """Folders that hold checkpoints."""

    def facts(self) -> HostFacts:
        checkpoints = (FAMILIES.default.id, *self.checkpoint_files())
        return HostFacts("this machine", "standalone", self.language, checkpoints=checkpoints, is_local=self.is_local)

    def base_model(self, name: str, settings: WeightSettings) -> tuple[Family, Path]:
        from easyphoto.backends.folders import base_model, checkpoint_folders

        return base_model(name, (*self.folders, *checkpoint_folders(settings.webui)))

    def checkpoint_files(self) -> Mapping[str, Path]:
        from easyphoto.backends.folders import checkpoint_files

        return checkpoint_files(self.folders)

    def open_backend(
        self, base: str, family: Family, store: WeightStore, settings: WeightSettings, models: Lease | None = None
    ) -> Backend:
        from easyphoto.backends.local import open_local  # torch and diffusers: six seconds

        return open_local(*self.base_model(base, settings), store, models)

    def open_finisher(
        self, settings: InferenceSettings, store: WeightStore, progress: Progress, models: Lease | None = None
    ) -> Finisher | None:
        return open_finisher(settings, store, progress, models)

    def trainer(self, workspace: Workspace) -> Path | None:
        return None

    def pictures_folder(self) -> Path | None:
        return None

    @contextmanager
    def lent_device(self, what_for: str) -> Iterator[None]:
        yield


def family_of_base(name: str, host: Host, settings: WeightSettings) -> Family:
    """The family of a base model; looks for no files if `name` is a family's id."""
    return FAMILIES[name] if name in FAMILIES else host.base_model(name, settings)[0]


def published_or_noted(host: Host, lora: Path) -> tuple[Path | None, tuple[str, ...]]:
    """Publish the LoRA and return its published path, or None and a note on DiskFailure.

    A full disk must not cost a training; painting with the LoRA publishes it again.
    """
    try:
        return host.publish(lora), ()
    except DiskFailure as error:
        return None, (note("not-listed-yet", "The LoRA is not in the web UI's list yet. {error}", error=error),)


def withdrawn_or_noted(host: Host, lora: Path) -> tuple[Path | None, tuple[str, ...]]:
    """Withdraw the LoRA and return the removed path, or None and a note on DiskFailure.

    Some systems do not delete a file that is in use.
    """
    try:
        return host.withdraw(lora), ()
    except DiskFailure as error:
        return None, (
            note(
                "earlier-still-listed",
                "The LoRA of the earlier training is still in the web UI's list. {error}",
                error=error,
            ),
        )


def listed_names(host: Host, id: str, loras: Iterable[Path]) -> tuple[str, ...]:
    """Names under which the host may list the person's LoRAs."""
    if not host.lists:
        return ()
    return tuple(sorted({name_for(id, lora) for lora in loras if lora.is_file()}))


def unlisted(root: Path, change: Change, host: Host) -> tuple[Path, ...]:
    """Remove the LoRAs the change names from the host's list. If this host has no list, the journal keeps the task for
    the host that has.

    Raises DiskFailure.
    """
    if change.listed and not host.lists:
        begin(root, new_change(UNLIST, (), listed=change.listed))
        return ()
    gone = (host.unlist(name) for name in change.listed)
    return tuple(path for path in gone if path is not None)


def finish_unlisting(root: Path, change: Change, host: Host) -> None:
    """Finish an unlisting that another host left in the journal. Raises DiskFailure."""
    if host.lists:
        unlisted(root, change, host)
        end(root, change)
