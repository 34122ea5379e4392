"""The truth, in the plainest code and in Lance's own float32 steps.

They were found by asking pylance 14.0.2 and are pinned by the snapshot: the norm is
``K1 * (1 - B + B * length / average)``, the document weight ``(K1 + 1) * freq / (freq + norm)``, a
contribution the term's idf times that, and a score the sum of contributions in the order of the
query's terms. Every step is rounded to float32. With them this file returns Lance's bits.
"""

import numpy as np
from numba import njit

K1 = 1.2
B = 0.75
# A posting's id is not one of the window's documents.
OUT_OF_RANGE = -1
# A posting's id is not larger than the one before it.
NOT_ASCENDING = -2
# As many ids as freqs are wanted, and a positive finite average length.
BAD_INPUT = -3


@njit
def setup(lengths, average_length):
    """Nothing to prepare: the state is the fixture."""
    return lengths, average_length


@njit(error_model="numpy")
def score(state, ids, freqs, weight, first_id, scores):
    """Add the contribution of every posting; 0, or the first error met from left to right."""
    lengths, average = state[0], state[1][0]
    if len(ids) != len(freqs) or not np.isfinite(average) or average <= 0:
        return BAD_INPUT
    for i in range(len(ids)):
        doc = np.int64(ids[i])
        if not first_id <= doc < first_id + len(scores) or doc >= len(lengths):
            return OUT_OF_RANGE
        if i > 0 and ids[i] <= ids[i - 1]:
            return NOT_ASCENDING
        freq = np.float32(freqs[i])
        part = np.float32(B) * np.float32(lengths[doc]) / average
        norm = np.float32(K1) * (np.float32(1) - np.float32(B) + part)
        doc_weight = (np.float32(K1) + np.float32(1)) * freq / (freq + norm)
        scores[doc - first_id] += weight * doc_weight
    return 0


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``lengths`` u32[documents] and ``average_length`` f32[1].
    requests : mapping
        ``ids`` and ``freqs`` u32[requests, postings], ``weights`` f32[requests, terms],
        ``starts`` i64[requests, terms, windows + 1], ``first_ids`` i64[requests, windows].

    Returns
    -------
    dict
        ``scores`` f32[requests, windows, 4096] and ``status`` i64[requests, windows]; where the
        status is an error, the window's scores are 0.
    """
    state = setup(fixture["lengths"], fixture["average_length"])
    shape = requests["first_ids"].shape
    scores = np.zeros((*shape, 4_096), np.float32)
    status = np.zeros(shape, np.int64)
    for request, window in np.ndindex(*shape):
        for term, weight in enumerate(requests["weights"][request]):
            start, stop = requests["starts"][request, term, window : window + 2]
            status[request, window] = score(
                state,
                requests["ids"][request, start:stop],
                requests["freqs"][request, start:stop],
                weight,
                requests["first_ids"][request, window],
                scores[request, window],
            )
            if status[request, window]:
                scores[request, window] = 0
                break
    return {"scores": scores, "status": status}
