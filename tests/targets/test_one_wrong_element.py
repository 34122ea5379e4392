"""One wrong element that a kernel stores is found, in every target."""

import types

import contract
import pytest
from numba import njit

from workbench import targets

# Target -> (function, the argument it writes): one of its name calls it, and changes an element in
# the middle of what it wrote.
WRITES = {
    "bitpack": ("decode", "out"),
    "dictionary": ("decode_fixed", "out"),
    "fsst": ("decode", "out"),
    "fts_bm25": ("score", "scores"),
    "ivf_partition": ("nearest_partitions", "distances"),
    "opus_celt": ("decode", "pcm"),
    "opus_celt_encode": ("encode", "packet"),
    "opus_mdct": ("inverse", "out"),
    "opus_pvq": ("decode", "vector"),
    # what it finds it returns
    "opus_range": ("bit", None),
    "posting_intersect": ("intersect", "out"),
    "posting_seek": ("next", "cursor"),
    "pq_cosine": ("distances", "out"),
    "pq_dot": ("distances", "out"),
    "pq_encode": ("encode", "distances"),
    "pq_l2": ("distances", "out"),
    "pq_l2_u8": ("distances", "out"),
    "predicate": ("compare", "out"),
    "take": ("take_fixed", "out"),
    "topk_merge": ("merge", "out_distances"),
}


def altered(target, function, change):
    """The committed kernel, whose ``function`` changes what it has written.

    The rest is as the target's other tests have compiled it.
    """
    surface = [*target.surface, *target.spec.get("optional", {})]
    scope = {
        name: getattr(target.kernels, name) for name in surface if hasattr(target.kernels, name)
    }
    arguments = ", ".join(target.surface[function])
    made = {"right": scope[function]}
    exec(
        f"def {function}({arguments}):\n"
        f"    result = right({arguments})\n"
        f"    {change}\n"
        "    return result\n",
        made,
    )
    wrong = types.ModuleType("altered")
    vars(wrong).update(scope | {function: njit(made[function])})
    return wrong


def test_every_target_is_here():
    assert set(WRITES) == set(targets.names())


@pytest.mark.parametrize("name", WRITES)
def test_one_wrong_element_is_found(name):
    target = contract.loaded(name)
    function, written = WRITES[name]
    change = "result += 1"
    if written:
        change = "i = min(3, len({out}) - 1)\n    if i >= 0:\n        {out}[i] += {out}[i] + 1"
    assert contract.disagreements(target, altered(target, function, change.format(out=written)))
