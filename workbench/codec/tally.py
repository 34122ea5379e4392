"""What two decoders agree on, packet by packet, and where they first do not."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.codec.block import Block, Entry
from workbench.codec.packets import MODES
from workbench.codec.race import Answer
from workbench.parity import SILENCE_RMS
from workbench.upstreams.libopus import ERRORS

# What the target's oracle asks for (targets/opus_celt/target.toml).
ATOL, MIN_SNR_DB = 1e-4, 90.0
UNIMPLEMENTED = -5


@dataclass(frozen=True)
class Difference:
    """The first packet on which they disagree.

    Attributes
    ----------
    packet : int
        Its index in the file.
    time_s : float or None
        When it is presented, by the container.
    row : int
        Samples before it.
    config, what : str
        What the packet is, and what differs.
    """

    packet: int
    time_s: float | None
    row: int
    config: str
    what: str


@dataclass(frozen=True)
class Totals:
    """Counts and errors of a stream.

    Attributes
    ----------
    packets, malformed : int
        All; those that libopus refuses and that are expected to be refused.
    modes, configs : dict
        How many have which.
    open : int
        Packets of a mode that the kernel has not (SILK and hybrid).
    held : int
        Packets whose answer is compared: the others.
    equal : int
        Of those, how many have libopus's sample count or error code, and its final range.
    concealed : int
        Of those, how many have frames without content, which each decoder makes up.
    following : int
        Of those, how many come after a packet that was open or concealed. Their samples depend
        on what the kernel did not decode: their entropy decoding is held, their sound is not.
    parity : int
        The rest: decoded by both, nothing missing before them. All errors are over these.
    samples : int
        Per channel, of the whole stream as libopus decodes it.
    max_abs_err : float or None
        Of full scale.
    snr_db : float or None
        None where nothing was compared, where there is no error, and in silence.
    following_max_abs_err : float or None
        The same of packets that follow; it decides nothing.
    first : Difference or None
        The first disagreement.
    """

    packets: int
    malformed: int
    modes: dict[str, int]
    configs: dict[str, int]
    open: int
    held: int
    equal: int
    concealed: int
    following: int
    parity: int
    samples: int
    max_abs_err: float | None
    snr_db: float | None
    following_max_abs_err: float | None
    first: Difference | None

    @property
    def verdict(self) -> str:
        """``equal``, ``differs``, or ``open``: there is no packet that the kernel has the mode of.

        Equal is: the answer to every packet that is held, each sample within `ATOL`, and at
        least `MIN_SNR_DB` over the whole stream.
        """
        if not self.held:
            return "open"
        loud = self.snr_db is None or self.snr_db >= MIN_SNR_DB
        return "equal" if self.equal == self.held and self.first is None and loud else "differs"


class Tally:
    """Adds up `Totals` block by block."""

    def __init__(self) -> None:
        self._modes: Counter[str] = Counter(dict.fromkeys(MODES, 0))
        self._configs: Counter[str] = Counter()
        self._packets = self._malformed = self._open = self._equal = 0
        self._concealed = self._following = self._parity = self._samples = 0
        self._rows = self._parity_rows = 0
        self._worst = self._following_worst = 0.0
        self._signal = self._noise = 0.0
        self._is_whole = True
        self._first: Difference | None = None

    def begin(self) -> None:
        """Note that the next packet is the first of another stream."""
        self._is_whole = True

    def add(self, block: Block, ours: Answer, truth: Answer) -> None:
        """Count a block's packets and compare what both made of them."""
        error = np.abs(ours.pcm.astype(np.float64) - truth.pcm)
        error[~np.isfinite(error)] = np.inf
        for i, entry in enumerate(block.entries):
            self._modes[entry.config.mode] += 1
            self._configs[entry.config.name] += 1
            self._malformed += entry.is_malformed
            got, want = int(ours.samples[i]), int(truth.samples[i])
            self._samples += max(want, 0)
            if got == UNIMPLEMENTED and entry.config.mode != "CELT":
                self._open += 1
                self._is_whole = False
            else:
                rows = slice(int(block.rows[i]), int(block.rows[i]) + max(want, 0))
                what = _answer_differs(got, want, int(ours.ranges[i]), int(truth.ranges[i]))
                self._equal += not what
                if got == want > 0:
                    what = what or self._sound(entry, error[rows], truth.pcm[rows])
                if what and self._first is None:
                    row = self._rows + int(block.rows[i])
                    name = entry.config.name
                    self._first = Difference(self._packets, entry.time_s, row, name, what)
            self._packets += 1
        self._rows += block.total

    def _sound(self, entry: Entry, error: NDArray[np.float64], truth: NDArray[np.float32]) -> str:
        """Compare the samples of one packet; say what is wrong with them."""
        worst = float(error.max())
        if entry.is_concealed or not self._is_whole:
            self._concealed += entry.is_concealed
            self._following += not entry.is_concealed
            self._is_whole = False
            self._following_worst = max(self._following_worst, worst)
            return ""
        self._parity += 1
        self._worst = max(self._worst, worst)
        self._noise += float(np.sum(error**2))
        self._signal += float(np.sum(truth.astype(np.float64) ** 2))
        self._parity_rows += truth.size
        if worst <= ATOL:
            return ""
        row, channel = np.unravel_index(int(error.argmax()), error.shape)
        return f"sample {row} of channel {channel} is off by {worst:.2g} of full scale"

    @property
    def totals(self) -> Totals:
        """What was counted so far."""
        return Totals(
            packets=self._packets,
            malformed=self._malformed,
            modes=dict(self._modes),
            configs=dict(self._configs.most_common()),
            open=self._open,
            held=self._packets - self._open,
            equal=self._equal,
            concealed=self._concealed,
            following=self._following,
            parity=self._parity,
            samples=self._samples,
            max_abs_err=self._worst if self._parity else None,
            snr_db=self._snr_db(),
            following_max_abs_err=(
                self._following_worst if self._concealed + self._following else None
            ),
            first=self._first,
        )

    def _snr_db(self) -> float | None:
        if self._noise == 0 or self._signal < SILENCE_RMS**2 * self._parity_rows:
            return None
        if not math.isfinite(self._noise):
            return -math.inf
        return 10 * math.log10(self._signal / self._noise)


def _answer_differs(got: int, want: int, ours: int, theirs: int) -> str:
    """Words for a difference in the decision or in entropy decoding, or nothing."""
    if got != want:
        return f"{_said(got)} here, {_said(want)} from libopus"
    if want >= 0 and ours != theirs:
        return f"final range {ours:#010x} here, {theirs:#010x} from libopus"
    return ""


def _said(samples: int) -> str:
    if samples >= 0:
        return f"{samples} samples"
    return f"error {samples} ({ERRORS.get(samples, 'unknown')})"
