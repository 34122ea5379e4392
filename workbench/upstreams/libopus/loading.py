"""Which libopus: found, loaded once, its version asserted, its functions declared."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from ctypes import c_char_p, c_int, c_int32, c_void_p
from pathlib import Path

from workbench import host
from workbench.errors import Infrastructure

DISTRIBUTION = "av"
VERSION = "libopus 1.6.1"
# Linux and Windows wheels put their libraries beside the package, those of macOS inside.
PLACES = ("../av.libs", ".dylibs", "../av.dylibs")

# What each function returns and takes (opus.h, opus_multistream.h). The functions that end in
# _ctl are variadic: only what comes before the dots is declared, as ctypes wants it.
_P, _I, _L = c_void_p, c_int, c_int32
SIGNATURES: Mapping[str, tuple[type | None, tuple[type, ...]]] = {
    "opus_get_version_string": (c_char_p, ()),
    "opus_strerror": (c_char_p, (_I,)),
    "opus_encoder_get_size": (_I, (_I,)),
    "opus_encoder_init": (_I, (_P, _L, _I, _I)),
    "opus_encode": (_L, (_P, _P, _I, _P, _L)),
    "opus_encode_float": (_L, (_P, _P, _I, _P, _L)),
    "opus_encoder_ctl": (_I, (_P, _I)),
    "opus_decoder_get_size": (_I, (_I,)),
    "opus_decoder_init": (_I, (_P, _L, _I)),
    "opus_decode": (_I, (_P, _P, _L, _P, _I, _I)),
    "opus_decode_float": (_I, (_P, _P, _L, _P, _I, _I)),
    "opus_decoder_ctl": (_I, (_P, _I)),
    "opus_decoder_get_nb_samples": (_I, (_P, _P, _L)),
    "opus_packet_parse": (_I, (_P, _L, _P, _P, _P, _P)),
    "opus_packet_get_bandwidth": (_I, (_P,)),
    "opus_packet_get_samples_per_frame": (_I, (_P, _L)),
    "opus_packet_get_nb_channels": (_I, (_P,)),
    "opus_packet_get_nb_frames": (_I, (_P, _L)),
    "opus_packet_get_nb_samples": (_I, (_P, _L, _L)),
    "opus_packet_has_lbrr": (_I, (_P, _L)),
    "opus_packet_pad": (_I, (_P, _L, _L)),
    "opus_packet_unpad": (_L, (_P, _L)),
    "opus_pcm_soft_clip": (None, (_P, _I, _I, _P)),
    "opus_repacketizer_get_size": (_I, ()),
    "opus_repacketizer_init": (_P, (_P,)),
    "opus_repacketizer_cat": (_I, (_P, _P, _L)),
    "opus_repacketizer_get_nb_frames": (_I, (_P,)),
    "opus_repacketizer_out": (_L, (_P, _P, _L)),
    "opus_repacketizer_out_range": (_L, (_P, _I, _I, _P, _L)),
    "opus_multistream_encoder_get_size": (_L, (_I, _I)),
    "opus_multistream_encoder_init": (_I, (_P, _L, _I, _I, _I, _P, _I)),
    "opus_multistream_surround_encoder_get_size": (_L, (_I, _I)),
    "opus_multistream_surround_encoder_init": (_I, (_P, _L, _I, _I, _P, _P, _P, _I)),
    "opus_multistream_encode_float": (_I, (_P, _P, _I, _P, _L)),
    "opus_multistream_encoder_ctl": (_I, (_P, _I)),
    "opus_multistream_decoder_get_size": (_L, (_I, _I)),
    "opus_multistream_decoder_init": (_I, (_P, _L, _I, _I, _I, _P)),
    "opus_multistream_decode_float": (_I, (_P, _P, _L, _P, _I, _I)),
    "opus_multistream_decoder_ctl": (_I, (_P, _I)),
}


def library_path() -> Path:
    """The library's file: the one that ``WORKBENCH_LIBOPUS`` names, else PyAV's own.

    Raises
    ------
    Infrastructure
        If there is none; the message says how to get one.
    """
    return host.named_libopus() or _find(DISTRIBUTION)


@functools.cache
def _find(distribution: str) -> Path:
    """Look once: a search costs a millisecond, a decoded packet a tenth of that."""
    package = importlib.util.find_spec(distribution)  # found, not imported
    if package is None or package.origin is None:
        raise Infrastructure(
            "no libopus here: pip install -e '.[media]' brings PyAV, which carries it, "
            f"or name a file in {host.LIBOPUS}"
        )
    folder = Path(package.origin).parent
    for place in PLACES:
        found = sorted((folder / place).resolve().glob("*opus[-.]*"))
        if found:
            return found[0]
    raise Infrastructure(
        f"the PyAV in {folder} carries no libopus of its own: install it from its wheel, "
        f"or name a libopus in {host.LIBOPUS}"
    )


def library() -> ctypes.CDLL:
    """The loaded library, its functions declared.

    Raises
    ------
    Infrastructure
        If it is missing, does not load, or is not `VERSION`.
    """
    return load(library_path())


@functools.cache
def load(path: Path) -> ctypes.CDLL:
    """Load one file and check that it is what everything here was recorded from."""
    try:
        loaded = ctypes.CDLL(str(path))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise Infrastructure(f"{path} is no libopus that can be used: {error}") from error
    says = loaded.opus_get_version_string().decode("ascii", "replace")
    if says != VERSION:
        raise Infrastructure(
            f"{path} is {says}, where {VERSION} is wanted: pip install av==18.1.0, "
            f"or name another file in {host.LIBOPUS}"
        )
    return loaded


def version() -> str:
    """What the library calls itself.

    Examples
    --------
    >>> version()
    'libopus 1.6.1'
    """
    said: bytes = library().opus_get_version_string()
    return said.decode("ascii")


def release() -> str:
    """Its version number alone.

    Examples
    --------
    >>> release()
    '1.6.1'
    """
    return version().split()[-1]


def library_sha256() -> str:
    """Fingerprint of the library's file: a version string does not tell builds apart."""
    return _sha256(library_path())


@functools.cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
