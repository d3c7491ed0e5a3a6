import sys
from types import ModuleType, SimpleNamespace

import pytest
from fastapi.exceptions import HTTPException

from easyphoto.errors import HostBusy
from easyphoto.progress import Cancelled
from easyphoto.webui.lending import busy, lent_device, lent_for, require_device
from easyphoto.webui.refusals import refuse


class Models:
    """`modules.sd_models` with one model that is moved about; `moves` tells where."""

    def __init__(self, monkeypatch, *, can_send=True, model="the model"):
        self.moves: list[str] = []
        self.module = sys.modules["modules.sd_models"]
        monkeypatch.setattr(self.module, "model_data", SimpleNamespace(sd_model=model), raising=False)
        monkeypatch.setattr(self.module, "unload_model_weights", self.unload)
        monkeypatch.setattr(self.module, "reload_model_weights", self.reload)
        if can_send:
            monkeypatch.setattr(self.module, "send_model_to_device", self.send)
        else:
            monkeypatch.delattr(self.module, "send_model_to_device")

    def unload(self, model=None):
        self.moves.append(f"{model or 'it'} away")

    def reload(self):
        self.moves.append("read again")

    def send(self, model):
        self.moves.append(f"{model} back")


def test_the_model_is_away_while_the_device_is_lent_and_back_afterwards(host, monkeypatch):
    host()
    models = Models(monkeypatch)

    with lent_device("the training of anna"):
        assert models.moves == ["the model away"]
        assert lent_for() == "the training of anna"

    assert models.moves == ["the model away", "the model back"]
    assert lent_for() is None


@pytest.mark.parametrize("end", [RuntimeError("crash"), Cancelled(), KeyboardInterrupt()])
def test_the_model_comes_back_however_a_training_ends(host, monkeypatch, end):
    host()
    models = Models(monkeypatch)

    with pytest.raises(type(end)), lent_device("a training"):
        raise end

    assert models.moves == ["the model away", "the model back"]
    assert lent_for() is None


def test_the_hosts_queue_is_free_while_the_device_is_lent(host, monkeypatch):
    there = host()
    Models(monkeypatch)

    with lent_device("a training"):
        assert not there.lock.is_held

    assert there.lock.taken == 2


def test_nobody_gets_the_device_twice(host, monkeypatch):
    host()
    Models(monkeypatch)

    with lent_device("the training of anna"):
        with pytest.raises(HostBusy, match="the training of anna"), lent_device("the training of ben"):
            pass
        assert lent_for() == "the training of anna"


def test_a_model_that_cannot_leave_leaves_the_device_with_the_host(host, monkeypatch):
    host()
    models = Models(monkeypatch)
    monkeypatch.setattr(models.module, "unload_model_weights", lambda model: 1 / 0)

    with pytest.raises(ZeroDivisionError), lent_device("a training"):
        pass

    assert lent_for() is None


def test_a_model_that_left_is_back_where_what_follows_it_cannot_leave(host, monkeypatch):
    host()
    models, script = Models(monkeypatch), ModuleType("scripts.controlnet")
    script.Script = SimpleNamespace(clear_control_model_cache=lambda: 1 / 0)
    monkeypatch.setitem(sys.modules, "scripts.controlnet", script)

    with pytest.raises(ZeroDivisionError), lent_device("a training"):
        pass

    assert models.moves == ["the model away", "the model back"]
    assert lent_for() is None


def test_a_model_that_cannot_come_back_does_not_keep_the_host_from_painting(host, monkeypatch):
    host()
    models = Models(monkeypatch)
    monkeypatch.setattr(models.module, "send_model_to_device", lambda model: 1 / 0)

    with pytest.raises(ZeroDivisionError), lent_device("a training"):
        pass

    assert lent_for() is None


def test_a_host_that_has_no_model_yet_is_not_made_to_load_one(host, monkeypatch):
    host()
    models = Models(monkeypatch, model=None)

    with lent_device("a training"):
        pass

    assert models.moves == []


def test_an_old_host_reads_its_model_again(host, monkeypatch):
    host()
    models = Models(monkeypatch, can_send=False)

    with lent_device("a training"):
        pass

    assert models.moves == ["it away", "read again"]


@pytest.mark.parametrize("name", ["backend.memory_management", "ldm_patched.modules.model_management"])
def test_a_forge_is_left_to_its_own_memory_management(host, monkeypatch, name):
    host("forge")
    models, called, keeper = Models(monkeypatch), [], ModuleType(name)
    keeper.unload_all_models = lambda: called.append("unload_all_models")
    keeper.soft_empty_cache = lambda: called.append("soft_empty_cache")
    monkeypatch.setitem(sys.modules, name, keeper)

    with lent_device("a training"):
        assert called == ["unload_all_models", "soft_empty_cache"]

    assert models.moves == []


def test_controlnet_lets_go_of_its_models(host, monkeypatch):
    host()
    Models(monkeypatch)
    called, script = [], ModuleType("scripts.controlnet")
    script.Script = SimpleNamespace(clear_control_model_cache=lambda: called.append("cleared"))
    monkeypatch.setitem(sys.modules, "scripts.controlnet", script)

    with lent_device("a training"):
        assert called == ["cleared"]


def test_a_lent_device_is_refused_in_words(host, monkeypatch):
    host()
    Models(monkeypatch)
    require_device()

    with lent_device("the training of anna"), pytest.raises(HostBusy) as caught:
        require_device()

    assert str(caught.value) == (
        "EasyPhoto is using the device for the training of anna. Wait for it to end, or cancel it in the EasyPhoto "
        "tab; then ask for the picture again."
    )


@pytest.mark.parametrize("look", [lambda s: s.keys(), lambda s: s.get("sd_vae"), lambda s: s.items(), list, dict])
def test_a_refused_picture_fails_at_the_hosts_first_look_at_its_settings(look):
    p = SimpleNamespace(override_settings={"sd_vae": "None"})

    refuse(p, busy("the training of anna"))

    with pytest.raises(HostBusy, match="the training of anna") as caught:
        look(p.override_settings)
    assert vars(caught.value)["status_code"] == 503


def test_the_apis_answer_is_of_the_kind_that_the_host_logs_without_a_traceback():
    p = SimpleNamespace(override_settings={})
    error = busy("the training of anna")

    refuse(p, error)
    with pytest.raises(HTTPException) as caught:
        p.override_settings.keys()

    # The host's API answers with these.
    told = caught.value
    assert (type(told).__name__, str(told), vars(told)["detail"], vars(told)["status_code"]) == (
        "HostBusy", str(error), "", 503,
    )  # fmt: skip
    assert isinstance(told, HostBusy)


def test_the_generate_button_is_answered_below_the_picture_and_nothing_is_raised(host, monkeypatch):
    there = host()
    Models(monkeypatch)
    comments = []
    p = SimpleNamespace(comment=comments.append, seed=7, is_api=False)

    with lent_device("the training of anna"):
        answers = [runner.run(p, 0) for runner in (there.txt2img, there.img2img)]

    assert [answer.images for answer in answers] == [[], []]
    assert comments == [str(busy("the training of anna"))] * 2
    assert there.txt2img.run(p, 0) is None


def test_the_apis_clients_still_get_an_error_while_the_page_is_answered(host, monkeypatch):
    there = host()
    Models(monkeypatch)

    with lent_device("the training of anna"):
        assert there.txt2img.run(SimpleNamespace(is_api=True), 0) is None
