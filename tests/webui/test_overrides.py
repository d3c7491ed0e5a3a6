"""The host's options while a picture of ours is painted: ours in our thread, and everybody's elsewhere."""

import copy
import json
import sys
import threading
from contextlib import ExitStack

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.webui import checkpoints
from easyphoto.webui.backend import WebuiBackend
from easyphoto.webui.overrides import CHECKPOINT, VAE, overridden, shared_options
from tests.webui.fake_host import FLAVOURS
from tests.webui.test_backend_laws import paint


def backend_of(name="other", **named):
    return WebuiBackend(checkpoints.require(name), SD15, **named)


def elsewhere(act):
    """Done by another thread, as what the host's user does, while ours waits."""
    done = []
    thread = threading.Thread(target=lambda: done.append(act()))
    thread.start()
    thread.join()
    return done[0]


def meanwhile(fake, act):
    """Once, while a picture of ours is painted."""
    once = ExitStack()
    once.callback(lambda: fake.denoiser_callbacks.remove(callback))

    def callback(_):
        once.close()
        act()

    fake.denoiser_callbacks.append(callback)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("chosen", ["third", "other", "plain"])
def test_the_checkpoint_that_the_user_chooses_while_we_paint_is_kept_and_loaded(host, flavour, chosen):
    fake = host(flavour)
    fake.add_checkpoint("third")
    title = fake.checkpoints.aliases[chosen].title
    meanwhile(fake, lambda: elsewhere(lambda: fake.options.set(CHECKPOINT, title)))
    backend = backend_of("other")

    paint(backend)
    # What the host's own on-change does, as soon as the queue is free.
    fake.checkpoints.reload()

    assert fake.options.sd_model_checkpoint == title
    assert fake.sd_model.sd_checkpoint_info.title == title
    backend.close()
    assert fake.sd_model.sd_checkpoint_info.title == title


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_any_option_that_the_user_sets_while_we_paint_stays(host, flavour):
    fake = host(flavour)
    chosen = {VAE: "None", "overlay_inpaint": False, "return_mask": True, "CLIP_stop_at_last_layers": 2}
    meanwhile(fake, lambda: elsewhere(lambda: [fake.options.set(key, value) for key, value in chosen.items()]))

    paint(backend_of(vae="fine.vae.pt"))

    assert {key: fake.options.data[key] for key in chosen} == chosen


def test_what_a_script_chooses_in_the_thread_that_paints_stays_too(host):
    fake = host()
    third = fake.add_checkpoint("third").name
    meanwhile(fake, lambda: fake.options.set(CHECKPOINT, third))

    paint(backend_of("other"))

    assert fake.options.sd_model_checkpoint == third


def test_nobody_else_sees_or_saves_our_options(host):
    fake, seen = host(), []
    plain, other = fake.checkpoints.aliases["plain"].title, fake.checkpoints.aliases["other"].title
    fake.options.data.update({"overlay_inpaint": True, VAE: "Automatic"})

    def look():
        options = fake.options
        saved = json.loads(json.dumps(options.data))
        return [options.sd_model_checkpoint, options.overlay_inpaint, options.sd_vae, saved]

    meanwhile(fake, lambda: seen.extend([look(), elsewhere(look)]))

    paint(backend_of("other", vae="fine.vae.pt"))

    ours, theirs = seen
    assert ours[:3] == [other, False, "fine.vae.pt"]
    assert theirs[:3] == [plain, True, "Automatic"]
    for saved in (ours[3], theirs[3]):
        assert (saved[CHECKPOINT], saved["overlay_inpaint"], saved[VAE]) == (plain, True, "Automatic")


def test_a_title_that_changes_when_the_file_is_loaded_is_no_choice_of_the_user(host):
    """Hosts add a checkpoint's hash to its title when they have found it out, and write that into the options."""
    fake = host()
    plain, info = fake.options.sd_model_checkpoint, fake.checkpoints.aliases["other"]
    longer = info.title + " and its hash"
    fake.checkpoints.aliases[longer] = info
    meanwhile(fake, lambda: fake.options.data.__setitem__(CHECKPOINT, longer))
    meanwhile(fake, lambda: fake.options.data.__setitem__("sd_checkpoint_hash", "12ab"))

    paint(backend_of("other"))

    assert fake.options.sd_model_checkpoint == plain
    assert "sd_checkpoint_hash" not in fake.options.data


def test_a_picture_in_the_midst_of_a_picture_leaves_the_outer_ones_options(host):
    fake = host()
    options = shared_options()
    with overridden({VAE: "None"}):
        options[VAE] = "None"
        with overridden({VAE: "fine.vae.pt"}):
            options[VAE] = "fine.vae.pt"
            inner = fake.options.sd_vae
        outer = fake.options.sd_vae

    assert (inner, outer, fake.options.sd_vae) == ("fine.vae.pt", "None", "Automatic")


@pytest.mark.parametrize("does", ["nothing", "chooses"])
def test_forges_note_of_what_to_load_is_the_users_choice(host, monkeypatch, does):
    """It is written when an option is put back, which in our thread tells what was chosen before."""
    fake, noted = host("forge"), []
    entry = type(sys)("modules_forge.main_entry")
    entry.refresh_model_loading_parameters = lambda: noted.append(fake.options.sd_model_checkpoint)
    monkeypatch.setitem(sys.modules, "modules_forge.main_entry", entry)
    third = fake.add_checkpoint("third").name
    if does == "chooses":
        meanwhile(fake, lambda: elsewhere(lambda: fake.options.set(CHECKPOINT, third)))

    paint(backend_of("other"))

    assert noted == {"nothing": [], "chooses": [third]}[does]


def test_copies_of_the_options_are_plain(host):
    fake = host()
    options = shared_options()

    assert type(copy.deepcopy(options)) is dict
    assert copy.deepcopy(options) == options == fake.options.data
