"""Checks photos before a training: one verdict for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, Subjects, described, uploads_among
from easyphoto.commands.concepts import KIND, check_concept
from easyphoto.errors import TooFewPhotos
from easyphoto.messages import text
from easyphoto.settings.options import Options
from easyphoto.settings.training import PreprocessSettings
from easyphoto.workspace.person_record import FACE, KINDS

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.architectures.base import Family
    from easyphoto.faces.engine import FaceEngine
    from easyphoto.preprocess.verdict import Check
    from easyphoto.progress import Progress
    from easyphoto.workspace.folders import Workspace

NAME = "The person; their id is made from the name: anna for Anna, anna-schmidt for Anna Schmidt."
REFERENCE = "The photo that shows the person best (default: chosen among those that look like the others)."


@dataclass(frozen=True)
class CheckPhotos(Command):
    """Give a verdict for every photo; nothing is written."""

    kind: ClassVar[str] = "check"
    photos: tuple[Path, ...]
    chosen_faces: Mapping[str, int] = field(default_factory=dict)
    """File name → number of the face, from 1."""
    reference: str | None = field(default=None, metadata=described(REFERENCE, least=1, most=255))
    """Its file name."""
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    options: Options | None = field(default=None, metadata=UNRECORDED)
    concept: str = field(default=FACE, metadata=described(KIND, key="kind", choices=KINDS))

    @property
    def title(self) -> str:
        return text("check {count} photos", count=len(self.photos))

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((), uploads_among(self.photos, workspace))

    def validated(self, app: EasyPhoto) -> CheckPhotos:
        """Raises BadReference if the reference is not among the photos; the check says whether it is kept."""
        from easyphoto.preprocess.reference import wanted_photo

        check_concept(self.concept, self.chosen_faces, self.reference)
        return replace(self, reference=wanted_photo(self.photos, self.reference))

    def run(self, app: EasyPhoto, context: Context) -> Check:
        """Raises BadReference if the reference is not kept, TooFewPhotos if there are no photos."""
        app = app.with_options(self.options)
        check_concept(self.concept, self.chosen_faces, self.reference)
        engine = app.engine_for(self.photos, context) if self.concept == FACE else None
        return self.verdicts(engine, app.family.for_kind(self.concept), context)

    def verdicts(self, engine: FaceEngine | None, family: Family, progress: Progress) -> Check:
        """Return the verdicts of this engine for a training of this family; without one no face is looked for."""
        from easyphoto.preprocess.check import check_photos
        from easyphoto.preprocess.concept_check import check_pictures

        if engine is None:
            return check_pictures(self.photos, self.concept, family, self.preprocess, progress)
        return check_photos(
            self.photos,
            engine,
            family,
            self.preprocess,
            progress,
            chosen_faces=self.chosen_faces,
            reference=self.reference,
        )


def no_photo_kept(check: Check) -> TooFewPhotos:
    """The error of whoever needs at least one photo, and says by how many each reason set photos aside."""
    return TooFewPhotos(check.none_kept, advice=text("Add sharp photos that show one face well, then try again."))
