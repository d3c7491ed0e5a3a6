"""docs/scale.md: the simulation agrees with queueing theory, and the page with the simulation and the program."""

import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from scale.clock import Clock, Server, SharedServer
from scale.running import Simulation
from scale.studio import Cards, Costs, Studio, Work
from scale_simulation import table

from easyphoto.cli.parser import build_parser

ROOT = Path(__file__).resolve().parent.parent
FREE = Costs(*[0.0] * 11, *[math.inf] * 3)
STEADY = Cards(training=60.0, picture=3.0, spread=0.0, load=0.0, switch=0.0, hours_between_losses=0.0)
TRAININGS = Work(pictures=0)
BRIEF = replace(STEADY, training=4.0)
"""So that there are many jobs in few hours."""


def run(cards, *, costs=FREE, card=STEADY, work=TRAININGS, persons=None, hours=40.0, seed=1):
    studio = Studio(cards, costs, card, work, persons, hours=hours, warm_up=hours / 4, seed=seed, known_jobs=0)
    return Simulation(studio).run()


def erlang_c(cards: int, load: float) -> float:
    """The share of jobs that wait, of jobs that would keep `load` cards busy."""
    waiting = load**cards / math.factorial(cards) * cards / (cards - load)
    return waiting / (sum(load**number / math.factorial(number) for number in range(cards)) + waiting)


def test_a_server_does_one_thing_after_another():
    clock, done = Clock(), []
    server = Server(clock)
    server.serve(2.0, lambda: done.append(clock.now))
    server.serve(3.0, lambda: done.append(clock.now))
    clock.run(4.0)

    assert done == [2.0]
    assert (server.busy, server.behind) == (4.0, 1.0)
    clock.run()
    assert done == [2.0, 5.0]


def test_a_shared_server_does_everything_at_once_each_at_an_equal_share():
    clock, done = Clock(), []
    server = SharedServer(clock)
    server.serve(2.0, lambda: done.append(("long", clock.now)))
    clock.at(1.0, lambda: server.serve(0.5, lambda: done.append(("short", clock.now))))
    clock.run(1.5)

    # One second alone; then half a second for both, of which each got a quarter.
    assert (done, server.behind) == ([], pytest.approx(1.0))
    clock.run()
    assert done == [("short", 2.0), ("long", 2.5)]
    assert server.busy == 2.5


def test_what_comes_at_the_same_time_is_done_in_the_order_in_which_it_was_asked_for():
    clock, done = Clock(), []
    for name in "abc":
        clock.at(1.0, lambda name=name: done.append(name))
    clock.run()

    assert done == ["a", "b", "c"]


def test_cards_that_always_have_work_do_as_much_as_their_seconds_allow():
    found = run(10, work=Work(pictures=40, pictures_a_job=10), hours=10.0)

    # A training of 60 s and 40 pictures of 3 s: 180 s a person.
    assert found.persons == pytest.approx(10 * 3600 / 180, rel=0.02)
    assert found.pictures == pytest.approx(40 * 10 * 3600 / 180, rel=0.02)
    assert found.computing == pytest.approx(1.0, abs=0.001)
    assert found.limit == "cards"


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_on_one_card_people_wait_as_long_as_pollaczek_and_khinchine_say(load):
    spread = 0.5
    found = run(1, card=replace(BRIEF, spread=spread), persons=load * 900, hours=100.0)

    assert found.training_wait.mean == pytest.approx(load * 4.0 * (1 + spread**2) / (2 * (1 - load)), rel=0.05)
    assert found.computing == pytest.approx(load, rel=0.02)


@pytest.mark.parametrize("cards", [3, 10])
def test_on_several_cards_people_wait_as_long_as_erlang_says(cards):
    """For services of any distribution: Erlang's wait, as Lee and Longton correct it; exact within some per cent."""
    load, spread = 0.8 * cards, 1.0
    found = run(cards, card=replace(BRIEF, spread=spread), persons=load * 900, hours=150.0 / cards)

    wait = erlang_c(cards, load) * 4.0 / (cards - load) * (1 + spread**2) / 2
    assert found.training_wait.mean == pytest.approx(wait, rel=0.1)


def test_what_is_lost_begins_again():
    """The mean time of a job of T seconds whose card fails at rate r and is back after R: (1/r + R)(e^(rT) - 1)."""
    found = run(4, card=replace(STEADY, hours_between_losses=1 / 60, restart=30.0), hours=150.0)

    assert found.persons == pytest.approx(4 * 3600 / ((60 + 30) * (math.e - 1)), rel=0.05)
    assert found.losses > 1000


def test_a_head_that_is_slow_is_the_limit_and_nothing_is_done_faster_than_it_allows():
    found = run(100, costs=replace(FREE, submit=1.0, run=3.0), hours=10.0)

    assert found.persons == pytest.approx(3600 / 4.0, rel=0.01)
    assert found.limit == "head"


def test_what_is_told_while_a_job_runs_costs_the_head_too():
    found = run(100, costs=replace(FREE, progress=0.02), work=replace(TRAININGS, tells=2.5), hours=10.0)

    # 60 s of a training are 150 times 20 ms.
    assert found.persons == pytest.approx(3600 / 3.0, rel=0.02)
    assert found.limit == "head"


def test_what_a_training_brings_back_can_be_more_than_the_link_carries():
    work = Work(pictures=0, photos_bytes=0.0, lora_bytes=100e6, run_loras=9.0)
    found = run(100, costs=replace(FREE, link_rate=200e6), card=replace(STEADY, spread=0.5), work=work, hours=40.0)

    # 10 LoRAs are 5 s.
    assert found.persons == pytest.approx(3600 / 5.0, rel=0.02)
    assert found.limit == "link"


def test_a_persons_files_travel_once_to_each_card_that_photographs_them():
    work = Work(pictures=10, pictures_a_job=1, photos_bytes=0.0, lora_bytes=100e6, run_loras=-1.0, picture_bytes=0.0,
                preview_bytes=0.0)  # fmt: skip
    slow = replace(FREE, link_rate=100e6)
    one = Simulation(Studio(1, slow, STEADY, work, 0.0)).makespan(1)
    two = Simulation(Studio(2, slow, STEADY, work, 0.0)).makespan(1)

    # The LoRA takes 1 s to travel. The card that trained for 60 s has it, and paints for 30 s; a second one needs it.
    assert one == pytest.approx(60 + 30)
    assert two == pytest.approx(60 + 1 + 15)


def test_the_same_seed_gives_the_same_numbers_and_another_one_does_not():
    card = replace(STEADY, spread=0.3, hours_between_losses=5.0)
    first, again, other = (run(5, card=card, persons=200.0, hours=5.0, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other


@pytest.mark.slow
def test_the_page_says_what_the_simulation_prints():
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    commands = re.findall(r"^python tools/scale_simulation\.py *([^#\n]*)", page, re.MULTILINE)
    rows = [row for words in commands for row in [*table(words.split())][2:]]

    assert len(rows) >= 6
    assert [row for row in rows if row not in page] == []


def compose(name: str) -> dict:
    return yaml.safe_load((ROOT / "docs" / "scale" / name).read_text("utf-8"))


def said_to_easyphoto() -> list[list[str]]:
    """The command lines of the page and of the compose file, as a shell would split them."""
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    blocks = "\n".join(re.findall(r"^```\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    shell = compose("compose.yaml")["services"]["server"]["command"][-1].replace("${ACTORS:-1}", "1")
    lines = re.findall(r"\beasyphoto ((?:ui|weights) ?.*)$", f"{blocks}\n{shell}", re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_every_command_of_the_page_and_of_the_compose_file_is_understood():
    commands = said_to_easyphoto()

    assert [words[0] for words in commands].count("ui") >= 5
    assert ["--cluster", "127.0.0.1:6379"] in [words[1:3] for words in commands]
    for words in commands:
        build_parser().parse_args(words)


def test_rays_ports_of_the_compose_file_are_reached_by_nobody_else_and_need_a_token():
    said = compose("compose.yaml")
    server, node = said["services"]["server"], said["services"]["node"]

    assert said["networks"]["inside"] == {"internal": True}
    assert (server["ports"], node.get("ports")) == (["127.0.0.1:7870:7870"], None)
    assert (server["networks"], node["networks"]) == (["inside", "outside"], ["inside"])
    for service in (server, node):
        assert service["environment"]["RAY_AUTH_MODE"] == "token"
        assert service["environment"]["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")
    assert "workspace:/workspace" not in node["volumes"]


def test_the_image_has_the_folders_that_the_package_needs():
    copied = re.findall(r"^COPY (.*) \S+$", (ROOT / "docs/scale/Dockerfile").read_text("utf-8"), re.MULTILINE)

    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []
    assert {"easyphoto", "javascript", "models", "poses", "styles", "templates", "pyproject.toml"} <= set(
        " ".join(copied).split()
    )


def test_the_cards_go_to_the_node_alone():
    assert list(compose("compose.cards.yaml")["services"]) == ["node"]
