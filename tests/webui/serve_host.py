"""`python serve_host.py DATA PORT BLOCKED…`: a page of gradio, launched in the words of AUTOMATIC1111 and Forge.

The working directory is the web UI's folder. BLOCKED are the folders that EasyPhoto asks gradio to keep back.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import gradio as gr


def main(data: str, port: str, *blocked: str) -> None:
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.Textbox()
    # webui.py: allowed_paths=cmd_opts.gradio_allowed_path, whose default is [data_path].
    demo.launch(server_port=int(port), share=False, quiet=True, prevent_thread_lock=True, allowed_paths=[data])
    if blocked:
        from easyphoto.webui.served_files import keep_out

        keep_out(demo, *(Path(folder) for folder in blocked))
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
