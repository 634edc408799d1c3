"""The spellings of the ``ncps`` package: layers here, wirings in ``wirings``."""

from . import wirings

__all__ = ["wirings"]
