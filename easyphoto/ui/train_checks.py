"""Checks of the Train tab's photos: adding photos, choosing a face or removing a photo leads to new verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from easyphoto.commands.check import CheckPhotos
from easyphoto.errors import UnknownJob
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.ui import compat
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import connect_orders
from easyphoto.ui.train_form import TrainForm
from easyphoto.ui.train_photos import (
    PhotoPart,
    PhotoSet,
    held_by,
    photo_buttons,
    refusals_html,
    show_check,
    taken_in,
    unfinished_check,
    upload_paths,
)
from easyphoto.workspace.person_record import FACE


@dataclass(frozen=True)
class Checking:
    """The handlers of the photo part; each returns updates by component."""

    part: PhotoPart
    form: TrainForm
    service: Service
    words: Translator

    def dropped(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        names, refused = taken_in(self.service, values[self.part.drop])
        held = PhotoSet.of(values[self.part.held]).with_photos(names)
        updates = self.begun(held, values) if names else {}
        return {**updates, self.part.drop: None, self.part.message: refusals_html(refused, self.words)}

    def again(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        return self.begun(PhotoSet.of(values[self.part.held]), values)

    def ordered(self, order: str, *row: Any) -> dict[Any, Any]:
        """Handle a verdict's button: another face needs a new check, a removed photo or chosen reference mostly not."""
        values = dict(zip(self.order_inputs, row, strict=True))
        before, check = PhotoSet.of(values[self.part.held]), values[self.part.check]
        held = before.ordered(order)
        if not held.photos or not self._still_says_it(check, before, held):
            return self.begun(held, values)
        return {self.part.held: held.record(), **self._shown(check, held, values[self.form.name])}

    def cleared(self, check: str | None) -> dict[Any, Any]:
        return self._ended(check)

    def ticked(self, record: Mapping[str, Any], check: str | None, person: str) -> dict[Any, Any]:
        """Update the card; a newly loaded page finds its photos again."""
        held = PhotoSet.of(record)
        if check is None:
            job = unfinished_check(self.service)
            return self._found(job, person) if job is not None else {self.part.check: None}
        return self._shown(check, held, person)

    @property
    def order_inputs(self) -> list[Any]:
        fields = sorted(self.form.check_inputs, key=lambda component: component._id)
        return [self.part.held, self.part.check, self.form.name, *fields]

    def _shown(self, check: str | None, held: PhotoSet, person: str | None) -> dict[Any, Any]:
        return show_check(self.part, self.service, check, held, self.words, person=person or "")

    def _still_says_it(self, check: str | None, before: PhotoSet, held: PhotoSet) -> bool:
        """Return whether the shown check is still valid for the photos held now."""
        result = self._result(check)
        if held.faces != before.faces:
            return False
        if result is None:
            return held.reference == before.reference
        if held.reference is not None:
            return True
        reference = result.get("reference")
        # If the choice was undone, or the reference removed, only a new check can name another.
        return reference is None or (reference in held.photos and not result.get("reference_chosen"))

    def _result(self, check: str | None) -> Mapping[str, Any] | None:
        try:
            return self.service.queue.get(check).result if check is not None else None
        except UnknownJob:
            return None

    def _found(self, job: Job, person: str) -> dict[Any, Any]:
        held = held_by(self.service, job)
        if not held.photos:
            return {self.part.check: None}
        shown = self._shown(job.id, held, person)
        return {self.part.held: held.record(), self.part.check: job.id, **shown, **photo_buttons(self.part, True)}

    def begun(self, held: PhotoSet, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Check the held photos; a check in progress is cancelled."""
        updates = self._ended(values[self.part.check])
        if not held.photos:
            return updates
        preprocess, options = self.form.preprocess.read(values), self.form.options(values)
        paths, kind = upload_paths(self.service, held.photos), self.form.kind.which(values)
        held = held if kind == FACE else held.without_faces
        job = self.service.submit(CheckPhotos(paths, held.faces or {}, held.reference, preprocess, options, kind))
        shown = self._shown(job.id, held, values[self.form.name])
        return {self.part.held: held.record(), self.part.check: job.id, **shown, **photo_buttons(self.part, True)}

    def _ended(self, check: str | None) -> dict[Any, Any]:
        if check is not None:
            self.service.queue.cancel(check)
        return {
            self.part.held: PhotoSet().record(),
            self.part.check: None,
            self.part.card: "",
            **photo_buttons(self.part, False),
        }


def connect_photos(part: PhotoPart, form: TrainForm, service: Service, words: Translator) -> None:
    checking = Checking(part, form, service, words)
    inputs = {part.held, part.check, form.name, *form.check_inputs}

    def heard(event: Any, handler: Any, inputs: Any) -> None:
        compat.listen(event, saying(part.message, words, handler), inputs=inputs, outputs=part.outputs)

    heard(part.drop.upload, checking.dropped, {*inputs, part.drop})
    heard(part.again.click, checking.again, inputs)
    # The verdicts depend on base and engine, so photos are checked again before the training.
    for chosen in (form.base, form.engine, form.kind.choice):
        heard(chosen.input, checking.again, inputs)
    heard(part.clear.click, checking.cleared, [part.check])
    # Without `saying`, because a tick would clear the last message.
    ticked = [part.held, part.check, form.name]
    compat.listen(part.tick.click, checking.ticked, inputs=ticked, outputs=part.outputs)
    connect_orders(
        part.orders,
        saying(part.message, words, checking.ordered),
        inputs=checking.order_inputs,
        outputs=part.outputs,
    )
