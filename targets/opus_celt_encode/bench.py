"""How the surface is called: frame after frame of a sound, each into a packet of its own."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for sounds of one kind.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``channels``, ``frame_size`` and ``bitrate_bps``, i64[1] each.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    channels, frame, rate = (
        int(fixture[name][0]) for name in ("channels", "frame_size", "bitrate_bps")
    )
    state = kernels.setup(channels, frame, rate)
    run = specialise(encode_sounds, kernels)

    def call(requests, outputs, scratch):
        run(
            state,
            requests["pcm"],
            requests["frames"],
            requests["rates"],
            outputs["packets"],
            outputs["lengths"],
            outputs["ranges"],
        )

    return call


def encode_sounds(state, pcm, frames, rates, packets, lengths, ranges):
    """Encode every request from silence on; ``kernels`` is the global that `specialise` provides.

    A frame of 0 samples ends a request: lengths and ranges are 0 from there on. A packet that was
    refused has the code as its length, and 0 as its range.
    """
    for i in range(len(pcm)):
        kernels.reset(state)  # noqa: F821 - given by specialise
        at = 0
        frame, rate = 0, 0
        for j in range(frames.shape[1]):
            lengths[i, j] = 0
            ranges[i, j] = 0
            if frames[i, j] == 0:
                continue
            if frames[i, j] != frame or rates[i, j] != rate:
                frame, rate = frames[i, j], rates[i, j]
                kernels.switch(state, frame, rate)  # noqa: F821
            size = kernels.encode(state, pcm[i, at : at + frame], packets[i, j])  # noqa: F821
            lengths[i, j] = size
            if size > 0:
                ranges[i, j] = kernels.final_range(state)  # noqa: F821
            at += frame
