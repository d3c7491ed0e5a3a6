"""The Photograph tab's queue and results: running jobs, finished pictures, and the settings of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.errors import InputError, UnknownJob
from easyphoto.images.decoding import open_picture
from easyphoto.images.pictures import picture_record, read_picture
from easyphoto.jobs.records import Job, JobEvent, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.ui import compat, job_rows
from easyphoto.ui.card import said_in, sheet_html
from easyphoto.ui.job_rows import JobRows
from easyphoto.ui.live import newest_job
from easyphoto.ui.photograph_layout import KIND, PREFIX, PhotographTab
from easyphoto.ui.ranking import Ranked, find_picture, ranked
from easyphoto.ui.results_html import ResultsView

PREVIEW_SIDE, MOST_PREVIEWS = 192, 8


def queue_updates(tab: PhotographTab, service: Service, shown: str | None, seen: str = "") -> dict[Any, Any]:
    """Return the queue's rows; only `seen` if they are unchanged."""
    rows = JobRows(tab.words, KIND, f"{PREFIX}_jobs_order", tab.who.choosing.titles()).html(
        service.queue.list(), shown, others=service.queue.of_others()
    )
    return {tab.queue.seen: rows} if rows == seen else {tab.queue.seen: rows, tab.queue.rows: rows}


def result_updates(tab: PhotographTab, service: Service, id: str, file: str | None = None) -> dict[Any, Any]:
    """Return a finished job's pictures, one of them large; hide the results of an unfinished job. Raises UnknownJob."""
    job, part = service.queue.get(id), tab.results
    pictures = ranked(job.result or {}) if job.state is State.DONE else ()
    there = [picture for picture in pictures if _file(service, id, picture.file) is not None]
    chosen = find_picture(there, file)
    if chosen is None:
        return hidden_results(tab)
    view, path = _view(tab), service.queue.file(id, chosen.file)
    return {
        part.group: compat.update(visible=True),
        part.shown: (id, chosen.file),
        part.tiles: view.tiles(there, [service.queue.file(id, one.file) for one in there], chosen),
        part.picture: page_picture(path),
        part.details: view.details(chosen, path),
        part.steps: "",
    }


def page_picture(path: Path) -> Image.Image:
    """Return the result in sRGB with its record: gradio drops the profile and clips 16-bit greys."""
    with open_picture(path) as opened:
        is_srgb = opened.mode in ("RGB", "RGBA") and "icc_profile" not in opened.info
        shown = opened.copy() if is_srgb else None
        texts = {name: text for name, text in opened.info.items() if isinstance(text, str)}
    shown = read_picture(path) if shown is None else shown
    shown.info = dict(texts)
    return shown


def hidden_results(tab: PhotographTab) -> dict[Any, Any]:
    part = tab.results
    return {part.group: compat.update(visible=False), part.shown: (), part.tiles: "", part.picture: None}


def step_updates(tab: PhotographTab, service: Service, shown: Sequence[str]) -> dict[Any, Any]:
    """Return every step of the shown result; they are many pictures, so they are loaded only on request."""
    picture = shown_picture(service, shown)
    found = [(stage, _file(service, shown[0], stage.file)) for stage in picture.stages]
    there = [(stage, file) for stage, file in found if file is not None]
    return {tab.results.steps: _view(tab).steps([stage for stage, _ in there], [file for _, file in there])}


def shown_picture(service: Service, shown: Sequence[str]) -> Ranked:
    """Raises InputError if nothing is shown, UnknownJob if it is gone."""
    picture = find_picture(ranked(service.queue.get(shown[0]).result or {}), shown[1]) if shown else None
    if picture is None:
        raise InputError(text("No result is shown."), advice=text("Choose one first."))
    return picture


def record_of_result(service: Service, shown: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the shown result's record, with its job's checkpoint, which the picture's own record may lack."""
    picture = shown_picture(service, shown)
    record = read_record(service.queue.file(shown[0], picture.file))
    options = service.queue.get(shown[0]).request.get("options") or {}
    return {**record, "base": options.get("base")} if record else None


def read_record(file: Path) -> Mapping[str, Any] | None:
    """Return the record in a PNG; None if it has none or is not a picture."""
    try:
        record = picture_record(file)
    except Exception:  # Pillow's plugins raise nearly anything on broken files, and the record may be invalid JSON
        return None
    return record if isinstance(record, Mapping) else None


def ticked(tab: PhotographTab, service: Service, id: str | None, shown: Sequence[str], seen: str) -> dict[Any, Any]:
    """Update queue and results along with the live card; a newly loaded page shows its last results."""
    id = id or newest_job(service, (KIND,))
    updates = queue_updates(tab, service, id, seen)
    if id is None or (shown and shown[0] == id):
        return updates
    try:
        is_done = service.queue.get(id).state is State.DONE
        return {**updates, **(result_updates(tab, service, id) if is_done else {})}
    except UnknownJob:  # its person was deleted
        return {**updates, **hidden_results(tab)}


def previews_html(tab: PhotographTab, service: Service, job: Job, events: Sequence[JobEvent]) -> str:
    """Return what the passes have painted so far; empty once the job is done, because the results show more."""
    if job.state is State.DONE:
        return ""
    captions = preview_captions(events)
    files = [(name, _file(service, job.id, name)) for name in job.previews[-MOST_PREVIEWS:]]
    pictures = [
        (tab.who.thumbnails.link(file, PREVIEW_SIDE), tab.words.translate(captions.get(name, "")))
        for name, file in files
        if file is not None
    ]
    return sheet_html(pictures, tab.words, title="As it is painted")


def preview_captions(events: Sequence[JobEvent]) -> dict[str, str]:
    """Return each preview's phase, which is reported right after the picture."""
    captions: dict[str, str] = {}
    waiting: list[str] = []
    phase = ""
    for event in events:
        if event.type == "preview":
            waiting.append(str(event.values["file"]))
            captions[waiting[-1]] = phase
        elif event.type == "progress":
            phase = said_in(event, "phase")
            captions |= dict.fromkeys(waiting, phase)
            waiting.clear()
    return captions


def obeyed(tab: PhotographTab, service: Service, order: str) -> str | None:
    """Execute a row's order; returns the job to show, None to keep the shown one."""
    verb, id = job_rows.read_order(order)
    if verb == job_rows.CANCEL:
        service.queue.cancel(id)
    elif verb == job_rows.FORGET:
        service.queue.forget(id)
    return id if verb == job_rows.SHOW else None


def _view(tab: PhotographTab) -> ResultsView:
    return ResultsView(tab.words, tab.who.thumbnails, f"{PREFIX}_results_order", tab.who.choosing.titles())


def _file(service: Service, id: str, name: str) -> Path | None:
    try:
        return service.queue.file(id, name)
    except UnknownJob:
        return None
