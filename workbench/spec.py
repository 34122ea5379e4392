"""The shape of a ``target.toml``, checked before anything of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

# pydantic takes the TypedDict of `typing` only from Python 3.12 on.
from typing_extensions import TypedDict

Line = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[Finite, Field(ge=0)]
Positive = Annotated[Finite, Field(gt=0)]
Share = Annotated[Finite, Field(ge=0, le=1)]


class Bitwise(TypedDict):
    """``[oracle]`` of integers and bytes; ``lengths`` maps an output to its counter."""

    kind: Literal["bitwise"]
    lengths: NotRequired[dict[Identifier, Identifier]]


class MaxAbsErr(TypedDict):
    """``[oracle]`` of floats."""

    kind: Literal["max_abs_err"]
    atol: NotNegative
    rtol: Annotated[NotNegative, Field(lt=1)]


class TopK(MaxAbsErr):
    """``[oracle]`` of nearest neighbours by rank; ``ids`` and ``distances`` rename the outputs."""

    kind: Literal["top_k"]  # type: ignore[misc]  # the same two numbers under another kind
    ids: NotRequired[Identifier]
    distances: NotRequired[Identifier]


class Recall(TypedDict):
    """``[oracle]`` of a lossy search: mean recall@k, the least of one request, the worst error."""

    kind: Literal["recall"]
    k: Annotated[int, Field(ge=1)]
    minimum: Annotated[Finite, Field(gt=0, le=1)]
    row_minimum: Share
    max_error: Positive
    distances: NotRequired[Identifier]


class Parity(TypedDict):
    """``[oracle]`` of decoded sound; ``rows`` names the output that counts the sound's rows."""

    kind: Literal["parity"]
    pcm: Identifier
    rows: NotRequired[Identifier]
    atol: Positive
    min_snr_db: Positive


class Decodes(TypedDict):
    """``[oracle]`` of packets, which libopus decodes."""

    kind: Literal["decodes"]


class Roofline(TypedDict):
    """``[roofline]``: the least that a request must move and do, by shape."""

    arithmetic: Literal["f32", "f64", "u8", "i32", "i64"]
    bytes_per_unit: dict[str, Positive]
    operations_per_unit: dict[str, NotNegative]


class Guardrails(TypedDict):
    """``[guardrails]``: limits that no speed buys off."""

    max_allocations: NotNegative
    max_peak_rss_mb: Positive
    worst_ratio: Positive
    budget_seconds: Positive
    # of a request in the slowest combo; the limits above need no machine's speed
    max_ns: NotRequired[Positive]
    # how long one call may take, with the compilation of what it calls
    answer_seconds: NotRequired[Positive]


@with_config(ConfigDict(extra="allow"))
class Upstream(TypedDict, total=False):
    """``[upstream]``: a candidate leaves the three answers blank; notes of any name are welcome.

    With ``library`` upstream.py calls the real library instead of being its algorithm in numba.
    """

    system: str
    version: str
    library: Literal["libopus"]
    call_site: str
    symbol: str
    access_pattern: str
    cost_fraction: Share


@with_config(ConfigDict(strict=True, extra="forbid"))
class Spec(TypedDict):
    """A whole ``target.toml``."""

    schema: NotRequired[Literal[1]]
    title: Line
    status: Literal["landed", "off-path", "rejected", "candidate"]
    unit: NotRequired[Line]
    objective: NotRequired[Line]
    # UPSTREAM/TARGET, what its inputs and tests read: its own, or another target's
    snapshot: NotRequired[Annotated[str, Field(pattern=r"^[\w-]+/[\w-]+$")]]
    focuses: NotRequired[
        Annotated[
            list[Literal["performance", "quality", "unimplemented", "mixed"]], Field(min_length=1)
        ]
    ]
    surface: Annotated[dict[Identifier, list[Identifier]], Field(min_length=1)]
    # functions that a kernel may have besides: open features ask for them
    optional: NotRequired[dict[Identifier, list[Identifier]]]
    oracle: Annotated[
        Bitwise | MaxAbsErr | TopK | Recall | Parity | Decodes, Field(discriminator="kind")
    ]
    guardrails: Guardrails
    upstream: NotRequired[Upstream]
    roofline: NotRequired[Roofline]


def parse(table: Mapping[str, Any]) -> Spec:
    """Check a parsed ``target.toml``.

    Raises
    ------
    ValueError
        Naming the first key that is wrong and what is wanted there, in one line.

    Examples
    --------
    >>> parse({"title": "A kernel", "status": "done"})
    Traceback (most recent call last):
        ...
    ValueError: status is 'done': Input should be 'landed', 'off-path', 'rejected' or 'candidate'
    """
    try:
        return TypeAdapter(Spec).validate_python(dict(table))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    place = first["loc"]
    if place[:1] == ("oracle",):
        place = place[:1] + place[2:]  # without the kind, which pydantic puts between
    key = ".".join(str(part) for part in place)
    if first["type"] == "missing":
        raise ValueError(f"{key} is missing")
    if first["type"] == "extra_forbidden":
        raise ValueError(f"{key} is no key of a target.toml")
    raise ValueError(f"{key} is {repr(first['input'])[:60]}: {first['msg']}")
