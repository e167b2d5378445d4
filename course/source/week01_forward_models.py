# %% [markdown]
# # Week 1: What the microscope does
#
# You will send an object through probe, detector and dose, and meet two objects that one image cannot tell apart.
#
# **After this hour you can**
#
# - write what your microscope does as $y = Hx + \varepsilon$, letter by letter;
# - turn a dose in electrons per nm² into counts per pixel and a signal-to-noise ratio;
# - test whether a forward model is linear, and write and test its adjoint;
# - say which of three things goes wrong when a measurement cannot be turned back into an object.
#
# **Time:** 60 minutes. **You need:** vectors and matrices, and a little numpy. Nothing about inverse problems: the course begins here.
# All data are simulated, so that we know the truth and can grade ourselves.
#
# **How these notebooks work.** Every step asks you to *predict*, then to *run* the cell (Shift + Enter), and then tells *why*. A wrong prediction is worth
# more than none: say it aloud, or write it down. If results already stand below the cells, clear them first (menu *Edit*, *Clear Outputs of All Cells*).

# %% tags=["setup"]
import numpy as np
from em_inverse import forward, noise, phantoms, widgets
from em_inverse.checks import week01 as ex
from em_inverse.plotting import week01 as figures

# %% [markdown]
# ## 1. One line for every microscope
#
# A micrograph looks like the specimen, so one easily takes it for the specimen. Follow the electrons instead. The beam is formed (*illumination*), it meets atoms
# (*scattering*), and a pixel of the detector counts what arrives (*detection*). What the file holds is the end of that chain. In one line:
#
# $$ y = Hx + \varepsilon $$
#
# | letter | in words | in this notebook |
# |---|---|---|
# | $x$ | the object | how many atoms of each element stand under each pixel |
# | $H$ | the forward operator: physics from object to clean data | scattering, probe, projection |
# | $\varepsilon$ (epsilon) | noise | electrons arrive one by one; the electronics adds a little |
# | $y$ | the measurement | counts per pixel |
#
# Classical microscopy perfects the optics, and the image is the result. *Computational imaging* plans three parts together: **optics** and **sensor**, which make $H$ and $\varepsilon$, and
# **computation**, which takes $y$, $H$ and what is known beforehand (the *prior*), and returns an estimate $\hat{x}$ ("x hat") of the object. Then the data need not look like
# anything: no one can read a tilt series or a stack of diffraction patterns by eye, and yet each holds more than any one sharp picture could. On data that you already
# have, a better algorithm can be worth a better lens (weeks 5 and 6 measure how much). It cannot add electrons that were never counted. Going from $x$ to $y$ is this week; all other weeks go back.
#
# ## 2. The letter x: the object
#
# Our specimen is a sphere with a radius of 1.9 nm: iron outside, and inside a gold core with a radius of 1.1 nm. A pixel is 50 pm wide. The beam passes 2.2 nm of gold in the middle;
# a nm³ of gold holds 59 atoms, a nm³ of iron 85.
#
# > **Predict.** How many gold atoms stand under the middle pixel: about 300, about 3, or less than one?

# %%
shell, core = 0.05 * phantoms.core_shell_maps(96, core_radius=22, shell_radius=38)  # nm
x = np.stack([85 * shell, 59 * core])  # atoms per nm²: x[0] iron, x[1] gold
print(f"x holds {x.shape[0]} maps of {x.shape[1]} × {x.shape[2]} pixels")
for element, atoms in zip(("iron", "gold"), x[:, 48, 48]):
    print(f"{element} in the middle: {atoms:.0f} atoms per nm², {atoms * 0.05**2:.2f} per pixel")

# %% [markdown]
# **Why.** 0.05 nm × 0.05 nm is 0.0025 nm²: very small. On it stand 2.2 nm of gold, and 59 × 2.2 × 0.0025 is a third of an atom. (Real atoms stand in columns. Seen along no special direction of the crystal, the
# columns overlap, and the density that is left is what we use.) Fine pixels are cheap to ask for, and there is little in each. Remember that when we count electrons.
#
# ## 3. The letter H: from atoms to a picture
#
# In a STEM (scanning transmission electron microscope) a focused probe steps over the specimen, and a ring-shaped detector collects electrons scattered to high angles: HAADF, high-angle
# annular dark field. (Detectors at small angles give other pictures: bright field, annular bright field.) Two things happen on the way.
#
# 1. **Contrast.** Each atom sends a small share of the electrons onto the ring, in proportion to $Z^\gamma$. $Z$ is its atomic number; the exponent γ (gamma) would be 2 for a bare nucleus, and is about
#    1.7 because electrons around the nucleus screen it. The shares of all atoms along the beam add up: $\sum_e Z_e^\gamma\, x_e$, where $e$ runs over the elements.
# 2. **Probe.** The probe has a width. Each pixel collects a little from its neighbours: a *convolution* with the probe, written $\star$. The probe is also called the point-spread function, for it is
#    what the image of a single point would look like.
#
# $$ Hx = \text{probe} \star \sum_e Z_e^\gamma\, x_e $$
#
# > **Predict.** Gold has $Z = 79$, iron 26. By what factor does a gold atom outshine an iron atom: about 3, about 7, or about 9? Could you tell iron from cobalt ($Z = 27$)?

# %%
for name, Z in (("cobalt", 27), ("nickel", 28), ("gold", 79)):
    print(f"one {name} atom is {(Z / 26) ** 1.7:.2f} times as bright as an iron atom")
cobalt = forward.LinearThickness(["Co"])(x[:1])  # Σ Z^γ x with γ = 1.7
more_iron = forward.LinearThickness(["Fe"])(1.0663 * x[:1])
apart = np.abs(cobalt - more_iron).max() / cobalt.max()
print(f"a shell of cobalt against 6.63 % more iron: images differ by {100 * apart:.2f} %")

# %% [markdown]
# **Why.** $(79/26)^{1.7} = 6.6$. But a shell of cobalt has the very same image as a shell with 6.6 % more iron, however many electrons you spend. HAADF adds $Z^\gamma$ over atoms, and
# from a sum one cannot read what was added: neither $Z$ without the thickness, nor the thickness without $Z$. (A lecture that this course follows writes HAADF as "recover $Z(r)$". The formula
# above shows what else one would have to know.) Here is the week's theme for the first time: *two objects, one measurement*.
#
# ### Exercise 1: write H (about 8 minutes)
#
# `x[e]` is the map of element `e`, `Z[e]` its atomic number, and `P @ image` sends an image through the probe. Replace the line with `raise` by yours and run the cell. `check` tries your function on
# other maps, elements and probes, so use its arguments only. It will not bite: it says what your function does, and `ex.haadf.hint()` goes on from there. If you leave the exercise blank, the
# notebook continues with our version and says so.

# %% tags=["exercise"]
def haadf(x, Z, gamma, P):
    """Return P ⋆ Σ Z^γ x for the maps x[element, row, column]."""
    ### BEGIN SOLUTION
    image = np.zeros(x.shape[1:])
    for e in range(len(Z)):
        image = image + Z[e] ** gamma * x[e]
    return P @ image
    ### END SOLUTION


ex.haadf.check(haadf)  # stuck? ex.haadf.hint(), and later ex.haadf.solution()

# %% [markdown]
# Now the whole chain. The probe is a Gaussian with a standard deviation σ (sigma) of 75 pm (1.5 px). The dose is $10^5$ electrons per nm² (1000 per Å²): little for a metal, and about as much as a zeolite bears. Our detector ring begins at 80 mrad, and at
# 200 kV about 3 % of the electrons that pass the middle of the particle reach it.
#
# > **Predict.** How many electrons are counted in the brightest pixel: about 7000, about 700, or about 7?

# %%
haadf = ex.haadf.use(haadf)
P = forward.GaussianBlur((96, 96), sigma=1.5)  # 75 pm
image = haadf(x, np.array([26, 79]), 1.7, P)
share = 0.03 * image / image.max()  # of the electrons that land on a pixel, those that are counted
landed = 1e5 * 0.05**2  # electrons per pixel
expected = landed * share  # Hx, in electrons
y = noise.generator(1).poisson(expected)  # electrons come one by one: section 4
sharp = landed * 0.03 / image.max() * forward.LinearThickness(["Fe", "Au"])(x)
figures.chain(sharp, expected, y)
print(f"{landed:.0f} electrons land on each pixel; the brightest expects {expected.max():.1f}")
print(f"pixels that counted nothing at all: {100 * np.mean(y == 0):.0f} %")

# %% [markdown]
# **Why.** $10^5$ sounds like plenty. But a pixel is 0.0025 nm², so 250 electrons land on it, and 3 % of them are 7.5. (The 3 % is no free choice: Rutherford's formula, for bare nuclei, gives 3.1 % for 2.2 nm of gold and 1.6 nm of iron;
# the screening by their electrons takes half a per cent off.) What you see in the right picture is $y = Hx + \varepsilon$. The other two nobody ever sees. Note that $H$ has grown by a factor: dose × area of a pixel × share
# turns atoms into electrons, so that $Hx$ and $\varepsilon$ have one unit.
#
# ### Two columns: what a probe hides
#
# Make the probe broader, σ = 150 pm (poor by today's standards: with an aberration corrector it is about 30 pm), and look at two atomic columns, each as narrow as one pixel of 10 pm. $H$ could now be written as a plain matrix: each row holds
# the probe, shifted by one pixel against the row above. Such a matrix is called a *Toeplitz* matrix.
#
# > **Predict.** Down to which distance will you see *two* peaks: 100 pm, 200 pm or 300 pm?

# %%
H = forward.GaussianBlur((161,), sigma=15)  # pixels of 10 pm
profiles = {}
for gap in (240, 280, 300, 320, 360, 400):
    two = np.zeros(161)
    two[[80 - gap // 20, 80 + gap // 20]] = 1
    profiles[gap] = H @ two
    dip = 1 - profiles[gap][80] / profiles[gap].max()
    print(f"columns {gap} pm apart: dip between them {100 * dip:4.1f} %")
figures.columns(10 * (np.arange(161) - 80), {gap: profiles[gap] for gap in (240, 300, 400)})

# %% [markdown]
# **Why.** Two equal Gaussians make one hump as long as their distance is at most 2σ, here 300 pm: the *Sparrow limit*. (The lecture calls columns at twice the probe width "clearly separated". Measured, they
# have just merged.) Wait before you say that finer detail is lost. The hump of two columns at 240 pm is broader than that of one, so the data *know*. Of a wave that repeats every 300 pm, 0.7 % still passes this
# probe: little, and not nothing. Whether a little is enough depends on the noise. A dip of 6.5 %, as for columns 350 pm apart, is three times the noise of a pixel only when about 2100 electrons are counted at the top. We had 7.5.
#
# ## 4. The letter ε: noise at a dose
#
# Electrons are counted, and counting has its own noise. If $N$ electrons are *expected* in a pixel, the number counted follows the Poisson law: its mean is $N$, its variance also $N$, so it scatters by
# $\sqrt{N}$. The signal-to-noise ratio (SNR) is $N/\sqrt{N} = \sqrt{N}$. Some detectors add *read-out noise*, a few electrons up or down in every pixel, however many were counted: Gaussian, with a fixed
# standard deviation. Independent noises add as variances.
#
# ### Exercise 2: what a dose buys (about 6 minutes)
#
# From the dose (e/nm²), the edge of a pixel (nm), the share of electrons that is counted, and the standard deviation of the read-out noise (electrons), return the SNR of one pixel. `dose` may be an array; numpy takes care of it.

# %% tags=["exercise"]
def snr(dose, pixel_nm, share, readout):
    """Return signal over noise of one pixel, for each dose."""
    ### BEGIN SOLUTION
    N = dose * pixel_nm**2 * share
    return N / np.sqrt(N + readout**2)
    ### END SOLUTION


ex.snr.check(snr)

# %% [markdown]
# Trust, but count: below, each pixel is measured 100 000 times, without and with a read-out noise of 3 electrons.
#
# > **Predict.** You spend ten times the dose, and there is no read-out noise. Is the SNR 10 times as good, 3.2 times, or twice? And where does the read-out noise hurt more, at low dose or at high dose?

# %%
snr = ex.snr.use(snr)
dose = np.logspace(3, 8, 6)
quiet, loud = snr(dose, 0.05, 0.03, 0), snr(dose, 0.05, 0.03, 3)
rng, measured = noise.generator(2), np.empty((2, 6))
for k, N in enumerate(dose * 0.05**2 * 0.03):
    n = rng.poisson(N, 100_000)
    measured[:, k] = N / n.std(), N / (n + 3 * rng.standard_normal(n.size)).std()
figures.snr(dose, quiet, loud, measured)
for d, q, m, r in zip(dose, quiet, measured[0], loud):
    print(f"{d:.0e} e/nm²: √N = {q:6.2f}, measured {m:6.2f}, with read-out noise {r:6.2f}")
print(f"both noises are equal at N = 3² = 9 counts: {9 / (0.05**2 * 0.03):.1e} e/nm²")

# %% [markdown]
# **Why.** Ten times the dose, $\sqrt{10} = 3.2$ times the SNR: that is all, for ten times the damage. Below 9 counts per pixel the fixed 3 electrons are larger than $\sqrt{N}$ and rule; far above they drown. (Look at the first two lines of
# the last column: there ten times the dose does buy ten times the SNR, because the noise stays at 3 electrons. No comfort: it starts from a tenth of what counting alone gives.) So
# read-out noise matters at *low* dose, and shot noise (the noise of counting) rules at high dose. (The lecture has it the other way round.) Detectors that count single electrons have next to no read-out noise.
#
# > **Predict.** At $10^4$ e/nm², 25 electrons land on each pixel of our particle. What is the largest number that any of its 9216 pixels will count: 1, about 5, or 25?

# %%
counted = {d: noise.generator(1).poisson(d * 0.05**2 * share) for d in (1e4, 1e6, 1e8)}
figures.doses(counted)
for d, n in counted.items():
    ratio = noise.snr(n, d * 0.05**2 * share)
    print(f"{d:.0e} e/nm²: at most {n.max():5d} counts in a pixel, SNR of the image {ratio:5.1f}")

# %% [markdown]
# **Why.** At $10^4$ even the middle of the core expects 0.75 electrons per pixel. A Poisson number with this mean is 0 in every second pixel, and 4 or more in one of 140: the core has some 1500, so fours are there and hardly a six.
# (The SNR of a whole image is $\|Hx\| / \|y - Hx\|$. The *norm* $\|\cdot\|$ is the length of a vector, here of all pixels: the root of the sum of their squares.) The eye still finds the particle, because it averages over many pixels. That is already a prior: *neighbours are alike*.
#
# A *spectrum image* is much poorer. Of the electrons that cross 2 nm of iron, of the order of one in ten thousand loses the energy that marks iron (EELS, electron energy-loss spectroscopy), and fewer still yield a counted X-ray
# (EDX). At $10^5$ e/nm² that is 0.025 counts in a pixel of 50 pm. "10 to 100 counts, SNR 3 to 10", as the lecture says, needs pixels of 1 nm or more. A dose per pixel means nothing without the size of the pixel.
#
# ## 5. Other microscopes, same line
#
# | modality | object $x$ | $H$ | linear? | noise $\varepsilon$ |
# |---|---|---|---|---|
# | HAADF image | atoms per nm², each element | probe ⋆ $\sum Z^\gamma x$ | yes, while thin | Poisson: a few % of the electrons |
# | EELS or EDX map | atoms per nm², one element | probe ⋆ (cross-section × $x$), and a blur in energy | yes, while thin | Poisson: often less than one count |
# | HAADF tilt series | density in 3-D | sums along rays, one set per tilt | yes, while thin | Poisson; no logarithm is taken |
# | bright-field absorption | density in 3-D | exp(− sums along rays) | after a logarithm | Poisson; uneven after the logarithm |
# | 4D-STEM (a diffraction pattern per probe position), phase contrast | potential in 3-D | waves, slice by slice (*multislice*) | no | Poisson |
#
# (The lecture calls the noise of tomography "Gaussian, post-log". That belongs to the fourth line; HAADF counts what is scattered, and there is nothing to take a logarithm of.) How hard each one is to invert is the business of week 2. First, a closer look at the third line. Below is a slice $x[z, x]$ through a cube with pores; $z$ points down, along the beam. (The $x$ in the brackets is the coordinate
# across the beam, not the object. The letter does both jobs everywhere.) At each tilt the detector records one profile, the sums along
# the rays. All profiles, one below the other, are called a *sinogram*.
#
# > **Predict.** A pore off the centre leaves a trace in the sinogram. Is it a straight line, an arc, or a closed circle?

# %%
cube = phantoms.nanocube_with_pores(96)
tilts = np.arange(-70, 71, 2)
T = forward.ParallelBeam((96, 96), tilts)
data = T @ cube
figures.sinogram(cube, tilts, data, point=(24, 33))  # follow the pore at z = 24, x = 33
print(f"{tilts.size} tilts from {tilts[0]}° to {tilts[-1]}°: y has shape {data.shape}")
totals = data.sum(axis=1)
print(f"material seen at each tilt: equal to within 1 %: {np.ptp(totals) < 0.01 * totals.mean()}")

# %% [markdown]
# **Why.** Count $x$ and $z$ from the middle of the slice. A point at $(x, z)$ falls on the detector at $x\cos\theta + z\sin\theta$, where θ (theta) is the tilt. That is a sine wave in θ, of which ±70° shows an arc: hence the name. No tilt loses any material; each only
# adds it up differently.
#
# ### Which of them are linear?
#
# An operator is *linear* when $H(au + bv) = aHu + bHv$ for any two objects $u$ and $v$ and numbers $a$ and $b$: twice the material, twice the signal; two particles, the sum of their images. Nearly everything up to week 11 builds on that, so
# test it, do not believe it. There are two laws for HAADF in the literature: in $\sum Z^\gamma x$ the exponent belongs to $Z$ alone, in $\sum (Zx)^\gamma$ to the amount as well. The sixth model is a wave: passing the specimen it gains a phase,
# it travels on (defocus), and the camera counts its squared height.
#
# > **Predict.** Six models: the probe, the tilt series, an EELS map, HAADF with $\sum Z^\gamma x$, HAADF with $\sum (Zx)^\gamma$, the electron wave. Which ones fail?

# %%
f2 = np.fft.fftfreq(96) ** 2
travel = np.exp(40j * (f2[:, None] + f2))  # what a defocus does to each wave
models = {"probe": lambda v: P @ v, "tilt series": lambda v: T @ v}
models["EELS or EDX map"] = lambda v: 1e-4 * (P @ v)
models["HAADF, Σ Z^γ x"] = lambda v: P @ forward.LinearThickness(["Au"])(v[None])
models["HAADF, Σ (Zx)^γ"] = lambda v: P @ forward.PowerLaw(["Au"])(v[None])
models["electron wave"] = lambda v: np.abs(np.fft.ifft2(travel * np.fft.fft2(np.exp(1j * v)))) ** 2
u, v = x[0] / x[0].max(), x[1] / x[1].max()  # two objects: the shell, and the core
for name, model in models.items():
    parts = 2 * model(u) + 3 * model(v)
    gap = np.linalg.norm(model(2 * u + 3 * v) - parts) / np.linalg.norm(parts)
    print(f"{name:16s} {'linear' if gap < 1e-5 else f'not linear, misses by {100 * gap:.0f} %'}")

# %% [markdown]
# **Why.** Blurring, adding and weighing are linear, one after the other as well. A power is not: $(2x)^{1.7}$ is 3.2 times $x^{1.7}$. Which law your detector follows must be measured (on a wedge of one element, say). In a thin specimen each electron
# is scattered once, and $\sum Z^\gamma x$ holds. The wave fails for a deeper reason: the camera squares, and the phase enters as $e^{ix}$. *Multislice* repeats that step for every slice of a thick specimen; week 12 inverts it. Until then
# our $H$ is linear, and one could write it as a matrix (week 9 will ask what the second law changes).
#
# ## 6. Backwards through H: the adjoint
#
# To come from $y$ back to $x$, every algorithm of this course uses one tool: the *adjoint* $H^T$. For a matrix it is the transpose. For a program such as "blur" or "project" it is another program, which takes data and returns something of
# the shape of an object, such that for *all* $x$ and $y$
#
# $$ \langle Hx, y\rangle = \langle x, H^T y\rangle, $$
#
# where $\langle a, b\rangle$ multiplies entry by entry and adds up. In words: every pixel of the object that gave to a detector pixel gets back from it, with the same weight. Blurring is its own adjoint (a symmetric probe gives and takes alike), so
# $H^T$ of an image is that image, blurred *again*. It is not an inverse.
#
# ### Exercise 3: write an adjoint (about 8 minutes)
#
# Here is a projector with a small detector. It sums a slice over $z$, and keeps `n_det` columns from `start` on. Write its adjoint: given the `len(y)` values, return a slice of shape `shape`. (What did a pixel beside the detector give? So what does
# it get back?) The check uses the dot test, the formula above with arrays in it: with it you can judge any adjoint, with no solution at hand.

# %% tags=["exercise"]
def project(x, start, n_det):
    return x.sum(axis=0)[start : start + n_det]


def back_project(y, shape, start):
    """Return Hᵀy, of the given shape."""
    ### BEGIN SOLUTION
    x = np.zeros(shape)
    x[:, start : start + len(y)] = y
    return x
    ### END SOLUTION


ex.back_project.check(back_project)

# %% [markdown]
# > **Predict.** We send the sinogram of the cube back with $T^T$: first the profile at 0° alone, then all 71. What will you see: a sharp cube, a blurred cube, or stripes?

# %%
back_project = ex.back_project.use(back_project)
rng = noise.generator(5)
some_x, some_y = rng.standard_normal((96, 96)), rng.standard_normal(60)
there = project(some_x, 20, 60) @ some_y
back = np.sum(some_x * back_project(some_y, (96, 96), 20))
print(f"dot test of exercise 3: {there:.6f} and {back:.6f}")
print(f"probe and tilt series: equal to one in a million: {max(P.dot_test(), T.dot_test()) < 1e-6}")
one, many = T.subset([35]).T @ data[35:36], T.T @ data
figures.back_projections(cube, {"one tilt (0°)": one, "71 tilts": many})
alike = [np.corrcoef(cube.ravel(), seen.ravel())[0, 1] for seen in (one, many)]
print(f"correlation with the cube: {alike[0]:.2f}, {alike[1]:.2f}; largest value {many.max():.1e}")

# %% [markdown]
# **Why.** $H^T$ smears each value back along the ray it came from. One tilt gives stripes; many stripes cross where material is, and a shadow of the cube appears, with values far too large: 3900 where the object has 1. The adjoint knows the *way* back,
# not the *amount*. Weeks 5 and 6 make reconstructions of it.
#
# ## 7. Two objects, one projection
#
# Now the question that this course is about. On your screen is a profile with one smooth hump. What was in the beam?
#
# > **Predict.** Object A: two round particles with a radius of 0.8 nm, one above the other along the beam. Object B: one upright ellipse. Could both give the same image at 0°? If so, what would you change at the microscope to tell them apart: the dose, the probe,
# > or the tilt? (A pixel is again 50 pm, and the dose $10^5$ electrons per nm².)

# %%
A, B = phantoms.same_projection_pair(128)
beam = forward.ParallelBeam((128, 128), [0, 45])
per_px = 250 * 0.03 / (beam @ A)[0].max()  # brightest pixel: 3 % of 250 electrons, as above
a, b = per_px * (beam @ A) + 0.05, per_px * (beam @ B) + 0.05  # 0.05 stray electrons
one_a = noise.generator(4).poisson(a)
figures.pair((A, B), (0, 45), list(zip(a, b)), one_a)
for tilt, p, q in zip((0, 45), a, b):
    print(f"tilt {tilt:2d}°: expected counts differ by at most {np.abs(p - q).max():.2f} electrons")
material = np.maximum(A, B) > 0.5
print(f"of the pixels with material {100 * np.mean(np.abs(A - B)[material] > 0.5):.0f} % differ")

# %% [markdown]
# **Why.** A ray at a distance $s$ from the axis crosses $2 \cdot 2\sqrt{r^2 - s^2}$ of material in both, twice the chord of a circle. The two images at 0° agree at any dose, and with any probe that is equally wide at all heights $z$. (A strongly convergent one is
# not: it has a focus.) Subtract: $A - B$ is a *ghost*, an object with
# negative and positive parts of which the projection is exactly zero. The ghosts of $H$ make up its *null space*. You may add one to any object and the image will never know.
#
# At 45° the ghost shows, plainly. How small a tilt would do? That depends on how far the counts scatter. So ask: of 2000 noisy images (half of A, half of B), how many are assigned to the right object, if we always choose the one under which the counts are likelier?
#
# > **Predict.** At a tilt of 1°, will that be right in about 50 %, 70 % or 95 % of the cases? And at 10°?

# %%
def share_right(a, b, rounds=1000):
    truth, other = np.stack([a, b])[:, None], np.stack([b, a])[:, None]
    counts = noise.generator(7).poisson(truth, (2, rounds, a.size))
    score = (counts * np.log(truth / other) - truth + other).sum(axis=2).round(6)  # log ratio
    return np.sign(score).mean() / 2 + 0.5  # a tie counts half


print("right object chosen, at 1e5 and at 1e4 e/nm²:")
for tilt in (0, 1, 3, 5, 10, 20):
    view = forward.ParallelBeam((128, 128), [tilt], dtype=np.float64)
    a, b = (per_px * (view @ thing)[0] + 0.05 for thing in (A, B))
    right, at_tenth = 100 * share_right(a, b), 100 * share_right(a / 10, b / 10)
    print(f"tilt {tilt:2d}°: {right:4.0f} % {at_tenth:4.0f} %")

# %% [markdown]
# **Why.** At 0° the image is worth as much as a tossed coin. A degree helps little, because the projections differ by less than the scatter of the counts. What counts is the difference *divided by the noise*, all pixels taken together: that is what a
# dose buys, and what an angle buys. Here the angle is the better bargain. At 3° and $10^4$ e/nm² we are right in 61 % of the cases. Ten times the dose makes it 84 % and costs the specimen; tilting to 10° makes it 81 % and costs nothing.
#
# ### Exercise 4: decide and justify (about 6 minutes)
#
# The image at 0° is taken, and the specimen stands one more, with $10^5$ e/nm². At which tilt? The cell lists labelled statements when you run it; pick those that hold. An answer is two lines, such as `tilt = 2` and
# `because = ["A", "C"]`.

# %% tags=["exercise"]
tilt = None
because = []
### BEGIN SOLUTION
tilt = 30
because = ["B", "C", "F"]
### END SOLUTION
print(ex.second_tilt)
ex.second_tilt.check(tilt=tilt, because=because)

# %% [markdown]
# ## 8. What can go wrong: three conditions
#
# In 1902 Jacques Hadamard asked three things of a problem before he called it *well posed*: a solution **exists**, it is **unique**, and it is **stable** (a small change of the data changes it little). An *inverse problem* usually breaks at least one.
# Four pixels show what the first two mean. The object is $\begin{pmatrix} a & b\\ c & d\end{pmatrix}$, and we record its column sums (tilt 0°) and its row sums (tilt 90°).
#
# > **Predict.** Column sums 1 and 1, row sums 1 and 1: how many objects have them? And if noise turns the first column sum into 1.1: how many then?

# %%
H = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]])  # acts on (a, b, c, d)
for name, four in {"first": (1, 0, 0, 1), "second": (0, 1, 1, 0)}.items():
    print(f"uniqueness, {name} object {four}: Hx = {H @ four}")
noisy = np.array([1.1, 1, 1, 1])
nearest = np.linalg.lstsq(H, noisy, rcond=None)[0]
print(f"existence: the nearest Hx to the noisy y is {np.round(H @ nearest, 3)}, not {noisy}")

# %% [markdown]
# **Why.** *Uniqueness* fails: both diagonals have the same sums, and so have all mixtures of them (the ghost is $+1, -1, -1, +1$). Two views do not determine even four pixels. *Existence* fails through noise: the columns add up to the same total
# as the rows in every object, but the noisy sums are 2.1 and 2. Such a $y$ lies outside everything that $H$ can make (its *range*), and no object explains it. The cure is to ask for the nearest $Hx$: least squares. (The lecture lets existence fail
# when the object is not of the kind that was assumed. It may; noise is enough.)
#
# Two pixels suffice for *stability*. Two columns stand 50 pm apart under the probe of σ = 150 pm, and we measure at each of them. Each measurement is one column, plus 95 % of the other.
#
# > **Predict.** We change the data by 1 % (one value up, one down). By how much will the two heights change: 1 %, 4 % or 40 %?

# %%
overlap = np.exp(-(50**2) / (2 * 150**2))
H = np.array([[1, overlap], [overlap, 1]])
clean = H @ [1, 1]
for sign in (0, 1):
    changed = clean * (1 + 0.01 * sign * np.array([1, -1]))
    print(f"data {changed.round(3)} → heights {np.linalg.solve(H, changed).round(2)}")

# %% [markdown]
# **Why.** A solution exists and is unique; and yet it is worthless at 1 % noise. What tells the columns apart is the *difference* of the two values, and the probe passes only 5 % of it: $1 - 0.946 = 0.054$. To undo that, the inverse divides by 0.054, the noise too:
# $0.0195 / 0.054 = 0.36$. Nothing here is exactly zero or exactly lost. It is only small, and next week is about small things.
#
# ## 9. Explorer: object, probe, dose
#
# Left the object, in a grey scale of its own; in the middle what the probe makes of it, and on the right what is counted, these two in one window. The number that matters is the SNR of the image.
#
# Two things to try: **(a)** With the particle, raise the dose until the SNR passes 5. How many times the opening dose is it? Then set the detector to the EELS map. **(b)** Choose the pairs of columns and the highest dose, and widen the probe from its sharpest.
# At which widths do the three pairs merge?
#
# <details><summary>What you should have seen</summary>
# (a) At 6.3·10⁵ e/nm², six times as much: (5/2.1)² is 5.7. The EELS map at that dose shows single electrons, at most two in a pixel, and only where the iron is. It needs 300 times the dose to have as many counts as the HAADF image.
# (b) At 75, 150 and 225 pm: at half their distance, the Sparrow limit of section 3.</details>

# %% tags=["explorer"]
explorer = widgets.ForwardExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"dose {explorer.parameters['dose']:.0e} e/nm²: SNR {shown.snr:.1f}, "
      f"brightest pixel {shown.clean.max():.1f} counts of {shown.landed:.0f} electrons")

# %% [markdown]
# ## 10. One template, thirteen weeks
#
# Every reconstruction of this course is one sentence. *Find the object that explains the data, and prefer, among those that do, what you believe:*
#
# $$ \hat{x} = \arg\min_x \; \sum_k \lambda_k\, D(H_k x, y_k) + \lambda R(x) $$
#
# The sum runs over the measurements $k$; $D$ says how far $H_k x$ is from $y_k$; $R$ (the prior) is small for objects that you find plausible; λ (lambda) weighs belief against data. A new modality is a new $H$. That is all.
#
# | problem | the operator $H$ | a belief $R$, for instance | week |
# |---|---|---|---|
# | deblurring | probe | most of the picture is vacuum; nothing swings wildly | 2, 3, 4, 11 |
# | tomography | tilt series | the particle is made of flat pieces | 5 to 8 |
# | HAADF and EELS or EDX together: *fusion* | one $H_k$ for each detector | maps change where the HAADF image does | 9, 10 |
# | phase contrast, ptychography | multislice, not linear | few atoms, no negative potential | 12 |
# | filling a tilt series | tilt series with gaps | learned by a network from examples | 13 |
#
# Why fuse? The HAADF image of this week counts 300 times as many electrons as the EELS map beside it, so its SNR is 17 times as good, at no extra dose. It cannot tell iron from cobalt; the map can. One term for each, one object: how much dose that
# saves, week 9 measures, like for like.
#
# ## Caveats: who would be misled, and how they would notice
#
# - Whoever takes $\sum Z^\gamma x$ for a law of nature. In a crystal on a zone axis the beam channels along the columns, and the intensity depends on defocus and tilt. You would notice when the sum of an image changes with a tilt of one degree.
# - Whoever reads counts off an uncalibrated detector. Most files hold arbitrary units with an offset. Counts show themselves: in a flat area the variance equals the mean.
# - Whoever believes our 99 % of section 7. We knew that the object was A or B, knew the tilt exactly, and had no drift. Real candidates are not two. You would notice when *neither* fits.
# - Whoever takes the particle for a real one: atoms are smeared out here, and the probe is a Gaussian without aberrations.
#
# ## Take-away
#
# 1. $y = Hx + \varepsilon$: object, physics, noise. Say each letter before you touch an algorithm.
# 2. Counts per pixel = dose × pixel area × share. The SNR is their root, and read-out noise matters where they are few.
# 3. Different objects can have one image. More dose does not help there; another view, or a prior, does.
#
# ## Three questions
#
# <details><summary>1. You halve the edge of a pixel at the same dose per nm². What happens to the counts and the SNR of a pixel?</summary>
# A quarter of the electrons land on it, so a quarter of the counts and half the SNR.</details>
#
# <details><summary>2. The dot test of your projector and your back-projector fails, but the reconstruction looks fine. Should you care?</summary>
# Yes. The algorithm then walks along a direction that is not the one it believes in: it may converge to something else, or not at all, and it may show only on other data.</details>
#
# <details><summary>3. Somebody shows one HAADF image of a particle and says "it is hollow". What do you ask?</summary>
# For a second tilt. The dark middle could be a hole, less material, or lighter atoms: one projection cannot say which.</details>
#
# ## Further reading
#
# - Kamilov, Bouman, Buzzard, Wohlberg, *Plug-and-play methods for integrating physical and learned models in computational imaging* (2023), [doi:10.1109/MSP.2022.3199595](https://doi.org/10.1109/MSP.2022.3199595): optics, sensor and computation as one.
# - S. J. Pennycook, P. D. Nellist (eds.), *Scanning Transmission Electron Microscopy* (2011), [doi:10.1007/978-1-4419-7200-2](https://doi.org/10.1007/978-1-4419-7200-2): probe, HAADF, EELS.
# - J. Frank (ed.), *Electron Tomography* (2006), [doi:10.1007/978-0-387-69008-7](https://doi.org/10.1007/978-0-387-69008-7).
# - J. Schwartz et al., *Imaging atomic-scale chemistry from fused multi-modal electron microscopy* (2022), [doi:10.1038/s41524-021-00692-5](https://doi.org/10.1038/s41524-021-00692-5): where the second HAADF law is used.
# - J. Hadamard, *Sur les problèmes aux dérivées partielles et leur signification physique*, Princeton University Bulletin 13 (1902), 49–52.
