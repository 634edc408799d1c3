"""Limited-memory BFGS, with a line search that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import contextlib

import mlx.core as mx

from .._core import device as devices
from .._core.modes import enable_grad, no_grad
from .._core.tensor import Tensor, read, wrap
from .optimizer import Optimizer, ParamsT, assign, number

__all__ = ["LBFGS"]


# ---------------------------------------------------------------------------------------------------------- line search
def _cubic_minimum(x1, f1, g1, x2, f2, g2, bounds=None) -> float:
    """Where the cubic through two points with given slopes is least, within ``bounds``; their middle if it has no minimum."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    if x1 > x2:
        x1, g1, x2, g2 = x2, g2, x1, g1
    d2 = square**0.5
    bend = g2 - g1 + 2 * d2
    return min(max(x2 - (x2 - x1) * ((g2 + d2 - d1) / bend), low), high) if bend else (low + high) / 2.0


class _Point:
    """A step size and what the objective is there: value, gradient, slope along the direction."""

    __slots__ = ("f", "g", "slope", "t")

    def __init__(self, t, f, g, slope):
        self.t, self.f, self.g, self.slope = t, f, g, slope


class _Wolfe:
    """The search along one direction. Source: Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6."""

    c1, c2 = 1e-4, 0.9

    def __init__(self, evaluate, start: _Point, d_norm: float, tolerance_change: float, most: int):
        self.evaluate, self.start, self.d_norm, self.tolerance, self.most = (
            evaluate,
            start,
            d_norm,
            tolerance_change,
            most,
        )
        self.evaluations = self.rounds = 0

    def at(self, t: float) -> _Point:
        self.evaluations += 1
        return _Point(t, *self.evaluate(t))

    def too_high(self, point: _Point) -> bool:
        return point.f > self.start.f + self.c1 * point.t * self.start.slope

    def flat(self, point: _Point) -> bool:
        return abs(point.slope) <= -self.c2 * self.start.slope

    def bracket(self, t: float) -> list[_Point]:
        """Two points between which a good one lies, or one that is good."""
        before, point = self.start, self.at(t)
        while self.rounds < self.most:
            if self.too_high(point) or (self.rounds > 1 and point.f >= before.f):
                return [before, point]
            if self.flat(point):
                return [point]
            if point.slope >= 0:
                return [before, point]
            bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10)
            t = _cubic_minimum(before.t, before.f, before.slope, point.t, point.f, point.slope, bounds)
            before, point = point, self.at(t)
            self.rounds += 1
        return [self.start, point]

    def run(self, t: float) -> _Point:
        """The point found from the first step size ``t``."""
        ends = self.bracket(t)
        return ends[0] if len(ends) == 1 else self.zoom(ends)

    def zoom(self, ends: list[_Point]) -> _Point:
        """Narrow a bracket until a point is good; its better end if none is found."""
        low = 0 if ends[0].f <= ends[1].f else 1
        stuck = False
        while self.rounds < self.most and abs(ends[1].t - ends[0].t) * self.d_norm >= self.tolerance:
            left, right = sorted(end.t for end in ends)
            t = _cubic_minimum(ends[0].t, ends[0].f, ends[0].slope, ends[1].t, ends[1].f, ends[1].slope)
            margin = 0.1 * (right - left)
            close = min(right - t, t - left) < margin
            # close to an end: moved away from it the second time, or if it lies outside
            if close and (stuck or t >= right or t <= left):
                t, close = right - margin if abs(t - right) < abs(t - left) else left + margin, False
            stuck = close
            point = self.at(t)
            self.rounds += 1
            if self.too_high(point) or point.f >= ends[low].f:
                ends[1 - low] = point
                low = 0 if ends[0].f <= ends[1].f else 1
                continue
            if self.flat(point):
                return point
            if point.slope * (ends[1 - low].t - ends[low].t) >= 0:
                ends[1 - low] = ends[low]
            ends[low] = point
        return ends[low]


# ------------------------------------------------------------------------------------------------------------ optimizer
def _dot(a, b):
    return mx.sum(a * b)


def _largest(a) -> float:
    return mx.max(mx.abs(a)).item()


class LBFGS(Optimizer):
    """A quasi-Newton method that keeps the last ``history_size`` changes of parameters and gradients in place of the Hessian.

    ``step`` needs a closure that clears the gradients, computes the loss, calls ``backward`` and returns the loss.

    Args:
        max_iter, max_eval: at most so many iterations and evaluations a step.
        line_search_fn: None (step by ``lr``) or "strong_wolfe".

    Raises: ValueError for more than one parameter group.
    Source: Nocedal, Updating Quasi-Newton Matrices with Limited Storage, 1980.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not number(lr) >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = {"lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                    "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
                    "line_search_fn": line_search_fn}  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    # ------------------------------------------------------------------------------------- parameters as one flat vector
    def _flat_grad(self) -> mx.array:
        parts = [mx.zeros_like(read(p)) if p._grad is None else read(p._grad) for p in self._params]
        return mx.concatenate([_real(a) for a in parts])

    def _moved(self, start: list, d: mx.array, t: float) -> list:
        """The parameters ``start`` moved by ``t`` along ``d``."""
        moved, at = [], 0
        for a in start:
            flat = _real(a)
            new = flat + (d[at : at + flat.size] * t).astype(flat.dtype)
            moved.append((mx.view(new, mx.complex64) if a.dtype == mx.complex64 else new).reshape(a.shape))
            at += flat.size
        return moved

    def _set(self, arrays: list) -> None:
        for p, a in zip(self._params, arrays, strict=True):
            assign(p, a)

    # ---------------------------------------------------------------------------------------------------------- stepping
    def step(self, closure):
        """Run up to ``max_iter`` iterations. Returns the loss before the first."""
        if len(self.param_groups) != 1:
            raise AssertionError(f"Expected exactly one param_group, but got {len(self.param_groups)}")
        line_search = self.param_groups[0]["line_search_fn"]
        wide = any(p._a.dtype == mx.float64 for p in self._params)
        with no_grad(), devices.cpu_stream() if wide else contextlib.nullcontext():
            state = self.state[self._params[0]]
            state.setdefault("func_evals", 0)
            state.setdefault("n_iter", 0)
            first = enable_grad()(closure)()
            state["func_evals"] += 1
            gradient = self._flat_grad()
            if _largest(gradient) <= self.param_groups[0]["tolerance_grad"]:
                return first
            if line_search not in (None, "strong_wolfe"):
                raise RuntimeError("only 'strong_wolfe' is supported")
            self._iterate(enable_grad()(closure), state, float(first), gradient)
        return first

    def _iterate(self, closure, state: dict, loss: float, gradient: mx.array) -> None:
        group = self.param_groups[0]
        lr, small, most = number(group["lr"]), group["tolerance_change"], group["max_eval"]
        evaluations, rounds = 1, 0
        memory = _Memory(state, group["history_size"], self._params[0]._device)
        while rounds < group["max_iter"]:
            rounds += 1
            state["n_iter"] += 1
            fresh = state["n_iter"] == 1
            d = memory.direction(gradient, fresh)
            memory.previous, before = gradient, loss
            t = min(1.0, 1.0 / mx.sum(mx.abs(gradient)).item()) * lr if fresh else lr
            memory.t, memory.loss = t, before
            slope = _dot(gradient, d).item()
            if slope > -small:
                break
            start = [read(p) for p in self._params]
            used = 0
            if group["line_search_fn"] is not None:
                search = _Wolfe(
                    self._evaluator(closure, start, d),
                    _Point(0.0, loss, gradient, slope),
                    _largest(d),
                    small,
                    most - evaluations,
                )
                found = search.run(t)
                loss, gradient, t, used = found.f, found.g, found.t, search.evaluations
                memory.t = t
                self._set(self._moved(start, d, t))
            else:
                self._set(self._moved(start, d, t))
                if rounds != group["max_iter"]:
                    loss, used = float(closure()), 1
                    gradient = self._flat_grad()
            evaluations += used
            state["func_evals"] += used
            if rounds == group["max_iter"] or evaluations >= most or _largest(gradient) <= group["tolerance_grad"]:
                break
            if _largest(d * t) <= small or abs(loss - before) < small:
                break
        memory.store(state)

    def _evaluator(self, closure, start: list, d: mx.array):
        """The objective along ``d``: value, gradient and slope; the parameters are put back."""

        def evaluate(t: float) -> tuple:
            self._set(self._moved(start, d, t))
            loss = float(closure())
            gradient = self._flat_grad()
            self._set(start)
            return loss, gradient, _dot(gradient, d).item()

        return evaluate


def _real(a: mx.array) -> mx.array:
    """An array as a flat vector of reals."""
    flat = a.reshape(-1)
    return mx.view(mx.contiguous(flat), mx.float32) if a.dtype == mx.complex64 else flat


class _Memory:
    """The pairs of changes that stand for the inverse Hessian, and the direction they give; state names are torch's."""

    def __init__(self, state: dict, size: int, device):
        self.size, self.device = size, device
        self.d, self.previous = (None if state.get(n) is None else read(state[n]) for n in ("d", "prev_flat_grad"))
        self.t, self.loss = number(state.get("t")), state.get("prev_loss")
        self.dirs, self.steps, self.ro = ([read(t) for t in state.get(n) or ()] for n in ("old_dirs", "old_stps", "ro"))
        scale = state.get("H_diag", 1)
        self.scale = read(scale) if isinstance(scale, Tensor) else scale
        self.al = state.get("al")

    def direction(self, gradient: mx.array, fresh: bool) -> mx.array:
        """Minus the inverse Hessian times the gradient, by the two-loop recursion."""
        if fresh:
            self.dirs, self.steps, self.ro, self.scale = [], [], [], 1
            self.d = -gradient
            return self.d
        self._remember(gradient)
        al = [None] * len(self.dirs)
        q = -gradient
        for i in reversed(range(len(self.dirs))):
            al[i] = _dot(self.steps[i], q) * self.ro[i]
            q = q - self.dirs[i] * al[i]
        q = q * self.scale
        for i, y in enumerate(self.dirs):
            q = q + self.steps[i] * (al[i] - _dot(y, q) * self.ro[i])
        # evaluated now: the recursion of the next iteration would otherwise be built upon this one
        mx.eval(q)
        self.al = [wrap(a, self.device) for a in al] + [None] * (self.size - len(al))
        self.d = q
        return q

    def _remember(self, gradient: mx.array) -> None:
        y, s = gradient - self.previous, self.d * self.t
        ys = _dot(y, s)
        if ys.item() > 1e-10:
            if len(self.dirs) == self.size:
                for kept in (self.dirs, self.steps, self.ro):
                    kept.pop(0)
            self.dirs.append(y)
            self.steps.append(s)
            self.ro.append(1.0 / ys)
            self.scale = ys / _dot(y, y)

    def store(self, state: dict) -> None:
        """Put everything into the optimizer's state, under torch's names."""
        label = self.device
        if self.al is not None:
            state["al"] = self.al
        state["d"], state["t"] = wrap(self.d, label), self.t
        for name, arrays in (("old_dirs", self.dirs), ("old_stps", self.steps), ("ro", self.ro)):
            state[name] = [wrap(a, label) for a in arrays]
        state["H_diag"] = wrap(self.scale, label) if isinstance(self.scale, mx.array) else self.scale
        state["prev_flat_grad"], state["prev_loss"] = wrap(self.previous, label), self.loss
