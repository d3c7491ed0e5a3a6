"""The service of this process. "Reload UI" rebuilds page, HTTP app and callbacks; the queue and its jobs survive it.

Only the picture that the host is painting then ends as cancelled: the button interrupts it, and does not say why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from easyphoto.app import EasyPhoto
from easyphoto.devices import DeviceGroup, described
from easyphoto.errors import BadSettings, InputError, MissingCapability
from easyphoto.jobs.hourly import Hourly
from easyphoto.jobs.lanes import ONE_LANE, Lane, LaneKind
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.runners import HereRunner
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.model_cache import ModelCache
from easyphoto.settings.options import Options
from easyphoto.webui.cards import host_cards, own, own_group, spare_group, spare_groups
from easyphoto.webui.host import SpareDeviceHost, WebuiHost
from easyphoto.webui.host_modules import host_module
from easyphoto.webui.options import data_folder, read_server_settings
from easyphoto.webui.served_files import is_reached, reached_note
from easyphoto.webui.workspace_location import Settled, settle
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.upgrades import open_workspace

_log = logging.getLogger(__name__)
HOURLY = "easyphoto_hourly"
REMOVED = "easyphoto_removed"
"""Attribute of the host's `shared`: everything was removed, and no workspace is to be made in this process any more."""
QUEUE = "easyphoto_queue"
"""Attribute of the host's `shared`: our modules may be reloaded, but the queue and its thread must exist only once."""
MODELS = "easyphoto_models"
"""Attribute of the host's `shared`: a queue and the models that its jobs, the page and the always-on script share. Each
opens a service of its own, the script one for every picture."""
TRAININGS = frozenset({"train", "resume"})
"""The kinds of commands that run on other devices than the web UI's own; their networks are in a process of theirs."""


def open_service() -> Service:
    """Open the service with the current settings. Raises BadSettings, and what `open_workspace` raises."""
    if getattr(host_module("shared"), REMOVED, False):
        raise InputError(
            text("EasyPhoto was removed from this web UI."),
            advice=text("Stop the web UI and delete the extension's folder; to keep using it, start the web UI again."),
        )
    settings = read_server_settings()
    settled = Settled(settings.workspace) if settings.workspace else settle(data_folder())
    known = getattr(host_module("shared"), QUEUE, None)
    spare, unusable = _spare(settings.devices)
    queue = open_queue(open_workspace(settled.root), lanes_beside(spare))
    root = queue.workspace.root
    notes = (*settled.notes, *([reached_note(root)] if is_reached(root) else ()), *unusable)
    for note in notes if queue is not known else ():
        _log.warning("EasyPhoto: %s", note)
    options = Options(faces=settings.faces, weights=settings.weights)
    host, models = WebuiHost(notes=notes), _models_of(queue)
    app = EasyPhoto(queue.workspace, options, host=host, devices=own_group(), cache=models)
    service = Service(app, queue, runners=_runners(app, queue))
    _keep_in_order(service)
    return service


def _spare(written: str) -> tuple[tuple[DeviceGroup, ...], tuple[str, ...]]:
    """Return the devices for trainings, and what is wrong with the setting: it must not cost the whole tab."""
    try:
        return spare_groups(written), ()
    except (BadSettings, MissingCapability) as error:
        return (), (text("Trainings run on the web UI's own device. {error}", error=error),)


def lanes_beside(spare: Sequence[DeviceGroup]) -> tuple[Lane, ...]:
    """Return the web UI's own lane, which runs everything, and one for each of these devices."""
    return (*ONE_LANE, *(Lane(LaneKind.WORK, group.name, TRAININGS) for group in spare))


def _runners(app: EasyPhoto, queue: JobQueue) -> dict[str, HereRunner]:
    """Return what runs the jobs of each lane. The queue may still have those of an earlier setting."""
    cards, device, (own_lane,) = host_cards(), own(), ONE_LANE
    words = described(DeviceGroup((device,)), cards) if device is not None else ""
    runners = {own_lane.name: HereRunner(app, own_lane.name, words, looks_for_devices=False)}
    for lane in queue.lanes:
        if lane.takes:
            group = spare_group(lane.name)
            # Nothing is kept between trainings: they are rare, and what the web UI paints with must not be cleared.
            apart = replace(app, host=SpareDeviceHost(), devices=group, cache=ModelCache(0))
            runners[lane.name] = HereRunner(apart, lane.name, described(group, cards), looks_for_devices=False)
    return runners


def _keep_in_order(service: Service) -> None:
    """Start one hourly thread for each queue, from its first service on: "Reload UI" creates services anew."""
    shared = host_module("shared")
    known: tuple[JobQueue, Hourly] | None = getattr(shared, HOURLY, None)
    if known is not None and known[0] is service.queue:
        return
    if known is not None:
        known[1].close(0.0)
    setattr(shared, HOURLY, (service.queue, Hourly(service.sweep)))


def _models_of(queue: JobQueue) -> ModelCache:
    shared = host_module("shared")
    known: tuple[JobQueue, ModelCache] | None = getattr(shared, MODELS, None)
    if known is None or known[0] is not queue:
        known = queue, ModelCache()
        setattr(shared, MODELS, known)
    return known[1]


def open_queue(workspace: Workspace, lanes: tuple[Lane, ...] = ONE_LANE) -> JobQueue:
    """Return the running queue. A workspace or devices set meanwhile are used once no job of the old one is left."""
    shared = host_module("shared")
    queue: JobQueue | None = getattr(shared, QUEUE, None)
    if queue is not None and (_is_as_set(queue, workspace, lanes) or is_working(queue)):
        return queue
    if queue is not None:
        queue.close()
    opened = JobQueue(workspace, lanes)
    setattr(shared, QUEUE, opened)
    return opened


def _is_as_set(queue: JobQueue, workspace: Workspace, lanes: tuple[Lane, ...]) -> bool:
    return queue.workspace == workspace and _beside(queue.lanes) == _beside(lanes)


def _beside(lanes: Sequence[Lane]) -> list[str]:
    return [lane.name for lane in lanes if lane.takes]


def is_working(queue: JobQueue) -> bool:
    return any(not job.state.is_over for job in queue.list())
