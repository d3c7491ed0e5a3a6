"""Progress of several parts, one after another."""

from easyphoto.progress import TurnProgress
from tests.fakes import RecordingProgress


def test_of_several_parts_each_is_a_share_of_the_whole():
    whole = RecordingProgress()

    TurnProgress(whole, 0, 3).step(200, 200, "first")
    TurnProgress(whole, 1, 3).step(0, 0, "loading")
    TurnProgress(whole, 1, 3).step(50, 200, "second")
    TurnProgress(whole, 2, 3).step(400, 400, "third")

    assert whole.steps == [(100, 300, "first"), (100, 300, "loading"), (125, 300, "second"), (300, 300, "third")]


def test_a_single_part_counts_as_it_does():
    whole = RecordingProgress()

    TurnProgress(whole, 0, 1).step(50, 200, "only")

    assert whole.steps == [(50, 200, "only")]
