"""What a full Opus codec has beyond CELT packets: how a kernel is asked for it.

A kernel answers through its surface, or through functions that it may have besides (``[optional]``
of target.toml). What is decoded they answer as ``decode`` does: samples per channel or a negative
code of libopus, and the final range. ``file`` is u8[], ``packets`` u8[p, width], ``lengths``
i32[p], ``head`` u8[] the identification header, ``end`` the granule position of the last page.

- ``decode_fec(state, packet, length, pcm)``: the lost packet *before* this one.
- ``setup_rate(channels, frame_size, rate) -> state``: ``decode`` then gives this rate, in Hz;
  ``frame_size`` is counted at it.
- ``set_gain(state, gain)``: from now on ``decode`` amplifies by gain / 256 dB.
- ``decode_int16(state, packet, length, pcm)``: i16[capacity, channels], softly clipped.
- ``setup_multistream(streams, coupled, mapping, frame_size) -> state``, mapping i64[channels], 255
  is silence; ``reset_multistream(state)``; ``decode_multistream(state, packet, length, pcm)``: f32
  [capacity, channels], the final range is the exclusive or of those of all streams.
- ``read_ogg(file, length, head, packets, lengths) -> (packets, bytes of head, end)``.
- ``write_ogg(head, head_length, packets, lengths, count, end, file) -> length``.
- ``read_wav(file, length, pcm) -> (samples, channels, rate)``: pcm f32[], channels interleaved.

Where a function is missing the outputs stay as they are, and what was never written is wrong.
"""

from workbench.opus.beyond import ASKS


def cases(name):
    """Workloads of a feature."""
    from workbench.opus.beyond.cases import CASES  # here: a process with a kernel needs none of it

    return CASES[name]()


def why_open(name, cases, answers):
    """Why a kernel lacks a feature, or None: answers are requests and outputs, a case each."""
    from workbench.opus.beyond import truth

    return truth.why_open(name, cases, answers)


def bind(kernels, fixture):
    """Prepare a variant for one workload.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``, and what it has besides.
    fixture : mapping
        ``ask`` i64[1], which of `ASKS`, and the numbers it needs.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    ask = tuple(ASKS)[int(fixture["ask"][0])]
    if not all(hasattr(kernels, name) for name in ASKS[ask]):
        return lambda requests, outputs, scratch: None
    if ask in FILES:
        return FILES[ask](kernels)
    return bind_decoder(ask, kernels, fixture)


def bind_decoder(ask, kernels, fixture):
    """Decode runs of packets in one of the ways there are."""
    frame = int(fixture["frame_size"][0])
    reset, decode = kernels.reset, kernels.decode
    if ask == "multistream":
        numbers = int(fixture["streams"][0]), int(fixture["coupled"][0])
        state = kernels.setup_multistream(*numbers, fixture["mapping"], frame)
        reset, decode = kernels.reset_multistream, kernels.decode_multistream
    elif ask == "rate":
        state = kernels.setup_rate(int(fixture["channels"][0]), frame, int(fixture["rate"][0]))
    else:
        state = kernels.setup(int(fixture["channels"][0]), frame)
    if ask == "int16":
        decode = kernels.decode_int16

    def call(requests, outputs, scratch):
        for i in range(len(requests["packets"])):
            reset(state)
            if ask == "gain":
                kernels.set_gain(state, int(fixture["gain"][0]))
            one = {name: array[i] for name, array in {**requests, **outputs}.items()}
            recover = kernels.decode_fec if ask == "fec" else None
            decode_run(state, decode, recover, **one)

    return call


def decode_run(state, decode, recover, packets, lengths, pcm, samples, ranges):
    """Decode a run; a negative length ends it, a lost packet is recovered from the next one."""
    pcm[:], samples[:], ranges[:] = 0, 0, 0
    at = 0
    for j in range(len(lengths)):
        if lengths[j] < 0:
            break
        if recover is not None and lengths[j] == 0:
            answer = recover(state, packets[j + 1], lengths[j + 1], pcm[at:])
        else:
            answer = decode(state, packets[j], lengths[j], pcm[at:])
        samples[j], ranges[j] = answer
        at += max(int(answer[0]), 0)


def bind_read_ogg(kernels):
    """Read Ogg files."""

    def call(requests, outputs, scratch):
        for i, (file, length) in enumerate(zip(*requests.values(), strict=True)):
            head, packets, lengths = (outputs[name][i] for name in ("head", "packets", "lengths"))
            head[:], packets[:], lengths[:] = 0, 0, -1
            outputs["found"][i] = kernels.read_ogg(file, int(length), head, packets, lengths)

    return call


def bind_write_ogg(kernels):
    """Write Ogg files."""

    def call(requests, outputs, scratch):
        for i in range(len(requests["head"])):
            head, packets, lengths = (requests[name][i] for name in ("head", "packets", "lengths"))
            head_length, count, end = requests["numbers"][i].tolist()
            file = outputs["file"][i]
            file[:] = 0
            outputs["length"][i] = kernels.write_ogg(
                head, head_length, packets, lengths, count, end, file
            )

    return call


def bind_read_wav(kernels):
    """Read WAV files."""

    def call(requests, outputs, scratch):
        for i, (file, length) in enumerate(zip(*requests.values(), strict=True)):
            outputs["pcm"][i] = 0
            outputs["found"][i] = kernels.read_wav(file, int(length), outputs["pcm"][i])

    return call


FILES = {"read_ogg": bind_read_ogg, "write_ogg": bind_write_ogg, "read_wav": bind_read_wav}
