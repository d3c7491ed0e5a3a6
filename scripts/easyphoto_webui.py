"""Where the web UI finds EasyPhoto. It executes this file anew at each "Reload UI"; the package is loaded once."""

try:
    from easyphoto.webui.register import register

    EasyPhotoScript = register()
except Exception as failure:
    # A package is missing, or the folder is not whole: the other extensions and the page go on, and a tab says it.
    import html

    import gradio as gr
    from modules import errors, script_callbacks

    said = html.escape(f"{type(failure).__name__}: {failure}")
    errors.report("EasyPhoto could not be loaded", exc_info=True)

    def tab_of_words():
        with gr.Blocks(analytics_enabled=False) as blocks:
            gr.HTML(f'<div role="alert"><h2>EasyPhoto could not be loaded</h2><p>{said}</p></div>')
        return [(blocks, "EasyPhoto", "easyphoto")]

    script_callbacks.on_ui_tabs(tab_of_words)
