"""What an encoder is worth besides its time: its sound beside libopus's, at the same bit rate.

``cases()`` draws a fixed battery, ``quality(cases, answers)`` measures what was answered; both are
pure, so the judge runs the candidate between them, in a process of its own. A cell's gap is

    quality_db(original, decoded from the candidate) - quality_db(original, decoded from libopus)

where libopus decodes both, and libopus encodes in CELT mode, constant bit rate, complexity 10, at
the same rate and frame size. What a dB is, `workbench.opus.quality` says.

An encoder may remove what is below 3 Hz, as libopus does, or keep it: a sound is compared with the
original and with the high-passed original, and the better of the two counts. (Compared with the
original alone libopus loses 1.5 dB on average.)

The sounds are drawn from a seed of their own. The kernel's first decisions were tuned on sounds of
seed 7: of the same kinds, rates and frame sizes, but not these.

The transition SNR is that of changes between CELT frame sizes and rates (and so bandwidths), the
least of all: until there is hybrid coding there are no other transitions.
"""

import numpy as np
from scipy import signal

from workbench.opus import quality as metric
from workbench.opus import signals
from workbench.scoring import Quality
from workbench.targets import Workload
from workbench.upstreams import libopus

SEED = 20261130
SAMPLES = 28_800
DELAY = 120
MAX_BYTES = 1_276
KINDS = {
    "speech": "wide",
    "music": "panned",
    "transients": "wide",
    "noise": "apart",
    "tones": "delayed",
    "pauses": "wide",
}
RATES = ((1, 32_000), (1, 64_000), (1, 96_000), (2, 48_000), (2, 96_000), (2, 160_000))
FRAMES = (960, 480, 240, 120)
# Frame size and rate of each part of a stream that changes.
TURNS = ((960, 64_000), (240, 96_000), (960, 40_000), (120, 128_000), (480, 32_000), (960, 96_000))
TURN_SAMPLES = 4_800
# libopus's high-pass: one pole, 3 Hz (src/opus_encoder.c, dc_reject).
POLE = 1 - 6.3 * 3 / 48_000


def case(name, channels, sound, frames, rates):
    """One sound with its plan; it is the same whatever generator asks."""

    def requests(rng, n):
        return {
            "pcm": np.repeat(sound[None], n, axis=0),
            "frames": np.repeat(np.array([frames], np.int32), n, axis=0),
            "rates": np.repeat(np.array([rates], np.int32), n, axis=0),
        }

    packets = len(frames)
    return Workload(
        shape=name[0],
        distribution=name[1],
        fixture={
            "channels": np.array([channels]),
            "frame_size": np.array([frames[0]]),
            "bitrate_bps": np.array([rates[0]]),
        },
        requests=requests,
        outputs={
            "packets": ((packets, MAX_BYTES), "uint8"),
            "lengths": ((packets,), "int32"),
            "ranges": ((packets,), "uint32"),
        },
        batch=1,
    )


def cases():
    """The battery: six sounds x six rates x four frame sizes, and two streams that change."""
    found = []
    for number, (kind, stereo) in enumerate(KINDS.items()):
        for channels, rate in RATES:
            rng = np.random.default_rng([SEED, number, channels])
            sound = signals.sound(kind, rng, SAMPLES, channels, stereo)
            for frame in FRAMES:
                count = SAMPLES // frame
                name = f"{kind}-{channels}ch-{rate // 1_000}k", f"{frame / 48:g}ms"
                found.append(case(name, channels, sound, [frame] * count, [rate] * count))
    for channels in (1, 2):
        rng = np.random.default_rng([SEED, 100, channels])
        samples = TURN_SAMPLES * len(TURNS)
        sound = signals.sound("music", rng, samples, channels, "wide")
        frames = [f for f, _ in TURNS for _ in range(TURN_SAMPLES // f)]
        rates = [r for f, r in TURNS for _ in range(TURN_SAMPLES // f)]
        found.append(case(("turns", f"{channels}ch"), channels, sound, frames, rates))
    return found


def decoded(channels, packets, lengths, frames):
    """What libopus makes of a stream of packets; silence where it refuses one."""
    decoder = libopus.Decoder(channels)
    sound = np.zeros((int(frames.sum()), channels), np.float32)
    at = 0
    for packet, length, frame in zip(packets, lengths.tolist(), frames.tolist(), strict=True):
        if 0 < length <= len(packet):
            try:
                decoder.decode(np.ascontiguousarray(packet[:length]), sound[at : at + frame])
            except libopus.OpusError:
                sound[at : at + frame] = 0
        at += frame
    return sound


def encoded_by_libopus(channels, pcm, frames, rates):
    """Packets and lengths, as upstream makes them."""
    encoder = libopus.Encoder(channels, "restricted_celt")
    encoder.set(vbr=0, complexity=10)
    packets = np.zeros((len(frames), MAX_BYTES), np.uint8)
    lengths = np.zeros(len(frames), np.int32)
    at = 0
    for j, (frame, rate) in enumerate(zip(frames.tolist(), rates.tolist(), strict=True)):
        encoder.set(bitrate=rate)
        lengths[j] = encoder.encode(pcm[at : at + frame], packets[j])
        at += frame
    return packets, lengths


def heard(pcm, sound):
    """Quality of a sound, whether or not its encoder removed what is below 3 Hz."""
    kept = signal.lfilter([1, -1], [1, -POLE], pcm, axis=0)
    return max(metric.quality_db(original, sound, DELAY) for original in (pcm, kept))


def quality(cases, answers):
    """Measure what a kernel answered.

    Parameters
    ----------
    cases : list of Workload
        What `cases` gave.
    answers : list of (requests, outputs)
        One pair a case.

    Returns
    -------
    Quality
        A gap for each cell; a stream that changes has none, but its transitions' SNR.
        What spent more bytes than libopus counts as silence.
    """
    gaps, transitions = {}, []
    for one, (requests, outputs) in zip(cases, answers, strict=True):
        channels = int(one.fixture["channels"][0])
        pcm, frames, rates = (requests[name][0] for name in ("pcm", "frames", "rates"))
        upstream = encoded_by_libopus(channels, pcm, frames, rates)
        lengths = outputs["lengths"][0]
        if lengths.clip(0).sum() > upstream[1].sum():
            lengths = np.zeros_like(lengths)
        mine = decoded(channels, outputs["packets"][0], lengths, frames)
        if one.shape == "turns":
            starts = np.arange(1, len(TURNS)) * TURN_SAMPLES
            transitions.append(
                metric.transition_snr_db(pcm, mine, starts.tolist(), span=960, delay=DELAY)
            )
            continue
        theirs = decoded(channels, *upstream, frames)
        gaps[one.name] = heard(pcm, mine) - heard(pcm, theirs)
    return Quality(gaps, min(transitions))
