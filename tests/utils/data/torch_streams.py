"""The streams of ``streams``, as torch's iterable datasets."""

import torch

from .streams import Stream


class OurStream(Stream, torch.utils.data.IterableDataset):
    pass


class OurSizedStream(OurStream):
    def __len__(self):
        return self.reported
