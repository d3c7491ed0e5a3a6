"""The service of this process. "Reload UI" rebuilds page, HTTP app and callbacks; the queue and its jobs survive it.

Only the picture that the host is painting then ends as cancelled: the button interrupts it, and does not say why.
"""

from __future__ import annotations

import logging

from easyphoto.app import EasyPhoto
from easyphoto.errors import InputError
from easyphoto.jobs.hourly import Hourly
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.model_cache import ModelCache
from easyphoto.settings.options import Options
from easyphoto.webui.host import WebuiHost
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
    queue = open_queue(open_workspace(settled.root))
    root = queue.workspace.root
    notes = (*settled.notes, *([reached_note(root)] if is_reached(root) else ()))
    for note in notes if queue is not known else ():
        _log.warning("EasyPhoto: %s", note)
    host = WebuiHost(notes=notes)
    options = Options(faces=settings.faces, weights=settings.weights)
    service = Service(EasyPhoto(queue.workspace, options, host=host, cache=_models_of(queue)), queue)
    _keep_in_order(service)
    return service


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


def open_queue(workspace: Workspace) -> JobQueue:
    """Return the running queue. A workspace that was set meanwhile is used once no job of the old one is left."""
    shared = host_module("shared")
    queue: JobQueue | None = getattr(shared, QUEUE, None)
    if queue is not None and (queue.workspace == workspace or is_working(queue)):
        return queue
    if queue is not None:
        queue.close()
    opened = JobQueue(workspace)
    setattr(shared, QUEUE, opened)
    return opened


def is_working(queue: JobQueue) -> bool:
    return any(not job.state.is_over for job in queue.list())
