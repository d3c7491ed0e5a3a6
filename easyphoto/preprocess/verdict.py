"""The verdict on a photo: kept, or set aside with a reason and advice that the user can follow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from easyphoto.faces.engine import Covering, Face
from easyphoto.messages import Text, joined, note, text
from easyphoto.workspace.person_record import FACE

NOT_CHECKED = note("identity-not-checked", "identity not checked")
"""The note on each photo where it could not be checked whether it shows somebody else."""

NOT_ASSURED = "reference-not-assured"
"""The code of the note that the identity of the reference photo could not be checked."""


class Reason(str, Enum):
    """Why a photo was set aside."""

    NO_FACE = "no face"
    TOO_SMALL = "too small"
    SEVERAL_FACES = "several faces"
    SOMEONE_ELSE = "someone else"
    NEAR_DUPLICATE = "near-duplicate"
    BLURRED = "blurred"
    UNREADABLE = "unreadable"
    NOT_AMONG_BEST = "not among the best"
    PARTIAL_FACE = "partial face"
    COVERED = "covered"


@dataclass(frozen=True, eq=False)
class Verdict:
    """One photo, measured and judged."""

    photo: str
    path: Path
    kept: bool
    reason: Reason | None
    explanation: Text
    advice: Text
    rotation: int = 0
    """Degrees clockwise by which the picture is turned upright, after its EXIF tag: 0, 90, 180 or 270."""
    face: Face | None = None
    """The judged face, in pixels of the upright picture at its full size."""
    sharpness: float = 0.0
    exposure: float = 0.0
    angle: float = 0.0
    identity: float | None = None
    quality: float = 0.0
    duplicate_of: str | None = None
    notes: tuple[Text, ...] = ()
    incomparable: bool = False
    """Whether it is of another kind than the other photos (drawn, photographed): it ranks last and is no reference."""
    faces: tuple[Face, ...] = ()
    """Every face found, largest first; their order gives the numbers on the sheet."""
    covering: Covering | None = None
    """What hides the judged face's eyes or mouth; None where nothing does or it is unknown."""

    @property
    def rank(self) -> float:
        """The value by which photos are ranked; without an embedder all identities count alike."""
        if self.incomparable:
            return 0.0
        return (1.0 if self.identity is None else max(self.identity, 0.0)) * self.quality

    def record(self) -> dict[str, Any]:
        return {
            "photo": self.photo,
            "kept": self.kept,
            "reason": self.reason.value if self.reason else None,
            "explanation": self.explanation,
            "advice": self.advice,
            "rotation": self.rotation,
            "face": _face_record(self.face),
            "faces": [_face_record(face) for face in self.faces],
            "sharpness": round(self.sharpness, 4),
            "exposure": round(self.exposure, 4),
            "angle": round(self.angle, 4),
            "identity": None if self.identity is None else round(self.identity, 4),
            "quality": round(self.quality, 4),
            "duplicate_of": self.duplicate_of,
            "covering": self.covering.words if self.covering else None,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class Check:
    """The verdicts of a set of photos, in the order they were given."""

    verdicts: tuple[Verdict, ...]
    reference: str | None
    """File name of the kept photo that shows the person best from the front."""
    engine: str
    domain: str
    embedder: str | None
    notes: tuple[str, ...]
    seconds: float
    decided: str = ""
    """Why the photos were assigned to that domain: by request, or by the number of faces that look so."""
    reference_assured: bool = False
    """Whether the reference is known to show the right person: by an embedder, or because the user said so."""
    reference_chosen: bool = False
    """Whether the user chose the reference."""
    kind: str = FACE
    """What the photos show, one of KINDS. Of a scene or an object no engine judged, and `engine` and `domain` are
    empty."""

    @property
    def kept(self) -> tuple[Verdict, ...]:
        """The kept photos, best first."""
        return tuple(sorted((v for v in self.verdicts if v.kept), key=lambda v: (-v.rank, v.photo)))

    @property
    def none_kept(self) -> str:
        """The message where no photo was kept: the number of photos, and the count of each reason."""
        reasons = Counter(verdict.reason.value for verdict in self.verdicts if verdict.reason)
        counted = joined(
            text("{count} × {reason}", count=count, reason=reason) for reason, count in reasons.most_common()
        )
        return text("None of the {count} photos can be used: {reasons}.", count=len(self.verdicts), reasons=counted)

    @property
    def question(self) -> Verdict | None:
        """The reference photo to ask the user about, where it could not be checked that it shows the person."""
        if self.reference_assured or self.kind != FACE:
            return None
        return next((verdict for verdict in self.verdicts if verdict.photo == self.reference), None)

    @property
    def identity_words(self) -> Text:
        """Whether other persons were looked for, in words."""
        if self.kind != FACE:
            return text("faces were not looked for")
        kept = self.kept
        if self.embedder is None or (kept and all(verdict.identity is None for verdict in kept)):
            return NOT_CHECKED
        if any(NOT_CHECKED in verdict.notes for verdict in self.verdicts):
            return text("ranked with {embedder}, identity not checked", embedder=self.embedder)
        if self.question is not None:
            return text("compared with {embedder}, without a clear result", embedder=self.embedder)
        return text("identity checked with {embedder}", embedder=self.embedder)

    def record(self) -> dict[str, Any]:
        return {
            "kept": [verdict.photo for verdict in self.kept],
            "kind": self.kind,
            "reference": self.reference,
            "reference_assured": self.reference_assured,
            "reference_chosen": self.reference_chosen,
            "engine": self.engine,
            "domain": self.domain,
            "decided": self.decided,
            "embedder": self.embedder,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "verdicts": [verdict.record() for verdict in self.verdicts],
        }


def question_about(person: str | None) -> Text:
    """The question beside a reference photo that could not be checked."""
    return text("Is this {name}?", name=person) if person else text("Is this the person you mean?")


def _face_record(face: Face | None) -> dict[str, Any] | None:
    if face is None:
        return None
    box = face.box
    return {
        "box": [round(value, 1) for value in (box.left, box.top, box.right, box.bottom)],
        "points": [[round(float(x), 1), round(float(y), 1)] for x, y in face.points],
        "score": round(face.score, 4),
    }
