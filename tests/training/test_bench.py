"""The comparison with a plain loop: that it runs, and says what it should."""

from __future__ import annotations

import pytest

from easyphoto.bench.trainer import TrainerComparison, compare
from easyphoto.progress import NullProgress
from easyphoto.settings.training import TrainSettings


def test_the_ratio_counts_the_caching_and_the_step_ratio_does_not():
    found = TrainerComparison(ours=(1.0, 1.0), plain=(4.0, 4.0), caching=2.0, pictures=4)

    assert (found.ratio, found.ratio_step) == (0.5, 0.25)
    assert "0.50 with caching, 0.25 a step" in found.table()


@pytest.mark.parametrize("base", ["tiny_base", "tiny_sdxl"])
def test_both_loops_run_on_the_same_model(base: str, request: pytest.FixtureRequest):
    settings = TrainSettings(batch=2, resolution=128)

    found = compare(str(request.getfixturevalue(base)), steps=2, progress=NullProgress(), settings=settings)

    assert (len(found.ours), len(found.plain), found.record()["steps"]) == (2, 2, 2)
