"""What a command's plain fields become in the API's schemas."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import Any

import pydantic
import pytest

from easyphoto.api.models import request_model
from easyphoto.commands.base import described


def model_of(hint: Any, **said: Any) -> Any:
    return request_model(make_dataclass("Greet", [("value", hint, field(metadata=described("It.", **said)))]), {})


@pytest.mark.parametrize(
    ("model", "good", "bad"),
    [
        (model_of(bool), True, "yes"),
        (model_of(int, least=1, most=3), 3, 4),
        (model_of(float, least=0, most=1), 0.5, 1.5),
        (model_of(str, least=1, most=3), "abc", ""),
    ],
    ids=["bool", "int", "float", "str"],
)
def test_a_field_takes_values_of_its_own_type_and_within_its_bounds(model: Any, good: object, bad: object) -> None:
    assert model(value=good).value == good
    with pytest.raises(pydantic.ValidationError):
        model(value=bad)


@pytest.mark.parametrize("hint", [str, tuple[int, int]])
def test_a_field_that_nobody_can_send_as_it_is_is_refused_when_the_model_is_made(hint: Any) -> None:
    with pytest.raises(TypeError, match=r"Greet\.value is .* say in what form it is sent"):
        model_of(hint)
