"""How the surface is called: a planned filter over the batches of a scan, node after node.

The plan is known before the scan: ``nodes`` i64[k, 7], one row a node of the filter's tree in
the order of evaluation, the columns being

    kind, column, operator, first constant, number of constants, left node, right node

Kinds: 0 compare, 1 compare_total, 2 between, 3 is_in, 4 and_kleene, 5 or_kleene. Integers are
compared by 0 and 2, floats by 1, both by 3. The rows come in
batches of 8,192, as in a Lance scan. Every node runs on every row of its batch.
"""

from workbench.targets import specialise

BATCH_ROWS = 8_192
# Columns by number: integers, then the bits of floats.
COLUMNS = ("i32", "i64", "u8", "f32", "f64")


def bind(kernels, fixture):
    """Prepare a variant for one plan.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``nodes`` i64[k, 7], ``rows`` i64[1]: the rows of each request.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    nodes, rows = fixture["nodes"], int(fixture["rows"][0])
    run = loop_of(kernels)

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

    return call


def loop_of(kernels):
    """The loop for a variant; no plan changes it."""
    return specialise(
        filter_requests,
        kernels,
        integers=specialise(evaluate_integers, kernels),
        floats=specialise(evaluate_floats, kernels),
        batch_rows=BATCH_ROWS,
    )


def evaluate_integers(node, values, constants, table, out):
    """Run a node on a column of integers; ``kernels`` is the global that `specialise` provides."""
    first = node[3]
    if node[0] == 3:
        listed = constants[first : first + node[4]]
        return kernels.is_in(values, listed, table, out)  # noqa: F821 - given by specialise
    low = values.dtype.type(constants[first])
    if node[0] == 2:
        high = values.dtype.type(constants[first + 1])
        return kernels.between(values, low, high, out)  # noqa: F821
    return kernels.compare(values, node[2], low, out)  # noqa: F821


def evaluate_floats(node, values, constants, table, out):
    """Run a node on the bits of a column of floats."""
    first = node[3]
    if node[0] == 3:
        listed = constants[first : first + node[4]]
        return kernels.is_in(values, listed, table, out)  # noqa: F821
    constant = values.dtype.type(constants[first])
    return kernels.compare_total(values, node[2], constant, out)  # noqa: F821


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
        kept, code = 0, 0
        for start in range(0, n_rows, batch_rows):  # noqa: F821 - given by specialise
            stop = min(start + batch_rows, n_rows)  # noqa: F821
            first, end = start // 64, (stop + 63) // 64
            size = end - first
            for j in range(len(nodes)):
                node = nodes[j]
                out = out_bits[r, first:end] if j == last else bits[j, :size]
                is_known = out_known[r, first:end] if j == last else known[j, :size]
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
                    done = integers(node, i32[r, start:stop], constants[r], table, out)  # noqa: F821
                elif column == 1:
                    done = integers(node, i64[r, start:stop], constants[r], table, out)  # noqa: F821
                elif column == 2:
                    done = integers(node, u8[r, start:stop], constants[r], table, out)  # noqa: F821
                elif column == 3:
                    done = floats(node, f32[r, start:stop], constants[r], table, out)  # noqa: F821
                else:
                    done = floats(node, f64[r, start:stop], constants[r], table, out)  # noqa: F821
                if j == last and node[0] < 4:
                    # word by word: numba takes 4 s to compile the assignment of a slice
                    for w in range(size):
                        is_known[w] = validity[r, column, first + w]
                code = min(code, done)
            if code == 0:
                final, final_known = out_bits[r, first:end], out_known[r, first:end]
                done = kernels.select(final, final_known, start, rows[r, kept:])  # noqa: F821
                code = min(code, done)
                kept += done
        status[r] = code
        count[r] = kept if code == 0 else 0
        words[r] = (n_rows + 63) // 64 if code == 0 else 0
