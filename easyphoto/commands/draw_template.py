"""Draws a template from a prompt."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, described
from easyphoto.commands.templates import new_template
from easyphoto.messages import text
from easyphoto.settings.options import Options
from easyphoto.storage.records import utc_now

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto

MOST_STEPS, MOST_SEED = 150, 2**32 - 1


@dataclass(frozen=True)
class DrawTemplate(Command):
    """Draw a template; it becomes one of the user's own."""

    kind: ClassVar[str] = "template"
    name: str = field(metadata=described(least=1, most=200))
    prompt: str = field(metadata=described(least=1, most=20_000))
    negative: str = field(default="", metadata=described(most=20_000))
    size: tuple[int, int] = (512, 640)
    """Width and height in pixels."""
    seed: int = field(default=0, metadata=described(least=0, most=MOST_SEED))
    steps: int = field(default=30, metadata=described(least=1, most=MOST_STEPS))
    options: Options | None = field(default=None, metadata=UNRECORDED)

    @property
    def title(self) -> str:
        return text("draw {name}", name=self.name)

    def validated(self, app: EasyPhoto) -> DrawTemplate:
        """Raises BadName without a name, and NameTaken if it is in use."""
        new_template(app.workspace, self.name)
        return self

    def run(self, app: EasyPhoto, context: Context) -> Path:
        """Return the template's file. Raises NameTaken if the name is in use."""
        from easyphoto.backends.base import GenerateRequest
        from easyphoto.geometry import Size
        from easyphoto.images.pictures import MADE_BY, DigitalSource, write_picture

        app = app.with_options(self.options)
        # Once more: a drawing that waited before this one may have taken the name.
        target = new_template(app.workspace, self.name)
        request = GenerateRequest(
            Size(*self.size), prompt=self.prompt, negative=self.negative, seed=self.seed, steps=self.steps
        )
        with closing(app.open_backend()) as backend:
            drawn = backend.generate(request, context)
        words = {"prompt": self.prompt, "negative": self.negative, "seed": drawn.seed}
        record = {"made_by": MADE_BY, "created": utc_now(), **words}
        return write_picture(target, drawn.image, record, source=DigitalSource.DRAWN)
