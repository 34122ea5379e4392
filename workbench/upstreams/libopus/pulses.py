"""Evidence for PVQ decoding: the codewords of real streams, as a decoder meets them.

libopus encodes; which codebooks and indices a packet has, its decoder does not tell. So they are
those that `workbench.opus.decoder` read, and that decoder's final range has to be libopus's own
in every packet: one other codebook or index would change it. The vectors are those behind the
sound that differs from libopus's by rounding only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.callsites.opus_shapes import Tracer
from workbench.errors import Infrastructure
from workbench.opus import pvq, streams
from workbench.opus.streams import Settings
from workbench.upstreams.libopus.coders import Decoder

SEED = 6716
PACKETS = 60
SHAPES = {
    "32k_mono": Settings(960, "fullband", 1, 32, "cvbr"),
    "96k_stereo": Settings(960, "fullband", 2, 96, "cvbr"),
    "192k_stereo": Settings(960, "fullband", 2, 192, "cvbr"),
}
KINDS = ("speech", "music", "transients")
# Of full scale, between both decoders.
TOLERANCE = 1e-4


def record_pvq() -> dict[str, dict[str, NDArray[Any]]]:
    """Record one archive a rate and kind of sound, see `record`."""
    return {
        f"{shape}-{kind}": record(kind, settings)
        for shape, settings in SHAPES.items()
        for kind in KINDS
    }


def record(kind: str, settings: Settings) -> dict[str, NDArray[Any]]:
    """Decode a stream with both decoders.

    Returns
    -------
    dict
        ``request_counts`` i32[1, packets], vectors of each packet; ``request_sizes`` and
        ``request_pulses`` i32[1, vectors]; ``request_indices`` u32[1, vectors];
        ``output_vectors`` i16[1, entries], one vector after another.

    Raises
    ------
    Infrastructure
        If the decoders disagree.
    """
    rng = np.random.default_rng(SEED)
    packets = streams.stream(rng, kind, settings, PACKETS).packets
    ours, theirs = Tracer(settings.channels, settings.frame), Decoder(settings.channels)
    pcm = np.zeros_like(ours.pcm)
    found = []
    for packet in packets:
        vectors, samples, final = ours.vectors_of(packet)
        agree = theirs.decode(packet, pcm) == samples and theirs.final_range == final
        if not agree or np.abs(pcm - ours.pcm)[:samples].max() > TOLERANCE:
            raise Infrastructure(f"{kind} at {settings.name}: not what libopus decodes")
        found.append(vectors)
    sizes, pulses, indices = np.concatenate(found).T.copy()
    out = np.zeros(int(sizes.sum()), np.int32)
    at = 0
    for n, k, index in zip(sizes, pulses, indices.view(np.uint32), strict=True):
        pvq.decode(index, n, k, out, at)
        at += int(n)
    return {
        "request_counts": np.array([[len(vectors) for vectors in found]], np.int32),
        "request_sizes": sizes[None],
        "request_pulses": pulses[None],
        "request_indices": indices.view(np.uint32)[None],
        "output_vectors": out[None].astype(np.int16),
    }
