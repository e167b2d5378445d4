"""The account of what was handed out."""

import json

from hypothesis import given
from hypothesis import strategies as st

from em_inverse.dynamic.ledger import Ledger

KEYS = st.tuples(st.sampled_from("abc"), st.integers(0, 2))
COMMITS = st.lists(st.tuples(KEYS, st.integers(0, 6), st.sampled_from([None, -2.0, 0.0, 2.0])))


@given(COMMITS)
def test_the_account_survives_json_whatever_happened(commits):
    ledger = Ledger()
    for key, content, angle in commits:
        ledger.commit(key, f"digest {content}", angle)
    account = json.loads(json.dumps(ledger.as_dict()))
    again = Ledger.from_already(account, None)
    assert again.frames == ledger.frames
    assert again.as_dict() == ledger.as_dict()
    for angle in (-2.0, 0.0, 2.0):
        assert again.at(angle) == ledger.at(angle)


@given(COMMITS)
def test_who_takes_back_what_is_withdrawn_holds_what_counts(commits):
    ledger, held = Ledger(), {}
    for key, content, angle in commits:
        if angle is None:
            continue
        withdrawn = ledger.commit(key, f"{content}", angle)
        if withdrawn is not None:
            assert withdrawn != angle
            del held[withdrawn]
        held[angle] = key
    assert held == {angle: ledger.at(angle) for angle in held}
    assert all(ledger.get(key).angle_deg == angle for angle, key in held.items())


def test_arrivals_and_pairs_go_by_the_name_inside_the_folder(bench):
    bench.save("deep/a_+1deg.npy", bench.image(1))
    (arrival,) = bench.polls(bench.watch(recursive=True))
    pairs = [(arrival.path, arrival.digest)]
    for already in ([arrival], pairs, [("deep/a_+1deg.npy", arrival.digest)]):
        ledger = Ledger.from_already(already, bench.folder)
        assert list(ledger.frames) == ["deep/a_+1deg.npy"]
    elsewhere = Ledger.from_already(pairs, bench.folder / "other")
    assert list(elsewhere.frames) == ["a_+1deg.npy"]
