"""What a user would pick instead of a kernel, behind the same surface, on one core.

Both are exact: faiss quantises its tables to bytes only for codes of four bits
(`faiss.IndexPQFastScan`), which is another codebook and so another answer.

faiss offers no call that returns the distance of every row unsorted: ``search`` with k = n is the
quickest that answers the question (2.6 ms for 20,000 rows at 128x16x256; ``range_search`` 8.9 ms).
Most of that is its heap: ``search`` with k = 10 takes 0.11 ms, and 0.61 ms at 768x96x256.
"""

import types

import numpy as np


def faiss_peer():
    """`faiss.IndexPQ` with the same codebook and the same codes."""
    import faiss

    faiss.omp_set_num_threads(1)

    def setup(codebook, codes):
        sub_vectors, _, width = codebook.shape
        index = faiss.IndexPQ(sub_vectors * width, sub_vectors, 8)
        faiss.copy_array_to_vector(codebook.ravel(), index.pq.centroids)
        index.is_trained = True
        if len(codes):
            index.add_sa_codes(codes)
        return (index,)

    def distance_table(state, query, table):
        # faiss builds its own table inside search: the scratch only carries the query there
        table.reshape(-1)[: len(query)] = query

    def distances(state, table, out):
        (index,) = state
        if index.ntotal:
            query = table.reshape(1, -1)[:, : index.d]
            found, rows = index.search(query, index.ntotal)
            out[rows[0]] = found[0]

    return types.SimpleNamespace(setup=setup, distance_table=distance_table, distances=distances)


def numpy_peer():
    """`numpy.take` over the table, one sub-vector at a time."""

    def setup(codebook, codes):
        # indices as intp: take would convert bytes on every call (0.32 ms instead of 0.18 ms)
        columns = np.ascontiguousarray(codes.T, dtype=np.intp)
        return codebook, columns, np.empty(len(codes), np.float32)

    def distance_table(state, query, table):
        codebook = state[0]
        gap = codebook - query.reshape(len(codebook), 1, -1)
        np.einsum("jcd,jcd->jc", gap, gap, out=table)

    def distances(state, table, out):
        _, columns, entry = state
        out[:] = 0.0
        for row, column in zip(table, columns, strict=True):
            np.take(row, column, out=entry, mode="clip")
            np.add(out, entry, out=out)

    return types.SimpleNamespace(setup=setup, distance_table=distance_table, distances=distances)


PEERS = {"faiss": faiss_peer, "numpy": numpy_peer}
