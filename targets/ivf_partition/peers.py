"""What a user would pick instead of a kernel, behind the same surface, on one core.

The formula |q|^2 - 2 q c + |c|^2 over a matrix product is quicker still, but its error goes with
the lengths and not with the distance: beyond the tolerance for a query near its centroid.
"""

import types

import numpy as np

NO_PARTITION = np.uint32(2**32 - 1)


def checked(centroids_of, search):
    """Wrap ``search(state, query, count)`` with the surface's answers to bad or wide questions."""

    def nearest_partitions(state, query, gaps, order, ids, distances):
        partitions, dim = centroids_of(state)
        ids[:] = NO_PARTITION
        distances[:] = np.inf
        if len(query) != dim:
            return -2
        if not np.isfinite(query).all():
            return -1
        count = min(len(ids), partitions)
        if count:
            ids[:count], distances[:count] = search(state, query, count)
        return count

    return nearest_partitions


def faiss_peer():
    """`faiss.IndexFlatL2`, the quantizer of every faiss IVF index."""
    import faiss

    faiss.omp_set_num_threads(1)

    def setup(centroids):
        index = faiss.IndexFlatL2(centroids.shape[1])
        index.add(centroids)
        return (index,)

    def search(state, query, count):
        distances, ids = state[0].search(query[None], count)
        return ids[0], distances[0]

    def size(state):
        return state[0].ntotal, state[0].d

    return types.SimpleNamespace(setup=setup, nearest_partitions=checked(size, search))


def ranked(gaps, count):
    """Nearest ``count`` of all distances: the partition first, then a sort of what is left."""
    chosen = gaps.argpartition(count - 1)[:count] if count < len(gaps) else np.arange(count)
    chosen = chosen[gaps[chosen].argsort(kind="stable")]
    return chosen, gaps[chosen]


def numpy_peer():
    """`numpy.einsum` of the differences, `numpy.argpartition`."""

    def setup(centroids):
        return centroids, np.empty_like(centroids)

    def search(state, query, count):
        centroids, gap = state
        np.subtract(centroids, query, out=gap)
        return ranked(np.einsum("pd,pd->p", gap, gap), count)

    def size(state):
        return state[0].shape

    return types.SimpleNamespace(setup=setup, nearest_partitions=checked(size, search))


def scipy_peer():
    """`scipy.spatial.distance.cdist`, which computes in float64."""
    from scipy.spatial.distance import cdist

    def setup(centroids):
        return (centroids.astype(np.float64),)

    def search(state, query, count):
        gaps = cdist(query[None].astype(np.float64), state[0], "sqeuclidean")[0]
        return ranked(gaps, count)

    def size(state):
        return state[0].shape

    return types.SimpleNamespace(setup=setup, nearest_partitions=checked(size, search))


PEERS = {"faiss": faiss_peer, "numpy": numpy_peer, "scipy": scipy_peer}
