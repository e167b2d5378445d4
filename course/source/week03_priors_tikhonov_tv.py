# %% [markdown]
# # Week 3: Priors, or what we knew beforehand
#
# You will restore one profile with four different beliefs about it, and learn to recognise each belief by the trace it leaves.
#
# **After this hour you can**
#
# - write a reconstruction as *data + prior*, and say which noise and which objects the two terms assume;
# - tell an L2, a slope, a TV and an L1 reconstruction apart by looking;
# - choose the prior for a specimen before you see the result, and defend the choice;
# - measure the error that a prior leaves behind when all noise is gone.
#
# **Time:** 65 minutes. **You need:** weeks 1 and 2 (the model $y = Hx + \varepsilon$, singular values). All data are simulated, so that we know the
# truth and can grade ourselves. Each step asks you to *predict* before you *run*: if results already stand below the cells, clear them first (menu
# *Edit*, *Clear Outputs of All Cells*).

# %% tags=["setup"]
from functools import partial

import numpy as np
from em_inverse import choose, deblurring, fidelity, forward, metrics, noise, phantoms, priors
from em_inverse import solvers, widgets
from em_inverse.checks import week03 as ex
from em_inverse.plotting import week03 as figures
from em_inverse.solvers import l1_path, tv_path

# %% [markdown]
# ## 1. The data cannot decide alone
#
# The specimen of this week is a wedge in vacuum, seen edge-on: a cleaved face (one *sharp edge*), a plateau, and a polished slope that thins out smoothly
# (one *ramp*). Its profile $x$ has 120 pixels of 50 pm, 6 nm in all. The probe is a Gaussian with a standard deviation of 3 px, or 150 pm, and a plateau pixel
# counts about 280 electrons, which is 6 % noise ($1/\sqrt{280} = 0.06$). As before $y = Hx + \varepsilon$: the matrix $H$ blurs, $\varepsilon$ is the noise, $y$ the measurement.
#
# Below are four candidates for the object: the truth; the truth plus a ripple of our own making; the slope reconstruction of section 5; and the naive inverse.
#
# > **Predict.** For how many of the four is the misfit $\|H\hat{x} - y\|$ larger than the noise by more than a tenth, so that the data would throw them out?

# %%
x = phantoms.edge_and_ramp(120)
H = forward.GaussianBlur((120,), sigma=3)
clean = H @ x
s = noise.gaussian_sigma(clean, 0.06)
y = noise.gaussian(clean, level=0.06, seed=42)
candidates = {"truth": x, "truth + ripple": x + 0.5 * np.cos(np.pi * np.arange(120) / 1.7)}
candidates["slope"] = deblurring.tikhonov(H, y, 0.63, penalty="gradient")
candidates["naive"] = deblurring.naive(H, y)
for name, c in candidates.items():
    misfit = np.linalg.norm(H @ c - y) / (s * np.sqrt(120))
    print(f"{name:15s} misfit {misfit:.2f} × noise, RMSE {metrics.rmse(c, x):8.3g}")

# %% [markdown]
# **Why.** None. All four explain the data (the misfit of the truth is the noise itself; seed 42, kept because the lecture uses it, is an unusually quiet one, a fifth below what is expected), and they are as different as objects
# can be: the ripple is half as high as the wedge, and the naive inverse is off by twenty thousand times its height. (A lecture that this course follows says that the naive inverse is "the solution closest to zero". It is not: for this $H$ only one
# object fits $y$ exactly, and that one is enormous.) Something else has to choose, and all we have left is what we knew beforehand.
#
# So we ask for an object that fits the data *and* is plausible. $R(x)$ says how implausible $x$ is, and the weight λ how much that counts:
#
# $$ \hat{x} = \arg\min_x \; \underbrace{\|Hx - y\|^2}_{\text{data term}} \;+\; \lambda \underbrace{R(x)}_{\text{prior term}} . $$
#
# | name | $R(x)$ | believes that | in the microscope |
# |---|---|---|---|
# | **L2** (identity) | $\sum_i x_i^2$ | values are small | uncorrelated speckle around a known mean |
# | **H1** (slopes) | $\sum_i (x_{i+1} - x_i)^2$ | neighbours differ little | thickness, strain, phase that change slowly |
# | **TV** (total variation) | $\sum_i \lvert x_{i+1} - x_i\rvert$ | the object is made of flat pieces | grains, layers, particles in vacuum |
# | **L1** (sparsity) | $\sum_i \lvert x_i\rvert$ | nearly all pixels are empty | single heavy atoms on a light support |
#
# The first two are both called *Tikhonov*. The data term has a choice, too: the sum of squares belongs to Gaussian noise, and section 10 takes the one of Poisson noise.
#
# ### Exercise 1: the four objectives (about 6 minutes)
#
# Return an array with the four values $\|Hx - y\|^2 + \lambda R(x)$, in the order L2, H1, TV, L1. `np.diff(x)` gives the differences of neighbours.

# %% tags=["exercise"]
def objectives(H, y, x, lam):
    """Return ‖Hx − y‖² + λR(x) for R = L2, H1, TV, L1: four numbers."""
    ### BEGIN SOLUTION
    data = np.sum((H @ x - y) ** 2)
    steps = np.diff(x)
    R = [np.sum(x**2), np.sum(steps**2), np.sum(np.abs(steps)), np.sum(np.abs(x))]
    return data + lam * np.array(R)
    ### END SOLUTION


ex.objectives.check(objectives)  # stuck? ex.objectives.hint(), and later ex.objectives.solution()

# %% [markdown]
# > **Predict.** With λ = 0.1, which of the four priors prefers the truth to the slope reconstruction? Then we shuffle the pixels of the truth: which of the four
# > values of $R$ change?

# %%
objectives = ex.objectives.use(objectives)
A = H.to_matrix()
print("objective            L2       H1       TV       L1")
for name, c in candidates.items():
    print(f"{name:15s}" + "".join(f"{value:9.3g}" for value in objectives(A, y, c, 0.1)))
shuffled = np.random.default_rng(0).permutation(x)
for name, c in {"R of the truth": x, "R, shuffled": shuffled}.items():
    print(f"{name:15s}" + "".join(f"{v:9.3g}" for v in objectives(0 * A, 0 * y, c, 1.0)))

# %% [markdown]
# **Why.** TV prefers the truth clearly: one step and one slope of height 1 each, so $R = 2$, while the slope reconstruction ripples. L1 prefers it by a hair. L2 and H1 prefer the slope
# reconstruction, and for H1 that is no accident: it *is* the minimum of an objective with H1. Every column throws out the naive inverse. And the ripple, which the data did not mind, costs dearly.
#
# The shuffled profile looks like noise, and yet L2 and L1 find it exactly as good as the wedge: they look at one pixel at a time. (The lecture's table says of L2
# "smooth solutions". What is smooth there comes from $H$, whose weak patterns are the fine ones; see week 2. Without a blur L2 smooths nothing.)
#
# ## 2. What does a prior believe? Ask it for examples
#
# Noise with standard deviation $s$ on each pixel has the probability density $\exp(-\|Hx - y\|^2/2s^2)$: the *likelihood* of the data. A prior is a density as well, over objects, and
# Bayes' rule multiplies the two. The most probable object (the *maximum a posteriori*, or MAP) is the minimum of minus the logarithm:
#
# $$ \frac{\|Hx - y\|^2}{2 s^2} - \log p(x) \quad\Longrightarrow\quad \lambda R(x) = -2 s^2 \log p(x) . $$
#
# Read from right to left: every $R$ *is* a density over objects, and one can draw from it. Gaussian values belong to L2, Gaussian steps (a random walk) to H1,
# Laplace steps, $p \propto e^{-|\text{step}|/b}$, to TV, and Laplace values to L1. All values, and all steps, have the same spread.
#
# > **Predict.** Which of the four drawn objects will look most like a specimen you know? Will the TV sample have flat pieces?

# %%
rng = np.random.default_rng(5)
laplace = rng.laplace(scale=np.sqrt(0.5), size=(2, 120))
draws = {"L2": rng.standard_normal(120), "H1": np.cumsum(rng.standard_normal(120))}
draws |= {"TV": np.cumsum(laplace[0]), "L1": laplace[1]}
figures.samples(draws)
for name in ("H1", "TV"):
    climbs = np.sort(np.abs(np.diff(draws[name])))
    largest = 100 * climbs[-6:].sum() / climbs.sum()
    print(f"{name}: the 6 largest of 119 steps make {largest:.0f} % of the way")
print(f"L1: values that are exactly zero: {np.count_nonzero(draws['L1'] == 0)} of 120")

# %% [markdown]
# **Why.** L2 believes in speckle, H1 in a wandering profile without jumps. The samples of TV and L1 disappoint: a few steps (or values) are large, but nothing is
# flat and nothing is zero. A Laplace density prefers small values without ever insisting on zero. The flat pieces and the empty pixels that TV and L1 are famous for are made
# by the *maximum*, which section 4 will show to sit in a corner; a typical object of the prior has none (Lassas and Siltanen, 2004). So a MAP image is the highest
# point of the density, not a typical object.
#
# Now the claim itself, on a specimen of two pixels, where a computer can try every object on a grid. $b$ is the scale of the Laplace density, $\tau$ the standard
# deviation of the Gaussian one; the formula above makes $\lambda = s^2/\tau^2$ for L2 and $\lambda = 2s^2/b$ for L1.
#
# > **Predict.** Will the highest point of the posterior (likelihood × prior) agree with the kit's minimiser? And the *mean* of the posterior?

# %%
two = np.array([[0.75, 0.25], [0.25, 0.75]])  # two pixels, each smeared into the other
seen, s_two, tau, b = np.array([0.62, 0.22]), 0.2, 0.5, 0.4
axis = np.linspace(-1, 2, 301)
grid = np.stack(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)
fit = np.sum((two @ grid - seen[:, None]) ** 2, axis=0) / (2 * s_two**2)
gauss, edgy = np.sum(grid**2, axis=0) / (2 * tau**2), np.sum(np.abs(grid), axis=0) / b
found = [deblurring.tikhonov(two, seen, s_two**2 / tau**2)]
found += [deblurring.sparse(two, seen, 2 * s_two**2 / b, tol=1e-9)]
for name, prior, x_hat in zip(("L2", "L1"), (gauss, edgy), found):
    p = np.exp(-fit - prior)
    print(f"{name}: highest point {grid[:, p.argmax()].round(2) + 0.0}, kit", x_hat.round(2) + 0.0,
          f"mean {(grid @ p / p.sum()).round(2)}")

# %% [markdown]
# **Why.** Minimising *data + prior* finds the top of the posterior, exactly as promised. For the Gaussian prior the top is also the mean. For L1 it is not: the top says
# that the second pixel is empty, the mean says that it probably is not. Both come from the same posterior; they answer different questions.
#
# Where a prior is true, λ is no matter of taste. For the squares it is a ratio of two variances, noise over object: for H1 $\lambda = s^2/\tau^2$ with $\tau$ the spread of the steps, and indeed, for a hundred random walks
# blurred by our probe, the λ with the least average error is that one; ten times more or ten times less costs more than a fifth. Twice the dose halves $s^2$, and λ with it. λ also carries the units of $x$ and $y$, so a λ from a paper means
# nothing until you know both. Real specimens are no random walks, and their $\tau$ is not known; week 4 finds λ all the same.
#
# ## 3. One pixel: shrink it, or snap it
#
# What does a prior do to a single noisy value $v$? The *proximal operator* answers: it returns the value nearest to $v$ that the prior likes, at the price $t$,
#
# $$ \text{prox}(v) = \arg\min_u \; \tfrac12 (u - v)^2 + t\, R(u) . $$
#
# For $R(u) = u^2$ the slope vanishes at $u = v/(1 + 2t)$: every value shrinks by the same factor. For $R(u) = |u|$ the answer is the *soft threshold*: move every value
# by $t$ towards zero, and let those that would cross zero stay there.
#
# ### Exercise 2: the soft threshold (about 5 minutes)
#
# Write it for an array `v` of any shape: no loop is needed.

# %% tags=["exercise"]
def soft(v, t):
    """Return v moved by t towards zero, and zero where |v| ≤ t."""
    ### BEGIN SOLUTION
    return np.sign(v) * np.maximum(np.abs(v) - t, 0)
    ### END SOLUTION


ex.soft.check(soft)

# %% [markdown]
# H1 and TV do not look at values but at *steps*, so for them take the smallest object that has one: two pixels with a step $d$ between them.
#
# > **Predict.** Two curves for values (L2, L1), two for steps (H1, TV). Which of the four pass small things on unharmed? Which leave large ones nearly alone?

# %%
soft = ex.soft.use(soft)
v = np.linspace(-3, 3, 121)
values = {"L2": priors.Identity().prox(v, 0.5), "L1": soft(v, 0.5)}
pair = [np.array([-d / 2, d / 2]) for d in v]  # two pixels with the step d between them
steps = {
    "H1": [np.diff(priors.Smoothness().prox(p, 0.5))[0] for p in pair],
    "TV": [np.diff(priors.TotalVariation().prox(p, 0.5))[0] for p in pair],
}
figures.prox_curves(v, values, steps)
for name, curve in {**values, **steps}.items():
    small, large = np.interp([0.4, 3.0], v, curve)
    print(f"{name}: 0.4 becomes {small + 0.0:.2f}, 3.0 becomes {large:.2f}")

# %% [markdown]
# **Why.** None lets small things pass unharmed, and there are two curves only. A *square* shrinks everything by a factor: nothing becomes zero, and what is large loses most. An *absolute value*
# takes a fixed toll: small things are snapped to zero, large ones pay no more than the small. L1 does that to values, so it makes empty pixels; TV does it to
# steps, so it makes flat pieces and leaves large steps standing. (In TV both ends of a step move, hence a toll of $2t$.) You now know the four signatures; section 6 shows them in one figure.
#
# ## 4. Two pixels: where the ellipse meets the ball
#
# The other picture of the same thing. Allow only objects with $R(x) \leq c$: a *ball* of the prior. Around the object that fits best the misfit grows in ellipses. The answer
# is where the first ellipse touches the ball. For each λ there is a $c$, so we look for the λ whose answer lies exactly on the ball.
#
# For TV two pixels are too few (its ball is then an endless strip along $x_1 = x_2$: a level costs nothing). Take three pixels, and draw their two steps $d_1, d_2$: TV's ball is a diamond
# *in the steps*.
#
# > **Predict.** A lecture that this course follows says that with the L2 ball "the solution lies in the interior". Where will the three touching points be: inside, on a smooth side,
# > at a corner? What does a corner of the third ball mean for the object? And of 500 random measurements of two pixels (λ = 0.5), how many make a pixel *exactly* zero with L1? With L2?
#
# The loop at the end is a complete solver: a step down the slope of the data term, then your soft threshold. It is called ISTA; with some momentum it is FISTA, which this kit uses.

# %%
three = np.array([[0.75, 0.2, 0.05], [0.2, 0.6, 0.2], [0.05, 0.2, 0.75]])
seen = np.array([0.85, 0.45])  # two pixels for L2 and L1, three for TV; the last entry is c
balls = {"L2": (two, seen, 0.5), "L1": (two, seen, 0.7)}
balls["TV"] = (three, three @ [0.2, 0.35, 1], 0.5)
for name, point in figures.balls(balls).items():
    print(f"{name} touches at", point.round(3))
Y, X = two @ np.random.default_rng(1).standard_normal((2, 500)), np.zeros((2, 500))
for _ in range(300):
    X = soft(X - two.T @ (two @ X - Y), 0.5 / 2)  # step ½ along the slope 2Hᵀ(Hx − y)
ridge = np.linalg.solve(two.T @ two + 0.5 * np.eye(2), two.T @ Y)
for name, result in {"L1": X, "L2": ridge}.items():
    print(f"{name}: a pixel exactly zero in {np.sum((result == 0).any(axis=0))} of 500 cases")

# %% [markdown]
# **Why.** *Every* touching point lies on the surface: as long as the object that fits best is outside, the data pull the answer on until the ball stops it. The difference is the surface. A circle looks alike from all sides, so
# the ellipse touches wherever it happens to come. A diamond sticks out its corners, and the ellipse often meets one of them first: here in 316 of 500 cases, nearly two out of three. A corner of the L1 ball is an object with an empty
# pixel. A corner of the TV ball is an object with a step of zero: two neighbours exactly equal, a flat piece.
#
# ## 5. Slopes: Tikhonov with ∇
#
# Write $D$ for the matrix of differences: $(Dx)_i = x_{i+1} - x_i$, with 119 rows for 120 pixels. The objective $\|Hx - y\|^2 + \lambda\|Dx\|^2$ is a bowl, and its slope $2H^T(Hx - y) + 2\lambda D^T D x$ vanishes
# at one point. So no iteration is needed, one linear system does it. (For large problems one avoids $H^TH$, which squares the condition number of week 2, and solves for $H$ stacked on $\sqrt{\lambda}D$ by least squares. Here both do.)
#
# ### Exercise 3: H1 by the normal equations (about 8 minutes)
#
# Collect the terms with $x$ and solve. `np.diff(np.eye(n), axis=0)` is $D$. The check uses matrices `H` that are not square.

# %% tags=["exercise"]
def smooth(H, y, lam):
    """Return the minimiser of ‖Hx − y‖² + λ‖Dx‖², with D the differences of neighbours."""
    ### BEGIN SOLUTION
    D = np.diff(np.eye(H.shape[1]), axis=0)
    return np.linalg.solve(H.T @ H + lam * D.T @ D, H.T @ y)
    ### END SOLUTION


ex.smooth.check(smooth)

# %% [markdown]
# The lecture calls this solution "guaranteed unique". Not always. *Differential phase contrast* (DPC) measures how the beam is deflected, which is the slope of the specimen's phase: its $H$ is
# nearly $D$ itself. DPC cannot see a constant, and $D$ does not charge for it, so any constant may be added to the answer, and $H^TH + \lambda D^TD$ has the eigenvalue zero. The solution is unique exactly when no object
# (but zero) lies in both null spaces: $\text{null}(H) \cap \text{null}(D) = \{0\}$. A blur lets constants pass, and all is well. For DPC you must say where the vacuum is.
#
# ## 6. Four priors, one edge, one ramp
#
# Now the picture of the week. The same data, four times. Each prior gets the λ with the smallest error (we cheat: we know the truth), so that what you see is not a bad λ but the prior itself.
#
# > **Predict.** Go through the four before you run: which will round the edge? Which will make stairs of the ramp? Which will be a few per cent too low *everywhere*? And what will L1 do to a
# > plateau that is not sparse at all?

# %%
smooth = ex.smooth.use(smooth)
lambdas, best = np.geomspace(1e-4, 1e2, 61), {}
paths = {"L2": lambda H, y: choose.sweep(H, y, lambdas).solutions}
paths["H1"] = lambda H, y: np.array([smooth(A, y, lam) for lam in lambdas])
paths |= {"TV": partial(tv_path, lambdas=lambdas), "L1": partial(l1_path, lambdas=lambdas)}
for name, path in paths.items():
    found = path(H, y)
    errors = [metrics.rmse(c, x) for c in found]
    best[name] = found[k := np.argmin(errors)]
    print(f"{name}: λ = {lambdas[k]:4.2f}, RMSE {errors[k]:.3f}, "
          f"sum {best[name].sum() / y.sum():.3f} of the data's, empty {np.sum(best[name] == 0)} px")
figures.four_priors(x, y, best)

# %% [markdown]
# **Why.** Four signatures, each the curve of section 3 writ large:
#
# - **L2 shrinks.** The sum of the profile is 5 % too small. Constants pass the blur with $\sigma = 1$, so the filter $\sigma^2/(\sigma^2 + \lambda)$ turns every total down by $1/(1 + \lambda)$. If you count atoms by
#   integrated intensity, that is an error in your result.
# - **H1 rounds the edge.** A jump of 1 in one pixel costs $1^2$; spread over ten pixels it costs $10 \cdot 0.1^2 = 0.1$. So it is spread, and the plateau rings. The ramp is excellent.
# - **TV stairs the ramp.** A climb costs its height, whether in one jump or in fifty, so the edge is sharp to a pixel. But small steps are snapped to zero wherever the noise gives a reason to, and what is left of the ramp is five terraces (at least 3 px long).
# - **L1 thins.** A plateau becomes a picket fence, one spike every four to eight pixels: as few pixels as will do. The probe blurs the fence into a plateau, so the data do not object. The thin end of the wedge is lost.
#
# The width of the edge is that from 10 to 90 % of its height; the blur alone makes it $2.56\,\sigma = 7.7$ px, H1 leaves 5.9 px, TV less than 1 px.
#
# ## 7. Choose before you look
#
# ### Exercise 4: decide and justify (about 8 minutes)
#
# Four specimens, all seen through the same probe. For each choose a prior **now**: 1 = L2, 2 = H1, 3 = TV, 4 = L1.
#
# - **first:** a grain boundary pair: three grains, each uniform, with abrupt boundaries;
# - **second:** a graded dopant profile that rises smoothly across the layer;
# - **third:** isolated heavy adatoms on a support so light that its signal is zero;
# - **fourth:** a smooth phase map, waves around zero.
#
# Write your four choices as one number, first specimen first (`plan = 1234` would be L2 for the grains, H1 for the dopant, …). The cell lists the reasons to choose from. An answer is two lines, such as
# `plan = 1234` and `because = ["A", "C"]`.

# %% tags=["exercise"]
plan = None
because = []
### BEGIN SOLUTION
plan = 3242
because = ["A", "D", "E"]
### END SOLUTION
print(ex.plan)
ex.plan.check(plan=plan, because=because)

# %% [markdown]
# > **Predict.** And by how much does it matter? If your prior is right, will the error be 10 % smaller than with the second-best one, half, or a tenth?

# %%
plan, results = str(int(ex.plan.use(plan=plan))), {}
specimens = {"grains": phantoms.steps(120), "dopant": phantoms.ramp(120)}
specimens["adatoms"] = phantoms.three_peaks(120, (22, 47, 58, 90), (1, 0.6, 1, 0.8), width=0.3)
specimens["phase map"] = 0.5 * np.cos(np.linspace(0, 3 * np.pi, 120))
specimens["columns"] = phantoms.three_peaks(120, range(6, 120, 12), [1] * 10, width=2)
for (name, truth), chosen in zip(specimens.items(), plan + "0"):  # no choice for the columns
    print(f"{name:10s}", end="")
    data = noise.gaussian(H @ truth, 0.06, seed=42)
    for number, (prior, path) in enumerate(paths.items(), start=1):
        error, c = min((metrics.rmse(c, truth), tuple(c)) for c in path(H, data))
        results[name, prior] = np.array(c)
        print(f"  {prior} {error:.3f}{' *'[int(chosen) == number]}", end="\n" * (prior == "L1"))

# %% [markdown]
# **Why.** The star marks your choice (or the kit's). At home a prior wins by far: TV by a factor of eight on grains, L1 by twenty on adatoms, H1 by two on the dopant and by more than two on the phase map. Away from home it loses as clearly. Nothing is
# "the best regulariser". L2 wins none of the four: it does not know that neighbours are alike, nor that most pixels are empty.
#
# The fifth row is a correction. The lecture calls TV "very effective" for atomic columns, because they are local maxima. But a column is round on top, not flat: it is a *ramp up and a ramp down*.
#
# > **Predict.** Ten columns, 1 high and 2 px wide (standard deviation), 600 pm apart. Which prior cuts off the tops, H1 or TV, and how many of the pixels of a top will be exactly alike?

# %%
tops = np.arange(6, 120, 12)
for name in ("H1", "TV"):
    c = results["columns", name]
    alike = [np.count_nonzero(np.abs(c[k - 4 : k + 5] - c[k]) < 1e-3) for k in tops]
    print(f"{name}: tops {c[tops].mean():.2f} high, {min(alike)} to {max(alike)} pixels alike")
wide, flat = forward.GaussianBlur((200,), 4), phantoms.steps(200)
seen = noise.gaussian(wide @ flat, 0.06, seed=42)
slopes = choose.sweep(wide, seen, lambdas, flat, penalty="gradient").rmse
stairs = np.array([metrics.rmse(c, flat) for c in paths["TV"](wide, seen)])
print(f"the lecture's steps: Tikhonov {slopes.min():.4f} (printed there: 0.057), "
      f"TV {stairs.min():.4f} (0.032)")
# %% [markdown]
# **Why.** TV turns each column into a block with a flat top, a quarter too low; H1 keeps it round (the 1 pixel alike is the top itself) and 13 % too low. If you count atoms by the height of a column, both miscount, and TV more: integrate each column, or fit a model of it (week 12).
#
# The last lines repeat the lecture's own comparison: steps 0.2 → 0.8 → 0.3 on 200 pixels, probe 4 px, 6 % noise. Its Tikhonov comes out to the last digit, with the steps at pixels 66 and 133, the rows of $H$ summing to one, noise relative to the brightest *blurred* value, and
# seed 42. Its TV does not: ours is lower at the best λ of 1.6. A λ half as large gives 0.033, so perhaps the lecture used one that was not the best. Without its code nobody can tell.
#
# ## 8. The bias that no λ removes
#
# Each error has two parts. The *noise* part differs from measurement to measurement and averages away. What is left in the average of many reconstructions is the *bias*: the trace of the prior.
# So we measure the wedge 60 times and average, at four values of λ.
#
# > **Predict.** As λ falls, does the bias go to zero? Is there a λ at which both parts are small?

# %%
rng = np.random.default_rng(0)
again = [clean + s * rng.standard_normal(120) for _ in range(60)]
some = np.array([0.006, 0.06, 0.6, 6.0])
runs = {"H1": np.array([choose.sweep(H, d, some, penalty="gradient").solutions for d in again])}
runs["TV"] = np.array([tv_path(H, d, some) for d in again])
figures.bias(x, {name: r.mean(axis=0)[2] for name, r in runs.items()}, some[2])
for name, r in runs.items():
    for k, lam in enumerate(some):
        off = metrics.rmse(r[:, k].mean(axis=0), x)
        scatter = np.sqrt(r[:, k].var(axis=0).mean())
        print(f"{name} λ = {lam:5.3f}: bias {off:.3f}, noise {scatter:.3f}, "
              f"both {np.hypot(off, scatter):.3f}")

# %% [markdown]
# **Why.** The two parts trade. From λ = 0.6 to 0.006 the bias of H1 falls by a fifth, and the noise grows fivefold. (A mean of 60 still holds $1/\sqrt{60}$, an eighth, of the noise: of the 0.057 in the first line 0.055 are bias.) The rounded edge is in the average of 60 measurements as it was in one: *more of the same data does not
# help if each is reconstructed first*. (It would help to add the data first and lower λ.) TV has the smaller bias here, because half of its belief is true; what stays is a plateau that is 2 % too low. (Its stairs stand somewhere else each time, and average to a ramp.) But below λ = 0.06 the bias of TV *rises* again. TV is not linear: noise moves its edge to and fro, and the mean of many sharp edges is a wide one. Without noise
# the same λ = 0.006 would leave only 0.007. So noise and bias can be taken apart cleanly for linear methods only.
#
# For TV without a blur the bias has a formula. Lower a plateau of width $w$ with two edges by δ: the data term rises by $w\,\delta^2$, and λ TV falls by $2\lambda\delta$. The sum is lowest at $\delta = \lambda/w$, that is $\lambda/2w$ for each edge. In two dimensions
# a disc of radius $r$ has circumference over area $2/r$, and loses $\lambda/r$.
#
# > **Predict.** Which layer loses most contrast: one of 4 px or one of 32 px? There is *no noise at all* in the next cell.

# %%
lam = 0.5
for w in (4, 8, 16, 32):
    layer = np.zeros(256)
    layer[100 : 100 + w] = 1
    particle = phantoms.disc(96, radius=w / 2)
    lost = 1 - priors.TotalVariation().prox(layer, lam / 2)[100 : 100 + w].mean()
    inside = priors.TotalVariation().prox(particle, lam / 2)[particle > 0.999]
    print(f"width {w:2d} px: layer loses {lost:.4f} (λ/w = {lam / w:.4f}), "
          f"disc {1 - inside.mean():.3f} (λ/r = {2 * lam / w:.3f})")

# %% [markdown]
# **Why.** The formula holds exactly for the layer, and to about a tenth or better for the disc, whose round border is made of square pixels; only the smallest, two pixels in radius, is off by a quarter. *The smaller the feature, the more contrast it loses*: if you compare compositions of large and small particles in a
# TV image, the trend you find may be λ. Correct it with the formula, or fit the levels again with the outlines held fixed.
#
# ## 9. Two dimensions: a core-shell particle
#
# A core-shell nanoparticle as a HAADF image of 64 × 64 pixels of 0.1 nm, beam into the page: the projected density is taken as flat, 1 in the core (diameter 2.6 nm), 0.4 in the shell, 0 in vacuum. The probe has σ = 0.2 nm.
# We detect 30 electrons per pixel on average, or 3000 per nm². If the detector catches one electron in twenty, this is an exposure of 60 000 electrons per nm² (600 per Å²), a low dose for HAADF. TV in two dimensions sums the *length* of the gradient at each pixel.
#
# > **Predict.** The core's interface is one pixel wide. After the probe it is 0.5 nm wide (from 10 to 90 %). How wide will H1 and TV leave it? Which one overshoots into the vacuum?

# %%
nano, P = phantoms.core_shell(64), forward.GaussianBlur((64, 64), sigma=2)
counted = noise.poisson(P @ nano, dose=30, seed=42)
tv = partial(deblurring.total_variation, tol=1e-3)
h1 = choose.sweep(P, counted, np.geomspace(0.03, 0.3, 13), nano, penalty="gradient")
flat = choose.sweep(P, counted, np.geomspace(0.02, 0.1, 5), nano, method=tv)
pictures = {"truth": nano, "measurement": counted}
pictures |= {"H1": h1.solutions[h1.rmse.argmin()], "TV": flat.solutions[flat.rmse.argmin()]}
figures.core_shell(pictures, pixel_size_nm=0.1)
for name, picture in pictures.items():
    width = 0.1 * metrics.edge_width(figures.rings(picture)[6:19], 0.4, 1)
    print(f"{name:12s} RMSE {metrics.rmse(picture, nano):.3f}, core to shell {width:.2f} nm, "
          f"darkest pixel {picture.min():+.2f}")

# %% [markdown]
# **Why.** (The width is that of the mean over circles around the centre, which alone makes 0.16 nm of an edge of one pixel.) TV more than halves the width that the probe gave to the interface; H1 wins a third of it back, pays with ripples, and goes below zero in the vacuum. Neither is the truth. What the lecture's
# figure calls "smoothing bias" has a number, so report it. And an interface 0.2 nm wide in a TV image proves little: TV draws a diffuse one sharp, too.
#
# ## 10. Counts: the other data term
#
# Where counts are few, noise is not the same everywhere: a pixel that expects $n$ electrons scatters by $\sqrt{n}$. The likelihood of Poisson counts gives another data term, with $z = Hx$ the expected counts:
#
# $$ \sum_i \left( z_i - y_i \log z_i \right) \quad\text{instead of}\quad \sum_i (z_i - y_i)^2 . $$
#
# It trusts dark pixels more than bright ones. Take an EDX line scan with 30 counts per pixel on average: a layer (content 1), a faint second layer (0.1) and a background of 0.02. Both data terms get TV, and each its
# best λ, by RMSE.
#
# > **Predict.** Will the Poisson term lower the RMSE by 5 %, by half, or not at all? And whose faint layer will be closer to its 0.1?

# %%
layers, tv = phantoms.steps(120, (0.02, 1, 0.02, 0.1, 0.02)), priors.TotalVariation()
stop, each = solvers.small_gap(1e-3), np.geomspace(0.05, 3, 6)
for seed in (0, 1, 3, 4, 5, 2):
    counts, scale = noise.poisson(H @ layers, 30, seed=seed, counts=True)
    squares = np.maximum(tv_path(H, counts, np.geomspace(3, 300, 13)), 0)
    data = fidelity.PoissonLikelihood(H, counts)
    runs = [solvers.PDHG(data, tv, lam, nonnegative=True, stop=stop) for lam in each]
    both = squares / scale, [run.run(600).x / scale for run in runs]
    pair = [min(found, key=lambda c: metrics.rmse(c, layers)) for found in both]
    told = [f"RMSE {metrics.rmse(c, layers):.3f} faint {c[72:96].mean():.3f}" for c in pair]
    print(f"measurement {seed}: least squares {told[0]}; Poisson {told[1]}")
figures.line_scan(layers, counts / scale, pair)

# %% [markdown]
# **Why.** (Drawn is the last line, where the two differ most.) In RMSE there is no winner: the difference changes its sign from one measurement to the next. The bright layer makes nearly all of the error, and there both terms agree.
# The *faint* layer tells them apart. Least squares must take a λ large enough for the noise of the bright layer, and the same λ presses the faint one down, to 0.084 on average. The Poisson term
# knows that the dark part is quiet and lets it stand, at 0.096. So use the Poisson term when something faint stands beside something bright (dopants, light elements, EDX at the edge of
# a particle), and do not expect miracles elsewhere.
# (*Richardson–Lucy*, in the kit as `deblurring.richardson_lucy`, climbs the Poisson likelihood alone, with no prior but $x \geq 0$ and stopping early.)
#
# ## 11. Explorer: four priors on one slider
#
# One slider moves all four λ together, each in units of its own best value: at 1 you see the comparison of section 6. Change the object, and see the leader change.
#
# Two things to try: **(a)** object *adatoms*: which prior leads, and by what factor; **(b)** back to *edge and ramp*, λ at 100 times the best: which prior is still useful?
#
# <details><summary>What you should have seen</summary>
# (a) L1, by a factor of about twenty. (b) H1: it has only become softer. TV keeps the total, too, but as one flat level. L2 has lost five sixths of the total, and L1 all of it: the profile is empty.</details>

# %% tags=["explorer"]
explorer = widgets.PriorExplorer()
explorer

# %%
figures.explorer(explorer)
print("; ".join(f"{name} {error:.3f}" for name, error in explorer.result.rmse.items()))

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - We gave every prior its best λ by asking the truth. With a λ of your own every result here is somewhat worse. Week 4 chooses λ without the truth.
# - A sharp edge in a TV image is no evidence of a sharp edge. Restore a simulated *ramp* of the width you want to exclude, with the same dose and λ: if it comes out as sharp, you have excluded nothing.
# - Every claim "the prior filled it in" ends at the null space: what neither the data nor the prior see is arbitrary. You would notice by adding a constant, or a ripple, and finding the objective unchanged.
# - We assumed that $H$ and the noise are known. A probe that is taken too wide looks like a wrong prior: edges overshoot at every λ (week 11).
#
# ## Take-away
#
# 1. Data + prior: the first term is the noise, the second what you believed before. For squares λ is the ratio of their variances.
# 2. Squares shrink and round; absolute values snap. On values: L2, L1. On steps: H1, TV.
# 3. A prior leaves its signature, at every λ and every dose. Know it before you interpret it.
#
# ## Three questions
#
# <details><summary>1. A TV image shows a nanoparticle with five terraces. What do you check?</summary>
# Whether a smooth particle of the same size, through the same $H$, noise and λ, comes out with terraces, too. In section 6 a smooth ramp came out as five terraces.</details>
#
# <details><summary>2. You double the dose and leave everything else alone. What happens to the best λ of a true Gaussian prior?</summary>
# λ = s²/τ². In units of the same signal the variance of the noise halves, and so does λ.</details>
#
# <details><summary>3. In an L1 image of a Pt film there are bright dots, four to eight pixels apart. Clusters?</summary>
# Probably a fence: L1 makes spikes at the distance that the probe can no longer tell apart. Look with another prior, and at the distance of the dots beside the width of the probe.</details>
#
# ## Further reading
#
# - Rudin, Osher, Fatemi, *Nonlinear total variation based noise removal algorithms* (1992), [doi:10.1016/0167-2789(92)90242-F](https://doi.org/10.1016/0167-2789%2892%2990242-F): total variation.
# - Beck, Teboulle, *A fast iterative shrinkage-thresholding algorithm* (2009), [doi:10.1137/080716542](https://doi.org/10.1137/080716542): ISTA and FISTA.
# - P. C. Hansen, *Discrete Inverse Problems: Insight and Algorithms* (2010), [doi:10.1137/1.9780898718836](https://doi.org/10.1137/1.9780898718836): Tikhonov in general form.
# - Lassas, Siltanen, *Can one use total variation prior for edge-preserving Bayesian inversion?* (2004), [doi:10.1088/0266-5611/20/5/013](https://doi.org/10.1088/0266-5611/20/5/013).
# - Richardson (1972), [doi:10.1364/JOSA.62.000055](https://doi.org/10.1364/JOSA.62.000055), and Lucy (1974), [doi:10.1086/111605](https://doi.org/10.1086/111605): the Poisson likelihood.
# - Leary, Saghi, Midgley, Holland, *Compressed sensing electron tomography* (2013), [doi:10.1016/j.ultramic.2013.03.019](https://doi.org/10.1016/j.ultramic.2013.03.019): priors at work.
