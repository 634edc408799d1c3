"""torch.package: import lines work."""

from __future__ import annotations

from ._core import absent

globals().update(
    absent.names(
        "package",
        "PackageExporter PackageImporter Importer OrderedImporter Directory EmptyMatchError PackagingError",
        "save the weights with torch.save and ship the code as a Python package",
    )
)
