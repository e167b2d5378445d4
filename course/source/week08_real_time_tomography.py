# %% [markdown]
# # Week 8: Tomography at the microscope
#
# You will follow a tilt series while it is recorded: clean and align each projection as it comes, find the bad ones, read the handedness of a particle early, and say when to stop.
#
# **After this hour you can**
#
# - clean a projection and centre it by its mass, and say why the tilt axis allows that;
# - take files from a folder into which a microscope is still writing;
# - tell a shifted, a blurred and a blank projection apart, each by the number that shows it;
# - judge a claim such as "visible after a third of the data", and a proposal to stop.
#
# **Time:** 65 minutes. **You need:** tilt series and alignment (week 5), the tolerance ε and its residual (week 6). A reconstruction that goes on while data arrive
# is the subject of week 7; here it is a tool. Each step asks you to *predict* before you *run*: if results already stand below the cells, clear them first (menu *Edit*, *Clear Outputs of All Cells*).
#
# The microscope is **simulated** up to section 9, so that we know the truth: a particle on a grid twice as fine as the detector, images of 48 × 48 pixels of 20 nm, 49 tilts from −72° to 72°, 100 counted electrons per
# pixel, a random drift, a supporting film, a dark level, and hot pixels. Section 10 uses the real needle of weeks 5 and 6.

# %% tags=["setup"]
import tempfile
from pathlib import Path

import numpy as np
from em_inverse import datasets, dynamic, metrics, report, simulate, tomography, widgets
from em_inverse.checks import week08 as ex
from em_inverse.plotting import week08 as figures
from scipy import ndimage

PARTICLES = {hand: simulate.twisted_bowtie(96, handedness=hand) for hand in ("right", "left")}


def microscope(hand="right", order="golden", **other):
    """Return a simulated microscope that records one of the two particles."""
    usual = {"dose": 100, "drift_px": 0.4, "background": 0.1, "offset": 0.05}
    usual |= {"hot_pixels": 0.001, "seed": 8}
    tilts = simulate.tilt_order(order, -72, 72, 3)
    return simulate.Microscope(PARTICLES[hand], tilts, pixel_size_nm=20, **(usual | other))


def shift_error(shifts_px, scope):
    """Return the rms error across the axis (px), less what a move of the object explains."""
    error = np.array([shift[0] for shift in shifts_px]) + scope.shifts_px[: len(shifts_px), 0]
    theta = np.deg2rad(scope.angles_deg[: len(shifts_px)])
    rigid = np.column_stack([np.cos(theta), np.sin(theta)])
    return np.sqrt(np.mean((error - rigid @ np.linalg.lstsq(rigid, error)[0]) ** 2))


def prepare(scope, n, **settings):
    """Return the preparation of the first n projections and a reconstruction that has them."""
    preparation = dynamic.Preparation(**settings)
    run = dynamic.DynamicReconstruction((48, 48, 48), 1.0, units="noise")
    for k in range(n):
        one = preparation.prepare(scope.angles_deg[k], scope.shot(k).image)
        run.add(one.angle_deg, one.image)
        run.step()
    return preparation, run


def follow(scope, counts):
    """Return a live reconstruction, and its twist, error and volume after so many projections."""
    live, seen = dynamic.LiveTomography(scope, n_expected=49, improve_every=8), []
    for n in counts:
        live.advance(n - len(live.received))
        volume = live.run.x.copy()
        seen.append((simulate.chirality(volume), metrics.rmse(volume, scope.truth), volume))
    return live, seen


# %% [markdown]
# ## 1. One shadow, two particles
#
# Cadmium and cystine assemble into *bow ties*: two fans of ribbons that meet at a waist, twisted about their long axis. Our simulated ones are such shapes, a right-handed one and its mirror image. Which one is on the grid decides how the
# particle meets polarised light.
#
# > **Predict.** Both are imaged untilted, without noise. By how much do the two images differ? And at a tilt of 30°?

# %%
scopes = {hand: microscope(hand) for hand in PARTICLES}
at = {angle: int(np.argmin(abs(scopes["right"].angles_deg - angle))) for angle in (0, 30)}
pairs = {angle: [scopes[hand].shot(k).clean for hand in PARTICLES] for angle, k in at.items()}
figures.shadows(pairs[0][0], *pairs[30])
for angle, (right, left) in pairs.items():
    gap = np.linalg.norm(right - left) / np.linalg.norm(right)
    print(f"at {angle:2d}° the images of the right- and the left-handed one differ by {gap:.0%}")
for hand, scope in scopes.items():
    print(f"{hand:5s}: chirality of the true volume {simulate.chirality(scope.truth):+.0f}°")

# %% [markdown]
# **Why.** A projection adds along the beam, so turning the object upside down along the beam changes nothing in it, and upside down a right-handed screw is a left-handed one. At 30° the images differ, but each alone would be a good image of *some* particle.
# Handedness needs several tilts and a volume. `simulate.chirality` reads it there: the twist from end to end in degrees, positive for a right-handed screw. (By its definition only, in sections across the long axis.)
#
# ## 2. Preparing a projection
#
# What the detector delivers is not a projection yet. Hot pixels are replaced by their neighbours, and the *vacuum level* (film and dark level, the value where no particle is) is subtracted. Then the particle has to be put where a perfect stage would have held it.
#
# > **Predict.** A hot pixel is far brighter than the particle, and there are few of them. If you left them in, would the centre of mass notice?

# %%
shot = microscope(order="sequential").shot(40)
one = dynamic.Preparation().prepare(shot.angle_deg, shot.image)
figures.prepared(shot.image, one.image)
for note in one.notes:
    print("-", note)
print(f"true drift across the axis {shot.drift_px[0]:+.2f} px; sum over all pixels "
      f"{shot.image.sum():.0f} before, {one.image.sum():.0f} after, {shot.clean.sum():.0f} true")

# %% [markdown]
# **Why.** The background is weak, but it fills the frame: more than half of the sum over the image is not particle. It pulls any centre of mass to the middle of the detector, as if nothing had drifted; hot pixels pull it anywhere. So the order is fixed: hot pixels, vacuum level, and only then the centre of mass.
#
# ### Exercise 1: bring the mass to the middle (about 6 minutes)
#
# `image[x, y]` is clean. The tilt axis runs along y. By how many pixels along x must the image be moved so that its centre of mass falls on the middle of the detector, $(n_x - 1)/2$?

# %% tags=["exercise"]
def mass_shift(image):
    """Return by how many pixels the image must be moved along x to be centred."""
    ### BEGIN SOLUTION
    x = np.arange(image.shape[0])
    centre = (x @ image).sum() / image.sum()
    return (image.shape[0] - 1) / 2 - centre
    ### END SOLUTION


ex.mass_shift.check(mass_shift)  # stuck? ex.mass_shift.hint(), and later ex.mass_shift.solution()

# %% [markdown]
# But is the middle the right place? A particle need not lie on the tilt axis. If its centre of mass lies at $(x, z)$, every projection at the tilt θ has its own centre of mass at
#
# $$ s(\theta) = x \cos\theta + z \sin\theta , $$
#
# because both, projecting and taking the centre, are weighted sums.
#
# > **Predict.** We move the particle off the axis by 5 px in x and −3 px in z. How far apart do the centres of its projections get? And what becomes of a volume if all of them are moved to the middle nonetheless?
#
# Two more questions, for the second cell. A camera may stand a little askew, so that the tilt axis is not quite along y: which parts of the particle are then in the wrong place, although every whole projection is centred? And an older way moves each projection to where it
# agrees best with its *neighbour* (cross-correlation): will it do better or worse than the mass?

# %%
mass_shift = ex.mass_shift.use(mass_shift)
centred = simulate.Microscope(PARTICLES["right"], np.arange(-72, 73, 3))
moved = simulate.Microscope(np.roll(PARTICLES["right"], (-6, 10), (0, 1)), centred.angles_deg)
theta = np.deg2rad(moved.angles_deg)
s = np.array([mass_shift(a.image) - mass_shift(b.image) for a, b in zip(centred, moved)])
rule = 5 * np.cos(theta) - 3 * np.sin(theta)
print(f"from {s.min():+.1f} to {s.max():+.1f} px; the rule misses by {abs(s - rule).max():.2f} px")
scope, prep = microscope(order="sequential"), dynamic.Preparation(align="center_of_mass")
ready = [prep.prepare(shot.angle_deg, shot.image).image for shot in scope]
figures.sinograms(np.stack(list(prep.cleaned.values())), np.stack(ready), scope.angles_deg)
print(f"drift up to {abs(scope.shifts_px).max():.1f} px, left over "
      f"{shift_error(prep.shifts_px.values(), scope):.2f} px")

# %%
series = tomography.TiltSeries(np.stack(ready), scope.angles_deg, 20)
askew = ndimage.rotate(series.projections, 3, axes=(1, 2), reshape=False)
for name, images in (("straight", series.projections), ("askew by 3°", askew)):
    axis = tomography.find_tilt_axis(series.replace(projections=images))
    print(f"{name:11s}: tilt axis turned by {axis.rotation_deg:+.1f}° ± "
          f"{axis.rotation_error_deg:.1f}°; off by {axis.center_shift:+.2f} px in the middle, "
          f"{20 * np.tan(np.deg2rad(axis.rotation_deg)):+.1f} px at the end of the particle")
cleaned = series.replace(projections=np.stack(list(prep.cleaned.values())))
paired = tomography.align(cleaned, "cross_correlation").metadata["shifts_px"]
print(f"moved to agree with the neighbour: {shift_error(paired, scope):.2f} px left over")

# %% [markdown]
# **Why.** Subtracting $x\cos\theta + z\sin\theta$ from all projections is the same as moving the object by $(-x, -z)$. So centring does not deform anything: it puts the object's centre of mass *on the tilt axis*, and this is a better
# place than any for not leaving the frame. What is left of the drift is a few hundredths of a pixel.
#
# A turned axis leaves whole projections centred and spoils their ends. It shows when the law is asked of every slice $y$ by itself: each has a constant of its own, $s = c(y) + x\cos\theta + z\sin\theta$, and the slope of $c(y)$ is the turn (found here to within a few
# tenths of a degree, since a bow tie has different ends). Neighbours agree well in pairs, but their small errors add up from pair to pair, so the cross-correlation ends several times further off. It has its day where the mass is no guide: in a film full of particles.
#
# It holds as long as the whole particle, and nothing else, is in every image. A neighbour that comes into the frame, a film that was not subtracted, a particle that leaves the frame: each moves the centre, and every one of them moves it differently at another tilt.
#
# ## 3. Alignment by re-projection
#
# The third way asks the volume. Project what has been reconstructed so far at each tilt, and move each measured projection to where it agrees best (by cross-correlation again) with its *re-projection*. All projections have a say, and a film in the frame is one feature among others.
#
# > **Predict.** Once we subtract the vacuum level, once we forget it (the first image's level is taken for all, though the film seems thicker at high tilt). After the centre of mass, and after three rounds of re-projection: which of the four errors are below a tenth of a pixel?

# %%
scope = microscope()
for name, background in (("level of each image", "auto"), ("level of the first", None)):
    prep, run = prepare(scope, 24, background=background, align="center_of_mass")
    errors = [shift_error(prep.shifts_px.values(), scope)]
    for _ in range(3):
        for one in prep.improve(run.run(5).x):
            run.add(one.angle_deg, one.image)
        errors.append(shift_error(prep.shifts_px.values(), scope))
    told = " ".join(f"{error:.2f}" for error in errors[1:])
    print(f"{name:19s}: rms {errors[0]:.2f} px by mass; re-projected {told}")

# %% [markdown]
# **Why.** Where the background is gone, the centre of mass alone is good to a few hundredths of a pixel, and the re-projections have little to add: this particle lies alone in vacuum, the best case there is. Where the film was left in, the mass misleads, and the re-projections find
# back more than half of the error, slowly, since a volume from misaligned projections agrees with them too well. Neither way notices a drift of the form $a\cos\theta + b\sin\theta$: by the formula above that is a moved object, and no error.
#
# What does misalignment look like? In the sinogram of section 2 single rows stick out. In a slice, edges fray and streaks appear beside the object; at many small shifts everything is a little blurred, which looks like honest resolution.
#
# > **Predict.** The same 24 projections, clean but not moved at all. They drift by some pixels. Will the residual tell, or only the picture?

# %%
slices = {}
for name, align in (("not moved", None), ("centre of mass", "center_of_mass")):
    _, run = prepare(scope, 24, align=align)
    slices[name] = run.run(40).x[:, :, 12]
    fit, twist = run.result().data_distance / run.noise_norm, simulate.chirality(run.x)
    print(f"{name:14s}: residual {fit:.1f} × noise, twist {twist:+.0f}°")
figures.misaligned(scope.truth[:, :, 12], slices)

# %% [markdown]
# **Why.** No object explains projections that contradict each other, whatever the prior: the residual stays at twice the noise, and no patience helps. That is the one sign of misalignment that needs no truth. The twist, a coarse feature, is hardly touched: it is the ribbons that suffer. (The reverse is not safe: a residual near the noise can come from an ε that is too loose.)
#
# ## 4. A folder that fills
#
# At the microscope nobody hands you arrays. The acquisition program writes one file per tilt, and all that you know is a folder. `dynamic.watch` yields each complete new projection once; the angle comes from the name, a list, or the file itself.
#
# > **Predict.** We write five projections, and cut the last file in half, as if it were still being written. A program that opens every file it sees would do what? And one that trusts a file as soon as its size is above zero?

# %%
folder = tempfile.TemporaryDirectory()
files = simulate.write(simulate.Replay(microscope().series().select(np.arange(5))), folder.name)
whole = files[-1].read_bytes()
files[-1].write_bytes(whole[: len(whole) // 2])
seen = list(dynamic.watch(folder.name, settle_s=0, timeout_s=0, events="polling"))
print("handed out:", *(f"{arrival.path.name}" for arrival in seen), sep="\n  ")
print(f"not yet: {files[-1].name}, {files[-1].stat().st_size} of {len(whole)} bytes")
files[-1].write_bytes(whole)
late = list(dynamic.watch(folder.name, settle_s=0, timeout_s=0, events="polling", already=seen))
print("once it is complete:", late[0].path.name, f"at {late[0].angle_deg:g}°")
folder.cleanup()

# %% [markdown]
# **Why.** Half a file is not an error but a matter of time. Two guards work together: the size must have stood still for some looks, *and* the content must decode to its end. Here only the second one caught it, because we asked for no waiting; formats without a length in their header have only the first.
#
# ### Exercise 2: is the file complete? (about 5 minutes)
#
# `sizes` are the sizes in bytes at successive looks, the newest last. Call the file complete if its size has not changed over the last `needed` intervals, that is, if the last `needed + 1` looks saw the same size, and it is not 0.

# %% tags=["exercise"]
def is_complete(sizes, needed=2):
    """Return True if the last needed + 1 looks saw the same size, other than 0."""
    ### BEGIN SOLUTION
    last = sizes[-(needed + 1) :]
    return len(last) == needed + 1 and len(set(last)) == 1 and last[-1] > 0
    ### END SOLUTION


ex.is_complete.check(is_complete)

# %% [markdown]
# ## 5. The live loop, and three bad projections
#
# Now the whole loop, in six lines: prepare, add, iterate twice, next. Two iterations per arrival are our choice, so that the result is the same every time; at a microscope the run iterates in the background as often as it can. The tilts come in *sequential* order, and three of the first 30 are bad: one jumped
# by 6 px, one is out of focus, one is blank because the beam was blanked.
#
# > **Predict.** Which of the three will stand out by (a) how far it was moved, (b) its residual $\|A_\theta x - b_\theta\|$ once it is in the reconstruction? All projections are centred first.

# %%
bad = {8: "shifted", 14: "blurred", 20: "blank"}
scope = microscope(order="sequential", faults=bad)
prep, images = dynamic.Preparation(align="center_of_mass"), {}
run = dynamic.DynamicReconstruction((48, 48, 48), 1.0, units="noise")
for k in range(30):
    one = prep.prepare(scope.angles_deg[k], scope.shot(k).image)
    run.add(one.angle_deg, one.image)
    images[one.angle_deg] = one.image
    run.run(2)
    for flag in (flag for flag in one.flags if flag.kind in ("misaligned", "blurred", "blank")):
        print(f"{k:2d} {flag.severity}, {flag.kind}: {flag.message.split('. ')[0]}.")

# %% [markdown]
# **Why.** Each fault has its own number, and needs no reconstruction: where the object lies (the jump), how sharp the image is (the blur), how much contrast there is (the blank). Each is compared with its neighbours, since all three change slowly with tilt. The jump is only a *note*, because the alignment takes it out.
#
# ### Exercise 3: who stands out? (about 6 minutes)
#
# The residual is the judge who asks all other projections. But how large is large? The mean and the standard deviation are spoiled by the very outlier that we look for. The *median* and the *MAD* (the median of the distances to the median) are not; $1.4826$ times the MAD is the standard deviation for a normal distribution.

# %% tags=["exercise"]
def stand_out(residuals, threshold=5.0):
    """Return the indices with residual > median + threshold · 1.4826 · MAD."""
    ### BEGIN SOLUTION
    residuals = np.asarray(residuals)
    middle = np.median(residuals)
    spread = 1.4826 * np.median(np.abs(residuals - middle))
    return np.flatnonzero(residuals - middle > threshold * spread)
    ### END SOLUTION


ex.stand_out.check(stand_out)

# %%
stand_out = ex.stand_out.use(stand_out)
run.run(10)
left = run.residuals()
tilts = np.array(sorted(left))
ratio = np.array([left[a] for a in tilts]) / np.median(list(left.values()))
found = stand_out(ratio)
figures.residuals(tilts, ratio, found, bad)
print("stand out:", *(f"number {k} ({bad.get(k, 'good')}) with {ratio[k]:.1f}" for k in found))
before = metrics.rmse(run.x, scope.truth)
for k in found:
    run.remove(tilts[k])
print(f"RMSE {before:.3f} with them, {metrics.rmse(run.run(20).x, scope.truth):.3f} without")

# %% [markdown]
# **Why.** The blank one contradicts everybody. The blurred one contradicts them in its fine detail. The jumped one has been moved back, and would agree, had it not lost a part of the particle at the border of the frame. So no single number finds all three kinds: position, sharpness, contrast *and* residual belong on the screen.
# (The RMSE hardly cares about three in 30 here: the other 27 outvote them.) A residual found after the fact tells *that* a projection is wrong; only the first three tell *why*, and in time to retake it.
#
# ## 6. Which hand? After how much of the data?
#
# Schwartz and others (2022) followed such a particle live, in sequential order, and report that its handedness was identified within the first third of the data, and that a high-quality volume was there after about 60 %. We can test that on our particle, with the truth in hand. (`dynamic.LiveTomography` is the loop of section 5, with alignment
# by re-projection and a choice of ε on top; `advance` takes in so many projections, with two iterations after each.)
#
# > **Predict.** Sequential order against golden order (each tilt far from those before). When does the sign of the twist come out right, and when is the error down to 1.2 times the final one?
#
# One series is one draw of drift and noise. So four more follow below the figure, two of them of the left-handed particle as a control.

# %%
counts, lives, seen = (5, 10, 16, 24, 29, 39, 49), {}, {}
for order in ("sequential", "golden"):
    lives[order], seen[order] = follow(microscope(order=order), counts)
figures.hand(counts, seen, simulate.chirality(scope.truth))
print("twist after                  5     10     16 tilts")
for order in seen:
    for hand, seed in (("right", 1), ("right", 2), ("left", 3), ("left", 4)):
        short = follow(microscope(hand, order, seed=seed), counts[:3])[1]
        twists = (f"{twist:+6.0f}" for twist, _, _ in short)
        print(f"{order:10s} {hand:5s} series {seed}:", *twists)

# %% [markdown]
# **Why.** The handedness was there early. In golden order all five series give the right sign from 5 tilts on, a tenth of the data. In sequential order the first five tilts give the *wrong* sign, in all of them, the mirror image included: five neighbours at −72° to −60° see the particle
# from one side only, and `chirality` reads the streaks. From 10 tilts on the sign is right, at a third the twist is there, if a little too large. So the first claim holds here, with a warning: there is a time at which a plausible number is wrong, and nothing marks it.
#
# The second claim does not hold in the order that the authors used, by our measure: at 60 % the sequential volume still has twice its final error, and is within 1.2 times of it only near the end. In golden order 1.2 times are reached at a third, and 60 % are as good as all. The authors describe what they saw in the volume, of another particle, with
# another solver; our error counts every voxel.
#
# ## 7. What you would see, and by which method
#
# At a microscope nobody looks at curves first. A *live view* draws the volume itself, half transparent, and redraws it while it changes; the cockpit at the end has one that you can turn. Here it stands still: the first volumes of section 6, and two more methods on the 16 projections in golden order, with
# two iterations after each arrival. WBP needs no iterations at all; SIRT does not know ε; TV believes in flat pieces.
#
# > **Predict.** In which of the five pictures would you trust your eye with the handedness? And which method gets the number of degrees wrong?

# %%
volumes = {"sequential, 5 tilts": seen["sequential"][0][2]}
volumes["sequential, 16 tilts"] = seen["sequential"][2][2]
volumes["golden, 16 tilts"] = seen["golden"][2][2]
for method in ("wbp", "sirt"):
    live = dynamic.LiveTomography(microscope(), method=method, improve_every=8)
    live.advance(16)
    volumes[f"golden, 16, {method.upper()}"] = live.run.x
volumes["truth"] = scopes["right"].truth
figures.volumes(widgets.VolumeView(), volumes)
for name, x in volumes.items():
    error, twist = metrics.rmse(x, volumes["truth"]), simulate.chirality(x)
    print(f"{name:20s}: RMSE {error:.3f}, twist {twist:+.0f}°")

# %% [markdown]
# **Why.** Five neighbouring tilts make beams of haze along the directions that were seen, and it is the haze whose twist `chirality` reads. From 16 of them two fans stand out at about the right angle to each other, one of them without its ribbons. From 16 in golden order TV has the least error, and single ribbons. All three methods give the right hand there. But the haze along the beam makes the sections of WBP rounder, and
# takes a third off the twist. Who only asks for the sign could read it from WBP, which costs next to nothing; who asks for degrees could not.
# Two iterations after each arrival are enough for TV here, and few for SIRT, which goes on improving if it is given more.
#
# ## 8. When to stop
#
# Every projection costs dose. The fairest judge of a volume is the projection that it has not seen yet: before it is added, compare it with what the volume predicts, in units of its noise. If the last few were *foretold*, the next ones will hardly change anything, if they come from the same range of directions. This is what `run.advice` looks at.
#
# > **Predict.** Sequential or golden: whose projections are foretold earlier? Is the order whose projections are foretold best also the one with the better volume?

# %%
missed = {order: [one.foretold for one in live.received][1:] for order, live in lives.items()}
figures.foretold(missed)
for order, live in lives.items():
    told = (f"{n}: {np.median(missed[order][n - 6 : n - 1]):.1f}" for n in counts[1:])
    print(f"{order} missed by (median of five, × noise) after", *told)
    print(f"  advice at the end: {live.status().advice}")
for n in (16, 29):
    print(f"all 49 instead of {n}: at most {1 - np.sqrt(n / 49):.0%} less error from noise")

# %% [markdown]
# **Why.** Golden order gets down to about twice the noise within a third of the tilts, and levels off. Sequential order stays near three nearly to the end: even its next neighbour is not foretold, because a volume seen from one side is smeared along the beam. The curve ranks the orders as the error of section 6 does, and nobody needed the truth for it.
#
# The advice is to go on all the same, up to the last tilt: it asks that *all* of the last five be foretold, in units of what no object explains, and in golden order the worst one was not. That is careful here, for from 24 tilts to 49 the error fell by less than a tenth. What is missed is not noise alone. The specimen lives on a finer grid, the images were
# interpolated, and two iterations do not finish the volume. So look at the *course* of the curve as well: where it has been level for long, what comes brings little news.
#
# The last two lines are an upper bound: if only noise were left, more data would lower the error as the root of their number. Whether that is worth the dose is your decision, and no program's.
#
# ### Exercise 4: stop now? (about 6 minutes)
#
# Three sessions, described when you run the cell. In which of them would you stop, and why? An answer is two lines, such as `session = 1` and `because = ["A", "C"]`. ($A_\theta x$ is the re-projection at a tilt, $b_\theta$ the projection that came.)

# %% tags=["exercise"]
session = None
because = []
### BEGIN SOLUTION
session = 2
because = ["B", "C", "D", "G"]
### END SOLUTION
print(ex.stop_now)
ex.stop_now.check(session=session, because=because)

# %% [markdown]
# ## 9. What is kept
#
# Two things can be kept of a live reconstruction. A *checkpoint* (`run.save`) holds everything, images and the state of the solver, so that the run goes on after a crash as if nothing had happened. A *session* is a small text file: settings, every step (added, removed, ε moved) with the iteration at which it was done, and fingerprints of the images, but no image.
#
# > **Predict.** Section 5's run had 30 arrivals, removals, and two iterations after each. Replayed from the session and the prepared images, will it give the same volume, nearly the same, or the same to the last bit?

# %%
with tempfile.TemporaryDirectory() as place:
    dynamic.Session.of(run, views={"slice": 12}).save(Path(place) / "session.json")
    run.save(Path(place) / "state.npz")
    session_file = dynamic.Session.load(Path(place) / "session.json")
    resumed = dynamic.DynamicReconstruction.load(Path(place) / "state.npz")
steps = [step.kind for step in session_file.steps]
print({kind: steps.count(kind) for kind in dict.fromkeys(steps)}, "in", run.iteration, "iterations")
print("checkpoint: the same object?", np.array_equal(resumed.x, run.x))
again = session_file.replay(images)
print(f"replay: differs by {np.abs(again.x - run.x).max():.0e}")

# %% [markdown]
# **Why.** Every step was taken after a known number of iterations, so the session is the experiment's lab book: who doubts the volume can make it again, or again without the blurred projection. What it needs are the *same prepared images*, which the fingerprints check.
#
# ## 10. The real needle, projection by projection
#
# The needle of week 5: 77 HAADF projections from −76° to 76°, recorded years ago, replayed now as if they came in (every 2 × 2 pixels averaged, to be quick). A tip of bright and dark layers sits on a dim shaft, which leaves the frame along the tilt axis; nobody knows the truth.
#
# > **Predict.** Will the residual come down to the noise, as in the simulation? Will there be alarms?

# %%
raw = datasets.load("nist-needle-small")
live = dynamic.LiveTomography(simulate.Replay(raw), bin=2, improve_every=25)
while live.advance(25):
    fit = live.run.result().data_distance / np.linalg.norm(live.run.series.projections)
    print(f"{live.run.n_tilts} tilts: ε {live.run.epsilon:.1f} × noise, residual {fit:.1%} of ‖b‖")
shifts = np.array(list(live.preparation.shifts_px.values()))
figures.needle(live.run.run(20).x, live.run.residuals(), 2 * raw.pixel_size_nm)
print(f"moved across the axis by up to {abs(shifts[:, 0]).max():.1f} px (of 27 nm)")
print("alarms:", *(flag.message.split(". ")[0] for flag in live.status().alarms), sep="\n  ")
axis = tomography.find_tilt_axis(tomography.remove_background(raw))
print(f"tilt axis turned by {axis.rotation_deg:.1f}° ± {axis.rotation_error_deg:.1f}°")
print(report.report(live.result()))

# %% [markdown]
# **Why.** The object cannot be brought closer to these data than several times their noise. So ε = 1 × noise would be out of reach, and TV would fit what no object explains. The program takes 1.1 times the least distance that any object with $x \geq 0$ reaches, and finds it anew whenever it has aligned all projections. (It prints "ε not reached": after so few
# iterations the residual is still 2 % above it.) The report says all of this, and that the dose is not stated.
#
# The misfit has a shape: it grows beyond 60° on both sides. That is no accident of single projections, although two of them ring the alarm by comparison with their neighbours, but a model that fits less well at high tilt. One reason can be named. The tilt axis of this camera stands askew, and shifts alone
# cannot mend that: with all images turned back first, the residual falls from 4.5 % to 4.2 % of ‖b‖. The rest may be the shaft that leaves the frame, the thickness, or the stage. Retaking the two would not cure it. After the last projection `tomography.align` looks for the turn and takes it out.
#
# ## 11. Explorer: the cockpit
#
# A simulated series, a third of it recorded, standing still: the newest projection as measured and as prepared, the stack, the residual of every tilt, a slice, the volume, alarms in words. Press *Start*, and the others arrive.
#
# Two things to try: **(a)** read the alarms, and retake or leave out what they name; what happens to the residual of the others? **(b)** change *order of the tilts* to sequential, restart, and stop at a third: which way is the particle twisted now, and would you have known?
#
# <details><summary>What you should have seen</summary>
# (a) Two projections are marked. The blank one is not used at all: it was kept out when it came. The blurred one is used, and contradicts its neighbours; retake it.
# (b) In sequential order a third covers one side of the range only. The sign of the twist is right, but its size is off, and the volume is smeared along the directions that were not seen. The number alone would not have told you.</details>

# %% tags=["explorer"]
explorer = widgets.Cockpit(size=48)
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"{shown.n_tilts} of {shown.n_expected} projections, twist {shown.twist_deg:+.0f}°, "
      f"ε = {shown.epsilon:.1f} × noise, residual {shown.ratio:.2f} × ε")
for alarm in shown.alarms:
    print(f"{alarm.severity} at {alarm.angle_deg:g}°: {alarm.kind}")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - Sections 1 to 9 are one kind of particle, alone in vacuum, on 48 pixels. Its twist of 120° is large. Who carries "a third is enough" over to a particle of 20°, or to one among neighbours, would be misled, and would notice by halving the data: do even and odd tilts give the same sign?
# - `chirality` always returns a number. With five tilts it returned wrong ones without a warning. A sign is worth something once it has stayed the same over several arrivals.
# - The noise is estimated from images that were moved by interpolation, which smooths it. So "× noise" comes out too large. Compare such numbers with each other rather than with 1.
# - Two iterations after each arrival make this notebook give the same numbers every time. A run in the background does as many as the computer manages, so its numbers differ from day to day, its final object does not.
# - Damage by the beam is not simulated. In golden order a change of the specimen is spread over all directions, and looks like noise; in sequential order it looks like a shape.
#
# ## Take-away
#
# 1. Clean first, then centre, then let the re-projections correct: centring is not a distortion, because $s(\theta) = x\cos\theta + z\sin\theta$ is a move of the object.
# 2. Position, sharpness, contrast and residual each find another fault. Look at all four while the stage is still there.
# 3. The order of the tilts decides how early you may look; unseen projections, not the residual, decide when you may stop.
#
# ## Three questions
#
# <details><summary>1. A projection was moved by 6 px when it came, and its residual is like that of its neighbours. Retake it?</summary>
# No. The alignment took the jump out, and the residual says that it now agrees. Look whether it lost a part at the border of the frame.</details>
#
# <details><summary>2. In sequential order the last five projections were all foretold to within the noise, at half of the range. Stop?</summary>
# No. Each was foretold from its neighbour, a few degrees away. Half of the directions have not been seen, and nothing has tested what the volume says about them.</details>
#
# <details><summary>3. Why may the centre of mass be taken only after the background has gone?</summary>
# Background fills the frame, and its centre is the middle of the detector. The more there is of it, the more of the drift goes unnoticed.</details>
#
# ## Further reading
#
# - Schwartz and others, *Real-time 3D analysis during electron tomography using tomviz* (2022), [doi:10.1038/s41467-022-32046-0](https://doi.org/10.1038/s41467-022-32046-0): the claims of section 6.
# - Kumar and others, *Photonically active bowtie nanoassemblies with chirality continuum* (2023), [doi:10.1038/s41586-023-05733-1](https://doi.org/10.1038/s41586-023-05733-1): the particles.
# - Kaestner and others, *Spatiotemporal computed tomography of dynamic processes* (2011), [doi:10.1117/1.3660298](https://doi.org/10.1117/1.3660298): golden order.
