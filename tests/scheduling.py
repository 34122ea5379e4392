"""Which test files share a process, and which begin first."""

import re

from xdist.scheduler import LoadScopeScheduling

# What compiles the codec's parts, for minutes: in one process they are compiled once.
CODEC = re.compile(r"tests/(opus|codec)/|tests/\w+/test_opus_\w+\.py|tests/upstreams/test_libopus")
ONE_WRONG = re.compile(r"test_one_wrong_element\.py::.*\[(\w+)\]")
# The longest others, so that neither process is left with one of them in the end.
LONG = (
    *("targets/test_contract", "exploits/test_exploits", "test_simd", "browser/", "faults/"),
    *("research/test_merging", "test_trial", "test_tutorial", "test_audit", "errorrates/"),
    *("research/", "encoders/test_sweep", "site/", "test_integrate", "test_kernelcells"),
)


def process_of(nodeid: str) -> str:
    """What is the same for all tests that share a process: their file, but for two exceptions."""
    found = ONE_WRONG.search(nodeid)
    path = f"tests/targets/test_{found[1]}.py" if found else nodeid.split("::")[0]
    return "codec" if CODEC.search(path) else path


def begin(nodeid: str) -> int:
    """Place in the order of beginning."""
    process = process_of(nodeid)
    if process == "codec":
        return 0
    places = [i for i, part in enumerate(LONG, 1) if process.startswith(f"tests/{part}")]
    return min(places, default=len(LONG) + 1)


class ByCompiledCode(LoadScopeScheduling):
    """A file is tested in one process; what compiles the same code in the same one."""

    def _split_scope(self, nodeid: str) -> str:
        return process_of(nodeid)
