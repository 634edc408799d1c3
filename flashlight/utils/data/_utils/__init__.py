"""What the loader is made of: fetching, collating and worker processes."""

from . import collate, fetch, worker
from .worker import POLL as MP_STATUS_CHECK_INTERVAL
from .worker import ExceptionWrapper

__all__ = ["MP_STATUS_CHECK_INTERVAL", "ExceptionWrapper", "collate", "fetch", "worker"]
