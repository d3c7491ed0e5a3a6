"""What EasyPhoto tells the web UI when its scripts are loaded: a tab, routes, settings, and an always-on script.

Nothing that goes wrong here reaches the page or the other extensions: it is in the log, and in the tab in words.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from easyphoto.webui.host_modules import host_module, host_module_or_none

if TYPE_CHECKING:
    from easyphoto.ui.photograph_layout import SendTargets

TITLE, TAB = "EasyPhoto", "easyphoto"
_log = logging.getLogger(__name__)


def register() -> type:
    """Called each time when the host executes scripts/easyphoto_webui.py; returns the class of the always-on script."""
    from easyphoto.webui.options import add_options
    from easyphoto.webui.script import script_class

    callbacks = host_module("script_callbacks")
    callbacks.on_ui_settings(guarded("settings", add_options))
    callbacks.on_ui_tabs(tabs)
    callbacks.on_app_started(guarded("API", add_routes))
    return script_class(host_module("scripts"))


def tabs() -> list[tuple[Any, str, str]]:
    """The callback of the host's page: one tab, with words in it where it cannot be built."""
    try:
        return [(built_tab(), TITLE, TAB)]
    except Exception as error:
        _log.exception("EasyPhoto's tab could not be built")
        return [(tab_of_words(error), TITLE, TAB)]


def built_tab() -> Any:
    from easyphoto.ui.page import build_page
    from easyphoto.webui.service import open_service

    page = build_page(open_service(), standalone=False)
    try:
        bind_sends(page.send)
    except Exception:
        # Then its buttons do nothing; what the tab is for works.
        _log.exception("EasyPhoto's buttons to other tabs could not be connected")
    for component in page.blocks.blocks.values():
        # The host keeps a page's values by their labels, and two of ours that share one would get each other's.
        component.do_not_save_to_config = True
    return page.blocks


def tab_of_words(error: Exception) -> Any:
    import gradio as gr

    said = html.escape(f"{type(error).__name__}: {error}")
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.HTML(
            f'<div id="{TAB}_failure" role="alert"><h2>EasyPhoto could not be started</h2><p>{said}</p>'
            "<p>The web UI's log has the details. When it is mended, press Reload UI.</p></div>"
        )
    return blocks


def add_routes(demo: Any, app: Any) -> None:
    """The callback of a server that has started; `demo` is None where there is no page."""
    from easyphoto.api.deferred import DeferredRoutes
    from easyphoto.webui.facts import serves_api
    from easyphoto.webui.options import workspace_folder
    from easyphoto.webui.served_files import keep_out

    keep_out(demo, workspace_folder())
    # The page asks for nothing over HTTP but what gradio hands out behind its own login.
    if serves_api():
        app.router.routes.append(DeferredRoutes("/easyphoto", lambda: built_api(demo, app)))


def built_api(demo: Any, app: Any) -> Any:
    from easyphoto.api.application import build_api
    from easyphoto.api.closing import ClosesInTime
    from easyphoto.api.front import FrontDoor
    from easyphoto.webui.doors import HostCheck, is_closing
    from easyphoto.webui.service import open_service

    check = HostCheck(host_module("shared").cmd_opts, app)
    api = build_api(open_service(), has_door=check.has_accounts)
    return FrontDoor(ClosesInTime(api, lambda: is_closing(demo)), check)


def bind_sends(send: SendTargets) -> None:
    """Each button sends the picture that is shown to another of the host's tabs, by the host's own "Send to".

    Called while the host builds its page. A button of a tab that the host lacks stays without effect: the host would
    otherwise fail at its whole page.
    """
    infotext = host_module_or_none("infotext_utils") or host_module("generation_parameters_copypaste")
    for tab, button in send.buttons.items():
        if tab in infotext.paste_fields:
            infotext.register_paste_params_button(
                infotext.ParamBinding(paste_button=button, tabname=tab, source_image_component=send.picture)
            )


def guarded(what: str, callback: Callable[..., None]) -> Callable[..., None]:
    """The callback, whose failure is told in the log in words of ours."""

    def called(*arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:
            _log.exception("EasyPhoto's %s could not be added to the web UI", what)

    called.__name__ = f"easyphoto_{what.lower()}"
    return called
