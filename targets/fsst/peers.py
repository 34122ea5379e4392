"""What a user would pick instead of a kernel, behind the same surface, on one core.

No package on the registry decodes FSST from a table and codes of one's own (Vortex has FSST, but
only for arrays that it made). So the peers are what can be put together without a compiler: the
codes are cut into tokens with NumPy, where token ``256 + byte`` is an escaped byte, and then each
token is replaced by its symbol, by fancy indexing, by Arrow's ``take`` or by ``bytes.join``.
"""

import types

import numpy as np

TABLE_BYTES = 8 + 256 * 8 + 256
ESCAPE = 255


def parse(table):
    """Symbols u8[512, 8] and lengths i64[512] of all tokens, validity and switch."""
    symbols = np.zeros((512, 8), np.uint8)
    lengths = np.zeros(512, np.int64)
    symbols[256:, 0], lengths[256:] = np.arange(256), 1
    if len(table) != TABLE_BYTES or (table[4:8] & list(b"TSSF") != list(b"TSSF")).any():
        return symbols, lengths, False, False
    n = int(table[0])
    symbols[:n] = table[8 : 8 + 8 * n].reshape(n, 8)
    lengths[:n] = table[8 + 8 * n : 8 + 9 * n]
    valid = bool(((lengths[:n] >= 1) & (lengths[:n] <= 8)).all())
    return symbols, lengths, valid, bool(table[3] & 1)


def refusal(valid, switch, compressed, offsets, out, out_offsets):
    """Code of what is wrong before any string is looked at; 0 if nothing."""
    if not valid:
        return -1
    if len(offsets):
        if offsets[0] < 0 or offsets[-1] > len(compressed) or (offsets[1:] < offsets[:-1]).any():
            return -2
        size = int(offsets[-1]) - int(offsets[0])
        if len(out) < (8 * size if switch else size) or len(out_offsets) < len(offsets):
            return -3
    return 0


def tokenise(codes, bounds):
    """Cut codes into tokens.

    Returns
    -------
    tuple of ndarray, or None
        Tokens, and how many of them lie before each of ``bounds``. None: a string ends in an
        escape.
    """
    is_escape = codes == ESCAPE
    if not is_escape.any():
        return codes, bounds
    # in a run of 255 every other one is an escape; runs end where strings do
    place = np.arange(len(codes))
    begins = np.where(is_escape, 0, place + 1)
    starts = bounds[:-1][bounds[:-1] < len(codes)]
    begins[starts] = np.maximum(begins[starts], starts)
    np.maximum.accumulate(begins, out=begins)
    is_escape &= (place - begins) % 2 == 0
    ends = bounds[1:][bounds[1:] > bounds[:-1]]
    if is_escape[ends - 1].any():
        return None
    tokens = codes.astype(np.uint16)
    tokens[1:][is_escape[:-1]] += 256
    before = np.concatenate(([0], np.cumsum(~is_escape)))
    return tokens[~is_escape], before[bounds]


def decoder(replace, prepare):
    """Surface of a peer: ``replace(state, tokens)`` gives bytes and where each token's end."""

    def setup(table):
        symbols, lengths, valid, switch = parse(table)
        return valid, switch, prepare(symbols, lengths)

    def decode(state, compressed, offsets, out, out_offsets):
        valid, switch, prepared = state
        code = refusal(valid, switch, compressed, offsets, out, out_offsets)
        if code or not len(offsets):
            return code
        codes = compressed[offsets[0] : offsets[-1]]
        bounds = offsets.astype(np.int64) - offsets[0]
        if not switch:
            out[: len(codes)] = codes
            out_offsets[: len(bounds)] = bounds
            return len(codes)
        found = tokenise(codes, bounds)
        if found is None:
            return -4
        tokens, before = found
        data, ends = replace(prepared, tokens)
        out[: len(data)] = data
        out_offsets[: len(bounds)] = ends[before]
        return len(data)

    return types.SimpleNamespace(setup=setup, decode=decode)


def numpy_peer():
    """Fancy indexing: the symbols of all tokens as rows of 8 bytes, then a mask."""

    def prepare(symbols, lengths):
        return symbols, lengths, np.arange(8) < lengths[:, None]

    def replace(state, tokens):
        symbols, lengths, used = state
        ends = np.concatenate(([0], np.cumsum(lengths[tokens])))
        return symbols[tokens][used[tokens]], ends

    return decoder(replace, prepare)


def pyarrow_peer():
    """``pyarrow.Array.take`` of the symbols by token: its value buffer is the text."""
    import pyarrow as pa

    def prepare(symbols, lengths):
        rows = zip(symbols, lengths.tolist(), strict=True)
        return pa.array([row[:n].tobytes() for row, n in rows], pa.binary())

    def replace(array, tokens):
        taken = array.take(pa.array(tokens))
        _, ends, data = taken.buffers()
        ends = np.frombuffer(ends, np.int32, len(tokens) + 1)
        return np.frombuffer(data, np.uint8, ends[-1]), ends

    return decoder(replace, prepare)


def python_peer():
    """``bytes.join`` over a list of symbols."""

    def prepare(symbols, lengths):
        rows = zip(symbols, lengths.tolist(), strict=True)
        return [row[:n].tobytes() for row, n in rows], lengths

    def replace(state, tokens):
        words, lengths = state
        text = b"".join([words[token] for token in tokens.tolist()])
        ends = np.concatenate(([0], np.cumsum(lengths[tokens])))
        return np.frombuffer(text, np.uint8), ends

    return decoder(replace, prepare)


PEERS = {"numpy": numpy_peer, "pyarrow": pyarrow_peer, "python": python_peer}
