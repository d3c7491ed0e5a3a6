"""The Photograph tab: connects its parts to each other and to the service."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from easyphoto.jobs.service import Service
from easyphoto.ui import assignments_html, compat
from easyphoto.ui.assignments import everywhere, with_taker
from easyphoto.ui.card import message_html
from easyphoto.ui.client_files import brought
from easyphoto.ui.configurations import Saving, connect_saved
from easyphoto.ui.file_chooser import connect_chooser
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import connect_card, show_job, show_nothing
from easyphoto.ui.next_seeds import more_like
from easyphoto.ui.orders import connect_orders
from easyphoto.ui.photograph_filling import connect_keeping, connect_repeat, plan_updates, view_of
from easyphoto.ui.photograph_form import UPLOAD, PhotographPlan
from easyphoto.ui.photograph_layout import PhotographTab, build
from easyphoto.ui.photograph_results import (
    hidden_results,
    obeyed,
    previews_html,
    result_updates,
    shown_picture,
    step_updates,
    ticked,
)
from easyphoto.ui.photograph_sources import (
    asked,
    connect_sources,
    source_inputs,
    source_outputs,
    source_updates,
    with_family,
)
from easyphoto.ui.picture_choice import Pick, key_of, latest
from easyphoto.ui.queue_part import connect_queue, is_known, queue_updates
from easyphoto.ui.results_part import Shown
from easyphoto.ui.sessions import KINDS, Sessions

__all__ = ["PhotographTab", "build", "connect", "renewal"]


def connect(tab: PhotographTab, service: Service) -> None:
    _connect_who(tab, service)
    _connect_settings(tab)
    connect_saved(Saving(tab.how.saved, tab.how.configured, service))
    connect_chooser(tab.how.chooser, service, tab.how.base, tab.how.bases)
    connect_sources(tab, service)
    _connect_start(tab, service)
    _connect_live(tab, service)
    _connect_results(tab, service)
    connect_repeat(tab, service)
    connect_keeping(tab, service)


def renewal(tab: PhotographTab, service: Service) -> Renewal:
    """Refresh persons and templates; choices that still exist are kept."""
    who, saving, sources = tab.who, Saving(tab.how.saved, tab.how.configured, service), list(source_inputs(tab))

    def renewed(
        persons: Sequence[str],
        templates: Sequence[str],
        plan: PhotographPlan,
        shown: Shown,
        on_show: str | None,
        *more: Any,
    ) -> dict[Any, Any]:
        plan, people, shown = PhotographPlan.of(plan), who.choosing.person_picks(), Shown.of(shown)
        seen, values = more[:2], dict(zip(sources, more[2:], strict=True))
        updates = {
            **source_updates(tab, service, values),
            who.nobody: compat.update(visible=not people),
            tab.how.base: compat.update(choices=[tab.how.as_trained, *tab.how.bases.choices(service)]),
            **saving.listed(),
            **_queue(tab, service, on_show),
            **(hidden_results(tab) if shown.job and not is_known(service, shown.job) else {}),
        }
        if seen == (key_of(people), key_of(who.choosing.template_picks(plan.uploads))):
            return updates  # a choice in progress is kept
        return {
            **updates,
            **_offered(tab, people, replace(plan, persons=tuple(persons or ()), templates=tuple(templates or ()))),
        }

    outputs = {who.nobody, who.plan, who.assignments, tab.how.base, tab.message}
    outputs |= (
        source_outputs(tab) | tab.queue.outputs | who.persons.outputs | who.templates.outputs | tab.results.outputs
    )
    outputs.add(tab.how.saved.rows)
    inputs = [who.persons.group, who.templates.group, who.plan, tab.results.shown, tab.live.job]
    inputs += [who.persons.seen, who.templates.seen, *sources]
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


def _queue(tab: PhotographTab, service: Service, on_show: str | None) -> dict[Any, Any]:
    return queue_updates(tab.queue, service, on_show, titles=tab.who.choosing.titles())


# --- who and where ---


def _connect_who(tab: PhotographTab, service: Service) -> None:
    who, words = tab.who, tab.words
    inputs = {who.persons.group, who.templates.group, who.plan, *tab.how.option_inputs}
    outputs = {who.plan, who.assignments, tab.message}

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
    _connect_choices(tab, service, inputs, outputs)
    compat.listen(
        who.upload.upload,
        saying(tab.message, words, uploaded),
        inputs={who.upload, *inputs},
        outputs={*outputs, *who.templates.outputs},
    )
    connect_orders(who.orders, saying(tab.message, words, given), inputs=[who.plan], outputs=outputs)


def _connect_choices(tab: PhotographTab, service: Service, inputs: set[Any], outputs: set[Any]) -> None:
    """Connect the choice of persons and of templates, each press of which changes the plan."""
    who, gallery = tab.who, tab.who.drawing.gallery

    def chosen(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return plan_updates(tab, plan_of(tab, values))

    def whom(values: Mapping[Any, Any]) -> dict[Any, Any]:
        """The styles are those of what draws, which may be the persons' own checkpoint."""
        found = with_family(tab, service, values)
        changed = gallery.listed(found) if found[gallery.family] != values[gallery.family] else {}
        return {**chosen(values), **changed}

    also = inputs | source_inputs(tab)
    for group, asked_for, given_to, changed in (
        (who.persons.group, whom, also, outputs | gallery.outputs),
        (who.templates.group, chosen, inputs, outputs),
    ):
        handler = saying(tab.message, tab.words, asked_for)
        pressed = compat.listen(latest(group.input), handler, inputs=given_to, outputs=changed)
        if compat.version() < (4,):
            # In gradio 3, clicks during this call fire no event: read the choice once more afterwards.
            compat.listen(pressed.then, handler, inputs=given_to, outputs=changed)


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
        plan = plan_of(tab, values)
        jobs = asked(tab, service, plan, values)
        return {
            **plan_updates(tab, plan),
            **show_job(tab.live, service, jobs[0].id, words=words),
            **_queue(tab, service, jobs[0].id),
            tab.message: message_html(asked_words(len(jobs), words), is_good=True),
        }

    inputs = {who.persons.group, who.templates.group, who.plan, *tab.how.inputs, tab.sources.choice.choice}
    inputs |= who.drawing.inputs | who.placing.inputs
    outputs = {who.plan, who.assignments, tab.message, *tab.queue.outputs, *tab.live.outputs}
    compat.listen(tab.start.click, saying(tab.message, words, started), inputs=inputs, outputs=outputs)


def asked_words(jobs: int, words: Translator) -> str:
    """Return a message for several jobs; a single job is explained by its card."""
    if jobs == 1:
        return ""
    return words("{count} sessions are in the queue, because the templates have different persons.", count=jobs)


# --- what goes on, and what came of it ---


def _connect_live(tab: PhotographTab, service: Service) -> None:
    live, queue, results = tab.live, tab.queue, tab.results
    outputs = {*queue.outputs, *results.outputs}
    connect_card(
        live, service, tab.words, kinds=KINDS, body=lambda job, events: previews_html(tab, service, job, events)
    )

    def beside(id: str | None, shown: Shown, seen: str) -> dict[Any, Any]:
        return ticked(tab, service, id, Shown.of(shown), seen or "")

    compat.listen(live.tick.click, beside, inputs=[live.job, results.shown, queue.seen], outputs=outputs)

    def after_order(id: str | None, is_wanted: bool, shown: Shown) -> dict[Any, Any]:
        shown = Shown.of(shown)
        gone = hidden_results(tab) if shown.job and not is_known(service, shown.job) else {}
        if id is None:
            return {**show_nothing(live), **gone, **_queue(tab, service, None)}
        wanted = result_updates(tab, service, replace(shown, job=id, file="", followed=id)) if is_wanted else gone
        return {**show_job(live, service, id, words=tab.words), **wanted, **_queue(tab, service, id)}

    connect_queue(
        queue, service, tab.message, after_order,
        inputs=[live.job, results.shown], outputs={*live.outputs, *results.outputs},
    )  # fmt: skip


def _connect_results(tab: PhotographTab, service: Service) -> None:
    part, words, count = tab.results, tab.words, tab.how.fields.components["count"]

    def pressed(order: str, shown: Shown) -> dict[Any, Any]:
        return obeyed(tab, service, order, Shown.of(shown))

    def steps(shown: Shown) -> dict[Any, Any]:
        return step_updates(tab, service, Shown.of(shown))

    def more(shown: Shown, pictures: float | None) -> dict[Any, Any]:
        """Without a look at the form, except for how many: what is on show decides the rest."""
        picture = shown_picture(service, Shown.of(shown))
        job = service.submit(more_like(Sessions(service), picture, max(1, int(pictures or 1))))
        return {**show_job(tab.live, service, job.id, words=words), **_queue(tab, service, job.id)}

    connect_orders(part.orders, saying(part.said, words, pressed), inputs=[part.shown], outputs=part.outputs)
    compat.listen(
        part.steps_button.click, saying(part.said, words, steps), inputs=[part.shown], outputs={part.said, part.steps}
    )
    compat.listen(
        part.more.click, saying(part.said, words, more), inputs=[part.shown, count],
        outputs={part.said, *tab.live.outputs, *tab.queue.outputs},
    )  # fmt: skip
