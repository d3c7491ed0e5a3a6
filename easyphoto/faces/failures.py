"""Names for what the packages that run face networks raise."""

from __future__ import annotations

from easyphoto.errors import EasyPhotoError, EnvironmentFailure, OutOfMemory
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text


def failure_of(network: str, error: BaseException) -> EasyPhotoError:
    """OutOfMemory, or EnvironmentFailure where the network does not take what it is given."""
    if ran_out_of_memory(error):
        return OutOfMemory(
            text("There is not enough memory for {network}.", network=network),
            advice=text("Close other programs, or take a smaller picture."),
        )
    return EnvironmentFailure(
        text("{name} failed: {reason}.", name=network, reason=first_line(error)),
        advice=text("Its file may be another network: easyphoto weights check"),
    )


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
