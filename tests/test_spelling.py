"""What a misspelt name may have meant."""

from __future__ import annotations

import pytest

from easyphoto.spelling import known_names, meant, nearest


@pytest.mark.parametrize(
    ("written", "known", "found"),
    [
        ("trian", ("train", "check", "setup"), ("train",)),
        ("ANNA", ("anna", "ann"), ("anna",)),
        ("ana", ("anna", "ann", "ben"), ("anna", "ann")),
        ("-photos", ("--photos", "--captions"), ("--photos",)),
        ("--ranks", ("--rank", "--base"), ("--rank",)),
        ("xyz", ("anna", "ben"), ()),
        ("anna", (), ()),
    ],
)
def test_only_names_that_are_nearly_the_same_may_have_been_meant(
    written: str, known: tuple[str, ...], found: tuple[str, ...]
) -> None:
    assert nearest(written, known) == found


def test_at_most_three_may_have_been_meant() -> None:
    assert len(nearest("photo", [f"photo{number}" for number in range(9)])) == 3


def test_another_name_leads_to_the_one_that_counts() -> None:
    assert meant("Carla", ("anna", "ben"), also={"Carla": "ben"}) == ("Did you mean 'ben'?",)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ((), "There are none yet."),
        (("anna", "ben"), "Did you mean 'anna'? Known: anna, ben."),
        (("ben", "carl"), "Known: ben, carl."),
    ],
)
def test_the_advice_names_what_there_is(known: tuple[str, ...], said: str) -> None:
    assert known_names("ana", known) == said
