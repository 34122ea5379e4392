"""Whether packets are what a decoder can play: the oracle of an encoder.

Two encoders give different packets for one sound, so none is the truth. What can be decided:

- libopus decodes every packet to as many samples as the other encoder's packet has, and its
  range decoder ends where the encoder says its own ended, so every symbol was understood;
- a request's packets take no more bytes than the other encoder's at the same rate;
- the decoded sound is like the other encoder's: its quality, in the dB of
  `workbench.opus.quality`, does not fall below a floor.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.agreement import Agreement, Array, Mismatch, layout
from workbench.opus.quality import WORST_DB, quality_db
from workbench.upstreams import libopus

__all__ = ["FLOOR_DB", "conforms", "decode_all"]

# Two encoders' sounds at low rates share little but their levels; noise of the right level in
# every band has about -5 dB, silence less than -10.
FLOOR_DB = -9.0
# Both channels are decoded whatever the packets have.
CHANNELS = 2
MOST_SAMPLES = 5_760
# Softer than a step of 16 bits, quality says nothing.
SOFT = 2.0**-15


def conforms(
    got: Mapping[str, Array], want: Mapping[str, Array], floor_db: float = FLOOR_DB
) -> Agreement | Mismatch:
    """Hold an encoder's packets against another's of the same sounds.

    Parameters
    ----------
    got, want : mapping
        ``packets`` u8[n, p, width], ``lengths`` i32[n, p] and ``ranges`` u32[n, p], the final
        ranges. ``want`` is libopus's own; a length of 0 is no packet, a negative one a refusal.
    floor_db : float
        Least quality of the decoded sound beside that of ``want``.

    Returns
    -------
    Agreement or Mismatch
        An agreement's ``max_abs_err`` is 0: nothing here is a matter of distance.
    """
    for name in ("packets", "lengths", "ranges"):
        if (wrong := layout(got[name], want[name], name)) is not None:
            return wrong
    for request in range(len(want["lengths"])):
        wrong = _request(got, want, request, floor_db)
        if wrong is not None:
            return wrong
    return Agreement(0.0, bitwise=False)


def _request(
    got: Mapping[str, Array], want: Mapping[str, Array], request: int, floor_db: float
) -> Mismatch | None:
    lengths, theirs = got["lengths"][request], want["lengths"][request]
    refused = theirs <= 0
    width = got["packets"].shape[2]
    ours_wrong = np.where(refused, lengths != theirs, (lengths < 1) | (lengths > width))
    if ours_wrong.any():
        at = int(np.argmax(ours_wrong))
        what = "no packet is wanted here" if refused[at] else "a packet is wanted here"
        value = int(lengths[at])
        return Mismatch("lengths", (request, at), value, int(theirs[at]), 0.0, what)
    spent, budget = int(lengths[~refused].sum()), int(theirs[~refused].sum())
    if spent > budget:
        why = "the packets take more bytes than the rate allows"
        return Mismatch("lengths", (request,), spent, budget, 0.0, why)
    sound, wrong = decode_all(got, request)
    if wrong is not None:
        return wrong
    wanted, wrong = decode_all(want, request)
    if wrong is not None or len(wanted) != len(sound):
        samples = len(wanted)
        why = "the packets last longer or shorter than the sound"
        return Mismatch("packets", (request,), len(sound), samples, 0.0, why)
    return _quality(wanted, sound, request, floor_db)


def _quality(wanted: Array, sound: Array, request: int, floor_db: float) -> Mismatch | None:
    """Compare two decoded sounds that are long and loud enough to be compared."""
    if len(wanted) < 960 or np.abs(wanted).max() < SOFT:
        loudest = float(np.abs(sound).max(initial=0.0))
        if len(wanted) >= 960 and loudest > 64 * SOFT:
            why = "a sound where there is silence"
            return Mismatch("packets", (request,), loudest, 0.0, 64 * SOFT, why)
        return None
    found = quality_db(wanted, sound)
    if found >= floor_db:
        return None
    why = f"the decoded sound is unlike that of the other encoder ({WORST_DB:g} is the worst)"
    return Mismatch("packets", (request,), f"{found:.1f} dB", f"{floor_db:g} dB", 0.0, why)


def decode_all(stream: Mapping[str, Array], request: int) -> tuple[Array, Mismatch | None]:
    """Decode a request's packets with libopus, two channels, and compare the final ranges."""
    decoder = libopus.Decoder(CHANNELS)
    room = np.empty((MOST_SAMPLES, CHANNELS), np.float32)
    parts = [np.zeros((0, CHANNELS), np.float32)]
    for at, length in enumerate(stream["lengths"][request].tolist()):
        if length <= 0:
            continue
        packet = np.ascontiguousarray(stream["packets"][request, at, :length])
        place = (request, at)
        try:
            samples = decoder.decode(packet, room)
        except libopus.OpusError as error:
            why = "libopus does not decode the packet"
            return parts[0], Mismatch("packets", place, str(error), "a packet", 0.0, why)
        parts.append(room[:samples].copy())
        final = int(stream["ranges"][request, at])
        if final != decoder.final_range:
            why = "libopus's range decoder ends elsewhere"
            return parts[0], Mismatch("ranges", place, final, decoder.final_range, 0.0, why)
    return np.concatenate(parts), None
