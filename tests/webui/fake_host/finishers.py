"""The host's face restorer and upscalers; one whose file is missing gives back what it was given, and says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from tests.webui.fake_host.state import Errors


class FaceRestorer:
    def __init__(self, name: str = "GFPGAN"):
        self._name, self.has_file = name, True

    def name(self) -> str:
        return self._name

    def restore(self, picture: np.ndarray) -> np.ndarray:
        return 255 - picture if self.has_file else picture


class Scaler:
    """Enlarges by repeating pixels. Without its file a plain enlargement comes out, by way of an exception or not."""

    def __init__(self, errors: Errors):
        self._errors = errors
        self.has_file, self.says_so = True, True

    def upscale(self, picture: Image.Image, scale: float, selected_model: str | None = None) -> Image.Image:
        width, height = (int(side * scale) // 8 * 8 for side in picture.size)
        if not self.has_file:
            if self.says_so:
                self._errors.record(FileNotFoundError(f"no file {selected_model}"))
            return picture.resize((width, height), Image.Resampling.LANCZOS)
        return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.NEAREST)


class UpscalerData:
    def __init__(self, name: str, scaler: Any, scale: int):
        self.name, self.scaler, self.scale, self.data_path = name, scaler, scale, f"{name}.pth"
