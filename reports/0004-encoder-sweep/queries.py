"""Queries of the digest on the encoder sweep: every cell is a row of data/cells.parquet."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from workbench.analysis import bd, rows
from workbench.analysis.axes import ENCODER
from workbench.analysis.clusters import statements
from workbench.analysis.evidence import FALSE_DISCOVERIES
from workbench.analysis.evidence import evidence as tests
from workbench.analysis.regressions import interpolated, regressions
from workbench.analysis.samples import hold
from workbench.analysis.structural import STRUCTURAL, agreement, classify, sensitivity, sign_tests
from workbench.analysis.summary import by_first, by_last, mark
from workbench.digest import Drawing
from workbench.encoders import stratified
from workbench.encoders.grid import Cell
from workbench.publish import sweeps

PERMUTATIONS = 500
KEYS = [*ENCODER.group, ENCODER.recipe]
TEXT = dict.fromkeys([*KEYS, ENCODER.source], str)
SHOWN = 15
SATURATED = 99.0  # VMAF


class _Sweep:
    """The rows, and what every table needs of them."""

    def __init__(self, data):
        opened = data.sweep()
        self.every, self.frame = opened.every, opened.frame
        self.noises, self.cut = opened.noises, opened.cut
        self.sources = self.frame[ENCODER.source].nunique()
        self.found = regressions(self.frame, ENCODER)
        self.marked = mark(self.frame, ENCODER, self.found)
        self.cells = classify(self.frame, ENCODER, self.found, self.cut)
        self.exact = interpolated(self.frame, ENCODER)
        self.exact_cells = classify(self.frame, ENCODER, self.exact, self.cut)
        self.evidence = tests(self.frame, ENCODER, rows.VMAF_NEG, self.cut)
        self.asked = bd.by_source(self.frame, ENCODER)
        self.told = self.asked.dropna(subset="percent").astype(TEXT)
        self.rates = self.told.groupby(KEYS)["percent"]
        rng = np.random.default_rng(0)
        self.cuts = sensitivity(self.frame, ENCODER, self.found, rng, PERMUTATIONS)


def _sweep(data):
    return data.once(_Sweep)


def encodes(data):
    """Every row, second measurements included."""
    return len(_sweep(data).every)


def twice(data):
    """Cells that were encoded a second time."""
    return int((_sweep(data).every[rows.DUPLICATE] > 0).sum())


def settings(data):
    """Recipes and qualities of a codec and mode on a clip."""
    return int(_sweep(data).frame.groupby(list(ENCODER.slice), observed=True).size().max())


def clips(data):
    """Sources."""
    return _sweep(data).sources


def cells(data):
    """Codec, mode, recipe and quality."""
    return len(_sweep(data).cells)


def structural_cells(data, hits=None):
    """Cells that lose on enough clips, by the published rule or another cut."""
    if hits is None:
        return int((_sweep(data).cells["verdict"] == STRUCTURAL).sum())
    return int(_cut(data, hits)["structural"])


def by_chance(data, hits):
    """What permuted recipes have of them."""
    return float(_cut(data, hits)["null_mean"])


def _cut(data, hits):
    table = _sweep(data).cuts
    return table[table["hits"] == hits].iloc[0]


def pairs(data):
    """Recipes in a codec and mode."""
    return len(_sweep(data).cells[KEYS].drop_duplicates())


def structural_pairs(data):
    """Those with a structural cell."""
    return len(_sweep(data).evidence)


def standing(data):
    """Those that pass every further test."""
    return int(_sweep(data).evidence["stands"].sum())


def rate(data, mode, of="is_matched"):
    """Share of rows of a mode that regress; of the matched ones or, with an empty name, of all."""
    marked = _sweep(data).marked
    mine = marked[marked["rc_mode"].astype(str) == mode]
    return float((mine[mine[of]] if of else mine)["is_regression"].mean())


def less(data, mode):
    """On how many clips CQP regresses less than another mode."""
    share = _shares(data)
    return int((share["cqp"] < share[mode]).sum())


def chance_of(data, mode):
    """One-sided sign test of that."""
    return float(binomtest(less(data, mode), clips(data), alternative="greater").pvalue)


def recipe_rows(data):
    """Rows that are not the default."""
    return int((~_sweep(data).frame[ENCODER.bare]).sum())


def abstains(data, mode=None):
    """Those without a bare row near enough, of all modes or one."""
    marked = _sweep(data).marked
    return int(
        marked.loc[
            [True] * len(marked) if mode is None else marked["rc_mode"] == mode, "abstains"
        ].sum()
    )


def wall_noise(data):
    """By how much wall times of a pair differ, median, over codecs."""
    told = 100 * (_sweep(data).noises["tiebreak_median"] - 1)
    return f"{told.min():.0f} to {told.max():.0f} %"


def cost(data, codec, mode, recipe):
    """BD-rate of a recipe, median over clips, per cent; dearer above zero."""
    return float(_sweep(data).rates.get_group((codec, mode, recipe)).median())


def saving(data, codec, mode, recipe):
    """What it saves."""
    return -cost(data, codec, mode, recipe)


def dearer_on(data, codec, mode, recipe):
    """On how many clips it costs more, of those with a figure."""
    told = _sweep(data).rates.get_group((codec, mode, recipe))
    return f"{int((told > 0).sum())} of {len(told)}"


def clips_told(data, codec, mode, recipe):
    """Clips with a figure."""
    return len(_sweep(data).rates.get_group((codec, mode, recipe)))


def span(data, codecs, modes, recipes, sign=1):
    """Least to most of the median BD-rates of some recipes, as a cost or (-1) as a saving."""
    rates = _sweep(data).rates
    told = [
        sign * float(rates.get_group((codec, mode, recipe)).median())
        for codec in codecs.split()
        for mode in modes.split()
        for recipe in recipes.split()
        if (codec, mode, recipe) in rates.groups
    ]
    return f"{min(told):.0f} to {max(told):.0f} %"


def told(data):
    """Recipes and clips with a BD-rate."""
    return len(_sweep(data).told)


def asked(data):
    """Recipes and clips."""
    return len(_sweep(data).asked)


def saturated(data, clip):
    """Slices of a clip in which VMAF is above 99 somewhere, of how many."""
    frame = _sweep(data).frame
    mine = frame[frame[ENCODER.source].astype(str) == clip]
    best = mine.groupby(list(ENCODER.group), observed=True)[ENCODER.quality].max()
    return f"{int((best > SATURATED).sum())} of {len(best)}"


def clip_rate(data, clip, mode):
    """Share of a clip's matched rows that regress."""
    return float(_shares(data).loc[clip, mode])


def agreeing(data):
    """Cells that VMAF and VMAF NEG both call structural."""
    both = _both(data)
    return int(((both["verdict"] == STRUCTURAL) & (both["other_verdict"] == STRUCTURAL)).sum())


def cpu_hours(data):
    """Of encoders and scorer."""
    every = _sweep(data).every
    return float((every["encode_cpu_ms"] + every["score_cpu_ms"]).sum()) / 3.6e6


def codecs(data):
    """A row a codec."""
    return by_first(_sweep(data).marked, ENCODER)


def modes(data):
    """A row a rate-control mode."""
    return by_last(_sweep(data).marked, ENCODER)


def exact(data):
    """The published rule beside bare interpolated at the row's own bitrate."""
    sweep = _sweep(data)
    table = pd.DataFrame(
        {
            "rc_mode": sweep.frame["rc_mode"].astype(str),
            "matched": sweep.found.is_matched,
            "lost": sweep.found.is_regression,
            "exact_matched": sweep.exact.is_matched,
            "exact_lost": sweep.exact.is_regression,
            "both": sweep.found.is_regression & sweep.exact.is_regression,
        }
    )
    each = table.groupby("rc_mode").sum()
    each.loc["all"] = each.sum()
    share = (each["lost"] / each["matched"], each["exact_lost"] / each["exact_matched"])
    return pd.DataFrame(
        {
            "rc_mode": each.index,
            "nearest: matched": each["matched"],
            "regress": each["lost"],
            "of matched": share[0].map("{:.1%}".format),
            "interpolated: matched": each["exact_matched"],
            "they regress": each["exact_lost"],
            "of those matched": share[1].map("{:.1%}".format),
            "of the nearest's regressions that remain": (each["both"] / each["lost"]).map(
                "{:.1%}".format
            ),
        }
    )


def structural(data):
    """The statements."""
    sweep = _sweep(data)
    return "\n".join(f"- {statement}" for statement in statements(sweep.cells, ENCODER))


def sources(data):
    """The share of matched rows that regress, by source and rate-control mode."""
    share = _shares(data)
    return share.map("{:.1%}".format).reset_index()


def stand(data):
    """Recipes that every test calls worse."""
    sweep = _sweep(data)
    table = sweep.evidence[sweep.evidence["stands"]]
    return pd.DataFrame(
        {
            "codec": table["codec"],
            "mode": table["rc_mode"],
            "recipe": table["knob_combo"],
            "structural": table["structural"].astype(str) + " of " + table["cells"].astype(str),
            "at equal bitrate": table["at_equal_cost"],
            "by NEG too": table["agreeing"].astype(int),
            "stable": table["stable"],
            "mean VMAF": table["mean_delta"].map("{:+.2f}".format),
            "adjusted p": table["p_adjusted"].map("{:.3f}".format),
            "BD-rate": table["rate_median"].map("{:+.1f} %".format),
            "dearer on": table["rates_lost"].astype(str) + " of " + table["rates"].astype(str),
        }
    )


def fall(data):
    """Why the other structural recipes do not stand."""
    sweep = _sweep(data)
    table = sweep.evidence[~sweep.evidence["stands"]]
    reasons = {
        "unstable: one source decides": table["stable"] == 0,
        "sign test, adjusted p above 0.05": table["p_adjusted"] > FALSE_DISCOVERIES,
        "not structural by VMAF NEG": table["agreeing"] == 0,
        "not structural at equal bitrate": table["at_equal_cost"] == 0,
        "BD-rate above 0 on fewer than 7 of 9": table["rates_lost"]
        < sweep.cut.sources(sweep.sources),
    }
    return pd.DataFrame({"test": list(reasons), "recipes": [r.sum() for r in reasons.values()]})


def dear(data):
    """The recipes that cost most at equal VMAF."""
    sweep = _sweep(data)
    return _rates(sweep, ascending=False)


def cheap(data):
    """The recipes that save most at equal VMAF."""
    sweep = _sweep(data)
    return _rates(sweep, ascending=True)


def _rates(sweep, *, ascending):
    """BD-rate over sources, of recipes that have one on at least seven."""
    table = sweep.rates.agg(
        sources="size",
        median="median",
        least="min",
        most="max",
        dearer=lambda percent: (percent > 0).sum(),
    ).reset_index()
    table = table[table["sources"] >= sweep.cut.sources(sweep.sources)]
    table = table.sort_values("median", ascending=ascending, kind="stable").head(SHOWN)
    for column in ("median", "least", "most"):
        table[column] = table[column].map("{:+.1f} %".format)
    return table.rename(columns={"dearer": "dearer on"})


def signs(data):
    """Sign tests that survive the correction."""
    sweep = _sweep(data)
    table = sign_tests(sweep.frame, ENCODER, sweep.found).sort_values(["p", "mean_delta"])
    table = table[table["p_adjusted"] <= 0.05]
    for column, form in (("p", "{:.4f}"), ("p_adjusted", "{:.4f}"), ("mean_delta", "{:.2f}")):
        table[column] = table[column].map(form.format)
    return table


def floors(data):
    """The noise of encoding the same twice."""
    sweep = _sweep(data)
    figures = sweep.noises.select_dtypes("float").columns
    return sweep.noises.assign(**{c: sweep.noises[c].map("{:.3g}".format) for c in figures})


def cuts(data):
    """How many cells each cut calls structural, here and by chance."""
    sweep = _sweep(data)
    figures = ("null_mean", "null_high")
    return sweep.cuts.assign(**{c: sweep.cuts[c].map("{:.1f}".format) for c in figures})


def metrics(data):
    """Whether VMAF NEG calls the same cells structural."""
    both = _both(data)
    table = pd.crosstab(both["verdict"], both["other_verdict"])
    return table.rename_axis(index="VMAF says, VMAF NEG says", columns=None).reset_index()


def _both(data):
    return data.once(_agreement)


def _agreement(data):
    sweep = _sweep(data)
    return agreement(sweep.frame, ENCODER, rows.VMAF_NEG, sweep.cut)


def _shares(data):
    marked = _sweep(data).marked.astype({"source": str, "rc_mode": str})
    matched = marked[marked["is_matched"]]
    share = matched.groupby(["source", "rc_mode"])["is_regression"].mean().unstack()
    return share[["cqp", "vbr", "cbr"]]


def sampled(data):
    """How well the stratified sample does."""
    return data.once(_sampled)


def _sampled(data):
    sweep = _sweep(data)
    every = [_cell_of(row) for row in sweep.frame.itertuples(index=False)]
    wanted = set(stratified.sample(every))
    return hold(sweep.frame, np.array([cell in wanted for cell in every], bool), ENCODER, sweep.cut)


def sample(data):
    """Its recall and precision."""
    found = sampled(data)
    table = [
        (name, f"{share.hits} of {share.of}", f"{share.value:.0%}", _spelt(share.interval))
        for name, share in (("recall", found.recall), ("precision", found.precision))
    ]
    return pd.DataFrame(table, columns=["of recipes", "", "share", "95 %"])


def _cell_of(row):
    """A row as the grid's cell."""
    names = (row.source, row.codec, row.rc_mode, row.preset)
    return Cell(*map(str, names), float(row.quality), str(row.knob_combo))


def _spelt(interval):
    """An interval in per cent."""
    return f"{interval[0]:.0%} to {interval[1]:.0%}"


def hulls(data, clip):
    """Hulls of one clip."""
    sweep = _sweep(data)
    here = sweep.frame[sweep.frame[ENCODER.source].astype(str) == clip]
    return Drawing(
        sweeps.hulls(sweep.frame, ENCODER, clip),
        f"Hulls of {clip}, a panel a rate-control mode",
        "VMAF; kbps (logarithmic)",
        f"{len(here):,} encodes",
        "none, an encode gives the same bits every time",
    )


def losses(data):
    """On how many clips each recipe loses."""
    sweep = _sweep(data)
    return Drawing(
        sweeps.heat_map(sweep.cells, ENCODER),
        "On how many clips each recipe loses",
        "clips, mean over a recipe's qualities",
        f"{len(sweep.cells):,} cells of {sweep.sources} clips",
        "none, counts",
    )


def cuts_figure(data):
    """Structural cells by cut."""
    sweep = _sweep(data)
    return Drawing(
        sweeps.sensitivity(sweep.cuts, sweep.sources),
        "Structural cells by cut, here and where recipes are permuted",
        "cells; clips on which a cell has to lose",
        f"{len(sweep.cells):,} cells, {PERMUTATIONS} permutations",
        "up to the 95 % quantile of the permutations",
    )


def recall(data):
    """What the sample finds of the structural recipes, as an interval."""
    low, high = sampled(data).recall.interval
    return f"{100 * low:.0f} and {100 * high:.0f} %"


def sample_size(data):
    """Cells of the sample, of how many."""
    found = sampled(data)
    return f"{found.cells:,} of {found.of:,} cells ({found.cells / found.of:.1%})"


def sampled_share(data):
    """The sample's cells as a share of all."""
    return sampled(data).cells / sampled(data).of


def equal_bitrate(data, both=False):
    """Cells that are structural at equal bitrate, or by both rules."""
    sweep = _sweep(data)
    one, other = (table["verdict"] == STRUCTURAL for table in (sweep.cells, sweep.exact_cells))
    return int((one & other).sum() if both else other.sum())
