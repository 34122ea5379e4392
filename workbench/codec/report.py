"""A comparison in a few lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.codec.comparing import Comparison
from workbench.codec.race import Speed
from workbench.codec.tally import Totals


def lines(found: Comparison) -> Iterator[str]:
    """The verdict, then what it rests on, a line each."""
    yield f"{found.file}: {found.verdict}"
    side = {1: "mono", 2: "stereo"}.get(found.channels, f"{found.channels} channels")
    skipped = f"pre-skip {found.pre_skip} and end trim {found.trim} samples are compared too"
    gain = f", gain {found.gain_db:+.1f} dB not applied" if found.gain_db else ""
    yield f"  container    {found.container}, {side}; {skipped}{gain}"
    for note in found.notes:
        yield f"  note         {note}"
    if found.totals is not None:
        yield from _totals(found.totals)
    if found.speed is not None:
        yield from _speed(found.speed)


def _totals(totals: Totals) -> Iterator[str]:
    modes = ", ".join(f"{count:,} {mode}" for mode, count in totals.modes.items())
    yield f"  packets      {totals.packets:,}: {modes}; {totals.samples:,} samples a channel"
    for name, count in list(totals.configs.items())[:3]:
        yield f"               {count:,} {name}"
    if len(totals.configs) > 3:
        yield f"               and {len(totals.configs) - 3} other configurations"
    if totals.open:
        yield f"  open         {totals.open:,} packets of modes that the kernel has not"
    if totals.held:
        also = f", {totals.malformed:,} malformed among them" if totals.malformed else ""
        yield f"  final range  equal on {totals.equal:,} of {totals.held:,} packets{also}"
    if totals.parity:
        worst = f"max |error| {totals.max_abs_err:.2e} of full scale"
        snr = "no error" if totals.snr_db is None else f"SNR {totals.snr_db:.1f} dB"
        yield f"  sound        {worst}, {snr} over {totals.parity:,} packets"
    if totals.concealed or totals.following:
        yield (
            f"               not over {totals.concealed:,} concealed and {totals.following:,} "
            f"behind an open or concealed one: max |error| {totals.following_max_abs_err:.2e}"
        )
    if totals.first is not None:
        first = totals.first
        when = "" if first.time_s is None else f" at {first.time_s:.3f} s"
        yield f"  first        packet {first.packet:,}{when}, {first.config}: {first.what}"


def _speed(speed: Speed) -> Iterator[str]:
    yield (
        f"  rt_ratio     {speed.rt_ratio:.3f} ({speed.low:.3f} to {speed.high:.3f} over "
        f"{speed.passes} passes): kernel {speed.ours_x:,.0f} x, libopus {speed.libopus_x:,.0f} x "
        "real time"
    )
    yield (
        f"               {speed.ours_us:.1f} and {speed.libopus_us:.1f} us a packet; calling "
        f"libopus through ctypes adds {speed.ctypes_us:.1f} us"
    )
