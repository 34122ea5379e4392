"""Parts of an Opus codec in numba, written from RFC 6716 and RFC 8251.

Every module lists in ``__all__`` what a kernel may import. Buffers are flat and belong to the
caller; offsets go in as integers; nothing allocates, except `workbench.opus.decoder.setup`.
"""

__all__: list[str] = []
