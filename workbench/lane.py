"""A runner together with its arena: where requests are put, and where outputs are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.arena import Arena, Edge, Layout, Slot
from workbench.forkserver import ForkServer
from workbench.targets import Arrays, Target, Workload

# Room for at least this many requests a combo. A turn answers as many as make it long enough.
MAX_BATCH = 8
# A byte that makes NaN of floats and -1 of integers, so that an unwritten output cannot pass.
POISON = 0xFF


@dataclass(frozen=True)
class Place:
    """Where one combo lies in an arena: the same offsets for every variant."""

    fixture: Mapping[str, Slot]
    requests: Mapping[str, Slot]
    outputs: Mapping[str, Slot]
    scratch: Mapping[str, Slot]

    def as_json(self) -> dict[str, dict[str, list[Any]]]:
        """Slots as lists, for the runner."""
        return {
            part: {name: list(slot.values()) for name, slot in slots.items()}
            for part, slots in asdict(self).items()
        }


@dataclass(frozen=True)
class Plan:
    """The places of all combos, and where a kernel's state begins."""

    places: tuple[Place, ...]
    state_offset: int
    workloads: Sequence[Workload] = field(repr=False)
    guards: tuple[tuple[int, int], ...] = ()


def plan(workloads: Sequence[Workload], edge: Edge | None = None) -> Plan:
    """Lay out the arrays of all workloads, one after the other.

    With an ``edge`` there is room for one request, and forbidden pages around every array.
    """
    layout = Layout(edge)
    places = []
    for load in workloads:
        sample = load.requests(np.random.default_rng(0), 1)  # its shapes only
        room = 1 if edge else max(MAX_BATCH, load.batch)
        places.append(
            Place(
                {k: layout.add(v.shape, v.dtype.str) for k, v in load.fixture.items()},
                {k: layout.add((room, *v.shape[1:]), v.dtype.str) for k, v in sample.items()},
                {k: layout.add((room, *s), d) for k, (s, d) in load.outputs.items()},
                {k: layout.add(s, d) for k, (s, d) in load.scratch.items()},
            )
        )
    return Plan(tuple(places), layout.end, workloads, tuple(layout.guards))


class Lane:
    """One variant in the race: a fresh runner, and an arena filled with the fixtures.

    The arena is a new one, unless one is lent.
    """

    def __init__(
        self,
        server: ForkServer,
        target: Target,
        kernels: Path,
        layout: Plan,
        cores: Sequence[int],
        pad_bytes: int = 0,
        arena: Arena | None = None,
        *,
        bounds: bool = False,
        ticks: bool = False,
        spins: Sequence[int] = (),
    ) -> None:
        self.plan = layout
        self.arena = arena or Arena.create()
        self._owned = arena is None
        for place, load in zip(layout.places, layout.workloads, strict=True):
            for name, view in self.arena.views(place.fixture).items():
                view[...] = load.fixture[name]
        self.requests = [self.arena.views(p.requests) for p in layout.places]
        self.outputs = [self.arena.views(p.outputs) for p in layout.places]
        job = {
            "kernels": str(kernels),
            "bench": str(target.folder / target.bench_file),
            "cache_dir": str(kernels.parent / "numba"),
            "surface": [*target.surface, *target.spec.get("optional", {})],
            "combos": [place.as_json() for place in layout.places],
            "state_offset": layout.state_offset,
            "cores": list(cores),
            "pad_bytes": pad_bytes,
            "bounds": bounds,
            "ticks": ticks,
            "spins": list(spins),
            "guards": layout.guards,
            "query": target.bench_file == "callsite.py",
            "libopus": target.spec.get("upstream", {}).get("library") == "libopus",
        }
        self.runner = server.spawn(job, self.arena)

    def offer(self, combo: int, requests: Arrays, poison: int = POISON) -> None:
        """Put requests where the runner reads them and poison the outputs it must write."""
        for name, values in requests.items():
            self.requests[combo][name][: len(values)] = values
        for view in self.outputs[combo].values():
            view[: len(next(iter(requests.values())))].view(np.uint8).fill(poison)

    def answers(self, combo: int, count: int) -> dict[str, NDArray[Any]]:
        """The outputs of the first ``count`` requests; views, valid until the next offer."""
        return {name: view[:count] for name, view in self.outputs[combo].items()}

    def close(self) -> None:
        """End the runner, and free the arena if it was not lent."""
        self.runner.close()
        if self._owned:
            self.arena.close()
