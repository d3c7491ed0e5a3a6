"""The Photograph tab's results: the picture on show, the sessions beside it, and what their buttons do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.errors import InputError, UnknownJob
from easyphoto.images.opening import open_picture
from easyphoto.images.pictures import read_picture
from easyphoto.jobs.records import Job, JobEvent, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.ui import compat, results_html
from easyphoto.ui.card import message_html, said_in
from easyphoto.ui.live import newest_job
from easyphoto.ui.orders import mark_html
from easyphoto.ui.photograph_layout import PREFIX, PhotographTab
from easyphoto.ui.previews_html import previews_sheet
from easyphoto.ui.queue_part import queue_updates
from easyphoto.ui.ranking import StageFile
from easyphoto.ui.repeat import read_record
from easyphoto.ui.result_pictures import ResultPictures
from easyphoto.ui.results_html import ResultsView
from easyphoto.ui.results_part import Shown
from easyphoto.ui.sessions import KINDS, Session, SessionPicture, Sessions, drawn_template

MOST_EARLIER = 6
"""Number of other sessions whose pictures are shown; the queue leads to the rest."""


def result_updates(tab: PhotographTab, service: Service, shown: Shown) -> dict[Any, Any]:
    """Return the chosen picture, its session and the others; hide all of it if the job has no pictures.

    Raises UnknownJob.
    """
    session = Sessions(service).of(shown.job) if shown.job else None
    if session is None:
        return hidden_results(tab, shown)
    part, picture, view = tab.results, session.picture(shown.file), _view(tab)
    shown = replace(shown, job=session.job.id, file=picture.ranked.file)
    pictures, large = ResultPictures(tab.who.choosing), page_picture(picture.path)
    # Decoded once, which takes a third of a second at 16 megapixels; a transparent one is shown on white elsewhere.
    opaque = large if large.mode == "RGB" else None
    found = pictures.comparison(picture, opaque)
    return {
        part.group: compat.update(visible=True),
        part.nothing: compat.update(visible=False),
        part.viewer: "" if found is None else view.comparison(found),
        part.picture: large,
        part.details: view.details(picture),
        part.faces: view.faces(pictures.faces(picture, opaque)),
        part.steps: "",
        part.download: compat.update(value=None, visible=False),
        **gallery_updates(tab, service, shown, session),
    }


def gallery_updates(
    tab: PhotographTab, service: Service, shown: Shown, session: Session | None = None
) -> dict[Any, Any]:
    """Return the pictures to choose from, and the state."""
    sessions, view = Sessions(service), _view(tab)
    session = session or sessions.of(shown.job)
    if session is None:
        return hidden_results(tab, shown)
    if shown.is_favourites:
        gallery = view.favourites(sessions.favourites(), shown.key, shown.ticked)
    else:
        gallery = view.session(session, shown.key, shown.ticked)
    others = (one for one in sessions.newest() if shown.is_favourites or one.job.id != session.job.id)
    return {
        tab.results.shown: shown,
        tab.results.tiles: gallery + view.earlier(tuple(islice(others, MOST_EARLIER)), shown.key),
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


def hidden_results(tab: PhotographTab, shown: Shown | None = None) -> dict[Any, Any]:
    part = tab.results
    return {
        part.group: compat.update(visible=False),
        part.nothing: compat.update(visible=True),
        part.shown: Shown(followed=shown.followed if shown else ""),
        part.viewer: "",
        part.picture: None,
        part.tiles: "",
        part.faces: "",
    }


def obeyed(tab: PhotographTab, service: Service, order: str, shown: Shown) -> dict[Any, Any]:
    """Do what a button of the results asks for. Raises InputError."""
    verb, job, file = results_html.read_order(order)
    if verb == results_html.SHOW:
        return result_updates(tab, service, replace(shown, job=job, file=file))
    if verb == results_html.STAR:
        Sessions(service).change_favourite(job, file)
    elif verb == results_html.TICK:
        ticked = tuple(key for key in shown.ticked if key != (job, file))
        shown = replace(shown, ticked=ticked if len(ticked) < len(shown.ticked) else (*ticked, (job, file)))
    elif verb == results_html.FAVOURITES:
        shown = replace(shown, is_favourites=not shown.is_favourites)
    elif verb in (results_html.ARCHIVE, results_html.SHEET):
        made = _archive(tab, service, shown) if verb == results_html.ARCHIVE else _sheet(tab, service, shown)
        link = mark_html(link=f"{PREFIX}_download")
        said = message_html(tab.words("It is being downloaded. If nothing happens, use the link."), is_good=True) + link
        return {tab.results.download: compat.update(value=str(made), visible=True), tab.results.said: said}
    return gallery_updates(tab, service, shown)


def _archive(tab: PhotographTab, service: Service, shown: Shown) -> Path:
    """Return a ZIP of the chosen pictures; without a choice, of all that stand below the picture."""
    sessions = Sessions(service)
    session = sessions.of(shown.job)
    there = sessions.favourites() if shown.is_favourites else session.pictures if session else ()
    chosen = tuple(one for one in there if one.key in shown.ticked)
    return tab.downloads.archive(chosen or there)


def _sheet(tab: PhotographTab, service: Service, shown: Shown) -> Path:
    session = Sessions(service).of(shown.job)
    if session is None:
        raise _nothing_shown()
    return tab.downloads.sheet(session)


def step_updates(tab: PhotographTab, service: Service, shown: Shown) -> dict[Any, Any]:
    """Return every step of the shown result; they are many pictures, so they are loaded only on request."""
    picture = shown_picture(service, shown)
    there = [
        (stage, file) for stage in picture.ranked.stages if (file := _file(service, shown.job, stage.file)) is not None
    ]
    if (drawing := drawn_template(picture)) is not None:
        there.insert(0, (StageFile(text("the drawn picture"), drawing.name, None), drawing))
    return {tab.results.steps: _view(tab).steps([stage for stage, _ in there], [file for _, file in there])}


def shown_picture(service: Service, shown: Shown) -> SessionPicture:
    """Raises InputError if nothing is shown, UnknownJob if it is gone."""
    if not shown.job:
        raise _nothing_shown()
    return Sessions(service).picture(shown.job, shown.file)


def _nothing_shown() -> InputError:
    return InputError(text("No result is shown."), advice=text("Choose one first."))


def record_of_result(service: Service, shown: Shown) -> Mapping[str, Any] | None:
    """Return the shown result's record, with its job's checkpoint, which the picture's own record may lack."""
    record = read_record(shown_picture(service, shown).path)
    options = service.queue.get(shown.job).request.get("options") or {}
    return {**record, "base": options.get("base")} if record else None


def ticked(tab: PhotographTab, service: Service, id: str | None, shown: Shown, seen: str) -> dict[Any, Any]:
    """Update queue and results along with the live card.

    The results of a job are shown when it ends. Until then those of before stay; a newly loaded page shows the last.
    """
    id = id or newest_job(service, KINDS)
    updates = queue_updates(tab.queue, service, id, seen, titles=tab.who.choosing.titles())
    try:
        if shown.job:
            service.queue.get(shown.job)  # its person may have been deleted
        if id is not None and id != shown.followed and service.queue.get(id).state is State.DONE:
            ended = result_updates(tab, service, replace(shown, job=id, file="", followed=id))
            # Nobody pressed anything: a link that the page has just spoken of stays.
            ended.pop(tab.results.download, None)
            return {**updates, **ended}
        if not shown.job and (last := next(Sessions(service).newest(), None)) is not None:
            return {**updates, **result_updates(tab, service, replace(shown, job=last.job.id, file=""))}
    except UnknownJob:
        return {**updates, **hidden_results(tab)}
    return updates


def previews_html(tab: PhotographTab, service: Service, job: Job, events: Sequence[JobEvent]) -> str:
    """Return what the passes have painted so far; empty once the job is done, because the results show more."""
    if job.state is State.DONE:
        return ""
    captions = preview_captions(events)
    files = [(name, _file(service, job.id, name)) for name in job.previews]
    return previews_sheet(
        [(file, captions.get(name, "")) for name, file in files if file is not None], tab.words, tab.who.thumbnails
    )


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


def _view(tab: PhotographTab) -> ResultsView:
    return ResultsView(tab.words, tab.who.thumbnails, f"{PREFIX}_results_order", tab.who.choosing.titles())


def _file(service: Service, id: str, name: str) -> Path | None:
    try:
        return service.queue.file(id, name)
    except UnknownJob:
        return None
