"""The faces of templates, detected once for each picture."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.architectures.registry import FAMILIES, family_named
from easyphoto.commands.engines import faces_of
from easyphoto.commands.templates import TemplateEntry
from easyphoto.faces.engine import Face
from easyphoto.geometry import Size
from easyphoto.images.decoding import upright_size
from easyphoto.inference.plan import prominence, why_untouched
from easyphoto.ui.assignments import Reasons, TemplateFaceChoice

MOST_KEPT = 200


@dataclass(frozen=True, eq=False)
class Found:
    """The faces of one template from the left, in pixels of a picture of `size`."""

    faces: tuple[Face, ...]
    size: Size
    covered: tuple[str | None, ...]
    """What covers each face; None: nothing."""

    def reasons(self, family: str | None) -> Reasons:
        """Return why that family cannot paint each face; None where it can."""
        known = family_named(family) if family else FAMILIES.default
        return tuple(why_untouched(face, self.size, known) for face in self.faces)

    def offer(self, family: str | None, *, with_covered: bool = False) -> TemplateFaceChoice:
        """Return the faces to choose from. Without `with_covered`, covered ones are assigned only by hand."""
        covered = [None] * len(self.faces) if with_covered else self.covered
        reasons = (why or hidden for why, hidden in zip(self.reasons(family), covered, strict=True))
        return TemplateFaceChoice(tuple(reasons), tuple(prominence(face) for face in self.faces))


class TemplateFaces:
    """Detects faces, and caches the result."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Found] = OrderedDict()

    def of(self, template: Path, app: EasyPhoto, domain: str | None = None) -> Found:
        """Return the faces found by that domain's engine, or the app's; another engine or detector detects anew."""
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
