"""Templates over HTTP: those that ship, and the user's own."""

from dataclasses import dataclass

from fastapi import Response
from fastapi.responses import StreamingResponse

from easyphoto.api.answers import template_answer
from easyphoto.api.errors import UnknownTemplate
from easyphoto.api.gallery_schemas import TemplateAnswer, TemplatesAnswer
from easyphoto.api.intake import find_template, picture_content
from easyphoto.api.schemas import DeletedAnswer, TemplateRequest
from easyphoto.api.sending import file_answer
from easyphoto.api.verbs import PREFIX
from easyphoto.jobs.service import Service
from easyphoto.messages import text


@dataclass(frozen=True)
class TemplateRoutes:
    service: Service

    def list(self) -> TemplatesAnswer:
        """Those that ship, then the user's own."""
        return TemplatesAnswer(templates=[template_answer(entry) for entry in self.service.templates()])

    def add(self, request: TemplateRequest, response: Response) -> TemplateAnswer:
        """Keep a picture as one of the user's own templates."""
        # Only the content is needed; kept as an upload, the picture would outlive the template.
        entry = self.service.add_template(request.name, picture_content(self.service, request.picture))
        response.headers["Location"] = f"{PREFIX}/templates/{entry.id}/picture"
        return template_answer(entry)

    def picture(self, id: str) -> StreamingResponse:
        file = find_template(self.service, id).path
        return file_answer(file, gone=UnknownTemplate(text("The template {id!r} is gone.", id=id)))

    def delete(self, id: str) -> DeletedAnswer:
        """Delete one of the user's own templates."""
        find_template(self.service, id)
        return DeletedAnswer(deleted=[f"templates/{self.service.delete_template(id).name}"])
