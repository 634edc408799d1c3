"""Fetching weights by address, and the folder they are kept in."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import zipfile
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from .serialization import load as _load

ENV_TORCH_HOME, ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR = "TORCH_HOME", "XDG_CACHE_HOME", "~/.cache"
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
READ_DATA_CHUNK = 128 * 1024
_hub_dir: str | None = None
_ADVICE = "repositories are not downloaded; clone the repository and use source='local'"


def _get_torch_home() -> str:
    """``$TORCH_HOME``, else ``torch`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    cache = os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR)
    return os.path.expanduser(os.getenv(ENV_TORCH_HOME, os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder of downloads: ``set_dir``'s, else ``hub`` in ``$TORCH_HOME``."""
    return _hub_dir if _hub_dir is not None else os.path.join(_get_torch_home(), "hub")


def set_dir(d) -> None:
    """Set the folder of downloads."""
    global _hub_dir
    _hub_dir = os.path.expanduser(d)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Fetch an address (http, https, file) into a file, which appears only when it is whole.

    Raises: RuntimeError if the address cannot be reached, or the SHA-256 does not begin with ``hash_prefix``.
    """
    try:
        response = urlopen(Request(url, headers={"User-Agent": "torch.hub"}))
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise RuntimeError(
            f"cannot fetch {url} ({reason}): check the network, or put the file at {dst} by hand"
        ) from error
    dst = os.path.expanduser(dst)
    length = response.headers.get("Content-Length")
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(dst) or ".", delete=False) as out:
        try:
            with response, _bar(progress, None if length is None else int(length)) as bar:
                while chunk := response.read(READ_DATA_CHUNK):
                    out.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
            out.close()
            found = digest.hexdigest()
            if hash_prefix is not None and not found.startswith(hash_prefix):
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
            shutil.move(out.name, dst)
        finally:
            if os.path.exists(out.name):
                os.remove(out.name)


def _bar(progress: bool, total):
    from tqdm import tqdm  # only downloads show a bar

    return tqdm(total=total, disable=not progress, unit="B", unit_scale=True, unit_divisor=1024)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location=None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict:
    """``torch.load`` of the file at an address, kept in ``model_dir`` (``checkpoints`` of ``get_dir()``) once it was fetched.

    Args:
        file_name: its name there, the address's last part by default. check_hash: the name holds the beginning of the SHA-256,
        as in ``resnet18-f37072fd.pth``.
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, file_name or os.path.basename(urlparse(url).path))
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        match = HASH_REGEX.search(os.path.basename(path)) if check_hash else None
        download_url_to_file(url, path, match[1] if match else None, progress)
    if zipfile.is_zipfile(path) and _is_plain_zip(path):
        return _load_zipped(path, folder, map_location, weights_only)
    return _load(path, map_location=map_location, weights_only=weights_only)


def _is_plain_zip(path: str) -> bool:
    """Whether an archive holds one file, as old releases packed theirs, instead of being a checkpoint itself."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return len(names) == 1 and "/" not in names[0]


def _load_zipped(path: str, folder: str, map_location, weights_only: bool):
    with zipfile.ZipFile(path) as archive:
        name = archive.namelist()[0]
        archive.extract(name, folder)
    return _load(os.path.join(folder, name), map_location=map_location, weights_only=weights_only)


def _hubconf(repo_or_dir: str, source: str):
    if source.lower() not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source.lower() != "local":
        raise NotImplementedError(f"torch.hub from {source!r} is not supported by flashlight: {_ADVICE}")
    path = os.path.join(os.path.expanduser(repo_or_dir), "hubconf.py")
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no {path}")
    sys.path.insert(0, os.path.dirname(path))
    try:
        spec = importlib.util.spec_from_file_location("hubconf", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(os.path.dirname(path))
    missing = [name for name in getattr(module, "dependencies", ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module, name: str):
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo="check",
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """``model(*args, **kwargs)`` of a folder's ``hubconf.py``, with ``source="local"``.

    As in PyTorch the flags are about downloads and have no effect with a local folder.
    Raises: NotImplementedError for a repository that would have to be downloaded; ValueError for an unknown source.
    """
    return _entry(_hubconf(repo_or_dir, source), model)(*args, **kwargs)


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """The names of the entry points of a local folder's ``hubconf.py``; the flags are about downloads."""
    module = _hubconf(github, "local" if os.path.isdir(github) else "github")
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """The docstring of an entry point of a local folder's ``hubconf.py``; the flags are about downloads."""
    return _entry(_hubconf(github, "local" if os.path.isdir(github) else "github"), model).__doc__
