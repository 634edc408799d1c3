"""Computes the Chebyshev coefficients in `flashlight/_core/numerics/fits.py`: ``python tools/fit_special.py``.

Each function is sampled at Chebyshev points with 50 digits (mpmath) on the interval its variable runs over, and its
series is cut where the coefficients fall below double precision.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import mpmath as mp

mp.mp.dps = 50
INDENT = {"initial_indent": "    ", "subsequent_indent": "    "}
TARGET = Path(__file__).resolve().parent.parent / "flashlight" / "_core" / "numerics" / "fits.py"
HEAD = '''"""Chebyshev coefficients of the special functions, lowest order first; written by `tools/fit_special.py`."""

from __future__ import annotations

# fmt: off
'''


def series(f, points: int = 64, precision: float = 3e-17) -> list[float]:
    """Chebyshev coefficients of ``f`` on [-1, 1]."""
    angles = [mp.pi * (k + mp.mpf(1) / 2) / points for k in range(points)]
    values = [f(mp.cos(a)) for a in angles]
    found = [2 * sum(v * mp.cos(j * a) for v, a in zip(values, angles, strict=True)) / points for j in range(points)]
    found[0] /= 2
    size = max(abs(c) for c in found)
    last = max(j for j, c in enumerate(found) if abs(c) > precision * size)
    return [float(c) for c in found[: last + 1]]


def between(low, high):
    """The map from [-1, 1] to an interval."""
    low, high = mp.mpf(low), mp.mpf(high)
    return lambda t: low + (high - low) * (t + 1) / 2


def erfcx(t):
    """(1 + 2 x) erfcx(x) for t = (x - 3.75) / (x + 3.75)."""
    x = mp.mpf("3.75") * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def erfinv_ratio(w):
    """erfinv(x) / x where w = -log(1 - x ** 2)."""
    if w < mp.mpf("1e-25"):
        return mp.sqrt(mp.pi) / 2
    with mp.workdps(50 + int(w)):
        rest = -mp.expm1(-w)
        x = mp.sqrt(rest)
        complement = mp.exp(-w) / (1 + x)
        guess = mp.sqrt(w) if w > 5 else mp.erfinv(x)
        z = mp.findroot(lambda z: mp.log(mp.erfc(z) / complement), guess)
        return z / x


def hankel(order: int, kind: str):
    """P or Q of the Bessel functions beyond 8, of t = 2 (8 / x) ** 2 - 1."""

    def f(t):
        z = mp.sqrt((t + 1) / 2)
        x = 8 / z
        chi = x - (2 * order + 1) * mp.pi / 4
        j, y = mp.besselj(order, x), mp.bessely(order, x)
        scale = mp.sqrt(mp.pi * x / 2)
        if kind == "p":
            return scale * (j * mp.cos(chi) + y * mp.sin(chi))
        return scale * (y * mp.cos(chi) - j * mp.sin(chi)) / z

    return f


def _phase(x):
    """The phase 2/3 x ** (3/2) of the Airy functions."""
    return 2 * mp.power(x, mp.mpf(3) / 2) / 3


def airy_positive(t):
    """2 sqrt(pi) x ** (1/4) exp(s) Ai(x) for x beyond 2; s = _phase(x) and s(2) / s = (t + 1) / 2."""
    s = _phase(2) * 2 / (t + 1)
    x = (s * 3 / 2) ** (mp.mpf(2) / 3)
    return 2 * mp.sqrt(mp.pi) * mp.root(x, 4) * mp.exp(s) * mp.airyai(x)


def airy_negative(kind: str):
    """The parts of sqrt(pi) x ** (1/4) Ai(-x) for x beyond 5 of (s(5) / s) ** 2 = (t + 1) / 2; Q over s(5) / s."""

    def f(t):
        ratio = mp.sqrt((t + 1) / 2)
        s = _phase(5) / ratio
        x = (s * 3 / 2) ** (mp.mpf(2) / 3)
        scale, turn = mp.sqrt(mp.pi) * mp.root(x, 4), s + mp.pi / 4
        a, b = mp.airyai(-x), mp.airybi(-x)
        if kind == "p":
            return scale * (a * mp.sin(turn) + b * mp.cos(turn))
        return scale * (b * mp.sin(turn) - a * mp.cos(turn)) / ratio

    return f


def on(interval, f):
    return lambda t: f(interval(t))


def of_square(edge: int, f):
    """A function of x on (0, edge] as one of t = 2 (x / edge) ** 2 - 1."""
    return lambda t: f(edge * mp.sqrt((t + 1) / 2))


FITS = {
    "ERFCX": erfcx,
    "ERFINV_CENTRE": on(between(0, "6.25"), erfinv_ratio),
    "ERFINV_MIDDLE": on(between("2.5", 4), lambda r: erfinv_ratio(r * r)),
    "ERFINV_TAIL": on(between(4, 8), lambda r: erfinv_ratio(r * r)),
    "ERFINV_END": on(between(8, 28), lambda r: erfinv_ratio(r * r)),
    "LGAMMA": on(between(2, 3), lambda x: mp.loggamma(x) / (x - 2)),
    "I0E_SMALL": on(between(0, 8), lambda x: mp.exp(-x) * mp.besseli(0, x)),
    "I0E_LARGE": on(between(0, "0.125"), lambda u: mp.besseli(0, 1 / u) * mp.exp(-1 / u) / mp.sqrt(u)),
    "I1E_SMALL": on(between(0, 8), lambda x: mp.exp(-x) * mp.besseli(1, x) / x),
    "I1E_LARGE": on(between(0, "0.125"), lambda u: mp.besseli(1, 1 / u) * mp.exp(-1 / u) / mp.sqrt(u)),
    "K0_SMALL": of_square(2, lambda x: mp.besselk(0, x) + mp.log(x / 2) * mp.besseli(0, x)),
    "K0_LARGE": on(between(0, "0.5"), lambda u: mp.besselk(0, 1 / u) * mp.exp(1 / u) / mp.sqrt(u)),
    "K1_SMALL": of_square(2, lambda x: x * mp.besselk(1, x) - x * mp.log(x / 2) * mp.besseli(1, x)),
    "K1_LARGE": on(between(0, "0.5"), lambda u: mp.besselk(1, 1 / u) * mp.exp(1 / u) / mp.sqrt(u)),
    "J0_SMALL": of_square(8, lambda x: mp.besselj(0, x)),
    "J1_SMALL": of_square(8, lambda x: mp.besselj(1, x) / x),
    "Y0_SMALL": of_square(8, lambda x: mp.bessely(0, x) - 2 / mp.pi * mp.log(x) * mp.besselj(0, x)),
    "Y1_SMALL": of_square(8, lambda x: (mp.bessely(1, x) - 2 / mp.pi * (mp.log(x) * mp.besselj(1, x) - 1 / x)) / x),
    **{f"{kind.upper()}{order}_LARGE": hankel(order, kind) for order in (0, 1) for kind in "pq"},
    "AIRY_POSITIVE": airy_positive,
    "AIRY_CENTRE": on(between(-5, 2), mp.airyai),
    "AIRY_NEGATIVE_P": airy_negative("p"),
    "AIRY_NEGATIVE_Q": airy_negative("q"),
}


def main() -> None:
    lines = [HEAD]
    for name, f in FITS.items():
        lines.append(f"{name} = (\n{textwrap.fill(', '.join(map(repr, series(f))), 116, **INDENT)},\n)\n")
    TARGET.write_text("".join(lines))


if __name__ == "__main__":
    main()
