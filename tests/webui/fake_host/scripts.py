"""Scripts of the tabs, and the runner that swallows what they raise."""

from __future__ import annotations

from typing import Any

from tests.webui.fake_host.state import Errors

AlwaysVisible = object()


class Script:
    """What extensions derive from."""

    filename = "extensions/some/scripts/script.py"
    name: str | None = None
    args_from = args_to = 0
    setup_for_ui_only = False
    is_img2img = is_txt2img = False

    def title(self) -> str:
        raise NotImplementedError

    def ui(self, is_img2img: bool) -> Any:
        return []

    def show(self, is_img2img: bool) -> Any:
        return True

    def setup(self, p: Any, *args: Any) -> None:
        pass

    def process(self, p: Any, *args: Any) -> None:
        pass

    def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None:
        pass

    def postprocess_image(self, p: Any, picture: Any, *args: Any) -> None:
        pass

    def postprocess(self, p: Any, processed: Any, *args: Any) -> None:
        pass


class Component:
    """Of a tab: all that counts is its value."""

    def __init__(self, value: Any = None):
        self.value = value


class SamplerScript(Script):
    """The built-in one that sets a request to what the tab shows, unless it is told that no tab asked."""

    setup_for_ui_only = True

    def title(self) -> str:
        return "Sampler"

    def setup(self, p: Any, steps: int, sampler: str, scheduler: str, seed: int) -> None:  # type: ignore[override]
        p.steps, p.sampler_name, p.scheduler, p.seed = steps, sampler, scheduler, seed


class ScriptRunner:
    def __init__(self, errors: Errors, *, swallows: bool = True):
        self._errors, self._swallows = errors, swallows
        self.alwayson_scripts: list[Script] = []
        self.selectable_scripts: list[Script] = []
        self.inputs: list[Any] = [Component(0)]

    def add(self, script: Script, values: tuple[Any, ...]) -> None:
        script.args_from = len(self.inputs)
        self.inputs += [Component(value) for value in values]
        script.args_to = len(self.inputs)
        self.alwayson_scripts.append(script)

    def setup_scrips(self, p: Any, *, is_ui: bool = True) -> None:
        for script in self.alwayson_scripts:
            if is_ui or not script.setup_for_ui_only:
                self._run(script, "setup", p)

    def run(self, p: Any, *args: Any) -> Any:
        """What a selected script paints; None where none is selected, and the page then paints by itself."""
        return None

    def process(self, p: Any) -> None:
        self._all("process", p)

    def process_before_every_sampling(self, p: Any) -> None:
        self._all("process_before_every_sampling", p)

    def postprocess_image(self, p: Any, picture: Any) -> None:
        self._all("postprocess_image", p, picture)

    def postprocess(self, p: Any, processed: Any) -> None:
        self._all("postprocess", p, processed)

    def _all(self, name: str, p: Any, *extra: Any) -> None:
        for script in self.alwayson_scripts:
            self._run(script, name, p, *extra)

    def _run(self, script: Script, name: str, p: Any, *extra: Any) -> None:
        arguments = p.script_args[script.args_from : script.args_to]
        if self._swallows:
            self._errors.swallow(script.filename, getattr(script, name), p, *extra, *arguments)
        else:
            getattr(script, name)(p, *extra, *arguments)
