"""Puts persons' faces into templates."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, Subjects, described
from easyphoto.errors import EasyPhotoError, InputError
from easyphoto.messages import note, text
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.photograph_series import PhotographResult
    from easyphoto.progress import Progress
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
        """The persons alone: a picture of them stays when the scene behind them is deleted."""
        return Subjects(tuple(dict.fromkeys(map(workspace.id_of, self.persons))))

    def called(self, workspace: Workspace) -> tuple[str, ...]:
        """The ids of the scenes and objects that the settings or the style of a drawing call. Raises BadSettings."""
        from easyphoto.persons.scenes import scene_ids
        from easyphoto.workspace.styles import style_named

        ids = [*scene_ids(workspace, self.settings.scene)]
        if not self.templates and self.drawing.style.strip():
            with suppress(EasyPhotoError):  # raised where the style is used
                ids += scene_ids(workspace, style_named(workspace, self.drawing.style).written_loras)
        return tuple(dict.fromkeys(ids))

    def validated(self, app: EasyPhoto) -> PhotographPersons:
        """Replace names by ids. Raises UnknownPerson, UnknownScene, WrongKind, BadSettings, and InputError where there
        is nothing to draw."""
        from easyphoto.inference.identities.registry import check_identity
        from easyphoto.persons.scenes import check_face, check_scenes, lora_folders

        self._check_asked()
        self._check_drawing(app.workspace)
        persons = [app.workspace.person(name) for name in self.persons]
        for person in persons:
            check_face(person)
        check_scenes(app.workspace, self.settings.scene, lora_folders(app.options.weights.webui))
        ids = tuple(person.id for person in persons)
        check_identity(self.settings, ids)
        return replace(self, persons=ids)

    def run(self, app: EasyPhoto, context: Context) -> PhotographResult:
        """Report every picture as soon as it is written, and all notes at the end."""
        from easyphoto.commands.at_work import at_work

        self._check_asked()
        # Once more: what waited before this one may have taken the template's name.
        self._check_drawing(app.workspace)
        app = app.with_options(self.options)
        # By the names as they were typed, which an error repeats. Deleting a scene stops what paints with it.
        called = self.called(app.workspace)
        with at_work(app, (*self.persons, *called), context) as progress:
            result = self._photographed(app, called, context, progress)
        for said in dict.fromkeys(result.all_notes):
            context.note(said)
        return result

    def _photographed(
        self, app: EasyPhoto, called: Sequence[str], context: Context, progress: Progress
    ) -> PhotographResult:
        from easyphoto.commands.photograph_series import note_other_weights, open_series, results_folder, shared_base
        from easyphoto.commands.photograph_words import WordsSeries
        from easyphoto.images.originals import read_original

        persons = [app.workspace.person(name) for name in self.persons]
        scenes = [app.workspace.person(id) for id in called]
        note_other_weights(app, [*persons, *scenes], shared_base(app, persons), context)
        out = self.out or results_folder(app.workspace, persons)
        if not self.templates:
            words = WordsSeries(app, persons, self.settings, self.drawing, out, context, progress, self.pose_picture)
            return words.photographed()
        self._note_unused(context)
        only = None
        for template in self.templates:
            # To report a broken one before anything is painted; of several each is read again in its turn.
            original = read_original(template)
            only = original if len(self.templates) == 1 else None
        series = open_series(app, persons, self.settings, progress, out=out)
        with closing(series.models.backend):
            return series.photographed(self.templates, self.assignments, context, only=only)

    def _note_unused(self, context: Context) -> None:
        """Say which settings of a drawing do nothing, because a template was given."""
        usual = settings_record(DrawingSettings())
        changed = [name for name, value in settings_record(self.drawing).items() if value != usual[name]]
        changed += ["pose_picture"] if self.pose_picture is not None else []
        if changed:
            context.note(
                note(
                    "drawing-settings-unused",
                    "A template was given, so these settings of a drawing are not used: {names}.",
                    names=", ".join(changed),
                )
            )

    def _check_drawing(self, workspace: Workspace) -> None:
        """Raises what need not wait for the networks: BadSettings, UnknownStyle, UnknownPose, NameTaken, BadName."""
        from easyphoto.commands.templates import new_template
        from easyphoto.inference.drawing import checked_size
        from easyphoto.workspace.poses import pose_named
        from easyphoto.workspace.styles import style_named

        if self.templates:
            return
        if self.drawing.size.strip():
            checked_size(self.drawing.size)
        if self.drawing.style.strip():
            style_named(workspace, self.drawing.style)
        if self.drawing.pose.strip() and self.pose_picture is None:
            pose_named(self.drawing.pose)
        if self.drawing.save_template.strip():
            for number in range(1, self.settings.count + 1):
                new_template(workspace, self.drawing.save_template, number)

    def _check_asked(self) -> None:
        """Raises InputError without a person, or without both templates and words."""
        if not self.persons:
            raise InputError(text("A photograph needs a person."), advice=text("Name at least one."))
        if not (self.templates or self.settings.prompt.strip() or self.drawing.style.strip()):
            raise InputError(
                text("A photograph needs a template, or words from which one is drawn."),
                advice=text(
                    'Name a picture (--template FILE), or say what to draw (--prompt "a violinist on a stage"), or '
                    "choose a style (--style NAME)."
                ),
            )
