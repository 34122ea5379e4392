"""What a decoder is worth besides its time: how lost packets sound.

Where no packet is lost all decoders sound alike, or they are wrong. So the quality focus hears what
a decoder makes up for lost and unsent packets, and how fast it is right again.
"""

from workbench.opus import deck, losses
from workbench.scoring import Quality


def cases():
    """A workload for each of `losses.CELLS`, a request for each sound."""
    return [case(*cell) for cell in losses.CELLS]


def case(pattern, frame, channels):
    """Streams of one cell."""
    takes = losses.takes(pattern, frame, channels)
    side = "stereo" if channels == 2 else "mono"
    runs = [take.packets for take in takes]
    rows = frame * len(runs[0])
    return deck.decoding(pattern, f"{frame / 48:g}ms-{side}", runs, channels, frame, rows)


def quality(cases, answers):
    """Hold what was decoded against the original, beside what libopus makes of the same packets.

    Parameters
    ----------
    cases : list of Workload
        What `cases` gave.
    answers : list of pairs
        Requests and outputs of each.

    Returns
    -------
    Quality
        Gaps by pattern, frame size, channels and sound. There is no transition: a decoder does not
        decide when the stream changes.
    """
    gaps = {}
    for cell, (_, outputs) in zip(losses.CELLS, answers, strict=True):
        gaps.update(losses.gaps_db(list(zip(losses.takes(*cell), outputs["pcm"], strict=True))))
    return Quality(gaps)
