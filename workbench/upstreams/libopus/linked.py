"""How compiled code calls a function of libopus: where it lies, and what it is in C."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir

from workbench.upstreams.libopus.loading import library

POINTER, INT = ir.IntType(8).as_pointer(), ir.IntType(32)
Generate = Callable[[Any, Any, Any, Any], Any]


def locate(*names: str) -> None:
    """Load the library and tell LLVM where its functions lie."""
    for name in names:
        function = getattr(library(), name)
        binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)


def first_byte(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Address of an array's first byte."""
    array = context.make_array(kind)(context, builder, value)
    return builder.bitcast(array.data, POINTER)


def declared(builder: Any, name: str, takes: list[Any], *, variadic: bool = False) -> Any:
    """A function that returns an int, declared once a module."""
    kind = ir.FunctionType(INT, takes, var_arg=variadic)
    return builder.module.globals.get(name) or ir.Function(builder.module, kind, name)


def control(name: str) -> Generate:
    """What an intrinsic generates for ``name(state, request, &value[0])``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        state = first_byte(context, builder, signature.args[0], arguments[0])
        place = first_byte(context, builder, signature.args[2], arguments[2])
        call = declared(builder, name, [POINTER, INT], variadic=True)
        return builder.call(call, [state, arguments[1], place])

    return generate
