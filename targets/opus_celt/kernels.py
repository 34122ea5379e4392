"""Decode CELT packets; the shapes of all bands are one function, with one place for each step.

Everything up to the shapes, and everything behind them, is imported from `workbench.opus`. Shapes
are read band by band; a band is one or two vectors, and a vector is a tree of halves whose leaves
are pulses. All of that is inlined into `decode_shapes`, which has one call of each part: what LLVM
sees twice it compiles twice.

`x` is f32[FLOATS]: two spectra, two folding sources, scratch. -1 is no place in it.
"""

import math

import numpy as np
from numba import njit

from workbench.opus.allocation import allocate, code_boosts, code_resolutions, find_capacities
from workbench.opus.angles import RIGHT_ANGLE, cosine, lean
from workbench.opus.collapse import fill_collapsed
from workbench.opus.concealment import conceal, resume
from workbench.opus.energy import allow_for_loss, decode_coarse, decode_final, decode_fine
from workbench.opus.memory import (
    END,
    GAIN_NEXT,
    LOST,
    PERIOD_NEXT,
    SILENT,
    STARTED,
    TAPSET_NEXT,
    create,
    forget,
)
from workbench.opus.packet import (
    CELT,
    OPUS_BAD_ARG,
    OPUS_BUFFER_TOO_SMALL,
    OPUS_INTERNAL_ERROR,
    OPUS_UNIMPLEMENTED,
    bandwidth,
    frame_samples,
    mode,
    parse,
)
from workbench.opus.packet import channels as channels_of
from workbench.opus.partition import FOLDS, SCRATCH
from workbench.opus.plan import (
    BALANCE,
    BOOSTS,
    CODED,
    DUAL,
    INTENSITY,
    LEFT,
    MASKS,
    SEED,
    SHAPE_BITS,
    TF,
    WAITING,
)
from workbench.opus.pvq import decode as decode_pulses
from workbench.opus.pvq import size as codebook_size
from workbench.opus.pvq_rates import cost, pulses_of, row_of, splits, step_for
from workbench.opus.range_coder import (
    RANGE,
    SIZE,
    TOTAL,
    decode_bit,
    decode_bits,
    decode_frequency,
    decode_icdf,
    decode_uint,
    quotient,
    start_decoder,
    take_range,
    tell,
    tell_eighths,
)
from workbench.opus.spreading import TURNS
from workbench.opus.synthesis import make_room, synthesise
from workbench.opus.tables import (
    BAND_EDGES,
    BANDS,
    BIT,
    DEEPEST_ENERGY,
    END_BANDS,
    ICDF,
    LOG2_WIDTHS,
    SEQUENCIES,
    SHORT_BLOCK,
    SPREAD,
    TAPSET,
    TRIM,
)

# Places of gains of halves that wait, in x, and of a copy of a folding source.
GAINS = SCRATCH + 384
COPY = SCRATCH + 192
# What is known of a half that waits, in plan: see `decode_partition`.
AT, BITS, FOLD, FILL, SHIFT = 0, 1, 2, 3, 4
LENGTH, BLOCKS, LEVEL, GIVEN, BEFORE, INHERITS = 5, 6, 7, 8, 9, 10
RECORD = 12
# Eighths of a bit that a vector keeps of what it leaves unspent.
KEPT = 24
# Spreading that is never folded into; a band's largest budget.
AGGRESSIVE, MOST_BITS = 3, 16383
NORMAL_SPREAD, NO_TRIM = 2, 5


@njit
def setup(channels, frame_size):
    """State: arrays, the output's channels, and the samples that a lost packet stands for."""
    return create(channels, frame_size)


@njit
def reset(state):
    """Forget the signal."""
    forget(state)


@njit(error_model="numpy")
def decode(state, packet, length, pcm):
    """Decode one packet: samples per channel or a negative code, and the final range."""
    coder, plan, numbers, sizes, energies, x, vector, history, floats, memory, scratch = state[:11]
    channels, frame_size = state[11], state[12]
    out = pcm.reshape(-1)
    capacity, length = len(pcm), np.int64(length)
    count, at, toc, samples, lm, size = 0, 0, np.int64(0), frame_size, 3, 0
    if length == 0:
        if frame_size > capacity:
            return OPUS_BUFFER_TOO_SMALL, 0
    elif length < 0 or length > len(packet):
        return OPUS_BAD_ARG, 0
    else:
        count, at = parse(packet, length, sizes)
        if count < 0:
            return count, 0
        toc = np.int64(packet[0])
        samples = count * frame_samples(toc)
        if samples > capacity:
            return OPUS_BUFFER_TOO_SMALL, 0
        if mode(toc) != CELT:
            return OPUS_UNIMPLEMENTED, 0
        lm = toc >> 3 & 3
    coded = channels_of(toc)
    # Typed, or what is called with the first value and with later ones is compiled twice.
    row, final, frame = np.int64(0), np.int64(0), np.int64(0)
    while row < samples:
        if count > 0:
            size = sizes[frame]
            frame += 1
        else:
            # a lost packet: as long frames as fit
            while row + (SHORT_BLOCK << lm) > samples:
                lm -= 1
        make_room(numbers, history, channels)
        if size > 1:
            numbers[END] = END_BANDS[bandwidth(toc)]
            start_decoder(coder, packet, at, size)
            transient = decode_symbols(
                coder, packet, plan, numbers, energies, x, vector, floats, coded, lm, channels - 1
            )
            resume(numbers, history, floats, scratch, channels)
            synthesise(
                numbers,
                energies,
                x,
                history,
                floats,
                memory,
                scratch,
                coded,
                channels,
                transient,
                lm,
                out,
                row,
            )
            final = coder[RANGE]
            plan[SEED] = final
            numbers[STARTED] = 1
            if tell(coder) > 8 * size:
                return OPUS_INTERNAL_ERROR, 0
        else:
            final = 0
            if numbers[STARTED]:
                conceal(
                    plan,
                    numbers,
                    energies,
                    x,
                    history,
                    floats,
                    memory,
                    scratch,
                    channels,
                    lm,
                    out,
                    row,
                )
            else:
                for j in range(row * channels, (row + (SHORT_BLOCK << lm)) * channels):
                    out[j] = 0
        at += size
        row += SHORT_BLOCK << lm
    return samples, final


@njit(inline="always")
def read_postfilter(coder, packet, numbers, floats, budget):
    """Read the post-filter that this frame ends with."""
    period, tapset, gain = np.int64(0), np.int64(0), np.float32(0)
    if tell(coder) + 16 <= budget and decode_bit(coder, packet, np.int64(1)):
        octave = decode_uint(coder, packet, np.int64(6))
        period = (16 << octave) + decode_bits(coder, packet, 4 + octave) - 1
        gain = np.float32(3 / 32) * np.float32(decode_bits(coder, packet, np.int64(3)) + 1)
        if tell(coder) + 2 <= budget:
            tapset = decode_icdf(coder, packet, ICDF, np.int64(TAPSET), np.int64(2))
    numbers[PERIOD_NEXT], numbers[TAPSET_NEXT] = period, tapset
    floats[GAIN_NEXT] = gain


@njit(inline="always")
def decode_symbols(
    coder, packet, plan, numbers, energies, x, vector, floats, channels, lm, inversion
):
    """Read a frame of at least two bytes into ``energies`` and ``x``; return if it is transient."""
    start, end = np.int64(0), numbers[END]
    budget = 8 * coder[SIZE]
    if channels == 1:
        for band in range(BANDS):
            energies[band] = max(energies[band], energies[BANDS + band])
    silent = decode_bit(coder, packet, np.int64(15))
    if silent:
        # as if all bits were used, so that nothing more is read
        coder[TOTAL] += budget - tell(coder)
    numbers[SILENT] = silent
    read_postfilter(coder, packet, numbers, floats, budget)
    transient, intra = np.int64(0), np.int64(0)
    if lm > 0 and tell(coder) + 3 <= budget:
        transient = decode_bit(coder, packet, np.int64(3))
    if tell(coder) + 3 <= budget:
        intra = decode_bit(coder, packet, np.int64(3))
    if not intra and numbers[LOST] > 0:
        allow_for_loss(energies, start, end, lm, numbers[LOST])
    if silent:
        for at in range(channels * BANDS):
            energies[at] = DEEPEST_ENERGY
        return np.int64(0)

    decode_coarse(coder, packet, energies, start, end, channels, lm, intra)
    code_resolutions(coder, packet, None, plan, start, end, transient, lm, start)
    spread = np.int64(NORMAL_SPREAD)
    if tell(coder) + 4 <= budget:
        spread = decode_icdf(coder, packet, ICDF, np.int64(SPREAD), np.int64(5))
    find_capacities(plan, channels, lm)
    for band in range(BANDS):
        plan[BOOSTS + band] = 0
    unclaimed = code_boosts(coder, packet, None, plan, start, end, channels, lm)
    trim = np.int64(NO_TRIM)
    if tell_eighths(coder) + 6 * BIT <= unclaimed:
        trim = decode_icdf(coder, packet, ICDF, np.int64(TRIM), np.int64(7))
    bits = BIT * budget - tell_eighths(coder) - 1
    reserved = np.int64(0)
    if transient and lm >= 2 and bits >= (lm + 2) * BIT:
        reserved = np.int64(BIT)
    bits -= reserved
    allocate(coder, packet, None, plan, start, end, channels, lm, trim, bits, start, start)
    decode_fine(coder, packet, plan, energies, start, end, channels)
    decode_shapes(
        coder, packet, plan, x, vector, end, channels, lm, transient, spread, reserved, inversion
    )
    collapsed = np.int64(0)
    if reserved:
        collapsed = decode_bits(coder, packet, np.int64(1))
    decode_final(coder, packet, plan, energies, start, end, channels)
    if collapsed:
        fill_collapsed(plan, x, energies, start, end, channels, lm)
    return transient


@njit(error_model="numpy")
def decode_shapes(
    coder, packet, plan, x, vector, end, channels, lm, transient, spread, reserved, inversion
):
    """Read the shapes of all bands: bands of norm 1 in ``x``, blocks that are not empty in `MASKS`.

    ``reserved`` eighths at the end are not for shapes. ``inversion`` 0 ignores opposite signs.
    """
    one, zero = np.float32(1), np.float32(0)
    blocks = 1 << lm if transient else 1
    all_blocks = (1 << blocks) - 1
    total = 8 * BIT * coder[SIZE] - reserved
    dual, intensity, coded = plan[DUAL], plan[INTENSITY], plan[CODED]
    balance = plan[BALANCE]
    from_band = 0
    deep = True
    for band in range(end):
        at = BAND_EDGES[band] << lm
        n = (BAND_EDGES[band + 1] << lm) - at
        other = 960 + at
        used = tell_eighths(coder)
        if band > 0:
            balance -= used
        left = total - used - 1
        plan[LEFT] = left
        bits = 0
        if band < coded:
            # A third of the balance, half of it for the last band but one, all for the last.
            part = quotient(abs(balance), min(3, coded - band))
            part = -part if balance < 0 else part
            bits = max(0, min(MOST_BITS, left + 1, plan[SHAPE_BITS + band] + part))
        if (at >= n or band == 1) and (deep or from_band == 0):
            from_band = band
        deep = bits > n * BIT
        fold = -1
        mask, other_mask = np.int64(all_blocks), np.int64(all_blocks)
        if from_band != 0 and (spread != AGGRESSIVE or blocks > 1 or plan[TF + band] < 0):
            source = max(0, (BAND_EDGES[from_band] << lm) - n)
            fold = FOLDS + source
            mask, other_mask = np.int64(0), np.int64(0)
            below = from_band - 1
            while BAND_EDGES[below] << lm > source:
                below -= 1
            mask |= plan[MASKS + 2 * below]
            other_mask |= plan[MASKS + 2 * below + 1]
            below += 1
            while below < from_band or (below < band and BAND_EDGES[below] << lm < source + n):
                mask |= plan[MASKS + 2 * below]
                other_mask |= plan[MASKS + 2 * below + 1]
                below += 1
        fold_out = FOLDS + at if band < end - 1 else -1
        if dual and band == intensity:
            dual = 0
            for j in range(FOLDS, FOLDS + at):
                x[j] = np.float32(0.5) * (x[j] + x[j + 960])
        if n == 1:
            mask, other_mask = np.int64(1), np.int64(1)
            for channel in range(channels):
                value = one
                if plan[LEFT] >= BIT:
                    plan[LEFT] -= BIT
                    if decode_bits(coder, packet, np.int64(1)):
                        value = -one
                x[at + 960 * channel] = value
                if fold_out >= 0 and (channel == 0 or dual):
                    x[fold_out + 960 * channel] = value
        else:
            # The band's one or two vectors, and what of the second is not as of the first.
            passes = 1
            first, second = at, other
            first_fold, second_fold = fold, -1
            first_out, second_out = fold_out, -1
            first_bits, second_bits = bits, 0
            first_gain, second_gain = one, one
            first_fill, second_fill = mask | other_mask, mask | other_mask
            angle, inverted, heir = 0, 0, 0
            middle, side = one, zero
            turned = zero
            joint = channels == 2 and not dual
            if dual:
                passes = 2
                first_bits = second_bits = bits >> 1
                first_fill, second_fill = mask, other_mask
                second_fold = fold + 960 if fold >= 0 else -1
                second_out = fold_out + 960 if fold_out >= 0 else -1
            elif joint:
                levels = 1
                if band < intensity:
                    levels = count_levels(n, bits, LOG2_WIDTHS[band] + 8 * lm, 1)
                if levels > 1:
                    angle = decode_angle(coder, packet, levels, n, blocks, np.int64(1))
                elif bits > 2 * BIT and left > 2 * BIT:
                    inverted = decode_bit(coder, packet, np.int64(2)) & inversion
                spent = tell_eighths(coder) - used
                bits -= spent
                left -= spent
                more = -RIGHT_ANGLE
                if angle == RIGHT_ANGLE:
                    middle, side, more = zero, np.float32(32767 / 32768), RIGHT_ANGLE
                elif angle == 0:
                    middle = np.float32(32767 / 32768)
                else:
                    whole_middle, whole_side = cosine(angle), cosine(RIGHT_ANGLE - angle)
                    middle = np.float32(whole_middle) * np.float32(1 / 32768)
                    side = np.float32(whole_side) * np.float32(1 / 32768)
                    more = lean(whole_middle, whole_side, n)
                if n == 2:
                    # The side is orthogonal to the middle: a sign says which way.
                    turned = one
                    if angle > RIGHT_ANGLE // 2:
                        first, second = other, at
                    if angle != 0 and angle != RIGHT_ANGLE:
                        bits -= BIT
                        left -= BIT
                        if decode_bits(coder, packet, np.int64(1)):
                            turned = -one
                    first_bits = bits
                else:
                    passes = 2
                    first_bits = max(0, min(bits, bits - more >> 1))
                    second_bits = bits - first_bits
                    second_gain = side
                    second_fill = 0
                    if angle == RIGHT_ANGLE:
                        first_fill = 0
                    heir = 1 if angle != 0 else 0
                    if second_bits > first_bits:
                        heir = 1 if angle != RIGHT_ANGLE else 0
                        first, second = second, first
                        first_fold, second_fold = second_fold, first_fold
                        first_out, second_out = second_out, first_out
                        first_bits, second_bits = second_bits, first_bits
                        first_gain, second_gain = second_gain, first_gain
                        first_fill, second_fill = second_fill, first_fill
                plan[LEFT] = left
            hit = np.int64(0)
            for turn_of in range(passes):
                if turn_of == 1:
                    if heir:
                        unspent = first_bits - (left - plan[LEFT])
                        second_bits += max(0, unspent - KEPT)
                    mask = hit
                    first, first_fold, first_out = second, second_fold, second_out
                    first_bits, first_gain, first_fill = second_bits, second_gain, second_fill
                hit = decode_vector(
                    coder,
                    packet,
                    plan,
                    x,
                    vector,
                    first,
                    n,
                    first_bits,
                    blocks,
                    first_fold,
                    lm,
                    band,
                    spread,
                    first_gain,
                    first_fill,
                    first_out,
                )
            if passes == 1:
                mask, other_mask = hit, hit
                if joint:
                    x[second] = -turned * x[first + 1]
                    x[second + 1] = turned * x[first]
                    for j in range(at, at + 2):
                        to_both, apart = middle * x[j], side * x[j + 960]
                        x[j] = to_both - apart
                        x[j + 960] = to_both + apart
            elif joint:
                mask |= hit
                other_mask = mask
                merge_stereo(x, at, n, middle)
            else:
                other_mask = hit
            if inverted:
                for j in range(other, other + n):
                    x[j] = -x[j]
        plan[MASKS + 2 * band] = mask & 255
        plan[MASKS + 2 * band + 1] = other_mask & 255
        balance += plan[SHAPE_BITS + band] + used


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def merge_stereo(x, at, n, middle):
    """Turn middle (of norm 1) and side into two channels of norm 1."""
    product, energy = np.float32(0), np.float32(0)
    for j in range(at, at + n):
        product += x[j] * x[j + 960]
        energy += x[j + 960] * x[j + 960]
    product *= middle
    energy += middle * middle
    left, right = energy - 2 * product, energy + 2 * product
    if left < np.float32(6e-4) or right < np.float32(6e-4):
        for j in range(at, at + n):
            x[j + 960] = x[j]
    else:
        to_left, to_right = np.float32(1) / np.sqrt(left), np.float32(1) / np.sqrt(right)
        for j in range(at, at + n):
            one, two = middle * x[j], x[j + 960]
            x[j] = to_left * (one - two)
            x[j + 960] = to_right * (one + two)


@njit(error_model="numpy")
def decode_vector(
    coder,
    packet,
    plan,
    x,
    vector,
    at,
    n,
    bits,
    blocks,
    fold,
    lm,
    band,
    spread,
    gain,
    fill,
    fold_out,
):
    """Read one vector of more than one bin; return a bit for each short block that is not empty."""
    change = plan[TF + band]
    sequency = blocks == 1
    merged = max(change, 0)
    length = n // blocks
    divided = 0
    while divided < -change and (length >> divided) & 1 == 0:
        divided += 1
    ordered = blocks >> merged << divided
    if fold >= 0 and (merged > 0 or divided > 0 or blocks > 1):
        for j in range(n):
            x[COPY + j] = x[fold + j]
        fold = COPY
    for level in range(merged):
        if fold >= 0:
            haar(x, fold, n >> level, 1 << level)
        fill = (fill | fill >> 1) & 0x55
        fill = (fill | fill >> 1) & 0x33
        fill = (fill | fill >> 2) & 0x0F
    for level in range(divided):
        if fold >= 0:
            haar(x, fold, length >> level, blocks << level)
        fill |= fill << (blocks << level)
    # After merging, bins of all the former blocks lie together.
    apart = ordered << merged
    if ordered > 1 and fold >= 0:
        order_blocks(x, fold, n // apart, apart, sequency)
    mask = decode_partition(
        coder, packet, plan, x, vector, at, n, bits, ordered, fold, lm, band, spread, gain, fill
    )
    if ordered > 1:
        order_bins(x, at, n // apart, apart, sequency)
    for level in range(divided - 1, -1, -1):
        mask |= mask >> (blocks << level)
        haar(x, at, length >> level, blocks << level)
    for level in range(merged):
        mask = (mask | mask << 2) & 0x33
        mask = (mask | mask << 1) & 0x55
        mask *= 3
        haar(x, at, n >> level, 1 << level)
    if fold_out >= 0:
        scale = np.sqrt(np.float32(n))
        for j in range(n):
            x[fold_out + j] = scale * x[at + j]
    return mask & (1 << blocks) - 1


@njit(error_model="numpy")
def haar(x, at, n, stride):
    """One level of the Haar transform, of ``stride`` interleaved vectors of ``n`` bins."""
    half = np.float32(math.sqrt(0.5))
    for j in range(at, at + n * stride, 2 * stride):
        for i in range(j, j + stride):
            one, two = half * x[i], half * x[i + stride]
            x[i] = one + two
            x[i + stride] = one - two


@njit(inline="always")
def order_blocks(x, at, n, blocks, sequency):
    """Put ``blocks`` interleaved vectors one behind the other, perhaps in order of sequency."""
    for block in range(blocks):
        place = SCRATCH + n * (SEQUENCIES[blocks - 2 + block] if sequency else block)
        for j in range(n):
            x[place + j] = x[at + j * blocks + block]
    for j in range(n * blocks):
        x[at + j] = x[SCRATCH + j]


@njit(inline="always")
def order_bins(x, at, n, blocks, sequency):
    """Undo `order_blocks`."""
    for block in range(blocks):
        place = at + n * (SEQUENCIES[blocks - 2 + block] if sequency else block)
        for j in range(n):
            x[SCRATCH + j * blocks + block] = x[place + j]
    for j in range(n * blocks):
        x[at + j] = x[SCRATCH + j]


@njit(error_model="numpy")
def decode_partition(
    coder, packet, plan, x, vector, at, n, bits, blocks, fold, lm, band, spread, gain, fill
):
    """Read ``x[at:at + n]``: down to one half at once, while the other waits in ``plan``."""
    waiting, mask, shift, more_to_do = WAITING, 0, 0, True
    while more_to_do:
        while splits(band, lm, bits):
            n >>= 1
            lm -= 1
            together = blocks
            if together == 1:
                fill = fill & 1 | fill << 1
            blocks = blocks + 1 >> 1
            before = tell_eighths(coder)
            levels = count_levels(n, bits, LOG2_WIDTHS[band] + 8 * lm, 0)
            angle = 0
            if levels > 1:
                angle = decode_angle(coder, packet, levels, n, together, np.int64(0))
            spent = tell_eighths(coder) - before
            bits -= spent
            plan[LEFT] -= spent
            middle, side, more = 32767, 0, -RIGHT_ANGLE
            if angle == 0:
                fill &= (1 << blocks) - 1
            elif angle == RIGHT_ANGLE:
                fill &= (1 << blocks) - 1 << blocks
                middle, side, more = 0, 32767, RIGHT_ANGLE
            else:
                middle, side = cosine(angle), cosine(RIGHT_ANGLE - angle)
                more = lean(middle, side, n)
                # Short blocks: the quieter half gets more than it deserves, the earlier above all.
                if together > 1 and angle > RIGHT_ANGLE // 2:
                    more -= more >> (4 - lm)
                elif together > 1:
                    more = min(0, more + (n << 3 >> (5 - lm)))
            first = max(0, min(bits, bits - more >> 1))
            second = bits - first
            other_fold = fold + n if fold >= 0 else -1
            for_middle = gain * (np.float32(middle) * np.float32(1 / 32768))
            for_side = gain * (np.float32(side) * np.float32(1 / 32768))
            plan[waiting + LENGTH], plan[waiting + BLOCKS], plan[waiting + LEVEL] = n, blocks, lm
            plan[waiting + BEFORE] = plan[LEFT]
            kept = GAINS + (waiting - WAITING) // RECORD
            if first >= second:
                plan[waiting + AT], plan[waiting + BITS] = at + n, second
                plan[waiting + FOLD], plan[waiting + FILL] = other_fold, fill >> blocks
                plan[waiting + SHIFT] = shift + (together >> 1)
                plan[waiting + GIVEN], plan[waiting + INHERITS] = first, angle != 0
                x[kept] = for_side
                gain, bits = for_middle, first
            else:
                plan[waiting + AT], plan[waiting + BITS] = at, first
                plan[waiting + FOLD], plan[waiting + FILL] = fold, fill
                plan[waiting + SHIFT] = shift
                plan[waiting + GIVEN], plan[waiting + INHERITS] = second, angle != RIGHT_ANGLE
                x[kept] = for_middle
                gain, bits = for_side, second
                at += n
                fold, fill = other_fold, fill >> blocks
                shift += together >> 1
            waiting += RECORD
        hit = decode_leaf(
            coder, packet, plan, x, vector, at, n, bits, blocks, fold, lm, band, spread, gain, fill
        )
        mask |= hit << shift
        more_to_do = waiting > WAITING
        if more_to_do:
            waiting -= RECORD
            at, bits = plan[waiting + AT], plan[waiting + BITS]
            fold, fill, shift = plan[waiting + FOLD], plan[waiting + FILL], plan[waiting + SHIFT]
            n, blocks, lm = plan[waiting + LENGTH], plan[waiting + BLOCKS], plan[waiting + LEVEL]
            gain = x[GAINS + (waiting - WAITING) // RECORD]
            if plan[waiting + INHERITS]:
                unspent = plan[waiting + GIVEN] - (plan[waiting + BEFORE] - plan[LEFT])
                bits += max(0, unspent - KEPT)
    return mask


@njit(error_model="numpy")
def decode_leaf(
    coder, packet, plan, x, vector, at, n, bits, blocks, fold, lm, band, spread, gain, fill
):
    """Read pulses, or make up what there are no pulses for; return which blocks are not empty."""
    row = row_of(band, lm)
    step = step_for(row, bits)
    left = plan[LEFT] - cost(row, step)
    while left < 0 and step > 0:
        left += cost(row, step)
        step -= 1
        left -= cost(row, step)
    plan[LEFT] = left
    hit = np.int64(0)
    if step > 0:
        pulses = pulses_of(step)
        index = decode_uint(coder, packet, np.int64(codebook_size(n, pulses)))
        squares = decode_pulses(np.uint32(index), n, pulses, vector, np.int64(0))
        hit = place_pulses(vector, n, blocks, squares, gain, x, at)
        spread_pulses(x, at, n, blocks, pulses, spread)
    else:
        hit = fill & (1 << blocks) - 1
        if hit == 0:
            for j in range(at, at + n):
                x[j] = 0
        else:
            seed = plan[SEED]
            if fold < 0:
                hit = (1 << blocks) - 1
                for j in range(at, at + n):
                    seed = seed * 1664525 + 1013904223 & 0xFFFFFFFF
                    x[j] = np.float32(np.int32(seed) >> 20)
            else:
                for j in range(n):
                    seed = seed * 1664525 + 1013904223 & 0xFFFFFFFF
                    noise = np.float32(1 / 256) if seed & 0x8000 else np.float32(-1 / 256)
                    x[at + j] = x[fold + j] + noise
            plan[SEED] = seed
            rescale(x, at, n, gain)
    return hit


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def rescale(x, at, n, gain):
    """Give ``x[at:at + n]`` the norm ``gain``."""
    energy = np.float32(1e-15)
    for j in range(at, at + n):
        energy += x[j] * x[j]
    factor = gain / np.sqrt(energy)
    for j in range(at, at + n):
        x[j] *= factor


@njit(inline="always")
def place_pulses(vector, n, blocks, squares, gain, x, at):
    """Scale pulses to the norm ``gain``; return a bit for each block that has one."""
    factor = gain / np.sqrt(np.float32(squares))
    for j in range(n):
        x[at + j] = factor * np.float32(vector[j])
    mask = 1
    if blocks > 1:
        mask = 0
        size = n // blocks
        for block in range(blocks):
            any_pulse = 0
            for j in range(block * size, block * size + size):
                any_pulse |= vector[j]
            mask |= (1 if any_pulse != 0 else 0) << block
    return mask


@njit(inline="always")
def spread_pulses(x, at, n, blocks, pulses, spread):
    """Rotate each of the ``blocks``, by strides and then neighbour by neighbour."""
    if spread > 0 and 2 * pulses < n:
        cos, sin = TURNS[spread - 1, n, pulses, 0], TURNS[spread - 1, n, pulses, 1]
        size = n // blocks
        stride = 0
        if n >= 8 * blocks:
            # sqrt(n / blocks), rounded
            stride = 1
            while (stride * stride + stride) * blocks + (blocks >> 2) < n:
                stride += 1
        for start in range(at, at + n, size):
            if stride > 0:
                turn(x, start, size, stride, sin, cos)
            turn(x, start, size, np.int64(1), cos, sin)


@njit(fastmath={"contract"})
def turn(x, at, n, stride, cos, sin):
    """Rotate each pair ``stride`` apart in ``x[at:at + n]``, upwards and back down."""
    for j in range(at, at + n - stride):
        one, two = x[j], x[j + stride]
        x[j] = cos * one - sin * two
        x[j + stride] = cos * two + sin * one
    for j in range(at + n - 2 * stride - 1, at - 1, -1):
        one, two = x[j], x[j + stride]
        x[j] = cos * one - sin * two
        x[j + stride] = cos * two + sin * one


@njit(inline="always")
def count_levels(n, bits, width, stereo):
    """Steps of the angle between vectors of ``n`` bins; 1 if there is none, else an even number."""
    of_two = 1 if stereo and n == 2 else 0
    offset = (width >> 1) - (16 if of_two else 4)
    freedom = 2 * n - 1 - of_two
    share = max(bits + freedom * offset, 0)
    each = min(quotient(share, freedom), bits - width - 32, 64)
    levels = np.int64(1)
    if each >= 4:
        # 2 ** (each / 8), by tables of 2 ** (i / 8)
        low = 16384 if each & 4 == 0 else 23170
        if each & 3 == 1:
            low = 17866 if each & 4 == 0 else 25267
        elif each & 3 == 2:
            low = 19483 if each & 4 == 0 else 27554
        elif each & 3 == 3:
            low = 21247 if each & 4 == 0 else 30048
        levels = (low >> (14 - (each >> 3))) + 1 >> 1 << 1
    return levels


@njit(error_model="numpy")
def decode_angle(coder, packet, levels, n, blocks, stereo):
    """Read an angle of ``levels`` steps: in stereo small ones are likely, else those around 45."""
    half = levels >> 1
    step = np.int64(0)
    if stereo and n > 2:
        likely = 3 * (half + 1)
        total = likely + half
        at = decode_frequency(coder, total)
        low, counts = at, 1
        step = at - likely + half + 1
        if at < likely:
            step = quotient(at, 3)
            low, counts = 3 * step, 3
        take_range(coder, packet, low, low + counts, total)
    elif stereo or blocks > 1:
        step = decode_uint(coder, packet, levels + 1)
    else:
        total = (half + 1) * (half + 1)
        at = decode_frequency(coder, total)
        if at < half * (half + 1) >> 1:
            step = np.int64(math.sqrt(8 * at + 1)) - 1 >> 1
            low, counts = step * (step + 1) >> 1, step + 1
        else:
            step = 2 * (levels + 1) - np.int64(math.sqrt(8 * (total - at - 1) + 1)) >> 1
            counts = levels + 1 - step
            low = total - (counts * (counts + 1) >> 1)
        take_range(coder, packet, low, low + counts, total)
    return quotient(step * RIGHT_ANGLE, levels)
