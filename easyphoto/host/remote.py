"""The host that paints on a remote web UI: training runs here, pictures are made there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Backend
from easyphoto.backends.remote import open_remote
from easyphoto.backends.remote_client import Address, RequestLimits, WebUi, address_from
from easyphoto.backends.remote_finish import RESTORERS, RemoteRestorer, RemoteUpscaler
from easyphoto.backends.remote_lists import RemoteInventory, current_checkpoint, read_lists
from easyphoto.backends.webui_names import control_models
from easyphoto.errors import EasyPhotoError, InputError
from easyphoto.host.base import HostFacts, ListsNoLoras, ThisMachine
from easyphoto.messages import joined, text
from easyphoto.model_cache import Lease
from easyphoto.progress import Progress
from easyphoto.restoration.base import Finisher, Restorer, Upscaler
from easyphoto.restoration.opening import asks_for_nothing, finisher_of, open_restorer, open_upscaler
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import WeightSettings
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Workspace

T = TypeVar("T")


def remote_host(url: str, auth: str | None = None, *, patience: RequestLimits | None = None) -> RemoteHost:
    """A remote host; sends no request yet. Credentials come as `user:password@` in `url` or as `user:password` in
    `auth`. Raises InputError."""
    return RemoteHost(address_from(url, auth), patience or RequestLimits())


@dataclass(frozen=True)
class RemoteHost(ListsNoLoras):
    """A web UI at an address. It has no route for uploading LoRAs, so a LoRA must be copied there by hand; the error
    for a missing one names it."""

    address: Address
    patience: RequestLimits = field(default_factory=RequestLimits)
    here: ThisMachine = field(default_factory=ThisMachine)

    @cached_property
    def webui(self) -> WebUi:
        return WebUi(self.address, self.patience)

    def facts(self) -> HostFacts:
        """What the web UI lists; if it does not answer, the error becomes a warning, so a page can still be shown."""
        name = f"the web UI at {self.address.url}"
        try:
            lists = read_lists(self.webui)
            loaded = current_checkpoint(self.webui, lists)
        except EasyPhotoError as error:
            return HostFacts(name, "remote", warnings=(str(error),))
        # The loaded checkpoint comes first: it needs no switch.
        titles = [each.title for each in lists.checkpoints]
        titles.sort(key=lambda title: loaded is None or title != loaded.title)
        return HostFacts(
            name,
            "remote",
            checkpoints=tuple(titles),
            restorers=_restorers(lists),
            upscalers=tuple(each.name for each in lists.upscalers),
            warnings=tuple(self._warnings(lists)),
        )

    def base_model(self, name: str, settings: WeightSettings) -> tuple[Family, Path]:
        return self.here.base_model(name, settings)

    def checkpoint_files(self) -> Mapping[str, Path]:
        return {}

    def open_backend(
        self, base: str, family: Family, store: WeightStore, settings: WeightSettings, models: Lease | None = None
    ) -> Backend:
        return open_remote(self.webui, family, base)

    def open_finisher(
        self, settings: InferenceSettings, store: WeightStore, progress: Progress, models: Lease | None = None
    ) -> Finisher | None:
        """The web UI's own restorers and upscalers by their names there, else EasyPhoto's by theirs; one that is not
        available becomes a note."""
        if asks_for_nothing(settings):
            return None
        lists = read_lists(self.webui)
        return finisher_of(
            lambda: self._restorer(settings.restore, lists, store, progress, models),
            lambda: self._upscaler(settings.upscale, lists, store, progress, models),
        )

    def trainer(self, workspace: Workspace) -> Path | None:
        return self.here.trainer(workspace)

    def pictures_folder(self) -> Path | None:
        return None

    def lent_device(self, what_for: str) -> AbstractContextManager[None]:
        return self.here.lent_device(what_for)

    def _restorer(
        self, name: str, lists: RemoteInventory, store: WeightStore, progress: Progress, models: Lease | None
    ) -> Restorer | None:
        theirs = _named(name, _restorers(lists))
        if theirs is not None:
            return RemoteRestorer(self.webui, theirs)
        return _or_known(lambda: open_restorer(name, store, progress, models), _restorers(lists))

    def _upscaler(
        self, name: str, lists: RemoteInventory, store: WeightStore, progress: Progress, models: Lease | None
    ) -> Upscaler | None:
        names = [each.name for each in lists.upscalers]
        theirs = _named(name, names)
        if theirs is not None:
            return RemoteUpscaler(self.webui, theirs, lists.upscalers[names.index(theirs)].factor)
        return _or_known(lambda: open_upscaler(name, store, progress, models), names)

    def _warnings(self, lists: RemoteInventory) -> Iterator[str]:
        if self.address.is_open_to_listeners:
            yield text("The password travels unencrypted: use https, or a tunnel.")
        if lists.controls is None:
            yield text("It has no ControlNet: install the extension sd-webui-controlnet there, and restart it.")
            return
        for family in FAMILIES.values():
            lacking = sorted(set(family.controls) - set(control_models(family, lists.controls)))
            if not family.ships and lacking:
                files = ", ".join(family.controls[kind] for kind in lacking)
                yield text(
                    "For {label} it lacks the controls {lacking} ({files}, in models/ControlNet).",
                    label=family.label,
                    lacking=", ".join(lacking),
                    files=files,
                )


def remote_lines(host: RemoteHost) -> Iterator[str]:
    """Lines for the doctor: what the web UI has; `!` marks what it lacks."""
    facts = host.facts()
    good = bool(facts.checkpoints)
    yield f"{' ' if good else '!'} {facts.name}: {'answers' if good else 'cannot be used'}"
    if good:
        yield f"  checkpoints: {', '.join(facts.checkpoints)}"
        yield f"  restorers: {', '.join(facts.restorers) or 'none'}; upscalers: {', '.join(facts.upscalers) or 'none'}"
    for warning in facts.warnings:
        yield f"! {warning}"


def _restorers(lists: RemoteInventory) -> tuple[str, ...]:
    return tuple(name for name in lists.restorers if name.lower() in RESTORERS)


def _named(name: str, known: Sequence[str]) -> str | None:
    return next((each for each in known if each.lower() == name.lower()), None)


def _or_known(open_it: Callable[[], T], theirs: Sequence[str]) -> T:
    """What `open_it` returns; the web UI's names are added to the advice of an InputError."""
    try:
        return open_it()
    except InputError as error:
        if not theirs:
            raise
        also = text("The web UI has: {names}.", names=", ".join(theirs))
        raise InputError(error.message, advice=joined([error.advice, also], " ")) from None
