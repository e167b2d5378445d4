import json

import numpy as np

from em_inverse.widgets.frame import pack
from em_inverse.widgets.panel import Axis, Band, ImagePanel, Line, LinePanel, Rule


def test_bytes_come_back_as_they_went_in():
    image = np.arange(15).reshape(3, 5)
    line = Line([0, 1, 2], [5.0, np.nan, 7.0], "a line", pick=True, picked=2)
    header, data = pack(
        [
            ImagePanel("picture", "A ramp.", image, unit="counts", pixel_size_nm=0.1),
            LinePanel("curve", "A curve.", [line], Axis("x (px)"), rules=[Rule(1.5, label="here")]),
        ]
    )
    picture, curve = header
    pixels = np.frombuffer(data, np.uint8, 15, picture["offset"]).reshape(3, 5)
    assert np.array_equal(pixels, ImagePanel("p", "p", image).pixels())
    described = curve["lines"][0]
    assert described["offset"] % 4 == 0
    points = np.frombuffer(data, "<f4", 6, described["offset"]).reshape(2, 3)
    assert np.array_equal(points, [line.x, line.y], equal_nan=True)
    assert described["pick"]
    assert described["picked"] == 2
    assert curve["rules"][0]["at"] == 1.5
    assert picture["window"] == ["0", "14"]
    assert picture["bar"]["label"].endswith("nm")
    assert len(data) == 16 + 24


def test_the_header_is_plain_text_and_numbers():
    header, _ = pack([LinePanel("a", "A.", [Line([1, 2], [3, 4])], Axis("x", "log"))])
    assert json.loads(json.dumps(header)) == header
    assert header[0]["x"]["log"]
    assert header[0]["x"]["ticks"]


def test_nothing_to_show():
    assert pack([]) == ([], b"")


def test_bands_travel_as_they_are_seen():
    panel = LinePanel(
        "a",
        "A.",
        [],
        Axis("x", limits=(0, 9)),
        bands=[Band(-np.inf, 3, label="b", colour="#009e73")],
    )
    (header,), data = pack([panel])
    assert header["bands"] == [
        {"low": 0, "high": 3, "axis": "x", "label": "b", "fill": "#bfe7dc"},
    ]
    assert json.loads(json.dumps(header)) == header
    assert data == b""
