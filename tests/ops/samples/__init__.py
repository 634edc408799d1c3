"""Sample inputs of every operator, a family a module. Adding an operator's line here is what tests it."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil


@dataclasses.dataclass
class Sample:
    """One call: ``name`` is where torch has it (``add``, ``linalg.inv``, ``nn.functional.relu``, ``Tensor.view``)."""

    name: str
    args: tuple
    kwargs: dict
    options: dict  # grad, second, atol, rtol, grad_atol, grad_rtol, inplace (compare name_ as well), out (compare out= as well)

    @property
    def id(self) -> str:
        return self.name


@dataclasses.dataclass
class Refused:
    """A call both libraries refuse with the same exception type."""

    name: str
    args: tuple
    kwargs: dict


SAMPLES: list[Sample] = []
REFUSED: list[Refused] = []


def S(name: str, *args, options: dict | None = None, **kwargs) -> None:
    """Register a sample call."""
    SAMPLES.append(Sample(name, args, kwargs, options or {}))


def R(name: str, *args, **kwargs) -> None:
    """Register a call that must be refused."""
    REFUSED.append(Refused(name, args, kwargs))


for _family in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_family}")
