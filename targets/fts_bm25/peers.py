"""What a user would pick instead of a kernel, behind the same surface, on one core.

tantivy is no peer here: it scores inside its own search over its own index, and offers no call that
takes postings. bm25s is one by its scoring function; its index would have every score computed
beforehand, which Lance cannot do because a document's score changes with the average length.
"""

import types

import numpy as np

K1 = np.float32(1.2)
B = np.float32(0.75)


def checked(ids, freqs, average, first_id, stop):
    """Status of a call: 0, or what its first bad posting is."""
    if len(ids) != len(freqs) or not np.isfinite(average) or average <= 0:
        return -3
    if len(ids) == 0:
        return 0
    places = ids.astype(np.int64)
    if places[0] >= first_id and places[-1] < stop and (places[1:] > places[:-1]).all():
        return 0
    outside = (places < first_id) | (places >= stop)
    falling = np.zeros(len(places), bool)
    falling[1:] = places[1:] <= places[:-1]
    first = int(np.argmax(outside | falling))
    return -1 if outside[first] else -2


def peer(contributions):
    """Surface around ``contributions(freqs, lengths, norms, average, weight)``, float32 each."""

    def setup(lengths, average_length):
        average = np.float32(average_length[0])
        lengths = lengths.astype(np.float32)
        with np.errstate(all="ignore"):
            norms = K1 * (np.float32(1) - B + B * lengths / average)
        return lengths, norms, average

    def score(state, ids, freqs, weight, first_id, scores):
        lengths, norms, average = state
        first_id = int(first_id)
        stop = min(first_id + len(scores), len(lengths))
        status = checked(ids, freqs, average, first_id, stop)
        if status == 0 and len(ids):
            tf = freqs.astype(np.float32)
            added = contributions(tf, lengths, norms, ids, average, np.float32(weight))
            scores[ids.astype(np.int64) - first_id] += added
        return status

    return types.SimpleNamespace(setup=setup, score=score)


def numpy_peer():
    """The formula over whole arrays, with the norms of all documents computed once."""

    def contributions(tf, lengths, norms, ids, average, weight):
        return weight * ((K1 + np.float32(1)) * tf / (tf + norms[ids]))

    return peer(contributions)


def numexpr_peer():
    """The same formula through `numexpr.evaluate`, one thread."""
    import numexpr

    numexpr.set_num_threads(1)

    def contributions(tf, lengths, norms, ids, average, weight):
        given = {"tf": tf, "norm": norms[ids], "top": weight * (K1 + np.float32(1))}
        return numexpr.evaluate("top * tf / (tf + norm)", local_dict=given)

    return peer(contributions)


def bm25s_peer():
    """The term-frequency component of bm25s (method "atire", which is Lance's) times the weight."""
    from bm25s.scoring import _select_tfc_scorer

    component = _select_tfc_scorer("atire")

    def contributions(tf, lengths, norms, ids, average, weight):
        return weight * component(tf, lengths[ids], average, K1, B, None)

    return peer(contributions)


PEERS = {"bm25s": bm25s_peer, "numexpr": numexpr_peer, "numpy": numpy_peer}
