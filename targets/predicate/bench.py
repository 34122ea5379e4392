"""How the surface is called: a planned filter over the batches of a scan, node after node.

The plan is known before the scan: ``nodes`` i64[k, 7], one row a node of the filter's tree in
the order of evaluation, the columns being

    kind, column, operator, first constant, number of constants, left node, right node

Kinds: 0 compare, 1 compare_total, 2 between, 3 is_in, 4 and_kleene, 5 or_kleene. Integers are
compared by 0 and 2, floats by 1, both by 3. The rows come in
batches of 8,192, as in a Lance scan. Every node runs on every row of its batch.
"""

import functools
import types

import numpy as np

from workbench.targets import specialise

BATCH_ROWS = 8_192
# Columns by number: integers, then the bits of floats.
COLUMNS = ("i32", "i64", "u8", "f32", "f64")
# The status of a request behind whose last row number `select` has written.
WROTE_BEHIND = -3


def bind(kernels, fixture):
    """Prepare a variant for one plan.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``nodes`` i64[k, 7], ``rows`` i64[1]: the rows of each request. Where there is a
        ``watched`` (the battery has one, nothing timed does), what lies behind the row numbers
        must be left as it was, else the status is `WROTE_BEHIND`.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    nodes, rows = fixture["nodes"], int(fixture["rows"][0])
    run = loop_of(kernels, nodes)

    def call(requests, outputs, scratch):
        run(
            nodes,
            rows,
            tuple(requests[name] for name in COLUMNS),
            requests["validity"],
            requests["constants"],
            scratch["table"],
            scratch["bitmaps"][0],
            scratch["bitmaps"][1],
            outputs["bits"],
            outputs["known"],
            outputs["words"],
            outputs["rows"],
            outputs["count"],
            outputs["status"],
        )

    def watch(requests, outputs, scratch):
        before = outputs["rows"].copy()
        call(requests, outputs, scratch)
        behind = np.arange(rows) >= outputs["count"][:, None]
        changed = (behind & (outputs["rows"] != before)).any(axis=1)
        outputs["status"][changed] = WROTE_BEHIND

    return watch if "watched" in fixture else call


def loop_of(kernels, nodes):
    """The loop for a variant: compiled for plans like the timed ones, else interpreted.

    Each kind of node on each type of column costs up to 0.5 s to compile into a loop, and no
    timed plan has more than one kind on a column: upstream.py takes 4.8 s of CPU instead of 9.0.
    """
    leaves = nodes[nodes[:, 0] < 4]
    if (leaves[:, 0] == np.take(TIMED_KINDS, leaves[:, 1])).all():
        found = [specialise(TIMED[kind], kernels) for kind in TIMED_KINDS]
    else:
        surface = {k: functools.partial(v) for k, v in vars(kernels).items() if callable(v)}
        kernels = types.SimpleNamespace(**surface)  # nothing that `specialise` would compile
        kinds = [specialise(TIMED[kind], kernels) for kind in (1, 2, 3)]
        found = [specialise(evaluate, kernels, kinds=kinds)] * len(COLUMNS)
    evaluators = {f"on_{name}": part for name, part in zip(COLUMNS, found, strict=True)}
    return specialise(filter_requests, kernels, **evaluators, batch_rows=BATCH_ROWS)


def evaluate(node, values, constants, table, out):
    """Run any node on a column; ``kernels`` is the global that `specialise` provides."""
    if node[0] == 0:
        constant = values.dtype.type(constants[node[3]])
        return kernels.compare(values, node[2], constant, out)  # noqa: F821 - given by specialise
    return kinds[node[0] - 1](node, values, constants, table, out)  # noqa: F821


def evaluate_total(node, values, constants, table, out):
    """Compare the bits of a column of floats."""
    constant = values.dtype.type(constants[node[3]])
    return kernels.compare_total(values, node[2], constant, out)  # noqa: F821


def evaluate_between(node, values, constants, table, out):
    """Hold a column of integers between two limits."""
    low = values.dtype.type(constants[node[3]])
    high = values.dtype.type(constants[node[3] + 1])
    return kernels.between(values, low, high, out)  # noqa: F821


def evaluate_is_in(node, values, constants, table, out):
    """Look a column up in a list."""
    listed = constants[node[3] : node[3] + node[4]]
    return kernels.is_in(values, listed, table, out)  # noqa: F821


TIMED = {1: evaluate_total, 2: evaluate_between, 3: evaluate_is_in}
# The kind of node that timed plans have on each column.
TIMED_KINDS = (2, 3, 3, 1, 1)


def filter_requests(
    nodes,
    n_rows,
    columns,
    validity,
    constants,
    table,
    bits,
    known,
    out_bits,
    out_known,
    words,
    rows,
    count,
    status,
):
    """Filter every request; `specialise` provides ``kernels`` and the names `loop_of` gives it."""
    i32, i64, u8, f32, f64 = columns
    last = len(nodes) - 1
    for r in range(len(constants)):
        given, kept, code = constants[r], 0, 0
        for start in range(0, n_rows, batch_rows):  # noqa: F821 - given by specialise
            stop = min(start + batch_rows, n_rows)  # noqa: F821
            first, end = start // 64, (stop + 63) // 64
            size = end - first
            final, final_known = out_bits[r, first:end], out_known[r, first:end]
            for j in range(len(nodes)):
                node = nodes[j]
                out = final if j == last else bits[j, :size]
                is_known = final_known if j == last else known[j, :size]
                column = node[1]
                if node[0] >= 4:
                    left, right = node[5], node[6]
                    left_known = known[left, :size]
                    if nodes[left, 0] < 4:
                        left_known = validity[r, nodes[left, 1], first:end]
                    right_known = known[right, :size]
                    if nodes[right, 0] < 4:
                        right_known = validity[r, nodes[right, 1], first:end]
                    if node[0] == 4:
                        done = kernels.and_kleene(  # noqa: F821
                            bits[left, :size],
                            left_known,
                            bits[right, :size],
                            right_known,
                            out,
                            is_known,
                        )
                    else:
                        done = kernels.or_kleene(  # noqa: F821
                            bits[left, :size],
                            left_known,
                            bits[right, :size],
                            right_known,
                            out,
                            is_known,
                        )
                elif column == 0:
                    done = on_i32(node, i32[r, start:stop], given, table, out)  # noqa: F821
                elif column == 1:
                    done = on_i64(node, i64[r, start:stop], given, table, out)  # noqa: F821
                elif column == 2:
                    done = on_u8(node, u8[r, start:stop], given, table, out)  # noqa: F821
                elif column == 3:
                    done = on_f32(node, f32[r, start:stop], given, table, out)  # noqa: F821
                else:
                    done = on_f64(node, f64[r, start:stop], given, table, out)  # noqa: F821
                if j == last and node[0] < 4:
                    # word by word: numba takes 4 s to compile the assignment of a slice
                    for w in range(size):
                        is_known[w] = validity[r, column, first + w]
                code = min(code, done)
            if code == 0:
                done = kernels.select(final, final_known, start, rows[r, kept:])  # noqa: F821
                code = min(code, done)
                kept += done
        status[r] = code
        count[r] = kept if code == 0 else 0
        words[r] = (n_rows + 63) // 64 if code == 0 else 0
