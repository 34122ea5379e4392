"""The truth: libopus through ctypes, in the plainest code.

libopus's own final range proves that entropy decoding went as its own did, bit for bit.
"""

import numpy as np

from workbench.upstreams import libopus

BAD_ARG, BUFFER_TOO_SMALL = -1, -2


def setup(channels, frame_size):
    """Make a decoder."""
    return libopus.Decoder(channels), frame_size


def reset(state):
    """Forget the signal."""
    state[0].reset()


def decode(state, packet, length, pcm):
    """Decode one packet: samples per channel or libopus's code, and the final range, 0 with it."""
    decoder, frame_size = state
    if not 0 <= length <= len(packet):
        return BAD_ARG, 0
    # An empty packet is a lost one: libopus would make up as many samples as there is room for.
    if length == 0 and frame_size > len(pcm):
        return BUFFER_TOO_SMALL, 0
    room = len(pcm) if length else frame_size
    try:
        samples = decoder.decode(packet[:length], pcm[:room])
    except libopus.OpusError as error:
        return error.code, 0
    return samples, decoder.final_range


def answer(fixture, requests):
    """Decode every request from silence on.

    Parameters
    ----------
    fixture : mapping
        ``channels`` and ``frame_size``, i64[1] each.
    requests : mapping
        ``packets`` u8[n, p, width] and their ``lengths`` i32[n, p]; a negative one is no packet.

    Returns
    -------
    dict
        ``pcm`` f32[n, rows, channels], zero behind the last sample; ``samples`` i32[n, p] and
        ``ranges`` u32[n, p], zero where there is no packet.
    """
    channels, frame_size, rows = (int(fixture[k][0]) for k in ("channels", "frame_size", "rows"))
    state = setup(channels, frame_size)
    packets, lengths = requests["packets"], requests["lengths"]
    pcm = np.zeros((len(packets), rows, channels), np.float32)
    samples = np.zeros(lengths.shape, np.int32)
    ranges = np.zeros(lengths.shape, np.uint32)
    for i, j in zip(*np.nonzero(lengths >= 0), strict=True):
        if j == 0:
            reset(state)
        at = int(samples[i, :j].clip(0).sum())
        got, final = decode(state, packets[i, j], int(lengths[i, j]), pcm[i, at:])
        samples[i, j], ranges[i, j] = got, final
    return {"pcm": pcm, "samples": samples, "ranges": ranges}
