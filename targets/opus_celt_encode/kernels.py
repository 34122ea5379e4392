"""A CELT encoder: where its bits go is decided here, how they are written elsewhere.

Constant bit rate. A trim and the boosts are tried on the real allocation and kept if a model of
`workbench.opus.quality` hears less noise; short blocks come with sudden sounds, the pitch filter
with periods, resolutions with sums of magnitudes. The parts are imported by name: what a trial
wants to decide otherwise, it brings here.
"""

import numpy as np
from numba import njit

from workbench.opus.allocation import allocate, code_boosts, code_resolutions, find_capacities
from workbench.opus.analysis_bits import disturbance, find_sensitivity, move_wishes
from workbench.opus.analysis_pitch import PAST, find_pitch
from workbench.opus.analysis_pitch import ROOM as RAW
from workbench.opus.analysis_resolution import choose_resolutions
from workbench.opus.analysis_shapes import apart, first_blended
from workbench.opus.analysis_transients import strength_of, unmasked
from workbench.opus.encoder_bands import SCRATCH as BAND_SCRATCH
from workbench.opus.encoder_bands import encode_bands
from workbench.opus.encoder_energy import coarse_bits, measure, normalise_bands
from workbench.opus.encoder_input import (
    GAIN_STEP,
    ROOM,
    filter_pitch,
    keep_past,
    recode,
    take_samples,
    transform,
)
from workbench.opus.encoder_partition import STACK
from workbench.opus.encoder_state import (
    AMPLITUDE,
    APART,
    BITRATE,
    BLENDED,
    BYTES,
    CHANNELS,
    CODED,
    CODED_BANDS,
    END,
    ENERGY,
    ERROR,
    FRAME,
    GAIN,
    KEPT_WISHES,
    LARGEST,
    LEVELS,
    LM,
    MASK,
    MASKER,
    MEMORY,
    OLD,
    PERIOD,
    RESERVE,
    SENSITIVITY,
    SETTINGS,
    TAPS,
    TRANSIENTS,
    WEIGHTS,
    WISHES,
)
from workbench.opus.energy import encode_coarse, encode_final, encode_fine
from workbench.opus.mdct import SCRATCH as TRANSFORM_SCRATCH
from workbench.opus.plan import BOOSTS, DUAL, INTENSITY, PLAN, TF
from workbench.opus.plan import CODED as FIRST_SKIPPED
from workbench.opus.range_coder import (
    FAULT,
    FIELDS,
    RANGE,
    bit_length,
    encode_bit,
    encode_bits,
    encode_icdf,
    encode_uint,
    finish_encoder,
    start_encoder,
    tell,
    tell_eighths,
)
from workbench.opus.tables import (
    BANDS,
    DEEPEST_ENERGY,
    END_BANDS,
    ICDF,
    ONE,
    SHORT_BLOCK,
    SPREAD,
    TAPSET,
    TRIM,
    TWO,
    ZERO,
)

# Of a packet with one frame: a byte that says what it is, and the frame.
MAX_BYTES = 1_276
BAD_ARG, BUFFER_TOO_SMALL, INTERNAL_ERROR = -1, -2, -3
# More bits a second no channel can use.
MOST_BPS = 750_000
# Useful rates from which two channels, and bandwidths of 8, 12 and 20 kHz, are coded.
STEREO_BPS = 18_000
WIDER_BPS = (9_000, 12_000, 14_000)
# A packet of less is its first byte alone: the decoder conceals the frame.
LEAST_BYTES = 3
# Pulses are always spread as far: what the reference decides by the shapes cost 0.1 dB.
NORMAL = 2
# What `unmasked` finds where something begins.
SUDDEN = np.float32(200)
# Where the search of the trim begins, and how often boosts are moved.
FIRST_TRIM, ROUNDS = np.int64(7), 4


@njit()
def setup(channels, frame_size, bitrate_bps):
    """Make an encoder's state.

    Parameters
    ----------
    channels : int
        1 or 2.
    frame_size : int
        Samples per channel of a packet: 120, 240, 480 or 960.
    bitrate_bps : int
        Bits a second of all packets; 2 to 1,276 bytes a packet come of it.

    Returns
    -------
    tuple of arrays
        What they are not is kept, too: `encode` refuses it.
    """
    state = (
        np.zeros(SETTINGS, np.int64),
        np.zeros(FIELDS, np.int64),  # coder
        np.zeros(PLAN, np.int64),  # plan
        np.zeros(2 * ROOM, np.float32),  # pre-emphasised signal
        np.zeros(2, np.float32),  # memory of pre-emphasis
        np.zeros(2 * LARGEST, np.float32),  # spectrum
        np.zeros(2 * LARGEST, np.float32),  # shapes
        np.zeros((LEVELS, 2 * BANDS + 2), np.float32),  # energies and the like
        np.zeros((WEIGHTS, BANDS + 1), np.int64),  # what is wanted of bands
        np.zeros(TRANSFORM_SCRATCH + BAND_SCRATCH, np.float32),
        np.zeros(FIELDS, np.int64),  # saved coder
        np.zeros(STACK, np.int64),
        np.zeros(STACK[0], np.float32),
        np.zeros(176, np.int32),
        np.zeros(2 * RAW, np.float32),  # pre-emphasised past and frame
    )
    state[0][CHANNELS] = channels
    switch(state, frame_size, bitrate_bps)
    reset(state)
    return state


@njit()
def switch(state, frame_size, bitrate_bps):
    """Go on with another frame size or rate from the next packet on."""
    settings = state[0]
    settings[FRAME], settings[BITRATE] = frame_size, bitrate_bps
    settings[LM] = -1
    for lm in range(4):
        if SHORT_BLOCK << lm == frame_size:
            settings[LM] = lm
    channels = settings[CHANNELS]
    if channels != 1 and channels != 2:
        settings[LM] = -1
    if settings[LM] < 0:
        return
    bits = max(0, min(bitrate_bps, channels * MOST_BPS)) * frame_size // 48_000
    settings[BYTES] = max(1, min(MAX_BYTES, (bits + 4) // 8))
    # what headers of short frames take is lost for the sound
    coded = 2 if channels == 2 and useful_rate(bitrate_bps, TWO, settings[LM]) >= STEREO_BPS else 1
    if coded != settings[CODED]:
        recode(state, coded)
    rate = useful_rate(bitrate_bps, coded, settings[LM])
    settings[END] = 13
    for i in range(3):
        if rate >= WIDER_BPS[i]:
            settings[END] = END_BANDS[i + 2]


@njit()
def useful_rate(bitrate_bps, channels, lm):
    """Bit rate less what frames shorter than 20 ms need for headers."""
    return bitrate_bps - (40 * channels + 20) * ((400 >> lm) - 50)


@njit()
def reset(state):
    """Forget the signal, keep the settings."""
    settings, signal, memory, levels, raw = state[0], state[3], state[4], state[7], state[14]
    for i in range(len(signal)):
        signal[i] = 0
    for i in range(len(raw)):
        raw[i] = 0
    memory[0] = memory[1] = 0
    for row in range(levels.shape[0]):
        for i in range(levels.shape[1]):
            levels[row, i] = 0
    for i in range(MEMORY, SETTINGS):
        settings[i] = 0
    state[1][RANGE] = 0


@njit()
def final_range(state):
    """State of the range coder after the last packet, u32: what a decoder must find too."""
    return np.uint32(state[1][RANGE])


@njit()
def encode(state, pcm, packet):
    """Encode one frame.

    Returns
    -------
    int
        Bytes of the packet, or a negative libopus code: -1 bad argument, -2 the buffer is too
        small, -3 an internal error.
    """
    settings, coder = state[0], state[1]
    lm, size = settings[LM], settings[BYTES]
    if lm < 0 or pcm.shape[0] != settings[FRAME] or pcm.shape[1] != settings[CHANNELS]:
        return BAD_ARG
    if len(packet) < size:
        return BUFFER_TOO_SMALL
    silent = take_samples(state, pcm)
    # 4, 8, 12 and 20 kHz have 13, 17, 19 and 21 bands
    bandwidth = max(0, (settings[END] - 15) >> 1)
    packet[0] = (16 + 4 * bandwidth + lm) << 3 | (settings[CODED] - 1) << 2
    if size < LEAST_BYTES:
        filter_pitch(state, np.int64(SHORT_BLOCK), ZERO, ZERO)
        coder[RANGE] = settings[GAIN] = 0
        keep_past(state)
        return 1
    start_encoder(coder, packet, 1, size - 1)
    if silent:
        encode_bit(coder, packet, ONE, np.int64(15))
        filter_pitch(state, np.int64(SHORT_BLOCK), ZERO, ZERO)
        for i in range(2 * BANDS):
            state[7][OLD, i] = DEEPEST_ENERGY
    else:
        encode_frame(state, packet)
    finish_encoder(coder, packet)
    keep_past(state)
    return INTERNAL_ERROR if coder[FAULT] else size


@njit(error_model="numpy")
def equivalent_rate(settings):
    """Bit rate that would sound as well with frames of 20 ms, which need fewer headers."""
    lm, channels = settings[LM], settings[CODED]
    headers = (40 * channels + 20) * ((400 >> lm) - 50)
    return min((settings[BYTES] - 1) * 400 << (3 - lm), settings[BITRATE]) - headers


@njit(error_model="numpy")
def detect(state):
    """Strength of the strongest transient of both channels, and which channel has it."""
    settings, raw, scratch = state[0], state[14], state[9]
    most, which = np.float32(0), 0
    for channel in range(settings[CODED]):
        start = channel * RAW + PAST - SHORT_BLOCK
        found = unmasked(raw, start, settings[FRAME] + SHORT_BLOCK, scratch)
        if found > most:
            most, which = found, channel
    return most, which


@njit(error_model="numpy")
def encode_pitch(state, packet, found):
    """Decide about the pitch filter, write it, and filter the frame."""
    settings, coder, scratch, raw = state[0], state[1], state[9], state[14]
    size, channels = settings[BYTES] - 1, settings[CODED]
    last, old_gain = settings[PERIOD], np.float32(settings[GAIN]) * GAIN_STEP
    period = SHORT_BLOCK
    gain = 0
    room = tell(coder) + 16 <= 8 * size
    if room and size > 12 * channels:
        known = last if settings[GAIN] else 0
        period, alike = find_pitch(raw, channels, settings[FRAME], known, scratch)
        wish = np.float32(0.6) * alike
        # a new period must be clear, a filter that is on may go on
        least = np.float32(0.3)
        if abs(period - last) * 10 > period:
            least += np.float32(0.2)
            if strength_of(found) > np.float32(0.98):
                wish = np.float32(0)
        if size < 35:
            least += np.float32(0.1 if size >= 25 else 0.2)
        if old_gain > np.float32(0.4):
            least -= np.float32(0.1 if old_gain <= np.float32(0.55) else 0.2)
        if wish >= max(np.float32(0.2), least):
            if abs(wish - old_gain) < np.float32(0.1):
                wish = old_gain
            gain = max(1, min(8, np.int64(wish / GAIN_STEP + np.float32(0.5))))
    before, after = filter_pitch(state, period, gain, ZERO)
    if gain > 0 and after > before:
        gain = 0
        filter_pitch(state, period, ZERO, ZERO)
    settings[PERIOD], settings[GAIN], settings[TAPS] = period, gain, 0
    if not room:
        return
    if gain == 0:
        encode_bit(coder, packet, ZERO, ONE)
        return
    encode_bit(coder, packet, ONE, ONE)
    octave = bit_length(period + 1) - 5
    encode_uint(coder, packet, octave, np.int64(6))
    encode_bits(coder, packet, period + 1 - (16 << octave), 4 + octave)
    encode_bits(coder, packet, gain - 1, np.int64(3))
    encode_icdf(coder, packet, 0, ICDF, TAPSET, 2)


@njit(error_model="numpy")
def go_back(coder, saved):
    """Take back what was written since the coder was saved; it will be written over."""
    for field in range(FIELDS):
        coder[field] = saved[field]


@njit(error_model="numpy")
def try_allocation(state, packet, trim, may_reserve):
    """Write boosts, trim and allocation; return how much is heard of the noise that is left."""
    settings, coder, plan, levels, weights = state[0], state[1], state[2], state[7], state[8]
    channels, lm, end, size = settings[CODED], settings[LM], settings[END], settings[BYTES] - 1
    for band in range(end):
        plan[BOOSTS + band] = weights[WISHES, band]
    unclaimed = code_boosts(coder, packet, 1, plan, 0, end, channels, lm)
    plan[INTENSITY], plan[DUAL] = settings[BLENDED], settings[APART]
    if tell_eighths(coder) + 48 <= unclaimed:
        encode_icdf(coder, packet, trim, ICDF, TRIM, 7)
    else:
        trim = 5
    total = 64 * size - tell_eighths(coder) - 1
    settings[RESERVE] = 8 if may_reserve and total >= (lm + 2) << 3 else 0
    total -= settings[RESERVE]
    before = settings[CODED_BANDS]
    allocate(coder, packet, 1, plan, 0, end, channels, lm, trim, total, before, end - 1)
    return disturbance(plan, channels, end, lm, levels[SENSITIVITY])


@njit(error_model="numpy")
def search_allocation(state, packet, may_reserve):
    """Find the trim and the boosts whose noise is heard least, and write them.

    Everything is written to be tried, and taken back by the coder's state alone.
    """
    settings, coder, plan, levels = state[0], state[1], state[2], state[7]
    weights, saved = state[8], state[10]
    channels, lm, end = settings[CODED], settings[LM], settings[END]
    for field in range(FIELDS):
        saved[field] = coder[field]
    best, least = FIRST_TRIM, try_allocation(state, packet, FIRST_TRIM, may_reserve)
    for step in (-1, 1):
        trim = FIRST_TRIM + step
        while 0 <= trim <= 10:
            go_back(coder, saved)
            found = try_allocation(state, packet, trim, may_reserve)
            if found >= least:
                break
            best, least = trim, found
            trim += step
    go_back(coder, saved)
    least = try_allocation(state, packet, best, may_reserve)
    for _ in range(ROUNDS):
        for band in range(end):
            weights[KEPT_WISHES, band] = weights[WISHES, band]
        move_wishes(plan, channels, end, lm, levels[SENSITIVITY], levels[MASK], weights)
        go_back(coder, saved)
        found = try_allocation(state, packet, best, may_reserve)
        if found >= least:
            for band in range(end):
                weights[WISHES, band] = weights[KEPT_WISHES, band]
            go_back(coder, saved)
            try_allocation(state, packet, best, may_reserve)
            return
        least = found


@njit(error_model="numpy")
def encode_frame(state, packet):
    """Write a frame that is not silent."""
    settings, coder, plan, _, _, spectrum, shapes, levels, weights = state[:9]
    scratch, saved, stack, gains, vector, _ = state[9:]
    channels, lm, size = settings[CODED], settings[LM], settings[BYTES] - 1
    energy, old, error = levels[ENERGY], levels[OLD], levels[ERROR]
    amplitude = levels[AMPLITUDE]
    budget = 8 * size
    rate = equivalent_rate(settings)
    encode_bit(coder, packet, ZERO, np.int64(15))
    if channels == 1:
        # a decoder goes on from the louder of two channels
        for band in range(BANDS):
            old[band] = max(old[band], old[BANDS + band])
    end = settings[END]
    found, which = detect(state)
    encode_pitch(state, packet, found)
    strength = strength_of(found)
    may_be_short = lm > 0 and tell(coder) + 3 <= budget
    transient = may_be_short and found > SUDDEN
    short = 1 if transient else 0
    transform(state, 1 << lm if transient else 1)
    for channel in range(channels):
        start = channel * settings[FRAME]
        measure(spectrum, start, lm, end, amplitude, energy, channel)
        normalise_bands(spectrum, start, lm, end, amplitude, channel, shapes)
    if may_be_short:
        encode_bit(coder, packet, short, np.int64(3))

    select = 0
    if size >= 15 * channels:
        start = which * settings[FRAME]
        select = choose_resolutions(
            shapes, plan, start, end, lm, short, strength, size, scratch, weights
        )
    else:
        for band in range(BANDS):
            plan[TF + band] = short
    intra = 0
    if tell(coder) + 3 <= budget:
        anew = coarse_bits(energy, old, channels, end, lm, ONE)
        if anew < coarse_bits(energy, old, channels, end, lm, ZERO):
            intra = 1
        encode_bit(coder, packet, intra, np.int64(3))
    fall = np.float32(min(16.0, 0.125 * size))
    encode_coarse(coder, packet, energy, old, error, 0, end, channels, lm, intra, fall)
    code_resolutions(coder, packet, 1, plan, 0, end, short, lm, select)
    if tell(coder) + 4 <= budget:
        encode_icdf(coder, packet, NORMAL, ICDF, SPREAD, 5)
    find_capacities(plan, channels, lm)
    settings[APART] = 0
    if channels == 2:
        settings[BLENDED] = first_blended(rate, end, settings[BLENDED])
        settings[APART] = 1 if lm > 0 and apart(shapes, lm) else 0
    find_sensitivity(energy, channels, end, lm, levels[MASKER], levels[SENSITIVITY])
    for band in range(end):
        weights[WISHES, band] = 0
    search_allocation(state, packet, transient and lm >= 2)
    reserve, before = settings[RESERVE], settings[CODED_BANDS]
    coded = plan[FIRST_SKIPPED]
    settings[CODED_BANDS] = min(before + 1, max(before - 1, coded)) if before else coded
    encode_fine(coder, packet, plan, old, error, 0, end, channels)
    encode_bands(
        *(coder, packet, shapes, channels, lm, end, transient, NORMAL, plan, amplitude),
        *(8 * budget - reserve, True, scratch, saved, stack, gains, vector),
    )
    if reserve:
        first = 1 if settings[TRANSIENTS] < 2 else 0
        encode_bits(coder, packet, first, ONE)
    settings[TRANSIENTS] = settings[TRANSIENTS] + 1 if transient else 0
    encode_final(coder, packet, plan, old, error, 0, end, channels)
    for band in range(end, BANDS):
        old[band] = old[BANDS + band] = 0
    if channels == 1:
        for band in range(BANDS):
            old[BANDS + band] = old[band]
