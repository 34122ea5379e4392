"""Names and numbers of libopus's controls and choices (opus_defines.h, opus_multistream.h)."""

from __future__ import annotations

import ctypes
import difflib
from collections.abc import Callable, Mapping
from typing import Any

from workbench.upstreams.libopus.errors import checked

OPUS_RESET_STATE = 4028
GET_ENCODER_STATE, GET_DECODER_STATE = 5120, 5122

# Name: (number that sets it, number that asks for it).
CONTROLS: Mapping[str, tuple[int | None, int | None]] = {
    "application": (4000, 4001),
    "bitrate": (4002, 4003),
    "max_bandwidth": (4004, 4005),
    "vbr": (4006, 4007),
    "bandwidth": (4008, 4009),
    "complexity": (4010, 4011),
    "inband_fec": (4012, 4013),
    "packet_loss_perc": (4014, 4015),
    "dtx": (4016, 4017),
    "vbr_constraint": (4020, 4021),
    "force_channels": (4022, 4023),
    "signal": (4024, 4025),
    "lookahead": (None, 4027),
    "sample_rate": (None, 4029),
    "final_range": (None, 4031),
    "pitch": (None, 4033),
    "gain": (4034, 4045),
    "lsb_depth": (4036, 4037),
    "last_packet_duration": (None, 4039),
    "expert_frame_duration": (4040, 4041),
    "prediction_disabled": (4042, 4043),
    "phase_inversion_disabled": (4046, 4047),
    "in_dtx": (None, 4049),
    "dred_duration": (4050, 4051),
    "osce_bwe": (4054, 4055),
    "qext": (4056, 4057),
    "ignore_extensions": (4058, 4059),
    # not in the public header, but how its own tests choose SILK, hybrid or CELT (opus_private.h)
    "force_mode": (11002, None),
}
UNSIGNED = ("final_range",)

AUTO, BITRATE_MAX = -1000, -1
APPLICATIONS: Mapping[str, int] = {
    "voip": 2048,
    "audio": 2049,
    "restricted_lowdelay": 2051,
    "restricted_silk": 2052,
    "restricted_celt": 2053,
}
BANDWIDTHS: Mapping[str, int] = {
    "narrowband": 1101,
    "mediumband": 1102,
    "wideband": 1103,
    "superwideband": 1104,
    "fullband": 1105,
}
SIGNALS: Mapping[str, int] = {"auto": AUTO, "voice": 3001, "music": 3002}
MODES: Mapping[str, int] = {"silk": 1000, "hybrid": 1001, "celt": 1002, "auto": AUTO}
# Values that may be given by name.
CHOICES: Mapping[str, Mapping[str, int]] = {
    "application": APPLICATIONS,
    "bandwidth": {"auto": AUTO, **BANDWIDTHS},
    "max_bandwidth": BANDWIDTHS,
    "signal": SIGNALS,
    "force_mode": MODES,
    "force_channels": {"auto": AUTO},
    "bitrate": {"auto": AUTO, "max": BITRATE_MAX},
}


def chosen(known: Mapping[str, Any], name: str, what: str) -> Any:
    """Entry of a table, or an error that names what there is."""
    if name not in known:
        near = difflib.get_close_matches(name, known)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise ValueError(f"no {what} {name!r}; {hint}")
    return known[name]


class Controlled:
    """A coder's controls by name.

    ``_ctl`` is the C function, ``_name`` what it is called and ``_address`` where the state lies.
    """

    _ctl: Callable[..., int]
    _name: str
    _address: int

    def set(self, **values: int | str) -> None:
        """Set controls: ``encoder.set(bitrate=64_000, bandwidth="fullband", vbr=0)``.

        Raises
        ------
        ValueError
            If there is no such control or named value.
        OpusError
            If libopus refuses the value.
        """
        for name, value in values.items():
            number = chosen(CONTROLS, name, "control")[0]
            if number is None:
                raise ValueError(f"{name} can be read, not set")
            if isinstance(value, str):
                value = chosen(CHOICES.get(name, {}), value, f"value of {name}")
            given = ctypes.c_int32(int(value))
            checked(self._ctl(self._address, number, given), f"{self._name} {name}={value}")

    def get(self, name: str) -> int:
        """Value of a control, as libopus counts it."""
        number = chosen(CONTROLS, name, "control")[1]
        if number is None:
            raise ValueError(f"{name} can be set, not read")
        found: Any = ctypes.c_uint32() if name in UNSIGNED else ctypes.c_int32()
        checked(self._ctl(self._address, number, ctypes.byref(found)), f"{self._name} {name}")
        return int(found.value)

    def reset(self) -> None:
        """Forget the signal; what was set stays."""
        checked(self._ctl(self._address, OPUS_RESET_STATE), f"{self._name} OPUS_RESET_STATE")

    @property
    def final_range(self) -> int:
        """State of the range coder after the last packet, a u32: equal only if all symbols were."""
        return self.get("final_range")
