"""How the surface is called: a column that lies in memory, and one list of row ids a request."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one column.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``values`` [rows] or [rows, width], or ``data`` u8 and ``offsets`` i32[rows + 1];
        ``validity`` u64[words], of length 0 where the column has no nulls.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    if "values" in fixture:
        run = specialise(take_rows, kernels)
        column = (fixture["values"],)
    else:
        run = specialise(take_strings, kernels)
        column = (fixture["data"], fixture["offsets"])
    validity = fixture["validity"]

    def call(requests, outputs, scratch):
        run(
            *column,
            validity,
            requests["ids"],
            outputs["out"],
            outputs["data"],
            outputs["offsets"],
            outputs["valid"],
            outputs["taken"],
            outputs["bytes"],
            outputs["marks"],
            outputs["words"],
            outputs["status"],
        )

    return call


def take_rows(
    values, validity, ids, out, data, offsets, valid, taken, n_bytes, marks, words, status
):
    """Take rows of fixed width; ``kernels`` is the global that `specialise` provides."""
    for r in range(len(ids)):
        if values.ndim == 1:
            code = kernels.take_fixed(values, ids[r], out[r])  # noqa: F821 - given by specialise
        else:
            rows = out[r].reshape((ids.shape[1], values.shape[1]))
            code = kernels.take_fixed(values, ids[r], rows)  # noqa: F821
        if len(validity):
            code = min(code, kernels.take_bits(validity, ids[r], valid[r]))  # noqa: F821
        status[r] = code
        taken[r] = out.shape[1] if code == 0 else 0
        words[r] = valid.shape[1] if code == 0 else 0
        n_bytes[r] = 0
        marks[r] = 0


def take_strings(
    column, bounds, validity, ids, out, data, offsets, valid, taken, n_bytes, marks, words, status
):
    """Take strings; ``kernels`` is the global that `specialise` provides."""
    for r in range(len(ids)):
        code = kernels.take_variable(column, bounds, ids[r], data[r], offsets[r])  # noqa: F821
        if len(validity):
            code = min(code, kernels.take_bits(validity, ids[r], valid[r]))  # noqa: F821
        status[r] = code
        taken[r] = 0
        words[r] = valid.shape[1] if code == 0 else 0
        n_bytes[r] = offsets[r, ids.shape[1]] if code == 0 else 0
        marks[r] = ids.shape[1] + 1 if code == 0 else 0
