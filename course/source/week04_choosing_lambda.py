# %% [markdown]
# # Week 4: How much to trust the data
#
# You will let six rules choose λ without the truth, hold a contest on ten problems, and learn on which day each rule fails.
#
# **After this hour you can**
#
# - split the error of a reconstruction into bias and noise, exactly, and say why their sum is a U;
# - choose λ by the L-curve, the discrepancy principle, GCV, cross-validation and count thinning; you write two of them, and the noise estimate of a third, yourself;
# - say what each rule assumes about the noise, and test that assumption with a blank frame;
# - report a λ so that somebody else can use it.
#
# **Time:** 70 minutes. **You need:** singular values and filter factors (week 2), Tikhonov and TV (week 3). All data are simulated, so that we know how far off each choice is.
# Each step asks you to *predict* before you *run*: clear old results first (menu *Edit*, *Clear Outputs of All Cells*).

# %% tags=["setup"]
import numpy as np
from em_inverse import choose, deblurring, forward, metrics, noise, phantoms, problems
from em_inverse import tomography, widgets
from em_inverse.checks import week04 as ex
from em_inverse.plotting import week04 as figures

# %% [markdown]
# ## 1. The U, taken apart
#
# The object $x$ is a row of five atomic columns, heavy and light in turn, 13 px apart; a pixel is 20 pm, so that is 260 pm. The probe is a Gaussian with a standard deviation of 3 px
# (60 pm). $H$ is the blur by the probe, $y = Hx + \varepsilon$ the measurement, and the noise $\varepsilon$ is 10 % of the brightest value, as from 100 counted electrons there. Tikhonov's estimate is
#
# $$ \hat{x}_\lambda = \arg\min_x \|Hx - y\|^2 + \lambda \|x\|^2 = \sum_i f_i \, \frac{u_i^T y}{\sigma_i} \, v_i, \qquad f_i = \frac{\sigma_i^2}{\sigma_i^2 + \lambda} . $$
#
# Here $\sigma_i$ are the singular values of $H$, $u_i$ and $v_i$ its singular vectors, and the *filter factors* $f_i$ say how much of pattern $i$ is let through. The estimate is linear in $y$, so
# its squared error, averaged over all noise that could have happened, has two parts. The *bias* is what is missing even without noise, $(1 - f_i)\, v_i^T x$ of pattern $i$. The *variance* is what the
# noise puts in, $(f_i\, s / \sigma_i)^2$, with $s$ the standard deviation of the noise in one pixel.
#
# > **Predict.** One of the two parts grows with λ and the other falls. Which is which? And is the best λ where the two curves cross?

# %%
row = problems.column_row()
H, x, clean = row.H, row.x_true, row.y
s_noise = noise.gaussian_sigma(clean, 0.10)
y = noise.gaussian(clean, 0.10, seed=0)
lambdas = np.geomspace(1e-5, 10, 121)
U, sigma, Vt = H.svd()
f = sigma**2 / (sigma**2 + lambdas[:, None])
bias2 = np.mean(((1 - f) * (Vt @ x)) ** 2, axis=1)
variance = np.mean((f * s_noise / sigma) ** 2, axis=1)
one = choose.sweep(H, y, lambdas, x)

# %%
figures.bias_and_noise(lambdas, bias2, variance, one.rmse**2)
best = (bias2 + variance).argmin()
crossing = np.abs(np.log(bias2 / variance)).argmin()
share = bias2[best] / (bias2 + variance)[best]
print(f"average error lowest at λ = {lambdas[best]:.3f}; there {100 * share:.0f} % of it is bias")
print(f"the two parts are equal at λ = {lambdas[crossing]:.3f}")
print(f"this one measurement is best at λ = {one.lam:.3f}, RMSE {one.rmse.min():.3f}")

# %% [markdown]
# **Why.** A larger λ lowers every $f_i$: less noise comes through, and less object. The sum is lowest where the two *slopes* cancel, not where the curves cross; here bias is the larger part. The
# grey line is one measurement. Around the valley it follows the average closely, because 80 pixels of noise are already many; but it is its own curve, with its own best λ.
#
# The left arm is steep, because what leaks in there is divided by ever smaller $\sigma_i$. The right arm is gentle. **If you must err, err to the right.** Remember this when rules disagree.
#
# At the microscope nobody draws this curve for you: it needs $x$. All that follows tries to find its lowest point without $x$.
#
# ## 2. The L-curve
#
# Plot two things that you do have, for every λ: the residual $\|H\hat{x}_\lambda - y\|$ and the size $\|\hat{x}_\lambda\|$, both on logarithmic axes (P. C. Hansen 1992).
#
# > **Predict.** A lecture that this course follows marks small λ at the *lower right* of this plot. Think of the naive inverse: its residual is zero, its size enormous. Where does small λ sit?

# %%
curve = choose.l_curve(H, y, lambdas)
figures.corner(curve)
for k in (0, -1):
    residual, size = curve.residual_norms[k], curve.solution_norms[k]
    print(f"λ = {lambdas[k]:8.5f}: residual {residual:.2f}, size {size:.2f}")
error = metrics.rmse(deblurring.tikhonov(H, y, curve.lam), x)
print(f"corner at λ = {curve.lam:.3f}: RMSE {error / one.rmse.min():.2f} times the lowest")

# %% [markdown]
# **Why.** Upper left. On the steep branch a larger λ removes noise: down to the corner the size falls fivefold, and the residual grows by less than a fifth. On the flat branch a larger λ removes object: now the residual grows. The corner is where one
# price becomes the other, and `choose.l_curve` finds it as the point of largest curvature. It needs nothing but $H$ and $y$.
#
# Keep in mind *who made the steep branch*: noise, divided by small $\sigma_i$. Section 7 will take it away.
#
# ## 3. The discrepancy principle
#
# If the norm of the noise $\|\varepsilon\|$ is known, choose the λ with $\|H\hat{x}_\lambda - y\| = \|\varepsilon\|$ (Morozov 1966): explain the data, but not the noise. Where does $\|\varepsilon\|$ come from? From a *blank frame*:
# the same exposure without specimen. (For counted electrons also from the data themselves: section 5.)
#
# ### Exercise 1: the noise norm from a blank frame (about 5 minutes)
#
# `blank` is such a frame. It has an offset, as every detector has, and another number of pixels than the measurement, which has `size`. If each of M pixels has noise of standard deviation $s$, what is
# $\|\varepsilon\|$, about?

# %% tags=["exercise"]
def blank_noise(blank, size):
    """Return the noise norm to expect of `size` data, from a blank frame."""
    ### BEGIN SOLUTION
    return np.std(blank, ddof=1) * np.sqrt(size)
    ### END SOLUTION


ex.blank_noise.check(blank_noise)  # stuck? ex.blank_noise.hint(), and later ex.blank_noise.solution()

# %% [markdown]
# > **Predict.** Now we lie to the rule: the noise norm it is told is wrong by −50 % to +50 %. Twenty measurements each. Which is worse, 20 % too small or 20 % too large? By how much?

# %%
blank_noise = ex.blank_noise.use(blank_noise)
blank = noise.gaussian(np.full(400, 0.2), s_noise, relative=False, seed=7)
told = blank_noise(blank, y.size)
print(f"estimate {told:.3f}, expected {s_noise * np.sqrt(y.size):.3f}")
print(f"this noise {np.linalg.norm(y - clean):.3f}; λ = {choose.discrepancy(H, y, told).lam:.3f}")
rng, shares = np.random.default_rng(0), (-0.5, -0.35, -0.2, -0.1, 0.1, 0.2, 0.35, 0.5)
many = np.array([noise.gaussian(clean, 0.10, seed=rng) for _ in range(20)])
tried = choose.compare(H, x, many, s_noise * np.sqrt(y.size), wrong_by=shares).ratios
figures.wrong_noise(tried)
for name in ("discrepancy -20%", "discrepancy", "discrepancy +20%", "discrepancy +50%"):
    worst = "≥ 100" if tried[name].max() >= 100 else f"{tried[name].max():.1f}"
    print(f"{name:16s}: RMSE over the lowest, median {np.median(tried[name]):.1f}, worst {worst}")

# %% [markdown]
# **Why.** A residual below the noise can only be had by fitting noise, and near the left arm of the U a little less residual costs a *lot* of λ. Too large an estimate moves λ up the gentle arm. So the rule is
# safe only with a margin: many multiply $\|\varepsilon\|$ by a factor τ of 1.1 to 1.2. With few data you need it even if your $s$ is perfect, because the norm of the noise itself varies by $1/\sqrt{2M}$: 8 % for 80 pixels,
# only 0.3 % for a picture of 256 × 256.
#
# ## 4. Predict what you have not seen
#
# No estimate of the noise at hand? Hide a measurement, reconstruct from the others, and see how well the hidden one is predicted. Too small a λ predicts badly because it has learnt the noise of the others by heart.
#
# ### Exercise 2: leave one out (about 10 minutes)
#
# Return the mean, over all measurements $i$, of the squared error with which $y_i$ is predicted from all the others. `np.delete(H, i, axis=0)` is `H` without row $i$. (A loop is right. There is also a shortcut
# without any loop; the check accepts both.)

# %% tags=["exercise"]
def leave_one_out(H, y, lam):
    """Return the mean squared error of predicting each datum from all the others."""
    ### BEGIN SOLUTION
    errors = []
    for i in range(len(y)):
        A, b = np.delete(H, i, axis=0), np.delete(y, i)
        x = np.linalg.solve(A.T @ A + lam * np.eye(A.shape[1]), A.T @ b)
        errors.append(H[i] @ x - y[i])
    return np.mean(np.square(errors))
    ### END SOLUTION


ex.leave_one_out.check(leave_one_out)

# %% [markdown]
# ### Exercise 3: generalised cross-validation (about 10 minutes)
#
# The shortcut: $H\hat{x}_\lambda = A\,y$ with the *influence matrix* $A = H(H^TH + \lambda I)^{-1}H^T$, and the error of a left-out datum is its residual divided by $1 - A_{ii}$. *Generalised* cross-validation (GCV) puts the
# mean of all $A_{ii}$ in the place of each. With $\sum_i A_{ii} = \sum_i f_i$ and M data, up to a constant factor:
#
# $$ G(\lambda) = \frac{\|H\hat{x}_\lambda - y\|^2}{\left(M - \sum_i f_i\right)^2} . $$
#
# The sum of the $f_i$ counts how many data the solution has used up. Write $G$, for an `H` of any shape.

# %% tags=["exercise"]
def gcv(H, y, lam):
    """Return the GCV function ‖Hx − y‖² / (M − Σ f)² at λ."""
    ### BEGIN SOLUTION
    U, s, _ = np.linalg.svd(H, full_matrices=False)
    f = s**2 / (s**2 + lam)
    residual = y - U @ (f * (U.T @ y))
    return np.sum(residual**2) / (len(y) - np.sum(f)) ** 2
    ### END SOLUTION


ex.gcv.check(gcv)

# %% [markdown]
# > **Predict.** Both scores see only `y`, the RMSE sees the truth. Will their valleys be as sharp as that of the RMSE? Will they lie to its left or to its right?

# %%
leave_one_out = ex.leave_one_out.use(leave_one_out)
gcv = ex.gcv.use(gcv)
A, some = H.to_matrix(), lambdas[::4]
curves = {
    "leave-one-out": np.array([leave_one_out(A, y, lam) for lam in some]),
    "GCV": np.array([gcv(A, y, lam) for lam in some]),
}
figures.scores(some, curves, one.rmse[::4])
for name, values in curves.items():
    print(f"{name:13s}: λ = {some[values.argmin()]:.3f}, "
          f"RMSE {one.rmse[::4][values.argmin()] / one.rmse.min():.2f} times the lowest")
print(f"kit, 5 parts : λ = {choose.cross_validation(A, y, some, seed=1).lam:.3f}")

# %% [markdown]
# **Why.** The valleys lie near the right place, but their left wall is nearly *flat*: with ten times less λ the score rises by a few per cent, the RMSE more than doubles. The fine patterns that fill the picture with noise hardly reach $y$, so a
# prediction of $y$ hardly suffers from them. Along a flat wall an unlucky noise moves the lowest point far; that is how GCV fails now and then (section 6). Leaving out one at a time needs 80 reconstructions for every λ; K parts (K = 5, say) need
# five, and any method can be tried that way, TV too.
#
# ## 5. Counting electrons: split the counts
#
# An EDX map holds few counts per pixel: one to ten. Its noise is Poisson, so it is larger where it is bright. Here splitting is free: send each count (in EDX an X-ray, in an image an electron) with a probability of 0.8 into a first map, else into a second.
# Both are Poisson maps, independent of each other. Fit the first, judge by the second (*thinning*).
#
# > **Predict.** The map below has 8 counts per pixel where it is brightest. The discrepancy principle needs $\|\varepsilon\|$. For Poisson noise the variance of a pixel equals its mean. What is $\|\varepsilon\|^2$ about, in terms of
# > something you can read off the map at once?

# %%
particle = 8 * phantoms.core_shell(32)
probe = forward.GaussianBlur((32, 32), 1.0)
counted = np.random.default_rng(0).poisson(probe @ particle).astype(float)
weights = np.geomspace(1e-3, 30, 19)


def fit(part, lam):
    return np.maximum(probe @ deblurring.tikhonov(probe, part, lam, "gradient"), 1e-3)


truth_knows = choose.sweep(probe, counted, weights, particle, penalty="gradient")
thinned = choose.thinning(counted, weights, fit, repeats=4)
morozov = choose.discrepancy(probe, counted, np.sqrt(counted.sum()), penalty="gradient")

# %%
found = deblurring.tikhonov(probe, counted, thinned.lam, "gradient")
figures.counts(particle, counted, found)
print(f"counts per pixel, mean: {counted.mean():.1f}")
print(f"noise norm from all counts: {np.sqrt(counted.sum()):.1f}, "
      f"true: {np.linalg.norm(counted - probe @ particle):.1f}")
for name, lam in (("thinning", thinned.lam), ("discrepancy", morozov.lam)):
    error = metrics.rmse(deblurring.tikhonov(probe, counted, lam, "gradient"), particle)
    print(f"{name:11s}: λ = {lam:.2f}, RMSE {error / truth_knows.rmse.min():.2f} times the lowest")

# %% [markdown]
# **Why.** The variance of a pixel is its mean count, so $\|\varepsilon\|^2$ is about the sum of all counts: the data carry their own noise estimate, if they are *counts*. After a gain correction or a background
# subtraction they are not, and `choose.thinning` refuses them. A rescaling to whole grey levels it cannot notice: that is for you to know. (It fits 80 % of the counts, so its λ is a little larger than all counts need; the gentle arm forgives that.)
#
# ## 6. The contest
#
# Ten problems: seven classics of the literature (each has its source in `problems.<name>().source`), the column profile of week 11, our row, and a slice of 24 × 24 pixels from 15 tilts between ±70°. Two noise levels, twenty
# measurements each. Five rules, discrepancy three times: told the right noise norm, one 20 % too small, one 20 % too large. New is *quasi-optimality*: take the λ at which the solution changes least, $\|\lambda\, d\hat{x}_\lambda/d\lambda\|$ lowest. (Below the best λ the noise moves with λ, above it the
# object does.) The score is the RMSE over the lowest one that any λ gives: 1 is perfect.
#
# > **Predict.** Which rule will have the best typical case? Which the best worst case? Will any rule be good everywhere?

# %%
field = [make() for make in problems.CLASSICS.values()]
field += [problems.three_columns(), row, problems.tilt_slice()]
results = {}
for level in (0.10, 0.01):
    rng = np.random.default_rng(4)
    for p in field:
        data = np.array([noise.gaussian(p.y, level, seed=rng) for _ in range(20)])
        norm = noise.gaussian_sigma(p.y, level) * np.sqrt(p.y.size)
        results[p.name, level] = choose.compare(p.H, p.x_true, data, norm)
figures.contest(results)
print(figures.contest_table(results))

# %% [markdown]
# **Why.** Read the table by columns.
#
# - *L-curve*: with white noise it is never a disaster (its worst case stays below 10), but on smooth objects with little noise (`phillips`, `gravity`, `heat` at 1 %) it is typically 2 to 3 times off. There it gets
#   *worse* as the data get better (Hanke, Vogel 1996). So it does on the tilt series: 2 times off at 10 %, 5 times at 1 %, and no corner at all for some of the twenty.
# - *Discrepancy* (`discr.`): good medians, but on four of the ten its worst case is above 100: that noise happened to be larger than expected, and only a tiny λ brings the residual down. With 20 % too small a norm
#   (at 10 % noise) this is the typical case on five of ten; with 20 % too large a norm no median is above 5 and no worst case above 25. That is what τ is for.
# - *GCV* and *cross-validation*: good medians (below 4), and now and then a wild one, where the flat valley ran away to the left.
# - *Quasi-optimality*: the calmest column, but for `heat`: what happens late there has hardly reached the sensor, some patterns have singular values next to nothing, and the rule takes the calm below them for the calm
#   at the best λ. A search that ends at a millionth of $\sigma_1^2$ mends it: then the median is 1.3 at 10 % and 1.0 at 1 %. So somebody must know how far down to search.
#
# Bakushinskii showed in 1984 that for every rule without knowledge of the noise level there are data (in the worst case, not the typical one) on which it does not lead to the truth, however small the noise becomes. So the question is never which rule is best. It is which
# assumption holds for your data.
#
# ## 7. The day the L-curve fails
#
# Somebody hands you a smoothed version of the same row. Not the object was smoothed: the *noise* was, as by a filter in the acquisition software, by resampling after alignment, or by a detector that lags. The noise has the same
# standard deviation as before; only neighbouring pixels now resemble each other, over 2 px in one case, over 3 px in the other.
#
# > **Predict.** White noise, divided by small singular values, made the steep branch of the L. Smooth noise holds little of the fine patterns to which small singular values belong. What becomes of the L?

# %%
norm, wide = s_noise * np.sqrt(y.size), np.geomspace(1e-9, 10, 151)
days, tables = {}, {}
for width in (0, 2, 3):
    name = f"smoothed, {width} px" if width else "white noise"
    data = noise.smoothed(clean, 0.10, width, seed=1)
    meets = choose.discrepancy(H, data, norm).lam
    days[name] = choose.l_curve(H, data, wide), choose.sweep(H, data, wide, x), meets
    rng = np.random.default_rng(0)
    many = np.array([noise.smoothed(clean, 0.10, width, seed=rng) for _ in range(20)])
    tables[name] = choose.compare(H, x, many, norm, wrong_by=(-0.5, -0.35, -0.2, 0.2, 0.5))
figures.failing_day(days, tables)
print(figures.failing_table(days, tables))

# %% [markdown]
# **Why.** The steep branch was made by white noise. Every pattern had its share of it, and dividing by small $\sigma_i$ made it explode. Noise smoothed over 2 px holds little of the fine patterns; less explodes, and the branch leans
# over. The corner slides down the curve, and its λ with it. Smoothed over 3 px, the width of the probe, the noise looks exactly like something the probe has blurred: nothing explodes, and there is no corner at all.
#
# Three lessons. **(1)** `choose.l_curve` raises an alarm ("not a clear corner", "no corner"): read messages, not only numbers. **(2)** The alarm is no guarantee: on a smooth object with little noise the corner is sharp and
# still wrong (row `phillips`, 1 %). **(3)** GCV and cross-validation fail far worse, and silently: to predict the left-out pixel from its neighbour is easy when their noise is alike, and they take that for success. The
# discrepancy principle does not ask what the noise looks like, only how large it is; here even half its size does no harm (right panel). And quasi-optimality, which looks for calm in the picture, stays within a factor of 2.
#
# ### Exercise 4: three rules disagree (about 10 minutes)
#
# The data below reached you by e-mail, with a blank frame and no history. The cell prints what three rules say, and a list of labelled statements. Decide, and justify: an answer is `lam = 0.5` and `because = ["A", "C"]`.

# %% tags=["exercise"]
A, mailed, blank = ex.which_lambda.problem()
expected = ex.blank_noise.reference(blank, mailed.size)
likeness = np.corrcoef(blank[1:], blank[:-1])[0, 1]
print(f"blank frame: noise norm {expected:.2f}, neighbours correlated by {likeness:.2f}")
bent = choose.l_curve(A, mailed)
rules = {"L-curve": bent.lam, "GCV": choose.gcv(A, mailed).lam}
rules["discrepancy"] = choose.discrepancy(A, mailed, expected).lam
for name, lam in rules.items():
    residual = np.linalg.norm(A @ deblurring.tikhonov(A, mailed, lam) - mailed)
    print(f"{name:11s}: λ = {lam:.0e}, residual below a fiftieth of the noise: "
          f"{residual < expected / 50}")
print("L-curve says:", bent.message.split("; ")[1].partition(":")[0])

lam = None
because = []
### BEGIN SOLUTION
lam = 0.1
because = ["A", "C", "E"]
### END SOLUTION
print(ex.which_lambda)
ex.which_lambda.check(lam=lam, because=because)

# %% [markdown]
# ## 8. What practitioners do
#
# **Tomography.** A common recipe: reconstruct with TV, start at λ = 0.01 and halve λ until the residual meets the noise. That is the discrepancy principle with a coarse search. The 0.01 only makes sense on a scale: the kit counts λ in
# units of $\|A\|^2$ times the brightest value ($A$ is the projector; `tomography.lambda_unit`). It also *doubles* λ if the start was too small already.
#
# > **Predict.** A slice of 24 × 24 pixels, 29 tilts in steps of 5°, three noise levels. By what factor will the λ change from 1 % to 20 % noise? And if all data are multiplied by 1000 (counts for currents)?

# %%
p = problems.tilt_slice(24, tilt_step=5)
tilts = np.arange(-70, 71, 5)
for level, unit in ((0.01, 1), (0.05, 1), (0.20, 1), (0.05, 1000)):
    data = unit * noise.gaussian(p.y, level, seed=1)
    norm = unit * noise.gaussian_sigma(p.y, level) * np.sqrt(p.y.size)
    series = tomography.TiltSeries(data, tilts)
    trace = tomography.halve_until_noise(series, "tv", noise=norm)
    scores = [metrics.rmse(tomography.tv(series, lam=trace.lam * k).x / unit, p.x_true)
              for k in (1, 1 / 4, 1 / 2, 2, 4)]
    print(f"{level:4.0%} × {unit:4d}: λ = {trace.lam:8.3g}, relative {trace.relative:.3f}, RMSE "
          f"{scores[0] / min(scores):.2f} times the lowest of five around it")

# %% [markdown]
# **Why.** The λ follows the noise: twenty times the noise, nineteen times the λ. (Week 3's $\lambda = 2s^2/b$ would say four hundred. But a core-shell particle is no random draw from the TV prior. It is flat nearly everywhere, and there λ only has to outweigh
# the steps that noise would like to make, which grow like $s$.) And it follows the *units*: for TV, $\|Ax - b\|^2$ (with $b$ the projections) grows with the square of the unit and $\text{TV}(x)$ only with the unit itself, so λ grows by 1000. A λ without its scale says nothing.
#
# **Spectroscopy.** Fourier-ratio deconvolution of EELS divides one spectrum by another in Fourier space, and must tame the noise that this amplifies. Often a Gaussian does it; the textbook answer is a *Wiener filter*: with $\hat h$ the transform of the blur, $\hat x = \hat h^* \hat y / (|\hat h|^2 + r)$, one $r$ for each frequency band, noise power over signal power. Compare
# with Tikhonov's $\sigma / (\sigma^2 + \lambda)$.
#
# > **Predict.** With the same $r$ in every band, what is the Wiener filter? And with the right $r$ in each band, can it beat the best single λ?

# %%
around = forward.GaussianBlur((80,), 3, boundary="wrap")
s2 = noise.gaussian_sigma(around @ x, 0.10) ** 2
power = np.abs(np.fft.fft(x, norm="ortho")) ** 2
ratio = s2 / np.maximum(power, 1e-6)  # noise power over signal power, in each band
gains = []
for seed in range(20):
    data = noise.gaussian(around @ x, 0.10, seed=seed)
    single = choose.sweep(around, data, wide, x)
    gains.append(metrics.rmse(deblurring.wiener(around, data, ratio), x) / single.rmse.min())
same = deblurring.wiener(around, data, np.full(80, 0.01)) - deblurring.tikhonov(around, data, 0.01)
print(f"one r for all bands is Tikhonov with λ = r: {np.abs(same).max() < 1e-9}")
print(f"right r for each band: RMSE {np.median(gains):.2f} times that of the best λ (median of 20)")

# %% [markdown]
# **Why.** The patterns of a blur that wraps around are waves, so the Wiener filter *is* Tikhonov, with a λ for each wave. It gains a little if it is told the power of the signal in every band; here we told it the truth's. At a microscope you
# estimate it, from a model of the spectrum or from a bright reference, and the gain shrinks.
#
# **Sensor fusion** (two signals of one specimen, HAADF and EDX, say, reconstructed together). A rule of thumb says: choose λ so that the vacuum comes out as zero.
#
# > **Predict.** We measure the root mean square of the reconstruction in the vacuum around the particle. Which λ makes it smallest?

# %%
p = problems.tilt_slice()
data = noise.gaussian(p.y, 0.05, seed=0)
away = np.hypot(*np.mgrid[-11.5:12, -11.5:12]) > 11
swept = choose.sweep(p.H, data, np.geomspace(1e-2, 1e6, 17), p.x_true)
level = np.sqrt(np.mean(swept.solutions[:, away] ** 2, axis=1))
for k in (2, 6, 8, 16):
    print(f"λ = {swept.lambdas[k]:9.1f}: vacuum {level[k]:.3f}, RMSE {swept.rmse[k]:.3f}")
print(f"lowest RMSE at λ = {swept.lam:.1f}")

# %% [markdown]
# **Why.** The emptiest vacuum belongs to the emptiest picture, λ → ∞. As a *check* the vacuum is excellent: at the good λ it is far from the bright values of the particle (near 1), and a reconstruction that puts matter there is wrong. As a *rule* it needs a partner
# that resists: held-out data, or the residual. The vacuum also serves as the blank frame of section 3.
#
# ## 9. There is no universal λ
#
# > **Predict.** For Tikhonov ($\|x\|^2$) and for TV: by what factor must λ change, so that the *same* picture comes out, if the data are multiplied by 10? If the operator is multiplied by 10 (other units of length, say), and with it the data?

# %%
tikhonov, tv = deblurring.tikhonov, deblurring.total_variation
tries = (  # method, λ, factor of H, of the data, of λ
    (tikhonov, 0.01, 1, 10, 1),
    (tikhonov, 0.01, 10, 10, 1), (tikhonov, 0.01, 10, 10, 100),
    (tv, 0.05, 1, 10, 1), (tv, 0.05, 1, 10, 10),
)
for method, lam, for_H, for_y, for_lam in tries:
    found = method(for_H * H, for_y * y, lam * for_lam) * for_H / for_y
    same = np.abs(found - method(H, y, lam)).max() < 0.01
    print(f"{method.__name__:15s} H × {for_H:2d}, data × {for_y}, λ × {for_lam:3d}: same {same}")

# %% [markdown]
# **Why.** Balance the two terms. Multiply $x$ and $y$ by 10: for Tikhonov both terms grow a hundredfold and λ stays, for TV only one does. Multiply $H$ and $y$, with the same $x$: only the data term grows, a hundredfold, and λ must follow. So "we used λ = 0.01" cannot be
# repeated by anybody. Report λ **with** the objective, the units or the normalisation of $H$ and $y$, the rule that chose it, and the residual over the noise norm.
#
# ## 10. What a good reconstruction looks like
#
# No truth, but four questions you can always ask. Is the residual as large as the noise? Does it look like noise, or can you see the object in it? Does the picture survive λ times 3 and λ over 3? Is nothing where nothing can be?
#
# > **Predict.** Below, λ is a thousand times too small, well chosen, and a hundred times too large. In which residual will you see the columns?

# %%
lams = {"λ / 1000": curve.lam / 1000, "λ at the corner": curve.lam, "λ × 100": 100 * curve.lam}
solutions = {name: deblurring.tikhonov(H, y, lam) for name, lam in lams.items()}
residuals = {name: (H @ found - y) / s_noise for name, found in solutions.items()}
figures.good_reconstruction(x, solutions, residuals)
for name, r in residuals.items():
    like = abs(np.corrcoef(r, clean)[0, 1])
    pair = [deblurring.tikhonov(H, y, lams[name] * k) for k in (1 / 3, 3)]
    print(f"{name:15s}: residual {np.sqrt(np.mean(r**2)):.2f} × noise, like the columns {like:.2f},"
          f" changes by {metrics.rmse(*pair):.2f}, RMSE {metrics.rmse(solutions[name], x):.2f}")

# %% [markdown]
# **Why.** Right, the residual repeats the columns (upside down): object was left behind. In the middle it is nearly as large as the noise (a little less, since even a good solution uses up some data: the sum of the $f_i$) and hardly resembles the columns. Left, the residual alone
# would not betray anything: it is only a little smaller, because the few fine patterns that fill the picture with noise leave next to no trace in the data. What betrays it is the third question: between λ/3 and 3λ the picture changes by more than the columns are high. The middle one
# is still not perfect: its columns are too low and too wide, because of bias, which no λ removes.
#
# ## 11. Explorer: the L-curve, to touch
#
# Click on the L-curve, go on with the arrow keys, and watch the picture. Five problems, white or smoothed noise; λ is counted in units of $\sigma_1^2$, the square of the largest singular value. Crosses, squares and triangles show where L-curve,
# discrepancy and GCV land.
#
# Two things to try: **(a)** stay with the row, and smooth the noise in steps of half a pixel; at which width does the curve lose its corner? **(b)** Take Phillips' smooth hump with white noise, and lower the noise from 10 % to 0.1 %. Does the L-curve get
# better or worse, compared with the best λ?
#
# <details><summary>What you should have seen</summary>
# (a) Up to 1 px there is a clear corner; at 1.5 px a second one appears far to the left; at 2 px that one is taken, and reported as not clear; from 2.5 px on there is none. (b) Worse: its RMSE is less than twice the lowest at 10 % noise and 17 times at 0.1 %, while discrepancy goes from 1.6 to 1.2.</details>

# %% tags=["explorer"]
explorer = widgets.LCurveExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"RMSE {shown.ratio:.1f} times the lowest; "
      + ", ".join(f"{name} {ratio:.2f}" for name, ratio in shown.curve.ratios.items()))

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - Whoever lets GCV or cross-validation choose on filtered or resampled images. They notice by correlating neighbours in a blank frame: anything above 0.2 is a warning.
# - Whoever trusts a noise norm that is too small. They notice because λ times 3 gives nearly the same residual, but a much calmer picture.
# - Whoever takes our ratios for theirs. Our $H$ was exact; with a probe taken a third too wide, at 1 % noise, discrepancy chooses a λ more than 20 times smaller,
#   and lets the object make up for the probe. They notice by structure in the residual, or by reconstructing with probes a little wider and narrower.
# - Whoever looks at ringing beside an edge and raises λ. For quadratic priors ringing is bias, not noise: without any noise the overshoot beside the edges of week 3's step profile is 7 to 9 % of the step for every λ from
#   0.0001 to 0.1 (penalty on slopes). It goes only when the edge itself goes.
#
# ## Take-away
#
# 1. λ trades noise for bias. The left arm of the U is steep, the right one gentle: err to the right.
# 2. Every rule is an assumption about the noise. A blank frame tests it: its size, and whether neighbours are alike.
# 3. Let two rules choose. If they disagree, find out whose assumption is broken; then report λ, its units, the rule and the residual.
#
# ## Three questions
#
# <details><summary>1. Your image was resampled after alignment. Which rules do you not use on it?</summary>
# GCV and cross-validation over pixels: its noise is no longer white. The L-curve only if it reports a clear corner. Discrepancy works, with the noise of a blank frame that went through the same resampling.</details>
#
# <details><summary>2. You record ten times the dose. Does the L-curve come nearer to the best λ?</summary>
# Not necessarily: for smooth objects it falls further behind. In the explorer, on Phillips' hump, its RMSE is less than twice the lowest at 10 % noise and 17 times at 0.1 %.</details>
#
# <details><summary>3. A paper states "TV with λ = 0.01". What is missing?</summary>
# The objective (½ or not), the units or the normalisation of operator and data, the rule, and the residual over the noise. Multiply the data by 10, and the same picture needs λ = 0.1.</details>
#
# ## Further reading
#
# - P. C. Hansen, *Analysis of discrete ill-posed problems by means of the L-curve* (1992), [doi:10.1137/1034115](https://doi.org/10.1137/1034115); *Discrete Inverse Problems* (2010), [doi:10.1137/1.9780898718836](https://doi.org/10.1137/1.9780898718836).
# - C. R. Vogel, *Non-convergence of the L-curve regularization parameter selection method* (1996), [doi:10.1088/0266-5611/12/4/013](https://doi.org/10.1088/0266-5611/12/4/013). M. Hanke, *Limitations of the L-curve method in ill-posed problems*, BIT 36 (1996), 287.
# - V. A. Morozov, *On the solution of functional equations by the method of regularization*, Soviet Math. Doklady 7 (1966), 414.
# - Golub, Heath, Wahba, *Generalized cross-validation* (1979), [doi:10.1080/00401706.1979.10489751](https://doi.org/10.1080/00401706.1979.10489751).
# - A. B. Bakushinskii, *Remarks on choosing a regularization parameter using the quasi-optimality and ratio criterion*, USSR Comput. Math. Math. Phys. 24 (1984), 181.
# - Bauer, Lukas, *Comparing parameter choice methods for regularization of ill-posed problems* (2011), [doi:10.1016/j.matcom.2011.01.016](https://doi.org/10.1016/j.matcom.2011.01.016).
