"""Fills the Photograph tab's form: with a plan's faces, and with what an earlier picture was made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from easyphoto.jobs.service import Service
from easyphoto.ui import compat
from easyphoto.ui.assignments import TemplateAssignment
from easyphoto.ui.assignments_html import AssignmentsView
from easyphoto.ui.card import message_html
from easyphoto.ui.client_files import brought
from easyphoto.ui.configurations import Saving
from easyphoto.ui.handlers import saying
from easyphoto.ui.photograph_form import PhotographPlan, upload_entry
from easyphoto.ui.photograph_layout import PREFIX, PhotographTab
from easyphoto.ui.photograph_results import record_of_result
from easyphoto.ui.photograph_source import TEMPLATE, WORDS
from easyphoto.ui.repeat import Known, Repeat, read_record, repeated
from easyphoto.ui.result_settings import result_configuration
from easyphoto.ui.results_part import Shown
from easyphoto.workspace.configurations import proposed_name

MOST_RESULT = 500_000_000
"""Limit for a PNG made here, in bytes; the largest pictures that are read have 108 million pixels."""


def plan_updates(tab: PhotographTab, plan: PhotographPlan) -> dict[Any, Any]:
    """Return the plan, and its faces with their assignments."""
    return {tab.who.plan: plan, tab.who.assignments: view_of(tab, plan).html(plan.assignments)}


def view_of(tab: PhotographTab, plan: PhotographPlan) -> AssignmentsView:
    choosing, family = tab.who.choosing, tab.who.choosing.family(plan.persons)
    found = choosing.found(plan)
    picks = {pick.value: pick for pick in choosing.person_picks()}
    return AssignmentsView(
        templates=choosing.templates(plan.uploads),
        found=found,
        reasons={id: one.reasons(family) for id, one in found.items()},
        persons=[picks[id] for id in plan.persons if id in picks],
        words=tab.words,
        thumbnails=tab.who.thumbnails,
        to=f"{PREFIX}_assignments_order",
    )


def connect_repeat(tab: PhotographTab, service: Service) -> None:
    part, who, words = tab.results, tab.who, tab.words

    def opened(upload: Any, plan: PhotographPlan) -> dict[Any, Any]:
        files = brought(upload)
        record = read_record(files[0].at_most(MOST_RESULT)) if files else None
        return repeat_updates(tab, service, record, PhotographPlan.of(plan), said=tab.record_said)

    def again(shown: Shown, plan: PhotographPlan) -> dict[Any, Any]:
        record = record_of_result(service, Shown.of(shown))
        return repeat_updates(tab, service, record, PhotographPlan.of(plan), said=part.said)

    outputs = {who.plan, who.assignments, tab.how.base, tab.how.preset, tab.how.preset_said, *tab.how.fields.inputs}
    outputs |= who.persons.outputs | who.templates.outputs | tab.sources.outputs | who.drawing.outputs
    for event, handler, said, source in (
        (tab.record.upload, opened, tab.record_said, tab.record),
        (part.again.click, again, part.said, part.shown),
    ):
        compat.listen(event, saying(said, words, handler), inputs=[source, who.plan], outputs={said, *outputs})


def connect_keeping(tab: PhotographTab, service: Service) -> None:
    """Connect the button that makes saved settings of a result's: they fill the form, with a name to be changed."""
    part, how, words = tab.results, tab.how, tab.words
    saving = Saving(how.saved, how.configured, service)

    def kept(shown: Shown) -> dict[Any, Any]:
        shown = Shown.of(shown)
        record = record_of_result(service, shown) or {}
        template = Path(str(record.get("template", ""))).stem
        title = tab.who.choosing.titles().get(template, template)
        found = result_configuration(record, service.queue.get(shown.job).request, proposed_name(title) or "portrait")
        preset = how.presets.fitting(found.settings) or ""
        return saving.offered(
            found.named(proposed_name(found.name, preset)),
            words("These are its settings. Change the name, and save them."),
        )

    outputs = {part.said, how.saved.fold, *how.saved.outputs, *how.configured.outputs}
    compat.listen(part.keep.click, saying(part.said, words, kept), inputs=[part.shown], outputs=outputs)


def repeat_updates(
    tab: PhotographTab, service: Service, record: Any, plan: PhotographPlan, *, said: Any
) -> dict[Any, Any]:
    """Fill the form from the record, and report what no longer exists. Raises InputError."""
    who, choosing = tab.who, tab.who.choosing
    found, uploads = _found_again(tab, service, record, plan)
    templates = () if found.template is None else (found.template,)
    plan = choosing.planned(replace(plan, persons=found.persons, templates=templates, uploads=uploads))
    plan = replace(plan, assignments=tuple(_assigned_again(one, found) for one in plan.assignments))
    done = tab.words("Everything is filled in as it was.")
    some = tab.words("Filled in, except for what is gone:")
    words = " ".join((some, *(tab.words.translate(each) for each in found.missing))) if found.missing else done
    return {
        **plan_updates(tab, plan),
        **who.persons.show(choosing.person_picks(), plan.persons),
        **who.templates.show(choosing.template_picks(uploads), plan.templates),
        **_source_again(tab, service, found),
        # The words of a drawing have a field of their own.
        **tab.how.fields.show(replace(found.settings, prompt="") if found.drawing else found.settings),
        # A radio takes its value away only by an update: a bare None is no choice of some versions of gradio.
        tab.how.preset: compat.update(value=tab.how.presets.fitting(found.settings)),
        tab.how.preset_said: "",
        tab.how.base: tab.how.bases.shown(found.base, service) if found.base else tab.how.as_trained,
        said: message_html(words, is_good=not found.missing),
    }


def _source_again(tab: PhotographTab, service: Service, found: Repeat) -> dict[Any, Any]:
    """Return the words that the picture was drawn from, or the choice of a template."""
    if found.drawing is None:
        return tab.sources.chosen(TEMPLATE)
    drawing = tab.who.drawing
    return {**tab.sources.chosen(WORDS), **drawing.show(found.drawing, found.settings.prompt, service)}


def _found_again(
    tab: PhotographTab, service: Service, record: Any, plan: PhotographPlan
) -> tuple[Repeat, tuple[str, ...]]:
    """Return what the record asks for, and the uploads, including the template if it is one."""
    facts, name = service.facts(), str(record.get("template")) if isinstance(record, Mapping) else ""
    uploads = plan.uploads
    if name not in uploads and upload_entry(service, name) is not None:
        uploads = (*uploads, name)
    entries = tab.who.choosing.templates(uploads)
    known = Known(
        tab.who.choosing.persons(),
        {entry.path.name: id for id, entry in entries.items()},
        facts.checkpoints,
        {"restore": facts.restorers, "upscale": facts.upscalers},
    )
    return repeated(record, known), uploads


def _assigned_again(assignment: TemplateAssignment, found: Repeat) -> TemplateAssignment:
    if not found.takers:
        return assignment
    takers = tuple(found.takers.get(face) for face in range(len(assignment.takers)))
    return replace(assignment, takers=takers, is_chosen=True)
