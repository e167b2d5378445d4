"""Numbers of the course are reckoned by code that has tests of its own.

Tracing which lines of it run would double the time that its loops take and tell nothing new.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.no_cover)
