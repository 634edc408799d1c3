"""torch.export: programs are not exported; import lines work."""

from __future__ import annotations

from .._core import absent

_ADVICE = "programs are not captured; save model.state_dict() with torch.save, and the class as Python code"
globals().update(
    absent.names(
        "export",
        "Dim ExportedProgram ShapesCollection export export_for_training load save register_dataclass draft_export",
        _ADVICE,
    )
)
absent.modules(
    "export",
    {"dynamic_shapes": "Dim=export:Dim", "exported_program": "ExportedProgram=export:ExportedProgram"},
    _ADVICE,
)
