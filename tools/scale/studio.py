"""What the simulation is given: the costs of head and cluster, the cards, and the work."""

from __future__ import annotations

from dataclasses import dataclass

from scale.figures import Measured

MB = 1e6


@dataclass(frozen=True)
class Costs:
    """Seconds of the head (its processor and the queue's lock, which are counted as one), of the link, and bytes."""

    submit: float
    """A portrait is asked for over HTTP."""
    run: float
    """A job begins and ends."""
    known_each: float
    """A training is asked for: for each job that the workspace has."""
    hand_out_each: float
    """At each submission and each end: for each job that waits."""
    progress: float
    step_line: float
    preview: float
    wake_each: float
    """At each event: for each lane that is idle."""
    look: float
    look_each: float
    """For each job that runs."""
    message: float
    """Of the link: an event or a preview on its way."""
    link_rate: float
    """Bytes a second through the link."""
    network_rate: float
    """Bytes a second, each way, between the head and all nodes."""
    disk_rate: float

    @classmethod
    def of(cls, measured: Measured, hardware: Hardware) -> Costs:
        def with_syncs(name: str) -> float:
            return measured[name] + measured[f"{name}_syncs"] * hardware.sync

        return cls(
            submit=max(measured["http_submission"], measured["submit"]) + measured["submit_syncs"] * hardware.sync,
            run=max(0.0, with_syncs("job") - with_syncs("submit")),
            known_each=measured["training_each"],
            hand_out_each=measured["hand_out_each"],
            progress=with_syncs("progress"),
            step_line=with_syncs("step_line"),
            preview=with_syncs("preview"),
            wake_each=measured["wake_each"],
            look=measured["look"],
            look_each=measured["look_each"],
            message=measured["ray_message"],
            link_rate=min(measured["ray_in"], measured["ray_out"], measured["pipe"]),
            network_rate=hardware.network,
            disk_rate=hardware.disk,
        )


@dataclass(frozen=True)
class Hardware:
    """Assumed of the server: nobody's cluster was at hand."""

    sync: float = 0.001
    """Seconds until its disk has what was written: a server's SSD takes 0.1 ms, a PC's or a cloud's disk up to 5."""
    network: float = 1.25e9
    """Bytes a second: 10 Gbit."""
    disk: float = 1e9


@dataclass(frozen=True)
class Cards:
    """Assumed: no card was at hand. The seconds are those that the project wants of an H100 with SD 1.5."""

    training: float = 45.0
    picture: float = 3.0
    spread: float = 0.2
    """Standard deviation of a job's seconds, as a share of their mean; they are lognormal."""
    load: float = 20.0
    """Seconds until a process has started and loaded its models, from the node's own disk."""
    switch: float = 1.0
    """Seconds for another person's LoRA and measurements."""
    hours_between_losses: float = 1000.0
    """Of one card, or of its node as far as this card notices it; 0: none is ever lost."""
    restart: float = 30.0


@dataclass(frozen=True)
class Work:
    """What comes of one person."""

    pictures: int = 100
    """A multiple of those of one job."""
    pictures_a_job: int = 10
    photos_bytes: float = 60 * MB
    """20 photos of 3 MB."""
    lora_bytes: float = 151 * MB
    run_loras: float = 14.9
    """What a training brings back beside the person: checkpoints, and what it is resumed from."""
    picture_bytes: float = 1.5 * MB
    preview_bytes: float = 0.06 * MB
    tells: float = 2.5
    """Times a second that a running job tells its progress."""
    looks: float = 2.0
    """Times a second that the head looks whether a running job's person is being deleted."""
    previews: float = 0.5
    """A second of a portrait; a training shows its test pictures."""
    test_pictures: int = 32

    @property
    def jobs(self) -> int:
        return self.pictures // self.pictures_a_job


@dataclass(frozen=True)
class Studio:
    cards: int
    costs: Costs
    card: Cards = Cards()
    work: Work = Work()
    persons_an_hour: float | None = None
    """Persons come at random, so many in an hour on average; None: so many that every card always has work."""
    persons_a_card: float = 2.0
    """Where every card always has work: persons that are in the studio at a time, for each card."""
    known_jobs: int = 10_000
    """Jobs that the workspace has already."""
    hours: float = 2.0
    warm_up: float = 4.0
    """Hours before counting begins."""
    seed: int = 1
