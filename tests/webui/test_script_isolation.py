import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest

from easyphoto.webui.script_isolation import isolated, left_unhooked


class Network:
    """A UNet as ControlNet hooks into it: on the instance, with the original beside."""

    def forward(self):
        return "plain"

    def hook(self, words):
        self._original_forward = self.forward
        self.forward = lambda: words

    def restore(self):
        self.forward = self._original_forward
        del self._original_forward


class ControlScript:
    def __init__(self):
        self.latest_network, self.enabled_units, self.detected_map = None, [], []


def outer_job(network, *scripts, **more):
    model = SimpleNamespace(model=SimpleNamespace(diffusion_model=network))
    runner = SimpleNamespace(alwayson_scripts=list(scripts))
    p = {"tiling": False, "get_token_merging_ratio": lambda: 0.5}
    return SimpleNamespace(sd_model=model, scripts=runner, **(p | more))


def test_the_outer_pictures_controls_do_not_guide_the_inner_one_and_are_back_afterwards(host):
    host()
    network = Network()
    network.hook("the outer's controls")

    with isolated(outer_job(network)):
        before = network.forward()
        network.hook("the inner's controls")
        during = network.forward()
        network.restore()

    assert (before, during, network.forward()) == ("plain", "the inner's controls", "the outer's controls")
    network.restore()
    assert network.forward() == "plain"


def test_a_network_that_nobody_hooked_stays_as_it_is(host):
    host()
    network = Network()

    with isolated(outer_job(network)):
        assert network.forward() == "plain"

    assert vars(network) == {}


def test_a_hook_that_a_failed_inner_picture_left_is_taken_away(host):
    host()
    network = Network()

    def fail():
        network.hook("the inner's controls")
        raise RuntimeError("the sampler")

    with pytest.raises(RuntimeError), isolated(outer_job(network)):
        fail()

    assert network.forward() == "plain"
    assert network.forward() == "plain"
    assert not hasattr(network, "_original_forward")


def test_the_other_tabs_scripts_are_kept_too(host):
    there, script = host(), ControlScript()
    there.img2img.alwayson_scripts.append(script)

    with isolated(outer_job(Network())):
        script.latest_network = "left by an inner picture that failed"

    assert script.latest_network is None


def test_the_shared_script_holds_what_it_held_for_the_outer_picture(host):
    host()
    script, maps = ControlScript(), ["the outer's map"]
    script.latest_network, script.enabled_units, script.detected_map = "the outer's hook", ["one", "two"], maps

    with isolated(outer_job(Network(), script)):
        seen = script.latest_network
        script.latest_network = None
        script.enabled_units.clear()
        script.detected_map = ["the inner's map"]
        script.new = "left over"

    assert seen is None
    assert vars(script) == {
        "latest_network": "the outer's hook",
        "enabled_units": ["one", "two"],
        "detected_map": ["the outer's map"],
    }
    assert script.detected_map is maps


def test_tiling_and_token_merging_are_the_outer_pictures_again(host, monkeypatch):
    host()
    said, hijack = [], ModuleType("modules.sd_hijack")
    hijack.model_hijack = SimpleNamespace(apply_circular=lambda tiling: said.append(("tiling", tiling)))
    monkeypatch.setitem(sys.modules, "modules.sd_hijack", hijack)
    merging = lambda model, ratio: said.append(("merging", ratio))  # noqa: E731
    monkeypatch.setattr(sys.modules["modules.sd_models"], "apply_token_merging", merging, raising=False)

    with isolated(outer_job(Network(), tiling=True)):
        assert said == []

    assert said == [("tiling", True), ("merging", 0.5)] or said == [("merging", 0.5), ("tiling", True)]


def test_our_networks_do_not_run_in_the_half_precision_of_the_hosts_loop(host, monkeypatch):
    host()
    open_now = []

    @contextmanager
    def without_autocast():
        open_now.append(True)
        yield
        open_now.pop()

    monkeypatch.setattr(sys.modules["modules.devices"], "without_autocast", without_autocast, raising=False)

    with isolated(outer_job(Network())):
        assert open_now == [True]
    assert open_now == []


@pytest.mark.parametrize("end", [RuntimeError("crash"), KeyboardInterrupt()])
def test_everything_is_back_however_the_inner_picture_ends(host, end):
    host()
    network, script = Network(), ControlScript()
    network.hook("the outer's controls")
    script.latest_network = "the outer's hook"

    with pytest.raises(type(end)), isolated(outer_job(network, script)):
        raise end

    assert network.forward() == "the outer's controls"
    assert script.latest_network == "the outer's hook"


def test_a_forge_whose_model_is_built_otherwise_is_fine(host):
    host("forge")
    p = outer_job(None)
    p.sd_model = SimpleNamespace(forge_objects=SimpleNamespace())

    with isolated(p):
        pass


def test_a_picture_of_ours_that_failed_leaves_no_hook_for_the_hosts_next_one():
    network, script = Network(), ControlScript()
    job = outer_job(network, script)

    def fails_midway():
        with left_unhooked(job):
            network.hook("our controls")
            script.latest_network = object()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_midway()

    assert network.forward() == "plain"
    assert script.latest_network is None


def test_the_hook_goes_from_the_model_that_another_checkpoint_brought():
    job, network = outer_job(Network()), Network()

    def fails_midway():
        with left_unhooked(job):
            job.sd_model = SimpleNamespace(model=SimpleNamespace(diffusion_model=network))
            network.hook("our controls")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_midway()

    assert network.forward() == "plain"


def test_a_picture_that_went_well_is_left_as_the_host_left_it():
    network, script = Network(), ControlScript()
    job = outer_job(network, script)

    with left_unhooked(job):
        network.hook("our controls")
        network.restore()
        script.latest_network = "for the detected maps"

    assert network.forward() == "plain"
    assert script.latest_network == "for the detected maps"


class AttentionLayer:
    """As ControlNet hooks identity adapters into it; the layer's own forward is kept in the module."""

    def forward(self):
        return "plain"

    def hook(self, module, words):
        module.all_hacks.setdefault(self, self.forward)
        self.ipadapter_hacks = [*getattr(self, "ipadapter_hacks", ()), words]
        self.forward = lambda: self.ipadapter_hacks


@pytest.fixture
def adapters(monkeypatch):
    module = ModuleType("scripts.ipadapter.plugable_ipadapter")
    module.all_hacks, module.current_model = {}, None

    def clear_all_ip_adapter():
        for layer, forward in module.all_hacks.items():
            layer.forward, layer.ipadapter_hacks = forward, []
        module.all_hacks, module.current_model = {}, None

    module.clear_all_ip_adapter = clear_all_ip_adapter
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_the_outer_pictures_identities_do_not_act_on_the_inner_one_and_are_back_afterwards(host, adapters):
    host()
    layer, p = AttentionLayer(), outer_job(Network())
    layer.hook(adapters, "the outer's face")
    adapters.current_model = "the outer's network"

    with isolated(p):
        before = layer.forward()
        layer.hook(adapters, "the inner's face")
        during = layer.forward()

    assert (before, during, layer.forward()) == ("plain", ["the inner's face"], ["the outer's face"])
    assert adapters.current_model == "the outer's network"
    adapters.clear_all_ip_adapter()
    assert layer.forward() == "plain"


def test_an_identity_that_a_failed_picture_left_is_taken_away(host, adapters):
    host()
    layer, p = AttentionLayer(), outer_job(Network())

    def fail():
        layer.hook(adapters, "our face")
        raise RuntimeError("the sampler")

    with pytest.raises(RuntimeError), left_unhooked(p):
        fail()

    assert layer.forward() == "plain"
    assert adapters.all_hacks == {}
