"""Software encoders: how each spells its rate control, and recipes that a practitioner would try.

docs/encoders.md says in words what each mode does, and where it was looked up. Every recipe here
was seen to change the bits of at least one clip in its mode; a knob that an encoder ignores there
(adaptive quantisation under x264's constant quantiser, a lookahead that has none) is not a recipe.
"""

from __future__ import annotations

from workbench.encoders.codec import CBR, CQP, VBR, Codec, Mode

# One pass, at most twice the bitrate over two seconds of buffer.
_CAPPED = ("-b:v", "{q}k", "-maxrate", "{double}k", "-bufsize", "{double}k")
# One second of buffer that is filled and drained at the same rate.
_CONSTANT = ("-b:v", "{q}k", "-minrate", "{q}k", "-maxrate", "{q}k", "-bufsize", "{q}k")
# libvpx and libaom: a target of nothing and one quantiser allowed.
_ONE_QUANTISER = ("-crf", "{q}", "-b:v", "0", "-qmin", "{q}", "-qmax", "{q}")

# Steps of one are 12 % of bitrate in H.264, H.265 and H.266, those of two 8 % in VP9 and AV1.
_FROM_26 = tuple(float(q) for q in range(26, 38))
_FROM_28_BY_2 = tuple(float(q) for q in range(28, 52, 2))
_FROM_24_BY_2 = tuple(float(q) for q in range(24, 48, 2))

LIBX264 = Codec(
    name="libx264",
    preset_option="-preset",
    presets=("medium", "ultrafast", "superfast", "veryfast", "faster", "fast", "slow", "slower"),
    params="x264-params",
    flags=frozenset({"tune"}),
    recipes=("bframes=0", "bframes=8", "ref=8", "psy=0", "tune=film", "tune=grain"),
    modes={
        CQP: Mode(
            ("-qp", "{q}"),
            qualities=_FROM_26,
            recipes=("subme=9", "trellis=2", "tune=animation", "cabac=0", "weightp=0"),
        ),
        VBR: Mode(
            _CAPPED, recipes=("aq-mode=0", "aq-mode=3", "mbtree=0", "passes=2", "rc-lookahead=10")
        ),
        CBR: Mode(
            _CONSTANT,
            {"nal-hrd": "cbr"},
            recipes=("aq-mode=0", "aq-mode=3", "mbtree=0", "passes=2", "rc-lookahead=10"),
        ),
    },
)
LIBX265 = Codec(
    name="libx265",
    preset_option="-preset",
    presets=("fast", "ultrafast", "superfast", "veryfast", "faster", "medium", "slow"),
    params="x265-params",
    parameters_always={"log-level": "error", "pools": "none", "frame-threads": "1"},
    flags=frozenset({"tune"}),
    recipes=("bframes=0", "bframes=8", "ref=5", "psy-rd=0", "sao=0", "tune=grain"),
    modes={
        CQP: Mode(
            ("-qp", "{q}"),
            qualities=_FROM_26,
            recipes=(
                "mcstf=1",
                "rdoq-level=2",
                "rect=1",
                "strong-intra-smoothing=0",
                "tune=animation",
            ),
        ),
        VBR: Mode(_CAPPED, recipes=("aq-mode=0", "aq-mode=3", "aq-mode=4", "cutree=0", "passes=2")),
        CBR: Mode(
            _CONSTANT,
            {"strict-cbr": "1"},
            recipes=("aq-mode=0", "aq-mode=3", "aq-mode=4", "cutree=0", "passes=2"),
        ),
    },
)
LIBSVTAV1 = Codec(
    name="libsvtav1",
    coarsest=63,
    preset_option="-preset",
    presets=("8", "12", "10", "9", "7", "6", "5", "4"),
    params="svtav1-params",
    parameters_always={"lp": "1"},
    recipes=("ac-bias=1.0", "enable-cdef=0", "enable-qm=1", "film-grain=8", "scm=1", "sharpness=2"),
    modes={
        CQP: Mode(
            ("-qp", "{q}"),
            # Without aq-mode=0 this is CRF.
            {"rc": "0", "aq-mode": "0"},
            qualities=_FROM_28_BY_2,
            recipes=(
                "enable-tf=0",
                "enable-variance-boost=1",
                "hierarchical-levels=3",
                "tune=0",
                "tune=2",
            ),
        ),
        VBR: Mode(
            ("-b:v", "{q}k"),  # it takes no cap in this mode
            {"rc": "1"},
            recipes=(
                "enable-tf=0",
                "enable-variance-boost=1",
                "hierarchical-levels=3",
                "lookahead=0",
                "tune=0",
            ),
        ),
        CBR: Mode(
            ("-b:v", "{q}k", "-bufsize", "{q}k"),
            # Low delay: it has CBR only so.
            {"rc": "2", "pred-struct": "1"},
            recipes=(
                "enable-dlf=0",
                "enable-dlf=2",
                "enable-mfmv=0",
                "enable-restoration=0",
                "max-tx-size=32",
            ),
        ),
    },
)
LIBVPX_VP9 = Codec(
    name="libvpx-vp9",
    coarsest=63,
    preset_option="-cpu-used",
    presets=("5", "8", "7", "6", "4", "3", "2", "1", "0"),
    recipes=(
        "aq-mode=1",
        "aq-mode=2",
        "aq-mode=3",
        "sharpness=4",
        "tune=ssim",
        "tune-content=film",
    ),
    modes={
        CQP: Mode(
            _ONE_QUANTISER,
            qualities=_FROM_28_BY_2,
            recipes=(
                "auto-alt-ref=0,passes=2",
                "enable-tpl=0,passes=2",
                "error-resilient=default",
                "lag-in-frames=12,passes=2",
                "passes=2",
            ),
        ),
        VBR: Mode(
            _CAPPED,
            recipes=(
                "arnr-strength=0,passes=2",
                "lag-in-frames=12,passes=2",
                "max-intra-rate=300",
                "min-gf-interval=8",
                "passes=2",
            ),
        ),
        CBR: Mode(
            _CONSTANT,
            recipes=(
                "deadline=realtime",
                "error-resilient=default",
                "max-intra-rate=300",
                "min-gf-interval=8",
                "undershoot-pct=50",
            ),
        ),
    },
)
LIBAOM_AV1 = Codec(
    name="libaom-av1",
    coarsest=63,
    preset_option="-cpu-used",
    presets=("6", "8", "7", "5", "4", "3", "2", "1", "0"),
    params="aom-params",
    flags=frozenset({"lag-in-frames"}),
    recipes=(
        "aq-mode=1",
        "aq-mode=2",
        "denoise-noise-level=10",
        "enable-cdef=0",
        "sharpness=4",
        "tune=ssim",
    ),
    modes={
        CQP: Mode(
            _ONE_QUANTISER,
            qualities=_FROM_24_BY_2,
            recipes=(
                "aq-mode=3",
                "deltaq-mode=0",
                "enable-qm=1",
                "enable-tpl-model=0",
                "tune-content=film",
            ),
        ),
        VBR: Mode(
            _CAPPED,
            recipes=(
                "arnr-strength=0",
                "deltaq-mode=0",
                "enable-qm=1",
                "enable-tpl-model=0",
                "passes=2",
            ),
        ),
        CBR: Mode(
            _CONSTANT,
            recipes=(
                "aq-mode=3",
                "auto-alt-ref=0",
                "deltaq-mode=0",
                "enable-qm=1",
                "enable-tpl-model=0",
            ),
        ),
    },
)
LIBVVENC = Codec(
    name="libvvenc",
    coarsest=63,
    preset_option="-preset",
    presets=("faster", "fast", "medium", "slow", "slower"),
    params="vvenc-params",
    # No worker threads at all: with them the second of two passes often wrote nothing and exited 0
    # (320x180, 48 frames, one CPU): with one or two in 17 runs of 24, with four in 1 of 16, with
    # none in 0 of 40. A single pass never did, with one or two: 0 of 128.
    parameters_always={"threads": "0"},
    flags=frozenset({"qpa"}),
    fixed=("-threads", "1", "-pix_fmt", "yuv420p10le"),
    pixel_format="yuv420p10le",
    recipes=(
        "affine=1",
        "alf=0",
        "bim=0",
        "bim=0,mctf=0",
        "gopsize=16",
        "mts=1",
        "qpa=0",
        "sao=0",
    ),
    modes={
        CQP: Mode(("-qp", "{q}"), qualities=_FROM_26, recipes=("isp=1", "mip=1", "sbt=1")),
        # It has no CBR: the cap has to be at least 1.5 times the target.
        VBR: Mode(
            ("-b:v", "{q}k", "-maxrate", "{double}k"), recipes=("isp=1", "mip=1", "passes=2")
        ),
    },
)
SOFTWARE = (LIBX264, LIBX265, LIBSVTAV1, LIBVPX_VP9, LIBAOM_AV1, LIBVVENC)
