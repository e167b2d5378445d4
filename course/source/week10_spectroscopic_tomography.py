# %% [markdown]
# # Week 10: Chemistry in three dimensions
#
# You will separate in 3-D what overlaps in every spectrum image, from far less than one count per pixel.
#
# **After this hour you can**
#
# - write the forward model of a spectral tilt series, and say how few counts it has;
# - reconstruct what you want to know, with its spectra inside, instead of channels that nobody wants;
# - take plural scattering off an edge, and say what one λ does there and what Wiener's filter does better;
# - say when channels should share edges, what a HAADF series adds for which element, and how to split a dose.
#
# **Time:** 75 minutes. **You need:** tilt series and the wedge (week 5), TV-SART and TV with λ (week 6), fused maps and their deviance (week 9). Each step asks you to *predict* before you *run*: if results already stand below the cells, clear them first (menu *Edit*, *Clear Outputs of All Cells*).
#
# Two specimens, both simulated, so that we know the truth. The first is a nanocube of silver. An electron that passes it may excite a *plasmon mode*: at the corners, along the edges, or over the faces, each with an energy of its own. It is a model with places and energies like measured ones, not a solution of Maxwell's equations. The second comes in section 8.
# Data are made with the operator of the fit: an inverse crime (week 7), as usual in a first look.

# %% tags=["setup"]
import numpy as np
from em_inverse import forward, phantoms, spectra, spectroscopic, tomography, widgets
from em_inverse.checks import week10 as ex
from em_inverse.plotting import week10 as figures
from em_inverse.widgets import budget

modes = ["corner", "edge", "face"]
x = phantoms.nanocube_modes(32)  # x[z, x, y, mode]
tilts = np.arange(-70, 71, 10)
A = forward.ParallelBeam((32, 32, 32), tilts)
energies = np.linspace(1.5, 4, 16)


def lines(*at):
    """Return spectra M[channel, mode]: lines at these energies in eV, half as high 0.2 eV away."""
    return 0.2**2 / ((energies[:, None] - np.array(at)) ** 2 + 0.2**2)


def record(x, A, mixing, mean, seed=1):
    """Return counts[tilt, x, y, channel] with this mean per reading, and the counts for x = 1."""
    clean = np.maximum(forward.Channels(A, mixing) @ np.moveaxis(x, -1, 0), 0)
    scale = mean / clean.mean()
    counts = np.random.default_rng(seed).poisson(scale * np.moveaxis(clean, 0, -1))
    return spectroscopic.SpectralSeries(counts, A.angles_deg), scale


def errors(found, scale=1.0, x=x):
    """Return ‖found − x‖ / ‖x‖ of each map, and of all together last: 1 is as good as nothing."""
    off, true = (v.reshape(-1, x.shape[-1]) for v in (found / scale - x, x))
    each = np.linalg.norm(off, axis=0) / np.linalg.norm(true, axis=0)
    return np.array([*each, np.linalg.norm(off) / np.linalg.norm(true)])


def photograph(x, names, tilts, peak=2000, seed=5):
    """Return a HAADF series, linear in thickness, with this many counts at its brightest."""
    law = forward.LinearThickness(names, normalise=True)
    clean = np.maximum(forward.ParallelBeam(x.shape[:3], tilts) @ law(np.moveaxis(x, -1, 0)), 0)
    counts = np.random.default_rng(seed).poisson(peak * clean / clean.max())
    return tomography.TiltSeries(counts, tilts)


def split(n_tilts, n_channels, dark, dose=3000):
    """Return the error of section 10 for one way of splitting a dose, a mean over two noises."""
    runs = [budget.recording(n_tilts, n_channels, dose, dark, seed) for seed in range(2)]
    found = [budget.relative_errors(budget.fitted_inside(at), at.truth)["all"] for at in runs]
    return np.mean(found)


def nearest(found, true):
    """Return the one that comes closest to the truth."""
    return min(found, key=lambda one: np.linalg.norm(one - true))


def row(values):
    """Return numbers as a line of text."""
    return "  ".join(f"{v:.2f}" for v in values)


# %% [markdown]
# ## 1. What overlaps
#
# > **Predict.** Look at the cube along one of its edges. Eight corners become four spots. What lies in front of and behind those spots? Is there a tilt from which the corner modes stand alone?

# %%
views = np.maximum(np.stack([A @ x[..., k] for k in range(3)], axis=-1), 0)
flat = views[list(tilts).index(0)]
figures.cube(x, flat)


def among(first, second):
    """Return the share of the first mode that lies where the second is not faint."""
    return first[second > 0.1 * second.max()].sum() / first.sum()


for name, picture in (("projection at 0°", flat), ("volume", x)):
    print(f"corner modes among edge modes, {name}: {among(picture[..., 0], picture[..., 1]):.0%}")

# %% [markdown]
# **Why.** Four of the twelve edges point at you. Each of them lies between two corners, so that the spot of a corner is the spot of an edge as well. In the volume they are neighbours and share a rim at most. A number says that better than an eye.
#
# ### Exercise 1: overlap (about 5 minutes)
#
# Divide each picture by its sum, and take in every pixel the smaller one of both. What is the sum of that?


# %% tags=["exercise"]
def overlap(a, b):
    """Return what two pictures ≥ 0 have in common: 1 all, 0 nothing."""
    ### BEGIN SOLUTION
    return np.minimum(a / a.sum(), b / b.sum()).sum()
    ### END SOLUTION


ex.overlap.check(overlap)  # stuck? ex.overlap.hint(), later ex.overlap.solution()

# %% [markdown]
# > **Predict.** From −70° to 70°: which tilt shows edges and faces best apart? By how much is the volume better than the best projection?

# %%
overlap = ex.overlap.use(overlap)
seen, solid = {}, {}
for i, j in ((0, 1), (1, 2), (0, 2)):
    name = f"{modes[i]} and {modes[j]}"
    seen[name] = [overlap(view[..., i], view[..., j]) for view in views]
    solid[name] = overlap(x[..., i], x[..., j])
figures.overlaps(tilts, seen, solid)
for name, values in seen.items():
    low, high = min(values), max(values)
    print(f"{name}: {low:.2f} to {high:.2f} in projections, {solid[name]:.2f} in 3-D")

# %% [markdown]
# **Why.** There is no good tilt. A projection adds up along the beam whatever there is, and a spectrum image is a projection. Only corners and faces can be seen nearly apart, from 0°. In the volume no pair shares more than about a tenth. So the separation is there, but only for those who have the volume; and it is a reason for tomography, not for a better detector.
#
# ## 2. Four dimensions, few counts
#
# A spectrum at every pixel of every tilt: $(x, y, \theta, E)$, four dimensions. Three modes of the kind $x_k$, each with its spectrum as a column of $M$, make
#
# $$ (Hx)_c = A \sum_k M_{ck}\, x_k $$
#
# in channel $c$, with $A$ the projector of week 5. In the kit: `forward.Channels(A, M)`.
#
# > **Predict.** The beam damages silver cubes, so that the whole series has about 37 000 counts. It has 15 tilts, 32 × 32 pixels, 16 channels. How many counts per reading is that? What share of the readings is empty?

# %%
M = lines(2.2, 2.7, 3.3)
series, scale = record(x, A, M, mean=0.15)
counts = series.projections  # [tilt, x, y, channel]
clean = scale * np.moveaxis(forward.Channels(A, M) @ np.moveaxis(x, -1, 0), 0, -1)
figures.counts(energies, clean[7], counts[7])
mean = counts.mean(axis=(0, 1, 2))
print(f"{counts.size} readings, {counts.sum():.0f} counts; {np.mean(counts == 0):.0%} are empty")
print(f"counts per reading: {mean.min():.2f} in the faintest channel, {mean.max():.2f} at most")

# %% [markdown]
# **Why.** Far below one. The picture of one channel is a handful of ones, and the spectrum of one pixel, even the brightest, says little. But there are many of both, and an object that explains them all has much less freedom than they have noise. Everything depends on asking the readings *together*.
#
# ## 3. Channel by channel
#
# The obvious way: reconstruct 16 volumes, one per channel, then fit the three known spectra to every voxel.
#
# ### Exercise 2: fit known spectra (about 6 minutes)
#
# In every voxel: $\arg\min_x \|Mx - v\|^2$, where $v$ is the voxel's spectrum.


# %% tags=["exercise"]
def unmix(volumes, M):
    """Return x[..., mode] from volumes[..., channel] and M[channel, mode]."""
    ### BEGIN SOLUTION
    return volumes @ np.linalg.pinv(M).T
    ### END SOLUTION


ex.unmix.check(unmix)

# %% [markdown]
# > **Predict.** One could also fit first, in the pixels of the projections, and reconstruct three maps in place of 16 channels. Which order is better for weighted back-projection? Which for TV-SART, which allows no negative values? And is any of the four errors below 1, that of an empty volume?

# %%
unmix = ex.unmix.use(unmix)
maps = spectroscopic.SpectralSeries(unmix(counts, M), tilts, modes)
late, early = {}, {}
for name, method in (("WBP", spectroscopic.wbp), ("TV-SART", spectroscopic.tv_sart)):
    late[name], early[name] = unmix(method(series).x, M), method(maps).x
figures.after(x, {name: volume / scale for name, volume in late.items()})
print("relative errors of corner, edge, face, all")
for name in late:
    print(f"{name:7s} fitted after  {row(errors(late[name], scale))}")
    print(f"{name:7s} fitted before {row(errors(early[name], scale))}")

# %% [markdown]
# **Why.** WBP and the fit are both linear, and work on different axes: their order cannot matter, and does not, to the last digit. TV-SART is not linear; the corner modes like one order better and the face modes the other, and over all it is a draw. In a channel with 0.02 counts per reading there is nothing that a prior could hold on to. Whichever way, the corner modes come out worse than an empty volume. Both methods ask too early: *what is in this channel?* Nobody wants to know.
#
# ## 4. Ask for the modes
#
# Put the spectra into $H$, and let all readings decide about three volumes at once:
#
# $$ \hat x = \arg\min_{x \geq 0}\; D(Hx, y) + \lambda \sum_k \text{TV}(x_k) $$
#
# with $D$ the distance of counts (week 9). In the kit: `spectroscopic.tv(series, lam, components=M)`. With `shared=True` an edge that several modes have in the same place is paid for once: $\sum \sqrt{\sum_k |\nabla x_k|^2}$ in place of the sum of TVs.
#
# > **Predict.** Will the error fall below that of TV-SART a little, by a half, or by more? Will shared edges help these modes? And 16 channels with shared edges, fitted afterwards: nearer to the old way or to the new?

# %%
lam, how = 4.0, {"n_iter": 60}
channels = unmix(spectroscopic.tv(series, lam, **how).x, M)
shared = spectroscopic.tv(series, lam, components=M, **how).x
apart = spectroscopic.tv(series, lam, components=M, shared=False, **how).x
figures.inside(x, {"spectra inside": apart / scale})
print("relative errors of corner, edge, face, all")
print("channels, shared edges, fitted after:", row(errors(channels, scale)))
print("spectra inside, edges shared:        ", row(errors(shared, scale)))
print("spectra inside, edges apart:         ", row(errors(apart, scale)))
alike = np.corrcoef(apart.reshape(-1, 3).T, x.reshape(-1, 3).T)[:3, 3:]
print("likeness of each mode to its own truth:", row(np.diag(alike)))
print(f"and to another mode's: at most {(alike - np.diag(np.diag(alike))).max():.2f}")

# %% [markdown]
# **Why.** Less than half of TV-SART's error and a quarter of WBP's, from the same counts. Three volumes have a fifth of the unknowns of 16 channels, and every count speaks for them. Much of the gain is available without $M$, by giving all channels one set of edges (first line): then a faint channel borrows the edges of the bright ones.
# Between modes there is nothing to borrow. They have no place in common and hence no edges; to share them is a false belief, and costs a few percent. We come back to that in section 8.
#
# ## 5. Two questions before you believe it
#
# λ first. Thin the counts (week 4): four of five go to the fit, the fifth tests it. The score is the mean of $e - d \log e$, the lecture's form of the distance.
#
# > **Predict.** From λ = 2 to 16: where does the score put the best λ, and how far from the best error will that be?

# %%
pile = np.random.default_rng(3).binomial(counts.astype(int), 0.8)
first = spectroscopic.SpectralSeries(pile, tilts)
rest, H = np.moveaxis(counts - pile, -1, 0), forward.Channels(A, M)
grid, scores, found = np.array([2.0, 4.0, 8.0, 16.0]), [], []
for lam in grid:
    fit = spectroscopic.tv(first, lam, components=M, shared=False, n_iter=40).x
    e = np.maximum(0.25 * (H @ np.moveaxis(fit, -1, 0)), 1e-6)
    scores.append(np.mean(e - rest * np.log(e)))
    found.append(errors(fit, 0.8 * scale)[-1])
figures.thinned(grid, scores, found)
best = int(np.argmin(scores))
print(f"λ by thinning: {grid[best]:g}, error {found[best] / min(found):.2f} × the least")

# %% [markdown]
# **Why.** What was fitted to noise does not come again in the fifth pile. The valley is flat: the score picks one step more than the best λ, at the price of a tenth in error. Nobody needed the truth, nor a noise level.
#
# Second question: are the spectra right? We knew the three lines. Suppose that the line of the edge modes is taken to lie 0.1 eV too high, half of its half width.
#
# > **Predict.** By how much will the error grow? Will it show in a pixel's spectrum? In all pixels together?

# %%
total, left_over = counts.sum(axis=(0, 1, 2)), {}
s = np.sqrt(total)
volumes = {2.7: apart}
volumes[2.8] = spectroscopic.tv(series, 4.0, components=lines(2.2, 2.8, 3.3), shared=False, **how).x
for at, volume in volumes.items():
    wrong = lines(2.2, at, 3.3)
    amounts = unmix(total / s, wrong / s[:, None])
    name = f"edge modes at {at} eV"
    left_over[name] = (total - wrong @ amounts) / s
    print(f"{name}: errors {row(errors(volume, scale))}; channels miss by "
          f"{np.sqrt(np.sum(left_over[name] ** 2) / 13):.1f} σ")
figures.residuals(energies, left_over)

# %% [markdown]
# **Why.** The pictures would not have told: the three modes look about as they did. In a reading nothing can be seen, with 0.15 counts. Summed over all pixels and tilts there are thousands of counts in a channel, and their spectrum must be a mixture of the three lines; with the right ones it is, to within its noise, and with a wrong one the residual swings up on one side of the line and down on the other. So sum before you judge, and show this curve. It needs no reconstruction.
# (The pioneers of this experiment did not know the spectra; they took them from the data by matrix factorisation, and reconstructed the few maps that it gave.)
#
# ## 6. A projection must be a line integral
#
# Now core losses, as of a transition metal. Whoever counts in a window behind an ionisation edge hopes for a number in proportion to the atoms along the beam. But an electron that has ionised an atom may excite a plasmon as well, and then leaves the window. The thicker, the more often, and a specimen that is tilted is thicker: $t/\lambda$ (here λ is the mean free path) grows as $1/\cos\theta$.
#
# > **Predict.** A film has $t/\lambda = 0.3$ at 0°. A window of 30 eV behind the edge has 86 % of the counts that it would have without plasmons. How many at 70°?

# %%
losses, core = np.arange(-20, 180, 0.5), np.arange(480, 680, 0.5)
edge = spectra.core_edge(core, 540, white_line=1)
window, at = (core >= 540) & (core < 570), np.array([0, 30, 50, 60, 70])
shares = {"as recorded": [], "after the ratio": []}
for theta in at:
    low = spectra.low_loss(losses, 0.3 / np.cos(np.radians(theta)))
    y = spectra.core_loss(edge, low)
    for name, one in zip(shares, (y, spectra.fourier_ratio(y, low, 1e-6))):
        shares[name].append(one[window].sum() / edge[window].sum())
figures.thickness(at, shares)
for name, v in shares.items():
    print(f"window over line integral, {name}: {v[0]:.2f} at 0°, {v[-1]:.2f} at 70°")

# %% [markdown]
# **Why.** A quarter of the atoms goes missing between 0° and 70°, and it is not noise: it is a wrong $H$. A tomogram of such maps has the dark centre and the bright rim that beam hardening gives in X-ray work. Two cures: put plural scattering into $H$, or take it off every spectrum first. The low-loss spectrum of the same place says how.
#
# ## 7. The Fourier ratio
#
# The recorded edge is the edge convolved with the low-loss spectrum $p$ (of sum 1). In Fourier space that is a product, so that every wave is a problem with one unknown: a blur, and week 2 once more.
#
# ### Exercise 3: Wiener's ratio (about 8 minutes)
#
# $$ \hat x(\nu) = \frac{\hat p^*(\nu)}{|\hat p(\nu)|^2 + r(\nu)}\; \hat y(\nu) $$
#
# $r$ is the ratio of noise power to signal power in that wave.


# %% tags=["exercise"]
def fourier_ratio(y, p, r):
    """Return the edge x behind y = p ⋆ x on a ring of channels; the zero loss is p[0]."""
    ### BEGIN SOLUTION
    y_hat, p_hat = np.fft.rfft(y), np.fft.rfft(p)
    x_hat = p_hat.conj() * y_hat / (np.abs(p_hat) ** 2 + r)
    return np.fft.irfft(x_hat, len(y))
    ### END SOLUTION


ex.fourier_ratio.check(fourier_ratio)

# %% [markdown]
# With one $r = \lambda$ for all waves this is Tikhonov's solution: the singular values are $|\hat p|$, the filter factors $\sigma^2/(\sigma^2 + \lambda)$. `spectra.noise_to_signal` reads an $r$ for every band of waves from the data: counts are white noise, and what lies above it is signal.
#
# > **Predict.** $t/\lambda = 0.8$, as at 68°; 100 000 counts in the edge. Order the errors: as recorded, bare ratio ($r = 0$), the best single λ (chosen with the truth), Wiener by band (without it).

# %%
fourier_ratio = ex.fourier_ratio.use(fourier_ratio)
low, exact = (spectra.low_loss(losses, 0.8, counts=1e6, seed=seed) for seed in (1, None))
y = spectra.core_loss(edge, exact, counts=1e5, seed=2)
true = edge * 1e5 / spectra.core_loss(edge, exact).sum()
r = spectra.noise_to_signal(y, low)
freed = {"naive": spectra.fourier_ratio(y, low), "wiener": spectra.fourier_ratio(y, low, r)}
freed["tikhonov"] = nearest((spectra.tikhonov(y, low, v) for v in np.geomspace(1e-4, 1, 33)), true)
figures.ratio(core, true, freed)
for name, v in {"recorded": y, **freed}.items():
    print(f"{name:8s} RMSE over height {np.sqrt(np.mean((v - true) ** 2)) / true.max():.3f}")
mine = fourier_ratio(y, np.roll(low / low.sum(), -low.argmax()), 0.01)
print("as the kit's:", np.allclose(mine, spectra.fourier_ratio(y, low, 0.01, pad=0)))

# %% [markdown]
# **Why.** The bare ratio is worse than doing nothing: the zero-loss peak is wide, $|\hat p|$ falls, and what is divided by it is noise. One λ must damp the short waves enough and so damps the long ones, too, which hold the height of the edge. Wiener's ratio need not choose. It is Tikhonov with a λ for every wave, and the data tell it which.
# With a hundred times the counts even the bare ratio would be better than nothing; at the doses of a tilt series it never is.
#
# ## 8. Shared edges, where edges are shared
#
# The second specimen: gold with a void, in a shell of iron oxide, a second grain of gold in the shell (28³ voxels). 9 spectral tilts, two maps, about 8 counts in the brightest pixel. Where gold ends, iron begins.
#
# > **Predict.** The modes of the cube lost a little by sharing edges. Who wins here: gold, iron, both?

# %%
particle, names = phantoms.core_shell_volume(28), ["Au", "Fe"]
few = forward.ParallelBeam((28, 28, 28), np.linspace(-75, 75, 9))
maps, unit = record(particle, few, 2, mean=1.2, seed=0)
maps = spectroscopic.SpectralSeries(maps.projections, few.angles_deg, names)
best = {}
for name, shared in (("apart", False), ("shared", True)):
    tries = [spectroscopic.tv(maps, lam, shared=shared) for lam in (1.1, 1.5, 2.1)]
    best[name] = min(tries, key=lambda one: errors(one.x, unit, particle)[-1]).x
print(f"bright pixels: {np.quantile(maps.projections, 0.99):.0f} counts")
print("relative errors of Au, Fe, all")
for name, volume in best.items():
    print(f"edges {name}: {row(errors(volume, unit, particle))}")

# %% [markdown]
# **Why.** Iron. Its map is faint, and the bright map of gold knows where half of iron's edges are. Gold has nothing to learn from iron. A prior is a statement about the specimen: *elements that exclude each other have edges in common* is true here; *modes have edges in common* was false in the cube. (Both λ were the best of three, chosen with the truth, in favour of what we compare with next.)
#
# ## 9. Few spectra, many images
#
# A HAADF image takes microseconds per pixel where a spectrum takes milliseconds. So record 31 HAADF tilts beside the 9 spectral ones, and let three terms decide (week 9, with the tilt inside):
#
# $$ \hat x = \arg\min_{x \geq 0}\; \Big\|b - \alpha A_H \sum_e w_e x_e\Big\|_W^2 + \lambda_1 D(A_S x, d) + \lambda_2 R(x) , \qquad w_e \propto Z_e^\gamma $$
#
# $A_H$ and $A_S$ project to the tilts of either series. The prior is $R(x) = \sum_e \mathrm{TV}(x_e) + v_H\, \mathrm{TV}(\sum_e w_e x_e)$: total variation of each element, and of the brightness, which is what the images see. The law is linear in thickness, because a projection must be a line integral; so the problem is convex. $W$ is what each pixel of the images is worth: the noise of a bright one is larger.
#
# > **Predict.** Gold is 79, iron 26. Whose error falls, and by how much? The published method claims up to 99 % less dose.

# %%
haadf = photograph(particle, names, np.linspace(-75, 75, 31))
fused = spectroscopic.fuse(haadf, maps, n_iter=300)
figures.elements(particle, {"TV apart": best["apart"] / unit, "fused": fused.x / unit})
rivals = {"WBP": spectroscopic.wbp(maps).x, "TV-SART": spectroscopic.tv_sart(maps).x}
rivals |= {f"TV, {name}": volume for name, volume in best.items()} | {"fused": fused.x}
scores = {name: errors(volume, unit, particle) for name, volume in rivals.items()}
print("relative errors of Au, Fe, all")
for name, values in scores.items():
    print(f"{name:10s} {row(values)}")
for name in ("TV, apart", "TV, shared"):
    gain = 100 * (1 - scores["fused"] / scores[name])
    print(f"fused, gain over {name}: Au {gain[0]:.0f} %, Fe {gain[1]:.0f} %, all {gain[2]:.0f} %")

# %% [markdown]
# **Why.** Gold gains a factor of about three: the images see it well, from 31 directions. Iron gains a fifth to a quarter: an atom of it gives less than a sixth of gold's brightness, so the images tell where its shell ends and little of where its inner edge is. "All together" is the mean of a large gain and a modest one. So report it element by element, against the best rival without images, at equal *spectral* dose; and the dose of the images is not zero.
#
# > **Predict.** Four ways to do it worse: no TV of the brightness ($v_H = 0$), all pixels of the images alike ($W = 1$), γ too small or too large by 0.2. Which element pays, and will the spectra object?

# %%
lams = {f"lam_{k}": fused.parameters[f"lambda_{k}"] for k in ("spectrum", "tv")}
alike = {"haadf_sigma": fused.parameters["haadf_sigma"], **lams}
changes = {"as above": {}, "v_H = 0": {"tv_brightness": 0}, "W = 1": alike}
changes |= {f"γ = {gamma}": {"gamma": gamma} for gamma in (1.5, 1.9)}
H, d = forward.Channels(few, 2), np.moveaxis(maps.projections, -1, 0)
for name, change in changes.items():
    found = spectroscopic.fuse(haadf, maps, n_iter=200, **change).x
    e = np.maximum(H @ np.moveaxis(found, -1, 0), 1e-3)
    deviance = 2 * np.mean(e - d + d * np.log(np.maximum(d, 1e-9) / e), axis=(1, 2, 3))
    print(f"{name:8s} errors {row(errors(found, unit, particle))}  deviance Au {deviance[0]:.2f}, "
          f"Fe {deviance[1]:.2f}")

# %% [markdown]
# **Why.** Without TV of the brightness iron is no better than without the images: their noise must go somewhere, and where a great deal changes little in the image, in iron, it costs least. Nobody sees that in the images, which are fitted all too well. Noise weights help both, because the vacuum is nearly certain and bright pixels are not. A wrong γ moves brightness from one element to the other: too small a one costs iron, too large a one costs gold. The deviance of the spectra moves in its second digit only: so few counts could not have said no (week 9). Calibrate γ; do not fit it here.
#
# ## 10. How to split a dose
#
# The specimen stands a certain number of counts. More tilts, more energy channels, or more counts in each reading? One slice of the cube, 3000 counts in all, spectra inside; a detector that counts electrons only, and one with 0.2 dark counts per reading, whose mean is known.
#
# > **Predict.** From 3 to 45 tilts: where is the error least? From 2 to 32 channels? And what do dark counts change?

# %%
some, bands = (3, 5, 9, 15, 45), (2, 3, 4, 8, 32)
by_tilts = {dark: [split(n, 12, dark) for n in some] for dark in (0, 0.2)}
by_channels = {dark: [split(15, n, dark) for n in bands] for dark in (0, 0.2)}
figures.budget(some, by_tilts, bands, by_channels)
for dark in by_tilts:
    print(f"{dark:g} dark, {some} tilts: {row(by_tilts[dark])}")
    print(f"{dark:g} dark, {bands} channels: {row(by_channels[dark])}")
print(f"ten times the counts, 15 tilts, 12 channels: {split(15, 12, 0, 30000):.2f}")

# %% [markdown]
# **Why.** Without dark counts, from 5 to 45 tilts and from 8 to 32 channels, the error changes by little more than from one recording to the next: a count is a count, wherever it lands (week 5 called that dose fractionation). Two channels hold two numbers where three are asked for. With four channels every line lies near a border, with three they happen to fit. Three tilts leave directions out. Dark counts change the right side: every reading brings some along, and their noise stays when their mean is taken off.
# The one thing that always helps is more counts. And a trap: with two channels and 30 000 counts the error is 0.67 after 20 iterations, and 0.81 after the 60 that are made here. An early stop is a prior of its own, a liking for the smooth start, and it favours the worst plan most. Let every fit finish before you compare what it was given.
#
# ### Exercise 4: plan and justify (about 6 minutes)
#
# Four plans for one session, 3000 counts and 0.2 dark counts per reading.

# %% tags=["exercise"]
for number, (n_tilts, n_channels) in enumerate(ex.plan.problem(), 1):
    readings = 32 * n_tilts * n_channels
    print(f"plan {number}: {n_tilts:2} tilts × {n_channels:2} channels, {readings} readings, "
          f"{0.2 * readings:.0f} dark counts; simulated error {split(n_tilts, n_channels, 0.2):.2f}")
chosen = None
because = []
### BEGIN SOLUTION
chosen = 2
because = ["B", "C", "F"]
### END SOLUTION
print(ex.plan)
ex.plan.check(plan=chosen, because=because)

# %% [markdown]
# ## 11. Explorer: one dose, four knobs
#
# The same slice. Triangles: channels back-projected, then fitted; diamonds: spectra inside.
#
# Two things to try: **(a)** go to 5 tilts and add 0.5 dark counts; then the same at 45 tilts. Where do they hurt? **(b)** Set 2 channels and raise the counts as far as they go. Then 3, 4, 5 channels. Which mode suffers?
#
# <details><summary>What you should have seen</summary>
# (a) At 5 tilts hardly: the error stays at 0.42. At 45 it goes from 0.425 to 0.55, most of it in the corner modes, the faintest: nearly three quarters of all counts are dark then.
# (b) With 2 channels the corner modes are never found (error 1.1, worse than an empty picture, whatever the counts): two equations for three unknowns. With 3 they are there. With 4 every line lies near a border, and all three modes suffer; from 5 on it is flat.</details>

# %% tags=["explorer"]
explorer = widgets.BudgetExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"{shown.readings} readings, {shown.dose:.0f} counts: error {shown.errors['all']:.2f}, "
      f"fitted after {shown.errors_after['all']:.2f}")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - The modes are a model, and their spectra were known. Whoever has neither is misled by a clean picture, and notices in the channels summed over all pixels (section 5).
# - Plasmon maps are not projections in general: the field of a mode reaches beyond the particle, and the signal depends on the direction of the beam. Tomography of modes rests on an approximation; compare the residual per tilt.
# - Alignment, drift and damage were left out. A cube that shrinks between the first and the last tilt violates $H$ in every channel; repeat the first tilt at the end.
# - The wedge is still there. 70° is not 90°; what is flat and lies across the beam is blurred along it.
# - Fusion was tested with the γ and the law that had made the images, without channelling, at one particle. Take its "factor of three for gold" as the best case.
#
# ## Take-away
#
# 1. Reconstruct what you want to know, with its spectra inside. Less than one count per reading is enough, if all readings answer one question.
# 2. Every prior and every extra detector helps those whom its statement is true of: shared edges iron, images gold first. Tell it element by element.
# 3. First make the data fit $H$: plural scattering off, noise weighed, γ calibrated. Then split the dose as is convenient, away from the extremes.
#
# ## Three questions
#
# <details><summary>1. A colleague reconstructs 200 energy channels by WBP and fits spectra to the voxels. She hears that fitting before reconstructing is better. Is it?</summary>
# For WBP it is the same to the last digit, both steps being linear. It saves time. What is better is to put the spectra, the counting statistics and x ≥ 0 into one reconstruction.</details>
#
# <details><summary>2. Maps of iron get fainter towards high tilts, though nothing left the field of view. What do you suspect, and what do you record?</summary>
# Plural scattering: the specimen is thicker there. Record the low-loss spectrum at every tilt, and deconvolve, or model it. (Or damage: repeat the first tilt at the end.)</details>
#
# <details><summary>3. Fused tomography lowers the error over all elements by 40 %. Is your iron better?</summary>
# Not necessarily: it may be gold's gain, and the noise of the images may even have gone into iron. Ask for the error, or the held-out deviance, of iron alone, against TV without images.</details>
#
# ## Further reading
#
# - Nicoletti and others, *Three-dimensional imaging of localized surface plasmon resonances of metal nanoparticles* (2013), [doi:10.1038/nature12469](https://doi.org/10.1038/nature12469): the silver cube, measured.
# - Schwartz and others, *Imaging 3D chemistry at 1 nm resolution with fused multi-modal electron tomography* (2024), [doi:10.1038/s41467-024-47558-0](https://doi.org/10.1038/s41467-024-47558-0): section 9 on real data.
# - Egerton, *Electron energy-loss spectroscopy in the electron microscope* (2011), [doi:10.1007/978-1-4419-9583-4](https://doi.org/10.1007/978-1-4419-9583-4): chapters 3 and 4 on plural scattering and its removal.
# - Leary and others, *Compressed sensing electron tomography* (2013), [doi:10.1016/j.ultramic.2013.03.019](https://doi.org/10.1016/j.ultramic.2013.03.019): few tilts and total variation.
