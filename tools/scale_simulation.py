"""Simulates a studio on 10, 100 and 1,000 cards, and says what limits it first.

    python tools/scale_simulation.py                              the tables of docs/scale.md
    python tools/scale_simulation.py --cards 50 --pictures 10     one studio, always busy
    python tools/scale_simulation.py --cards 50 --persons 300     the same, with 300 persons an hour

The head's and the cluster's seconds are those of tools/scale/measured.json (`tools/scale_times.py`), those of the cards
and of the server's hardware are assumed (tools/scale/studio.py says each). The same seed prints the same numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from scale.figures import read
from scale.running import Outcome, Simulation
from scale.studio import Cards, Costs, Hardware, Studio, Work

SIZES = (10, 100, 1000)
HEADER = (
    "| cards | pictures a person | persons an hour | pictures an hour | cards | head | link | network | disk "
    "| wait s, median / 95 % | limit |"
)


def main() -> None:
    for line in table(sys.argv[1:]):
        print(line, flush=True)


def table(words: Sequence[str]) -> Iterator[str]:
    """The lines that the command prints with these words."""
    asked = parsed(words)
    yield HEADER
    yield "|" + "--:|" * 9 + "---|---|"
    for cards in asked.cards:
        for pictures in asked.pictures:
            studio = given(asked, cards, pictures)
            yield row(studio, Simulation(studio).run())


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", type=int, nargs="+", default=SIZES)
    parser.add_argument("--pictures", type=int, nargs="+", default=(10, 100), help="of each person")
    parser.add_argument("--pictures-a-job", type=int, default=Work.pictures_a_job)
    parser.add_argument("--persons", type=float, help="that come in an hour (default: every card always has work)")
    parser.add_argument("--training", type=float, default=Cards.training, help="seconds on a card")
    parser.add_argument("--picture", type=float, default=Cards.picture, help="seconds on a card")
    parser.add_argument("--brings", type=float, metavar="LORAS", help="what a training brings back beside the person")
    parser.add_argument("--sync", type=float, default=Hardware.sync * 1e3, help="milliseconds of the server's disk")
    parser.add_argument("--losses", type=float, default=Cards.hours_between_losses, help="hours between a card's")
    parser.add_argument("--known", type=int, default=Studio.known_jobs, help="jobs that the workspace has already")
    parser.add_argument("--hours", type=float, default=Studio.hours)
    parser.add_argument("--seed", type=int, default=Studio.seed)
    return parser.parse_args(words)


def given(asked: argparse.Namespace, cards: int, pictures: int) -> Studio:
    measured = read()
    return Studio(
        cards,
        Costs.of(measured, Hardware(sync=asked.sync / 1e3)),
        replace(Cards(), training=asked.training, picture=asked.picture, hours_between_losses=asked.losses),
        Work(
            pictures,
            asked.pictures_a_job,
            lora_bytes=measured["lora_sd15"],
            run_loras=measured["run_loras"] if asked.brings is None else asked.brings,
        ),
        persons_an_hour=asked.persons,
        known_jobs=asked.known,
        hours=asked.hours,
        seed=asked.seed,
    )


def row(studio: Studio, found: Outcome) -> str:
    shares = found.shares
    network = max(shares["network in"], shares["network out"])
    used = (found.computing, shares["head"], shares["link"], network, shares["disk"])
    cells = [
        f"{studio.cards:,}",
        f"{studio.work.pictures}",
        f"{found.persons:,.0f}",
        f"{found.pictures:,.0f}",
        *(f"{share:.0%}" for share in used),
        f"{found.portrait_wait.median:,.0f} / {found.portrait_wait.most:,.0f}",
        found.limit,
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
