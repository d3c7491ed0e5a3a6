"""The verdict gallery: every photo with its verdict, reason and advice, and the choice of its face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from easyphoto.preprocess.verdict import NOT_ASSURED
from easyphoto.ui.fetch_buttons import note_html, weights_of_note
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import order_button
from easyphoto.ui.photo_names import PhotoNames
from easyphoto.workspace.person_record import FACE

ORDER = "easyphoto_train_order"
MOST_PHOTOS = 20
"""More photos than these take longer and improve nobody's likeness."""


@dataclass(frozen=True)
class Checked:
    """A finished check with what the page needs."""

    result: Mapping[str, Any]
    links: Mapping[str, str]
    """Photo → its thumbnail as a data: URI."""
    photos: Sequence[str]
    """The photos that are still held."""
    chosen_reference: str | None = None
    """The reference photo that the user has chosen, before or after the check."""
    person: str = ""
    """The typed name, if any."""
    close_up: str | None = None
    """The face of the reference photo in question, as a data: URI."""

    @property
    def is_of_face(self) -> bool:
        """Whether a person is learned: a scene or an object needs no reference photo. Older checks do not say."""
        return self.result.get("kind", FACE) == FACE

    @property
    def reference(self) -> str | None:
        if not self.is_of_face:
            return None
        return self.chosen_reference or self.result.get("reference")

    @property
    def asked(self) -> str | None:
        """The reference photo, if neither the user nor the check has confirmed that it shows the person."""
        # Older checks have no question.
        question = self.result.get("question") or {}
        photo = None if self.chosen_reference else question.get("photo")
        return photo if photo in self.photos else None

    @cached_property
    def names(self) -> PhotoNames:
        return PhotoNames.of(self.photos)

    @property
    def verdicts(self) -> list[Mapping[str, Any]]:
        return [verdict for verdict in self.result["verdicts"] if verdict["photo"] in self.photos]


def verdicts_html(checked: Checked, chosen: Mapping[str, int], words: Translator) -> str:
    """Return the verdicts, those set aside first, because there is something to do about them."""
    kept = [verdict for verdict in checked.verdicts if verdict["kept"]]
    aside = [verdict for verdict in checked.verdicts if not verdict["kept"]]
    groups = [
        _group(words("Set aside: {count}", count=len(aside)), aside, checked, chosen, words),
        _group(words("Kept: {count}", count=len(kept)), kept, checked, chosen, words),
    ]
    said = summary(kept, checked, words)
    announced = f"{said}. {_question(checked, words)}" if checked.asked else said
    tone = "ask" if checked.asked or _is_unsure(checked) else "good" if kept else "plain"
    return (
        f'<section class="easyphoto-verdicts" lang="{words.tag}" data-active="false"'
        f' data-announce="{escape(announced)}"><div class="easyphoto-verdict" data-tone="{tone}">'
        f'<p class="easyphoto-summary">{escape(said)}</p>{_too_many_html(len(kept), checked, words)}'
        f"{_question_html(checked, words)}</div>"
        f"{_said_html(checked, words)}{''.join(groups)}</section>"
    )


def _too_many_html(kept: int, checked: Checked, words: Translator) -> str:
    """Return a remark on more photos than are of use, and what happens to the rest."""
    count = len(checked.verdicts)
    if count <= MOST_PHOTOS:
        return ""
    said = words(
        "These are {count} photos; 5 to 20 are best. Only the {kept} that are kept are used.",
        count=count,
        kept=kept,
    )
    return f"<p>{escape(said)}</p>"


def let_go_html(photo: str, words: Translator) -> str:
    """Return a button that undoes the choice of an unusable reference photo."""
    return (
        f'<div class="easyphoto-orders">{order_button(words("Choose it for me"), f"reference {photo}", to=ORDER)}</div>'
    )


def _said_html(checked: Checked, words: Translator) -> str:
    """Return the check's notes, without the one that the question replaces."""
    notes = [note for note in checked.result.get("notes", ()) if not _is_question(note)]
    items = "".join(f"<li>{checked.names.in_text(note_html(note, words))}</li>" for note in notes)
    return f'<ul class="easyphoto-notes">{items}</ul>' if items else ""


def _is_unsure(checked: Checked) -> bool:
    """Return whether the detector or embedder is missing that tells whether all photos show the same person."""
    return any("photographs" in weights_of_note(note) for note in checked.result.get("notes", ()))


def _is_question(said: str) -> bool:
    """Return whether a note stands for the question; older records have no codes."""
    return getattr(said, "code", "") == NOT_ASSURED or "shows the person who is meant was not checked" in said


def _question(checked: Checked, words: Translator) -> str:
    if checked.person:
        return words("Is this {name}?", name=checked.person)
    return words("Is this the person you mean?")


def _question_html(checked: Checked, words: Translator) -> str:
    """Return the reference photo, large, with the question."""
    photo = checked.asked
    if photo is None:
        return ""
    name, link = checked.names[photo], checked.close_up or checked.links.get(photo)
    picture = f'<img src="{link}" alt="{escape(name)}">' if link else ""
    yes = order_button(words("Yes"), f"reference {photo}", to=ORDER, label=words("{name} shows them", name=name))
    return (
        f'<div class="easyphoto-asked">{picture}<div><h3>{escape(_question(checked, words))}</h3>'
        f"<p>{escape(words('{name} is the reference photo. It could not be checked who it shows.', name=name))}</p>"
        f"<p>{escape(words('If it is somebody else, press “Reference photo” under another one that is kept.'))}</p>"
        f'<div class="easyphoto-orders">{yes}</div></div></div>'
    )


def summary(kept: Sequence[Any], checked: Checked, words: Translator) -> str:
    said = words("{kept} of {count} photos kept", kept=len(kept), count=len(checked.verdicts))
    identity = words.translate(checked.result.get("identity_words", ""))
    return f"{said} · {identity}" if identity else said


def _group(
    title: str, verdicts: Sequence[Mapping[str, Any]], checked: Checked, chosen: Mapping[str, int], words: Translator
) -> str:
    if not verdicts:
        return ""
    tiles = "".join(_tile(verdict, checked, chosen, words) for verdict in verdicts)
    return f'<h3>{escape(title)}</h3><div class="easyphoto-tiles" role="list">{tiles}</div>'


def _tile(verdict: Mapping[str, Any], checked: Checked, chosen: Mapping[str, int], words: Translator) -> str:
    photo, name = verdict["photo"], checked.names[verdict["photo"]]
    link = checked.links.get(photo)
    picture = f'<img src="{link}" alt="{escape(name)}">' if link else ""
    advice = checked.names.in_text(words.translate(verdict["advice"]))
    to_do = f'<p class="easyphoto-advice">→ {escape(advice)}</p>' if advice and not verdict["kept"] else ""
    return (
        f'<article class="easyphoto-tile" role="listitem">{picture}<div class="easyphoto-tile-words">'
        f"{_tag(verdict, photo == checked.reference, is_asked=photo == checked.asked, words=words)}"
        f'<p class="easyphoto-name" title="{escape(name)}">{escape(name)}</p>'
        f"<p>{escape(checked.names.in_text(words.translate(verdict['explanation'])))}</p>{to_do}"
        f"{_notes(verdict, words)}{_faces(verdict, chosen, words)}</div>"
        f'<div class="easyphoto-orders">{_reference_button(verdict, checked, words)}'
        f"{order_button(words('Remove'), f'remove {photo}', to=ORDER, label=words('Remove {name}', name=name))}"
        "</div></article>"
    )


def _reference_button(verdict: Mapping[str, Any], checked: Checked, words: Translator) -> str:
    if not verdict["kept"] or not checked.is_of_face:
        return ""
    photo = verdict["photo"]
    label = words("Take {name} as the reference photo", name=checked.names[photo])
    is_on = photo == checked.chosen_reference
    return order_button(words("Reference photo"), f"reference {photo}", to=ORDER, label=label, is_on=is_on)


def _tag(verdict: Mapping[str, Any], is_reference: bool, *, is_asked: bool, words: Translator) -> str:
    """Return sign and word; the colour only repeats them."""
    if verdict["kept"] and is_asked:
        return f'<span class="easyphoto-tag" data-tone="ask">? {escape(words("Kept, reference photo"))}</span>'
    if verdict["kept"]:
        said = words("Kept, reference photo") if is_reference else words("Kept")
        return f'<span class="easyphoto-tag" data-tone="good">✓ {escape(said)}</span>'
    reason = words.translate(verdict["reason"] or "")
    is_good = verdict["reason"] == "not among the best"
    tone, sign = ("plain", "–") if is_good else ("aside", "✕")
    return f'<span class="easyphoto-tag" data-tone="{tone}">{sign} {escape(reason[:1].upper() + reason[1:])}</span>'


def _notes(verdict: Mapping[str, Any], words: Translator) -> str:
    said = "; ".join(words.translate(note) for note in verdict.get("notes", ()))
    return f'<p class="easyphoto-hint">{escape(said)}</p>' if said else ""


def _faces(verdict: Mapping[str, Any], chosen: Mapping[str, int], words: Translator) -> str:
    """Return one button for each face, numbered as in the picture."""
    count = len(verdict.get("faces", ()))
    if count < 2:
        return ""
    photo = verdict["photo"]
    buttons = "".join(
        order_button(
            str(number),
            f"face {number} {photo}",
            to=ORDER,
            label=words("Take face {number}", number=number),
            is_on=chosen.get(photo) == number,
        )
        for number in range(1, count + 1)
    )
    question = words("Which face?")
    return (
        f'<div class="easyphoto-faces" role="group" aria-label="{escape(question)}">{escape(question)} {buttons}</div>'
    )
