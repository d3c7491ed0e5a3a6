"""Run by the web UI's launcher at every start: looks whether what EasyPhoto imports in its process is there.

Installs nothing. What a web UI holds is pinned by it, and a package more is a pin less; what training needs lives in
an environment of its own, made from the tab. So this only says what is missing, in the launcher's output.
Standard library only, and never an error: the launcher would report EasyPhoto as broken for a missing picture library.
"""

import importlib.util
import sys
import traceback

OLDEST_PYTHON = (3, 10)
NEEDED = {
    "numpy": "numpy",
    "PIL": "Pillow",
    "cv2": "opencv-python",
    "tqdm": "tqdm",
    "torch": "torch",
    "safetensors": "safetensors",
}
"""What is imported, and the package that brings it. Every web UI this is written for has them all."""


def findings():
    """What stands in the way, a line each; empty where all is well. Imports nothing of it."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield "Python %d.%d is older than EasyPhoto can run on (%d.%d)." % (*sys.version_info[:2], *OLDEST_PYTHON)  # noqa: UP031
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        yield f"missing in the web UI's Python: {', '.join(missing)}. Install them there, then restart."


def main():
    try:
        for line in findings():
            sys.stdout.write(f"EasyPhoto: {line}\n")
    except Exception:
        sys.stdout.write(f"EasyPhoto: the look at what is installed failed.\n{traceback.format_exc()}")


main()
