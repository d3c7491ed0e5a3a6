"""A result of ours to the host's other tabs, through the host's own "Send to" mechanism."""

from __future__ import annotations

from easyphoto.ui.sending import SendTargets
from easyphoto.webui.host_modules import host_module, host_module_or_none


def bind_sends(send: SendTargets) -> None:
    """Each button sends the picture that is shown. To be called while the host builds its page.

    A button whose tab the host has not stays without effect: the host would
    otherwise fail at its whole page.
    """
    infotext = host_module_or_none("infotext_utils") or host_module("generation_parameters_copypaste")
    for tab, button in send.buttons.items():
        if tab in infotext.paste_fields:
            infotext.register_paste_params_button(
                infotext.ParamBinding(paste_button=button, tabname=tab, source_image_component=send.picture)
            )
