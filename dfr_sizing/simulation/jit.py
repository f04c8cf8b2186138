"""How the engine's functions are compiled: cached, without Python's checks, and without counting references."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])


def _digest() -> str:
    """What the engine's sources are."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


_SOURCES = _digest()


def _cached(function: F, *, forceinline: bool) -> F:
    made: Any = njit(cache=True, error_model="numpy", forceinline=forceinline)(function)
    # numba keeps compiled code until the function's own file changes, and does not see that one it calls has changed.
    index = made._cache._cache_file  # noqa: SLF001
    index._source_stamp = (index._source_stamp, _SOURCES)  # noqa: SLF001
    return cast("F", made)


def compiled(function: F) -> F:
    """A function of the engine that is called."""
    return _cached(function, forceinline=False)


def inlined(function: F) -> F:
    """A function of the engine that is put in at each place where it is called: for what happens in every event."""
    return _cached(function, forceinline=True)


def in_python(function: F) -> F:
    """The function as it was written, for whoever does not want to wait for its compilation."""
    return cast("F", getattr(function, "py_func", function))


def _borrowed(_typing: Any, array: Any) -> Any:
    """The array without its owner and its length, for speed; the caller of the engine keeps the arrays alive.

    Without an owner numba counts no references to it, which was half of the engine's time. Without a length it need
    not look whether an index counts from the end (both ways are then the same), another 7 %: ``len`` of it is 0.
    """

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, value=arguments[0])
        nothing: Any = cgutils.get_null_value
        view.meminfo, view.shape = nothing(view.meminfo.type), nothing(view.shape.type)
        return view._getvalue()  # noqa: SLF001  (numba's way to return a proxy's value)

    return array(array), generate


borrowed = cast("Callable[[Any], Any]", intrinsic(_borrowed))
