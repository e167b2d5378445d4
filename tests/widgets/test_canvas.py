import pytest

from em_inverse.widgets.panel import Line, LinePanel

pytest.importorskip("anywidget")
from em_inverse.widgets.canvas import Canvas
from em_inverse.widgets.colours import TABLES


@pytest.fixture
def canvas():
    made = Canvas()
    yield made
    made.close()


def panel(height):
    return LinePanel("p", f"A line {height} high.", [Line([0, 1], [0, height])])


def test_a_frame_carries_panels_bytes_and_words(canvas):
    canvas.show([panel(1)], description="One line.", columns=2)
    assert canvas.frame["number"] == 1
    assert canvas.frame["panels"][0]["title"] == "A line 1 high."
    assert len(canvas.frame["data"]) == 16
    assert (canvas.frame["description"], canvas.frame["columns"]) == ("One line.", 2)


def test_the_page_says_drawn_before_the_next_frame_goes(canvas):
    for height in (1, 2, 3):
        canvas.show([panel(height)])
    assert canvas.frame["number"] == 1
    canvas._handle_custom_msg({"kind": "drawn", "number": 1}, [])
    assert canvas.frame["number"] == 2
    assert canvas.frame["panels"][0]["title"] == "A line 3 high."


def test_clicks_are_reported(canvas):
    picked = []
    canvas.on_pick(picked.append)
    message = {"panel": "p", "x": 0.5, "y": 0.1, "line": 0, "index": 1}
    canvas._handle_custom_msg({"kind": "pick", **message}, [])
    assert picked == [message]


def test_other_messages_are_ignored(canvas):
    canvas._handle_custom_msg({"kind": "gossip"}, [])
    canvas._handle_custom_msg("hello", [])
    assert canvas.frame["number"] == 0


def test_the_colour_tables_are_sent_once_and_whole(canvas):
    assert set(canvas.tables) == set(TABLES)
    assert all(len(colours) == 768 for colours in canvas.tables.values())


def test_script_and_style_are_at_hand(canvas):
    assert "export default { render }" in str(canvas._esm)
    assert ".em-canvas" in str(canvas._css)
    assert "http" not in str(canvas._esm)
