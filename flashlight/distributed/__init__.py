"""torch.distributed in a program of one process: it says that it is not available, as PyTorch built without it does.

Collectives raise what PyTorch raises before ``init_process_group``. The names of the submodules can be imported.
"""

from __future__ import annotations

import enum
import functools
import os

from .._core import absent
from ._names import MODULES

_ADVICE = "a flashlight program is one process on one device; leave the distributed set-up out"


class ReduceOp(enum.Enum):
    """How a collective combines values."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)


class Backend(str):
    """The name of a communication library."""

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl"


class GroupMember:
    """The default group, of which there is none."""

    WORLD = None
    NON_GROUP_MEMBER = -100


class group:
    """The default group, of which there is none."""

    WORLD = None


def is_available() -> bool:
    """False: there is no communication between processes."""
    return False


def is_initialized() -> bool:
    """False: no process group can be made."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether ``torchrun`` started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def _none_of_it() -> bool:
    """False: there is no communication between processes."""
    return False


is_nccl_available = is_gloo_available = is_mpi_available = is_ucc_available = is_xccl_available = _none_of_it


def is_backend_available(backend: str) -> bool:
    """False for every backend.

    Raises: TypeError for what is no name.
    """
    if not isinstance(backend, str):
        raise TypeError(f"backend must be a str, not {type(backend).__name__}")
    return False


def init_process_group(backend: str | None = None, *_args, **_kwargs):
    """Not supported. Raises RuntimeError."""
    raise RuntimeError(
        f"init_process_group({backend!r}) is not supported by flashlight: {_ADVICE} (guard it with is_available())"
    )


def destroy_process_group(group=None):
    """Raises AssertionError, as PyTorch does without a process group."""
    raise AssertionError("Process group cannot be None" if group is None else "Invalid process group specified")


def _uninitialized(name: str):
    def collective(*_args, **_kwargs):
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")

    collective.__name__ = collective.__qualname__ = name
    collective.__doc__ = "Raises ValueError, as PyTorch does before ``init_process_group``."
    return collective


_COLLECTIVES = """
    get_rank get_world_size get_backend barrier monitored_barrier all_reduce all_gather all_gather_into_tensor
    all_gather_object all_gather_coalesced all_reduce_coalesced all_to_all all_to_all_single broadcast
    broadcast_object_list gather gather_object reduce reduce_scatter reduce_scatter_tensor scatter scatter_object_list
    send recv isend irecv batch_isend_irecv send_object_list recv_object_list new_group new_subgroups get_process_group_ranks
    get_group_rank get_global_rank _all_gather_base _reduce_scatter_base get_default_backend_for_device split_group
"""
globals().update({name: _uninitialized(name) for name in _COLLECTIVES.split()})
globals().update(
    absent.names(
        "distributed",
        "ProcessGroup Work P2POp Store TCPStore FileStore HashStore PrefixStore DeviceMesh init_device_mesh "
        "ProcessGroupNCCL ProcessGroupGloo DistError DistBackendError DistNetworkError DistStoreError",
        _ADVICE,
    )
)
absent.modules("distributed", MODULES, _ADVICE)


def _require_initialized(func):
    """A function of remote procedure calls as one that says, when called, that they were not set up."""

    @functools.wraps(func)
    def refuse(*_args, **_kwargs):
        raise RuntimeError("RPC has not been initialized, and cannot be: a flashlight program is one process")

    return refuse


from .rpc import api as _api  # noqa: E402

_api._require_initialized = _require_initialized
