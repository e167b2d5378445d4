# %% [markdown]
# # Week 5: Tilt series, and the wedge they miss
#
# You will watch Fourier space fill like a fan, one tilt at a time, see what the part that never fills does to a sphere, and name the traces it leaves on a real needle.
#
# **After this hour you can**
#
# - say what one projection measures, in real space (a sinusoid for each point) and in Fourier space (one line);
# - write filtered back-projection, and say what its ramp does to noise;
# - predict how far apart tilts may be, and how much a missing wedge stretches a small object;
# - name wings, hoods, rays and streaks on a real section, each with its cause, and write the line that belongs under it.
#
# **Time:** 75 minutes. **You need:** Fourier transforms in two dimensions, and the singular values of week 2. Sections 1 to 7 use simulated data, because there the truth is known; section 8 uses a needle
# measured at NIST in HAADF-STEM, which comes with the kit. Each step asks you to *predict* before you *run*.

# %% tags=["setup"]
import numpy as np
from em_inverse import datasets, forward, metrics, noise, phantoms, report, tomography, widgets
from em_inverse.checks import week05 as ex
from em_inverse.plotting import week05 as figures
from em_inverse.widgets.wedge import acquisition_order

N = 96  # pixels of 1 nm
x = 0.3 * phantoms.disc(N, radius=32)  # a section x[z, x]: silica ...
inclusions = [(30, 40), (38, 62), (52, 34), (60, 58), (47, 49)]  # ... and iron oxide at (z, x)
for centre in inclusions:
    x += 0.7 * phantoms.disc(N, radius=3, centre=centre)


def record(x, angles):
    """Return the projections of a slice at these tilts."""
    return forward.ParallelBeam(x.shape, angles, dtype=float) @ x


def wbp(y, angles, filter="ramp"):
    """Return the slice by weighted back-projection."""
    return tomography.wbp(tomography.TiltSeries(y, angles), filter=filter).x


def expose(x, angles, read_out, seed):
    """Return projections of 1000 electrons per pixel in all, with read-out noise in each."""
    counts, scale = noise.poisson(record(x, angles), 1000 / len(angles), seed=seed, counts=True)
    return noise.gaussian(counts, read_out, relative=False, seed=seed + 50) / scale

# %% [markdown]
# ## 1. What a projection is
#
# Our specimen is a section through a needle of amorphous silica, 64 nm across, with five particles of iron oxide, 6 nm each. In HAADF every atom counts with about $Z^{1.7}$ ($Z$ is its atomic number), which
# makes the oxide between three and four times as bright as the glass: we take 1 and 0.3. $x[z, x]$ is that brightness per nm; $z$ runs along the beam. The microscope does not see it. It sees sums along rays: $y_\theta(s)$, the integral of $x$ along
# the ray that hits the detector at $s$ when the specimen is tilted by $\theta$. All of them together are the *Radon transform*, our operator $H$ this week. Typical: −70° to +70° in steps of 2°, which is 71 images.
#
# (Sums, without a logarithm: HAADF counts what is scattered, so more matter gives more counts. The logarithm belongs to images made of what is *absorbed*. In an EELS or EDX map $x$ is the amount of one element. Bright-field
# images of crystals depend on how the lattice lies to the beam: they are no sums at all, and this $H$ is wrong for them.)
#
# ### Exercise 1: where does a point go? (about 5 minutes)
#
# A particle sits at $(z, x)$, counted from the tilt axis. On the detector it falls on
#
# $$ s = x\cos\theta + z\sin\theta . $$
#
# Write this for an array of tilts, given in degrees.

# %% tags=["exercise"]
def sinusoid(z, x, angles_deg):
    """Return the detector coordinate of the point for every tilt."""
    ### BEGIN SOLUTION
    theta = np.deg2rad(angles_deg)
    return x * np.cos(theta) + z * np.sin(theta)
    ### END SOLUTION


ex.sinusoid.check(sinusoid)  # stuck? ex.sinusoid.hint(), and later ex.sinusoid.solution()

# %% [markdown]
# A *sinogram* shows all projections of one section, one below the other: tilt downwards, detector across.
#
# > **Predict.** Five particles and one big disc. Which of them draw curves, which draws a straight band? And which particle draws the widest curve?

# %%
sinusoid = ex.sinusoid.use(sinusoid)
everywhere = np.arange(-90.0, 91.0)
sinogram = record(x, everywhere)
middle = (N - 1) / 2
z3, x3 = inclusions[3][0] - middle, inclusions[3][1] - middle
figures.projections(x, sinogram, everywhere, sinusoid(z3, x3, everywhere))
for z, across in inclusions:
    curve = sinusoid(z - middle, across - middle, everywhere)
    print(f"particle at z = {z - middle:5.1f}, x = {across - middle:5.1f} nm: reaches "
          f"|s| = {np.abs(curve).max():4.1f} nm, at {everywhere[np.abs(curve).argmax()]:+.0f}°")

# %% [markdown]
# **Why.** $x\cos\theta + z\sin\theta = r\cos(\theta - \varphi)$: the amplitude $r = \sqrt{x^2 + z^2}$ is the distance from the tilt axis, the phase $\varphi$ the direction. Two numbers, read off a curve, place the
# particle in depth, and no single image has them. The first particle lies farthest out, 19 nm, and swings widest; the dashed curve is that of the fourth. The big disc is centred on the axis: $r = 0$, a straight band.
#
# ## 2. One projection is one line
#
# Take the one-dimensional Fourier transform of a projection at 30°. Compare it with the two-dimensional transform of the section, along the line through its centre that is tilted by 30°.
#
# > **Predict.** The section has 9216 pixels, the projection 96. Will the two spectra agree roughly, at low frequencies only, or everywhere?

# %%
Z, X = np.indices((N, N)) - middle
s, q = np.arange(N) - middle, np.fft.rfftfreq(N)

def line(degrees):
    """Return the 2-D transform of x on the line at this angle."""
    kx, kz = q * np.cos(np.deg2rad(degrees)), q * np.sin(np.deg2rad(degrees))
    return np.array([np.sum(x * np.exp(-2j * np.pi * (a * X + b * Z))) for a, b in zip(kx, kz)])

projected = np.array([np.sum(record(x, [30])[0] * np.exp(-2j * np.pi * f * s)) for f in q])
figures.fourier_slice(x, 30, q, projected, line(30))
for degrees in (30, 35, 60):
    off = np.linalg.norm(projected - line(degrees)) / np.linalg.norm(line(degrees))
    print(f"against the line at {degrees}°: relative difference {100 * off:.1f} %")

# %% [markdown]
# **Why.** This is the *Fourier slice theorem*. To sum along the beam is to ask for waves that do not change along the beam: at 0° those with $k_z = 0$, which is one line. At the tilt $\theta$ the line
# turns with the specimen. (The line at 60° differs by no more than 13 %, because long waves, with the total mass among them, are much alike on all lines. What is left at 30° comes from interpolation between pixels, and shows in the finest waves only.) So a tilt series is a bundle of lines through the centre of Fourier space, and nothing between them.
#
# ## 3. The fan
#
# A holder stops at ±70°. We record 9, 31 or 141 tilts between these ends: steps of 17.5°, 4.7° and 1°.
#
# > **Predict.** Two things are wrong with the left picture below. One is cured by more tilts, the other is not. Which is which?

# %%
schemes = [np.linspace(-70, 70, n) for n in (9, 31, 141)]
slices = [wbp(record(x, angles), angles) for angles in schemes]
figures.fan(schemes, slices)
for angles, image in zip(schemes, slices):
    width = tomography.missing_wedge(angles).width_deg
    print(f"{angles.size:3d} tilts: RMSE {metrics.rmse(image, x):.3f}, "
          f"unrest outside the needle {image[np.hypot(Z, X) > 36].std():.3f}")
print(f"directions without a line at 141 tilts: {width:.0f}° of 180°, or {100 * width / 180:.0f} %")

# %% [markdown]
# **Why.** Streaks come from the *gaps between lines*: a star around each bright particle, one ray for each tilt, and where two stars cross, a streak between two particles. More tilts close the gaps. The
# *wedge* stays: no line lies within 20° of the beam, however many there are (40° in all; 39° are printed, because half a step at either end is counted as measured). The particles stay drawn out along the beam, and from 31 tilts to 141 neither the RMSE nor
# the unrest outside (the standard deviation there) falls by much: what is left of them is the wedge's.
#
# ## 4. From lines to a slice: the ramp
#
# *Back-projection* smears each projection back along its rays and adds. That is $H^T y$, the adjoint. What does $H^T H$ do to the section? Ask the question of week 2: how much of a pattern passes? Our patterns
# are patches of waves with a direction and a period, seen through the 71 tilts of ±70°; what passes is $\sigma = \|Hw\| / \|w\|$, a singular value in all but name.
#
# > **Predict.** The direction is the one in which a wave goes up and down. Of two waves across the beam (0°), one twice as fine as the other: which has the larger σ, and by what factor? And what is σ for a wave along the beam (90°)?

# %%
H = forward.ParallelBeam((N, N), np.arange(-70, 71, 2), dtype=float)
patch = np.exp(-(X**2 + Z**2) / (2 * 16**2))

def gain(direction, period):
    t = np.deg2rad(direction)
    wave = patch * np.cos(2 * np.pi * (X * np.cos(t) + Z * np.sin(t)) / period)
    return np.linalg.norm(H @ wave) / np.linalg.norm(wave)

print("period      0°     45°     60°     75°     90° (along the beam)")
for period in (24, 12, 6):
    print(f"{period:3d} nm " + "".join(f"{gain(d, period):8.1f}" for d in (0, 45, 60, 75, 90)))

# %% [markdown]
# **Why.** Downwards: half the period, $\sigma$ smaller by $\sqrt 2$. All lines cross in the centre of Fourier space and spread like spokes, so the density of measurements falls as $1/|k|$, and $\sigma^2$ with it.
# $H^TH$ multiplies each wave by $\sigma^2 \propto 1/|k|$: long waves win, and back-projection is a fog. To undo it, multiply by $|k|$. Sideways: $\sigma$ hardly changes up to 60° and then falls off a
# cliff. Within the wedge it is next to nothing; that is the null space of a tilt series, and dividing by *that* is hopeless. (The wave of 24 nm keeps a little: so few periods fit into the patch that it is a mixture of directions.)
#
# ### Exercise 2: the ramp filter (about 8 minutes)
#
# Filter every projection (a row) with $|q|$, where $q$ is the frequency along the detector in cycles per pixel. Fill the rows up with zeros to twice their length first: a Fourier transform closes the detector to a
# ring, and what leaves on the right would come back on the left.

# %% tags=["exercise"]
def ramp(projections):
    """Return the projections, shape (tilts, n), filtered with |q|."""
    ### BEGIN SOLUTION
    n = projections.shape[1]
    spectrum = np.fft.rfft(projections, 2 * n, axis=1)
    return np.fft.irfft(spectrum * np.fft.rfftfreq(2 * n), 2 * n, axis=1)[:, :n]
    ### END SOLUTION


ex.ramp.check(ramp)

# %% [markdown]
# With 90 tilts over the full half circle there is no wedge. Filtered back-projection (FBP; electron microscopists say weighted, WBP) is then $\hat x = \frac{\pi}{90} H^T\,\text{ramp}(y)$. ($\hat x$ is the reconstruction; π/90 is the step of 2° in radians, the width that each tilt stands for.)
#
# > **Predict.** The noisy projections hold 100 electrons per pixel on average, a good image: their noise is 8 % of the signal. After the ramp, will the slice be about as noisy as the projections, or more?

# %%
ramp = ex.ramp.use(ramp)
H = forward.ParallelBeam((N, N), np.arange(0, 180, 2.0), dtype=float)
y = H @ x
noisy = noise.poisson(y, dose=100, seed=1)
back = H.T @ y * (np.sum(x * (H.T @ y)) / np.sum((H.T @ y) ** 2))  # at its best scale
clean, grainy = (np.pi / 90 * (H.T @ ramp(data)) for data in (y, noisy))
pictures = {"back-projection": back, "after the ramp": clean, "noisy, after the ramp": grainy}
figures.filtering(pictures)
for name, image in (pictures | {"noisy, Hann window": wbp(noisy, H.angles_deg, "hann")}).items():
    print(f"{name:28s}: RMSE {metrics.rmse(image, x):.3f}")
before, after = (100 / noise.snr(*pair) for pair in ((noisy, y), (grainy, clean)))
print(f"noise: {before:.0f} % of the projections, {after:.0f} % of the slice")

# %% [markdown]
# **Why.** The ramp takes the fog away, and with it the safety: the fine waves get the largest factor, and in the finest waves there is more noise than object. Noise that was 8 % of the projections is more than two fifths of the slice. It is the story of $1/\sigma_i$ in week 2, milder: $\sigma$ falls like
# $1/\sqrt{|k|}$, not exponentially. A window that lets the ramp end softly (here Hann's) is a filter factor: it costs sharpness and buys calm. What is left after the ramp without noise are the steps of the pixels and of the tilts.
#
# *Cost.* Filtering takes $N \log N$ steps for each tilt. Smearing back takes $N^2$, and that is where the time goes: $N^2$ × tilts for a slice. (A lecture that this course follows gives FBP as $O(N^2\log N)$. That holds for cleverer
# schemes, not for the sum over tilts.) SIRT, SART and TV, which iterate, are the matter of week 6.
#
# ## 5. How many tilts?
#
# Put one point on the tilt axis and reconstruct it from $N_\theta$ tilts over the half circle, keeping waves down to the period $d$. Near the point all is calm; from some distance on there are streaks.
#
# > **Predict.** Twice the tilts: do the streaks start twice as far out, or get half as strong? And if you ask for a coarser detail $d$?

# %%
rings = np.round(np.hypot(*(np.indices((193, 193)) - 96))).astype(int)
point = np.exp(-(np.hypot(*(np.indices((193, 193)) - 96)) ** 2) / (2 * 0.5**2))
print("tilts  detail d  streaks start at   N d / π")
for n_tilts, d in ((12, 4), (12, 6), (20, 4), (20, 6), (30, 4), (30, 6)):
    angles = np.arange(n_tilts) * 180 / n_tilts
    series = tomography.TiltSeries(record(point, angles), angles)
    image = tomography.wbp(series, cutoff=2 / d).x
    spread = np.array([image[rings == r].std() for r in range(10, 90)])
    start = 10 + np.argmax(spread > spread.max() / 2)
    print(f"{n_tilts:5d} {d:6d} px {start:12d} px {n_tilts * d / np.pi:11.0f} px")

# %% [markdown]
# **Why.** At the frequency $1/d$ neighbouring spokes of the fan stand $\pi/(N_\theta d)$ apart; where samples stand $1/L$ apart, copies of the object appear at the distance $L$. Each point is surrounded by a clean zone of radius
# about $N_\theta d/\pi$. Make that zone as large as the object, of diameter $D$, and no streak of any point crosses it. That is Crowther's rule:
#
# $$ d = \frac{\pi D}{N_\theta} = D\,\Delta\theta \quad (\text{the step } \Delta\theta \text{ in radians}). $$
#
# Our needle of 64 nm in steps of 2° allows details of 2.2 nm; in steps of 17.5°, of 20 nm.
#
# ## 6. The wedge
#
# ### Exercise 3: draw it (about 5 minutes)
#
# An array like that of `np.fft.fft2` (rows $k_z$, columns $k_x$, zero frequency at `[0, 0]`): 1 where the direction of $(k_x, k_z)$ lies within ± the largest tilt of the $k_x$ axis, 0 in the wedge.

# %% tags=["exercise"]
def wedge_mask(n, max_tilt_deg):
    """Return an n × n array: 1 where Fourier space is measured, 0 where it is not."""
    ### BEGIN SOLUTION
    k = np.abs(np.fft.fftfreq(n))
    direction = np.degrees(np.arctan2(k[:, None], k[None, :]))
    return np.where(direction <= max_tilt_deg, 1.0, 0.0)
    ### END SOLUTION


ex.wedge_mask.check(wedge_mask)

# %% [markdown]
# ### Exercise 4: put a number on the stretching (about 7 minutes)
#
# The *elongation* is the width of an object along the beam over its width across. As width take the standard deviation of $z$ (or of $x$), each pixel weighted by its value; what is below a quarter of the maximum counts as 0.

# %% tags=["exercise"]
def spread_ratio(image):
    """Return the spread along z (rows) over the spread along x (columns)."""
    ### BEGIN SOLUTION
    weight = np.where(image >= image.max() / 4, image, 0)
    z, x = np.indices(image.shape)
    z = z - np.average(z, weights=weight)
    x = x - np.average(x, weights=weight)
    return np.sqrt(np.sum(weight * z**2) / np.sum(weight * x**2))
    ### END SOLUTION


ex.spread_ratio.check(spread_ratio)

# %% [markdown]
# For small objects and tilts up to $\alpha$ Radermacher worked out what a linear reconstruction should give:
#
# $$ e = \sqrt{\frac{\alpha + \sin\alpha\cos\alpha}{\alpha - \sin\alpha\cos\alpha}} . $$
#
# > **Predict.** The section through a sphere of 10 nm, tilts to ±90°, ±70°, ±50°, ±30°. At ±50° nearly half of all directions are missing. Will the sphere be 1.2, 1.9 or 3 times as long as wide? And how bright will its middle be?

# %%
wedge_mask, spread_ratio = ex.wedge_mask.use(wedge_mask), ex.spread_ratio.use(spread_ratio)
sphere = phantoms.disc(N, radius=5)
limits = (90, 70, 50, 30)
schemes = [np.arange(-limit, limit + 1, 2.0)[limit == 90 :] for limit in limits]
slices = [wbp(record(sphere, angles), angles) for angles in schemes]
figures.stretching(schemes, slices)
print("tilts to  formula   WBP  mask alone  WBP at half maximum  middle  measured")
for a, image in zip(limits, slices):
    known = np.fft.ifft2(np.fft.fft2(sphere) * wedge_mask(N, a)).real
    half = metrics.wedge_elongation(image, method="half_maximum")
    print(f"  ±{a}° {tomography.elongation(a):9.2f} {spread_ratio(image):7.2f} "
          f"{spread_ratio(known):8.2f} {half:15.2f} {image.max():14.2f} {100 * a / 90:8.0f} %")

# %% [markdown]
# **Why.** An edge is made of waves that run across it. Waves along the beam are missing, so the edges that lie *across the beam*, top and bottom, are the ones nobody measured: resolution is worst along the beam, and untouched along
# the tilt axis. (You may read "worse perpendicular to the tilt plane"; that direction is the tilt axis, the best one of all.) Three things to keep:
#
# - *Mask alone* takes the true sphere and cuts the wedge out, with no algorithm at all. It is stretched just as much. So it is not WBP that is to blame, but the data.
# - The formula fits within a tenth, *with this ruler*. At half maximum the same picture gives less, at ±30° by a quarter. Whoever reports an elongation has to say how it was measured.
# - The middle is as bright as the share of directions that was measured: WBP leaves the rest at zero. Grey values from different tilt ranges cannot be compared.
#
# ## 7. Electrons, and where to spend them
#
# Total dose = dose per image × number of tilts. Suppose that the specimen bears 1000 detected electrons per pixel in all (the mean over an image). If a tenth of the beam reaches the annular detector, these are 10,000 e/nm², or 100 e/Å². We split them over 15, 31, 71
# or 141 images, once with counting (Poisson) noise alone, once with electronics that add read-out noise of 5 electrons per pixel to each image.
#
# > **Predict.** With 141 tilts an image holds 7 electrons per pixel. Will the slice be noisier than with 15 images of 67 electrons?

# %%
print("tilts   electrons per image   RMSE, counting alone   RMSE, with read-out noise")
pictures = {}
for n_tilts in (15, 31, 71, 141):
    angles, error = np.linspace(-70, 70, n_tilts), {}
    for read_out in (0, 5):
        images = [wbp(expose(x, angles, read_out, seed), angles, "hann") for seed in range(4)]
        error[read_out] = np.mean([metrics.rmse(image, x) for image in images])
        pictures[n_tilts, read_out] = images[-1]
    print(f"{n_tilts:4d} {1000 / n_tilts:15.0f} {error[0]:22.3f} {error[5]:22.3f}")
figures.dose({"15 tilts": pictures[15, 0], "71 tilts": pictures[71, 0],
              "141 tilts, read-out noise 5": pictures[141, 5]})

# %% [markdown]
# **Why.** In a linear reconstruction every electron helps, whichever image it lands in: counting noise depends on the *total* dose, and splitting it further costs nothing (the dose-fractionation theorem of Hegerl and Hoppe). Measured: subtract the slice without noise, and 0.07 of noise remains with 15 tilts as with 141. The rest of the RMSE is wedge, and with 15 tilts streaks. So "a beam-sensitive
# specimen needs fewer tilts" is not the whole truth: it needs a smaller total dose. What does punish many tilts is what comes *with each image*: read-out noise, which rules where counts are few; time; and alignment, which has to find the specimen in each of them.
#
# The dose does something else, too. Suppose that a particle of 40 nm shrinks by a fifth while it is recorded. Three orders of the same 71 tilts: from −70° to +70°; from 0° outwards (dose-symmetric); and jumping by the golden ratio.
#
# > **Predict.** Undamaged, the particle would come out 1.17 times as long as wide (less than the 1.3 of the formula, because it is large and the noise takes part). In which order will it come out *rounder* than that? (Which tilts see the width, which rather the height? Which come first?)

# %%
angles = np.arange(-70, 71, 2.0)
slices, alarms = {}, {}
for order in ("sequential", "symmetric", "golden"):
    when = np.argsort(acquisition_order(angles, order))  # its turn, for each tilt
    radii = 20 - 4 * when / 70
    rows = [record(phantoms.disc(N, radius=r), [a])[0] for r, a in zip(radii, angles)]
    data = noise.poisson(rows, dose=200, seed=1)
    slices[order] = wbp(data, angles, "hann")
    series = tomography.TiltSeries(data, angles)
    alarms[order] = tomography.damage_alarm(series, acquisition_order=when)
    print(f"{order:10s}: elongation {spread_ratio(slices[order]):.2f}, alarm {bool(alarms[order])}")
figures.damage(slices, alarms["sequential"])

# %% [markdown]
# **Why.** Images near 0° see the width, those at high tilt come closer to the height. Dose-symmetric: the width is recorded early, large; the height late, small. The particle looks rounder than the wedge allows, and the damage hides the artefact. Sequential: the flanks
# seen early are larger than those seen late, and the outline becomes lopsided, here a little longer. Golden ratio: early and late images lie side by side everywhere, so the outline is that of a particle of middling size, and nothing in it looks wrong. No prior repairs this, because no single object fits all the images. But that also gives it away: `damage_alarm` compares what early and late
# images leave unexplained (right panel, for the sequential order), and rings for all three.
#
# ## 8. The real needle
#
# 77 images, ±76° in steps of 2°, a needle of layered material, here in a small copy of 64 × 64 pixels of 13 nm. Before any reconstruction come two repairs. *Zero*: a line integral through nothing must be 0, but electronics adds an offset.
# *Drift*: between two images the stage moves; a centre of mass may move as $c + a\cos\theta + b\sin\theta$ (Exercise 1), and what does not is drift.
#
# > **Predict.** The offset is about 1 % of the brightest pixel. What share of *all* intensity is it? And by how many pixels do the images jump: a tenth, one, several?

# %%
series = datasets.load("nist-needle-small")
clean = tomography.remove_background(series)
aligned = tomography.align(clean)
layer = round(0.42 * series.projections.shape[2])
figures.needle(series, aligned, layer)
share = clean.metadata["background"].mean() / series.projections.mean()
jumps = np.abs(np.diff(aligned.metadata["shifts_px"][:, 0]))
print(f"offset: {100 * share:.0f} % of all intensity")
print(f"jumps between neighbours: median {np.median(jumps):.1f} px, largest {jumps.max():.1f} px")
for name, data in (("as recorded", clean), ("aligned", aligned)):
    left = report.report_table(tomography.sirt(data, n_iter=20))["relative_residual"]
    print(f"{name:11s}: one object leaves {100 * left:.0f} % of the data unexplained")

# %% [markdown]
# **Why.** The offset is small but everywhere, and most of an image is vacuum: left in, it would become a disc as wide as the detector, and pull every centre of mass to the middle. A jump of nine pixels (120 nm) is no scandal for a goniometer. The last
# two lines are the honest test: alignment was not told to make *one object explain all images* (SIRT of week 6 tries), and yet it does.
#
# Now the artefacts. The same layer, three ways: all tilts; only those to ±50°; every sixth tilt (steps of 12°).
#
# > **Predict.** You know what a wedge does and what gaps do. In which picture will the disc become a lens? Which one is full of streaks? What will a wedge of only 28° leave behind?

# %%
def section(tilts):
    return tomography.wbp(aligned.select(tilts), filter="hann").volume[:, :, layer] / 1000

sections = {"77 tilts to ±76°": section(lambda angle: True)}
sections["51 tilts to ±50°"] = section(lambda angle: abs(angle) <= 50)
sections["13 tilts, every 12°"] = section(lambda angle: angle % 12 == 0)
figures.fingerprints(sections, series.pixel_size_nm)
away = np.hypot(*(np.indices((64, 64)) - 31.5)) > 16
for name, image in sections.items():
    low, unrest = -image.min() / image.max(), image[away].std() / image.max()
    print(f"{name:20s}: elongation {spread_ratio(image):.2f}, wings down to "
          f"−{100 * low:.0f} %, unrest {100 * unrest:.0f} %")

# %% [markdown]
# **Their names.** All percentages are of the brightest value; *unrest* is the standard deviation far from the needle. It cannot tell wings and rays from streaks (the wedge has the highest of the three); the eye can.
#
# | name | looks like | cause | how to tell |
# |---|---|---|---|
# | wings | dark, left and right of a bright object | the missing waves would have filled them in | darker than vacuum, which nothing is |
# | hoods | pale, above and below it | the same, with the other sign | always along the beam, whatever the specimen |
# | lens, rays | pointed top and bottom, rays from the tips | tangents along the last tilts: the edge of the wedge | the rays stand at ±50°, the last tilt |
# | streaks | fine lines all over, from every edge | gaps between tilts | more tilts, or fewer: they move |
# | doubled or lopsided outline | (not here; section 7) | drift left over, damage | early and late images disagree |
#
# And one that no algorithm made: the middle of this layer is a sixth darker than its rim (white on white in the first picture, to be seen in the second). A solid disc does not come out like that (try it). Perhaps the layer is lighter inside; or the detector misses electrons that so much material scatters too far.
# The data cannot tell.
#
# A number of 1.1 for the elongation proves nothing, because nobody promised that this needle is round. An experiment does: throw tilts away, and watch the same tip change.
# (`wedge_elongation` is your `spread_ratio`, for volumes too.)
#
# > **Predict.** Will the tip follow the formula? Will SIRT, which may not go below zero, do better than WBP? And which facts belong under the picture?

# %%
tip = slice(40, 48)
print("tilts to  formula   WBP   SIRT   unexplained by SIRT")
for limit in (76, 60, 50, 40):
    part = aligned.select(np.abs(aligned.angles_deg) <= limit)
    sirt = tomography.sirt(part, n_iter=50)
    e = [metrics.wedge_elongation(result.volume[:, :, tip])
         for result in (tomography.wbp(part, filter="hann"), sirt)]
    left = 100 * report.report_table(sirt)["relative_residual"]
    print(f"  ±{limit}° {tomography.elongation(limit):8.1f} {e[0]:7.1f} {e[1]:6.1f} {left:8.0f} %")
    if limit == 76:
        line_below = report.report(sirt)
print(line_below)

# %% [markdown]
# **Why.** WBP follows the formula. SIRT is stretched less, thanks to $x \ge 0$, which is a prior. But read the last column: with tilts to ±40° SIRT explains 92 % of the data, and its tip is 1.7 times as long as wide, where the full series says 1.0. **A small residual says that the answer
# fits what was measured. It says nothing about what was not.** The last line is the one that belongs under the picture: tilt range, step, algorithm, residual; and what is not known, the dose.
#
# ### Exercise 5: decide and justify (about 8 minutes)
#
# A catalyst particle of 100 nm, details of 5 nm, a holder to ±70°, and a dose that allows 2000 counts per pixel in all. Which tilt step? Sections 5 and 7 hold one limit each. The cell lists labelled statements; pick those
# that justify *your* choice. An answer is two lines, such as `step = 8` and `because = ["A", "C"]`.

# %% tags=["exercise"]
step = None
because = []
### BEGIN SOLUTION
step = 2
because = ["B", "D", "E"]
### END SOLUTION
print(ex.best_step)
ex.best_step.check(step=step, because=because)

# %% [markdown]
# ## 9. Explorer: the fan in your hands
#
# Move the largest tilt, the step, and the share of the tilts recorded so far. In the fan the line measured last is the brightest. The number on top is the elongation, long axis over short one, along whatever direction the object is drawn out.
#
# Two things to try: **(a)** set *recorded so far* to 50 % and go through the three orders: where is the particle drawn out to, and when could you stop early? Then record all: does the order still matter?
# **(b)** choose the needle section (under *more*), tilts to ±90°, and make the step coarser until streaks cross the section. Does it agree with Crowther?
#
# <details><summary>What you should have seen</summary>
# (a) Sequential: drawn out 31° off the beam, 3.5 times, because one half of the fan is empty. Dose-symmetric: along the beam, 3.5 times too, as from a holder that stops at ±30°. Golden ratio: 1.6 times, nearly the final 1.5, with a few streaks: one could stop here.
# With all tilts recorded the three give the same slice. (b) The section is 64 px wide and its inclusions 6 px: D Δθ = 6 px gives a step of 5.4°, and at 15° streaks fill it.</details>

# %% tags=["explorer"]
explorer = widgets.WedgeExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"{shown.angles.size} tilts to ±{shown.angles.max():.0f}°: {shown.missing_deg:.0f}° missing, "
      f"elongation {shown.stretched:.2f}, RMSE {shown.rmse:.3f}")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - *Who reads a height off a tomogram.* At ±76° WBP says 1.1 and SIRT 1.0 for the needle's tip, and a simulated round disc gives the same pair. A difference of a tenth between two methods is larger than what one would like to measure. Use both, and notice.
# - *Who looks for layers across the beam.* A thin film lying flat is made of waves along the beam only: it is in the null space, and the slice shows vacuum. Tilt the specimen differently on the holder, or take a second series about another axis.
# - *Who believes grey values.* They are counts of one detector, scaled by the tilt range (section 6), and $Z^{1.7}$ adds up over all atoms of a voxel: twice as bright may be heavier or denser.
# - *Who simulates.* Our projections were made by the operator that inverted them, and without drift. Real residuals (section 8) do not go down to the noise.
# - *Below 13 nm* this small copy shows nothing. With all pixels (3.4 nm) the step takes over: the shaft is $D$ = 270 nm wide, and steps of 2° resolve $D\,\Delta\theta$ = 9 nm. Change the name to `nist-needle` (10 MB, fetched once) to see it.
#
# The needle in five lines; for your own series, `io.read_tilt_series("mine.mrc", "mine.rawtlt")` in the second:
#
# ```python
# from em_inverse import datasets, io, report, tomography
# series = datasets.load("nist-needle-small")
# series = tomography.align(tomography.remove_background(series))
# result = tomography.sirt(series, n_iter=50)
# print(report.report(result))
# ```
#
# ## Take-away
#
# 1. A projection is one line of Fourier space; the ramp turns the fan of lines into a slice, and amplifies the fine noise.
# 2. The step decides about streaks ($d = D\,\Delta\theta$), the largest tilt about elongation, the total dose about grain: three knobs.
# 3. What lies in the wedge was not measured. A residual judges the fit to the rest only. Report the tilt range, always.
#
# ## Three questions
#
# <details><summary>1. A colleague doubles the number of tilts between −60° and 60° to get rid of the elongation. What happens?</summary>
# Streaks become fewer; the elongation stays at 1.55 for a small object. Only a larger tilt, or a second axis, fills the wedge.</details>
#
# <details><summary>2. Pale rays leave a particle at ±65° from the beam, top and bottom. Which tilt range was it?</summary>
# Up to ±65°: the rays run along the beam's direction in the last images.</details>
#
# <details><summary>3. A tomogram of a beam-sensitive particle from a dose-symmetric series is perfectly round, with tilts to ±70°. Reason to be glad?</summary>
# Reason to ask. Round is what it should not be: the wedge alone makes 1.2 or 1.3. Shrinking during the series, or a prior, may have made it round.</details>
#
# ## Further reading
#
# - Frank (editor), *Electron Tomography* (2006), [doi:10.1007/978-0-387-69008-7](https://doi.org/10.1007/978-0-387-69008-7): the book.
# - Crowther, DeRosier, Klug, *The reconstruction of a three-dimensional structure from projections* (1970), [doi:10.1098/rspa.1970.0119](https://doi.org/10.1098/rspa.1970.0119): how many tilts for which resolution.
# - Radermacher, *Three-dimensional reconstruction of single particles from random and nonrandom tilt series* (1988), [doi:10.1002/jemt.1060090405](https://doi.org/10.1002/jemt.1060090405): the elongation.
# - Kak, Slaney, *Principles of Computerized Tomographic Imaging*, chapter 3, [doi:10.1137/1.9780898719277](https://doi.org/10.1137/1.9780898719277): the ramp.
# - Hegerl, Hoppe, *Influence of electron noise on three-dimensional image reconstruction*, Z. Naturforsch. A 31 (1976) 1717: splitting the dose.
