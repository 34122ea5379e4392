"""Packets through two decoders: real files, and the parity matrix.

`comparing` takes a file apart and decodes every packet with a kernel and with libopus; `matrix`
does the same for streams of every mode, frame size, bandwidth and width.
"""
