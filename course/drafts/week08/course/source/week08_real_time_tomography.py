# %% [markdown]
# # Week 8: Tomography at the microscope
#
# You will watch a volume form while its projections arrive, tell the hand of a twisted particle from a third of the data, catch bad images as they come, and stop in time.
#
# **After this hour you can**
#
# - say when a file in a folder may be trusted, and prepare a projection: offset, film, hot pixels, centre of mass;
# - see misalignment in the sinogram, in the residual and in the slice, and tell a shifted, a blurred and a blank projection apart;
# - read a volume while it forms, and say from which projection on the reading can be believed;
# - stop a series early for a reason, and keep a session so that it can be made again.
#
# **Time:** 70 minutes. **You need:** the missing wedge and the needle (week 5), iterations and TV (week 6), a reconstruction to which projections are added while it runs, and its tolerance ε (week 7).
#
# The story follows a paper on *real-time tomography* (Schwartz and others, 2022, the program tomviz), which recorded a twisted bow-tie particle of cadmium and cystine. Our particle is **simulated**, so that the truth is known; the last example, a needle, is real. The microscope is the
# function `microscope` below: 48 tilts from −69° to 72° in steps of 3°, pixels of 5 nm, 20 electrons counted per pixel on average, a drift of about 0.4 px per image, a film under the particle, a detector offset, and two hot pixels in a thousand. The detector's pixels average over
# a specimen that is twice as fine. Each step asks you to *predict* before you *run*.

# %% tags=["setup"]
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from em_inverse import datasets, dynamic, forward, metrics, report, simulate, tomography, widgets
from em_inverse.checks import week08 as ex
from em_inverse.plotting import week08 as figures

particles = {hand: np.pad(simulate.twisted_bowtie(80, handedness=hand), 8)
             for hand in ("right", "left")}


def microscope(hand="right", order="golden", seed=0, particle=None, **settings):
    """Return a simulated microscope; iterating over it records the tilt series."""
    tilts = simulate.tilt_order(order, -69, 72, 3)
    usual = {"dose": 20, "drift_px": 0.4, "background": 0.1, "hot_pixels": 0.002, "offset": 0.05}
    particle = particles[hand] if particle is None else particle
    return simulate.Microscope(particle, tilts, pixel_size_nm=5.0, seed=seed, **{**usual, **settings})


# %% [markdown]
# ## 1. Two hands, one shadow
#
# The particle exists right-handed and left-handed, as mirror images: two fans of ribbons, turned against each other by a twist about the long axis. Which hand it is decides how it absorbs circularly polarised light.
#
# > **Predict.** You record a single image, upright, at 0°. Can it tell the hand? Can a single image at 45°?

# %%
shown = {hand: {angle: shot.clean for angle in (0.0, 45.0)
                for shot in [simulate.Microscope(particles[hand], [angle]).shot(0)]}
         for hand in particles}
figures.shadows(shown)
for angle in (0.0, 45.0):
    right, left = (shown[hand][angle] for hand in ("right", "left"))
    print(f"{angle:2.0f}°: the images differ by {np.linalg.norm(right - left) / np.linalg.norm(right):.0%}")
truth = simulate.chirality(microscope().truth)
print(f"twist read from the true volumes: {truth:+.0f}° and "
      f"{simulate.chirality(microscope('left').truth):+.0f}°")

# %% [markdown]
# **Why.** A projection adds up along the beam, and the sum does not know what lay above and what below. The left-handed particle *is* the right-handed one upside down along the beam, so at 0° they cast the same shadow. At 45° the shadows differ, but without
# the other particle beside it you would not know which one you have: any single image fits both hands of some particle. The hand is a property of the volume.
#
# `simulate.chirality` reads it: it cuts the volume across its long axis, finds the broad direction of each section, and adds up how far it turns from end to end. Positive is right-handed.
#
# ## 2. A folder that fills
#
# The reconstruction does not talk to the microscope. It looks into the folder into which any acquisition program writes, as the paper's program does. `simulate.write` plays the acquisition program, `dynamic.watch` looks.
#
# > **Predict.** Three files are there, and a fourth is half written: its size has not changed between two looks, because the network pauses. How many projections will the watcher hand out?

# %%
with tempfile.TemporaryDirectory() as folder:
    files = simulate.write(microscope(order="sequential"), folder)
    whole = files[3].read_bytes()
    for file in files[3:]:
        file.unlink()
    files[3].write_bytes(whole[: len(whole) // 2])
    with dynamic.watch(folder, settle_s=0, events="polling") as watcher:
        found = [[a.angle_deg for a in watcher.poll()] for _ in range(3)]
        print("three looks find", found, "and log:", [n.kind for n in watcher.log])
        files[3].write_bytes(whole)
    arrived = {a.name: a.angle_deg for a in dynamic.watch(folder, n=4, settle_s=0, events="polling")}
print("complete:", len(arrived), "projections,", list(arrived)[-1], "at", arrived[list(arrived)[-1]])

# %% [markdown]
# **Why.** The first look only notes sizes. At the second, three files have rested *and* can be decoded to their end; the fourth has rested, too, but its header promises more pixels than there are: it is logged as incomplete and tried again. Each condition alone fails: a network pauses in
# the middle of a file, and a stack can be decoded while images are still being added. Taken too early, half a projection is black: a false edge in every slice.
#
# ### Exercise 1: may I take it? (about 5 minutes)

# %% tags=["exercise"]
def first_complete(sizes, readable):
    """Return the first look k at which the file may be taken."""
    ### BEGIN SOLUTION
    for k in range(1, len(sizes)):
        if sizes[k] == sizes[k - 1] and readable[k]:
            return k
    ### END SOLUTION


ex.first_complete.check(first_complete)  # stuck? ex.first_complete.hint()

# %% [markdown]
# ## 3. What the detector delivers is not a projection
#
# A projection of the particle is zero where there is no particle. The file is not: the detector adds an offset, the film scatters (more, the more it is tilted: $1/\cos\theta$), single pixels are far too bright. `dynamic.Preparation` takes all of it away, image by image, because it cannot wait for the series.
#
# > **Predict.** A hot pixel carries some three times the brightest value of the particle. What would it become in the volume, if it stayed?

# %%
series = microscope(order="sequential").series()
prep = dynamic.Preparation()
one = prep.prepare(series.angles_deg[0], series.projections[0])
figures.prepared(series.projections[0], one.image)
for note in one.notes[:2]:
    print("-", note)
level = [np.median(p[:4]) for p in series.projections]
print(f"level beside the particle: {level[23]:.1f} at 0°, {level[-1]:.1f} at 72°; "
      f"brightest line through the particle {microscope().brightness:.1f}")

# %% [markdown]
# **Why.** Each hot pixel is smeared along its ray through the whole slice, a bright line across everything; one of the two in a thousand always sits at the same place, and draws an arc. The level beside the particle more than doubles with the tilt. Left in, it would be reconstructed as a slab, and it spoils
# the next step.
#
# **The centre of mass.** A point at $(x, z)$ falls on the detector at $s = x\cos\theta + z\sin\theta$ (week 5), and so does the mean over all points:
#
# $$ s_\text{cm}(\theta) = x_\text{cm}\cos\theta + z_\text{cm}\sin\theta . $$
#
# If every projection is moved until its centre of mass lies in the middle, $s_\text{cm} = 0$ at every tilt, then drift and stage errors are gone, the tilt axis is in the middle of the detector, and the object sits on it.
#
# ### Exercise 2: move it to the middle (about 8 minutes)

# %% tags=["exercise"]
def centre_shift(image, vacuum):
    """Return by how many pixels along x the image[x, y] must be moved."""
    ### BEGIN SOLUTION
    mass = (image - vacuum).sum(axis=1)
    x = np.arange(len(mass))
    return (len(mass) - 1) / 2 - np.sum(x * mass) / np.sum(mass)
    ### END SOLUTION


ex.centre_shift.check(centre_shift)

# %% [markdown]
# Now a particle that sits 4 px off the axis, on a stage that does *not* drift.
#
# > **Predict.** The stage stands still. Does the centre of mass? What happens to it if you forget the background, and what if the detector is so small that the particle leaves it at some tilts?

# %%
centre_shift = ex.centre_shift.use(centre_shift)
away = np.roll(particles["right"], (8, -6), axis=(0, 1))  # fine voxels: 4 px in z, −3 px in x
still = microscope(order="sequential", particle=away, drift_px=0, hot_pixels=0, ramp=0)
theta = np.deg2rad(still.angles_deg)
images = still.series().projections
levels = [np.median(image[[0, -1]]) for image in images]
measured = {"background removed": [-centre_shift(i, v) for i, v in zip(images, levels)],
            "background left in": [-centre_shift(i, 0.0) for i in images],
            "small detector": [-centre_shift(i[14:-14], v) for i, v in zip(images, levels)]}
formula = -3 * np.cos(theta) + 4 * np.sin(theta)
figures.centres(still.angles_deg, formula, {k: np.array(v) for k, v in measured.items()})
for name, values in measured.items():
    print(f"{name}: off by {np.sqrt(np.mean((values - formula) ** 2)):.2f} px")

# %% [markdown]
# **Why.** With the background removed the points lie on the curve: a moving centre of mass is no drift, it is geometry. Aligned by it the particle ends up on the axis, displaced in the volume, which nobody minds. The background has a centre of mass of its own, the middle of the frame, and pulls there with
# all its weight. A detector that cuts off a part of the object at some tilts measures the centre of what is left. The same goes for a second particle that drifts into view. Then one aligns by *comparison*.
#
# ## 4. Compare with what the volume predicts
#
# While the volume forms, each projection can be held against the *re-projection* of the volume at its angle; the shift at which the two agree best is found by correlation and refined to a fraction of a pixel. Then the moved projections go back into the run, which goes on. Here is the whole live loop:

# %% tags=["setup"]
def follow(source, until=None, per_arrival=2, align="reprojection", method="tv", look=None):
    """Clean, align, add, iterate; after every eighth projection align all of them again."""
    prep = dynamic.Preparation(align=align)
    run = dynamic.DynamicReconstruction((48, 48, 48), 1.0, units="noise", noise=SIGMA,
                                        method=method, n_expected=len(source))
    for shot in islice(source, until):
        one = prep.prepare(shot.angle_deg, shot.image)  # clean, and move by the centre of mass
        if not any(flag.kind == "blank" for flag in one.flags):
            run.add(one.angle_deg, one.image)
        for _ in range(per_arrival):
            run.step()
        if look:
            look(run, one)
        if run.n_tilts % 8 == 0 and (moved := prep.improve(run.x)):
            run.add([o.angle_deg for o in moved], np.stack([o.image for o in moved]))
    return run, prep

# %% [markdown]
# ε is one noise norm: σ√M for M data, with the σ of one pixel. Images are moved by fractions of a pixel, and that averages neighbours: it makes noise *look* smaller than what the volume has to live with. So we measure σ on the images as they came.
#
# > **Predict.** The same series without and with alignment. The drift is about 1 px across the axis and 2 px along it. In which of these will you see it first: the slice, the sinogram, or the residual in units of the noise?

# %%
practice = microscope()
SIGMA = round(float(np.median(tomography.noise_level(practice.series()).sigma)), 2)
print(f"noise of one pixel before any image is moved: {SIGMA}")
parts, order = {}, np.argsort(practice.angles_deg)
for name, align in (("not aligned", None), ("aligned", "reprojection")):
    run, prep = follow(practice, align=align)
    left = run.series.projections - forward.ParallelBeam(run.shape, run.angles_deg).forward(run.x)
    parts[name] = [v[order, :, 36] for v in (run.series.projections, left)] + [run.x[:, :, 36]]
    off = np.std(practice.shifts_px + list(prep.shifts_px.values()), axis=0)
    print(f"{name}: off by {off[0]:.2f} and {off[1]:.2f} px; least residual of any object "
          f"{run.floor() / run.noise_norm:.1f} × noise, RMSE {metrics.rmse(run.x, practice.truth):.3f}")
figures.misaligned(parts)

# %% [markdown]
# **Why.** A misaligned series contradicts itself: there is *no* object x ≥ 0 that explains it to within the noise. The least residual says so without knowing the truth, and it is the number to look at. In the sinogram the eye sees edges that jump from row to row; in the slice, rims.
# Both need an experienced eye, and few tilts hide them.
#
# Was the comparison needed? Here hardly: the centre of mass alone leaves 0.12 px across the axis, the comparison the same, and along the axis it brings 0.11 down to 0.04 px. This particle is alone in its frame. Section 10 shows an object for which it is otherwise.
# What neither can notice: a drift of the form $a\cos\theta + b\sin\theta$ moves the object, and the re-projections follow. (So the kit holds the centre of mass on the axis.)
#
# ## 5. Caught as it arrives
#
# Now an evening on which things go wrong. Projection 12 is shifted by 6 px, 20 is blurred, at 28 the beam is blanked, and at 36 a grid bar shadows the particle. For each arrival we write down three numbers: the total intensity, how far the image had to be moved compared with the one before, and by how
# much it missed what the volume predicted *before* it was used, in units of its noise.
#
# > **Predict.** Which of the four faults shows in which number? One of them may show in none.

# %%
faults, seen = {12: "shifted", 20: "blurred", 28: "blank", 36: "dim"}, []


def look(run, one):
    missed = run.predictions.get(one.angle_deg, np.nan)
    seen.append((one.image.sum(), one.shift_px[0], missed, [str(f.kind) for f in one.flags if f.grave]))


run, prep = follow(microscope(faults=faults), look=look)
mass, place, missed, flags = zip(*seen)
numbers = {"total intensity": mass, "moved by (px)": place, "missed by (× noise)": missed}
figures.alarms(numbers, faults)
print("alarms on arrival:", {fault: flags[k] for k, fault in faults.items()})
for flag in prep.checks.recheck(run.residuals()):
    print(flag)

# %% [markdown]
# **Why.** TEXT
#
# ### Exercise 3: the odd ones (about 6 minutes)

# %% tags=["exercise"]
def odd_ones(residuals, limit):
    """Return True where a residual lies more than limit × 1.4826 × MAD above the median."""
    ### BEGIN SOLUTION
    above = residuals - np.median(residuals)
    return above > limit * 1.4826 * np.median(np.abs(above))
    ### END SOLUTION


ex.odd_ones.check(odd_ones)

# %% [markdown]
# ## 6. Reading the volume while it forms
#
# > **Predict.** x

# %%
odd_ones = ex.odd_ones.use(odd_ones)
residuals = run.residuals()
odd = np.flatnonzero(odd_ones(np.array(list(residuals.values())), 5))
print("your function finds", [f"{list(residuals)[k]:.0f}°" for k in odd])
notes = {}
for order in ("sequential", "golden"):
    for hand in ("right", "left"):
        scope, notes[order, hand] = microscope(hand, order), []
        follow(scope, look=lambda run, one: notes[order, hand].append(
            (simulate.chirality(run.x), metrics.rmse(run.x, scope.truth), run.advice((-69, 72)),
             run.x[:, :, 36].copy())))
counts = (2, 3, 4, 6, 8, 10, 12, 16, 24, 48)
figures.twist(counts, {key: [rows[n - 1][0] for n in counts] for key, rows in notes.items()}, truth)
for key, rows in notes.items():
    print(key, {n: round(rows[n - 1][0]) for n in counts})

# %%
for order in ("sequential", "golden"):
    for seed in range(3):
        scope, found = microscope("right", order, seed), []
        follow(scope, look=lambda run, one: found.append(
            (simulate.chirality(run.x), metrics.rmse(run.x, scope.truth))))
        twist, rmse = np.array(found).T
        sign = 1 + max([0, *np.flatnonzero(twist <= 0) + 1])
        near = 1 + max([0, *np.flatnonzero(abs(twist / truth - 1) > 0.15) + 1])
        print(f"{order:10s} seed {seed}: sign right from {sign:2d}, within 15 % from {near:2d}; "
              f"RMSE at 16 {rmse[15] / rmse[-1]:.2f}, at 29 {rmse[28] / rmse[-1]:.2f} × final")

# %%
figures.forming({f"{order}, {n}": notes[order, "right"][n - 1][3]
                 for order in ("sequential", "golden") for n in (6, 16, 48)})

# %%
ways = {"WBP": ("wbp", 1), "SIRT": ("sirt", 2), "TV": ("tv", 2), "TV, 1 per arrival": ("tv", 1), "TV, 6 per arrival": ("tv", 6)}
slices={}
for name, (method, k) in ways.items():
    run, _ = follow(practice, until=16, per_arrival=k, method=method)
    slices[name] = run.x[:, :, 36].copy()
    print(name, metrics.rmse(run.x, practice.truth), simulate.chirality(run.x), run.history["data_distance"][-1]/run.radius)
figures.methods(dict(list(slices.items())[:3]))

# %%
counts = tuple(range(10, 49, 2))
pick = {order: [notes[order, "right"][n - 1] for n in counts] for order in ("sequential", "golden")}
figures.stopping(counts, {o: [r[2].foretold for r in rows] for o, rows in pick.items()},
                 {o: [r[1] for r in rows] for o, rows in pick.items()})
for order in pick:
    first = [n for n, row in enumerate(notes[order, "right"], 1) if row[2].stop]
    print(order, "advice", first)
print(notes["golden", "right"][16][2])
print(notes["sequential", "right"][28][2])

# %%
series = follow(practice, until=16)[0].series
live = dynamic.DynamicReconstruction((48, 48, 48), 1.0, units="noise", noise=SIGMA)
with tempfile.TemporaryDirectory() as folder:
    state, session = Path(folder) / "state.npz", Path(folder) / "session.json"
    def rest(live, start):
        for angle, image in zip(series.angles_deg[start:], series.projections[start:]):
            live.add(angle, image)
            live.run(2)
            if live.n_tilts == 12:
                live.epsilon = 1.2
            if live.n_tilts in (4, 8):
                live.save(state)
        return live
    rest(live, 0)
    dynamic.Session.of(live).save(session)
    again = dynamic.Session.load(session).replay(series)
    print("session of", round(session.stat().st_size / 1000), "kB makes it again:", np.array_equal(again.x, live.x))
    state.write_bytes(state.read_bytes()[:5000])
    back = dynamic.DynamicReconstruction.load(state)
    print(back.n_tilts, back.events[0], [e.kind for e in back.events][-1])
    rest(back, back.n_tilts)
    print(np.array_equal(back.x, live.x))

# %%
with tempfile.TemporaryDirectory() as folder:
    simulate.write(microscope(faults={5: "blank"}), folder)
    live = dynamic.LiveTomography(dynamic.watch(folder, n=48, settle_s=0, events="polling"), finish=20, n_expected=48)
    live.start()
    live.wait(120)
print(live.status().phase, len(live.received), sum(o.used for o in live.received), live.error)
print([f.kind for f in live.status().alarms])
print(simulate.chirality(live.result().volume))

# %%
stand = datasets.load("nist-needle-small").select(np.arange(0, 77, 2))
sigma = float(np.median(tomography.noise_level(stand).sigma))
prep, slices = dynamic.Preparation(), {}
run = dynamic.DynamicReconstruction((64, 64, 64), units="noise", noise=sigma,
                                    pixel_size_nm=stand.pixel_size_nm)
grave = []
for shot in simulate.Replay(stand):
    one = prep.prepare(shot.angle_deg, shot.image)
    grave += [f for f in one.flags if f.kind!="learning"]
    run.add(one.angle_deg, one.image)
    run.run(2)
    if run.n_tilts % 13 == 0:
        slices[f"{run.n_tilts} projections"] = run.x[:, :, 27].copy()
        run.epsilon = 1.1 * run.floor(20) / run.noise_norm
        moved = prep.improve(run.x)
        print(run.n_tilts, len(moved), run.epsilon)
        if moved: run.add([o.angle_deg for o in moved], np.stack([o.image for o in moved]))
result = run.run(20)
slices["39 projections"] = result.x[:, :, 27]
figures.needle(slices, stand.pixel_size_nm)
print(grave, report.report(result))

# %% tags=["explorer"]
explorer = widgets.Cockpit()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(shown.n_tilts, shown.twist_deg, shown.ratio, shown.status, len(shown.alarms))
