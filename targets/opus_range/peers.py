"""What a user would pick instead of a kernel, behind the same surface, on one core.

No package on the registry decodes Opus's range code: `constriction` and the like have coders of
their own. So the peers are what can be put together without a compiler: Python's integers, once
with the reader of `bisect` over cumulative counts, once with a frame as one large integer.
"""

import bisect
import types

TOP, BOTTOM = 1 << 31, 1 << 23


class Coder:
    """Range coder's state in Python's integers; ``front`` and ``back`` give bits of the frame."""

    def __init__(self, icdf):
        self.icdf = icdf.tolist()
        self.counts = {}

    def cumulative(self, first, bits):
        """Ends of the counts of each symbol of a distribution."""
        key = first, bits
        if key not in self.counts:
            ends, total = [], 1 << bits
            for left in self.icdf[first:]:
                ends.append(total - left)
                if left == 0:
                    break
            self.counts[key] = ends
        return self.counts[key]

    def start(self, data):
        """Begin a frame of these bytes."""
        self.front, self.back = self.reader(data)
        self.range, self.value, self.total = 128, 127 - self.front(7), 9
        self.refill()

    def refill(self):
        """Eight bits more until the range is large enough."""
        while self.range <= BOTTOM:
            self.range <<= 8
            self.total += 8
            self.value = ((self.value << 8) + 255 - self.front(8)) & (TOP - 1)

    def at(self, total):
        """Which count of ``total`` the value lies in."""
        self.unit = self.range // total
        return total - min(self.value // self.unit + 1, total)

    def take(self, low, high, total):
        """Narrow the range."""
        above = self.unit * (total - high)
        self.value -= above
        self.range = self.unit * (high - low) if low else self.range - above
        self.refill()

    def uniform(self, total):
        """A number below ``total``."""
        raw = max((total - 1).bit_length() - 8, 0)
        counts = (total - 1 >> raw) + 1
        high = self.at(counts)
        self.take(high, high + 1, counts)
        return min(high << raw | self.raw(raw), total - 1)

    def raw(self, bits):
        """Bits from the end."""
        self.total += bits
        return self.back(bits)

    def tell(self):
        """Eighths of a bit that are used."""
        log = self.range.bit_length()
        left = self.range >> log - 16
        for _ in range(3):
            left = left * left >> 15
            log = 2 * log + (left >> 16)
            left >>= left >> 16
        return 8 * self.total - log

    def laplace(self, zero, decay):
        """A signed number."""
        at, low, counts, size = self.at(32768), 0, zero, 0
        if at >= zero:
            low, size = zero, 1
            counts = ((32768 - 32 - zero) * (16384 - decay) >> 15) + 1
            while counts > 1 and at >= low + 2 * counts:
                low += 2 * counts
                counts = ((2 * counts - 2) * decay >> 15) + 1
                size += 1
            if counts == 1:
                more = at - low >> 1
                low, size = low + 2 * more, size + more
        negative = at < low + counts
        if size and not negative:
            low += counts
        self.take(low, min(low + counts, 32768), 32768)
        return -size if negative else size


class BytesCoder(Coder):
    """Reads byte after byte."""

    @staticmethod
    def reader(data):
        """Functions that read so many bits from the front and from the back."""
        taken = {"front": 0, "back": 0, "window": 0, "ready": 0}

        def front(bits):
            place, shift = divmod(taken["front"], 8)
            taken["front"] += bits
            pair = int.from_bytes(data[place : place + 2].ljust(2, b"\0"), "big")
            return pair >> (16 - shift - bits) & ((1 << bits) - 1)

        def back(bits):
            while taken["ready"] < bits:
                taken["back"] += 1
                byte = data[-taken["back"]] if taken["back"] <= len(data) else 0
                taken["window"] |= byte << taken["ready"]
                taken["ready"] += 8
            found = taken["window"] & ((1 << bits) - 1)
            taken["window"] >>= bits
            taken["ready"] -= bits
            return found

        return front, back


class IntegerCoder(Coder):
    """Reads a frame as one integer, from both ends."""

    @staticmethod
    def reader(data):
        """Functions that read so many bits from the front and from the back."""
        number, end = int.from_bytes(data, "big"), 8 * len(data)
        taken = [0, 0]

        def front(bits):
            taken[0] += bits
            shift = end - taken[0]
            part = number >> shift if shift >= 0 else number << -shift
            return part & ((1 << bits) - 1)

        def back(bits):
            found = number >> taken[1] & ((1 << bits) - 1)
            taken[1] += bits
            return found

        return front, back


def peer(kind):
    """Surface over a coder of this kind."""

    def start(state, packet, first, size):
        state.start(packet[first : first + size].tobytes())

    def bit(state, packet, logp):
        total = 1 << int(logp)
        one = state.at(total) == total - 1
        state.take(*((total - 1, total) if one else (0, total - 1)), total)
        return int(one)

    def symbol(state, packet, first, bits):
        ends, total = state.cumulative(int(first), int(bits)), 1 << int(bits)
        found = bisect.bisect_right(ends, state.at(total))
        state.take(ends[found - 1] if found else 0, ends[found], total)
        return found

    def laplace(state, packet, zero, decay):
        return state.laplace(int(zero), int(decay))

    def raw(state, packet, bits):
        return state.raw(int(bits))

    def uint(state, packet, total):
        return state.uniform(int(total))

    def frequency(state, total):
        return state.at(int(total))

    def take(state, packet, low, high, total):
        state.take(int(low), int(high), int(total))

    def tell(state):
        return state.tell()

    def final_range(state):
        return state.range

    surface = (start, bit, symbol, laplace, raw, uint, frequency, take, tell, final_range)
    named = {function.__name__: function for function in surface}

    def setup(icdf):
        return kind(icdf)

    return types.SimpleNamespace(setup=setup, **named)


PEERS = {"bytes": lambda: peer(BytesCoder), "integer": lambda: peer(IntegerCoder)}
