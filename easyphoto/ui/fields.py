"""Renders a settings class as components, and reads settings from their values."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Generic, TypeVar

import gradio as gr

from easyphoto.errors import BadSettings
from easyphoto.messages import text
from easyphoto.settings.declarations import Declared, Settings, hints_of, settings_from, settings_record
from easyphoto.settings.presets import PRESETS, preset, preset_values
from easyphoto.ui import compat
from easyphoto.ui.language import Translator

S = TypeVar("S", bound=Settings)
AUTO = "auto"
# A slider with more positions than this cannot be set precisely with a mouse.
MOST_PLACES = 2000
MOST_RADIO = 3
ASIDE_FROM_PRESETS = ("count", "seed", "prompt", "negative")
"""Settings that belong to one order rather than to a way of working."""


@dataclass
class SettingFields(Generic[S]):
    """The components of one settings class, which the tab may place in several parts.

    `place` creates components where it is called; a setting without a component reads as its default.
    """

    kind: type[S]
    words: Translator
    prefix: str
    """Prefix of each component's elem_id, such as `easyphoto_train`."""
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The host's additional choices, by setting."""
    starts: Mapping[str, Any] = field(default_factory=dict)
    """Initial values that differ from the defaults."""
    wording: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Labels and helps in place of the declared ones, by setting."""
    short: Mapping[str, str] = field(default_factory=dict)
    """Placeholders of texts that are one line long, by setting."""
    components: dict[str, Any] = field(default_factory=dict)

    def place(self, *names: str) -> None:
        for name in names:
            self.components[name] = self._component(name)

    def place_rest(self, *, without: Iterable[str] = ()) -> None:
        """Place every setting that has no component yet."""
        left = {*self.components, *without}
        self.place(*(each.name for each in dataclasses.fields(self.kind) if each.name not in left))  # type: ignore[arg-type]

    @property
    def inputs(self) -> set[Any]:
        return set(self.components.values())

    def read(self, values: Mapping[Any, Any]) -> S:
        """Read the settings from a handler's values by component. Raises BadSettings with the field's label."""
        found: dict[str, Any] = {}
        for name, component in self.components.items():
            found[name] = self._value(name, values[component])
        try:
            return settings_from(self.kind, {**self.starts, **found})
        except BadSettings as error:
            raise self._by_label(error) from error

    def show(self, settings: S) -> dict[Any, Any]:
        """Return updates by component that show `settings`."""
        return {
            component: compat.update(value=self.shown(name, getattr(settings, name)))
            for name, component in self.components.items()
        }

    def show_preset(self, name: str, values: Mapping[Any, Any]) -> tuple[dict[Any, Any], str]:
        """Return updates by component for what presets decide, and in HTML what that changes of the form's `values`."""
        values_of = preset_values(self.kind, name)
        wanted = {each: self.shown(each, values_of[each]) for each in self.preset_names}
        updates = {self.components[each]: compat.update(value=value) for each, value in wanted.items()}
        before = {each: _shown_text(values[self.components[each]]) for each in wanted}
        auto = self.words(AUTO)
        changes = [
            f"{self.words(declared_of(self.kind, each).label)} {before[each] or auto} → {_shown_text(now) or auto}"
            for each, now in wanted.items()
            if before[each] != _shown_text(now)
        ]
        said = " · ".join(changes) or self.words("Everything that it sets is set that way already.")
        return updates, f'<p class="easyphoto-hint" role="status" lang="{self.words.tag}">{escape(said)}</p>'

    @property
    def preset_names(self) -> tuple[str, ...]:
        """The settings that a preset sets; it leaves alone what people typed."""
        spoken = preset_values(self.kind, next(iter(PRESETS[self.kind])))
        return tuple(name for name in self.components if name in spoken)

    @property
    def preset_components(self) -> set[Any]:
        return {self.components[name] for name in self.preset_names}

    def shown(self, name: str, value: Any) -> Any:
        """Return what the setting's component holds for `value`."""
        declared = declared_of(self.kind, name)
        if declared.choices and value is not None:
            return self._labels(name).get(value, value)
        if value is None:
            return ""
        return _number_text(value) if self.is_free(name) and not isinstance(value, str) else value

    def is_free(self, name: str) -> bool:
        """Return whether it is a text field, because it may be empty."""
        return type(None) in types_of(self.kind, name)

    def _component(self, name: str) -> Any:
        declared, words = declared_of(self.kind, name), self.words
        if name in self.wording:
            label, help = self.wording[name]
            declared = dataclasses.replace(declared, label=label, help=help)
        value = self.shown(name, self.starts.get(name, default_of(self.kind, name)))
        common = {
            "label": words(declared.label),
            "info": self._info(name, declared),
            "value": value,
            "elem_id": f"{self.prefix}_{name}",
            "interactive": True,
        }
        kinds = types_of(self.kind, name)
        if bool in kinds:
            return gr.Checkbox(**common)
        if declared.choices:
            return self._choice(name, declared, common)
        if self.is_free(name):
            placeholder = words(AUTO) if kinds & {int, float} else ""
            return gr.Textbox(**common, max_lines=1, placeholder=placeholder)
        if name in self.short:
            return gr.Textbox(**common, max_lines=1, placeholder=self.short[name])
        if str in kinds:
            return gr.Textbox(**common, lines=2)
        if _places(declared) > MOST_PLACES:
            return gr.Number(**common, precision=0 if int in kinds else None)
        return gr.Slider(declared.low, declared.high, step=declared.step, **common)

    def _choice(self, name: str, declared: Declared, common: dict[str, Any]) -> Any:
        labels = list(self._labels(name).values())
        if len(labels) <= MOST_RADIO and not declared.is_open:
            return gr.Radio(labels, **common)
        return gr.Dropdown(labels, **common, allow_custom_value=declared.is_open)

    def _info(self, name: str, declared: Declared) -> str | None:
        said = self.words(declared.help) if declared.help else ""
        if self.is_free(name) and declared.low is not None and declared.high is not None:
            bounds = f"{_number_text(declared.low)} – {_number_text(declared.high)}"
            said = f"{said} ({bounds})" if said else bounds
        return said or None

    def _labels(self, name: str) -> dict[str, str]:
        """Return label → choice, since gradio 3 has no values behind labels. A host's names are not translated."""
        declared = declared_of(self.kind, name)
        return {
            **{value: self.words(value) for value in declared.choices},
            **{value: value for value in self.more.get(name, ()) if value not in declared.choices},
        }

    def _value(self, name: str, shown: Any) -> Any:
        declared, kinds = declared_of(self.kind, name), types_of(self.kind, name)
        if declared.choices:
            values = {label: value for value, label in self._labels(name).items()}
            return values.get(shown, shown)
        if kinds & {int, float} and bool not in kinds:
            return number_from(shown, kinds, self.words(declared.label), self.words)
        if isinstance(shown, str):
            shown = shown.strip()
        return None if shown in (None, "") and type(None) in kinds else "" if shown is None and str in kinds else shown

    def _by_label(self, error: BadSettings) -> BadSettings:
        """Replace the field's name, such as `learning_rate`, by its label on the page, "Learning rate"."""
        values = error.message.values
        name = values.get("name")
        if name not in {each.name for each in dataclasses.fields(self.kind)}:  # type: ignore[arg-type]
            return error
        label = self.words(declared_of(self.kind, name).label)
        said = text("{label}: cannot be {value}.", label=label, value=values["value"])
        return BadSettings(said, advice=error.advice)


@dataclass(frozen=True)
class PresetChoice:
    """The presets fast, balanced and thorough with their labels."""

    names: tuple[str, ...]
    words: Translator

    @property
    def labels(self) -> list[str]:
        return [self.label(name) for name in self.names]

    def label(self, name: str) -> str:
        return self.words(name.capitalize())

    def name(self, label: str) -> str:
        return dict(zip(self.labels, self.names, strict=True)).get(label, label)

    def fitting(self, settings: Settings) -> str | None:
        """Return the label of the preset with the values of `settings`; None if there is none."""
        wanted = _judged(settings)
        names = (name for name in self.names if _judged(preset(type(settings), name)) == wanted)
        return next(map(self.label, names), None)


def _judged(settings: Settings) -> dict[str, Any]:
    """Return the values by which presets are told apart: not how often, from which seed, or in which words."""
    return {name: value for name, value in settings_record(settings).items() if name not in ASIDE_FROM_PRESETS}


def presets_of(kind: type[Settings], words: Translator) -> PresetChoice:
    return PresetChoice(tuple(PRESETS[kind]), words)


def declared_of(kind: type[Settings], name: str) -> Declared:
    return next(each for each in dataclasses.fields(kind) if each.name == name).metadata["declared"]  # type: ignore[arg-type]


def default_of(kind: type[Settings], name: str) -> Any:
    return next(each for each in dataclasses.fields(kind) if each.name == name).default  # type: ignore[arg-type]


def types_of(kind: type[Settings], name: str) -> set[type]:
    hint = hints_of(kind)[name]
    return set(typing.get_args(hint)) or {hint}


def number_from(shown: Any, kinds: set[type], label: str, words: Translator) -> int | float | None:
    """Parse a typed number of the setting's kind; an empty field is "auto" where that is allowed."""
    typed = str(shown if shown is not None else "").strip()
    if type(None) in kinds and typed.lower() in ("", AUTO, words(AUTO).lower()):
        return None
    try:
        number = float(typed.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (float not in kinds and number != int(number)):
        wanted = text("a number") if float in kinds else text("a whole number")
        raise BadSettings(
            text("{label}: cannot be {value}.", label=label, value=repr(shown)),
            advice=text("It must be {wanted}.", wanted=wanted),
        )
    return number if float in kinds else int(number)


def _shown_text(value: Any) -> str:
    """Return a component's value as people read it; a slider's may come back as 40 or as 40.0."""
    if value is None:
        return ""
    return _number_text(float(value)) if isinstance(value, (int, float)) else str(value).strip()


def _number_text(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _places(declared: Declared) -> float:
    if declared.low is None or declared.high is None or not declared.step:
        return 0
    return (declared.high - declared.low) / declared.step
