"""The yardstick: libopus through ctypes, in the plainest code.

No encoder is *the* truth: what is held against it are the bytes spent, and the sound that libopus
decodes from the packets (`workbench.opus.conformance`).
"""

import numpy as np

from workbench.upstreams import libopus

MAX_BYTES = 1_276


def answer(fixture, requests):
    """Encode every request from silence on, in CELT mode, constant bit rate, complexity 10.

    Parameters
    ----------
    fixture : mapping
        ``channels``, i64[1].
    requests : mapping
        ``pcm`` f32[n, rows, channels]; ``frames`` i32[n, p], samples of each packet, 0 behind the
        last; ``rates`` i32[n, p], bits a second.

    Returns
    -------
    dict
        ``packets`` u8[n, p, 1276], ``lengths`` i32[n, p], of refused ones a negative code, and
        ``ranges`` u32[n, p], libopus's final range.
    """
    pcm, frames, rates = requests["pcm"], requests["frames"], requests["rates"]
    packets = np.zeros((*frames.shape, MAX_BYTES), np.uint8)
    lengths = np.zeros(frames.shape, np.int32)
    ranges = np.zeros(frames.shape, np.uint32)
    for i in range(len(pcm)):
        encoder = libopus.Encoder(int(fixture["channels"][0]), "restricted_celt")
        encoder.set(vbr=0, complexity=10)
        at = 0
        for j in np.flatnonzero(frames[i]):
            frame = int(frames[i, j])
            sound = np.nan_to_num(pcm[i, at : at + frame], posinf=2.0, neginf=-2.0)
            at += frame
            try:
                # libopus takes 500 to 750,000 bits a second for a channel
                encoder.set(bitrate=int(max(500, rates[i, j])))
                lengths[i, j] = encoder.encode(np.ascontiguousarray(sound), packets[i, j])
                ranges[i, j] = encoder.final_range
            except libopus.OpusError as error:
                lengths[i, j] = error.code
    return {"packets": packets, "lengths": lengths, "ranges": ranges}
