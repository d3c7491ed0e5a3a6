"""The Photograph tab: connects its parts to each other and to the service."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from easyphoto.errors import UnknownJob
from easyphoto.jobs.service import Service
from easyphoto.ui import assignments_html, compat
from easyphoto.ui.assignments import TemplateAssignment, everywhere, with_taker
from easyphoto.ui.assignments_html import AssignmentsView
from easyphoto.ui.card import message_html
from easyphoto.ui.client_files import brought
from easyphoto.ui.configurations import Saving, connect_saved
from easyphoto.ui.file_chooser import connect_chooser
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import connect_card, show_job, show_nothing
from easyphoto.ui.orders import connect_orders
from easyphoto.ui.photograph_form import UPLOAD, PhotographPlan, upload_entry
from easyphoto.ui.photograph_layout import KIND, PREFIX, PhotographTab, build
from easyphoto.ui.photograph_results import (
    hidden_results,
    obeyed,
    previews_html,
    queue_updates,
    read_record,
    record_of_result,
    result_updates,
    step_updates,
    ticked,
)
from easyphoto.ui.picture_choice import Pick, key_of, latest
from easyphoto.ui.repeat import Known, Repeat, repeated

MOST_RESULT = 500_000_000
"""Limit for a PNG made here, in bytes; the largest pictures that are read have 108 million pixels."""
__all__ = ["PhotographTab", "build", "connect", "renewal"]


def connect(tab: PhotographTab, service: Service) -> None:
    _connect_who(tab, service)
    _connect_settings(tab)
    connect_saved(Saving(tab.how.saved, tab.how.configured, service))
    connect_chooser(tab.how.chooser, service, tab.how.base, tab.how.bases)
    _connect_start(tab, service)
    _connect_live(tab, service)
    _connect_results(tab, service)
    _connect_repeat(tab, service)


def renewal(tab: PhotographTab, service: Service) -> Renewal:
    """Refresh persons and templates; choices that still exist are kept."""
    who, saving = tab.who, Saving(tab.how.saved, tab.how.configured, service)

    def renewed(
        persons: Sequence[str],
        templates: Sequence[str],
        plan: PhotographPlan,
        shown: Sequence[str],
        on_show: str | None,
        *seen: str,
    ) -> dict[Any, Any]:
        plan, people = PhotographPlan.of(plan), who.choosing.person_picks()
        updates = {
            who.nobody: compat.update(visible=not people),
            tab.how.base: compat.update(choices=[tab.how.as_trained, *tab.how.bases.choices(service)]),
            **saving.listed(),
            **queue_updates(tab, service, on_show),
            **(hidden_results(tab) if shown and not _is_known(service, shown[0]) else {}),
        }
        if seen == (key_of(people), key_of(who.choosing.template_picks(plan.uploads))):
            return updates  # a choice in progress is kept
        return {
            **updates,
            **_offered(tab, people, replace(plan, persons=tuple(persons or ()), templates=tuple(templates or ()))),
        }

    outputs = {who.nobody, who.plan, who.assignments, tab.how.base, tab.queue.rows, tab.queue.seen, tab.message}
    outputs |= who.persons.outputs | who.templates.outputs | tab.results.outputs | {tab.how.saved.rows}
    inputs = [who.persons.group, who.templates.group, who.plan, tab.results.shown, tab.live.job]
    inputs += [who.persons.seen, who.templates.seen]
    return Renewal(saying(tab.message, tab.words, renewed), outputs, inputs)


def _offered(tab: PhotographTab, people: Sequence[Pick], plan: PhotographPlan) -> dict[Any, Any]:
    """Offer persons and templates; the plan's are chosen if they still exist, or else a single person."""
    who = tab.who
    chosen = [id for id in plan.persons if any(pick.value == id for pick in people)]
    if not chosen and len(people) == 1:
        chosen = [people[0].value]
    return {
        **plan_updates(tab, who.choosing.planned(replace(plan, persons=tuple(chosen)))),
        **who.persons.show(people, chosen),
        **who.templates.show(who.choosing.template_picks(plan.uploads), plan.templates),
    }


def _is_known(service: Service, id: str) -> bool:
    try:
        service.queue.get(id)
    except UnknownJob:
        return False
    return True


# --- who and where ---


def _connect_who(tab: PhotographTab, service: Service) -> None:
    who, words = tab.who, tab.words
    inputs = {who.persons.group, who.templates.group, who.plan, *tab.how.option_inputs}
    outputs = {who.plan, who.assignments, tab.message}

    def chosen(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return plan_updates(tab, plan_of(tab, values))

    def uploaded(values: Mapping[Any, Any]) -> dict[Any, Any]:
        kept = [service.keep(file.name, file.take()).name for file in brought(values[who.upload])]
        plan = PhotographPlan.of(values[who.plan])
        plan = replace(plan, uploads=tuple(dict.fromkeys((*plan.uploads, *kept))))
        chosen = (*(values[who.templates.group] or ()), *(f"{UPLOAD}{name}" for name in kept))
        picked = list(dict.fromkeys(chosen))
        planned = plan_of(tab, {**values, who.plan: plan, who.templates.group: picked})
        picks = who.choosing.template_picks(plan.uploads)
        return {**plan_updates(tab, planned), **who.templates.show(picks, picked)}

    def given(order: str, plan: PhotographPlan) -> dict[Any, Any]:
        plan, (template, face, person) = PhotographPlan.of(plan), assignments_html.read_order(order)
        if face == assignments_html.EVERY and person is not None:
            usable = view_of(tab, plan).usable(template)
            return plan_updates(tab, replace(plan, assignments=everywhere(plan.assignments, template, usable, person)))
        return plan_updates(tab, replace(plan, assignments=with_taker(plan.assignments, template, face, person)))

    def alone(person: str, plan: PhotographPlan) -> dict[Any, Any]:
        plan, people = PhotographPlan.of(plan), who.choosing.person_picks()
        there = {who.nobody: compat.update(visible=not people)}
        return {**there, **_offered(tab, people, replace(plan, persons=(person,)))}

    everything = {*outputs, who.nobody, *who.persons.outputs, *who.templates.outputs}
    connect_orders(who.choose, saying(tab.message, words, alone), inputs=[who.plan], outputs=everything)
    for group in (who.persons.group, who.templates.group):
        handler = saying(tab.message, words, chosen)
        pressed = compat.listen(latest(group.input), handler, inputs=inputs, outputs=outputs)
        if compat.version() < (4,):
            # In gradio 3, clicks during this call fire no event: read the choice once more afterwards.
            compat.listen(pressed.then, handler, inputs=inputs, outputs=outputs)
    compat.listen(
        who.upload.upload,
        saying(tab.message, words, uploaded),
        inputs={who.upload, *inputs},
        outputs={*outputs, *who.templates.outputs},
    )
    connect_orders(who.orders, saying(tab.message, words, given), inputs=[who.plan], outputs=outputs)


def plan_of(tab: PhotographTab, values: Mapping[Any, Any]) -> PhotographPlan:
    """Return the plan from the form's values; assignments by hand are kept."""
    who = tab.who
    options = tab.how.options({tab.how.base: None, **values})
    plan = replace(
        PhotographPlan.of(values[who.plan]),
        persons=tuple(values[who.persons.group] or ()),
        templates=tuple(values[who.templates.group] or ()),
        options=options,
    )
    return who.choosing.planned(plan)


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


# --- settings and start ---


def _connect_settings(tab: PhotographTab) -> None:
    how = tab.how
    set_by_it = how.fields.preset_components

    def preset_chosen(values: Mapping[Any, Any]) -> dict[Any, Any]:
        updates, said = how.fields.show_preset(how.presets.name(values[how.preset]), values)
        return {**updates, how.preset_said: said}

    compat.listen(
        latest(how.preset.input),
        preset_chosen,
        inputs={how.preset, *set_by_it},
        outputs={how.preset_said, *set_by_it},
    )
    seed = how.fields.components["seed"]
    compat.listen(how.dice.click, lambda: {seed: secrets.randbelow(2**32)}, outputs={seed})


def _connect_start(tab: PhotographTab, service: Service) -> None:
    who, words = tab.who, tab.words

    def started(values: Mapping[Any, Any]) -> dict[Any, Any]:
        settings = tab.how.fields.read(values)
        plan = plan_of(tab, values)
        jobs = who.choosing.ask(plan, settings)
        return {
            **plan_updates(tab, plan),
            **show_job(tab.live, service, jobs[0].id, words=words),
            **queue_updates(tab, service, jobs[0].id),
            tab.message: message_html(asked_words(len(jobs), words), is_good=True),
        }

    inputs = {who.persons.group, who.templates.group, who.plan, *tab.how.inputs}
    outputs = {who.plan, who.assignments, tab.message, tab.queue.rows, tab.queue.seen, *tab.live.outputs}
    compat.listen(tab.start.click, saying(tab.message, words, started), inputs=inputs, outputs=outputs)


def asked_words(jobs: int, words: Translator) -> str:
    """Return a message for several jobs; a single job is explained by its card."""
    if jobs == 1:
        return ""
    return words("{count} sessions are in the queue, because the templates have different persons.", count=jobs)


# --- what goes on, and what came of it ---


def _connect_live(tab: PhotographTab, service: Service) -> None:
    live, queue = tab.live, tab.queue
    outputs = {queue.rows, queue.seen, *tab.results.outputs}
    connect_card(
        live, service, tab.words, kinds=(KIND,), body=lambda job, events: previews_html(tab, service, job, events)
    )

    def beside(id: str | None, shown: Sequence[str], seen: str) -> dict[Any, Any]:
        return ticked(tab, service, id, shown or (), seen or "")

    compat.listen(live.tick.click, beside, inputs=[live.job, tab.results.shown, queue.seen], outputs=outputs)

    def ordered(order: str, on_show: str | None) -> dict[Any, Any]:
        id = obeyed(tab, service, order) or on_show
        if id is None or not _is_known(service, id):
            return {**show_nothing(live), **hidden_results(tab), **queue_updates(tab, service, None)}
        card = show_job(live, service, id, words=tab.words)
        return {**card, **result_updates(tab, service, id), **queue_updates(tab, service, id)}

    connect_orders(
        queue.orders,
        saying(tab.message, tab.words, ordered),
        inputs=[live.job],
        outputs={tab.message, *live.outputs, *outputs},
    )


def _connect_results(tab: PhotographTab, service: Service) -> None:
    part = tab.results

    def pressed(order: str, shown: Sequence[str]) -> dict[Any, Any]:
        return result_updates(tab, service, shown[0], str(json.loads(order)[0]))

    def steps(shown: Sequence[str]) -> dict[Any, Any]:
        return step_updates(tab, service, shown or ())

    said = {tab.message}
    connect_orders(
        part.orders, saying(tab.message, tab.words, pressed), inputs=[part.shown], outputs=said | part.outputs
    )
    compat.listen(
        part.steps_button.click, saying(tab.message, tab.words, steps), inputs=[part.shown], outputs={*said, part.steps}
    )


# --- once more ---


def _connect_repeat(tab: PhotographTab, service: Service) -> None:
    part, said = tab.results, tab.record_said

    def opened(upload: Any, plan: PhotographPlan) -> dict[Any, Any]:
        files = brought(upload)
        record = read_record(files[0].at_most(MOST_RESULT)) if files else None
        return repeat_updates(tab, service, record, PhotographPlan.of(plan))

    def again(shown: Sequence[str], plan: PhotographPlan) -> dict[Any, Any]:
        return repeat_updates(tab, service, record_of_result(service, shown or ()), PhotographPlan.of(plan))

    who = tab.who
    outputs = {said, who.plan, who.assignments, tab.how.base, tab.how.preset, *tab.how.fields.inputs}
    outputs |= who.persons.outputs | who.templates.outputs
    words = tab.words
    compat.listen(tab.record.upload, saying(said, words, opened), inputs=[tab.record, who.plan], outputs=outputs)
    compat.listen(part.again.click, saying(said, words, again), inputs=[part.shown, who.plan], outputs=outputs)


def repeat_updates(tab: PhotographTab, service: Service, record: Any, plan: PhotographPlan) -> dict[Any, Any]:
    """Fill the form from the record, and report what no longer exists. Raises InputError."""
    who, choosing = tab.who, tab.who.choosing
    found, uploads = _found_again(tab, service, record, plan)
    templates = () if found.template is None else (found.template,)
    plan = choosing.planned(replace(plan, persons=found.persons, templates=templates, uploads=uploads))
    plan = replace(plan, assignments=tuple(_assigned_again(one, found) for one in plan.assignments))
    done = tab.words("Everything is filled in as it was.")
    some = tab.words("Filled in, except for what is gone:")
    said = " ".join((some, *(tab.words.translate(each) for each in found.missing))) if found.missing else done
    return {
        **plan_updates(tab, plan),
        **who.persons.show(choosing.person_picks(), plan.persons),
        **who.templates.show(choosing.template_picks(uploads), plan.templates),
        **tab.how.fields.show(found.settings),
        # A radio takes its value away only by an update: a bare None is no choice of some versions of gradio.
        tab.how.preset: compat.update(value=tab.how.presets.fitting(found.settings)),
        tab.how.base: tab.how.bases.shown(found.base, service) if found.base else tab.how.as_trained,
        tab.record_said: message_html(said, is_good=not found.missing),
    }


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
