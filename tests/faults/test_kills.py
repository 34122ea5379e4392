"""kill -9 of the judge and of its children at random moments: nothing is lost, nothing stays.

``WORKBENCH_FAULT_KILLS`` is the number of kills, about a third of each kind; 200 is the full run.
"""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from workbench import fsck, ledger, locks, record, targets

KILLS = int(os.environ.get("WORKBENCH_FAULT_KILLS", "6"))
SEED = int(os.environ.get("WORKBENCH_FAULT_SEED", time.time_ns()))
DRIVER = Path(__file__).with_name("quick_trial.py")
KINDS = ("the judge, whenever", "the judge, while it writes", "a child, whenever")
# Nothing may stay; how long it may take to go depends on the machine.
GONE_SECONDS = 20.0
ENDED_SECONDS = 300.0


class Trial:
    """A real trial in a process of its own, which says what it is about to do."""

    def __init__(self, project, description):
        self.begin = time.monotonic()
        listen, said = os.pipe()
        self._listen = listen
        self.errors = project / "errors.txt"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(DRIVER), str(said), "pq_l2", description],
                pass_fds=[said],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        os.close(said)
        os.set_blocking(listen, False)
        self.said = b""

    def heard(self, word):
        """Whether it has said ``w``, ``r`` or ``a``: see the driver."""
        with contextlib.suppress(BlockingIOError):
            self.said += os.read(self._listen, 16)
        return word in self.said

    def seconds(self):
        return time.monotonic() - self.begin

    def ended(self):
        return self.process.poll() is not None

    def end(self):
        code = self.process.wait(ENDED_SECONDS)
        appended = self.heard(b"a")
        os.close(self._listen)
        return code, appended


def processes_of(judge):
    """Every living process that a judge started: its session's, and all forked to serve it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            state, _, _, session, *_ = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        serves = any(w.endswith(b"/runner.py") for w in words) and str(judge).encode() in words
        if state not in "ZX" and (serves or int(session) == judge) and int(place.name) != judge:
            found.append(int(place.name))
    return found


def strike(trial, kind, rng, whole_s, writing_s):
    """Kill at a random moment; whether it was in time."""
    if kind == KINDS[1]:
        word = rng.choice((b"w", b"r"))  # the second: between the record and its row
        while not trial.heard(word) and not trial.ended():
            time.sleep(0.0002)
        time.sleep(rng.choice((0, rng.uniform(0, 1.3 * writing_s))))
    else:
        wait = rng.uniform(0, whole_s)
        while trial.seconds() < wait and not trial.ended():
            time.sleep(0.005)
    if kind != KINDS[2]:
        in_time = not trial.ended()
        trial.process.kill()
        return in_time
    while not (victims := processes_of(trial.process.pid)) and not trial.ended():
        time.sleep(0.01)
    try:
        os.kill(rng.choice(victims), signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True


def seconds_undisturbed(project):
    """One trial that nobody kills: how long it takes, and how long it writes."""
    trial = Trial(project, "undisturbed")
    while not trial.heard(b"w"):
        assert not trial.ended(), trial.errors.read_text()
        time.sleep(0.0005)
    begin = time.monotonic()
    while not trial.heard(b"a"):
        time.sleep(0.0005)
    writing_s = time.monotonic() - begin
    assert trial.end() in [(code, True) for code in (0, 1, 4)]
    return trial.seconds(), writing_s


def test_killed_trials_lose_nothing_and_leave_nothing(project, capsys):
    target = targets.load("pq_l2", project)
    path = ledger.path(target.folder, "performance")
    plain = target.kernels_path.read_text()
    rng = random.Random(SEED)
    seconds_undisturbed(project)  # compiles
    usual = {False: seconds_undisturbed(project)}
    target.kernels_path.write_text(f"import os\n{plain}")
    usual[True] = seconds_undisturbed(project)
    known = ledger.read(path)
    assert [row.description for row in known] == ["undisturbed"] * 3
    struck = dict.fromkeys(KINDS, 0)
    torn = rowless = 0
    fired: Counter[int] = Counter()
    for i in itertools.count():
        if sum(struck.values()) == KILLS:
            break
        kind = KINDS[i % len(KINDS)]
        description = f"kill {i}"
        # What the policy refuses is written down at once, so the judge can be met writing.
        refused = kind == KINDS[1] and rng.random() < 0.8
        target.kernels_path.write_text(f"import os\n{plain}" if refused else plain)
        trial = Trial(project, description)
        struck[kind] += strike(trial, kind, rng, *usual[refused])
        code, appended = trial.end()
        where = f"seed {SEED}, {kind}, {description}, exit {code}"

        until = time.monotonic() + GONE_SECONDS
        while (left := processes_of(trial.process.pid)) and time.monotonic() < until:
            time.sleep(0.02)
        assert not left, where

        torn += not path.read_bytes().endswith(b"\n")
        found = ledger.read(path)
        assert found[: len(known)] == known, where
        new = [row.description for row in found[len(known) :]]
        assert new == [description] if appended else new in ([description], []), where
        if code >= 0:  # it was not killed itself: its exit code is true
            # Without git nothing can be compared with the commit: refused, and not recorded.
            assert bool(new) == (code != 5) or (code == 4 and not new), where
            assert code != 0 or found[-1].status == "keep", where
            fired[code] += 1
            words = trial.errors.read_text()
            assert words.count("\n") == (not new), f"{where}: {words}"
        known = found
        with locks.exclusive(target):  # nobody holds it, or this raises at once
            pass

    target.kernels_path.write_text(plain)
    last = Trial(project, "afterwards")
    assert last.end() in ((0, True), (1, True)), last.errors.read_text()
    rows = ledger.read(path)
    assert rows[:-1] == known

    described = {row.description for row in rows}
    lost = set()
    for folder in (project / "reports" / "trials").iterdir():
        if folder.is_dir():
            draft = folder.name.startswith(".")
            done = None if draft else record.read(folder / "trial.json")
            # What was killed never changes whom the candidate is raced against.
            assert done is None or done.incumbent.origin == "merge-base"
            if done is None or done.description not in described:
                lost.add(f"reports/trials/{folder.name}")
                rowless += done is not None
    aside = path.with_name("results.tsv.torn")
    named = {finding.file for finding in fsck.run(["pq_l2"], root=project)}
    assert named == lost | ({"targets/pq_l2/results.tsv.torn"} if aside.exists() else set())
    with capsys.disabled():
        print(  # noqa: T201 - how much was tried is the finding
            f"\n  seed {SEED}: {i} trials, struck in time {struck}; exit codes of judges whose "
            f"child was killed {dict(fired)}; {len(rows)} rows, {torn} torn, {len(lost)} "
            f"unfinished records ({rowless} of them whole), all named by fsck"
        )
