"""Connects the choice of where a picture comes from, the styles that fit what draws, and the object's picture."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from easyphoto.commands.draw_style_previews import DrawStylePreviews
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.persons.folder import base_of
from easyphoto.ui import compat
from easyphoto.ui.drawing_part import check_words, connect_drawing
from easyphoto.ui.handlers import saying
from easyphoto.ui.live import show_job
from easyphoto.ui.photograph_form import PhotographPlan
from easyphoto.ui.photograph_layout import PhotographTab
from easyphoto.ui.photograph_source import PLACING, WORDS
from easyphoto.ui.picture_choice import latest
from easyphoto.ui.placing_part import connect_placing
from easyphoto.ui.scene_chips import connect_chips


def connect_sources(tab: PhotographTab, service: Service) -> None:
    who, words, sources = tab.who, tab.words, tab.sources
    connect_drawing(who.drawing, service, tab.message)
    connect_placing(who.placing, tab.message)
    connect_chips(tab.how.scenes, service)
    _connect_previews(tab, service)

    def chosen(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {**sources.shown(sources.which(values)), **source_updates(tab, service, values)}

    def fitted(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return who.drawing.gallery.listed(with_family(tab, service, values))

    gallery = who.drawing.gallery
    outputs = {tab.message, *sources.outputs, *source_outputs(tab)}
    inputs = source_inputs(tab)
    compat.listen(
        latest(sources.choice.choice.input), saying(tab.message, words, chosen), inputs=inputs, outputs=outputs
    )
    for event in (tab.how.base.change, who.drawing.base.change):
        compat.listen(
            latest(event), saying(tab.message, words, fitted), inputs=inputs, outputs={tab.message, *gallery.outputs}
        )


def _connect_previews(tab: PhotographTab, service: Service) -> None:
    """Draw previews with what would draw the picture, and show them when they are there."""
    gallery, live = tab.who.drawing.gallery, tab.live
    followed = [live.job, gallery.drawn, *gallery.inputs]

    def drawn(values: Mapping[Any, Any]) -> dict[Any, Any]:
        command = DrawStylePreviews(options=replace(service.app.options, base=_drawer(tab, service, values)))
        return show_job(live, service, service.submit(command).id, words=tab.words)

    def ticked(id: str | None, *row: Any) -> dict[Any, Any]:
        job = _job_or_none(service, id)
        found = gallery.after(job, dict(zip(followed[1:], row, strict=True))) if job else {}
        return found or {gallery.drawn: row[0]}

    inputs, handler = source_inputs(tab), saying(tab.message, tab.words, drawn)
    compat.listen(gallery.draw.click, handler, inputs=inputs, outputs={tab.message, *live.outputs})
    shown = {gallery.drawn, gallery.sheet, gallery.damage, *gallery.outputs}
    compat.listen(live.tick.click, ticked, inputs=followed, outputs=shown)


def _job_or_none(service: Service, id: str | None) -> Job | None:
    """Return the job; None before there is one, and where it is gone or its record is broken."""
    with suppress(EasyPhotoError):
        return service.queue.get(id) if id else None
    return None


def _drawer(tab: PhotographTab, service: Service, values: Mapping[Any, Any]) -> str | None:
    """Return the checkpoint that would draw: the one for the template, the chosen one, or the first person's own."""
    who, how = tab.who, tab.how
    base = who.drawing.drawer(values) or how.bases.named(values[how.base])
    if base and base != how.as_trained:
        return base
    workspace, persons = service.app.workspace, tuple(values[who.persons.group] or ())
    return base_of(workspace, workspace.person(persons[0])) if persons else None


def source_inputs(tab: PhotographTab) -> set[Any]:
    who = tab.who
    placing = {who.placing.things.group, who.placing.templates.group, who.placing.uploads}
    shown = {tab.sources.choice.choice, who.persons.group, tab.how.base, who.drawing.base}
    return {*shown, *who.drawing.gallery.inputs, *placing, tab.how.fields.components["scene"]}


def source_outputs(tab: PhotographTab) -> set[Any]:
    """What `source_updates` renews."""
    gallery = tab.who.drawing.gallery
    return {*gallery.outputs, gallery.sheet, gallery.damage, *tab.who.placing.outputs, tab.how.scenes.chips}


def source_updates(tab: PhotographTab, service: Service, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return what the chosen source offers; nothing of the others, which are renewed when they are chosen."""
    who, source = tab.who, tab.sources.which(values)
    updates = tab.how.scenes.listed(service, values[tab.how.fields.components["scene"]])
    if source == WORDS:
        updates |= who.drawing.gallery.renewed(with_family(tab, service, values))
    if source == PLACING:
        placing = who.placing
        updates |= placing.offered(
            values[placing.things.group], values[placing.templates.group], values[placing.uploads] or ()
        )
    return updates


def with_family(tab: PhotographTab, service: Service, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the values with the family of what draws: the template's checkpoint, else the one that paints."""
    who, how = tab.who, tab.how
    base = who.drawing.drawer(values) or how.bases.named(values[how.base])
    if base and base != how.as_trained:
        family = how.bases.family(base, service)
    else:
        family = who.choosing.family(tuple(values[who.persons.group] or ())) or ""
    return {**values, who.drawing.gallery.family: family}


def asked(tab: PhotographTab, service: Service, plan: PhotographPlan, values: Mapping[Any, Any]) -> tuple[Job, ...]:
    """Submit what the chosen source asks for. Raises InputError and BadSettings."""
    who, source = tab.who, tab.sources.which(values)
    if source == PLACING:
        return (who.placing.ask(values),)
    settings = tab.how.fields.read(values)
    if source != WORDS:
        return who.choosing.ask(plan, settings)
    drawing, prompt = who.drawing.read(values), str(values[who.drawing.prompt] or "")
    check_words(prompt, drawing, plan.persons)
    pose = who.drawing.pose_file(values, service)
    return who.choosing.ask_drawn(plan, replace(settings, prompt=prompt), drawing, pose)
