"""Puts a learned object, pet or scene into a template, where a mask is painted or a box is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, Subjects, described
from easyphoto.errors import BadMask
from easyphoto.messages import text
from easyphoto.settings.options import Options
from easyphoto.settings.placing import PlacingSettings

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.photograph_series import PhotographResult
    from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class PlaceObject(Command):
    """Paint the object into the template; everything outside the mask and its soft edge stays byte for byte."""

    kind: ClassVar[str] = "place"
    name: str = field(metadata=described("The object, pet or scene, by its id or name.", least=1, most=200))
    template: Path
    mask: Path | None = None
    """A picture of the template's size: white where the object goes, or opaque in one with transparency."""
    box: tuple[float, float, float, float] | None = None
    """Instead of a mask: left, top, width and height, in pixels or as shares of the picture."""
    settings: PlacingSettings = field(default_factory=PlacingSettings)
    options: Options | None = None
    out: Path | None = field(
        default=None, metadata={**described("Where results go (default: the workspace's results)."), **UNRECORDED}
    )

    @property
    def title(self) -> str:
        return text("place {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((workspace.id_of(self.name),))

    def validated(self, app: EasyPhoto) -> PlaceObject:
        """Replace the name by the id. Raises UnknownScene, WrongKind for a person, BadMask and BadPicture."""
        from easyphoto.commands.placement import read_place
        from easyphoto.persons.scenes import scene_named

        thing = scene_named(app.workspace, self.name)
        self._check_where()
        read_place(self.template, self.mask, self.box)
        return replace(self, name=thing.id)

    def run(self, app: EasyPhoto, context: Context) -> PhotographResult:
        """Report every picture as soon as it is written, and all notes at the end."""
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.photograph_series import note_other_weights, shared_base
        from easyphoto.commands.placement import open_placement, read_place
        from easyphoto.persons.scenes import scene_named

        thing = scene_named(app.workspace, self.name)
        self._check_where()
        app = app.with_options(self.options)
        with at_work(app, (thing.id,), context) as progress:
            # Before the networks are loaded, so that a mask that does not fit is reported at once.
            where = read_place(self.template, self.mask, self.box)
            note_other_weights(app, [thing], shared_base(app, [thing]), context)
            placement = open_placement(app, thing, self.settings, progress, out=self.out)
            with closing(placement.models.backend):
                result = placement.placed(where, context)
        for note in dict.fromkeys(result.all_notes):
            context.note(note)
        return result

    def _check_where(self) -> None:
        if (self.mask is None) == (self.box is None):
            raise BadMask(
                text("The place of the object is not said.")
                if self.mask is None
                else text("The place of the object is said twice."),
                advice=text("Give either a mask or a box."),
            )
