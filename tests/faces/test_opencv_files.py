"""Networks that OpenCV runs, opened from paths that OpenCV cannot open everywhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from easyphoto.errors import WeightsMissing
from easyphoto.faces.opencv_files import created, reading
from easyphoto.faces.yunet import YuNet
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore


def test_where_a_path_with_other_letters_cannot_be_opened_the_bytes_are_handed_over(tmp_path: Path) -> None:
    given: list[tuple[object, ...]] = []

    def as_on_windows(*arguments: object) -> str:
        given.append(arguments)
        if isinstance(arguments[0], str) and not arguments[0].isascii():
            raise cv2.error("cannot open the file")
        return "network"

    file = tmp_path / "人像" / "net.onnx"
    file.parent.mkdir()
    file.write_bytes(b"abc")

    assert created(as_on_windows, file, (640, 640)) == "network"
    assert given[0] == (str(file), "", (640, 640))
    framework, content, config, size = given[1]
    assert (framework, size) == ("onnx", (640, 640))
    assert isinstance(content, np.ndarray)
    assert isinstance(config, np.ndarray)
    assert (content.tobytes(), config.size) == (b"abc", 0)


@pytest.mark.skipif(not os.environ.get("EASYPHOTO_WEIGHTS_MIRROR"), reason="EASYPHOTO_WEIGHTS_MIRROR is not set")
def test_yunet_opens_in_a_folder_with_other_letters(tmp_path: Path) -> None:
    file = WeightStore(tmp_path / "store", default_mirrors()).find("yunet")
    if file is None:
        pytest.skip("the mirror holds no YuNet")
    (tmp_path / "人像").mkdir()
    shutil.copy(file, tmp_path / "人像" / "net.onnx")

    YuNet(tmp_path / "人像" / "net.onnx")


def test_what_opencv_cannot_read_is_named_and_its_log_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no network")
    log = getattr(cv2.utils, "logging", cv2)
    before = log.getLogLevel()

    with pytest.raises(WeightsMissing, match=r"net\.onnx cannot be read by OpenCV as YuNet"):
        YuNet(tmp_path / "net.onnx")
    with pytest.raises(WeightsMissing), reading(tmp_path / "net.onnx", "anything"):
        raise OSError("no rights")

    assert log.getLogLevel() == before
