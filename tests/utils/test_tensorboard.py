"""SummaryWriter through the library it is made on, its files read back."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import flashlight
from flashlight.utils.tensorboard import SummaryWriter

pytest.importorskip("tensorboardX")
from tensorboardX.proto import event_pb2


def _events(folder) -> list:
    """The events of the files of a folder: records of a length, its checksum, the data and its checksum."""
    found = []
    for path in sorted(folder.glob("events.out.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack_from("<Q", data, at)
            found.append(event_pb2.Event.FromString(data[at + 12 : at + 12 + size]))
            at += size + 16
    return found


def _values(folder) -> dict:
    return {value.tag: (event.step, value) for event in _events(folder) for value in event.summary.value}


@pytest.fixture
def written(tmp_path):
    def write(fill) -> dict:
        with SummaryWriter(str(tmp_path)) as writer:
            fill(writer)
        return _values(tmp_path)

    return write


def test_scalars_take_tensors(written):
    found = written(lambda w: w.add_scalar("loss", flashlight.tensor(0.25, requires_grad=True), global_step=7))
    step, value = found["loss"]
    assert step == 7 and value.simple_value == 0.25


def test_histograms_count_the_values_of_a_tensor(written):
    x = flashlight.arange(10.0)
    _, value = written(lambda w: w.add_histogram("weights", x, 1))["weights"]
    assert value.histo.num == 10 and value.histo.sum == 45.0 and (value.histo.min, value.histo.max) == (0.0, 9.0)


def test_images_and_text(written):
    def fill(writer):
        writer.add_image("one", flashlight.rand(3, 4, 5), 0)
        writer.add_images("several", flashlight.rand(2, 3, 4, 5), 0)
        writer.add_text("note", "hello", 0)

    found = written(fill)
    one = found["one"][1].image
    assert (one.height, one.width) == (4, 5) and one.encoded_image_string[:4] == b"\x89PNG"
    assert found["several"][1].image.width == 10
    assert found["note/text_summary"][1].tensor.string_val == [b"hello"]


def test_embeddings_are_written_as_a_table(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_embedding(flashlight.arange(6.0).reshape(3, 2), metadata=["a", "b", "c"])
    (table,) = tmp_path.rglob("tensors.tsv")
    np.testing.assert_allclose(np.loadtxt(table), np.arange(6.0).reshape(3, 2))


def test_graphs_are_refused(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer, pytest.raises(NotImplementedError, match="print the module"):
        writer.add_graph(flashlight.nn.Linear(1, 1))
