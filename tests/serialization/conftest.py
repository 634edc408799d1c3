"""Files as torch writes them."""

import io

import pytest
import torch


@pytest.fixture
def buffer_of():
    """The bytes torch.save writes for an object, as a file."""

    def make(obj, **options) -> io.BytesIO:
        sink = io.BytesIO()
        torch.save(obj, sink, **options)
        sink.seek(0)
        return sink

    return make
