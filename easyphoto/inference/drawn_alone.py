"""Photographed faces that a family which only draws would have to paint without the reference photo.

At 128 pixels the miniature turns them into smeared drawings; with the photo laid over them nobody sees that.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.errors import NoFaceFound
from easyphoto.faces.engine import Domain, Face, FaceEngine
from easyphoto.inference.prepare import Setup
from easyphoto.messages import Text, joined, note, text
from easyphoto.settings.inference import InferenceSettings

WHY = ("fusion-left-out", "no-face-on-reference")
"""Codes of the notes that say why there is no photo over a face."""


def without_drawn_alone(
    template: Image.Image,
    faces: Sequence[Face],
    setups: Sequence[Setup],
    engine: FaceEngine,
    settings: InferenceSettings,
    family: Family,
) -> tuple[tuple[Setup, ...], tuple[Text, ...]]:
    """The faces that can be painted, and a note on each that stays as it is. Raises NoFaceFound where none is left.

    A drawn face on the template is painted all the same: there a drawing fits.
    """
    wants_photo = settings.fusion and max(settings.fusion_before, settings.fusion_after) > 0
    if not family.only_draws or engine.domain is not Domain.PHOTOGRAPHS or not wants_photo:
        return tuple(setups), ()
    drawn = [each for each in setups if each.over is None and not engine.remarks(template, faces[each.number])]
    notes = tuple(_left_alone(each, family) for each in drawn)
    if drawn and len(drawn) == len(setups):
        raise NoFaceFound(
            joined(notes, " "),
            advice=text(
                "Choose a template whose face is turned like the reference photo's, another reference photo (train "
                "again with --reference FILE), or a checkpoint of Stable Diffusion 1.5 or SDXL (--base FILE). To have "
                "the face drawn all the same, add --no-fusion (in the tab: Fusion; in the API: settings.fusion)."
            ),
        )
    return tuple(each for each in setups if each not in drawn), notes


def _left_alone(setup: Setup, family: Family) -> Text:
    notes = (*setup.subject.notes, *setup.notes)
    why = joined([each for each in notes if isinstance(each, Text) and each.code in WHY], " ")
    said = note(
        "photographed-face-left",
        "Face {number} from the left stays as it is: {family} alone would draw it.",
        number=setup.number + 1,
        family=family.short,
    )
    return note(said.code, "{said} {why}", said=said, why=why) if why else said
