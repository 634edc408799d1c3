"""torch.utils.data.datapipes: import lines work."""

from __future__ import annotations

from ...._core import absent

_NAMES = """
    IterDataPipe MapDataPipe Batcher Collator Concater Filter Mapper Sampler Shuffler ShufflerIterDataPipe Zipper
    IterableWrapper FileLister FileOpener
"""
absent.modules(
    "utils.data.datapipes",
    {
        "iter": _NAMES,
        "iter.combinatorics": "ShufflerIterDataPipe=utils.data.datapipes.iter:ShufflerIterDataPipe SamplerIterDataPipe",
        "map": "MapDataPipe=utils.data.datapipes.iter:MapDataPipe",
        "datapipe": "IterDataPipe=utils.data.datapipes.iter:IterDataPipe MapDataPipe=utils.data.datapipes.iter:MapDataPipe",
    },
    "use torch.utils.data.IterableDataset and DataLoader",
)
