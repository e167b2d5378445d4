"""Any sequence of mishaps: each whole projection arrives exactly once, and never half of one."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from em_inverse.dynamic import watch
from em_inverse.dynamic.arrival import fingerprint


class FolderOfMishaps(RuleBasedStateMachine):
    """A model of what lies in the folder: for every name its content, and whether all of it."""

    @initialize(existing=st.booleans(), restart=st.booleans())
    def begin(self, existing, restart):
        self.folder = Path(tempfile.mkdtemp())
        self.now, self.time, self.named = 0.0, 1_700_000_000, 0
        self.files, self.contents, self.got = {}, [], []
        self.restart = restart
        if existing:
            self.write_whole(None)
        self.watcher = self.watch()

    def watch(self, already=None):
        return watch(
            self.folder,
            already=already,
            clock=lambda: self.now,
            events="polling",
            give_up_s=5.0,
            angles=lambda path: float(path.stem),
        )

    def new_name(self):
        self.named += 1
        return f"{self.named}.npy"

    def some(self, pick, whole=None):
        names = [n for n, (_, done) in self.files.items() if whole is None or done == whole]
        return names[pick % len(names)] if names and pick is not None else None

    def put(self, name, content, share):
        image = np.random.default_rng(content).random((3, 4)).astype(np.float32)
        np.save(self.folder / "hidden.tmp.npy", image)
        raw = (self.folder / "hidden.tmp.npy").read_bytes()
        (self.folder / name).write_bytes(raw[: int(share * len(raw))])
        self.stamp(name)
        self.files[name] = content, share == 1

    def stamp(self, name):
        self.time += 1
        os.utime(self.folder / name, (self.time, self.time))

    def new_content(self):
        self.contents.append(len(self.contents))
        return self.contents[-1]

    @rule(pick=st.none() | st.integers(0, 9), share=st.sampled_from([0, 0.1, 0.9, 0.999]))
    def write_part(self, pick, share):
        self.put(self.some(pick) or self.new_name(), self.new_content(), share)

    @rule(pick=st.none() | st.integers(0, 9))
    def write_whole(self, pick):
        self.put(self.some(pick) or self.new_name(), self.new_content(), 1)

    @rule(pick=st.integers(0, 9))
    def finish(self, pick):
        name = self.some(pick, whole=False)
        if name:
            self.put(name, self.files[name][0], 1)

    @rule(pick=st.integers(0, 9))
    def rename(self, pick):
        name, new = self.some(pick), self.new_name()
        if name:
            (self.folder / name).rename(self.folder / new)
            self.files[new] = self.files.pop(name)

    @rule(pick=st.integers(0, 9))
    def delete(self, pick):
        name = self.some(pick)
        if name:
            (self.folder / name).unlink()
            del self.files[name]

    @rule(pick=st.integers(0, 9))
    def duplicate(self, pick):
        name, new = self.some(pick), self.new_name()
        if name:
            shutil.copyfile(self.folder / name, self.folder / new)
            self.stamp(new)
            self.files[new] = self.files[name]

    @rule(pick=st.integers(0, 9))
    def touch(self, pick):
        name = self.some(pick)
        if name:
            self.stamp(name)

    @rule(seconds=st.sampled_from([0.3, 0.7, 2.0, 6.0]))
    def look(self, seconds):
        self.now += seconds
        self.got += [one.digest for one in self.watcher.poll()]

    @rule()
    def start_anew(self):
        if self.restart:
            self.watcher.close()
            self.watcher = self.watch(self.watcher.seen())

    @invariant()
    def only_whole_ones_and_each_once(self):
        whole = {self.digest(content) for content in getattr(self, "contents", [])}
        got = getattr(self, "got", [])
        assert set(got) <= whole
        assert len(got) == len(set(got))

    def digest(self, content):
        return fingerprint(np.random.default_rng(content).random((3, 4)).astype(np.float32).T)

    def teardown(self):
        if hasattr(self, "watcher"):
            for _ in range(4):
                self.look(11.0)
            whole = {self.digest(content) for content, done in self.files.values() if done}
            assert whole <= set(self.got)
            halves = {self.folder / name for name, (_, done) in self.files.items() if not done}
            assert set(self.watcher.pending) == halves
            shutil.rmtree(self.folder)


TestFolderOfMishaps = FolderOfMishaps.TestCase
TestFolderOfMishaps.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
