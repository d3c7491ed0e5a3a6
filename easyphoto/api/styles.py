"""Styles over HTTP: list, preview, favourites. They are everybody's, as templates are."""

from dataclasses import dataclass

from fastapi import Query
from fastapi.responses import StreamingResponse

from easyphoto.api.errors import UnknownFile
from easyphoto.api.gallery_schemas import DamagedStyleAnswer, StyleAnswer, StylesAnswer
from easyphoto.api.paths import told
from easyphoto.api.schemas import FavouriteRequest
from easyphoto.api.sending import file_answer
from easyphoto.architectures.registry import family_named
from easyphoto.commands.styles import StyleEntry, listed_styles
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.styles import mark_style, read_styles, style_named

FAMILY = Query(None, max_length=60, description="Only those for this type of model, such as `sd15`.")
GROUP = Query(None, max_length=60, description="Only those of this group, such as `travel`.")
SEARCH = Query(None, max_length=200, description="Only those with all of these words, in English or Chinese.")


@dataclass(frozen=True)
class StyleRoutes:
    service: Service

    def list(self, family: str | None = FAMILY, group: str | None = GROUP, search: str | None = SEARCH) -> StylesAnswer:
        """Favourites first, then those that ship, by group, then the user's own."""
        wanted = family_named(family).id if family else ""
        styles = read_styles(self._workspace)
        found = listed_styles(self._workspace, styles.usable, family=wanted, group=group or "", search=search or "")
        damaged = [DamagedStyleAnswer(file=one.file, reason=told(one.reason)) for one in styles.damaged]
        return StylesAnswer(styles=[_answer(entry) for entry in found], damaged=damaged)

    def preview(self, id: str) -> StreamingResponse:
        style = style_named(self._workspace, id)
        missing = UnknownFile(
            text("No preview of {name} was drawn yet.", name=style.name),
            advice=text("POST /styles:preview draws some."),
        )
        if style.preview is None:
            raise missing
        return file_answer(style.preview, gone=missing)

    def mark(self, id: str, request: FavouriteRequest) -> StyleAnswer:
        """Make it a favourite, which lists show first."""
        return self._marked(id, wanted=True)

    def unmark(self, id: str) -> StyleAnswer:
        return self._marked(id, wanted=False)

    def _marked(self, id: str, *, wanted: bool) -> StyleAnswer:
        style = style_named(self._workspace, id)
        return _answer(StyleEntry(style, mark_style(self._workspace, style, wanted=wanted)))

    @property
    def _workspace(self) -> Workspace:
        return self.service.app.workspace


def _answer(entry: StyleEntry) -> StyleAnswer:
    return StyleAnswer(**entry.facts)
