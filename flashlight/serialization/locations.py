"""``map_location``: which device label each storage of a checkpoint gets."""

from __future__ import annotations

from collections.abc import Callable

from .._core.device import device
from .storage import Storage

MapLocation = Callable[[Storage, str], Storage | None] | device | str | dict[str, str] | None


def as_text(value: str | bytes) -> str:
    """torch's internal names, which files of Python 2 hold as bytes."""
    return value.decode("ascii") if isinstance(value, bytes) else value


def _label(storage: Storage, location: str) -> Storage:
    try:
        return storage.to(device(location))
    except RuntimeError as error:
        raise RuntimeError(
            f"don't know how to restore data location of {storage.kind!r} (tagged with {location}): {error}"
        ) from None


def restorer(map_location: MapLocation) -> Callable[[Storage, str], Storage]:
    """A function that labels a storage, given the location its checkpoint names.

    Raises: TypeError for a ``map_location`` that is none of None, str, device, dict or callable.
    """
    if map_location is None:
        return _label
    if isinstance(map_location, dict):
        return lambda storage, location: _label(storage, str(map_location.get(location, location)))
    if isinstance(map_location, (str, bytes)):
        return lambda storage, _location: _label(storage, as_text(map_location))
    if isinstance(map_location, device):
        return lambda storage, _location: _label(storage, str(map_location))
    if not callable(map_location):
        raise TypeError(
            f"map_location must be None, a string, a device, a dict or a function, not {type(map_location).__name__}"
        )

    def restore(storage: Storage, location: str) -> Storage:
        _label(storage, "cpu")
        found = map_location(storage, location)
        if found is None:
            return _label(storage, location)
        if not isinstance(found, Storage):
            raise TypeError(f"map_location returned {type(found).__name__}, expected the storage it was given or None")
        return found

    return restore
