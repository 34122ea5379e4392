"""A whole codec behind the surface of opus_celt: libopus, and files in the simplest code."""

import ctypes
import itertools
import struct
import types

import numpy as np

from workbench.opus.beyond import truth
from workbench.upstreams import libopus
from workbench.upstreams.libopus.controls import CONTROLS

SET_GAIN, GET_FINAL_RANGE = CONTROLS["gain"][0], CONTROLS["final_range"][1]
SEGMENTS = 255


def whole(upstream):
    """What upstream.py exports, as plain functions, and all that a kernel may have besides."""
    made = types.SimpleNamespace(
        setup=upstream.setup,
        reset=lambda state: upstream.reset(state),
        decode=lambda *arguments: upstream.decode(*arguments),
    )
    for function in BESIDES:
        setattr(made, function.__name__, function)
    return made


def final_range(state):
    value = ctypes.c_uint32()
    address, number = state[0].ctypes.data, GET_FINAL_RANGE
    libopus.library().opus_decoder_ctl(address, number, ctypes.byref(value))
    return value.value


def decode_fec(state, packet, length, pcm):
    opus = libopus.library()
    data, room = packet[:length].tobytes(), min(len(pcm), state[2])
    address = state[0].ctypes.data
    got = opus.opus_decode_float(address, data, len(data), pcm.ctypes.data, room, 1)
    return got, final_range(state) if got >= 0 else 0


def setup_rate(channels, frame_size, rate):
    return libopus.Decoder(channels, rate).state, np.zeros(1, np.uint32), frame_size


def set_gain(state, gain):
    address, value = state[0].ctypes.data, ctypes.c_int32(gain)
    libopus.library().opus_decoder_ctl(address, SET_GAIN, value)


def decode_int16(state, packet, length, pcm):
    # what `truth.decode_int16` asks of a decoder is only where its state lies
    decoder = types.SimpleNamespace(state=state[0])
    got = truth.decode_int16(decoder, packet[:length], pcm)
    return got, final_range(state)


def setup_multistream(streams, coupled, mapping, frame_size):
    return libopus.MultistreamDecoder(streams, coupled, mapping.tolist()), frame_size


def reset_multistream(state):
    state[0].reset()


def decode_multistream(state, packet, length, pcm):
    try:
        got = state[0].decode(packet[:length] if length else None, pcm)
    except libopus.OpusError as error:
        return error.code, 0
    return got, state[0].final_range


def pages(file):
    """Header and segments of every page (RFC 3533, 6)."""
    at = 0
    while at < len(file):
        assert file[at : at + 4] == b"OggS"
        count = file[at + 26]
        sizes = file[at + 27 : at + 27 + count]
        body = at + 27 + count
        yield file[at : at + 27], sizes, file[body : body + sum(sizes)]
        at = body + sum(sizes)


def read_ogg(file, length, head, packets, lengths):
    found, part, end = [], b"", 0
    for header, sizes, body in pages(file[:length].tobytes()):
        at = 0
        for size in sizes:
            part += body[at : at + size]
            at += size
            if size < SEGMENTS:
                found.append(part)
                part = b""
        granule = struct.unpack("<q", header[6:14])[0]
        end = granule if granule >= 0 else end
    first, _tags, *sound = found
    head[: len(first)] = np.frombuffer(first, np.uint8)
    for i, packet in enumerate(sound):
        packets[i, : len(packet)] = np.frombuffer(packet, np.uint8)
        lengths[i] = len(packet)
    return len(sound), len(first), end


def crc(data):
    """CRC-32 of an Ogg page: polynomial 0x04c11db7, not reflected, no inversion."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ CRC_TABLE[value >> 24 ^ byte]
    return value


def crc_entry(byte):
    value = byte << 24
    for _ in range(8):
        value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if value >> 31 else 0)
    return value


CRC_TABLE = [crc_entry(byte) for byte in range(256)]


def page(kind, granule, number, sizes, body):
    def made(checksum):
        fields = b"OggS", 0, kind, granule, 7, number, checksum, len(sizes)
        return struct.pack("<4sBBqIIIB", *fields) + bytes(sizes) + body

    return made(crc(made(0)))


def write_ogg(head, head_length, packets, lengths, count, end, file):
    tags = b"OpusTags" + struct.pack("<I", 5) + b"plain" + struct.pack("<I", 0)
    made = page(2, 0, 0, [head_length], head[:head_length].tobytes())
    made += page(0, 0, 1, [len(tags)], tags)
    sound = [packets[i, : lengths[i]].tobytes() for i in range(count)]
    ends = itertools.accumulate(libopus.n_samples(packet) for packet in sound)
    # each segment with the granule position if a packet ends in it, else -1
    segments = [
        (packet[at : at + SEGMENTS], end_of if at + SEGMENTS > len(packet) else -1)
        for packet, end_of in zip(sound, ends, strict=True)
        for at in range(0, len(packet) + 1, SEGMENTS)
    ]
    continued = 0
    for number, at in enumerate(range(0, len(segments), SEGMENTS), 2):
        part = segments[at : at + SEGMENTS]
        last = at + SEGMENTS >= len(segments)
        granule = end if last else max(position for _, position in part)
        sizes = [len(data) for data, _ in part]
        body = b"".join(data for data, _ in part)
        made += page(continued | (4 if last else 0), granule, number, sizes, body)
        continued = int(part[-1][1] < 0)
    file[: len(made)] = np.frombuffer(made, np.uint8)
    return len(made)


def read_wav(file, length, pcm):
    data, at = file[:length].tobytes(), 12
    channels = rate = samples = 0
    while at + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            _, channels, rate = struct.unpack("<HHI", body[:8])
        elif name == b"data":
            samples = len(body) // (4 * channels)
            pcm[: samples * channels] = np.frombuffer(body, "<f4")
        at += 8 + size + size % 2
    return samples, channels, rate


BESIDES = (
    *(decode_fec, setup_rate, set_gain, decode_int16),
    *(setup_multistream, reset_multistream, decode_multistream),
    *(read_ogg, write_ogg, read_wav),
)
