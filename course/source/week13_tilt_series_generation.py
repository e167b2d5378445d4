# %% [markdown]
# # Week 13: Projections nobody measured
#
# You will put frames into a tilt series that no electron has made, in five ways, measure what each is worth, and catch one of them inventing.
#
# **After this hour you can**
#
# - say how dense tilts must be for a gap to hold nothing new;
# - name what each way to fill a gap assumes, and the gap at which it fails;
# - compare filled series with sparse ones fairly, against another prior and not against none;
# - find frames that contradict the recorded ones, without the truth, and say what such a check cannot see;
# - write a caption under which generated frames may be published.
#
# **Time:** 65 minutes. **You need:** sinograms, Crowther's rule and the wedge (week 5), SIRT, TV and honest reporting (week 6). If results already stand below the cells, clear them first (menu *Edit*, *Clear Outputs of All Cells*).
#
# Sagar and others (2025) trained a neural network to paint the frames between recorded ones. We do so on a crystal of 201 aluminium atoms, simulated column by column as HAADF would show it, so that what is left out is known. No network here has seen aluminium.

# %% tags=["setup"]
from functools import cache
from itertools import pairwise

import numpy as np
from em_inverse import interpolation, report, simulate, tomography, widgets
from em_inverse.checks import week13 as ex
from em_inverse.plotting import week13 as figures
from scipy.ndimage import map_coordinates
from skimage.filters import threshold_otsu
from skimage.registration import optical_flow_ilk

crystal = simulate.fcc_cluster("Al", 1.0, 1.0).turned(3)
truth = simulate.particle_tilt_series(crystal, shape=(64, 64))  # −90° to 90° by 1°, [tilt, x, y]
nm = truth.pixel_size_nm
ways = ["linear", "band_limited", "geometric", "network_frames", "network"]


def sparse(gap, series=truth):
    """Keep every 2·gap-th frame: the neighbours of a frame in the middle are `gap` degrees away."""
    return series.select(np.arange(0, series.n_tilts, 2 * gap))


def left_out(gap, series=truth):
    """Return the series of the frames in the middle, which were not kept."""
    return series.select(np.arange(gap, series.n_tilts - gap, 2 * gap))


@cache  # whatever was filled once is not filled again
def filled_in(gap, method, series=truth, shown="geometric"):
    """Fill the frames in the middle, and return the whole filled series."""
    wanted = left_out(gap, series).angles_deg
    more = {"shown": filled_in(gap, shown, series)} if method == "network" else {}
    return interpolation.fill(sparse(gap, series), method=method, angles_deg=wanted, **more)


def db(made, wanted, top=1.0):
    """Return the PSNR in dB, a mean over frames; `top` is the brightest recorded pixel."""
    errors = np.mean(((made - wanted) / top) ** 2, axis=tuple(range(1, np.ndim(made))))
    return -10 * np.log10(errors).mean()


def by_flow(first, last):
    """Return the frame midway by optical flow: either neighbour moved half the way, and the mean."""
    grid, flow = np.indices(first.shape), optical_flow_ilk(first, last, radius=5)
    moved = (map_coordinates(f, grid + s * flow, order=1) for f, s in ((first, -0.5), (last, 0.5)))
    return sum(moved) / 2


def solid(volume):
    """Return the points of the object: the voxels above Otsu's threshold."""
    return np.argwhere(volume > threshold_otsu(volume))


def volumes(gap, series):
    """Reconstruct the sparse series by SIRT and by TV, and the filled ones by SIRT."""
    few = sparse(gap, series).bin(2)
    found = {"sparse": tomography.sirt(few, 100).volume}
    found["sparse, TV"] = tomography.tv(few, lam=0.02 * few.projections.max(), n_iter=100).volume
    for way in ("linear", "geometric", "network_frames", "network"):
        found[way] = tomography.sirt(filled_in(gap, way, series).bin(2), 100).volume
    return found


# %% [markdown]
# ## 1. What happens between two tilts
#
# A column at the distance $r$ from the tilt axis is seen at $s = r\cos(\theta - \varphi)$: in the sinogram it draws a *sinusoid*. Whoever records every eighth degree sees stripes of it.
#
# > **Predict.** The crystal is 1.8 nm across, its columns are some 0.2 nm apart. How far does a column on the rim move between two tilts 8° apart: a tenth of that distance, a half, more?

# %%
row = truth.projections[:, :, 32]
kept = np.arange(0, 181, 8)
figures.sinograms(truth.angles_deg, row, kept, nm)
rim = crystal.diameter_nm / 2
for step in (2, 8, 24):
    print(f"steps of {step:2d}°: a column on the rim moves up to {rim * np.deg2rad(step):.2f} nm")

# %% [markdown]
# **Why.** At 8° a column on the rim has come more than half the way to where its neighbour was. Which of the two stands there now? Two frames cannot tell. At 2° there is no doubt. *Sparse sampling* begins somewhere between, and the beam decides: every tilt costs dose, and a specimen stands only so much of it.
#
# ## 2. Why films can do it and microscopes cannot
#
# Televisions put frames between frames by *optical flow*: find out where each pixel has gone, and move it half the way. One arrow for each pixel.
#
# > **Predict.** Around 0° a column at the depth $z$ moves by $z$ per radian: what is above the axis to one side, what is below it to the other. How many arrows does a pixel need?

# %%
front = truth.projections[90]  # the frame at 0°
across, along = np.unravel_index(front.argmax(), front.shape)
z, x, y = crystal.positions_nm.T / nm
behind = np.hypot(x + 31.5 - across, y + 31.5 - along) < 3
figures.speeds(crystal.positions_nm[behind, 0], nm)
for gap in (2, 4):
    frames, wanted = sparse(gap).projections, left_out(gap).projections
    flow = np.array([by_flow(*both) for both in pairwise(frames)])
    print(f"gap {gap}°: flow {db(flow, wanted):.0f} dB, the plain mean of both neighbours "
          f"{db((frames[:-1] + frames[1:]) / 2, wanted):.0f} dB")

# %% [markdown]
# **Why.** As many as there are atoms behind it. A projection is *transparent*: opposite motions share a pixel, and no single arrow is right. Moving pixels comes out 2 dB worse than the plain mean, which moves nothing. What repairs films breaks tilt series; the object has to come in.
#
# ## 3. What a turning object cannot do
#
# Take the sinogram of a full turn (the second half is the mirror image of the first). In its Fourier transform, along $s$ to the frequency $k$ and along θ to the harmonic $m$, a point at the radius $r$ is the Bessel function $J_m(2\pi k r)$, which is next to nothing for $|m| > 2\pi k r$.
#
# > **Predict.** So everything within a radius $R$ fills a region of the plane of $m$ and $k$. Of what shape?

# %%
figures.bow_tie(row, nm, rim)
turn = np.concatenate([row[:-1], row[:-1, ::-1]])
power = np.abs(np.fft.fft2(turn)) ** 2
m, k = np.abs(np.fft.fftfreq(360, 1 / 360))[:, None], np.abs(np.fft.fftfreq(64, nm))
outside = m > 2 * np.pi * k * rim + 4
print(f"power outside the bow tie: one part in {power.sum() / power[outside].sum():.0e}")

# %% [markdown]
# **Why.** Detail turns as fast as its distance from the axis allows, and no faster. That is a *band limit* along the tilt, and it holds for every object of that radius, crystal or not. (Rattey and Lindgren found it for X-rays in 1981.) With enough tilts, nothing new can hide in a gap.
#
# ### Exercise 1: how many are enough? (about 5 minutes)
#
# Waves of the period $d$ have $k = 1/d$. Two samples for each period of the highest harmonic.


# %% tags=["exercise"]
def widest_step(radius_nm, period_nm):
    """Return the widest tilt step, in degrees, that catches waves of this period."""
    ### BEGIN SOLUTION
    highest = 2 * np.pi * radius_nm / period_nm
    return 180 / highest
    ### END SOLUTION


ex.widest_step.check(widest_step)  # stuck? ex.widest_step.hint(), later .solution()

# %%
widest_step = ex.widest_step.use(widest_step)
for period in (0.3, 0.2, 0.1):
    print(f"R = {rim:.2f} nm, d = {period} nm: steps up to {widest_step(rim, period):.1f}°")

# %% [markdown]
# ### Exercise 2: fill by harmonics (about 8 minutes)
#
# A row of the sinogram, one wave $k$ of the detector, a full turn: values at the recorded angles. Fit the harmonics that the bow tie allows by least squares, and read the fit off between.


# %% tags=["exercise"]
def between(angles_deg, values, wanted_deg, highest):
    """Fit the harmonics 0 to `highest` of a full turn, and return the fit at other angles."""
    ### BEGIN SOLUTION
    m = np.arange(highest + 1)

    def waves(deg):
        turns = np.deg2rad(deg)[:, None] * m
        return np.hstack([np.cos(turns), np.sin(turns[:, 1:])])

    weights = np.linalg.lstsq(waves(angles_deg), values, rcond=None)[0]
    return waves(wanted_deg) @ weights
    ### END SOLUTION


ex.between.check(between)

# %% [markdown]
# > **Predict.** One row of the crystal, recorded every 2°, 4° and 8°. At which of these steps do your harmonics beat the straight line between neighbours?

# %%
between = ex.between.use(between)
full, mirrored = np.arange(360), np.fft.rfft(turn, axis=1)
for step in (2, 4, 8):
    made = np.zeros((360 // step, 33), complex)
    for j, wave in enumerate(mirrored[::step].T):
        highest = int(2 * np.pi * j / (64 * nm) * rim) + 4
        made[:, j] = between(full[::step], wave, full[step // 2 :: step], highest)
    line = (turn[::step] + np.roll(turn[::step], -1, axis=0)) / 2
    wanted = turn[step // 2 :: step]
    print(f"steps of {step}°: harmonics {db(np.fft.irfft(made, 64), wanted):.0f} dB, "
          f"straight lines {db(line, wanted):.0f} dB")

# %% [markdown]
# **Why.** While there are more angles than harmonics the fit has no choice: 12 dB better at 2°. Beyond, least squares takes the smallest of many answers, and the advantage is gone. The kit's band-limited filling knows how probable each harmonic is, and fades with more grace; but the limit is not a matter of grace.
#
# ## 4. Five ways to fill
#
# | way | looks at | assumes | fails |
# |---|---|---|---|
# | straight lines | two frames | nothing moves | as soon as columns move by their width: ghosts |
# | band-limited | all frames, wave by wave | the object lies within a radius | beyond the step of exercise 1 |
# | geometric | all frames, through a volume | one object, nowhere negative | where that is not so: background, drift, diffraction |
# | network, frames only | two to four frames | gaps look like those it was trained on | as soon as columns pass each other; on what it has not seen, without a sign |
# | network | those, and the geometric frame | the same, and that the object is a good witness | where neither knows |
#
# The *geometric* way reconstructs a volume by SIRT with $x \geq 0$ (week 6) and projects it where frames are missing: re-projection. The *network* has 196 000 weights, learned from simulated icosahedra, decahedra and octahedra of Pt, Ag, Au and Cu. It is shown the geometric frame as well, decides at every pixel how far to trust it, and corrects. If it is not shown that frame, it works as published ones do, from *frames only*.
#
# We count the *gap* as the paper does: at the gap $g$ the recorded neighbours of a filled frame are $g$ degrees away, so that every $2g$-th frame is kept.
#
# > **Predict.** At $g = 6$, steps of 12°: which of the five shows columns where they are?

# %%
wanted = left_out(6)
at = int(np.abs(wanted.angles_deg).argmin())  # the frame nearest to 0°
made = {way: filled_in(6, way) for way in ways}
made = {way: filled.projections[filled.generated][at] for way, filled in made.items()}
title = "A gap of 6°: five ways to fill it, five beliefs"
figures.frames(wanted.projections[at], made, nm, title)

# %% [markdown]
# **Why.** Straight lines show every column twice, half as bright. The band limit has been passed, and fades. The object, asked with all 16 frames at once, knows where columns are. A network that has a few frames and its experience draws hardly more than straight lines: which column went where is not in them. Shown the object, it believes it.
#
# Now all gaps. Errors are in units of the brightest *recorded* pixel, a number that one has at the microscope.
#
# > **Predict.** Draw five curves of PSNR against the gap. Which one is on top at 1°, which at 12°, and do any two cross?

# %%
gaps = (1, 2, 3, 4, 6, 8, 12)
rows = interpolation.gap_sweep(truth.crop(y=24), gaps, ways)  # 24 rows, to save time
figures.sweep(rows)
print("PSNR in dB   gap " + "".join(f"{gap:6d}" for gap in gaps))
for way in ways:
    mine = [row for row in rows if row["method"] == way]
    print(f"{way:16s}" + "".join(f"{row['psnr_db']:6.0f}" for row in mine))
mse = {row["gap"]: row["mse"] for row in rows if row["method"] == "linear"}
print("MSE of straight lines:", ", ".join(f"{mse[gap]:.0e} at {gap}°" for gap in (1, 4, 12)))

# %% [markdown]
# **Why.** At 1° the tilts are dense enough, and the band limit knows all there is. From 2° on those lead that look at the object, for they alone use all frames. The network improves on it where tilts are dense and a volume is the blunter tool, by 10 dB at 1°; from 3° on it keeps within 2 dB of what it is shown. Not shown it, it gains 6 dB on straight lines at 2° and next to nothing at 12°. Curves cross; whoever publishes one gap can have any winner.
#
# ## 5. The paper's numbers, and ours
#
# > **Predict.** The paper reports +1.15 dB and +0.03 SSIM of its network over straight lines, a mean over gaps 1 to 12 of an aberrated set. Theirs sees two frames and no object. Will ours, held to that, gain less or more?

# %%
ours = {}
for way, name in (("linear", "straight lines"), ("network_frames", "network")):
    mine = [row for row in rows if row["method"] == way]
    ours[name] = np.mean([row["psnr_db"] for row in mine]), np.mean([row["ssim"] for row in mine])
figures.paper(ours)
shown = np.mean([row["psnr_db"] for row in rows if row["method"] == "network"])
print(f"ours, shown the object as well: {shown - ours['straight lines'][0]:+.1f} dB")

# %%
wanted = left_out(6).projections
for way in ("linear", "network_frames"):
    filled = filled_in(6, way)
    frames = [filled.projections[filled.generated], wanted]
    low, high = ([f(v, axis=(1, 2), keepdims=True) for v in frames] for f in (np.min, np.max))
    a, b = ((v - lo) / (hi - lo) for v, lo, hi in zip(frames, low, high))
    print(f"{way}, gap 6°, every frame stretched to 0…1 by itself: {db(a, b):.0f} dB")

# %% [markdown]
# **Why.** More, and that is no ranking. Ours is a small crystal under a sharp probe, without channelling; theirs are 99 particles by multislice with an aberrated one. Theirs is a network for each gap, ours one for all; their frames are 512 pixels wide. What ours gains beyond, once it is shown the object, is the merit of the object. And they stretch every frame to 0…1 by its own darkest and brightest pixel, the truth by its own: then the comparison knows the contrast that the filled frame should have had (last cell). A decibel belongs to its data and its normalisation. Of those who compare with straight lines only, ask for the geometric curve.
#
# ## 6. Which way, and who is told
#
# `method="auto"` decides without the truth: it measures the band limit, and holds recorded frames out to see what each way would have made of them. It does not take the network, whose errors it cannot foretell. But it knows one way more than our five, which we left for now because it takes longest: the geometric way with *total variation* (week 6) beside $x \geq 0$, its λ found by frames held out as well.
#
# > **Predict.** At $g = 1$ and at $g = 8$: what does it take? At 8°, is "few edges", which has learned from nothing, ahead of 196 000 weights or behind? And in what places can a reader see that frames were generated?

# %%
part = truth.crop(y=8)  # 8 rows, to save time
for gap in (1, 8):
    told = filled_in(gap, "auto", part).metadata["filling"]
    print(f"gap {gap}°: {told['method']}; the band limit asks for {told['nyquist_step_deg']:.1f}°")
made = {way: filled_in(8, way, part) for way in ("geometric", "network", "auto")}
made["network, shown those of auto"] = filled_in(8, "network", part, "auto")
wanted, filled = left_out(8, part).projections, made["auto"]
for name, one in made.items():
    print(f"gap 8°, {name}: {db(one.projections[one.generated], wanted):.1f} dB")
print("the series:", filled.generated.astype(int))
print("the lab book:", filled.history[-1][:66], "…")
print("the report:", report.report(tomography.sirt(filled.bin(2), 20))[:69], "…")

# %% [markdown]
# **Why.** At 1° tilts are dense enough for the band limit. At 8° total variation leads the geometric way by 4 dB, and the network, which was shown the frames of that way, by 2 dB. What decides is how much is known of the object; what has been learned from other particles is worth less here than a prior that fits into one line, and that line can be checked. Shown the frames of *that* prior, the network adds 2 dB to them; but not at every gap: at 6° it takes 1 dB away, at 12° 2.
#
# A *generated frame* holds what the recorded frames and an assumption imply, and no electron. In a stack of 200 images it looks like any other. So the mark travels: in the series, in its history, in every report of a reconstruction, in every file that the kit writes. The dose stays that of the recorded frames.
#
# ## 7. Does it help the volume?
#
# The paper's chain: SIRT with 100 iterations from all frames (the reference), from the sparse ones, and from the filled series; cut the object out at Otsu's threshold; measure how far two objects are apart by their nearest points.
#
# ### Exercise 3: the Chamfer distance (about 6 minutes)
#
# From every point of `a` the way to the nearest of `b`, the mean; the same from `b` to `a`; and of both the mean. A k-d tree finds nearest points: `scipy.spatial.cKDTree(b).query(a)[0]`.


# %% tags=["exercise"]
def chamfer(a, b):
    """Return the mean distance to the nearest point of the other set, both ways, halved."""
    ### BEGIN SOLUTION
    from scipy.spatial import cKDTree

    to_b, to_a = cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]
    return (to_b.mean() + to_a.mean()) / 2
    ### END SOLUTION


ex.chamfer.check(chamfer)

# %% [markdown]
# > **Predict.** Filled series against sparse ones, at gaps of 3°, 6° and 12°: will filling help SIRT? And a rival that generates nothing: the sparse frames with total variation (week 6)?

# %%
chamfer = ex.chamfer.use(chamfer)

part, apart = truth.crop(y=24), {}
whole = tomography.sirt(part.bin(2), 100).volume  # 32 × 32 × 12 voxels, for speed
for gap in (3, 6, 12):
    found = volumes(gap, part)
    for name, volume in found.items():
        apart.setdefault(name, {})[gap] = chamfer(solid(volume), solid(whole))
title = "Eight recorded tilts: what SIRT makes of them, filled and not"
figures.volumes({"all tilts": whole, **found}, title)
figures.objects(apart)
for name, at in apart.items():
    print(f"{name:14s}" + "".join(f"  {value:.2f} at {gap}°" for gap, value in at.items()))

# %% [markdown]
# **Why.** Two priors, six outcomes. Straight lines spoil the volume at every gap: SIRT believes the ghosts, and smears atoms into arcs. A network that sees frames only changes nothing at 3° and draws the same ghosts at 12°. The geometric filling comes nearest everywhere, and the network that was shown it comes out level. Neither adds an electron: it is the prior $x \geq 0$, solved to its end. Total variation on the bare sparse frames costs something where tilts suffice, and at 12° it beats sparse SIRT, straight lines and frames only, having generated nothing. So a filled series must be compared with a prior, and not with none. (The paper finds that its network helps at every gap. Its SIRT may go negative; ours keeps $x \geq 0$, as most programs can, and that alone takes away much of what there was to gain.)
#
# ## 8. What a learned prior invents
#
# One gold atom sits on the crystal, off every lattice site. HAADF goes with $Z^{1.7}$ (week 1), so it is as bright as 21 of aluminium. The network has seen crystals of one element only.
#
# > **Predict.** A gap of 4°. Will the PSNR of the network that sees frames only fall, now that the particle is unlike all that it knows? Will its frames be right around the gold atom? And what changes when it is shown the object?

# %%
odd = simulate.particle_tilt_series(widgets.gap.odd_particle(), shape=(64, 64))
for name, series in (("crystal", truth), ("with gold", odd)):
    wanted, top = left_out(4, series).projections, sparse(4, series).projections.max()
    for way in ("geometric", "network", "network_frames"):
        filled = filled_in(4, way, series)
        off = (filled.projections[filled.generated] - wanted) / top
        print(f"{name:10s} {way:14s} PSNR {db(off, 0):.0f} dB, "
              f"worst pixel off by {10 * round(10 * np.abs(off).max()):.0f} % of the brightest")
worst = int(np.abs(off).max(axis=(1, 2)).argmax())
place = np.unravel_index(np.abs(off[worst]).argmax(), off[worst].shape)
title = "Where it has no experience, the network invents"
figures.invented(wanted[worst] / top, wanted[worst] / top + off[worst], place, title)

# %% [markdown]
# **Why.** With frames only, the PSNR has *risen*. Errors are counted in units of the brightest pixel, which is gold now, and a mean over 4096 pixels does not notice the few around one atom. There it is off by nearly three quarters of the brightness: it draws a smear, in a place where neither neighbour had one. Nothing in the frame looks wrong. Whoever wants to know whether that atom is round, single, or where it sits reads the training set. This is called *hallucination*, and the mean error is the wrong instrument for it: look at the worst place.
#
# Shown the object, the network is off by a tenth there. And yet it takes 9 dB from the geometric frames that it was shown: it corrects what was right, towards what it knows. A learned prior needs a witness, and does not always believe it.
#
# ## 9. A warning that needs no truth
#
# Recorded frames determine an object, as far as they go. Reconstruct it, project it where a frame was generated, and compare: re-projection *consistency*. How far apart is too far? Recorded frames that are left out of the reconstruction are not hit exactly either, and they stand in gaps twice as wide. So they are the measure:
#
# $$ r_g = \frac{\max_w \|\hat y_g - A_g x\|_w}{\max_{k,w} \|y_k - A_k x_{-k}\|_w}, $$
#
# with $\hat y_g$ a generated frame, $A_g$ the projection to its angle, $x_{-k}$ the object without the recorded frame $k$, and $\|\cdot\|_w$ over a window $w$ of 8 × 8 pixels. Above 1.25 it rings.
#
# > **Predict.** At $g = 4$, frames of the network that sees no object, of the crystal and of the crystal with gold: which ring? And with gold, those of the network that sees it, and the geometric ones?

# %%
found = {}
for name, way, series in (("frames only, crystal", "network_frames", truth),
                          ("frames only, gold", "network_frames", odd),
                          ("network, gold", "network", odd), ("geometric, gold", "geometric", odd)):
    found[name] = interpolation.consistency(filled_in(4, way, series), n_iter=40)
    check = found[name]
    print(f"{name:20s} {'RINGS' if check.rings else 'quiet'}, worst ratio "
          f"{check.ratios.max():.1f}")
figures.warnings(found)

# %% [markdown]
# **Why.** Quiet for the crystal, and it rings for gold, although the PSNR said the opposite. It is loudest at the ends, where that atom crosses the detector fastest. So a specimen unlike the training set is noticed without the truth, by the frames that were recorded. And the others? Geometric frames are projections of that very object, or nearly, and the network was shown them: they pass *by construction*. Here they also happen to be right, or nearly; the check could not have known.
#
# And now its limits. The same two particles at a gap of 12°, eight recorded frames.
#
# > **Predict.** Made from frames only, they are far worse there. Will the warning ring louder?

# %%
for name, series in (("crystal", truth), ("with gold", odd)):
    filled, top = filled_in(12, "network_frames", series), sparse(12, series).projections.max()
    quality = db(filled.projections[filled.generated], left_out(12, series).projections, top)
    check = interpolation.consistency(filled, n_iter=40)
    print(f"{name:10s} PSNR {quality:.0f} dB, {'RINGS' if check.rings else 'quiet'}, worst ratio "
          f"{check.ratios.max():.1f}")

# %% [markdown]
# **Why.** The crystal's frames are wrong all over at 12°, and the warning is quiet. From eight frames no object is determined well enough: those that are left out are missed just as widely, and what nobody knows nobody can contradict. (The gold atom is so bright that even eight frames fix it: there it still rings.) A check that is quiet about everything at wide gaps must not be quoted as a proof.
#
# ## 10. What may be published
#
# Generated frames are no fraud, as long as nobody has to guess which they are. Three questions for each sentence of a paper: does it stand without them? is it said how many there are and how they were made? can a reader take them out of the data again? A fourth for the abstract: "half the dose" is a claim about a measurement that was not made.
#
# ### Exercise 4: a caption (about 6 minutes)
#
# Four captions for the same figure.

# %% tags=["exercise"]
for number, caption in enumerate(ex.caption.problem(), 1):
    print(f"{number}. {caption}")
chosen = None
because = []
### BEGIN SOLUTION
chosen = 3
because = ["A", "B", "C"]
### END SOLUTION
print(ex.caption)
ex.caption.check(caption=chosen, because=because)

# %% [markdown]
# ## 11. Explorer: into the gap
#
# The crystal, live. A frame that was left out, the frame filled in, and beside it their difference, the sinogram, or a slice of the volume (SIRT, 100 iterations).
#
# Three things to try: **(a)** *straight lines*, and the *sinogram* beside it; walk the gap from 1° to 12°. **(b)** At 12° take the *slice of the volume*, and go through all five ways. **(c)** Under *more* put the gold atom there; gap 4°, *network, frames only*, *difference*; walk the tilt and watch it follow. Then take the *network*.
#
# <details><summary>What you should have seen</summary>
# (a) At 1° nothing is missing. Then the bands of the sinogram turn into stairs, first far from the axis, where columns move fastest; at 12° nothing connects. (b) Straight lines smear atoms into arcs, and so does whoever has hardly more to go by: the band limit, the network of frames only. The geometric way keeps them points, and so does the network that sees it. (c) The difference is small everywhere but around the gold atom, and largest towards ±80°. Shown the object, the network leaves little of it.</details>

# %% tags=["explorer"]
explorer = widgets.GapExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"gap {shown.gap}°, tilt {shown.tilt:.0f}°, {shown.method}: PSNR {shown.psnr_db:.0f} dB, "
      f"{shown.n_made} frames generated beside {shown.n_kept} recorded")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - No noise, no drift, perfect alignment, 180° of tilt. Noise favours those who use all frames; a wedge and a wrong axis hurt them first. Try `counts=40` and `drift_px=1` in `simulate.particle_tilt_series`.
# - The model is incoherent. In a crystal on its zone axis *channelling* makes columns brighter than the sum of their atoms, and no volume explains that: the geometric way will leave a residual at those tilts.
# - One crystal of 1.8 nm. In a particle ten times as wide everything happens at a tenth of the gap.
# - The warning knows no more than a reconstruction does. Quiet means "not contradicted", which is less than "right".
# - A network trained on your kind of specimen will do better, and will be sure of your kind of specimen.
#
# ## Take-away
#
# 1. Whether a gap can be filled is decided by d/D against the step: below it any honest way works, beyond it the prior speaks.
# 2. Filling adds no measurement. Compare it with another prior on the same frames, at several gaps, and look for the worst place, not for the mean.
# 3. Mark what is generated, in the data and in the caption; and let every claim stand without it.
#
# ## Three questions
#
# <details><summary>1. A paper: "Our network raises the PSNR of interpolated tilts by 1.15 dB over linear interpolation." What do you ask?</summary>
# At which gaps, normalised by what, and compared with what else: against straight lines nearly everything wins. And where in the frame the largest error is.</details>
#
# <details><summary>2. The filled series gives a sharper volume than the sparse one. Where does the sharpness come from?</summary>
# From the assumption that filled it, since no electron was added. Give the same sparse frames to a reconstruction with a prior, and compare with that.</details>
#
# <details><summary>3. All generated frames pass the re-projection check. May you count vacancies in the volume?</summary>
# Only those that are there without the generated frames. The check compares with what recorded frames determine; an atom that they do not determine can be invented or lost in silence.</details>
#
# ## Further reading
#
# - Sagar, Abdelkarim, Li, Baldi and Patterson, *Angular sparsity invariant tilt series generation in scanning/transmission electron microscopy* (2025): the network, the gaps, and the chain of section 7.
# - Rattey and Lindgren, *Sampling the 2-D Radon transform* (1981), [doi:10.1109/TASSP.1981.1163686](https://doi.org/10.1109/TASSP.1981.1163686): the bow tie.
# - Crowther, DeRosier and Klug, *The reconstruction of a three-dimensional structure from projections and its application to electron microscopy* (1970), [doi:10.1098/rspa.1970.0119](https://doi.org/10.1098/rspa.1970.0119): N = πD/d.
# - Otsu, *A threshold selection method from gray-level histograms* (1979), [doi:10.1109/TSMC.1979.4310076](https://doi.org/10.1109/TSMC.1979.4310076).
