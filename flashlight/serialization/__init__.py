"""Reading and writing checkpoints: torch's two formats, whole modules, and safetensors. torch itself is not needed."""

from .allowlist import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .checkpoint import (
    DEFAULT_PROTOCOL,
    get_crc32_options,
    get_unsafe_globals_in_checkpoint,
    load,
    save,
    set_crc32_options,
)
from .convert import convert
from .endianness import LoadEndianness, get_default_load_endianness, set_default_load_endianness
from .locations import MapLocation
from .safe import load_file, load_metadata, save_file, save_sharded
from .storage import Storage, StorageType

MAP_LOCATION = MapLocation

__all__ = [
    "DEFAULT_PROTOCOL",
    "MAP_LOCATION",
    "LoadEndianness",
    "Storage",
    "StorageType",
    "add_safe_globals",
    "clear_safe_globals",
    "convert",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "load_file",
    "load_metadata",
    "safe_globals",
    "save",
    "save_file",
    "save_sharded",
    "set_crc32_options",
    "set_default_load_endianness",
]
