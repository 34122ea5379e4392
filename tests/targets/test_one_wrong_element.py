"""One wrong element that a kernel stores is found, in every target."""

import contract
import pytest

from workbench import targets
from workbench.targets import load_file

ROOT = targets.find_root()
# Target -> (function, the argument it writes): the function is renamed, and one of its name
# changes an element in the middle of what it wrote.
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


def altered(target, function, written, change):
    """The text of kernels.py whose ``function`` changes what it has written."""
    arguments = ", ".join(target.surface[function])
    source = target.kernels_path.read_text()
    assert f"def {function}(" in source
    return (
        source.replace(f"def {function}(", f"def right_{function}(")
        + f"\n\n@njit\ndef {function}({arguments}):\n"
        + f"    result = right_{function}({arguments})\n"
        + f"    {change.format(out=written)}\n"
        + "    return result\n"
    )


def test_every_target_is_here():
    assert set(WRITES) == set(targets.names(ROOT))


@pytest.mark.parametrize("name", WRITES)
def test_one_wrong_element_is_found(name, tmp_path):
    target = targets.load(name, ROOT)
    function, written = WRITES[name]
    middle = "i = min(3, len({out}) - 1)\n    if i >= 0:\n        {out}[i] += {out}[i] + 1"
    if written is None:
        middle = "result += 1"
    path = tmp_path / "kernels.py"
    path.write_text(altered(target, function, written, middle))
    found = contract.disagreements(target, load_file(path, "altered"))
    assert found
