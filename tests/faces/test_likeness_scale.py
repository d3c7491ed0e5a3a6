"""Shares of the person's own photos and of strangers, and the file that keeps a measured scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from easyphoto.errors import InputError
from easyphoto.faces.engine import LikenessScale
from easyphoto.faces.likeness_scale import (
    kept_scale,
    measured_scale,
    own_cosines,
    own_percentile,
    read_scale,
    scale_file,
    share_below,
    share_words,
    write_scale,
)

STRANGERS = [index / 200 for index in range(201)]
"""201 pairs, evenly from 0 to 1."""


def test_the_limit_is_what_one_pair_of_strangers_in_a_hundred_reaches() -> None:
    scale = measured_scale("tiny", STRANGERS, "a test")

    assert scale.same_person_limit == pytest.approx(0.99)
    assert len(scale.strangers) == 101
    assert (scale.strangers[0], scale.strangers[50], scale.strangers[100]) == (0.0, 0.5, 1.0)


def test_fewer_than_a_hundred_pairs_cannot_show_one_in_a_hundred() -> None:
    with pytest.raises(InputError, match="99 pairs of strangers are too few"):
        measured_scale("tiny", STRANGERS[:99], "a test")


@pytest.mark.parametrize(("cosine", "share"), [(-1.0, 0.0), (0.25, 25.0), (0.755, 75.5), (2.0, 100.0)])
def test_the_share_of_strangers_below_grows_with_the_cosine(cosine: float, share: float) -> None:
    assert share_below([index / 100 for index in range(101)], cosine) == pytest.approx(share)


def test_without_strangers_nobody_can_tell() -> None:
    assert share_below((), 0.9) is None
    assert share_words(None) == "cannot tell"
    assert share_words(99.6) == "100 %"


def test_each_photo_is_compared_with_the_mean_of_the_others() -> None:
    right, up = np.array([2.0, 0.0]), np.array([0.0, 5.0])

    # Lengths do not count: the mean of `right` and `up` lies at 45 degrees.
    assert own_cosines([right, right, up]) == pytest.approx([0.7071, 0.7071, 0.0], abs=1e-4)
    assert own_cosines([right, up]) == ()


@pytest.mark.parametrize(("cosine", "percentile"), [(-0.5, 0.0), (0.5, 100 / 3), (0.8, 100.0)])
def test_the_percentile_counts_the_own_photos_that_are_less_alike(cosine: float, percentile: float) -> None:
    right, up = np.array([1.0, 0.0]), np.array([0.0, 1.0])

    assert own_percentile([right, right, up], cosine) == pytest.approx(percentile)
    assert own_percentile([right, up], cosine) is None


def test_photos_that_are_just_as_alike_count_half() -> None:
    right, up = np.array([1.0, 0.0]), np.array([0.0, 1.0])

    # The photos' own cosines are 0.7071 twice and 0.
    assert own_percentile([right, right, up], 0.5**0.5) == pytest.approx(200 / 3)
    assert own_percentile([right, right, right], 1.0) == pytest.approx(50.0)


def test_a_kept_scale_is_read_back(tmp_path: Path) -> None:
    scale = measured_scale("tiny", STRANGERS, "a test")

    write_scale(tmp_path / "tiny.json", scale, pairs=201, sha256="ab")

    assert read_scale(tmp_path / "tiny.json", sha256="ab") == scale


def test_a_scale_of_another_weight_file_does_not_count(tmp_path: Path) -> None:
    write_scale(tmp_path / "tiny.json", measured_scale("tiny", STRANGERS, "a test"), pairs=201, sha256="ab")

    assert read_scale(tmp_path / "tiny.json", sha256="cd") is None
    assert read_scale(tmp_path / "none.json", sha256="ab") is None


def test_what_was_measured_here_comes_before_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from easyphoto.faces import likeness_scale

    monkeypatch.setattr(likeness_scale, "models_folder", lambda: tmp_path / "shipped")
    shipped = LikenessScale("tiny", tuple(np.linspace(0, 1, 101)), 0.5, "shipped")
    write_scale(scale_file(tmp_path / "shipped", "tiny"), shipped, pairs=201, sha256="ab")

    assert kept_scale(tmp_path / "weights", "tiny", sha256="ab") == shipped

    write_scale(
        scale_file(tmp_path / "weights", "tiny"), measured_scale("tiny", STRANGERS, "here"), pairs=201, sha256="ab"
    )
    found = kept_scale(tmp_path / "weights", "tiny", sha256="ab")
    assert found is not None
    assert found.source == "here"
    assert kept_scale(tmp_path / "weights", "other", sha256="ab") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"format": 2}', "unknown format"),
        ("no json", "cannot be read"),
        ('{"format": 1}', r"not a likeness scale.*easyphoto bench strangers"),
        ('{"format": 1, "strangers": [1, 2, 3]}', "not 101 ascending quantiles"),
    ],
)
def test_a_file_that_is_no_scale_is_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "tiny.json").write_text(content)

    with pytest.raises(InputError, match=rf"tiny\.json.*{words}"):
        read_scale(tmp_path / "tiny.json", sha256="ab")
