"""The writer of event files."""

from __future__ import annotations

import functools
import importlib

from ..._core.conversion import host_value, to_numpy
from ..._core.tensor import Tensor
from .._pytree import tree_map_only

_MISSING = "SummaryWriter writes its files through the tensorboardX library: pip install tensorboardX"


def library():
    """The tensorboardX module. Raises ImportError if it is not installed."""
    try:
        return importlib.import_module("tensorboardX")
    except ImportError as error:
        raise ImportError(_MISSING) from error


def _host(value):
    """Tensors inside as numpy arrays."""
    return tree_map_only(Tensor, lambda t: to_numpy(host_value(t.detach())), value)


class SummaryWriter:
    """Writes scalars, images, histograms and text to event files for TensorBoard.

    The arguments and the ``add_*`` methods are those of ``tensorboardX.SummaryWriter``; tensors may be given where it takes
    arrays. Raises: ImportError if that library is not installed; NotImplementedError for ``add_graph``.
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        self._writer = library().SummaryWriter(
            logdir=log_dir, comment=comment, purge_step=purge_step, max_queue=max_queue, flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )  # fmt: skip

    @property
    def log_dir(self) -> str:
        """The folder of the event files."""
        return self._writer.logdir

    def get_logdir(self) -> str:
        """The folder of the event files."""
        return self.log_dir

    def add_graph(self, model, *_args, **_kwargs):
        """Not supported. Raises NotImplementedError."""
        raise NotImplementedError(
            f"add_graph({type(model).__name__}): programs are not traced into graphs; print the module instead"
        )

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._writer, name)
        if not callable(found):
            return found

        @functools.wraps(found)
        def call(*args, **kwargs):
            return found(*(_host(a) for a in args), **{k: _host(v) for k, v in kwargs.items()})

        return call

    def __enter__(self):
        return self

    def __exit__(self, *_exc) -> None:
        self._writer.close()
