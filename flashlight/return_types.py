"""The classes of named results."""

from ._core.return_types import *  # noqa: F403
