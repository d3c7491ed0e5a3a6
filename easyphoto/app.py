"""EasyPhoto: a workspace on a host, with the options of whoever uses it. Commands are run on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Backend
from easyphoto.faces.engine import FaceEngine
from easyphoto.faces.opening import choose_engine, open_engine
from easyphoto.host.base import Host, ThisMachine, family_of_base
from easyphoto.model_cache import Lease, ModelCache, no_models
from easyphoto.progress import Progress
from easyphoto.settings import AUTO, FaceSettings, Options
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore, open_store
from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class EasyPhoto:
    """Nothing is opened before a command needs it."""

    workspace: Workspace
    options: Options = field(default_factory=Options)
    mirrors: tuple[Path, ...] = field(default_factory=default_mirrors)
    host: Host = field(default_factory=ThisMachine)
    cache: ModelCache = field(default_factory=ModelCache, compare=False)
    """What one command has loaded and the next one borrows. One for each process."""
    lease: Lease | None = field(default=None, compare=False)
    """What the command that runs has borrowed of the cache; None: everything is loaded anew."""

    @contextmanager
    def at_hand(self) -> Iterator[EasyPhoto]:
        """The app for one command: models that it opens are borrowed from the cache, and given back at its end."""
        with self.cache.lease() as lease:
            yield replace(self, lease=lease)

    @property
    def models(self) -> Lease:
        return self.lease or no_models()

    def with_options(self, options: Options | None) -> EasyPhoto:
        """The same with other options; None leaves them. The web UI's folder is the host's to know, unless named."""
        if options is None:
            return self
        webui = options.weights.webui or self.options.weights.webui
        return replace(self, options=replace(options, weights=replace(options.weights, webui=webui)))

    @property
    def store(self) -> WeightStore:
        return open_store(self.workspace.weights, self.mirrors, self.options.weights)

    @property
    def base(self) -> str:
        """The base model of what is trained or drawn here."""
        return self.options.base or FAMILIES.default.id

    @property
    def family(self) -> Family:
        """Of the base."""
        return family_of_base(self.base, self.host, self.options.weights)

    def base_model(self) -> tuple[Family, Path]:
        """What a training starts from: the family, and where its weights lie."""
        return self.host.base_model(self.base, self.options.weights)

    def open_backend(self) -> Backend:
        """What paints with the base."""
        return self.host.open_backend(self.base, self.family, self.store, self.options.weights, self.models)

    def open_engine(self, domain: str, progress: Progress, faces: FaceSettings | None = None) -> FaceEngine:
        """The face engine `drawings` or `photographs`; `faces` where others than the app's are meant."""
        return open_engine(domain, self.store, progress, faces or self.options.faces, models=self.models)

    def chosen_engine(self, pictures: Sequence[Path], progress: Progress) -> FaceEngine:
        """The face engine for what most of the pictures' faces look like."""
        return choose_engine(pictures, self.store, progress, self.options.faces, models=self.models)

    def engine_for(self, pictures: Sequence[Path], progress: Progress) -> FaceEngine:
        """The face engine that was asked for; where none was, the one for the pictures."""
        if self.options.engine == AUTO:
            return self.chosen_engine(pictures, progress)
        return self.open_engine(self.options.engine, progress)
