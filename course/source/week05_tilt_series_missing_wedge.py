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
# about a real specimen. For the full 256 × 256 pixels, change the name `nist-needle-small` in the second cell to `nist-needle` (10 MB, fetched once; all takes a minute longer, and
# the numbers change a little).

# %% tags=["setup"]
import numpy as np
from em_inverse import datasets, io, metrics, plotting, report, tomography

# %%
series = datasets.load("nist-needle-small")
n, y = series.n_tilts, int(0.42 * series.projections.shape[2])
print(series)

# %% [markdown]
# ## 1. Look at what was recorded
#
# A projection is `projections[tilt, x, y]`: x runs across the tilt axis, y along it.
#
# > **Predict.** In vacuum no electron is scattered onto the annular detector. What does the detector report there? And which way does the tilt axis run: along
# > the needle, or across it?

# %%
shown = [0, n // 2, n - 1]
fig = plotting.images([series.projections[t].T for t in shown], [f"tilt {series.angles_deg[t]:.0f}°" for t in shown], axes=("y", "x"),
    pixel_size_nm=series.pixel_size_nm, quantity="counts", title="The layers are as thick at ±76° as at 0°, so the tilt axis runs along the needle")
plotting.show(fig, alt="Projections at −76°, 0° and 76°: a needle pointing down, a dark shaft above and bright and dark layers towards its tip. The layers do not get thinner with the tilt, so the tilt axis runs along the needle, which tilts and drifts a little.")
vacuum = series.projections[:, :, -6:]
print(f"brightest pixel {series.projections.max():.0f} counts, vacuum below the tip {vacuum.mean():.0f} counts")

# %% [markdown]
# **Why.** Electronics adds an offset. In the original file it is strange enough to frighten: signed integers, with vacuum at −31,890 and the brightest layer at 32,325
# (the small copy keeps the offset but counts from zero). Nothing is wrong with such a file, as long as nobody takes its numbers for electrons.
#
# ## 2. Find zero
#
# A line integral through nothing must be 0. `remove_background` looks for the most frequent value of each projection, and calls it vacuum.
#
# > **Predict.** The offset is about 1 % of the brightest pixel. What share of *all* the intensity in the series is it: 1 %, or more?

# %%
clean = tomography.remove_background(series)
levels = clean.metadata["background"]
print(f"offset: {levels.min():.0f} to {levels.max():.0f} counts, different in each projection")
print(f"its share of all intensity: {100 * levels.mean() / series.projections.mean():.0f} %")
print(f"vacuum below the tip is now within {np.abs(clean.projections[:, :, -6:].mean(axis=(1, 2))).max():.0f} counts of zero")

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
before, after = tomography.find_tilt_axis(clean), tomography.find_tilt_axis(aligned)
fig = plotting.images([s.projections[:, :, y] for s in (clean, aligned)], ["as recorded", "aligned"], axes=("tilt (number)", "x"), quantity="counts",
    title="Alignment takes the jumps out of the sinogram")
plotting.show(fig, alt="Sinograms of one layer, tilt number downwards and position x across. As recorded the bright band jumps sideways several times; aligned, it is a straight band in the middle.")
largest, middle = np.abs(aligned.metadata["shifts_px"][:, 0]).max(), np.median(np.abs(aligned.metadata["shifts_px"][:, 0]))
print(f"shift across the axis: median {middle:.1f} px, largest {largest:.1f} px; the axis itself was turned by {before.rotation_deg:.1f}°")
print(f"distance of the centres of mass from the curve: {before.residual:.1f} px before, {after.residual:.1f} px after")

# %% [markdown]
# **Why.** A goniometer is a machine. One projection lies nine pixels, 120 nm, from where it belongs. But do not be too impressed by "0.0 px after": the method *makes* that number
# zero. An honest test asks something that alignment was not told to improve. We let SIRT explain the projections, before and after:

# %%
for name, data in (("as recorded", clean), ("aligned", aligned)):
    table = report.report_table(tomography.sirt(data, n_iter=20))
    print(f"{name:11s}: one object leaves {100 * table['relative_residual']:.0f} % of the data unexplained")

# %% [markdown]
# ## 4. Reconstruct, twice
#
# Each projection holds one line through the centre of Fourier space. The tilts end at ±76°, because beyond that the holder shadows the specimen.
#
# > **Predict.** Which share of the directions is missing? And where in a slice will that show: at the needle's sides, or at its top and bottom?

# %%
fig = plotting.fourier_coverage(series.angles_deg, title="77 lines are measured, a wedge around the beam is not")
plotting.show(fig, alt="Lines through the origin of Fourier space every 2° from −76° to 76°. A wedge around kz, the direction of the beam at 0°, holds no line.")
wedge = 180 - np.ptp(series.angles_deg)
print(f"missing: {wedge:.0f}° of 180°, or {100 * wedge / 180:.0f} % of all directions")

# %%
wbp = tomography.wbp(aligned, filter="hann")
sirt = tomography.sirt(aligned, n_iter=50)
fig = plotting.images([wbp.volume[:, :, y], sirt.volume[:, :, y], sirt.volume[sirt.volume.shape[0] // 2].T], ["WBP: z, x", "SIRT: z, x", "SIRT: y, x"], axes=("z", "x"),
    pixel_size_nm=series.pixel_size_nm, title="One layer, cut across")
plotting.show(fig, alt="x")
print(wbp.volume.max(), sirt.volume.max())
