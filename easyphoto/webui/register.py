"""Registers EasyPhoto with the web UI when its scripts are loaded: a tab, routes, settings, and an always-on script.

Errors here never reach the page or other extensions: they go to the log, and the tab shows a message.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from easyphoto.errors import EasyPhotoError
from easyphoto.webui.host_modules import host_module, host_module_or_none

if TYPE_CHECKING:
    from easyphoto.ui.photograph_layout import SendTargets

TITLE, TAB = "EasyPhoto", "easyphoto"
_log = logging.getLogger(__name__)


def register() -> type:
    """Register everything, whenever the host runs scripts/easyphoto_webui.py; returns the always-on script's class."""
    from easyphoto.webui.options import add_options
    from easyphoto.webui.script import script_class

    callbacks = host_module("script_callbacks")
    callbacks.on_ui_settings(guarded("settings", add_options))
    callbacks.on_ui_tabs(tabs)
    callbacks.on_app_started(guarded("API", add_routes))
    return script_class(host_module("scripts"))


def tabs() -> list[tuple[Any, str, str]]:
    """Return one tab, with a message in it if it cannot be built; the callback of the host's page."""
    try:
        return [(built_tab(), TITLE, TAB)]
    except EasyPhotoError as error:
        # A refusal, such as a workspace of a later version: its words say all.
        _log.warning("EasyPhoto's tab could not be built: %s", error)
        return [(tab_of_words(error), TITLE, TAB)]
    except Exception as error:
        _log.exception("EasyPhoto's tab could not be built")
        return [(tab_of_words(error), TITLE, TAB)]


def built_tab() -> Any:
    from easyphoto.ui.page import build_page
    from easyphoto.webui.leaving_panel import place_leaving
    from easyphoto.webui.service import open_service

    page = build_page(open_service(), standalone=False, below=place_leaving)
    try:
        bind_sends(page.send)
    except Exception:
        # Then its buttons do nothing, and the rest of the tab works.
        _log.exception("EasyPhoto's buttons to other tabs could not be connected")
    for component in page.blocks.blocks.values():
        # The host saves a page's values by their labels, so two components of ours with one label would share a value.
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
    """Add the routes and block the workspace; called when the server has started. `demo` is None without a page."""
    from easyphoto.api.deferred import DeferredRoutes
    from easyphoto.webui.facts import serves_api
    from easyphoto.webui.options import workspace_folder
    from easyphoto.webui.served_files import keep_out

    keep_out(demo, workspace_folder())
    # The page needs only what gradio serves behind its own login.
    if serves_api():
        app.router.routes.append(DeferredRoutes(lambda: built_api(demo, app), "/easyphoto"))


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
    """Connect each button to the host's own "Send to", with the shown picture and another of the host's tabs.

    Called while the host builds its page. A button for a tab that the host lacks is left unconnected, because the
    host's whole page would fail otherwise.
    """
    infotext = host_module_or_none("infotext_utils") or host_module("generation_parameters_copypaste")
    for tab, button in send.buttons.items():
        if tab in infotext.paste_fields:
            infotext.register_paste_params_button(
                infotext.ParamBinding(paste_button=button, tabname=tab, source_image_component=send.picture)
            )


def guarded(what: str, callback: Callable[..., None]) -> Callable[..., None]:
    """Wrap a callback so that its exceptions are logged with a message that names EasyPhoto."""

    def called(*arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:
            _log.exception("EasyPhoto's %s could not be added to the web UI", what)

    called.__name__ = f"easyphoto_{what.lower()}"
    return called
