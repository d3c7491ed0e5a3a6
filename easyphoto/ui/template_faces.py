"""The faces of templates, found once for each picture."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import FAMILIES, family_named
from easyphoto.commands.engines import faces_of
from easyphoto.faces.engine import Face
from easyphoto.geometry import Size
from easyphoto.images.decoding import upright_size
from easyphoto.inference.plan import prominence, why_untouched
from easyphoto.jobs.service import TemplateEntry
from easyphoto.ui.assignments import Reasons, TemplateFaceChoice

MOST_KEPT = 200


@dataclass(frozen=True, eq=False)
class Found:
    """The faces of one template from the left, in the pixels of a picture of `size`."""

    faces: tuple[Face, ...]
    size: Size
    covered: tuple[str | None, ...]
    """What hides each face; None where nothing does."""

    def reasons(self, family: str | None) -> Reasons:
        """Why each face cannot be done by that family; None where it can."""
        known = family_named(family) if family else FAMILIES.default
        return tuple(why_untouched(face, self.size, known) for face in self.faces)

    def offer(self, family: str | None, *, with_covered: bool = False) -> TemplateFaceChoice:
        """A covered face can be done, but without `with_covered` nobody gets it who was not given it by hand."""
        covered = [None] * len(self.faces) if with_covered else self.covered
        reasons = (why or hidden for why, hidden in zip(self.reasons(family), covered, strict=True))
        return TemplateFaceChoice(tuple(reasons), tuple(prominence(face) for face in self.faces))


class TemplateFaces:
    """Looks for faces, and remembers what it found."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Found] = OrderedDict()

    def of(self, template: Path, app: EasyPhoto, domain: str | None = None) -> Found:
        """As the engine of that domain finds them, or the app's own; another engine or detector looks again."""
        key = template, template.stat().st_mtime_ns, app.options.engine, app.options.faces, app.options.weights, domain
        if key not in self._known:
            faces, covered = faces_of(app, template, domain=domain)
            self._known[key] = Found(faces, Size(*upright_size(template)), covered)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return self._known[key]

    def all_of(
        self, templates: Sequence[TemplateEntry], app: EasyPhoto, domain: str | None = None
    ) -> Mapping[str, Found]:
        return {entry.id: self.of(entry.path, app, domain) for entry in templates}
