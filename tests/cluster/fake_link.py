"""A link without Ray, as a process: what a job's title says is what becomes of it.

`python fake_link.py`; the address says whether it connects at all.
"""

import os
import pickle
import sys

from easyphoto.cluster.messages import (
    Answered,
    Attempt,
    Connected,
    ForgetPerson,
    LaneNews,
    LinkSetup,
    NodeFacts,
    NotConnected,
    OfAttempt,
    Piece,
    Quit,
    SweepNode,
)
from easyphoto.errors import BackendUnreachable
from easyphoto.jobs.relay import Finished
from easyphoto.jobs.runners import BUSY, IDLE

FACTS = NodeFacts("node-1", "processor", "1", os.getpid())


def tell(message):
    pickle.dump(message, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def main():
    setup = pickle.load(sys.stdin.buffer)
    assert isinstance(setup, LinkSetup)
    if setup.address == "nobody":
        tell(NotConnected(BackendUnreachable("No cluster answers.", advice="Start one.")))
        return
    tell(Connected(0, 2, ("node-1",)))
    while not isinstance(message := pickle.load(sys.stdin.buffer), Quit):
        if isinstance(message, Attempt):
            tell(LaneNews(message.lane, BUSY, FACTS))
            if message.job.title == "end":
                os._exit(9)
            if message.job.title == "flood":
                for _ in range(66):
                    tell(OfAttempt(message.number, Piece("a", 0, b"")))
                os._exit(9)
            if message.job.title != "busy":
                tell(LaneNews(message.lane, IDLE, FACTS))
                tell(OfAttempt(message.number, Finished({"title": message.job.title})))
        elif isinstance(message, ForgetPerson):
            tell(Answered(message.number))
        elif isinstance(message, SweepNode):
            tell(Answered(message.number, f"{message.node} is not in the cluster now"))


if __name__ == "__main__":
    main()
