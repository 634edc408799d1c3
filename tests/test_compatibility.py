"""The compatibility page says what is true."""

from __future__ import annotations

import importlib.util
import pathlib

TOOL = pathlib.Path(__file__).parent.parent / "tools" / "make_compatibility.py"


def test_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_compatibility", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PAGE.read_text() == tool.page(), "run python tools/make_compatibility.py"
