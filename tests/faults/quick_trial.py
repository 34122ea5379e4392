"""One real trial, measured for a moment: ``python quick_trial.py SAID_FD TARGET DESCRIPTION``.

What a test must know to strike well is written to SAID_FD as it comes: ``w`` when the record is
about to be written, ``r`` when it is, ``a`` when the ledger's append has returned.
"""

import os
import sys

from workbench import cli, contest, ledger, record, stats

# As the fixture `quick` does in the tests' own process.
contest.MEASURE_SECONDS, contest.MIN_ROUNDS = 0.05, 3
stats.MAX_CROSSOVERS = 2

said, target, description = int(sys.argv[1]), sys.argv[2], sys.argv[3]
write, append = record.write, ledger.append


def write_said(*arguments):
    os.write(said, b"w")
    folder = write(*arguments)
    os.write(said, b"r")
    return folder


def append_said(*arguments):
    append(*arguments)
    os.write(said, b"a")


record.write, ledger.append = write_said, append_said
sys.exit(cli.run(["trial", target, "--description", description]))
