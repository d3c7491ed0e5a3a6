"""What Schemathesis sends to the import of a person: an export, whole, changed, cut off, or something else."""

from __future__ import annotations

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

ARCHIVE = "EASYPHOTO_TRIAL_ARCHIVE"
"""Names the export; a process of its own reads it."""


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    content = bytearray(Path(os.environ[ARCHIVE]).read_bytes())
    match draw(st.sampled_from(["whole", "bytes", "cut", "other"])):
        case "bytes":
            for _ in range(draw(st.integers(1, 9))):
                content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
        case "cut":
            return bytes(content[: draw(st.integers(0, len(content)))])
        case "other":
            return draw(st.binary(max_size=200))
    return bytes(content)


schemathesis.openapi.media_type("application/zip", archives())
