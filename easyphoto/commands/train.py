"""Learns a person's face from photos, or a scene or an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context, Subjects, described, uploads_among
from easyphoto.commands.check import NAME, REFERENCE, CheckPhotos
from easyphoto.commands.concepts import KIND, WORDS, check_concept, check_same_kind, words_of
from easyphoto.messages import text
from easyphoto.settings.options import Options
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.workspace.person_record import FACE, KINDS
from easyphoto.workspace.prompt_words import MOST_WORDS

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.training import TrainedPerson
    from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class TrainPerson(Command):
    """Learn the person's face, or a scene or an object of that name. What was trained before stays unchanged until this
    training has succeeded."""

    kind: ClassVar[str] = "train"
    name: str = field(metadata=described(NAME, least=1, most=200))
    photos: tuple[Path, ...]
    """Empty: those that the person keeps."""
    chosen_faces: Mapping[str, int] = field(default_factory=dict)
    """File name → number of the face, from 1."""
    reference: str | None = field(default=None, metadata=described(REFERENCE, least=1, most=255))
    """Its file name."""
    settings: TrainSettings = field(default_factory=TrainSettings)
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    options: Options | None = None
    concept: str = field(default=FACE, metadata=described(KIND, key="kind", choices=KINDS))
    words: str | None = field(default=None, metadata=described(WORDS, most=MOST_WORDS))

    @property
    def title(self) -> str:
        return text("train {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((workspace.id_of(self.name),), uploads_among(self.photos, workspace))

    @property
    def check(self) -> CheckPhotos:
        """The check that the training begins with."""
        return CheckPhotos(self.photos, self.chosen_faces, self.reference, self.preprocess, concept=self.concept)

    def with_photos(self, workspace: Workspace) -> TrainPerson:
        """Return the training with photos: its own, or those that the person keeps. Raises TooFewPhotos."""
        from easyphoto.persons.photos import kept_photos

        if self.photos:
            return self
        kept = kept_photos(workspace, workspace.id_of(self.name))
        faces = {**kept.chosen_faces, **self.chosen_faces}
        return replace(self, photos=kept.paths, chosen_faces=faces, reference=self.reference or kept.reference)

    def validated(self, app: EasyPhoto) -> TrainPerson:
        """Raises BadName, BadReference and TooFewPhotos as `CheckPhotos`, WrongKind where the name belongs to something
        of another kind, and RunBusy while a person of that name is being deleted.
        """
        from easyphoto.commands.at_work import settle

        self.called(app.workspace)
        id, check = app.workspace.id_of(self.name), self.with_photos(app.workspace).check.validated(app)
        # An interrupted deletion of an earlier person of that name must not delete the new one.
        settle(app, (id,))
        return replace(self, reference=check.reference)

    def called(self, workspace: Workspace) -> str:
        """Return the words that call a scene or an object; empty for a face. Raises BadSettings, WrongKind."""
        check_concept(self.concept, self.chosen_faces, self.reference)
        check_same_kind(workspace, workspace.id_of(self.name), self.concept)
        return words_of(workspace, self.name, self.concept, self.words)

    def run(self, app: EasyPhoto, context: Context) -> TrainedPerson:
        """Create the training environment first, if the host needs one and has none."""
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.training import learnt, prepared_run, trainer_of

        app, id = app.with_options(self.options), app.workspace.id_of(self.name)
        with at_work(app, (id,), context, known=False) as progress:
            self.called(app.workspace)
            # Before the photos are checked, so that a Python that cannot train is reported at once.
            python = trainer_of(app, context)
            # Only now: a training that waited before this one may have replaced the person.
            check, words = self.with_photos(app.workspace).check, self.called(app.workspace)
            prepared = prepared_run(app, self.name, check, self.settings, context, progress, words=words)
            return learnt(prepared, app, context, progress, python=python)
