"""Where EasyPhoto runs, and what the program around it lends: networks that paint, a device, a Python that trains.

`ThisMachine` is the host without a web UI. `webui.host` is one inside a web UI, `RemoteHost` one that paints elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from easyphoto.settings import InferenceSettings, WeightSettings
from easyphoto.storage.journal import UNLIST, Change, begin, end, new_change
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Workspace

LANGUAGES = ("en", "zh_CN")
"""What the tabs speak."""


@dataclass(frozen=True)
class HostFacts:
    """What a tab or a client wants to know about the host before anything is started. Cheap to ask for."""

    name: str
    """For people: "AUTOMATIC1111 1.10.1", "this machine"."""
    kind: str
    """standalone, a1111, forge, reforge, remote."""
    language: str = LANGUAGES[0]
    """One of LANGUAGES."""
    checkpoints: tuple[str, ...] = ()
    """What `base` may be, the best choice first."""
    restorers: tuple[str, ...] = ()
    upscalers: tuple[str, ...] = ()
    """What the settings `restore` and `upscale` may be besides "none"."""
    warnings: tuple[str, ...] = ()
    """What is missing in the host, and what to do about it."""
    sends: tuple[str, ...] = ()
    """Tabs of the host that take a picture: img2img, inpaint, extras."""
    is_local: bool = False
    """Only who sits at this machine reaches the page, so that it may ask for paths of this machine."""


class Host(Protocol):
    def facts(self) -> HostFacts: ...

    def base_model(self, name: str, settings: WeightSettings) -> tuple[Family, Path]:
        """The family and the file or folder of a base model that is to be trained on.

        Raises WeightsMissing where there is none, InputError for a model of another kind.
        """
        ...

    def open_backend(
        self, base: str, family: Family, store: WeightStore, settings: WeightSettings, models: Lease | None = None
    ) -> Backend:
        """What paints. `base` as a person's run names it, `family` the person's own. `models` lends networks."""
        ...

    def open_finisher(
        self, settings: InferenceSettings, store: WeightStore, progress: Progress, models: Lease | None = None
    ) -> Finisher | None:
        """Restorer and upscaler as the settings ask; None where nothing is asked for."""
        ...

    def trainer(self, workspace: Workspace) -> Path | None:
        """The Python that trains; None is this process's own. Raises TrainerMissing where it must be made first."""
        ...

    def lent_device(self, what_for: str) -> AbstractContextManager[None]:
        """While it is open the device belongs to a training; restored however it is left."""
        ...

    def publish(self, lora: Path) -> Path | None:
        """Lay a LoRA where the host lists them, as `published_name`; None where the host has no such place.

        Raises DiskFailure.
        """
        ...

    def withdraw(self, lora: Path) -> Path | None:
        """Take a published LoRA away again; returns what went. Raises DiskFailure where it cannot go."""
        ...

    @property
    def lists(self) -> bool:
        """Whether there is a place where LoRAs are published."""
        ...

    def unlist(self, name: str) -> Path | None:
        """As `withdraw`, by the published name, where the file itself has gone. Raises DiskFailure."""
        ...


class ListsNoLoras:
    """A host without a place where LoRAs are published."""

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
    """No web UI: diffusers paints, and this Python trains."""

    language: str = LANGUAGES[0]
    is_local: bool = False
    """As in HostFacts."""

    def facts(self) -> HostFacts:
        return HostFacts(
            "this machine", "standalone", self.language, checkpoints=(FAMILIES.default.id,), is_local=self.is_local
        )

    def base_model(self, name: str, settings: WeightSettings) -> tuple[Family, Path]:
        from easyphoto.backends.folders import base_model, checkpoint_folders

        return base_model(name, checkpoint_folders(settings.webui))

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

    @contextmanager
    def lent_device(self, what_for: str) -> Iterator[None]:
        yield


def family_of_base(name: str, host: Host, settings: WeightSettings) -> Family:
    """Without looking for files where the base is a family's name."""
    return FAMILIES[name] if name in FAMILIES else host.base_model(name, settings)[0]


def published_or_noted(host: Host, lora: Path) -> tuple[Path | None, tuple[str, ...]]:
    """Where the host lists the LoRA now. A full disk must not cost a training: who paints with it tries again."""
    try:
        return host.publish(lora), ()
    except DiskFailure as error:
        return None, (note("not-listed-yet", "The LoRA is not in the web UI's list yet. {error}", error=error),)


def withdrawn_or_noted(host: Host, lora: Path) -> tuple[Path | None, tuple[str, ...]]:
    """What went from the host's list. Some systems keep a file that is in use."""
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
    """Under which names the host may list LoRAs of a person."""
    if not host.lists:
        return ()
    return tuple(sorted({name_for(id, lora) for lora in loras if lora.is_file()}))


def unlisted(root: Path, change: Change, host: Host) -> tuple[Path, ...]:
    """Take what the change names off the host's list. Where another host has the list, that is left for it to do.

    Raises DiskFailure.
    """
    if change.listed and not host.lists:
        begin(root, new_change(UNLIST, (), listed=change.listed))
        return ()
    gone = (host.unlist(name) for name in change.listed)
    return tuple(path for path in gone if path is not None)


def finish_unlisting(root: Path, change: Change, host: Host) -> None:
    """What another host left to this one. Raises DiskFailure."""
    if host.lists:
        unlisted(root, change, host)
        end(root, change)
