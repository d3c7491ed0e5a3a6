"""What a person's record keeps about likeness."""

from __future__ import annotations

from easyphoto.faces.engine import Likeness
from easyphoto.persons.folder import likeness_record


def test_a_persons_record_keeps_shares_rounded_and_says_none_where_nobody_can_tell() -> None:
    known = Likeness("auraface", 0.712345, percentile=66.6667, strangers=99.95)
    unknown = Likeness("auraface", 0.5)

    assert likeness_record(known) == {"embedder": "auraface", "cosine": 0.7123, "percentile": 66.7, "strangers": 100.0}
    assert likeness_record(unknown) == {"embedder": "auraface", "cosine": 0.5, "percentile": None, "strangers": None}
    assert likeness_record(None) is None
