"""Sweeps whose truth is known, and cells that collide in every way."""

import itertools

import numpy as np
import pandas as pd
from hypothesis import strategies as st

RECIPES = ("bare", "aq=1", "aq=4", "bf=3")
QUALITIES = (20.0, 24.0, 28.0, 32.0, 36.0)


def sweep(losses, *, sources=9, modes=("cqp", "vbr"), presets=("medium",), seed=0):
    """Cells on curves that differ by source; recipes spend the same and lose what they are told.

    Parameters
    ----------
    losses : dict
        From (rc_mode, recipe) to VMAF lost on each source.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for s, mode, preset, recipe, quality in itertools.product(
        range(sources), modes, presets, RECIPES, QUALITIES
    ):
        lost = losses.get((mode, recipe), [0] * sources)[s] if recipe != "bare" else 0
        rows.append(
            {
                "source": f"clip{s}",
                "codec": "x265",
                "rc_mode": mode,
                "preset": preset,
                "quality": quality,
                "knob_combo": recipe,
                "is_bare_default": recipe == "bare",
                # 4 % around bare at most, and the next quality is 60 % away
                "bitrate_kbps": np.exp(9 + s / 4 - quality / 8) * rng.uniform(0.99, 1.01),
                "vmaf_score": 100 - (quality / 10) ** 2 - s / 5 - lost + rng.uniform(-0.02, 0.02),
                "encode_time_ms": rng.uniform(100, 200),
            }
        )
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(("source", "codec", "rc_mode", "knob_combo"), "category"))


# Cells of few values each: the same cell twice, equal figures, no figures, unknown settings.
colliding = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["cqp", "vbr"]),
        st.sampled_from(["bare", "r1", "r2"]),
        st.sampled_from([23.0, np.nan]),
        st.sampled_from([100.0, 102.0, 104.0, 105.0, 110.0, np.nan]),
        st.sampled_from([80.0, 80.5, 81.0, 82.0, np.nan]),
    ),
    max_size=30,
).map(
    lambda rows: (
        pd.DataFrame(
            rows,
            columns=["source", "rc_mode", "knob_combo", "quality", "bitrate_kbps", "vmaf_score"],
        )
        .astype({"quality": float, "bitrate_kbps": float, "vmaf_score": float})
        .assign(
            codec="x265",
            preset="medium",
            encode_time_ms=1.0,
            is_bare_default=lambda table: (table["knob_combo"] == "bare").astype(bool),
        )
    )
)


def kernels(slower):
    """A target's cells: upstream and a kernel ``k`` that takes ``1 + slower[i]`` times as long."""
    bare = pd.DataFrame({"combo": [f"c{i}" for i in range(len(slower))], "elapsed_ns": 100.0})
    bare = bare.assign(
        target="pq_l2", host_class="h", commit="upstream", accuracy=1.0, peak_rss_mb=1.0
    )
    tried = bare.assign(commit="k", elapsed_ns=100.0 * (1 + np.asarray(slower, float)))
    return pd.concat([bare.assign(is_upstream=True), tried.assign(is_upstream=False)])
