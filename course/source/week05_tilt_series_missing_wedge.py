# %% [markdown]
# # Week 5: A real tilt series, and the wedge it misses
#
# You will turn 77 real images of a needle into a volume, in six lines of Python, and measure what the tilts that nobody could record have done to it.
#
# **After this you can**
#
# - prepare a tilt series: find its zero, and put its projections where a perfect stage would have put them;
# - tell weighted back-projection (WBP) from SIRT by their fingerprints;
# - recognise the missing wedge in a real volume, and put a number on it;
# - write the line that belongs under every picture of a tomogram.
#
# **Time:** 20 minutes. **You need:** nothing from the earlier weeks. This is the first, short part of the week; exercises and explorer are in preparation.
#
# **The data** were recorded at NIST: a needle of layered material in HAADF-STEM. They come with the kit in a small form, 64 × 64 pixels of 13 nm, so every number below is
# about a real specimen. For all 256 × 256 pixels, change `nist-needle-small` in the first cell to `nist-needle` (10 MB, fetched once; everything takes some minutes then, and the
# numbers change a little).

# %% tags=["setup"]
import numpy as np
from em_inverse import datasets, io, metrics, report, tomography
from em_inverse.plotting import week05 as figures

series = datasets.load("nist-needle-small")
n_y = series.projections.shape[2]
layer, tip = round(0.42 * n_y), slice(5 * n_y // 8, 6 * n_y // 8)  # a bright layer, and the tip
print(series)

# %% [markdown]
# ## 1. Look at what was recorded
#
# A projection is `projections[tilt, x, y]`: x runs across the tilt axis, y along it.
#
# > **Predict.** In vacuum no electron is scattered onto the annular detector. What does the detector report there? And which way does the tilt axis run: along
# > the needle, or across it?

# %%
figures.projections(series)
brightest, vacuum = series.projections.max(), series.projections[:, :, -6:].mean()
print(f"brightest pixel {brightest:.0f} counts, vacuum below the tip {vacuum:.0f} counts")

# %% [markdown]
# **Why.** Electronics adds an offset. In the original file it is strange enough to frighten: signed integers, vacuum at about −31,890 and the brightest pixel at 32,325
# (the small copy holds the same values, raised by 32,768 and divided by 16). Nothing is wrong with such a file, as long as nobody takes its numbers for electrons.
#
# ## 2. Find zero
#
# A line integral through nothing must be 0. `remove_background` looks for the most frequent value of each projection, and calls it vacuum.
#
# > **Predict.** The offset is about 1 % of the brightest pixel. What share of *all* the intensity in the series is it: 1 %, or more?

# %%
clean = tomography.remove_background(series)
levels = clean.metadata["background"]
left = np.abs(clean.projections[:, :, -6:].mean(axis=(1, 2))).max()
print(f"offset: {levels.min():.0f} to {levels.max():.0f} counts, drifting a little")
print(f"its share of all intensity: {100 * levels.mean() / series.projections.mean():.0f} %")
print(f"vacuum below the tip is now within {left:.1f} counts of zero")

# %% [markdown]
# **Why.** The offset is small but it is everywhere, and most of the picture is vacuum. Left in, it would be reconstructed as a disc as wide as the detector, and it would pull every
# centre of mass towards the middle of the image, which the next step depends on.
#
# ## 3. Undo the drift
#
# Between two projections the stage moves by more than its tilt. Two facts help. The mass of a slice does not change with the tilt, so mass profiles along y tell the shift along the axis. And a
# centre of mass moves as $c + a\cos\theta + b\sin\theta$ across it; what does not, is drift.
#
# > **Predict.** A pixel is 13 nm. By how many pixels do the projections wander: a tenth, one, several?

# %%
aligned = tomography.align(clean)
figures.sinograms(clean, aligned, layer)
jumps = np.abs(np.diff(aligned.metadata["shifts_px"][:, 0]))
print(f"jumps between neighbours: median {np.median(jumps):.1f} px, largest {jumps.max():.1f} px")
print(f"the tilt axis was turned by {aligned.metadata['rotation_deg']:.1f}°")
for name, data in (("as recorded", clean), ("aligned", aligned)):
    off = tomography.find_tilt_axis(data).residual
    left = report.report_table(tomography.sirt(data, n_iter=20))["relative_residual"]
    print(f"{name:11s}: {off:.1f} px off the curve; SIRT leaves {100 * left:.0f} % unexplained")

# %% [markdown]
# **Why.** A goniometer is a machine, and nine pixels (120 nm) from one image to the next are no scandal. But do not be impressed by "0.0 px off the curve": the method *makes* that number zero. The honest test asks for
# something that alignment was not told to improve: can one object explain all projections? As recorded, SIRT (it comes below) fails by a large part of the data; aligned, it fails by much less.
#
# ## 4. Reconstruct, twice
#
# Each projection holds one line through the centre of Fourier space. The tilts end at ±76°; beyond that, most holders shadow the specimen or hit the lens.
#
# > **Predict.** Which share of the directions is missing? And where in a slice will that show: at the needle's sides, or at its top and bottom?

# %%
figures.coverage(series)
wedge = 180 - np.ptp(series.angles_deg)
print(f"missing: {wedge:.0f}° of 180°, or {100 * wedge / 180:.0f} % of all directions")

# %% [markdown]
# **Why it will show at top and bottom.** An edge is made of waves that run across it. The missing waves run along the beam, so the edges that lie across the beam, the top and the bottom of
# the needle, are the ones nobody measured.
#
# WBP filters the projections and smears them back: it takes what is not measured as zero. SIRT changes a volume until its projections agree with the data, and here it may not go below zero.
#
# > **Predict.** Both start from the same 77 projections. Which of the two will be darker than vacuum somewhere?

# %%
wbp = tomography.wbp(aligned, filter="hann")
sirt = tomography.sirt(aligned, n_iter=50)
figures.sections(wbp, sirt, layer)
for name, volume in (("WBP", wbp.volume), ("SIRT", sirt.volume)):
    below = abs(volume.min()) / volume.max()
    print(f"{name:4s}: down to {100 * below:.0f} % of the brightest value below vacuum")

# %% [markdown]
# **Why.** Wings and hoods are the fingerprint of the missing wedge: what the missing waves would have cancelled is left standing. SIRT cancels them with a belief, $x \geq 0$, and that is a prior as in
# week 11. Its top and bottom are no better *measured*.
#
# ## 5. Put a number on it
#
# The *elongation* is the width along the beam over the width across. Yet a number of 1.1 proves nothing, because nobody promised that this needle is round. What we can do is an experiment:
# throw away tilts that we have, and watch the same needle change. For small objects Radermacher worked out what to expect from WBP with tilts up to $\alpha$:
#
# $$ e = \sqrt{\frac{\alpha + \sin\alpha\cos\alpha}{\alpha - \sin\alpha\cos\alpha}} $$
#
# > **Predict.** With the tilts up to ±50° only: how many times as long as wide will the tip of the needle be? And will SIRT be better?

# %%
def cut(limit):
    keep = np.abs(aligned.angles_deg) <= limit
    kept = {"projections": aligned.projections[keep], "angles_deg": aligned.angles_deg[keep]}
    return aligned.replace(**kept)

def expected(limit):
    a, b = np.deg2rad(limit), np.sin(2 * np.deg2rad(limit)) / 2  # sin α cos α = sin(2α) / 2
    return np.sqrt((a + b) / (a - b))

# %%
results = {}
print("tilts to  expected   WBP   SIRT   unexplained by SIRT")
for limit in (76, 60, 50, 40):
    part = cut(limit)
    by = {"WBP": tomography.wbp(part, filter="hann"), "SIRT": tomography.sirt(part, n_iter=50)}
    e = [metrics.wedge_elongation(result.volume[:, :, tip]) for result in by.values()]
    left = 100 * report.report_table(by["SIRT"])["relative_residual"]
    print(f"  ±{limit}°     {expected(limit):6.1f}   {e[0]:5.1f}  {e[1]:5.1f}   {left:5.0f} %")
    results |= {f"{name}, ±{limit}°": result for name, result in by.items()}

# %%
chosen = {name: results[name] for name in ("WBP, ±76°", "WBP, ±50°", "SIRT, ±50°")}
figures.tip(chosen, tip)
for name, result in chosen.items():
    print(f"{name}: elongation {metrics.wedge_elongation(result.volume[:, :, tip]):.1f}")

# %% [markdown]
# **Why.** WBP follows the formula, so nothing but the missing directions is at work. SIRT is stretched less, thanks to $x \geq 0$. But read the last column: with the tilts to ±40° it explains 92 % of the data, while
# its tip is 1.7 times as long as wide, where the full series says 1.0. **A small residual says that the answer fits what was measured. It says nothing about what was not.**
#
# ## 6. Write it down
#
# > **Predict.** Your colleague sees the SIRT picture on a slide. Which facts would she need to judge it? Name four, then run.

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    path = io.write_volume(Path(folder) / "needle.mrc", sirt)
    print(f"{path.name}: {io.read_volume(path).volume.shape} voxels")
print(report.report(sirt))

# %% [markdown]
# That line goes under the picture. It also says what is *not* known: the file does not state the dose. All of this week in six lines; they are the same for your own series, with `io.read_tilt_series("mine.mrc", "mine.rawtlt")` in the second:
#
# ```python
# from em_inverse import datasets, io, report, tomography
#
# series = datasets.load("nist-needle-small")
# series = tomography.align(tomography.remove_background(series))
# result = tomography.sirt(series, n_iter=50)
# io.write_volume("needle.mrc", result)
# print(report.report(result))
# ```
#
# ## What you cannot conclude
#
# - **How round the needle is.** At ±76° WBP says 1.1 and SIRT 1.0. A simulated round disc gives the same pair, so the needle may be round; but a difference of a tenth between two methods
#   is larger than what one would like to measure. Who reads a width along z from one of them is misled, and would notice with the other.
# - **What the layers are made of.** Grey values are counts of one detector with an offset and no calibration; brighter means heavier or denser, and not even
#   in proportion. Look at the thick layer of section 4 again: its middle is a sixth darker than its rim. The algorithms do not do that to a solid disc (try it). Either the layer is lighter inside,
#   or, more likely, the detector misses electrons that so much material scatters too far. These data cannot tell.
# - **Anything below 13 nm** in this small copy. With all pixels (3.4 nm) the tilt step takes over: for the shaft with its diameter $D$ = 270 nm, steps of 2° resolve about $D\,\Delta\theta$ = 9 nm.
# - **How certain a voxel is.** We made one volume, not two from independent halves.
#
# ## Take-away
#
# 1. Zero first, then alignment, then reconstruction: each later step believes the earlier ones.
# 2. The missing wedge takes the edges that lie across the beam. WBP shows the loss as wings and hoods; SIRT fills it with a belief.
# 3. A residual judges the fit to the measured directions only. Report the tilt range, always.
#
# ## Further reading
#
# - Crowther, DeRosier, Klug, *The reconstruction of a three-dimensional structure from projections* (1970), [doi:10.1098/rspa.1970.0119](https://doi.org/10.1098/rspa.1970.0119): how many tilts for which resolution.
# - Radermacher, *Three-dimensional reconstruction of single particles from random and nonrandom tilt series* (1988), [doi:10.1002/jemt.1060090405](https://doi.org/10.1002/jemt.1060090405): the elongation.
# - Gilbert, *Iterative methods for the three-dimensional reconstruction of an object from projections* (1972), [doi:10.1016/0022-5193(72)90180-4](https://doi.org/10.1016/0022-5193%2872%2990180-4): SIRT.
