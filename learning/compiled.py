"""Compilation of the counting loops to machine code, cached beside the source, and threads to run them in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

THREADS = 2
"""Threads that count at once; a third gains little, since memory sets the pace."""

WORTH_A_THREAD = 200_000
"""Steps from which a second thread pays (count); fewer are counted before it has started."""

Ints = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")


def compiled(function: Function) -> Function:
    """Compile a function of numbers and arrays when it is first called; it runs without Python's lock.

    The cache of a loop looks at the loop's own file only: after a change of a function that loops of other
    files call, delete `learning/__pycache__`.

    Threads come from outside, as plain Python threads: numba's own parallel loops end the process when two
    threads of a server enter them at once.
    """
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # no folder for the cache can be written: compiled anew in each process
        return cast(Function, numba.njit(nogil=True)(function))


def in_threads(work: Callable[[int, int], Result], offsets: Ints) -> list[Result]:
    """Call `work` on neighbouring spans of sessions of about as many steps each; results come in order."""
    steps = int(offsets[-1])
    parts = THREADS if steps >= WORTH_A_THREAD else 1
    cuts = np.searchsorted(offsets, np.linspace(0, steps, parts + 1)[1:-1]).tolist()
    borders = [0, *cuts, len(offsets) - 1]
    spans = list(pairwise(borders))
    if parts == 1:
        return [work(*spans[0])]
    with ThreadPoolExecutor(parts) as pool:
        return list(pool.map(lambda span: work(*span), spans))
