"""Puts persons' faces into templates."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, Subjects, described
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.photograph_series import PhotographResult
    from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class PhotographPersons(Command):
    """Put the persons' faces into the templates, from the left; with fewer persons than faces they take the largest."""

    kind: ClassVar[str] = "photograph"
    persons: tuple[str, ...] = field(
        metadata=described(
            "Ids, from the left where a template does not say which face is whose; with fewer persons than faces they "
            "take the largest."
        )
    )
    templates: tuple[Path, ...] = ()
    """Empty: drawn from the words of `settings.prompt` and the style of `drawing`."""
    assignments: tuple[tuple[int, ...] | None, ...] = ()
    """For each template, the face of each person (counted from the left, from 0); None: assigned as above."""
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    options: Options | None = None
    drawing: DrawingSettings = field(default_factory=DrawingSettings)
    pose_picture: Path | None = None
    """A picture with the pose to draw, instead of the name of one."""
    out: Path | None = field(
        default=None, metadata={**described("Where results go (default: the workspace's results)."), **UNRECORDED}
    )

    def __post_init__(self) -> None:
        if not self.assignments:
            object.__setattr__(self, "assignments", (None,) * len(self.templates))

    @property
    def title(self) -> str:
        *others, last = self.persons or ("",)
        if not others:
            return text("photograph {names}", names=last)
        return text("photograph {names} and {last}", names=" and ".join(others), last=last)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects(tuple(map(workspace.id_of, self.persons)))

    def validated(self, app: EasyPhoto) -> PhotographPersons:
        """Replace names by ids. Raises UnknownPerson, WrongKind for a scene, and BadSettings."""
        from easyphoto.inference.identities.registry import check_identity
        from easyphoto.persons.scenes import check_face

        persons = [app.workspace.person(name) for name in self.persons]
        for person in persons:
            check_face(person)
        ids = tuple(person.id for person in persons)
        check_identity(self.settings, ids)
        return replace(self, persons=ids)

    def run(self, app: EasyPhoto, context: Context) -> PhotographResult:
        """Report every picture as soon as it is written, and all notes at the end."""
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.photograph_series import open_series

        if not self.persons or not self.templates:
            raise InputError(
                text("A photograph needs a person and a template."), advice=text("Name at least one of each.")
            )
        app = app.with_options(self.options)
        with at_work(app, self.persons, context) as progress:
            series = open_series(app, self.persons, self.templates, self.settings, progress, out=self.out)
            with closing(series.models.backend):
                result = series.photographed(self.assignments, context)
        for note in dict.fromkeys(result.all_notes):
            context.note(note)
        return result
