# %% [markdown]
# # Week 6: Fifteen tilts: iterative reconstruction and compressed sensing
#
# You will rebuild a porous nanocube from 15 tilts instead of 75, watch each solver at work, and find out what was measured, what was believed, and what it saved.
#
# **After this hour you can**
#
# - write one step of SIRT, and say what SART and CGLS do differently;
# - stop an iteration in time, by a rule, and explain why the number of iterations acts like a λ;
# - reconstruct with total variation (TV), by λ or by a tolerance ε, and tell a good choice from a bad one without the truth;
# - judge a claim such as "five times less dose", and write the line that belongs under the picture.
#
# **Time:** 70 minutes. **You need:** singular values and the noise floor (week 2), priors (week 3), the discrepancy principle (week 4), the missing wedge (week 5). The
# slices are simulated, so that we know the truth; section 10 uses the real needle of week 5. Each step asks you to *predict* before you *run*: if results already
# stand below the cells, clear them first (menu *Edit*, *Clear Outputs of All Cells*).
#
# Our microscope is the function `record` below: it takes `n_tilts` HAADF images between −70° and 70°, with pixels of 1 nm and `counts` electrons counted per pixel in each (the mean over the image).
# HAADF counts electrons; nothing absorbs the beam, so there is no logarithm to take, and the noise is that of counting (Poisson). To turn counts into a dose we assume that one electron
# in ten reaches the detector: 300 counts per image are then 3000 e/nm², or 30 e/Å².

# %% tags=["setup"]
import numpy as np
from em_inverse import datasets, deblurring, fidelity, forward, metrics, noise, phantoms, priors
from em_inverse import report, solvers, tomography, widgets
from em_inverse.checks import week06 as ex
from em_inverse.plotting import week06 as figures


def record(x, n_tilts, counts):
    """Return the projector A, the tilt series, and the norm of its noise."""
    angles = np.linspace(-70, 70, n_tilts)
    A = forward.ParallelBeam(x.shape, angles)
    clean = A.double() @ x
    data = noise.poisson(clean, counts, seed=6)
    dose = 10 * n_tilts * counts  # in e/nm²: pixels of 1 nm², one electron in ten is counted
    series = tomography.TiltSeries(data, angles, 1.0, dose, {"synthetic": True})
    return A, series, np.linalg.norm(data - clean)


# %% [markdown]
# ## 1. Four of five tilts left out
#
# The object $x$ is a slice through a nanocube of 53 nm with nine pores: three of 11 nm and six of 6 nm in diameter. We record it twice, with 75 tilts (every 1.9°) and with 15 (every
# 10°), with the same dose in each image. The first try is weighted back-projection (WBP, which others call filtered back-projection, FBP), the direct inverse of week 5.
#
# > **Predict.** For an object of diameter $D$, a tilt step $\Delta\theta$ resolves about $D\,\Delta\theta$ (Crowther; $\Delta\theta$ in radians). The cube's diagonal is 75 nm. How large is that for 10° steps,
# > and which pores should be lost?

# %%
large = phantoms.nanocube_with_pores(96, n_pores=3, pore_radius=5.5, seed=4)
small = phantoms.nanocube_with_pores(96, n_pores=6, pore_radius=3.0, seed=22)
x = np.minimum(large, small)
A75, many, noise75 = record(x, 75, 300)
A15, few, noise15 = record(x, 15, 300)
figures.streaks(x, tomography.wbp(few, filter="hann"))
for series, norm in ((many, noise75), (few, noise15)):
    share = norm / np.linalg.norm(series.projections)
    print(f"{series.n_tilts} tilts: {series.dose / 100:.0f} e/Å² in total, noise {share:.1%}, "
          f"D Δθ = {75 * np.deg2rad(series.tilt_step_deg):.1f} nm")

# %% [markdown]
# **Why.** Each projection fills one line of Fourier space. With 10° between the lines, waves shorter than about 13 nm fall through the gaps, and WBP takes what it does not know as zero. The streaks are the lines that nobody
# cancelled. By Crowther's rule every pore is lost, yet you can guess some: the rule is about WBP of an *arbitrary* object. The rest of this week uses that this one is not arbitrary.
#
# (WBP is fast, though not as fast as its filter: filtering costs $N\log N$ per projection, smearing back $N^2$ per tilt.)
#
# ## 2. Guess, compare, correct: SIRT
#
# An iterative method needs only the forward model $A$, the projector (week 1 called it $H$), and its transpose $A^T$, which smears projections back. SIRT, the simultaneous iterative reconstruction technique, projects its guess, compares with the data $y$, and corrects:
#
# $$ x \leftarrow \max\big(0,\; x + C A^T R\,(y - Ax)\big). $$
#
# $R$ divides each ray's misfit by the length of the ray (the *row sum* of $A$), $C$ divides what comes back to a pixel by the total weight of the rays through it (the *column sum*). Both sums keep the step safe
# whatever the units are. The $\max$ keeps every value at zero or above, because no material is less than none.
#
# ### Exercise 1: write one step (about 8 minutes)
#
# `H` is $A$ as a plain matrix, `y` and `x` are vectors. `H.sum(axis=1)` adds along rows, `H.sum(axis=0)` down columns.

# %% tags=["exercise"]
def sirt_step(H, y, x):
    """Return max(0, x + C Hᵀ R (y − H x))."""
    ### BEGIN SOLUTION
    rows, columns = H.sum(axis=1), H.sum(axis=0)
    return np.maximum(x + H.T @ ((y - H @ x) / rows) / columns, 0)
    ### END SOLUTION


ex.sirt_step.check(sirt_step)  # stuck? ex.sirt_step.hint(), and later ex.sirt_step.solution()

# %% [markdown]
# In the kit every solver is an *iterator*: a `for` loop gets its state after each iteration, and may look at it, stop, or change something on the way. (`data_distance` is the residual $\|Ax - y\|$.)
#
# > **Predict.** We start from nothing. After how many iterations does the residual come down to the norm of the noise: 3, 30, or 300? And will the error fall as long as the residual does?

# %%
sirt_step = ex.sirt_step.use(sirt_step)
solver = solvers.SIRT(A15, few.projections)
for state in solver:
    if state.iteration == 1:
        mine = sirt_step(A15.to_matrix(), few.projections.ravel(), np.zeros(x.size))
        print("your step and the solver's agree:", np.allclose(mine, state.x.ravel(), atol=1e-4))
    if state.iteration in (1, 3, 10, 30, 100):
        error, fit = metrics.rmse(state.x, x), state.data_distance / noise15
        print(f"{state.iteration:3d} iterations: residual {fit:4.1f} × noise, RMSE {error:.2f}")
    if state.iteration == 100:
        break

# %% [markdown]
# **Why.** The first steps find where the object is, the next ones its coarse shape: patterns with large singular values come first. Around 30 iterations the residual meets the noise. Here the error falls on even beyond, slowly.
# Do not rely on it.
#
# ## 3. Too many iterations: semiconvergence
#
# Now a noisier series, `thin`: the dose of the 15 images spread over 75, so 60 counts per pixel in each. Beside SIRT runs CGLS, conjugate gradients for least squares: it also
# projects and smears back once per iteration, but chooses the best direction and length it can each time. It knows no $x \geq 0$.
#
# > **Predict.** Both run for 60 iterations. Sketch the error (RMSE) and the residual of both against the number of iterations. Which of the four curves turn upwards?

# %%
A_thin, thin, noise_thin = record(x, 75, 60)
errors, residuals = {}, {}
for solver in (solvers.CGLS(A_thin, thin.projections), solvers.SIRT(A_thin, thin.projections)):
    curve = []
    for state in solver:
        curve.append((metrics.rmse(state.x, x), state.data_distance / noise_thin))
        if state.iteration == 60:
            break
    errors[solver.algorithm], residuals[solver.algorithm] = zip(*curve)
figures.semiconvergence(errors, residuals)
for name, e in errors.items():
    print(f"{name}: best at iteration {np.argmin(e) + 1}, RMSE {min(e):.2f}; after 60 {e[-1]:.2f}")

# %% [markdown]
# **Why.** The two error curves turn upwards (SIRT's only after iteration 50, too slowly to see); the residuals never do. The iteration approaches the least-squares solution, which explains the data best, and explains the noise as well. On its way it passes near the object, and goes on. This is called *semiconvergence*. CGLS hurries: it is at its best after a
# handful of iterations, and more than four times worse after 60. SIRT strolls, and $x \geq 0$ holds it back, so its valley is wide. The residual, the one number that you see at a microscope, falls all the while and warns of nothing, until
# you compare it with the noise.
#
# Why does stopping early help at all? Take the simplest relative of SIRT, Landweber's iteration $x \leftarrow x + A^T(y - Ax)$, with $A$ scaled so that its largest singular value is 1. In the singular patterns of week 2 its $k$-th iterate is
#
# $$ x_k = \sum_i \big[1 - (1 - \sigma_i^2)^k\big] \,\frac{u_i^T y}{\sigma_i}\, v_i , $$
#
# the naive inverse times a *filter factor*, the bracket. Tikhonov's filter factor was $\sigma_i^2/(\sigma_i^2 + \lambda)$.
#
# > **Predict.** Which λ does the same as $k = 100$ iterations: 100, 0.1 or 0.01?

# %%
sigma = np.geomspace(0.01, 1, 200)
figures.filter_factors(sigma, {k: 1 - (1 - sigma**2) ** k for k in (1, 10, 100)})
H = forward.ParallelBeam((32, 32), few.angles_deg).double().to_matrix()
H /= np.linalg.norm(H, 2)
y = noise.gaussian(H @ x[::3, ::3].ravel(), 0.05, seed=6)
x_k = np.zeros(32 * 32)
for _ in range(100):
    x_k += H.T @ (y - H @ x_k)
for lam in (1, 0.1, 0.01, 0.001):
    gap = np.linalg.norm(x_k - deblurring.tikhonov(H, y, lam)) / np.linalg.norm(x_k)
    print(f"100 iterations and Tikhonov with λ = {lam:5}: {gap:4.0%} apart")

# %% [markdown]
# **Why.** For small $\sigma$ the bracket is about $k\sigma^2$, and Tikhonov's factor about $\sigma^2/\lambda$: they agree for $\lambda = 1/k$. So the number of iterations *is* a regularisation weight, turned upside down, and whoever
# chooses it chooses a λ. (With $x \geq 0$ there are no fixed filter factors any more, because the result is not linear in $y$; the trend stays. CGLS adapts its factors to the data and moves through them much faster.)
#
# ## 4. When to stop
#
# The rules of week 4 work for $k$ as they do for λ. *Discrepancy*: stop as soon as the residual is no larger than τ times the noise norm, with τ at 1 or a little above. *Held-out tilts*: put some
# projections aside, and stop when they are no longer predicted better.
#
# ### Exercise 2: stop by discrepancy (about 6 minutes)
#
# Begin with zeros, make SIRT steps with your `sirt_step`, and return the first object whose residual is at most `tau * noise_norm`.

# %% tags=["exercise"]
def iterate_until(H, y, noise_norm, tau):
    """Return the first SIRT iterate with ‖H x − y‖ ≤ tau · noise_norm."""
    ### BEGIN SOLUTION
    x = np.zeros(H.shape[1])
    while np.linalg.norm(H @ x - y) > tau * noise_norm:
        x = sirt_step(H, y, x)
    return x
    ### END SOLUTION


ex.iterate_until.check(iterate_until)

# %% [markdown]
# > **Predict.** A third rule is popular: stop when a step changes $x$ by less than a thousandth. It never asks about noise. Where will it stop on the `thin` series: too early, about right, too late?

# %%
iterate_until = ex.iterate_until.use(iterate_until)
rules = {"discrepancy": {"stop": "discrepancy", "noise_norm": noise_thin}}
rules |= {"held-out tilts": {"stop": "held_out"}, "small change": {"stop": "relative_change"}}
for method in (tomography.cgls, tomography.sirt):
    for rule, how in rules.items():
        result = method(thin, 200, **how)
        error = metrics.rmse(result.x, x)
        print(f"{result.algorithm} by {rule:14s}: {result.n_iter:3d} iterations, RMSE {error:#.2g}")

# %% [markdown]
# **Why.** Discrepancy and held-out tilts land near the best iteration of section 3. Discrepancy stops a little early, because $k$ and λ have been fitted to this very noise: the true object leaves exactly the noise, a fitted one somewhat
# less. "Small change" measures how fast a method is, not how good: CGLS has not met it after 200 iterations, which is all that we allowed, and is far in the noise.
#
# ## 5. Faster is not better
#
# SART corrects the object after *every single tilt*, not after all of them. One pass over all tilts costs the same as one iteration of SIRT: each tilt is projected once and smeared back once. The order of the tilts is a choice. In *golden* order neighbours in time
# are far apart in angle, in *sequential* order each tilt says nearly the same as the one before.
#
# > **Predict.** Seven ways, all at the same price: two projector calls per iteration (once $A$, once $A^T$). On the `many` series, who is furthest after 2 iterations, and who after 50? What does $x \geq 0$ bring?

# %%
y = many.projections
ways = {
    "SIRT, free": solvers.SIRT(A75, y, nonnegative=False), "SIRT, x ≥ 0": solvers.SIRT(A75, y),
    "SART, sequential": solvers.SART(A75, y, order="sequential"),
    "SART, golden": solvers.SART(A75, y), "the same, ω = 0.3": solvers.SART(A75, y, relaxation=0.3),
    "CGLS": solvers.CGLS(A75, y), "TV-SART": solvers.TVSART(A75, y, lam=0.01)}
print("RMSE after          4     20    100  projector calls")
for name, solver in ways.items():
    errors = [metrics.rmse(solver.step().x, x) for _ in range(50)]
    print(f"{name:17s}", *(f"{errors[k - 1]:6.2f}" for k in (2, 10, 50)))

# %% [markdown]
# **Why.** SART is where SIRT arrives after 50 iterations, after two passes. Then it does not settle: each tilt pulls the object towards its own noise, and the passes end in a cycle. A shorter step ω tames that. In sequential order each tilt repeats what its neighbour said,
# and overshoots. $x \geq 0$ costs nothing, and is a *prior*: nothing is less than vacuum, which takes a sixth off the error of SIRT. TV-SART is SART with a little total-variation
# denoising after each pass, as in many published tomograms.
#
# ## 6. Total variation, with λ and with ε
#
# Early stopping believes in nothing but smallness. A nanocube deserves a better belief: *flat pieces with sharp borders*. Total variation, $\text{TV}(x) = \sum |\nabla x|$, is the length of all borders times their height (week 3). Two ways to weigh it against the data:
#
# $$ \min_{x \geq 0}\; \|Ax - y\|^2 + \lambda\,\text{TV}(x) \qquad\text{or}\qquad \min_{x \geq 0}\; \text{TV}(x) \;\text{ subject to }\; \|Ax - y\| \leq \varepsilon . $$
#
# The first asks how much a border may cost (solver: FISTA). The second asks for the plainest object that explains the data *to within the tolerance* ε (solver: PDHG, a primal-dual method). The solver needs one rule to keep
# projections inside the tolerance: move them to the nearest point of the ball of radius ε around the data.
#
# ### Exercise 3: into the ball (about 4 minutes)

# %% tags=["exercise"]
def into_ball(v, b, epsilon):
    """Return the point nearest to v among all p with ‖p − b‖ ≤ epsilon."""
    ### BEGIN SOLUTION
    distance = np.linalg.norm(v - b)
    return v if distance <= epsilon else b + epsilon * (v - b) / distance
    ### END SOLUTION


ex.into_ball.check(into_ball)

# %% [markdown]
# A lecture that this course follows gives the practitioners' rule for λ: start with $10^{-2}$ and halve until the residual meets the noise. `halve_until_noise` does so (or doubles, while there is room).
#
# > **Predict.** $10^{-2}$ of *what*? With projections in counts instead of our units, would the same λ do? And will the two formulations, tuned to the same residual, return the same object?

# %%
into_ball = ex.into_ball.use(into_ball)
ball = fidelity.DataTolerance(A15, few.projections, noise15)
for state in solvers.PDHG(ball, priors.TotalVariation(), nonnegative=True):
    if state.iteration in (3, 10, 30, 100, 300):
        error, fit = metrics.rmse(state.x, x), state.data_distance / noise15
        print(f"{state.iteration:3d}: residual {fit:.2f} × noise, RMSE {error:.2f}")
    if state.iteration == 300:
        break
by_lam = tomography.halve_until_noise(few, noise=noise15)
by_eps = tomography.tv(few, epsilon=by_lam.residual_norms[-1])
print(f"λ = {by_lam.lam:.1f}, that is {by_lam.relative} of ‖A‖² max(x); residual met: {by_lam.met}")
print("λ, and ε of its residual, agree:", metrics.rmse(by_lam.result.x, by_eps.x) < 0.01)

# %% [markdown]
# **Why.** PDHG finds the ball in about ten iterations, then lowers TV inside it; the error settles and *stays*. There is nothing to stop in time: ε decides, not the number of iterations. λ and ε name the same family of objects, but only ε is in
# units that you know. λ has the units of $\|Ax - y\|^2/\text{TV}$: "$10^{-2}$" means $10^{-2}\,\|A\|^2 \max(x)$, about 15 here, and would be another number for another detector, pixel or number of tilts. (ASD-POCS, the method of most early papers, approaches the
# same constrained problem by alternating SART with TV steps; week 7 compares them.)
#
# ## 7. Fifteen tilts
#
# Everything is ready for the picture of this week. Each method gets what it needs: WBP its Hann filter, SIRT the discrepancy rule, TV ε = noise. Under each stand three judges: the RMSE, the structural similarity SSIM (1 is identical), and
# what a user would count: pores found, and pores invented.
#
# > **Predict.** Same 15 projections, three methods. Will TV from 15 tilts come close to WBP from 75, equal it, or beat it? By all three judges?

# %%
def judge(x_hat):
    pores = metrics.count_holes(x_hat, x)
    return (f"RMSE {metrics.rmse(x_hat, x):.2f}, SSIM {metrics.ssim(x_hat, x, 1.0):.2f}\n"
            f"{pores.found} of {pores.of} pores, {pores.invented} invented")

wbp, tv = tomography.wbp(few, filter="hann").x, tomography.tv(few, epsilon=noise15)
sirt = tomography.sirt(few, 400, stop="discrepancy", noise_norm=noise15).x
upper = {"75 tilts, WBP": tomography.wbp(many, filter="hann").x}
upper["75 tilts, TV"] = tomography.tv(many, epsilon=noise75).x
lower = {"15 tilts, WBP": wbp, "15 tilts, SIRT": sirt, "15 tilts, TV": tv.x}
figures.fifteen(x, upper, lower, {name: judge(v) for name, v in {**upper, **lower}.items()})

# %% [markdown]
# **Why.** Nothing was added to the data: TV chose, among all objects that explain 15 projections to within the noise, the one with the least border. This cube is nearly such an object, so the choice is nearly right. WBP chose the one whose
# unmeasured waves are zero, which no cube is. Its error is mostly missing wedge, and more tilts do not help with that: rescaled and clipped at zero, or denoised with TV afterwards, WBP from 75 tilts stays above 0.19.
#
# Is it a fair race? The same 15 projections below, yes. But 15 against 75 compares two methods as well as two numbers of tilts: from 75 tilts SIRT has 0.14 and TV 0.08. And $x \ge 0$ alone brings SIRT from 15 below WBP from 75.
#
# Let the three judges correct each other. WBP from 75 tilts has twice the error of TV from 15, and yet shows all nine pores: who only wants to count pores needs no TV. From 15 tilts WBP shows all nine as well (Crowther was too strict for dark holes of known look), but two more that do not exist, and nothing in
# the picture tells which. And RMSE alone can flatter: TV from *five* tilts still has a smaller RMSE than WBP from 75, with two of nine pores.
#
# ## 8. What did it save? Dose, like for like
#
# "10–20 tilts instead of 70: a 5–7 times smaller dose", says the lecture. True, if the dose per image stays as it is. But you could also give each of 75 images a fifth of the dose. *That* is the fair opponent.
#
# > **Predict.** Left: 300 counts in every image. Right: 4500 counts in all, shared by the images. Where is the best number of tilts for TV on the right: at 15, at 75, or does it hardly matter?

# %%
tilts, errors = (5, 8, 11, 15, 25, 45, 75), {}
for title, total in (("equal dose per image", None), ("equal total dose", 4500)):
    errors[title] = {"WBP": [], "SIRT": [], "TV": []}
    for k in tilts:
        _, series, norm = record(x, k, total / k if total else 300)
        three = (tomography.wbp(series, filter="hann"), tomography.tv(series, epsilon=norm),
                 tomography.sirt(series, 400, stop="discrepancy", noise_norm=norm))
        for name, result in zip(("WBP", "TV", "SIRT"), three):
            errors[title][name].append(metrics.rmse(result.x, x))
    print(f"{title}: TV", *(f"{k}: {e:.2f}" for k, e in zip(tilts, errors[title]["TV"])))
figures.doses(tilts, errors)

# %% [markdown]
# **Why.** On the left fewer tilts mean less dose, and cost error: from 75 to 15 tilts the dose falls to a fifth and the error of TV rises by a quarter. On the right the total is what 15 images had, and the curve of TV is nearly flat from 11 tilts to 45. **The dose was saved by the prior, not
# by leaving tilts out**: TV does nearly as well with 75 thin images as with 15 good ones. What few tilts do save is time at the microscope, drift, and the read-out noise that each image adds (not simulated here). What they
# cost is insurance: 75 images can be binned, aligned and checked against each other.
#
# ## 9. Where it fails
#
# TV believes in flat pieces. `cloud` is a soft particle with a fine texture, like a polymer or a gel: nowhere flat, no sharp edge.
#
# > **Predict.** From 15 tilts, SIRT against TV: on the cube TV had about two thirds of the error of SIRT. On the cloud, will TV lose, draw, or win? And with ten times the dose? (A pixel counts as *flat* if the density changes by less than 0.01 from pixel to pixel there.)

# %%
cloud = phantoms.soft_particle(96)
middle = np.hypot(*(np.indices(x.shape) - 47.5)) < 24
for counts in (3000, 300):
    for name, truth in (("cube", x), ("cloud", cloud)):
        _, series, norm = record(truth, 15, counts)
        a = tomography.sirt(series, 1000, stop="discrepancy", noise_norm=norm).x
        b = tomography.tv(series, epsilon=norm).x
        ratio = metrics.rmse(a, truth) / metrics.rmse(b, truth)
        flat = [np.mean(np.hypot(*np.gradient(v))[middle] < 0.01) for v in (truth, a, b)]
        print(f"{name:5s} {counts:4d} counts: error SIRT / TV {ratio:.1f}; flat pixels truth "
              f"{flat[0]:.0%}, SIRT {flat[1]:.0%}, TV {flat[2]:.0%}")
figures.soft(cloud, a, b)

# %% [markdown]
# **Why.** By RMSE TV does not even lose: noise has much variation, and TV removes it. But compare the gains. On the cube they grow with the dose, because the belief supplies what 15 tilts cannot. On the cloud there is little to gain, and
# less with more dose. What the error does not say stands in the picture: TV has turned smooth hills into plateaus with sharp rims, flat pixels that the object does not have. Nothing in the picture warns you. It looks *better* than SIRT.
#
# The second way to fail is a belief held too strongly. Three tolerances for the `thin` series, in an order that we do not tell. `over_regularisation_alarm` looks at what each picture leaves unexplained, $y - Ax$: how large it is, whether its pixels two or three apart resemble each other
# (in pure noise they do not: 0), and whether it resembles the projections of the picture itself.
#
# > **Predict.** An ε of half the noise, of the noise, and of twice the noise: which of the three pictures will be the smoothest, and can all three tolerances be met?

# %%
three = [tomography.tv(thin, epsilon=e, noise_norm=noise_thin) for e in ex.publish.problem()]
figures.candidates(three, noise_thin)
for k, result in enumerate(three, 1):
    alarm = tomography.over_regularisation_alarm(result, thin, noise=noise_thin)
    print(f"{k}: alarm {'rings' if alarm else 'silent'}; residual {alarm.ratio:.2f} × noise, "
          f"correlated with its neighbours {alarm.structure:.1f}, with the object {alarm.echo:.1f}")
    if "out of reach" in result.stop_reason:
        print("   this ε is out of reach: no object with x ≥ 0 fits the data so well")

# %% [markdown]
# ### Exercise 4: decide and justify (about 6 minutes)
#
# Which of the three do you publish, and why? Use only what you would have at the microscope. The cell lists labelled statements when you run it; an answer is two lines, such as `picture = 2` and `because = ["A", "C"]`.

# %% tags=["exercise"]
picture = None
because = []
### BEGIN SOLUTION
picture = 3
because = ["B", "D", "E"]
### END SOLUTION
print(ex.publish)
ex.publish.check(picture=picture, because=because)

# %% [markdown]
# **Why (read after you have answered).** The truth agrees: the errors (RMSE) are 0.24, 0.46 and 0.11. In the smoothest picture not one of the nine pores can be seen; in the third all nine can be made out. Small pores go first, since a small pore has much border for its area. So *a residual well above the noise is the alarm for over-regularisation*. It is no proof, though: a run
# that has not converged, or projections that are not aligned, leave a large residual as well. A residual well below the noise is the opposite fault. It is the weaker sign with few data: for the `few` series ε at half the noise gives the same
# error as ε at the noise (0.10), because so few projections cannot push the slice around much.
#
# ### Does TV fill the missing wedge?
#
# So the lecture says. We can ask: take the waves of 7 to 17 nm, the size of the pores, in directions that no tilt measured (steeper than 75°: the last tilt and half a step). How much of their power came back, and does it *agree* with the truth (1: same waves in the same places, 0: unrelated)?
#
# > **Predict.** WBP, SIRT without and with $x \geq 0$, TV on the cube; then TV on the cloud. Who has something in the wedge, and for whom is it right?

# %%
kz, kx = np.meshgrid(np.fft.fftfreq(96), np.fft.fftfreq(96), indexing="ij")
k, direction = np.hypot(kx, kz), np.degrees(np.arctan2(abs(kz), abs(kx)))
wedge = (direction > 75) & (k > 1 / 17) & (k < 1 / 7)
free = tomography.sirt(few, 60, nonnegative=False).x
rows = {"WBP": (x, wbp), "SIRT, free": (x, free), "SIRT, x ≥ 0": (x, sirt), "TV": (x, tv.x)}
for name, (truth, x_hat) in {**rows, "TV, cloud": (cloud, b)}.items():
    F, G = np.fft.fft2(x_hat)[wedge], np.fft.fft2(truth)[wedge]
    power, agree = np.sum(abs(F) ** 2) / np.sum(abs(G) ** 2), np.vdot(F, G).real
    agree /= np.linalg.norm(F) * np.linalg.norm(G)
    print(f"{name:12s}: {power:4.0%} of the power, agreement {agree:+.1f}")
figures.spectrum(tomography.power_spectrum(tv, noise15 / np.sqrt(few.projections.size)))

# %% [markdown]
# **Why.** WBP and free SIRT leave the wedge empty: the data say nothing there. $x \geq 0$ already writes something into it, and mostly right, because a cube in vacuum is a strong statement. TV writes more, about a third of what was there, and on the cube it agrees well with the truth. On
# the cloud there is less, and half of it is wrong. So TV fills the wedge *in part*, and what it fills is prior: as right as the belief, and not marked in any way.
#
# The figure is the practical diagnostic. Left, orange: waves in the wedge, and waves whose power is below what noise alone would give. They are not measured; the prior decided. Right: near 0.16 per nm, waves of 6 nm, both curves sink below the noise floor (dotted), and beyond it there is less than half as much power along the beam as across. (The floor is what noise of this strength would leave in a slice by WBP. It rises because the ramp of week 5 lifts fine waves.) Power above the
# floor is no proof of a measurement, because a prior can write there; where power has sunk below it, the prior has overruled the data or filled in for them.
#
# ## 10. The real needle from 15 tilts
#
# Nobody knows the truth of the needle of week 5, but 62 of its 77 projections can be the judge. We reconstruct from every fifth tilt (−70° to 70° in steps of 10°), predict the others, and compare.
# Its noise is small, 0.2 % of the data, but no object with $x \geq 0$ comes that close: what alignment left over and what the detector distorts is larger. `choose_epsilon(…, "reachable")` finds how close one comes; we allow a tenth more.
#
# > **Predict.** Order WBP, SIRT and TV by how well they predict projections that they have not seen. Will the gap between SIRT and TV be as wide as on the cube?

# %%
series = tomography.align(tomography.remove_background(datasets.load("nist-needle-small")))
chosen = np.arange(3, 77, 5)
part, others = series.select(chosen), series.select(np.setdiff1d(np.arange(77), chosen))
near = tomography.choose_epsilon(part, "reachable", noise=0.002 * np.linalg.norm(part.projections))
by = {"WBP": tomography.wbp(part, filter="hann"), "SIRT": tomography.sirt(part, 200),
      "TV": tomography.tv(part, epsilon=1.1 * near.epsilon, n_iter=150)}
figures.needle(by, y=27)
for name, result in by.items():
    print(f"{name:4s} misses unseen tilts by {tomography.reprojection_error(result, others):.1%}")
print(f"ε: {near.epsilon / np.linalg.norm(part.projections):.1%} of the data can be reached")
print(report.report(by["TV"]))

# %% [markdown]
# **Why.** WBP predicts worst, for it never tried to fit any projection, and put nothing into the wedge (at its best grey scale it still misses by 23 %). SIRT and TV are close: this needle is smooth, it stands in vacuum, and $x \geq 0$ does most of the work. TV is a little ahead, so its belief has not hurt *at this
# pixel size*. The last line is what belongs under the picture: tilts, algorithm, ε, residual, and that the dose is not stated. For a simulation like the cube it would begin with SIMULATED DATA.
#
# **And in three dimensions with a spectrum at every pixel?** An EELS tilt series has four coordinates ($x$, $y$, θ, energy), and the volume that one wants to know has four, too ($z$ for θ). Surface plasmons of silver nanocubes were mapped so in 3-D (Nicoletti and others, 2013), from few tilts and few counts, with a
# prior of this kind. Where a channel holds less than one count per pixel, WBP shows noise only; TV shows *something*, always. Week 10 asks how to tell something from signal.
#
# ## 11. Explorer: scrub through the iterations
#
# Choose a method and a number of tilts, then drag the iteration. It opens with CGLS gone too far on 15 tilts with 100 counts. A change of anything but the iteration makes a new run, which may take a second.
#
# Two things to try: **(a)** pull the iteration back to the black diamond, and compare where the two stop rules (grey lines) would have left you; **(b)** choose TV, set the iteration to 200 and lower the number of tilts from 75 to 5:
# when do pores begin to vanish, and does the residual tell?
#
# <details><summary>What you should have seen</summary>
# (a) The best iteration is the 4th, RMSE 0.20. Discrepancy stops at 3, with hardly more error. Held-out tilts say 20: with three tilts held out of 15 that vote is shaky.
# (b) At 15 tilts all nine pores can still be counted, at 10 six are left, at 5 two. The residual stays at 1 × noise throughout: it judges the fit to what was measured, and nothing else.</details>

# %% tags=["explorer"]
explorer = widgets.FewTiltsExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"iteration {shown.iteration}: RMSE {shown.rmse:.2f}, residual {shown.residual:.2f} × noise")
print(f"best {min(shown.run.rmse):.2f} at {shown.run.best}; stops: residual = noise at "
      f"{shown.run.discrepancy}, held-out tilts at {shown.run.held_out}")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - We knew the noise norm exactly. `tomography.noise_level` estimates it from the series; for `few` it comes out a tenth too large, because sharp edges look like noise. Who takes ε from it smooths a little too much, and would see it in the residual, if edges stand out there.
# - The data were made with the same projector that reconstructs them. Here that hardly flatters: with data from an object on a grid twice as fine, TV from 15 tilts has the same error, 0.10 or less. Misalignment costs more, and shows as a residual that no λ brings down to the noise (section 10).
# - Our least squares weighs all counts alike. With few counts per pixel the bright rays are noisier; MLEM or a Poisson likelihood (week 3) then uses the data better.
# - One slice and one seed. Whether TV has 0.10 or 0.11, and shows nine pores or eight, is luck; that its error is half of WBP's is not.
# - A picture by TV never looks uncertain. Reconstruct twice, from the even and from the odd tilts: what differs is not to be believed.
#
# ## Take-away
#
# 1. An iteration passes near the object and goes on into the noise. The number of iterations is a λ: stop by a rule, and report it.
# 2. TV within ε = noise gives from 15 tilts what WBP does not give from 75, *if* the object is made of flat pieces. The rest of Fourier space is belief.
# 3. Compare doses like for like, check the residual against the noise on both sides, and let unseen projections judge.
#
# ## Three questions
#
# <details><summary>1. A colleague runs CGLS "until it has converged". What will the slice look like?</summary>
# Like amplified noise: it converges to the least-squares solution, the naive inverse of week 2. The best slice was passed after a few iterations.</details>
#
# <details><summary>2. A tomogram by TV from 12 tilts has a residual of three times the noise. Name two possible causes, and an experiment to tell them apart.</summary>
# λ (or ε) is too large, or the projections are not aligned. Lower λ: if the residual falls to the noise, λ was too large; if it stays, the geometry is wrong.</details>
#
# <details><summary>3. "We needed 15 tilts instead of 75, five times less dose." What do you ask?</summary>
# Whether 75 tilts with a fifth of the dose each, and the same algorithm, would have been as good. Here they were, nearly.</details>
#
# ## Further reading
#
# - Gilbert, *Iterative methods for the three-dimensional reconstruction of an object from projections* (1972), [doi:10.1016/0022-5193(72)90180-4](https://doi.org/10.1016/0022-5193%2872%2990180-4): SIRT.
# - Andersen, Kak, *Simultaneous algebraic reconstruction technique* (1984), [doi:10.1016/0161-7346(84)90008-7](https://doi.org/10.1016/0161-7346%2884%2990008-7): SART.
# - Leary, Saghi, Midgley, Holland, *Compressed sensing electron tomography* (2013), [doi:10.1016/j.ultramic.2013.03.019](https://doi.org/10.1016/j.ultramic.2013.03.019), and Saghi and others (2016), [doi:10.1186/s40679-015-0007-5](https://doi.org/10.1186/s40679-015-0007-5).
# - Chambolle, Pock, *A first-order primal-dual algorithm for convex problems* (2011), [doi:10.1007/s10851-010-0251-1](https://doi.org/10.1007/s10851-010-0251-1): PDHG.
# - Nicoletti and others, *Three-dimensional imaging of localized surface plasmon resonances of metal nanoparticles* (2013), [doi:10.1038/nature12469](https://doi.org/10.1038/nature12469).
