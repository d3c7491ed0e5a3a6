"""Draws the previews of styles with whatever model the machine has."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from easyphoto.commands.base import Command, Context, described
from easyphoto.errors import InputError, MissingCapability
from easyphoto.messages import note, phase, text
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.storage.records import utc_now
from easyphoto.workspace.style_files import Style

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.architectures.base import Family
    from easyphoto.backends.base import GenerateRequest, Result
    from easyphoto.inference.passes import SamplerPreset

SEED = 5
"""The same for every style, so that previews differ by their styles alone."""
LONGEST = 512
"""Longer side of a preview in pixels; a gallery shows dozens."""
LORA_WEIGHT = 1.0


@dataclass(frozen=True)
class DrawnPreviews:
    """The pictures by the ids of their styles, and why others have none."""

    base: str
    drawn: dict[str, Path]
    left_out: dict[str, str]


@dataclass(frozen=True)
class DrawStylePreviews(Command):
    """Draw previews of styles: a person without a LoRA, with the same seed for all."""

    kind: ClassVar[str] = "previews"
    names: tuple[str, ...] = ()
    """Ids or names of styles; none: those for the model that it has drawn no preview of."""
    again: bool = field(default=False, metadata=described("Draw those that have a preview by this model again, too."))
    options: Options | None = None

    @property
    def title(self) -> str:
        return text("previews of styles")

    def validated(self, app: EasyPhoto) -> DrawStylePreviews:
        """Raises UnknownStyle, BadRecord."""
        from easyphoto.workspace.styles import read_styles

        styles = read_styles(app.workspace)
        for name in self.names:
            styles.named(name)
        return self

    def run(self, app: EasyPhoto, context: Context) -> DrawnPreviews:
        """Raises UnknownStyle, and WrongFamily for a style that was named and is for another model."""
        from easyphoto.architectures.registry import family_named
        from easyphoto.inference.passes import sampler_preset
        from easyphoto.inference.results import UNITS, Slice

        app = app.with_options(self.options)
        base = Path(app.base).name
        with closing(app.open_backend()) as backend:
            family = family_named(backend.family)
            pace, _ = sampler_preset(InferenceSettings(), family, backend.capabilities(), None)
            drawn: dict[str, Path] = {}
            left_out: dict[str, str] = {}
            wanted = self._wanted(app, family, base)
            for number, style in enumerate(wanted):
                said = phase("draw-preview", "drawing {name}", name=style.name)
                turn = Slice(context, number * UNITS, len(wanted) * UNITS, said)
                try:
                    request = _request(app, style, family, pace)
                    result = backend.generate(request, turn)
                except (InputError, MissingCapability) as error:
                    left_out[style.id] = error.said
                    said = note("preview-not-drawn", "{name} was not drawn: {error}", name=style.name, error=error)
                    context.note(said)
                    continue
                drawn[style.id] = _written(app, style, request, result, base, family)
                context.step((number + 1) * UNITS, len(wanted) * UNITS, said, preview=result.image)
        return DrawnPreviews(base, drawn, left_out)

    def _wanted(self, app: EasyPhoto, family: Family, base: str) -> tuple[Style, ...]:
        from easyphoto.commands.styles import drawn_with
        from easyphoto.workspace.styles import check_fits, found_styles, read_styles

        styles = read_styles(app.workspace)
        if not self.names:
            fitting = found_styles(styles.usable, family=family.id)
            return tuple(style for style in fitting if self.again or drawn_with(style) != base)
        named = tuple(dict.fromkeys(map(styles.named, self.names)))
        for style in named:
            check_fits(style, family)
        return named


def _request(app: EasyPhoto, style: Style, family: Family, pace: SamplerPreset) -> GenerateRequest:
    from easyphoto.commands.photograph_series import loras_of_style
    from easyphoto.inference.drawing import DrawingWords, drawing_request, drawing_size

    size, _ = drawing_size("", family, 1, style.sizes.get(family.id))
    loras = loras_of_style(app, style, LORA_WEIGHT, family)
    words = DrawingWords("", style=(style.positive, style.negative), scenes=loras)
    return drawing_request(words, style.asked_of(family), DrawingSettings(), pace, size=size, seed=SEED)


def _written(app: EasyPhoto, style: Style, request: GenerateRequest, result: Result, base: str, family: Family) -> Path:
    from easyphoto.images.pictures import MADE_BY, DigitalSource, shrunk, write_picture
    from easyphoto.workspace.styles import preview_place

    record: dict[str, Any] = {
        "made_by": MADE_BY, "created": utc_now(), "style": style.id, "base": base, "family": family.id,
        "prompt": request.prompt, "negative": request.negative, "seed": result.seed, "steps": request.steps,
        "cfg": request.cfg,
    }  # fmt: skip
    app.workspace.check_there()
    place = preview_place(app.workspace, style)
    return write_picture(place, shrunk(result.image, LONGEST), record, source=DigitalSource.DRAWN)
