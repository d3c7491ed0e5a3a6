"""The page as a part of our own server: gradio with its own guards on, in each of its versions."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.ui.client_files import FileDrop, gradio_folder


def mount_page(app: Any, blocks: gr.Blocks) -> Path:
    """Put it at the root; returns the folder for what comes in. What a version does not know it is not told."""
    wanted = {"max_file_size": MOST_ARCHIVE, "show_error": False, "run_history": False, "ssr_mode": False}
    known = inspect.signature(gr.mount_gradio_app).parameters
    gr.mount_gradio_app(app, blocks, path="/", **{name: value for name, value in wanted.items() if name in known})
    # Only after its own `launch` does gradio 6 ask whether a path that an event names was uploaded.
    blocks.has_launched = True
    return gradio_folder(next(each for each in blocks.blocks.values() if isinstance(each, FileDrop)))
