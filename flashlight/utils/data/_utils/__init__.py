"""What the loader is made of: collating and worker processes."""

from . import collate, worker

__all__ = ["collate", "worker"]
