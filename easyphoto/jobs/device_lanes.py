"""The lanes that the setting of the devices asks for, and the service that runs jobs on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from easyphoto.app import EasyPhoto
from easyphoto.devices import CPU, Card, DeviceGroup, described, groups_of, threads_each
from easyphoto.jobs.lanes import ONE_LANE, Lane, LaneKind
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.runners import HereRunner
from easyphoto.jobs.service import Service

if TYPE_CHECKING:
    from easyphoto.jobs.lane_process import ProcessRunner


def open_service(app: EasyPhoto, devices: str, cards: Sequence[Card]) -> Service:
    """Open a queue with the lanes that the setting asks for, on a machine with these cards.

    A single lane is a thread of this process, which is kept to the lane's devices from now on: torch must not have been
    imported yet. Of several, each is a process of its own. Raises BadSettings, MissingCapability.
    """
    groups = groups_of(devices, cards)
    if len(groups) == 1:
        return _in_this_process(app, groups[0], cards)
    runners = process_runners(app, groups, cards)
    if cards:
        # What looks at photos computes here, and takes no card that was not named.
        os.environ.update(groups[0].environment())
    return Service(app, JobQueue(app.workspace, lanes_of(groups)), runners=runners)


def lanes_of(groups: Sequence[DeviceGroup]) -> tuple[Lane, ...]:
    return tuple(Lane(LaneKind.WORK, group.name) for group in groups)


def process_runners(
    app: EasyPhoto, groups: Sequence[DeviceGroup], cards: Sequence[Card] = ()
) -> dict[str, ProcessRunner]:
    """Return what runs the jobs of each of these lanes, by the lane's name. Those on the processor share its cores and
    its memory.
    """
    # Only a server with several lanes needs them, and the page of every other should not wait for the imports.
    from easyphoto.jobs.lane_process import ProcessRunner
    from easyphoto.jobs.portable import portable

    on_processor = [group for group in groups if group.kind == CPU]
    runners = {}
    for group in groups:
        is_processor = group.kind == CPU
        threads = threads_each(on_processor) if is_processor else None
        runners[group.name] = ProcessRunner(
            group.name,
            portable(app, group, memory_shares=len(on_processor) if is_processor else 1),
            group.environment(threads=threads),
            device=described(group, cards, threads),
        )
    return runners


def _in_this_process(app: EasyPhoto, group: DeviceGroup, cards: Sequence[Card]) -> Service:
    words = described(group, cards)
    if len(cards) > len(group.devices) or (group.kind == CPU and cards) or len(group.devices) > 1:
        os.environ.update(group.environment())
        app = replace(app, devices=group.inside)
    (lane,) = ONE_LANE
    return Service(app, JobQueue(app.workspace), runners={lane.name: HereRunner(app, lane.name, words)})
