"""What a user would pick instead of a kernel, behind the same surface, on one core.

faiss and scipy encode without saying how far; the distance of the chosen centroids is one more
pass over as many numbers as a row has.
"""

import types

import numpy as np


def distances_of(codebook, parts, codes):
    """Squared distances of ``parts`` f32[n, parts, width] to the centroids of their codes."""
    gap = parts - codebook[np.arange(len(codebook)), codes]
    return np.einsum("njw,njw->nj", gap, gap)


def variant(prepare, find):
    """Make a variant of ``prepare(codebook) -> tool`` and ``find(tool, parts, codes)``."""

    def setup(codebook):
        return codebook, prepare(codebook)

    def encode(state, rows, gaps, codes, distances):
        codebook, tool = state
        parts = rows.reshape(len(rows), len(codebook), codebook.shape[2])
        if len(rows):
            find(tool, parts, codes)
            distances[:] = distances_of(codebook, parts, codes)

    return types.SimpleNamespace(setup=setup, encode=encode)


def faiss_peer():
    """`faiss.ProductQuantizer.compute_codes`."""
    import faiss

    faiss.omp_set_num_threads(1)

    def prepare(codebook):
        parts, _, width = codebook.shape
        quantiser = faiss.ProductQuantizer(parts * width, parts, 8)
        faiss.copy_array_to_vector(codebook.ravel(), quantiser.centroids)
        return quantiser

    def find(quantiser, parts, codes):
        codes[:] = quantiser.compute_codes(parts.reshape(len(parts), -1))

    return variant(prepare, find)


def numpy_peer():
    """`numpy.einsum` of the differences and `argmin`, part by part."""

    def find(codebook, parts, codes):
        for j, centroids in enumerate(codebook):
            gap = parts[:, j, None] - centroids
            codes[:, j] = np.einsum("ncw,ncw->nc", gap, gap).argmin(axis=1)

    return variant(lambda codebook: codebook, find)


def scipy_peer():
    """`scipy.cluster.vq.vq`, part by part."""
    from scipy.cluster.vq import vq

    def find(codebook, parts, codes):
        for j, centroids in enumerate(codebook):
            codes[:, j] = vq(parts[:, j], centroids, check_finite=False)[0]

    return variant(lambda codebook: codebook, find)


PEERS = {"faiss": faiss_peer, "numpy": numpy_peer, "scipy": scipy_peer}
