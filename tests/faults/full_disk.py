"""Every writer on a disk with no room: ``python full_disk.py tmpfs|limit FOLDER``.

Prints one JSON object: for each writer the error it raised, and whether everything that was
there before is there still, byte for byte, and nothing else.
"""

import contextlib
import json
import os
import resource
import sys
from pathlib import Path

import numpy as np

from workbench import calibration, files, ledger, record, snapshots, stats, targets
from workbench.record import IncumbentRef, TrialRecord

# More than a page, so that no writer finds room in the last page of its file.
LONG = "x" * 20_000
mode, root = sys.argv[1], Path(sys.argv[2])
target = targets.Target("t", root, root / "targets" / "t", {})
blank = dict.fromkeys(ledger.COLUMNS["performance"])
row = ledger.Row(
    **{
        **blank,
        **{"commit": "c", "timestamp": "2026-01-01", "status": "discard", "reason": "slower"},
        **{"host_class": "h", "kernel_sha256": "k", "description": LONG},
    }
)
done = TrialRecord(
    **{"id": "20260101T000000000000Z-t-0123abcd", "timestamp": "2026-01-01", "target": "t"},
    **{"mode": "trial", "focus": "performance", "description": LONG, "status": "discard"},
    **{"reason": "slower", "exit_code": 1, "sentence": "", "commit": "c", "kernel_sha256": "k"},
    **{"incumbent": IncumbentRef("upstream", None, "u"), "judge_sha256": "j", "judge_files": {}},
    **{"host_class": "h", "host": {}, "versions": {}, "seed": 1, "seconds": 1.0},
    calibration=stats.Calibration(),
)


def a_record(number):
    return TrialRecord(**{**vars(done), "id": f"{done.id}{number}"})


def evidence(seed):
    return {"4x2x256.npz": np.random.default_rng(seed).bytes(20_000)}


def snapshot(seed):
    snapshots.recording._ask = lambda upstream, name: evidence(seed)
    snapshots.record("lance", "t", root)


calls = iter(range(1000))
WRITERS = {
    "ledger.append": lambda: ledger.append(target.folder / "results.tsv", row),
    "a new ledger": lambda: ledger.append(target.folder / "results.mixed.tsv", mixed),
    "a torn ledger": lambda: ledger.append(target.folder / "results.quality.tsv", mixed),
    "record.write": lambda: record.write(root, a_record(next(calls)), LONG, []),
    "files.write_whole": lambda: files.write_whole(root / "whole.json", LONG.encode()),
    "files.append_line": lambda: files.append_line(root / "lines.jsonl", LONG.encode()),
    "calibration.save": lambda: calibration.save(target, LONG, stats.Calibration()),
    "snapshots.record": lambda: snapshot(next(calls)),
}
mixed = {**dict.fromkeys(ledger.COLUMNS["mixed"], LONG), "status": "keep"}
mixed |= {"score": 1.0, "quality_mean_gap_db": None, "quality_min_gap_db": None}
mixed |= {"transition_snr_db": None, "open_features": None, "reason": "better"}
mixed |= {"timestamp": "2026-01-01"}


def contents():
    return {
        place.relative_to(root).as_posix(): place.read_bytes() if place.is_file() else None
        for place in root.rglob("*")
        if place.name != "filler" and not place.name.endswith(".lock")
    }


@contextlib.contextmanager
def no_room():
    """Take what room there is; ``limit`` lets every file have 64 more bytes of its longest."""
    if mode == "limit":
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (longest + 64, before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return
    filler = root / "filler"
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(file, bytes(4096)):
            pass
    os.close(file)
    yield
    filler.unlink()


target.folder.mkdir(parents=True)
said = {}
for name, write in WRITERS.items():
    if name != "a new ledger":
        write()
    if name == "a torn ledger":
        with (target.folder / "results.quality.tsv").open("ab") as torn:
            torn.write(LONG.encode())
    before = contents()
    # Everything but the file at hand is shorter than what is about to be written.
    longest = {"ledger.append": 20_400, "files.append_line": 20_001}.get(name, 0)
    with no_room():
        try:
            write()
        except Exception as error:
            kind, text = type(error).__name__, str(error)
        else:
            kind, text = "none", ""
    said[name] = (kind, text, contents() == before)
    write()  # with room again
print(json.dumps(said))  # noqa: T201 - the test reads it
