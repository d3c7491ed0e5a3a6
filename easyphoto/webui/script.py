"""The always-on script: a panel in txt2img and img2img that puts a person into generated pictures.

It also stops the host from painting while its device is lent to a training.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from PIL import Image

from easyphoto.errors import EasyPhotoError
from easyphoto.progress import Cancelled
from easyphoto.webui.lending import busy, lent_for
from easyphoto.webui.options import workspace_folder
from easyphoto.webui.refusals import refuse, say
from easyphoto.webui.script_persons import id_of
from easyphoto.webui.script_request import NAME, ScriptRequest, script_request_from

FAILURE, LIKENESS = f"{NAME} failure", f"{NAME} likeness"
_OUTCOMES = (FAILURE, LIKENESS)
_SAID = "easyphoto_said"
"""Attribute of the host's job: the failures that it has been told."""
_log = logging.getLogger(__name__)


def script_class(scripts: Any) -> type:
    """Return the script's class, derived from the host's own class, which exists only inside a host."""

    # From 1.9 on; before it, the script sees only the crop of an inpainted picture.
    pastes_first = hasattr(scripts.Script, "postprocess_image_after_composite")

    class EasyPhotoScript(scripts.Script):
        def title(self) -> str:
            return NAME

        def show(self, is_img2img: bool) -> Any:
            return scripts.AlwaysVisible

        def ui(self, is_img2img: bool) -> list[Any]:
            from easyphoto.webui.script_panel import build_panel

            fold = build_panel("img2img" if is_img2img else "txt2img")
            self.infotext_fields, self.paste_field_names = fold.infotext_fields, fold.paste_field_names
            return fold.controls

        def before_process(self, p: Any, *arguments: Any) -> None:
            what_for = lent_for()
            if what_for is not None:
                refuse(p, busy(what_for))

        def process(self, p: Any, *arguments: Any) -> None:
            announce(p, arguments)

        def postprocess_image(self, p: Any, pp: Any, *arguments: Any) -> None:
            if not pastes_first:
                pp.image = portrait_or_same(p, pp.image, arguments)

        def postprocess_image_after_composite(self, p: Any, pp: Any, *arguments: Any) -> None:
            """Run after the inpainted crop is pasted back; before that, "only masked" would show only the crop."""
            pp.image = portrait_or_same(p, pp.image, arguments)

    return EasyPhotoScript


def asked_for(arguments: tuple[Any, ...]) -> ScriptRequest | None:
    """Return what the panel or a client asks for, with the person's id; None if the script is off."""
    wanted = script_request_from(arguments)
    return None if wanted is None else replace(wanted, person=id_of(wanted.person))


def announce(p: Any, arguments: tuple[Any, ...]) -> None:
    """Set the infotext for all pictures of the job: what was requested, or why it cannot be done."""
    try:
        wanted = asked_for(arguments)
    except EasyPhotoError as error:
        failed(p, str(error))
        return
    if wanted is not None:
        p.extra_generation_params.update(wanted.infotext())


def portrait_or_same(p: Any, picture: Image.Image, arguments: tuple[Any, ...]) -> Image.Image:
    """Return the picture with the person; unchanged if the script is off, or with a message if it fails."""
    for outcome in _OUTCOMES:
        p.extra_generation_params.pop(outcome, None)
    try:
        wanted = asked_for(arguments)
        return picture if wanted is None else portrait(p, picture, wanted)
    except EasyPhotoError as error:
        failed(p, str(error))
    except Cancelled:
        failed(p, "it was stopped.")
    except Exception as error:
        _log.exception("EasyPhoto could not put a person into a generated picture")
        failed(p, f"a fault of EasyPhoto, {type(error).__name__}: {error}. The web UI's log has the details.")
    return picture


def portrait(p: Any, picture: Image.Image, wanted: ScriptRequest) -> Image.Image:
    from easyphoto.webui.insert import put_into
    from easyphoto.webui.service import open_service

    with open_service().app.at_hand() as app:
        made = put_into(app, p, picture, wanted)
    if made.score is not None:
        p.extra_generation_params[LIKENESS] = f"{made.score:.2f}"
    for note in made.notes:
        say(p, f"{NAME}: {note}")
    return made.image


def failed(p: Any, why: str) -> None:
    """Report the failure below the picture, in its infotext and in the log; the picture stays as generated.

    A job of many pictures says a reason once. The workspace's path is removed, because pictures are passed on with
    their infotext.
    """
    told = why.replace(str(workspace_folder()), "the workspace")
    p.extra_generation_params[FAILURE] = " ".join(told.split())
    said = vars(p).setdefault(_SAID, set())
    if told not in said:
        said.add(told)
        _log.warning("A generated picture was left as it is: %s", why)
        say(p, f"{NAME} left the picture as it was generated: {told}")
