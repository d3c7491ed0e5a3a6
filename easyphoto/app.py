"""EasyPhoto: a workspace on a host, with the user's options. Commands run on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Backend
from easyphoto.devices import DeviceGroup
from easyphoto.faces.engine import FaceEngine
from easyphoto.faces.opening import choose_engine, open_engine
from easyphoto.host.base import Host, ThisMachine, family_of_base
from easyphoto.model_cache import Lease, ModelCache, no_models
from easyphoto.progress import Progress
from easyphoto.settings.options import AUTO, FaceSettings, Options
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore, open_store
from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class EasyPhoto:
    """The app. Nothing is opened before a command needs it."""

    workspace: Workspace
    options: Options = field(default_factory=Options)
    mirrors: tuple[Path, ...] = field(default_factory=default_mirrors)
    host: Host = field(default_factory=ThisMachine)
    devices: DeviceGroup | None = None
    """What this process is kept to, as it counts them: a training takes all of them. None: whatever torch chooses."""
    cache: ModelCache = field(default_factory=ModelCache, compare=False)
    """Models that one command has loaded and the next may borrow; one per process."""
    lease: Lease | None = field(default=None, compare=False)
    """The running command's lease on the cache; None: everything is loaded anew."""

    @contextmanager
    def at_hand(self) -> Iterator[EasyPhoto]:
        """Yield the app for one command: it borrows models from the cache, and returns them when the context ends."""
        with self.cache.lease() as lease:
            yield replace(self, lease=lease)

    @property
    def models(self) -> Lease:
        return self.lease or no_models()

    def with_options(self, options: Options | None) -> EasyPhoto:
        """Return the app with other options, or itself for None. The web UI's folder stays unless options name one."""
        if options is None:
            return self
        webui = options.weights.webui or self.options.weights.webui
        return replace(self, options=replace(options, weights=replace(options.weights, webui=webui)))

    @property
    def store(self) -> WeightStore:
        return open_store(self.workspace.weights, self.mirrors, self.options.weights)

    @property
    def base(self) -> str:
        """The base model to train on or to paint with."""
        return self.options.base or FAMILIES.default.id

    @property
    def family(self) -> Family:
        """The family of the base model."""
        return family_of_base(self.base, self.host, self.options.weights)

    def base_model(self) -> tuple[Family, Path]:
        """Return the family and the weights' path of the base model to train on."""
        return self.host.base_model(self.base, self.options.weights)

    def open_backend(self) -> Backend:
        """Open the backend that paints with the base model."""
        return self.host.open_backend(self.base, self.family, self.store, self.options.weights, self.models)

    def open_engine(self, domain: str, progress: Progress, faces: FaceSettings | None = None) -> FaceEngine:
        """Open the face engine for `drawings` or `photographs`; `faces` replaces the app's face settings."""
        return open_engine(domain, self.store, progress, faces or self.options.faces, models=self.models)

    def chosen_engine(self, pictures: Sequence[Path], progress: Progress) -> FaceEngine:
        """Open the face engine that fits most of the pictures' faces."""
        return choose_engine(pictures, self.store, progress, self.options.faces, models=self.models)

    def engine_for(self, pictures: Sequence[Path], progress: Progress) -> FaceEngine:
        """Open the face engine of the options; with `auto`, the one that fits the pictures."""
        if self.options.engine == AUTO:
            return self.chosen_engine(pictures, progress)
        return self.open_engine(self.options.engine, progress)
