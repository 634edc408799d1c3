"""Archives around hand-made pickles, and the comparison of a loaded tensor with torch's."""

import io

import torch

from flashlight.serialization import bridge
from flashlight.serialization.zip_writer import ZipWriter


def archive(data: bytes, storages: dict[str, bytes] | None = None, root: str = "archive") -> bytes:
    """A torch archive with the given pickle and storages."""
    sink = io.BytesIO()
    writer = ZipWriter(sink.write, root)
    writer.add("data.pkl", data)
    writer.add("byteorder", b"little")
    for key, raw in (storages or {}).items():
        writer.add(f"data/{key}", raw)
    writer.close()
    return sink.getvalue()


def text(value: str) -> bytes:
    """A string as protocol 2 writes it."""
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def same(ours, theirs: torch.Tensor) -> None:
    """Assert that a tensor here is torch's: type, dtype, layout, gradient flag and every bit."""
    assert type(ours).__name__ == type(theirs).__name__
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert tuple(ours.stride()) == tuple(theirs.stride())
    assert ours.storage_offset() == theirs.storage_offset()
    assert bridge.requires_grad(ours) == theirs.requires_grad
    expected = theirs.detach().resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    assert bridge.values_of(ours).tobytes() == expected
