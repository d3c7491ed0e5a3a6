"""What notes and errors say of missing weights, in the page: in place of the command line's verb stands a button."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from easyphoto.messages import Text
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import order_button

PANEL = "easyphoto_weights"
ORDER = f"{PANEL}_order"
GET = "get"
# Notes about a part that is missing, by their codes, with what the page says in place of the command to run.
NOTE_WORDS: Mapping[str, str] = {
    "parts-missing": "Missing: {missing}.",
    "coverings-not-recognised": "Covered faces are not recognised: the face detector for photographs is missing.",
    "photographs-not-looked-at": "Pictures without a drawn face were not searched for photographed faces: the face "
    "detector for photographs is missing.",
}
_PHOTOGRAPHS = "photographs"


def weights_of_note(said: str) -> tuple[str, ...]:
    """Return the sets that bring what the note misses; empty for every other note."""
    if not isinstance(said, Text) or said.code not in NOTE_WORDS:
        return ()
    return tuple(str(said.values.get("sets", _PHOTOGRAPHS)).split())


def note_words(said: str, words: Translator) -> str:
    """Return the note as the page says it."""
    if not weights_of_note(said):
        return words.translate(said)
    assert isinstance(said, Text)
    values = {name: words.translate(value) if isinstance(value, str) else value for name, value in said.values.items()}
    return words(NOTE_WORDS[said.code], **values)


def fetch_buttons(names: Iterable[str], words: Translator) -> str:
    """Return a button for each set or file, which opens the panel of what is missing and starts the download."""
    buttons = "".join(
        order_button(words("Fetch what is missing"), f"{GET} {name}", to=ORDER, label=words("Fetch {name}", name=name))
        for name in names
    )
    return f'<span class="easyphoto-orders" data-easyphoto-show="{PANEL}">{buttons}</span>' if buttons else ""


def note_html(said: str, words: Translator) -> str:
    """Return what a list of notes shows for the note."""
    return escape(note_words(said, words)) + fetch_buttons(weights_of_note(said)[:1], words)


def error_advice(error: Mapping[str, str], words: Translator) -> str:
    """Return what to do about the error; where a button does it, the way by hand is folded away."""
    advice, names = words.translate(error.get("advice", "")), error.get("weights", "").split()
    if not names:
        return f"<p>{escape(advice)}</p>" if advice else ""
    by_hand = f"<details><summary>{escape(words('By hand'))}</summary><p>{escape(advice)}</p></details>"
    return fetch_buttons(names[:1], words) + (by_hand if advice else "")
