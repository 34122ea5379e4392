"""Hardware encoders: there when a probe encodes one frame, "not on this machine" otherwise.

Spelt from ffmpeg's own help of each encoder; not one of them could be run where this was written.
"""

from __future__ import annotations

from workbench.encoders.codec import CBR, CQP, VBR, Codec, Mode

_CAPPED = ("-b:v", "{q}k", "-maxrate", "{double}k", "-bufsize", "{double}k")
_CONSTANT = ("-b:v", "{q}k", "-maxrate", "{q}k", "-bufsize", "{q}k")


def _nvenc(standard: str) -> Codec:
    b_frames = () if standard == "av1" else ("bf=3", "bf=4")
    return Codec(
        name=f"{standard}_nvenc",
        coarsest=_coarsest(standard),
        preset_option="-preset",
        presets=("p4", "p1", "p2", "p3", "p5", "p6", "p7"),
        fixed=("-pix_fmt", "yuv420p"),
        modes={
            CQP: Mode(("-rc", "constqp", "-qp", "{q}"), qualities=_quantisers(standard)),
            VBR: Mode(("-rc", "vbr", *_CAPPED)),
            CBR: Mode(("-rc", "cbr", *_CONSTANT)),
        },
        recipes=(
            *b_frames,
            "multipass=fullres",
            "rc-lookahead=20",
            "spatial-aq=1",
            "temporal-aq=1",
            "rc-lookahead=20,spatial-aq=1,temporal-aq=1",
            "tune=ull" if standard == "h264" else "tune=uhq",
        ),
    )


def _qsv(standard: str) -> Codec:
    return Codec(
        name=f"{standard}_qsv",
        coarsest=_coarsest(standard),
        preset_option="-preset",
        presets=("medium", "veryfast", "faster", "fast", "slow", "slower", "veryslow"),
        fixed=("-pix_fmt", "nv12"),
        modes={
            CQP: Mode(("-q:v", "{q}"), qualities=_quantisers(standard)),
            VBR: Mode(_CAPPED),
            CBR: Mode(_CONSTANT),
        },
        recipes=("adaptive_b=1", "adaptive_i=1", "b_strategy=1", "bf=3", "extbrc=1", "low_power=1"),
    )


def _vaapi(standard: str) -> Codec:
    quantiser = "-global_quality" if standard == "av1" else "-qp"
    return Codec(
        name=f"{standard}_vaapi",
        coarsest=_coarsest(standard),
        preset_option="-compression_level",
        presets=("4", "1", "7"),
        fixed=("-vf", "format=nv12,hwupload"),
        before_input=("-vaapi_device", "/dev/dri/renderD128"),
        modes={
            CQP: Mode(("-rc_mode", "CQP", quantiser, "{q}"), qualities=_quantisers(standard)),
            VBR: Mode(("-rc_mode", "VBR", *_CAPPED)),
            CBR: Mode(("-rc_mode", "CBR", *_CONSTANT)),
        },
        recipes=("b_depth=2", "bf=2", "idr_interval=2"),
    )


def _amf(standard: str) -> Codec:
    return Codec(
        name=f"{standard}_amf",
        coarsest=_coarsest(standard),
        preset_option="-quality",
        presets=("balanced", "speed", "quality"),
        fixed=("-pix_fmt", "yuv420p"),
        modes={
            CQP: Mode(
                ("-rc", "cqp", "-qp_i", "{q}", "-qp_p", "{q}"), qualities=_quantisers(standard)
            ),
            VBR: Mode(("-rc", "vbr_peak", *_CAPPED)),
            CBR: Mode(("-rc", "cbr", *_CONSTANT)),
        },
        recipes=("preanalysis=1", "preencode=1", "aq_mode=caq" if standard == "av1" else "vbaq=1"),
    )


def _coarsest(standard: str) -> int:
    """AV1 counts to 255 here, the others to 51."""
    return 255 if standard == "av1" else 51


def _quantisers(standard: str) -> tuple[float, ...]:
    step, first = (8, 96) if standard == "av1" else (1, 22)
    return tuple(float(first + step * k) for k in range(12))


HARDWARE = tuple(
    family(standard)
    for family in (_nvenc, _qsv, _vaapi, _amf)
    for standard in ("h264", "hevc", "av1")
)
