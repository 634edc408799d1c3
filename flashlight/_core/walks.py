"""Sequential sampling without a loop over elements: every start an element might have is tried at once.

How many uniforms an element takes depends on their values, and the next element goes on where it stopped. So for a
window of the stream a table says, for every place an element may start from, where it would end; the true starts are
found by composing these maps in pairs, and pairs of pairs. Elements with equal parameters share one map over the
whole window. Others get a map each, over a band of places around the expected one; if the true start leaves the band,
the block ends there and the next one begins.

A *place* is a number that says what the generator holds in store for an element: ``states * position + state``, the
position counted in float64 uniforms from where the window begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from flashlight._core.generator import Generator

OUT = 1 << 60  # the end of an element that the window does not reach to
_LOOK_AHEAD = 1 << 13  # uniforms read at a time, at least
_CHUNK = 1 << 12  # elements whose parameters are prepared at a time
_ALIKE = 1024  # elements of equal parameters drawn at a time
_BLOCK = 160  # elements that get maps of their own at a time, if the places they take have variance 1
_SIGMAS = 1.3  # half the width of a band
_CLASSES = 8  # distinct parameters up to which maps over the whole window are cheaper than bands


class Stream:
    """A generator's float64 uniforms ahead of time; on exit the generator stands behind the last one taken."""

    def __init__(self, generator: Generator, expected: int):
        self.generator = generator
        self._least = min(expected, _LOOK_AHEAD)
        self._ahead = np.empty(0)
        self._taken = self._first = 0  # how many uniforms were taken for good, and which one ``_ahead`` begins with
        self._marks = []

    def __enter__(self) -> Stream:
        self.generator.lock.acquire()
        return self

    def __exit__(self, *_exc) -> None:
        if self._marks and self._taken < self._first + self._ahead.size:
            at, mark = self._reachable()[0]
            self.generator.rewind(mark)
            self.generator.words(2 * (self._taken - at))
        self.generator.lock.release()

    def peek(self, n: int) -> np.ndarray:
        """The next ``n`` uniforms, which stay where they are."""
        begin = self._taken - self._first
        if self._ahead.size - begin < n:
            self._ahead, self._first = self._ahead[begin:], self._taken
            self._marks = self._reachable()
            self._marks.append((self._first + self._ahead.size, self.generator.mark()))
            fresh = self.generator.doubles(max(n - self._ahead.size, self._least))
            self._ahead, begin = np.concatenate([self._ahead, fresh]), 0
        return self._ahead[begin : begin + n]

    def _reachable(self) -> list:
        """The marks from the last one that lies behind us on."""
        return self._marks[max(sum(at <= self._taken for at, _ in self._marks) - 1, 0) :]

    def take(self, n: int) -> None:
        """Go on behind the next ``n`` uniforms."""
        self._taken += n


class Sampler:
    """How elements with given parameters are drawn, one row each; rows are drawn in any order and number.

    ``groups`` holds (rows as booleans, method, parameters (k, rows)): ``method(window, place, parameters (k, n, 1))``
    returns values and ends for places (n, m). Rows in no group take nothing and have the value ``fixed``.
    """

    states = 1
    tabulated = True  # whether a few rows are better drawn at all places than each in its own lanes
    drift: float | None = None  # variance per element of where rows start, seen from any of them

    def __init__(self, fixed: np.ndarray):
        self.fixed = fixed
        self.groups: list[tuple[np.ndarray, Callable, np.ndarray]] = []
        self.cost, self.spread = np.zeros(fixed.size), np.zeros(fixed.size)  # mean and variance of places taken
        self.step = 2  # places between those that can be reached

    def add(self, rows: np.ndarray, method: Callable, parameters: Sequence[np.ndarray], step: int = 1) -> None:
        """Let a method draw these rows, which take multiples of ``step`` places."""
        self.groups.append((rows, method, np.stack(parameters)))
        self.step = min(self.step, step)

    def expect(self, rows: np.ndarray, cost: np.ndarray, spread: np.ndarray) -> None:
        """Say how many places these rows take: roughly, it only decides how far to look."""
        for kept, told in ((self.cost, cost), (self.spread, spread)):
            kept[rows] = np.nan_to_num(np.broadcast_to(told, rows.shape)[rows], nan=4.0).clip(0, 64)

    def look(self, stream: Stream, n: int):
        """What rounds read: the next ``n`` uniforms."""
        return stream.peek(n)

    def place(self, stream: Stream) -> int:
        """Where the next element starts, seen from the next uniform."""
        return 0

    def leave(self, stream: Stream, window, place: int) -> None:
        """Go on from a place of the window."""
        stream.take(place)

    def draw(self, window, place: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and ends of elements that start from the places (n, m): every line of them with a row's parameters."""
        value, end = np.broadcast_to(self.fixed[rows, None], place.shape).copy(), place.copy()
        for members, method, parameters in self.groups:
            lines = members[rows]
            if lines.all():
                return method(window, place, parameters[:, rows, None])
            if lines.any():
                value[lines], end[lines] = method(window, place[lines], parameters[:, rows[lines], None])
        return value, end

    def places(self, window, lanes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The places that lanes (n, m) stand for: those that successive elements of these rows can start from."""
        return lanes * self.step

    def lanes(self, window, ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The lanes of the following elements that start where these end; OUT for a place that has none."""
        return ends // self.step

    def forecast(self, window, start: int, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """About the lanes where elements of these rows start, and the last one ends; and how wrong that may be.

        Rows that accept the same attempts but for a few are told from one of them.
        """
        costs = self.cost[rows]
        centre = start + np.concatenate([[0.0], np.cumsum(costs)])
        if self.drift is None:
            return centre / self.step, math.sqrt(self.spread[rows].sum()) / self.step
        typical = rows[[np.argmin(np.abs(costs - costs.mean()))]]
        starts = _chain(_link(self, window, typical)[0], start // self.step, rows.size)
        known = starts <= self.states * len(window) // self.step
        return np.where(known, starts, centre / self.step), math.sqrt(self.drift * rows.size) / self.step

    def finish(self, window, place: np.ndarray, rows: np.ndarray, value: np.ndarray) -> np.ndarray:
        """The values of elements whose true places (n) are known; ``rows`` has one entry if they all share it."""
        return value


def pick(parameters: np.ndarray, lanes: tuple[np.ndarray, ...]) -> np.ndarray:
    """Parameters (k, n, 1) or (k, n) at the lanes that ``np.nonzero`` found; one row stands for all lanes."""
    parameters = parameters[..., 0] if parameters.ndim == 3 else parameters
    return parameters if parameters.shape[1] == 1 else parameters[:, lanes[0]]


def settle(round_: Callable, window, at: np.ndarray, parameters: np.ndarray, state=(), needs: int = 1):
    """Values and ends of elements standing at the uniforms ``at`` (n, m), in rounds of attempts until all are done.

    ``round_(window, at, parameters, state)`` makes an attempt, which may read ``needs`` uniforms, for many elements at
    once. It returns which are done, their values, where all stand then, and the state of the others.
    """
    value, end = np.zeros(at.shape), np.full(at.shape, OUT)
    flat_value, flat_end, lanes = value.ravel(), end.ravel(), None
    last = len(window) - needs
    while True:
        beyond = at > last
        some = beyond.any()
        if some:
            at = np.where(beyond, 0, at)
        if last < 0:
            return value, end
        done, drawn, at, state = round_(window, at, parameters, state)
        if some:
            at = np.where(beyond, OUT, at)
            done |= beyond
        if lanes is None:
            flat_value[:], flat_end[:] = drawn.ravel(), at.ravel()
        else:
            flat_value[lanes], flat_end[lanes] = drawn, at
        more = np.nonzero(~done)
        if not more[0].size:
            return value, end
        lanes = more[0] * at.shape[1] + more[1] if lanes is None else lanes[more]
        at, parameters = at[more], pick(parameters, more)
        state = tuple(part[more] for part in state)


def by_pairs(attempt: Callable, uniforms: np.ndarray, place: np.ndarray, parameters: np.ndarray):
    """Values and ends for lines of neighbouring places, where every attempt takes two uniforms, whether accepted or not.

    ``attempt(uniforms, at, parameters)`` returns which are accepted and their values. The attempts after a rejection
    stand further on in the line: what the line does not reach to is left out.
    """
    inside = place < uniforms.size - 1
    done, drawn = attempt(uniforms, np.where(inside, place, 0), parameters)
    columns = place.shape[1]
    stride = 1 if columns < 2 else 2 // int(place[0, 1] - place[0, 0])
    accepted = np.where(done & inside, np.arange(columns), columns)
    for first in range(stride):
        line = accepted[:, first::stride][:, ::-1]
        np.minimum.accumulate(line, axis=1, out=line)
    which = np.minimum(accepted, columns - 1) + columns * np.arange(len(place))[:, None]
    return drawn.ravel()[which], np.where(accepted < columns, place.ravel()[which] + 2, OUT)


# ------------------------------------------------------------------------------------------------------- finding starts
def walk(stream: Stream, make: Callable[..., Sampler], parameters: Sequence[np.ndarray], out: np.ndarray) -> None:
    """Draw an element for every entry of the flat parameter arrays, with the samplers that ``make(*arrays)`` builds."""
    with np.errstate(all="ignore"):
        for first in range(0, out.size, _CHUNK):
            part = [array[first : first + _CHUNK] for array in parameters]
            into = out[first : first + _CHUNK]
            classes = _classes(part)
            if classes is None:
                _walk_blocks(stream, make(*part), np.arange(into.size), into, _evaluated)
            elif classes[0].size == 1:
                _walk_alike(stream, make(*(array[classes[0]] for array in part)), into)
            else:
                sampler = make(*(array[classes[0]] for array in part))
                _walk_blocks(stream, sampler, classes[1], into, _tabulated if sampler.tabulated else _evaluated)


def _classes(parameters: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Elements that stand for all with their parameters, and which one stands for which; None if there are many."""
    if all((array == array[0]).all() for array in parameters):
        return np.zeros(1, np.intp), np.zeros(parameters[0].size, np.intp)
    keys = parameters[0] if len(parameters) == 1 else parameters[0] + 1j * parameters[1]
    if keys.size < 4 * _CLASSES or np.unique(keys[: 4 * _CLASSES]).size > _CLASSES:
        return None
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return None if first.size > _CLASSES else (first, which)


def _walk_alike(stream: Stream, sampler: Sampler, out: np.ndarray) -> None:
    """Elements of equal parameters: one map, applied 1, 2, 4, ... times."""
    done, slack, only = 0, 16, np.zeros(1, np.intp)
    while done < out.size:
        n = min(out.size - done, _ALIKE)
        reach = n * sampler.cost[0] + 4 * math.sqrt(n * sampler.spread[0]) + slack
        window = sampler.look(stream, math.ceil(reach / sampler.states))
        start, step = sampler.place(stream), sampler.step
        link, value = _link(sampler, window, only)
        starts = _chain(link, start // step, n)
        count = np.count_nonzero(starts[1:] < value.size)
        starts = starts[: count + 1]
        out[done : done + count] = sampler.finish(window, step * starts[:-1], only, value[starts[:-1]])
        sampler.leave(stream, window, int(step * starts[-1]))
        done, slack = done + count, slack if count else 2 * slack


def _link(sampler: Sampler, window, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The map of one row over a whole window, in steps, and its values; what leaves the window stays behind it."""
    place = np.arange(0, sampler.states * (len(window) + 1), sampler.step)
    (value,), (end,) = sampler.draw(window, place[None], row)
    return np.append(np.minimum(end // sampler.step, place.size), place.size), value


def _chain(link: np.ndarray, start: int, n: int) -> np.ndarray:
    """``start`` and what follows it when ``link`` is applied up to ``n`` times."""
    jumps = [link]
    while 1 << len(jumps) <= n:
        jumps.append(jumps[-1][jumps[-1]])
    starts = np.array([start])
    for jump in reversed(jumps):
        starts = np.stack([starts, jump[starts]], axis=1).ravel()
    return starts[: n + 1]


def _walk_blocks(stream: Stream, sampler: Sampler, rows: np.ndarray, out: np.ndarray, draw: Callable) -> None:
    """Elements of different parameters: a map for each, between bands of places."""
    done, slack = 0, 3
    # long blocks have wide bands, short ones are many
    scatter = sampler.spread[rows].mean() if sampler.drift is None else sampler.drift
    size = int(np.clip(_BLOCK / np.cbrt(scatter / max(sampler.states, sampler.step) ** 2), 64, 3 * _BLOCK))
    while done < out.size:
        block = rows[done : done + size]
        reach = sampler.cost[block].sum() + 4 * math.sqrt(sampler.spread[block].sum()) + 4 * slack * sampler.step
        window = sampler.look(stream, math.ceil(reach / sampler.states))
        start = sampler.place(stream)
        centre, deviation = sampler.forecast(window, start, block)
        half, start = _SIGMAS * deviation + slack, start // sampler.step
        begins, width = np.maximum((centre - half).astype(np.intp), start), math.ceil(2 * half) + 1
        places = sampler.places(window, begins[:-1, None] + np.arange(width), block)
        value, end = draw(sampler, window, places, block)
        starts = _follow(sampler.lanes(window, end, block) - begins[1:, None], start - begins[0])
        count = np.count_nonzero(starts[1:] < width)
        if count < block.size and end[count, starts[count]] < OUT:
            count += 1  # it leaves the band, to a place that is known
        true = np.arange(count), starts[:count]
        out[done : done + count] = sampler.finish(window, places[true], block[:count], value[true])
        if count:
            sampler.leave(stream, window, int(end[true][-1]))
        done, slack = done + count, slack if count else 2 * slack


def _evaluated(sampler: Sampler, window, places: np.ndarray, rows: np.ndarray):
    """Values and ends at the places of the bands."""
    return sampler.draw(window, places, rows)


def _tabulated(sampler: Sampler, window, places: np.ndarray, rows: np.ndarray):
    """Values and ends at the places of the bands, looked up in tables of all places for each row of the sampler."""
    place = np.arange(0, int(places[:, -1].max()) + 1, sampler.step)
    kinds = np.arange(sampler.fixed.size)
    value, end = sampler.draw(window, np.broadcast_to(place, (kinds.size, place.size)), kinds)
    at = rows[:, None] * place.size + places // sampler.step
    return value.ravel()[at], end.ravel()[at]


def _follow(ends: np.ndarray, start: int) -> np.ndarray:
    """Follow maps between neighbouring rows: ``start``, ``ends[0, start]``, ... up to behind the last row.

    What leaves the band stays in an extra column.
    """
    rows, width = ends.shape
    links = np.full((rows, width + 1), width)
    np.copyto(links[:, :-1], ends, where=(ends >= 0) & (ends < width))
    return _compose(links, start)


def _compose(links: np.ndarray, start: int) -> np.ndarray:
    n, pairs, width = len(links), len(links) // 2, links.shape[1]
    if n == 1:
        return np.array([start, links[0, start]])
    even, odd = links[: 2 * pairs : 2], links[1::2]
    starts = np.empty(n + 1, np.intp)
    both = odd.ravel().take(even + np.arange(pairs)[:, None] * width)
    starts[: 2 * pairs + 1 : 2] = _compose(both, start)
    starts[1 : 2 * pairs : 2] = even[np.arange(pairs), starts[: 2 * pairs : 2]]
    if n > 2 * pairs:
        starts[n] = links[-1, starts[-2]]
    return starts
