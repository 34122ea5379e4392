"""Judges of what a full Opus codec has beyond CELT packets: what is asked, and the truth.

`workbench.opus.beyond.cases` has the workloads, `workbench.opus.beyond.truth` what libopus and
libavformat say. This file is all that a process with a kernel loads of it.
"""

__all__ = ["ASKS"]

# How a workload is put to a kernel, by number in its fixture's ``ask``, and the functions that a
# kernel must have for it besides the surface.
ASKS: dict[str, tuple[str, ...]] = {
    "decode": (),
    "fec": ("decode_fec",),
    "rate": ("setup_rate",),
    "gain": ("set_gain",),
    "int16": ("decode_int16",),
    "multistream": ("setup_multistream", "reset_multistream", "decode_multistream"),
    "read_ogg": ("read_ogg",),
    "write_ogg": ("write_ogg",),
    "read_wav": ("read_wav",),
}
