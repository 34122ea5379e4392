"""One of many that want the same surface: ``python racer.py CLONE RESULTS ROUNDS RACERS``.

Each round begins when all racers have written that they are ready. The winner writes its name
and gives the claim back when all have answered.
"""

import os
import sys
import time
from pathlib import Path

from workbench.errors import Refused
from workbench.research import claims

clone, results = Path(sys.argv[1]), Path(sys.argv[2])
rounds, racers = int(sys.argv[3]), int(sys.argv[4])
me = os.environ["WORKBENCH_RESEARCHER"]


def together(name):
    """Wait until every racer is here."""
    (results / f"{name}.{me}").touch()
    while len(list(results.glob(f"{name}.*"))) < racers:
        time.sleep(0.002)


def claim():
    try:
        claims.open_claim(clone, "performance", "pq_l2", me)
    except Refused:
        return False
    return True


for number in range(rounds):
    together(f"ready{number}")
    won = claim()
    if won:
        (results / f"won{number}.{me}").touch()
    together(f"done{number}")
    if won:
        claims.close(clone)
    together(f"closed{number}")
