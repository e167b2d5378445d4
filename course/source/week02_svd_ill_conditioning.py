# %% [markdown]
# # Week 2: Why inverting is dangerous
#
# You will take a blur apart into patterns, see which ones the noise has drowned, and cut them off.
#
# **After this hour you can**
#
# - read a singular value decomposition as a list of patterns and of how much of each the microscope passes;
# - compute a condition number κ, say what it promises and what it does not, and count what no data can show;
# - predict the error of the naive inverse before the first electron;
# - read a Picard plot, choose a rank from it, and defend the choice;
# - explain truncated SVD and Tikhonov as two filters on the same inverse.
#
# **Time:** 75 minutes. **You need:** linear algebra (matrices, eigenvectors), a little numpy, and from week 1 the line $y = Hx + \varepsilon$. All data are
# simulated here, so that we know the truth. Each step asks you to *predict* before you *run*: if results already stand below the cells, clear them
# first (menu *Edit*, *Clear Outputs of All Cells*).

# %% tags=["setup"]
import numpy as np
from em_inverse import choose, deblurring, forward, metrics, noise, phantoms, solvers, widgets
from em_inverse.checks import week02 as ex
from em_inverse.plotting import week02 as figures

# %% [markdown]
# ## 1. A row of dumbbells
#
# Seen along [110], indium arsenide shows *dumbbells*: an indium column (atomic number $Z = 49$) and an arsenic column ($Z = 33$), 151 pm apart; the next
# dumbbell follows after 606 pm. Our object $x$ is a line profile along such a row: 80 pixels of 25 pm, heights as $Z^{1.7}$, so 1 and 0.51. The forward operator
# $H$ is the blur by a Gaussian probe whose standard deviation is σ = 50 pm, or 2 px (full width at half maximum 118 pm). A current of 30 pA for 20 µs brings about
# 3700 electrons to each pixel ($6 \cdot 10^4$ e/Å²); one in ten or so ends on the HAADF detector. So count about 400 at the brightest pixel: noise ε of 5 %.
#
# > **Predict.** A lecture that this course follows calls two columns at a distance of 2σ clearly separated. With a wider probe, σ = 75 pm, the 151 pm of a
# > dumbbell *are* 2σ. How many peaks will the blurred row have with the 50 pm probe, and how many with the 75 pm probe: six and six, six and three, or three and three?

# %%
x = phantoms.dumbbells(80)
views = {}
for pm in (50, 75):
    clean = forward.GaussianBlur((80,), pm / 25) @ x
    y = noise.gaussian(clean, level=0.05, seed=1)
    views[f"{pm} pm"] = (clean, y)
    peaks = np.count_nonzero(np.diff(np.sign(np.diff(clean))) < 0)
    print(f"probe {pm} pm: {peaks} peaks before noise, highest value {clean.max():.2f}")
figures.measurement(x, views)

# %% [markdown]
# **Why.** Two equal sharp lines at a distance of 2σ just merge: the dip between them vanishes. That is the *Sparrow limit*, and not a clear separation. Our columns have a
# width of their own, 25 pm, and unequal heights, so that they merge at a slightly sharper probe already. But is the split *lost* at 75 pm, or only hidden from the eye? Peaks are a poor judge. We need a
# better question: which patterns of the object are left in the data, and how much of each?
#
# ## 2. Patterns and singular values
#
# Any matrix can be written as $H = U \Sigma V^T$, the *singular value decomposition* (SVD). The columns $v_i$ of $V$ are patterns in the object, at right angles to each
# other and of length 1. The microscope turns pattern $v_i$ into the pattern $u_i$ (the columns of $U$, also at right angles), multiplied by one number, the *singular value* $\sigma_i$.
# These numbers stand on the diagonal of $\Sigma$ (capital sigma), the largest first; everything else in $\Sigma$ is zero:
#
# $$ H v_i = \sigma_i\, u_i , \qquad \sigma_1 \ge \sigma_2 \ge \dots \ge 0 . $$
#
# (This $\sigma_i$ with an index is not the width σ of the probe; the letter is used for both everywhere.) No pattern leaks into another: that is all the magic.
#
# > **Predict.** Below come the patterns 8, 28 and 50. Guess how much of each passes the 50 pm probe: most, a tenth, less than a thousandth? And is any of the 80
# > patterns lost entirely, $\sigma_i = 0$?

# %%
H = forward.GaussianBlur((80,), 2)  # the width counts in pixels: 50 pm / 25 pm
clean, y = views["50 pm"]
U, s, Vt = H.svd()
figures.patterns(H)
image = H @ Vt[27]  # what the microscope makes of pattern 28
print(f"H v₂₈ = σ₂₈ u₂₈: {np.allclose(image, s[27] * U[:, 27])}")
for i in (1, 8, 28, 50, 80):
    print(f"pattern {i:2d}: {100 * s[i - 1]:.3g} % passes")
print(f"rank of H: {np.linalg.matrix_rank(H.to_matrix())} of 80")

# %% [markdown]
# **Why.** For a blur the patterns are waves, and a Gaussian passes a wave by a Gaussian of its frequency: long waves whole, short ones hardly. Pattern 8 repeats about
# once a dumbbell; pattern 28 repeats every 148 pm, about the split within a dumbbell, and a good tenth of it passes.
#
# No pattern is lost *entirely*. One reads that a blur loses rank because some rows of its matrix nearly vanish, or that a probe passes nothing
# above the frequency $1/(2\sigma)$. Neither is so: each row of $H$ is the same probe, shifted (near the border folded back), and sums to 1; the rank is 80 of 80; and at the frequency $1/(2\sigma)$
# a Gaussian still passes $e^{-\pi^2/2}$ = 0.7 %. There is no edge. What counts is when 0.7 % of something falls below the noise, and H alone cannot know that. We come to it in section 6.
#
# ### Exercise 1: the condition number (about 8 minutes)
#
# How unequal are the patterns treated? The *condition number* κ is the largest singular value divided by the smallest. It is never below 1. When some $\sigma_i$ are zero (in a computer:
# below $10^{-10}$ of the largest), κ of what is *seen* is one number, and how many patterns are *not seen* is a second. Return both. `np.linalg.svd(H, compute_uv=False)` gives the singular values.

# %% tags=["exercise"]
def condition(H):
    """Return κ of the patterns that the matrix H sees, and the number of patterns it does not."""
    ### BEGIN SOLUTION
    s = np.linalg.svd(H, compute_uv=False)
    seen = s > 1e-10 * s[0]
    return s[0] / s[seen][-1], H.shape[1] - seen.sum()
    ### END SOLUTION


ex.condition.check(condition)  # stuck? ex.condition.hint(), and later ex.condition.solution()

# %% [markdown]
# ## 3. The condition number of a microscope
#
# A comparison table in the lecture gives κ of about 100 for deblurring an HAADF image, about 1000 for tomography from 70 tilts, and "κ ≪ 1" for a problem with many more data than
# unknowns. Let us measure. The slice for tomography has 24 × 24 pixels; each tilt gives 24 numbers.
#
# > **Predict.** (a) Take the image with the 50 pm probe ten times: ten times more data than unknowns. Does κ fall to a tenth, fall by √10, or stay? (b) Which is worse conditioned:
# > 70 tilts over the full range, or 71 tilts that end at ±70° and leave a *missing wedge*?

# %%
condition = ex.condition.use(condition)
probe = {pm: forward.GaussianBlur((80,), pm / 25).to_matrix() for pm in (12.5, 25, 50, 75)}
operators = {f"probe of {pm} pm": matrix for pm, matrix in probe.items()}
operators["50 pm, image taken ten times"] = np.vstack(10 * [probe[50]])
operators["75 pm and 25 pm, one image each"] = np.vstack([probe[75], probe[25]])
tilts = {"70 tilts, full range": np.linspace(-90, 90, 70, endpoint=False)}
tilts |= {"71 tilts, ±70°": np.arange(-70, 71, 2), "15 tilts, ±70°": np.arange(-70, 71, 10)}
for name, angles in tilts.items():
    operators[name] = forward.ParallelBeam((24, 24), angles, dtype=float).to_matrix()
for name, A in operators.items():
    kappa, unseen = condition(A)
    print(f"{name:31s} {A.shape[0]:4d} × {A.shape[1]:3d}  κ {kappa:9.2g}  unseen {unseen:3.0f}")

# %% [markdown]
# **Why.** There is no "κ of HAADF". It runs from 2 to two million, and it depends on the width of the probe *in pixels*: halve the pixel, and κ explodes, though the microscope is the same.
# About the table's 100 comes out for σ = 1 px. Taking the same image ten times leaves κ where it was: all $\sigma_i$ grow by the same √10. More data help the *noise*; only *different* data
# help κ, as the 25 pm image does beside the 75 pm one. (Beside the 25 pm image alone, with its κ of 69, the pair looks *worse*, though it holds more: the second image adds to the long waves, $\sigma_1$ grows by √2, and
# $\sigma_{80}$ hardly. κ compares patterns; it does not measure data. That is the secret of ptychography: many data, *and* different ones.) However many data, κ is at least 1. And noise is no part of κ: an
# EELS map taken with the same probe has the same κ as the HAADF image, though far fewer counts.
#
# And κ does not even notice the missing wedge! About 500 with and without it (half of the table's 1000; it grows with the slice). Fifteen tilts are
# another matter: 360 data for 576 unknowns, so at least 216 patterns are not seen, and κ speaks of the others only. Section 9 looks where κ is blind.
#
# Now the first of this week's two pictures. Every κ needs a recipe: how the probe is *cut* (where we stop counting its tail), and what lies beyond the *border* of the image: itself
# in a mirror (`reflect`), vacuum (`constant`), or its other side (`wrap`).
#
# > **Predict.** Twelve recipes: the tail cut at 2σ, 3σ, 4σ or not at all, times three borders. At σ = 75 pm, by what factor will the largest κ exceed the smallest: 2, a thousand,
# > or more than a billion? And will you see the difference in the data $Hx$?

# %%
widths = np.arange(12.5, 75.1, 3.125)
cuts = {"2 σ": 2.0, "3 σ": 3.0, "4 σ": 4.0, "not cut": None}
kappas, changes = {}, {}
for cut, border in [(c, b) for c in cuts for b in ("reflect", "constant", "wrap")]:
    pairs = [(forward.GaussianBlur((80,), w / 25, border, cuts[cut]),
              forward.GaussianBlur((80,), w / 25, truncate=None) @ x) for w in widths]
    kappas[cut, border] = [np.linalg.cond(B.to_matrix()) for B, _ in pairs]
    changes[cut, border] = [np.abs(B @ x - hx).max() / (0.05 * hx.max()) for B, hx in pairs]
figures.kappa_fan(widths, kappas, changes)
for pm, k in ((25, 4), (50, 12), (75, 20)):
    each = [min(values[k], 1e16) for values in kappas.values()]
    print(f"probe {pm} pm: smallest κ {min(each):.0e}, largest κ {max(each):.0e}")

# %% [markdown]
# **Why.** The shortest waves are so nearly gone that the far tail of the probe decides *how* nearly, even the tail beyond 4σ, a three-thousandth of its height and less. Cut it, and the cut itself passes a little of everything:
# κ falls. Leave it whole, and κ climbs until rounding stops it at $10^{16}$. (The zigzag: a cut moves by whole pixels, and now and then it cancels one wave almost exactly. Then κ shoots up.) The data hardly notice: no pixel changes by as much as its noise. All 80 pixels taken
# together (week 1, section 7), the cut at 2σ could be noticed with the widest probe, by three times the noise; cuts at 3σ, at 4σ and none at all differ by less than a third of it, and their κ by a factor of more than $10^{11}$. So **a κ without its cut and border is half a number**, and a number that hangs on what nobody can measure cannot be what limits your picture. Keep that thought: the
# lecture's "κ ≈ 230 for σ = 3 px" is below everything in the fan at 75 pm.
#
# ## 4. Noise amplification
#
# The naive inverse undoes Σ: $x_\text{naive} = V \Sigma^{-1} U^T y$. Read it from the right: $u_i^T y$ is how much of pattern $u_i$ the data hold, its *coefficient*; divide it by $\sigma_i$; build with the $v_i$. The noise ε in $y$ is a vector of 80 independent numbers with standard deviation $s_\varepsilon$ (`noise_level` in the code). $U^T$ only rotates, so **every
# coefficient $u_i^T \varepsilon$ has the same standard deviation $s_\varepsilon$**: noise has no favourite pattern. Then it is divided by $\sigma_i$.
#
# ### Exercise 2: the error without a simulation (about 8 minutes)
#
# Return the root mean square error (RMSE: per pixel, square, mean, root) that this leaves in $x_\text{naive}$ on average. You need only the $\sigma_i$ and the noise level; draw nothing.

# %% tags=["exercise"]
def expected_rmse(H, noise_level):
    """Return the RMSE that noise of this standard deviation leaves in the naive inverse."""
    ### BEGIN SOLUTION
    s = np.linalg.svd(H, compute_uv=False)
    return noise_level * np.sqrt(np.mean(1 / s**2))
    ### END SOLUTION


ex.expected_rmse.check(expected_rmse)

# %% [markdown]
# Two more numbers are on the market. The *bound* $\|x_\text{naive} - x\| \le \|\varepsilon\|/\sigma_{\min}$ ($\|\cdot\|$ is the length of a vector, $\sigma_{\min}$ the smallest $\sigma_i$) puts all noise on the worst pattern. And κ bounds the *relative* error:
# it is at most κ times the relative noise $\|\varepsilon\|/\|Hx\|$. Rules of thumb are built on that: κ < 10, the naive inverse is safe; κ about 100, some help is needed; κ > 10⁴, there is no way without.
#
# > **Predict.** Noise is 5 % of the peak throughout. Will a probe with κ = 8 give a relative error of about 5 %, 15 %, or 50 %? And how much of the bound is reached: nearly all of it, or a part that shrinks as κ grows?

# %%
expected_rmse = ex.expected_rmse.use(expected_rmse)
for pm in (12.5, 18.75, 25, 37.5, 50):
    A = forward.GaussianBlur((80,), pm / 25).to_matrix()
    level, kappa = noise.gaussian_sigma(A @ x, 0.05), condition(A)[0]
    into = level * np.sqrt(80) / np.linalg.norm(A @ x)
    out = expected_rmse(A, level) * np.sqrt(80) / np.linalg.norm(x)
    print(f"{pm:5.4g} pm, κ {kappa:7.2g}: {100 * into:.0f} % noise in, "
          f"{100 * out:7,.0f} % error out, {100 * out / into / kappa:.0f} % of the bound")
level = noise.gaussian_sigma(clean, 0.05)
draws = [noise.gaussian(clean, 0.05, seed=k) for k in range(200)]
measured = np.sqrt(np.mean([metrics.rmse(deblurring.naive(H, draw), x) ** 2 for draw in draws]))
print(f"50 pm probe: 200 draws {measured:.3g}, formula {expected_rmse(H.to_matrix(), level):.3g}")

# %% [markdown]
# **Why.** Noise of 5 % *of the peak* is already 15 % of the whole profile, most of which is dark; amplified a little more than threefold, 50 % come out at κ = 8, and at κ = 69 the error is nearly three times the object. "Safe" is not a property of κ: it is **κ times your noise**. The bound is
# reached only when the object lies on the pattern that passes best and all noise on the one that passes worst. No real object and no real noise do that, and the larger κ, the less: three quarters of it at κ = 1.7, a ninth at κ = 700 000.
# So read κ as a warning light, and the formula of exercise 2 as the meter.
#
# > **Predict.** Now vary the noise, from 0.03 % to 30 % of the peak (ten million electrons per pixel down to eleven). In a log–log plot, what curve will the naive error draw? And *Tikhonov*, the gentle filter of section 8? A number λ sets how gentle; here the best of 60 is taken, which only a simulation can know. Does its error grow as well, and what stops it?

# %%
levels, naive, gentle = np.geomspace(3e-4, 0.3, 7), [], []
for share in levels:
    data = [noise.gaussian(clean, share, seed=k) for k in range(20)]
    naive.append(np.sqrt(np.mean([metrics.rmse(deblurring.naive(H, d), x) ** 2 for d in data])))
    sweeps = [choose.sweep(H, d, np.geomspace(1e-8, 10, 60), x) for d in data]
    gentle.append(np.mean([sweep.rmse.min() for sweep in sweeps]))
naive, gentle, empty = np.array(naive), np.array(gentle), np.sqrt(np.mean(x**2))
formula, bound = (levels * clean.max() * f for f in (expected_rmse(H.to_matrix(), 1), 1 / s[-1]))
figures.rmse_against_noise(levels, naive, formula, bound, gentle, empty)
for k in (0, -1):
    print(f"noise {100 * levels[k]:.2g} %: naive {naive[k]:,.0f} (formula {formula[k]:,.0f}), "
          f"Tikhonov {gentle[k]:.2g}, empty picture {empty:.2f}")

# %% [markdown]
# **Why.** The naive inverse is linear: twice the noise, twice the error, a straight line. To bring its error down to 0.1 you would need noise 25 000 times smaller than 5 %, hence $6 \cdot 10^8$ times more
# electrons. (The specimen would object.) Tikhonov's error grows too, but gently, and it is bounded by something dull: an empty picture has an RMSE of 0.29, and λ can always
# be made so large that the picture is empty. "Stays bounded" is no praise by itself.
#
# ## 5. What amplified noise looks like
#
# The second picture to remember. Take an image of 32 × 32 pixels and a sharper probe, σ = 1.5 px or 38 pm, and invert *pure noise*: there is no object at all.
#
# > **Predict.** Noise has no favourite pattern. Its naive inverse: still featureless, or will it show something? If so, what?

# %%
U2, s2, Vt2 = forward.GaussianBlur((32, 32), 1.5).svd()
pure = [np.random.default_rng(seed).standard_normal(1024) for seed in (1, 2)]
inverses = [Vt2.T @ ((U2.T @ e) / s2) for e in pure]
figures.last_patterns(Vt2, pure[0], inverses)
for e, inverse in zip(pure, inverses):
    share = [np.sum((Vt2[-21:] @ z) ** 2) / np.sum(z**2) for z in (e, inverse)]
    print(f"in the last 21 of 1024 patterns: {100 * share[0]:.0f} % of the noise, "
          f"{100 * share[1]:.0f} % of its inverse (squared)")

# %% [markdown]
# **Why.** Going in, every pattern holds the same amount of noise; 21 of 1024 hold about 2 %. Then pattern $i$ is divided by $\sigma_i$, and the last 21 by $3 \cdot 10^{-8}$ and less. After that they are all there is. So **the naive inverse does not
# look like noise. It looks like the last singular vectors**, whatever the specimen. Learn this face. When a deconvolved image shows a fine chequered texture that the raw data cannot carry, you are looking at $V$, not at atoms; and you
# can check: compute the last patterns of your own probe, and compare. (Another cut of the tail has other last patterns, with another texture.)
#
# ## 6. The Picard plot
#
# So patterns must be judged one by one: is $u_i^T y$ object or noise? Plot three things against $i$: the singular values $\sigma_i$, the data's coefficients
# $|u_i^T y|$, and their quotient, which is what the naive inverse uses. This is the *Picard plot*. The *discrete Picard condition* says how long to trust it: on average the coefficients must fall at least as fast as the $\sigma_i$, so that the quotient does not grow.
#
# > **Predict.** Our object is a crystal. Will its coefficients fall smoothly, or in groups? (Think of a diffraction pattern: a crystal has few waves. The thin lines will mark those of ours, 606 pm and its fractions.) And where will they stop falling: at the pattern where $\sigma_i$ falls below the noise level, before it, or after it?

# %%
s, coefficients, ratio = solvers.picard(H, y)
figures.singular_values(s, coefficients, level)
print(f"noise level {level:.4f}; last 40 coefficients, root mean square "
      f"{np.sqrt(np.mean(coefficients[40:] ** 2)):.4f}")
print(f"singular values above the noise level: {np.sum(s > level)}")
for group in (slice(5, 9), slice(12, 16), slice(18, 23), slice(25, 30), slice(32, 36)):  # near them
    i = group.start + coefficients[group].argmax()
    print(f"pattern {i + 1}, {4000 / i:.0f} pm: {coefficients[i] / level:.1f} times the noise")

# %% [markdown]
# **Why.** The groups are the crystal's *reflections*, the waves that repeat as the crystal does: 606 pm and its half, third, quarter, fifth. Between them the object has little to say. The fourth group, near pattern 27 and 606/4 = 151 pm, is what splits the dumbbells, and it stands out. Up to there the quotient stays at 1 or below: it is the object. From there on it climbs without end: it is noise. The fifth group,
# 121 pm, does not stand out: it is strong in the object, but arrives weaker than the noise. (Of four patterns that hold nothing but noise, the largest reaches 1.4 times the noise every other time.)
#
# Note where the coefficients meet the noise: well *before* $\sigma_i$ does. A figure in the lecture draws the noise floor across the singular values and calls those below it lost. But $\sigma_i$ says how much *would* pass; whether there is
# anything to pass is the object's affair. Compare like with like: coefficients with noise.
#
# ### Exercise 3: decide and justify (about 8 minutes)
#
# Keep the first $r$ patterns and drop the rest. Choose $r$ **from the Picard plot and the numbers above**, and say why. The cell lists labelled statements when you run it; an answer is two lines, such as `r = 3` and `because = ["A", "B"]`.

# %% tags=["exercise"]
r = None
because = []
### BEGIN SOLUTION
r = 29
because = ["A", "D", "E"]
### END SOLUTION
print(ex.rank)
ex.rank.check(r=r, because=because)

# %% [markdown]
# ## 7. Truncated SVD
#
# ### Exercise 4: write it (about 6 minutes)
#
# $$ x_r = \sum_{i=1}^{r} \frac{u_i^T y}{\sigma_i}\, v_i . $$
#
# Everything after pattern $r$ is set to zero. `np.linalg.svd(H, full_matrices=False)` returns $U$, the $\sigma_i$, and $V^T$, whose *rows* are the patterns.

# %% tags=["exercise"]
def truncated_svd(H, y, r):
    """Return the naive inverse of the first r patterns of a matrix H."""
    ### BEGIN SOLUTION
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt[:r].T @ ((U[:, :r].T @ y) / s[:r])
    ### END SOLUTION


ex.truncated_svd.check(truncated_svd)

# %% [markdown]
# Because the patterns are at right angles, the squared error splits in two, with no cross term: what was *dropped* (the part of the truth in the patterns after $r$: *bias*) and the *noise* that was let in. The noise part you know before the data (exercise 2, summed over $r$ patterns only); the dropped part only a simulation knows.
#
# > **Predict.** Sketch the error against $r$ before you look. A smooth U, or a U with steps? At which ranks are the steps? And what do you pay for stopping at 36, where $\sigma_i$ meets the noise, instead of near 28?

# %%
truncated_svd = ex.truncated_svd.use(truncated_svd)
ranks = np.arange(1, 81)
errors = np.array([metrics.rmse(truncated_svd(H.to_matrix(), y, r), x) for r in ranks])
dropped = np.array([np.sqrt(np.sum((Vt[r:] @ x) ** 2) / 80) for r in ranks])
let_in = level * np.sqrt(np.cumsum(1 / s**2) / 80)
figures.error_against_rank(errors, dropped, let_in)
for r in (8, 20, 26, 28, 36, 50, 80):
    print(f"rank {r:2d}: RMSE {errors[r - 1]:7.3g}   expected: dropped {dropped[r - 1]:.3f}, "
          f"noise {let_in[r - 1]:.3g}")

# %% [markdown]
# **Why.** The left arm falls in steps, one for each reflection: at 8 the dumbbells appear as blobs, near 21 they sharpen, at 27 they split. Between the steps extra patterns gain next to nothing. The right arm rises ever more steeply, because each $\sigma_i$ is smaller than the one
# before by a growing factor. Going on to 36 doubles the error; going on to 80 multiplies it by 25 000. The left arm has a ceiling, the empty picture; the right has none.
# But do not stop just *before* a reflection: at 26 the error is 1.4 times that at 27.
#
# ## 8. Two filters side by side
#
# A cut is crude: pattern 28 whole, pattern 29 not at all. *Tikhonov* asks for the smallest $\|Hx - y\|^2 + \lambda\|x\|^2$, where λ weighs the size of $x$ against the fit. Its answer multiplies each $u_i^Ty$ not by $1/\sigma_i$ but by
# $\sigma_i/(\sigma_i^2 + \lambda)$, so that a small $\sigma_i$ does no harm. Written as a *filter factor* $f_i$ on the naive inverse:
#
# $$ \hat{x} = \sum_i f_i \, \frac{u_i^T y}{\sigma_i}\, v_i , \qquad \text{truncated SVD: } f_i = 1 \text{ or } 0, \qquad \text{Tikhonov: } f_i = \; ? $$
#
# > **Predict.** Soon you will see a rank of 28 beside λ = 0.005. Will Tikhonov's factors fall abruptly or gently, and near which pattern will they pass one half? (Section 2 printed some $\sigma_i$.) Will the two pictures differ a lot?
#
# ### Exercise 5: filter factors (about 4 minutes)
#
# Return Tikhonov's $f_i$ for an array `s` of singular values and a number `lam` for λ (`lambda` means something else in Python).

# %% tags=["exercise"]
def filter_factors(s, lam):
    """Return the share of each pattern of the naive inverse that Tikhonov keeps."""
    ### BEGIN SOLUTION
    return s**2 / (s**2 + lam)
    ### END SOLUTION


ex.filter_factors.check(filter_factors)

# %%
filter_factors = ex.filter_factors.use(filter_factors)
factors = {"naive/truncated SVD, r = 28": (ranks <= 28).astype(float)}
factors["tikhonov/Tikhonov, λ = 0.005"] = filter_factors(s, 0.005)
solutions = {name: Vt.T @ (f * (U.T @ y) / s) for name, f in factors.items()}
figures.filters(x, factors, solutions)
for name, f in factors.items():
    print(f"{name.split('/')[1]:24s} sum of factors {f.sum():.1f}, "
          f"RMSE {metrics.rmse(solutions[name], x):.3f}")
same = np.allclose(list(solutions.values())[1], deblurring.tikhonov(H, y, 0.005))
print(f"the second is what deblurring.tikhonov returns: {same}")

# %% [markdown]
# **Why.** Same inverse, other factors: a cut at pattern 28 against a slope around it. It passes one half where $\sigma_i^2 = \lambda$, at $\sigma_i = \sqrt{0.005} = 0.07$, which is pattern 30 or 31. The sum of the factors says how many patterns are in use, and it is nearly the same; so are the errors. Which of them wins depends on the noise that happened.
#
# Is every regulariser a filter, as one hears? Every *linear* one is: truncated SVD, Tikhonov, and the iterations of week 6, whose number acts like a rank. Total variation and L1 (week 3) have no fixed factors: what they do to a pattern depends on all the others, and on
# the data. That is their strength, and the reason why no Picard plot predicts their error.
#
# ## 9. What the microscope cannot see
#
# For a probe every $\sigma_i$ is above zero, if only just. For 15 tilts, 216 patterns had $\sigma_i = 0$. Together they span the *null space*: objects that leave no trace in the data. Every slice of a particle has its ghosts there. Below, two recipes:
# 71 tilts to ±70° in steps of 2° (which patterns pass *worst*?), and 15 tilts in steps of 10°. To make a ghost, take layers stacked along the beam, 2 px thick, and keep what of them lies in the null space.
#
# > **Predict.** The beam runs downwards at 0° tilt, and tilts beyond ±70° are missing. Which layers can the tilt series not see: those stacked along the beam (horizontal stripes), or those standing upright?
# > Plain noise has $216/576$ = 38 % of its squared amplitude in the null space of the 15 tilts. How much have the stacked layers, and how much the upright ones?

# %%
tilted = forward.ParallelBeam((24, 24), tilts["15 tilts, ±70°"], dtype=float)
unseen = np.linalg.svd(operators["15 tilts, ±70°"])[2][360:]  # 216 patterns with σ = 0
some, weak = np.linalg.svd(operators["71 tilts, ±70°"], full_matrices=False)[1:]
weak = weak[some < 0.01 * some[0]]  # they pass with less than a hundredth of the best
slice_a = phantoms.core_shell(24)
stacked = 0.5 * (slice_a > 0) * np.cos(np.pi * np.arange(24) / 2)[:, None]
ghost = (unseen.T @ (unseen @ stacked.ravel())).reshape(24, 24)
three = {f"weak pattern {k} of 54": weak[k - 1].reshape(24, 24) for k in (42, 47, 49)}
figures.ghost(three, slice_a, ghost, 15)
change = np.linalg.norm(tilted @ ghost) / np.linalg.norm(tilted @ slice_a)
print(f"A and B differ by an RMSE of {metrics.rmse(slice_a + ghost, slice_a):.2f}; "
      f"their data by less than a billionth: {change < 1e-9}")

# %%
for name, layers in {"stacked along the beam": stacked, "standing upright": stacked.T}.items():
    amount = [np.sum((V @ layers.ravel()) ** 2) / np.sum(layers**2) for V in (unseen, weak)]
    print(f"layers {name:22s}: {100 * amount[0]:4.1f} % unseen by 15 tilts, "
          f"{100 * amount[1]:4.1f} % in the {len(weak)} weak patterns of 71")
full_s = np.linalg.svd(operators["70 tilts, full range"], compute_uv=False)
print(f"weak patterns of 70 tilts over the full range: {np.sum(full_s < 0.01 * full_s[0])}")
weak_ghost = (weak.T @ (weak @ stacked.ravel())).reshape(24, 24)
series = forward.ParallelBeam((24, 24), tilts["71 tilts, ±70°"], dtype=float)
share = np.linalg.norm(series @ weak_ghost) / np.linalg.norm(series @ slice_a)
print(f"their ghost changes the data of 71 tilts by {100 * share:.1f} % of the norm")

# %% [markdown]
# **Why.** A projection adds up along its rays. Rays that run nearly down the beam sum over a bright layer, a dark one, a bright one, and see the mean. Only rays that run *along* the layers, beyond ±70°, could tell them apart, and those
# are the missing ones. Upright layers are looked at edge-on at 0°. So resolution is worst **along the beam**, not across it.
#
# Two kinds of loss, then. With 15 tilts the ghost is *exactly* invisible: no dose and no algorithm brings it back. With 71 tilts no pattern is lost exactly, but 54 instead of 10 hardly pass, and they hold most of the layers: their ghost changes the
# data by 0.3 % of their norm. With noise of 10 % of the peak (100 electrons) that is 0.7 times the noise, all 1704 values taken together as in week 1. (Counting noise is weaker where it is dark. With one stray electron per value the ghost is twice the noise:
# enough to suspect layers, if you already know which; too little to draw them.) κ could not show this, because κ looks at the single worst pattern; what matters is *how many* are weak, and *what they look like*. If your specimen is a multilayer, mount it edge-on.
#
# ## 10. Limits: dose, and what fills the rest
#
# The lecture bounds the accuracy of a reconstruction by $\|\varepsilon\|/\sigma_{\min}$. That is a bound for the *naive inverse*; truncated SVD has just stayed below it by a factor of more than a hundred thousand. It also says that a better signal-to-noise ratio "raises the floor". It lowers it:
#
# > **Predict.** Raise the dose from 400 electrons at the brightest pixel to 4000, 40 000 and four million. By what factor does the naive error fall for ten times the dose? And how much further out in the patterns do we get: twice as far, or a few patterns?

# %%
for electrons in (400, 4_000, 40_000, 4_000_000):
    level_here = noise.gaussian_sigma(clean, 1 / np.sqrt(electrons))
    expected = np.hypot(dropped, level_here * np.sqrt(np.cumsum(1 / s**2) / 80))
    best = expected.argmin() + 1
    print(f"{electrons:9,d} electrons: naive {expected[-1]:6.4g}; best rank {best}, finest pattern "
          f"{4000 / (best - 1):.0f} pm, expected RMSE {expected.min():.3f}")

# %% [markdown]
# **Why.** Noise falls with the root of the dose, and with it the naive error: by √10 for ten times the electrons, as straight as before. The limit moves by a few patterns only, because the $\sigma_i$ fall so steeply: ten times the dose wins one reflection (121 pm), a hundred times no further one, ten thousand times two more (101 and 87 pm). A sharper probe is a better buy: 25 pm instead of 50, with 400 electrons again, gains as much as ten times the dose.
#
# What stands in a picture beyond the limit? Whatever the method puts there. Truncated SVD and the naive inverse with zeros dropped put *nothing*: a zero is a choice, too. *Total variation* (week 3) puts sharp edges, a network what it saw in training. None of it is
# in the data. A useful habit: plot the coefficients $|v_i^T \hat{x}|$ of your reconstruction (for a blur: its power spectrum), and mark where $|u_i^Ty|$ meets the noise. What lies right of the mark was filled in by the prior.
#
# ## 11. Explorer
#
# Picard plot, reconstruction and error at once. Move the rank, or click on a grey point or on the error curve. Under *more*: the cut of the tail and the border.
#
# Two things to try: **(a)** set the probe to 75 pm, where the eye saw three lumps, and look for the best rank: do the dumbbells split? Then lower the noise to 0.5 %. **(b)** Go to rank 80 and change the cut of the tail. What happens to κ and the RMSE? Then do the same at rank 28.
#
# <details><summary>What you should have seen</summary>
# (a) With 5 % noise the best rank is 22 (RMSE 0.15), and the light columns are hardly more than a shoulder. With 0.5 % it is 28 (RMSE 0.10), and the dumbbells are split to the ground: the split was hidden, not lost. (b) At rank 80 the RMSE runs from 2 (cut at 2 σ) to 390 000 (not cut), as κ does; at rank 28
# it stays between 0.099 and 0.100. Once the last patterns are dropped, nobody cares how the tail was cut.</details>

# %% tags=["explorer"]
explorer = widgets.SpectrumExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"rank {shown.rank}: RMSE {shown.rmse:.3f}; "
      f"lowest {shown.errors.min():.3f} at rank {shown.best}")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - Here the noise is Gaussian and the same everywhere. Counts are not: bright columns are noisier. The flat noise in the Picard plot is then an average, and the rule of the plot a little too strict between the columns and too lax on them. You would notice by a residual that is large where the image is bright. Week 3 treats counts.
# - We inverted the very probe that made the data. A wrong width is not in the Picard plot: the plot is just as tidy. You would notice by dark rims around columns (probe taken too wide). Reconstruct with two widths.
# - We knew the noise level. Without it, the level of the last coefficients tells it (section 6 printed both), as long as you have patterns to spare.
# - The geometry of sections 3 and 9 was chosen, too. The detector is as wide as the slice, so that the corners leave it at high tilt. With one of 36 pixels, which sees them always, there are 47 weak patterns instead of 54, and κ is 440 instead of 490; 15 tilts leave 117 patterns unseen
#   instead of 216. Whoever compares such numbers without the geometry is misled, as with κ in section 3; you would notice by counting data and unknowns.
# - A slice of 24 × 24 pixels is a toy: its SVD takes a second. For 512 × 512 pixels the matrix $V$ alone would fill 550 GB. The *questions* stay: how many weak patterns, and what do they look like? Week 6 asks them without an SVD.
#
# ## Take-away
#
# 1. The SVD turns a microscope into a list: patterns, and how much of each passes. Noise is the same on all of them; dividing makes the last ones win.
# 2. κ is a warning light that hangs on the probe's tail and the border. Judge pattern by pattern: coefficient against noise.
# 3. Below the noise, and in the null space, the data are silent. What you see there was put there.
#
# ## Three questions
#
# <details><summary>1. A colleague reports κ = 10⁹ for her deconvolution and asks whether the data are hopeless. What do you ask back?</summary>
# How the probe was cut, which border, and at which pattern the coefficients meet the noise. The last alone decides what can be had; κ speaks of the last pattern, which she will drop anyway.</details>
#
# <details><summary>2. You record each image four times and average. What happens to κ, to the noise level, and to the best rank?</summary>
# κ stays. The noise halves. The best rank goes from 29 to 34 here, because the next reflection now clears the noise; a further factor of four would win none.</details>
#
# <details><summary>3. A tomogram recorded to ±70° shows no layering along the beam. May you conclude that the particle has none?</summary>
# No: most of such layers (85 % in section 9) lies in patterns that hardly pass, and a reconstruction leaves it out. Add that part to yours, project it again, and see whether the data object: hardly. The rest of the layers, their ends above all, does pass: it is faint streaks that you should look for.</details>
#
# ## Further reading
#
# - P. C. Hansen, *Discrete Inverse Problems: Insight and Algorithms* (2010), [doi:10.1137/1.9780898718836](https://doi.org/10.1137/1.9780898718836): SVD, Picard condition, truncated SVD, in the same order as here.
# - P. C. Hansen, *Rank-Deficient and Discrete Ill-Posed Problems* (1998), [doi:10.1137/1.9780898719697](https://doi.org/10.1137/1.9780898719697).
# - S. J. Pennycook, P. D. Nellist (editors), *Scanning Transmission Electron Microscopy* (2011), [doi:10.1007/978-1-4419-7200-2](https://doi.org/10.1007/978-1-4419-7200-2): probes, and why HAADF shows $Z$.
# - J. Frank (editor), *Electron Tomography* (2006), [doi:10.1007/978-0-387-69008-7](https://doi.org/10.1007/978-0-387-69008-7): the missing wedge.
