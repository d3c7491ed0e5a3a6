"""One edition of the standalone page as an application of its own, below the path that the edition has."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.ui.client_files import FileDrop, gradio_folder
from easyphoto.ui.page import build_page

Message = MutableMapping[str, Any]


@dataclass
class MountedPage:
    app: FastAPI
    gradio: FastAPI
    """Gradio's application, which `app` has at the edition's path."""
    folder: Path
    """Gradio's folder for uploads."""
    _life: asyncio.Task[None] | None = field(default=None, init=False)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if self._life is None or self._life.done():
            self._life = asyncio.create_task(self._live())
        await self.app(scope, receive, send)

    async def _live(self) -> None:
        """Run gradio's lifespan, in which it forgets the sessions of closed pages, until the server ends.

        That of the whole mount would also start gradio's queue, which no event of the page uses: gradio 6 looks into it
        a thousand times a second, 3 % of a core for ever.
        """
        async with self.gradio.router.lifespan_context(self.gradio):
            await asyncio.Event().wait()


def mounted_page(service: Service, language: str, path: str) -> MountedPage:
    """Build the page in a language, mounted at `path`. Options that gradio's version lacks are omitted."""
    blocks, app = build_page(service, standalone=True, language=language).blocks, FastAPI()
    wanted = {"max_file_size": MOST_ARCHIVE, "show_error": False, "run_history": False, "ssr_mode": False}
    known = inspect.signature(gr.mount_gradio_app).parameters
    gr.mount_gradio_app(
        app, blocks, path=path or "/", **{name: value for name, value in wanted.items() if name in known}
    )
    # Gradio 6 checks that a path in an event was uploaded, and that it may show a picture, only after its own `launch`.
    blocks.has_launched = blocks.is_running = True
    folder = gradio_folder(next(each for each in blocks.blocks.values() if isinstance(each, FileDrop)))
    mounted: Any = app.routes[-1]
    return MountedPage(app, mounted.app, folder)
