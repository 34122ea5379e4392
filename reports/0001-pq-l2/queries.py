"""Queries of the digest on PQ L2: its ledger of one day, and the record of every trial."""

import numpy as np
import pandas as pd

from workbench.digest import Drawing
from workbench.digest.spelling import interval
from workbench.publish import trial_picture

ROWS = 20_000  # of every timed request, targets/pq_l2/inputs.py
SHAPES = ("128x16x256", "768x96x256")


def trial(data, number):
    """The record of a trial, by its place in the ledger."""
    return data.trials()[number - 1]


def verdict(data, number):
    """A trial's ratio to its incumbent, with its sequence."""
    one = trial(data, number)
    return interval(one.ratio, one.ci_low, one.ci_high)


def headline(data, number):
    """A trial's ratio to upstream."""
    return trial(data, number).ratio_vs_upstream


def tried(data):
    """Rows of the ledger."""
    return len(data.ledger())


def count(data, status):
    """Rows with a status."""
    return sum(row.status == status for row in data.ledger())


def faster(data, number):
    """The share of time that a trial gained."""
    return 1 - trial(data, number).ratio


def lost(data, number):
    """The share of time that a trial lost, in hundredths."""
    return f"{100 * (trial(data, number).ratio - 1):.0f} %"


def gain(data, number):
    """A gain in per cent and its interval."""
    one = trial(data, number)
    low, high = (f"{100 * (1 - bound):.1f}" for bound in (one.ci_high, one.ci_low))
    return f"{100 * (1 - one.ratio):.1f} % has an interval from {low} to {high} %"


def worst(data, number):
    """How many times as slow the worst combo was."""
    return trial(data, number).worst_ratio


def lookup(data, number, shape):
    """Nanoseconds a lookup in one shape, geometric mean over the distributions."""
    times = [combo.candidate_ns for combo in trial(data, number).combos if combo.shape == shape]
    return float(np.exp(np.log(times).mean())) / ROWS / int(shape.split("x")[1])


def deltas(data):
    """The least gain that is told, with each calibration; delta is of logarithms."""
    found = dict.fromkeys(one.calibration.delta for one in data.trials())
    return [f"{-100 * np.expm1(-delta):.2f} %" for delta in found]


def ledger(data):
    """Every trial."""
    rows = []
    for number, one in enumerate(data.trials(), 1):
        said = one.status if one.status == one.reason else f"{one.status} ({one.reason})"
        bold = "**" if one.status == "keep" else ""
        times = " / ".join(f"{lookup(data, number, shape):.4f}" for shape in SHAPES)
        ratio = f"{interval(one.ratio, one.ci_low, one.ci_high)}, n = {one.processes}"
        upstream = f"{one.ratio_vs_upstream:.4f}"
        told = (ratio, upstream, f"{one.worst_ratio:.3f}", times, one.description)
        rows.append((number, f"{bold}{said}{bold}", *told))
    heads = ("#", "verdict", "ratio to incumbent (98 % sequence)", "ratio to upstream")
    lookups = "ns a lookup, 16 / 96 sub-vectors"
    return pd.DataFrame(rows, columns=[*heads, "worst combo", lookups, "what was tried"])


def portable(data, part):
    """A verdict on a processor without the permutes."""
    one = data.trial(f"portable-{part}.json")
    return interval(one.ratio, one.ci_low, one.ci_high)


def last_keep(data):
    """The last kept trial and the trajectory."""
    one, rows = trial(data, 14), data.ledger()
    return Drawing(
        trial_picture(one, rows),
        "Trial 14, the last keep, combo by combo, and below it the trajectory of the ledger",
        "time / the incumbent's or upstream's time",
        f"{one.processes} pairs of fresh processes a verdict at trial 14, {len(rows)} trials",
        "98 % confidence sequences above; the trajectory has points only",
    )
