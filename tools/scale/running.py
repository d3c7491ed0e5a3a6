"""The simulation: persons come, are trained and photographed on cards, and everything goes through one head.

A job is submitted, waits for a card in the order of `easyphoto.jobs.order`, sends what it needs, computes, tells how it
goes meanwhile, and brings back what it made. Head, link, network and disk each do one thing after another.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from scale.clock import Clock, Server, SharedServer
from scale.studio import Studio

HOUR = 3600.0
SLICE = 5.0
"""Seconds of a job for which its events are counted together."""


@dataclass
class Job:
    person: int
    pictures: int
    """0: the person's training."""
    asked: float


@dataclass(eq=False)
class Card:
    persons: set[int] = field(default_factory=set)
    """Whose files its process has."""
    last: int = -1
    is_loaded: bool = False
    seconds: float = 0.0
    """In which it computed."""


@dataclass(frozen=True)
class Wait:
    """Seconds from a job's submission to its card."""

    mean: float
    median: float
    most: float
    """What 95 of 100 do not exceed."""

    @classmethod
    def of(cls, found: list[float]) -> Wait:
        if not found:
            return cls(0.0, 0.0, 0.0)
        ordered = sorted(found)
        return cls(statistics.mean(found), statistics.median(found), ordered[int(0.95 * (len(ordered) - 1))])


@dataclass(frozen=True)
class Outcome:
    persons: float
    """Finished in an hour."""
    pictures: float
    computing: float
    """Share of the time in which the cards computed."""
    shares: dict[str, float]
    """Of the time in which head, link, network and disk worked; above 1 where work is left over."""
    training_wait: Wait
    portrait_wait: Wait
    losses: int

    @property
    def limit(self) -> str:
        """What has the least left."""
        every = {"cards": self.computing, **self.shares}
        busiest = max(every, key=lambda name: every[name])
        full = [name for name, share in self.shares.items() if share >= FULL]
        return max(full, key=lambda name: self.shares[name]) if full else busiest


FULL = 0.95


class Simulation:
    def __init__(self, studio: Studio) -> None:
        self.studio, self.clock = studio, Clock()
        self._chance = random.Random(studio.seed)
        self._servers = {"head": Server(self.clock), "disk": Server(self.clock)}
        """One thing after another: the queue's lock, and what is synced."""
        self._carriers = {name: SharedServer(self.clock) for name in ("link", "network in", "network out")}
        """Files travel in pieces, many at a time."""
        self._cards = [Card() for _ in range(studio.cards)]
        self._free = list(reversed(self._cards))
        self._waiting: deque[Job] = deque()
        self._computing = 0
        self._left: dict[int, int] = {}
        """Portrait jobs that are not over, by person."""
        self._persons = self._pictures = self._losses = self._names = self._jobs = 0
        self._waits: dict[bool, list[float]] = {False: [], True: []}
        """Of trainings and of portraits."""
        self._is_open = studio.persons_an_hour is None
        """Whoever leaves is followed by another."""

    def run(self) -> Outcome:
        studio = self.studio
        if studio.persons_an_hour is None:
            for _ in range(math.ceil(studio.cards * studio.persons_a_card)):
                self._be_there()
        else:
            self._come_at_random()
        self.clock.run(studio.warm_up * HOUR)
        before = self._counted()
        self._waits = {False: [], True: []}
        self.clock.run((studio.warm_up + studio.hours) * HOUR)
        after = self._counted()
        change = {name: after[name] - before[name] for name in after}
        seconds = studio.hours * HOUR
        return Outcome(
            persons=change["persons"] / studio.hours,
            pictures=change["pictures"] / studio.hours,
            computing=change["computing"] / seconds / studio.cards,
            shares={name: self._share(name, change[name], seconds) for name in self._all},
            training_wait=Wait.of(self._waits[False]),
            portrait_wait=Wait.of(self._waits[True]),
            losses=int(change["losses"]),
        )

    def makespan(self, persons: int) -> float:
        """Seconds until so many persons, who all come at once, and nobody after them, are done."""
        self._is_open = False
        for _ in range(persons):
            self._come()
        self.clock.run()
        return self.clock.now

    def _share(self, name: str, busy: float, seconds: float) -> float:
        """What is left over counts, too: a server that falls behind has a share above 1."""
        return (busy + self._all[name].behind) / seconds

    @property
    def _all(self) -> dict[str, Server | SharedServer]:
        return {**self._servers, **self._carriers}

    def _counted(self) -> dict[str, float]:
        return {
            "persons": self._persons,
            "pictures": self._pictures,
            "losses": self._losses,
            "computing": sum(card.seconds for card in self._cards),
            **{name: server.busy for name, server in self._all.items()},
        }

    # --- the work comes ---

    def _come_at_random(self) -> None:
        assert self.studio.persons_an_hour is not None
        pause = self._chance.expovariate(self.studio.persons_an_hour / HOUR)
        self.clock.at(self.clock.now + pause, self._next_comes)

    def _next_comes(self) -> None:
        self._come()
        self._come_at_random()

    def _be_there(self) -> None:
        """Somebody who came earlier, anywhere on their way: otherwise all would be trained first, for hours."""
        work, card = self.studio.work, self.studio.card
        portraits = work.pictures * card.picture
        if self._chance.uniform(0, card.training + portraits) < card.training:
            self._come()
        else:
            self._names += 1
            self._photograph(self._names, self._chance.randint(1, work.jobs))

    def _come(self) -> None:
        self._names += 1
        self._submit(Job(self._names, 0, self.clock.now))

    def _submit(self, job: Job) -> None:
        costs = self.studio.costs
        known = costs.known_each * (self.studio.known_jobs + self._jobs) if job.pictures == 0 else 0.0
        self._jobs += 1
        self._do("head", costs.submit + known + costs.hand_out_each * len(self._waiting), partial(self._queue, job))

    def _queue(self, job: Job) -> None:
        job.asked = self.clock.now
        self._waiting.append(job)
        self._hand_out()

    def _hand_out(self) -> None:
        """The first that waits gets a card, if it can be one that had its person last."""
        while self._waiting and self._free:
            job = self._waiting.popleft()
            card = next((each for each in reversed(self._free) if each.last == job.person), self._free[-1])
            self._free.remove(card)
            self._waits[job.pictures > 0].append(self.clock.now - job.asked)
            self._send(job, card)

    # --- a job ---

    def _send(self, job: Job, card: Card) -> None:
        costs, work = self.studio.costs, self.studio.work
        bytes_out = work.photos_bytes
        if job.pictures:
            bytes_out = 0.0 if job.person in card.persons else work.photos_bytes + work.lora_bytes
        card.persons.add(job.person)
        compute = partial(self._compute, job, card)
        send = partial(self._carry, bytes_out, "network out", compute)
        self._do("head", costs.run / 2, send)

    def _carry(self, amount: float, way: str, then: Callable[[], None]) -> None:
        """Through the link's process, then over the network."""
        costs = self.studio.costs
        network = self._carriers[way]
        on = partial(network.serve, amount / costs.network_rate, then)
        self._carriers["link"].serve(amount / costs.link_rate, on)

    def _compute(self, job: Job, card: Card) -> None:
        assumed = self.studio.card
        mean = assumed.picture * job.pictures if job.pictures else assumed.training
        seconds = _lognormal(self._chance, mean, assumed.spread)
        if job.pictures:
            seconds += 0.0 if card.is_loaded else assumed.load
            seconds += 0.0 if card.last == job.person else assumed.switch
            card.is_loaded = True
        card.last = job.person
        self._computing += 1
        if assumed.hours_between_losses:
            until_loss = self._chance.expovariate(1 / (assumed.hours_between_losses * HOUR))
            if until_loss < seconds:
                self._go_on(job, card, until_loss, partial(self._lose, job, card))
                return
        self._go_on(job, card, seconds, partial(self._finish, job, card))

    def _go_on(self, job: Job, card: Card, left: float, then: Callable[[], None]) -> None:
        """Compute for a while, and tell how it goes; the queue takes the end after all that was told before."""
        slice_ = min(left, SLICE)
        card.seconds += slice_
        self.clock.at(self.clock.now + slice_, partial(self._tell, job, card, slice_, left - slice_, then))

    def _tell(self, job: Job, card: Card, seconds: float, left: float, then: Callable[[], None]) -> None:
        costs, work = self.studio.costs, self.studio.work
        events = work.tells * (1 if job.pictures else 2) * seconds
        previews = (work.previews if job.pictures else work.test_pictures / self.studio.card.training) * seconds
        idle, running = len(self._free), self._computing
        head = work.tells * seconds * (costs.progress + (0.0 if job.pictures else costs.step_line))
        head += previews * costs.preview + (events + previews) * costs.wake_each * idle
        head += work.looks * seconds * (costs.look + costs.look_each * running)
        told = (events + 2 * previews) * costs.message + previews * work.preview_bytes / costs.link_rate
        self._carriers["link"].serve(told, _nothing)
        if left > 1e-9:
            self._do("head", head)
            self._go_on(job, card, left, then)
        else:
            self._computing -= 1
            self._do("head", head, then)

    def _lose(self, job: Job, card: Card) -> None:
        """The job begins again on the same lane, whose next process has nothing."""
        self._losses += 1
        card.persons.clear()
        card.last, card.is_loaded = -1, False
        self.clock.at(self.clock.now + self.studio.card.restart, partial(self._send, job, card))

    def _finish(self, job: Job, card: Card) -> None:
        work = self.studio.work
        made = work.picture_bytes * job.pictures
        if not job.pictures:
            made = work.lora_bytes * (work.run_loras + 1) + 2 * work.photos_bytes
        publish = partial(self._do, "disk", made / self.studio.costs.disk_rate, partial(self._end, job, card))
        self._carry(made, "network in", publish)

    def _end(self, job: Job, card: Card) -> None:
        costs = self.studio.costs
        over = partial(self._over, job, card)
        self._do("head", costs.run / 2 + costs.hand_out_each * len(self._waiting), over)

    def _over(self, job: Job, card: Card) -> None:
        self._free.append(card)
        if job.pictures:
            self._pictures += job.pictures
            self._left[job.person] -= 1
            if not self._left[job.person]:
                del self._left[job.person]
                self._leave()
        else:
            self._photograph(job.person, self.studio.work.jobs)
        self._hand_out()

    def _photograph(self, person: int, jobs: int) -> None:
        if not jobs:
            self._leave()
            return
        self._left[person] = jobs
        for _ in range(jobs):
            self._submit(Job(person, self.studio.work.pictures_a_job, self.clock.now))

    def _leave(self) -> None:
        self._persons += 1
        if self._is_open:
            self._come()

    def _do(self, server: str, seconds: float, then: Callable[[], None] | None = None) -> None:
        self._servers[server].serve(seconds, then)


def _lognormal(chance: random.Random, mean: float, spread: float) -> float:
    """A duration of that mean, and of a deviation that is `spread` of it."""
    variance = math.log1p(spread**2)
    return chance.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance)) if spread else mean


def _nothing() -> None:
    """Nobody waits for what is told."""
