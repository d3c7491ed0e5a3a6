"""EasyPhoto's host inside a web UI: its networks paint, its device is borrowed, its folders hold the LoRAs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Backend
from easyphoto.backends.folders import base_model, checkpoint_folders, family_of
from easyphoto.backends.published import PREFIX, published_name
from easyphoto.errors import DiskFailure, MissingCapability
from easyphoto.host.base import HostFacts
from easyphoto.messages import text
from easyphoto.model_cache import Lease
from easyphoto.progress import Progress
from easyphoto.restoration.base import Finisher
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import WeightSettings
from easyphoto.storage.files import cause_of
from easyphoto.webui import checkpoints
from easyphoto.webui.backend import WebuiBackend
from easyphoto.webui.facts import read_facts, webui_folder
from easyphoto.webui.finisher import open_host_finisher
from easyphoto.webui.generation import Lock
from easyphoto.webui.host_modules import host_module, is_there
from easyphoto.webui.loras import SUFFIX, list_again, lora_folder, published
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import Workspace


class WebuiHost:
    """Implements easyphoto.host.base.Host."""

    def __init__(self, lock: Lock | None = None, *, notes: tuple[str, ...] = ()) -> None:
        """`lock` is a null context if the caller already holds the host's queue lock. `notes` are shown in the tabs."""
        self._lock, self._notes = lock, notes

    def facts(self) -> HostFacts:
        facts = read_facts()
        return replace(facts, warnings=(*self._notes, *facts.warnings))

    def webui_folder(self) -> Path:
        """The value of `WeightSettings.webui`: its files are used in place."""
        return webui_folder()

    def base_model(self, name: str, settings: WeightSettings) -> tuple[Family, Path]:
        info = None if name in FAMILIES else checkpoints.found(name)
        if info is not None:
            file = checkpoints.file_of(info)
            return family_of(file), file
        if name in FAMILIES and not FAMILIES[name].ships:
            file = checkpoints.file_of(checkpoints.of_family(FAMILIES[name]))
            return FAMILIES[name], file
        return base_model(name, self._folders(settings))

    def checkpoint_files(self) -> Mapping[str, Path]:
        return {str(info.name): checkpoints.file_of(info) for info in checkpoints.checkpoints()}

    def open_backend(
        self, base: str, family: Family, store: WeightStore, settings: WeightSettings, models: Lease | None = None
    ) -> Backend:
        """Raises MissingCapability if the host lacks that checkpoint, or has it for another family."""
        if family.ships:
            return self._painting_itself(family, base, store, settings, models)
        info = checkpoints.of_family(family) if base in FAMILIES else checkpoints.require(base)
        told = family_of(checkpoints.file_of(info))
        if told.id != family.id:
            raise MissingCapability(
                text(
                    "{name} is a {label} checkpoint; the person was trained with {family_label}.",
                    name=info.name,
                    label=told.label,
                    family_label=family.label,
                ),
                advice=text("Choose a checkpoint of that type."),
            )
        return WebuiBackend(info, family, store, lock=self._lock, lend=self.lent_device)

    def open_finisher(
        self, settings: InferenceSettings, store: WeightStore, progress: Progress, models: Lease | None = None
    ) -> Finisher | None:
        return open_host_finisher(settings, store, progress, models, lock=self._lock)

    def trainer(self, workspace: Workspace) -> Path | None:
        from easyphoto.training.environment import ready_python

        return ready_python(workspace.env)

    def pictures_folder(self) -> Path | None:
        opts = host_module("shared").opts
        said = str(getattr(opts, "outdir_samples", "") or getattr(opts, "outdir_txt2img_samples", "") or "")
        return webui_folder() / said if said else None

    def lent_device(self, what_for: str) -> AbstractContextManager[None]:
        from easyphoto.webui.lending import lent_device

        return lent_device(what_for)

    def publish(self, lora: Path) -> Path | None:
        folder = lora_folder()
        return None if folder is None else published(lora, folder)

    def withdraw(self, lora: Path) -> Path | None:
        return self.unlist(published_name(lora)) if self.lists else None

    @property
    def lists(self) -> bool:
        return lora_folder() is not None

    def unlist(self, name: str) -> Path | None:
        folder = lora_folder()
        if folder is None or not name.startswith(PREFIX) or not is_file_name(name):
            return None
        target = folder / (name + SUFFIX)
        if not target.is_file():
            return None
        try:
            target.unlink()
        except OSError as error:
            raise DiskFailure(
                text("{path} cannot be deleted: {cause}.", path=target, cause=cause_of(error)),
                advice=text(
                    "The web UI may have it open: paint a picture without it, then try again; or delete it by hand."
                ),
            ) from error
        list_again()
        return target

    def _painting_itself(
        self, family: Family, base: str, store: WeightStore, settings: WeightSettings, models: Lease | None
    ) -> Backend:
        if not is_there("diffusers"):
            raise MissingCapability(
                text(
                    "{short}{family_short} needs diffusers, which this web UI does not have.",
                    short=family.short[0].upper(),
                    family_short=family.short[1:],
                ),
                advice=text("Choose a checkpoint of the web UI, and train the person with it."),
            )
        from easyphoto.backends.local import open_local

        return open_local(*self.base_model(base, settings), store, models)

    def _folders(self, settings: WeightSettings) -> tuple[Path, ...]:
        said = getattr(host_module("shared").cmd_opts, "ckpt_dir", None)
        own = checkpoint_folders(settings.webui or str(webui_folder()))
        return (*own, Path(str(said))) if said else own


class SpareDeviceHost(WebuiHost):
    """The same for trainings on a device that the web UI does not use: its model stays, and it goes on painting."""

    def lent_device(self, what_for: str) -> AbstractContextManager[None]:
        return nullcontext()
