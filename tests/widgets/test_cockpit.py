import json
import threading
import time

import numpy as np
import pytest

from em_inverse import simulate
from em_inverse.dynamic import DynamicReconstruction, Session
from em_inverse.errors import DataError, ParameterError
from em_inverse.widgets import Cockpit, ImagePanel, LinePanel, presentation, runs
from em_inverse.widgets.cockpit_panels import alarm_list, twist_words
from em_inverse.widgets.cockpit_settings import CONTROLS, MORE
from em_inverse.widgets.cockpit_source import FAULTS, Paced, recording
from em_inverse.widgets.raster import draw_panels

SIZE = 32
BLANK, BLURRED = 55.0, -53.0


@pytest.fixture(autouse=True)
def _no_page_to_wait_for(monkeypatch):
    monkeypatch.setenv("EM_INVERSE_CANVAS", "picture")


@pytest.fixture
def cockpit():
    made = Cockpit(size=SIZE)
    yield made
    made.close()


def until(condition, timeout=60.0):
    """Poll, with a limit that only a broken program reaches."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


def panel(cockpit, name):
    return next(one for one in cockpit.view.panels if one.name == name)


def test_it_opens_with_a_third_of_the_data_twice_the_same():
    shown = []
    for _ in range(2):
        cockpit = Cockpit(size=SIZE)
        moment = cockpit.result
        shown.append((cockpit.view.headline, cockpit.view.note, cockpit.description))
        assert (moment.n_received, moment.n_tilts, moment.n_expected) == (25, 24, 76)
        assert moment.status == "paused"
        assert not cockpit.running
        assert not any(one.name.startswith("em_inverse") for one in threading.enumerate())
        volume = moment.x
        cockpit.close()
    assert shown[0] == shown[1]
    assert simulate.chirality(volume) == moment.twist_deg
    assert "right-handed" in shown[0][0]
    assert "24 of 76 projections" in shown[0][0]


def test_at_full_size_the_faults_so_far_are_told_in_words():
    cockpit = Cockpit()
    alarms = {alarm.angle_deg: alarm for alarm in cockpit.result.alarms}
    assert alarms[BLANK].kind == "blank"
    assert alarms[BLANK].fate == "not used"
    assert alarms[BLURRED].kind == "residual"
    assert len(alarms) == 2
    assert cockpit.view.headline.endswith("2 alarms")
    assert "‖Ax − b‖ 1.00 ε" in cockpit.view.headline
    words = alarm_list(cockpit.result)
    assert words.index("blank") < words.index("residual"), "the newest comes first"
    assert "▲" in words, "an alarm is not told by its colour alone"
    assert "Retake it" in words
    assert "Retake it" not in alarm_list(cockpit.result, short=True)
    odd = panel(cockpit, "residuals").lines[1]
    assert odd.x.tolist() == [BLURRED]
    assert odd.marker != panel(cockpit, "residuals").lines[0].marker
    assert "−53° contradicts" in panel(cockpit, "residuals").title
    cockpit.close()


def test_the_other_particle_is_its_mirror_image():
    cockpit = Cockpit(size=SIZE, source="bowtie_b")
    assert cockpit.result.twist_deg < -90
    assert "left-handed" in cockpit.view.headline
    cockpit.close()


def test_what_is_seen_is_what_the_engine_holds(cockpit):
    moment, live = cockpit.result, cockpit.observation.live
    np.testing.assert_array_equal(moment.x, live.run.x)
    assert list(moment.tilts_deg) == sorted(live.run.angles_deg)
    after = live.run.series.select(np.argsort(live.run.angles_deg)).projections[:, :, moment.y]
    np.testing.assert_array_equal(moment.after, after)
    assert moment.ratio == live.run.history["data_distance"][-1] / live.run.radius
    sigma = live.run.noise_norm / np.sqrt(live.run.n_tilts)
    assert moment.residuals[BLURRED] == pytest.approx(live.run.residuals()[BLURRED] / sigma)
    # The alignment is to be seen: a row's centre of mass wanders before and not after.
    before, after = (_wander(rows) for rows in (moment.before, moment.after))
    assert before > 2 * after


def _wander(rows):
    x = np.arange(rows.shape[1])
    at = (rows * x).sum(1) / rows.sum(1)
    return np.abs(np.diff(at)).mean()


def test_six_panels_and_a_figure_without_a_kernel(cockpit):
    kinds = [type(one) for one in cockpit.view.panels]
    assert kinds == [ImagePanel, ImagePanel, ImagePanel, ImagePanel, LinePanel, LinePanel]
    assert draw_panels(cockpit.view.panels, width=700).size[0] == 700
    figure = cockpit.snapshot()
    titles = [ax.get_title(loc="left") for ax in figure.axes[:6]]
    assert "From the side: maximum along x" in titles
    assert len(cockpit.description.split()) > 15


def test_large_type_shows_a_hall_two_panels_and_fewer_words(cockpit):
    cockpit.set_text_scale(2)
    assert [one.name for one in cockpit._in_sight()] == ["prepared", "residuals"]
    assert cockpit.volume.scale == 2
    assert "24 of 76 ·" in cockpit._headline.value
    cockpit.set_text_scale(1)
    assert len(cockpit._in_sight()) == 6
    assert "24 of 76 projections" in cockpit._headline.value
    assert presentation.text_scale() == 1


def test_projections_arrive_and_pause_stands_still(cockpit):
    cockpit.set(pace=0.2)
    cockpit.start()
    until(lambda: cockpit.result.n_tilts >= 27)
    assert cockpit._go.description == "Pause"
    cockpit._go.click()
    assert cockpit.observation.status == "paused"
    run = cockpit.observation.live.run
    run.snapshot()
    now = (run.iteration, run.n_tilts)
    time.sleep(0.3)
    assert (run.iteration, run.n_tilts) == now
    assert cockpit.result.status == "paused"
    cockpit._go.click()
    until(lambda: run.n_tilts > now[1])


def test_stop_ends_the_recording_and_iterates_to_the_end(cockpit):
    cockpit.set(pace=10**0.8)
    cockpit.start()
    cockpit.stop()
    until(lambda: cockpit.result.status == "finished" and cockpit._go.disabled)
    assert cockpit.result.n_received <= 26
    assert cockpit._end.disabled
    until(lambda: runs.get(cockpit._display_name) is None)


def test_a_whole_series_to_its_end():
    cockpit = Cockpit(size=SIZE, pace=10**-1.2)
    cockpit.start()
    until(lambda: cockpit.result.status == "finished")
    received = cockpit.observation.live.received
    assert len(received) == 76
    alarmed = {alarm.angle_deg for alarm in cockpit.result.alarms}
    order = simulate.tilt_order("golden", -75, 75, 2)
    assert {order[k] for k, fault in FAULTS.items() if fault == "blank"} <= alarmed
    assert cockpit.error is None
    cockpit.close()


def test_leaving_out_takes_a_tilt_away(cockpit):
    run = cockpit.observation.live.run
    cockpit.leave_out(BLURRED)
    assert BLURRED not in run.angles_deg
    assert cockpit.result.n_tilts == 23
    assert BLURRED not in cockpit.result.residuals
    assert "left out: At -53°" in alarm_list(cockpit.result)
    cockpit.leave_out(BLANK)
    fates = {alarm.angle_deg: alarm.fate for alarm in cockpit.result.alarms}
    assert fates[BLANK] == "left out"
    for alarm in cockpit.result.open_alarms:
        cockpit.leave_out(alarm.angle_deg)
    assert not cockpit.result.open_alarms
    assert cockpit._out.disabled
    with pytest.raises(Exception, match="1"):
        cockpit.leave_out(1.5)


def test_a_look_that_is_done_late_does_not_replace_a_newer_one(cockpit, monkeypatch):
    look, looked, go_on = cockpit.observation.look, threading.Event(), threading.Event()

    def slow(*arguments, **options):
        seen = look(*arguments, **options)
        if threading.current_thread() is thread:
            looked.set()
            go_on.wait(20)
        return seen

    monkeypatch.setattr(cockpit.observation, "look", slow)
    thread = threading.Thread(target=cockpit.refresh, daemon=True)
    thread.start()
    assert looked.wait(20)
    cockpit.leave_out(BLURRED)
    go_on.set()
    thread.join(20)
    assert not thread.is_alive()
    assert cockpit.result.n_tilts == 23
    assert BLURRED not in [angle for _, angle in cockpit._tilt.options]


def test_a_retake_comes_next_and_is_good(cockpit):
    cockpit.retake(BLANK)
    cockpit.set(pace=10**0.8)
    cockpit.start()
    until(lambda: cockpit.observation.live.received[-1].angle_deg == BLANK)
    cockpit.pause()
    assert BLANK in cockpit.observation.live.run.angles_deg
    fates = {alarm.angle_deg: alarm.fate for alarm in cockpit.result.alarms}
    assert fates[BLANK] == "retaken"
    assert "retaken" in alarm_list(cockpit.result)


def test_the_end_is_not_too_late_for_a_retake():
    cockpit = Cockpit(size=SIZE, pace=10**-1.2)
    cockpit.stop()
    until(lambda: cockpit.result.status == "finished")
    cockpit.retake(BLANK)
    cockpit.start()
    until(lambda: BLANK in cockpit.observation.live.run.angles_deg)
    until(lambda: cockpit.result.status == "finished")
    cockpit.close()


def test_restart_begins_with_nothing(cockpit):
    first = cockpit.observation
    cockpit.restart()
    assert cockpit.observation is not first
    until(lambda: 0 < cockpit.result.n_received < 20)
    cockpit.pause()
    cockpit._reset.click()
    assert cockpit.wait()
    assert (cockpit.result.n_tilts, cockpit.result.status) == (24, "paused")


def test_another_object_opens_in_a_thread_of_its_own(cockpit):
    cockpit.set(source="cube", order="sequential")
    assert cockpit.wait()
    assert cockpit.error is None
    assert "nanocube" in cockpit.description
    assert cockpit.result.twist_deg is None
    assert cockpit.result.tilts_deg.max() < 0, "sequential order has not come that far"


def test_epsilon_is_found_until_a_hand_moves_it(cockpit):
    run = cockpit.observation.live.run
    assert cockpit.parameters["auto"]
    assert cockpit._inputs["epsilon"].value == pytest.approx(run.epsilon, rel=0.05)
    cockpit._inputs["epsilon"].value = 10**0.8
    assert not cockpit.parameters["auto"]
    assert not cockpit._inputs["auto"].value
    assert run.epsilon == pytest.approx(10**0.8)
    assert not cockpit.observation.live.finds_epsilon
    assert f"{10**0.8:.2g} × noise" in panel(cockpit, "distance").rules[0].label


def test_the_slice_follows_its_slider_at_once(cockpit):
    cockpit.set(y=70)
    assert cockpit.result.y == int(0.7 * SIZE)
    np.testing.assert_array_equal(
        panel(cockpit, "slice").image, cockpit.result.x[:, :, cockpit.result.y]
    )


@pytest.mark.parametrize("control", [*CONTROLS, *MORE], ids=lambda control: control.name)
def test_every_extreme_can_be_shown(control):
    shown = Cockpit(size=16)
    for value in control.ends:
        if value in ("given", "folder"):
            continue
        shown.set(**{control.name: value})
        assert shown.wait()
        assert shown.error is None
        assert draw_panels(shown.view.panels, width=400).size[0] == 400
    shown.close()


def test_a_folder_is_followed_while_it_fills(tmp_path):
    cube = simulate.Microscope(simulate.twisted_bowtie(32), [-40, 0, 40], dose=300)
    cockpit = Cockpit(tmp_path)
    assert cockpit.result.status == "waiting"
    assert "Nothing has arrived yet" in cockpit.description
    assert draw_panels(cockpit.view.panels, width=400).size[0] == 400
    cockpit.start()
    simulate.write(cube, tmp_path, format="npy")
    until(lambda: cockpit.result.n_tilts == 3)
    assert cockpit.result.x.shape == (16, 16, 16)
    assert "3 projections" in cockpit.view.headline
    assert cockpit._re.disabled, "nobody here can press the shutter again"
    cockpit.save_session(tmp_path / "folder.json")
    cockpit.close()
    again = Cockpit.load_session(tmp_path / "folder.json")
    np.testing.assert_array_equal(again.result.tilts_deg, [-40, 0, 40])
    again.close()
    for path in tmp_path.glob("*.npy"):
        path.unlink()
    with pytest.raises(DataError, match="not there any more"):
        Cockpit.load_session(tmp_path / "folder.json")


def test_what_was_given_is_replayed():
    cockpit = Cockpit(simulate.Replay("nist-needle-small", order="golden"))
    assert cockpit.result.n_expected == 77
    assert cockpit.result.twist_deg is None
    with pytest.raises(ParameterError, match=r"run\.save"):
        cockpit.save_session("nowhere.json")
    with pytest.raises(ParameterError, match="Leave the projection out"):
        cockpit.retake(0.0)
    cockpit.close()


def test_a_session_comes_back_with_result_and_views(cockpit, tmp_path):
    cockpit.set(pace=0.2, y=60)
    cockpit.start()
    until(lambda: cockpit.result.n_received >= 34)
    cockpit.leave_out(BLURRED)
    cockpit.retake(BLANK)
    until(lambda: BLANK in [one.angle_deg for one in cockpit.observation.live.received[26:]])
    cockpit.pause()
    cockpit.volume.set_view({"mode": "mip", "camera": {"azimuth_deg": 70}})
    cockpit.refresh()
    before, n = cockpit.result, cockpit.result.n_received
    path = tmp_path / "session.json"
    cockpit.save_session(path)
    assert path.stat().st_size < 60_000
    again = Cockpit.load_session(path, name="again")
    np.testing.assert_allclose(again.result.x, before.x, atol=1e-4 * before.x.max())
    assert again.result.iteration == before.iteration
    assert again.result.n_tilts == before.n_tilts
    assert again.result.y == before.y
    assert again.volume.get_view()["camera"]["azimuth_deg"] == 70
    assert again.volume.get_view()["mode"] == "mip"
    kinds = [(alarm.angle_deg, alarm.fate) for alarm in again.result.alarms]
    assert (BLANK, "retaken") in kinds
    # It goes on with the projection that comes next, not with the first.
    again.start()
    until(lambda: again.result.n_received > n)
    order = simulate.tilt_order("golden", -75, 75, 2)
    assert again.observation.live.received[n].angle_deg == order[n - 1]
    again.close()


def test_where_the_session_was_saved_stays_on_the_page(cockpit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cockpit.set(pace=0.2)
    cockpit.start()
    cockpit._keep.click()
    assert (tmp_path / "cockpit-session.json").exists()
    n = cockpit.result.n_tilts
    until(lambda: cockpit.result.n_tilts > n)
    assert "saved as cockpit-session.json" in cockpit._alarms.value
    assert "em-alarms" in cockpit._alarms.value
    cockpit._go.click()
    assert "saved" not in cockpit._alarms.value


def test_what_a_button_cannot_do_is_said_while_pictures_go_on():
    cockpit = Cockpit(simulate.Replay("nist-needle-small", order="golden"), pace=0.2)
    cockpit.start()
    cockpit._keep.click()
    n = cockpit.result.n_tilts
    until(lambda: cockpit.result.n_tilts > n)
    assert 'role="alert"' in cockpit._alarms.value
    assert "run.save(path)" in cockpit._alarms.value
    assert cockpit.error is None
    cockpit.set(pace=0.3)
    assert cockpit.result.n_tilts > n, "a slider that only steers begins anew"
    cockpit.close()


def test_other_sessions_are_refused(tmp_path):
    run = DynamicReconstruction((8, 8), 1.0)
    run.add(0.0, np.ones(8))
    Session.of(run).save(tmp_path / "plain.json")
    with pytest.raises(ParameterError, match="no session of a cockpit"):
        Cockpit.load_session(tmp_path / "plain.json")


def test_a_session_of_other_data_is_refused(cockpit, tmp_path):
    path = tmp_path / "session.json"
    cockpit.save_session(path)
    content = json.loads(path.read_text())
    content["views"]["parameters"]["dose"] = 1000.0
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="not the one of the session"):
        Cockpit.load_session(path)
    assert runs.names() == []


def test_errors_of_the_threads_are_shown():
    def broken():
        yield 0.0, np.eye(16)
        raise OSError("the camera is gone")

    cockpit = Cockpit(broken())
    cockpit.start()
    until(lambda: cockpit.error is not None)
    assert "the camera is gone" in cockpit._error_box.value
    assert cockpit._error_box.layout.display == ""
    cockpit.close()


def test_wrong_sources_are_refused_in_words():
    with pytest.raises(ParameterError, match=r"Pass one: widgets\.Cockpit"):
        Cockpit("given")
    with pytest.raises(ParameterError, match="method"):
        Cockpit(size=SIZE, method="magic")
    cockpit = Cockpit(size=SIZE)
    cockpit.set(source="folder")
    assert cockpit.wait()
    assert "no folder is named" in cockpit._error_box.value
    cockpit.close()


def test_the_sentence_has_no_number_that_a_machine_might_change(cockpit):
    assert "." not in "".join(part for part in cockpit._sentence if part in "0123456789")
    assert cockpit._repr_mimebundle_()["text/plain"] == cockpit._sentence
    assert "24 of 76" not in cockpit._sentence


def test_a_second_one_closes_the_first_and_nothing_is_left():
    first = Cockpit(size=SIZE, name="one")
    first.start()
    second = Cockpit(size=SIZE, name="one")
    assert first._closed
    second.close()
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("em_inverse")])
    assert runs.names() == []


def test_pace_pause_and_end_of_a_source():
    microscope = recording({**_settings(), "source": "cube"}, 16).source
    paced = Paced(microscope)
    assert next(paced).index == 0
    paced.pause()
    came = []
    thread = threading.Thread(target=lambda: came.append(next(paced)), daemon=True)
    thread.start()
    thread.join(0.1)
    assert not came
    paced.resume()
    thread.join(20)
    assert came[0].index == 1
    paced.set_pace(1000.0)
    thread = threading.Thread(target=lambda: came.append(next(paced, None)), daemon=True)
    thread.start()
    paced.set_pace(0.0)
    thread.join(20)
    assert came[1].index == 2
    paced.close()
    assert next(paced, None) is None


def _settings():
    return {control.name: control.opening for control in (*CONTROLS, *MORE)}


def test_twists_are_told_as_hands():
    assert twist_words(-62.0) == "left-handed, 60° of twist"
    assert twist_words(0.0) == "no twist to be seen"
