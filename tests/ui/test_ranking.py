"""The order in which results are shown."""

from typing import Any

from easyphoto.ui.ranking import StageFile, embedder_of, ranked


def picture(file: str, *cosines: float | None, embedder: str = "sface") -> dict[str, Any]:
    known = [cosine for cosine in cosines if cosine is not None]
    return {
        "file": file,
        "template": "03-room",
        "seed": 7,
        "score": sum(known) / len(known) if known and len(known) == len(cosines) else None,
        "likeness": [None if one is None else {"embedder": embedder, "cosine": one} for one in cosines],
        "notes": ["Face 2 stays."],
        "stages": [{"name": "first pass", "file": f"{file}-1.jpg", "face": 0}],
    }


def test_the_most_like_comes_first_over_all_templates():
    found = ranked({"pictures": [picture("a.png", 0.5), picture("b.png", 0.3), picture("c.png", 0.8)]})

    assert [(one.rank, one.file, one.cosine) for one in found] == [
        (1, "c.png", 0.8), (2, "a.png", 0.5), (3, "b.png", 0.3),
    ]  # fmt: skip


def test_what_nobody_measured_comes_last_and_has_no_rank():
    found = ranked({"pictures": [picture("a.png", None), picture("b.png", 0.3), picture("c.png", 0.4, None)]})

    assert [(one.rank, one.file) for one in found] == [(1, "b.png"), (None, "a.png"), (None, "c.png")]


def test_equals_keep_the_order_in_which_they_were_made():
    found = ranked({"pictures": [picture("a.png", 0.5), picture("b.png", 0.5)]})

    assert [one.file for one in found] == ["a.png", "b.png"]


def test_values_of_different_embedders_are_not_ranked_together():
    found = ranked({"pictures": [picture("a.png", 0.3), picture("b.png", 0.9, embedder="drawn")]})

    assert [(one.rank, one.file, one.embedder) for one in found] == [
        (None, "a.png", "sface"), (None, "b.png", "drawn"),
    ]  # fmt: skip


def test_a_picture_measured_by_two_embedders_names_none():
    mixed = picture("a.png", 0.3, 0.5)
    mixed["likeness"][1]["embedder"] = "drawn"

    assert embedder_of(mixed) is None
    assert ranked({"pictures": [mixed]})[0].rank is None


def test_a_picture_keeps_its_notes_and_stages():
    found = ranked({"pictures": [picture("a.png", 0.5)]})[0]

    assert found.notes == ("Face 2 stays.",)
    assert found.stages == (StageFile("first pass", "a.png-1.jpg", 0),)


def test_a_job_without_a_result_has_no_pictures():
    assert ranked({}) == ()
