# %% [markdown]
# # Week 9: Two detectors, one specimen
#
# You will fuse a sharp image that knows no chemistry with noisy maps that know nothing else, and count what it saves, like for like.
#
# **After this hour you can**
#
# - write the three terms of sensor fusion, and say which measurement decides what;
# - judge a claim such as "ten times less dose", and redo it against the right rival;
# - choose λ₂ without the truth, and say what too large a one does to the chemistry;
# - run a check that a wrong model can fail, and say when fusion must not be used.
#
# **Time:** 70 minutes. **You need:** the forward models of HAADF and of element maps, with their doses (week 1), total variation and counts (week 3), count thinning (week 4). The first eight sections use a simulated particle, so that we know the truth; the
# ninth uses a real crystal. Each step asks you to *predict* before you *run*: if results already stand below the cells, clear them first (menu *Edit*, *Clear Outputs of All Cells*).
#
# The specimen is a ball: a gold core with a void, in a shell of iron oxide with one inclusion of iron. $x_e$ is the amount of element $e$ in each pixel. At the full dose D the brightest pixel of a map (EELS or EDX) has 100 counts, that of the HAADF image 5000. `record` scales *both* doses by the same factor: whoever lowers
# one dose only has not saved it. Both are Poisson counts, and the image follows the law that the fit will use. That is an inverse crime; section 7 undoes it.

# %% tags=["setup"]
import numpy as np
from em_inverse import datasets, forward, fusion, metrics, phantoms, widgets
from em_inverse.checks import week09 as ex
from em_inverse.plotting import week09 as figures
from scipy import ndimage

elements = ["Au", "Fe", "O"]
x = phantoms.core_shell_elements(128)
law = forward.PowerLaw(elements, normalise=True)
radius = np.hypot(*(np.indices((128, 128)) - 63.5))


def record(dose, x=x, law=law, probe=None, seed=1):
    """Return the HAADF image and the maps in counts; both doses are `dose` times D."""
    rng = np.random.default_rng(seed)
    image = law(x) if probe is None else np.maximum(probe @ law(x), 0)
    return rng.poisson(5000 * dose * image / image.max()), rng.poisson(100 * dose * x)


def errors(maps, dose, x=x):
    """Return the RMSE of each map, and of all together, on the scale of x."""
    squares = np.mean((maps / (100 * dose) - x) ** 2, axis=(1, 2))
    return np.sqrt([*squares, squares.mean()])


# %% [markdown]
# ## 1. What two detectors see
#
# We take a tenth of the full dose. The image counts electrons that were scattered far; heavy atoms scatter most. The maps count the electrons (or X-rays) that tell an element.
#
# > **Predict.** A bright pixel of a map now has 10 counts. How large is its noise, in percent? And in the image, with 500?

# %%
haadf, counts = record(0.1)
figures.detectors(haadf, counts, elements)
for name, peak in (("map", 10), ("image", 500)):
    print(f"bright pixel of {name}: {peak} counts, noise {1 / np.sqrt(peak):.0%}")
print("RMSE of the raw maps (Au, Fe, O, all):", *errors(counts, 0.1).round(2))

# %% [markdown]
# **Why.** Noise of counting is $1/\sqrt{\text{counts}}$. The image has fifty times the counts and a seventh of the noise. But it is *one* number per pixel, and we ask for three. To fuse is to let each measurement say what it knows.
#
# ## 2. What the image says
#
# The image of maps $x$ is taken to be $h(x) = \sum_e (Z_e x_e)^\gamma$ with γ = 1.7: the *contrast law* of the published method (Schwartz and others 2022). $Z$ is counted in units of the heaviest element. γ lies between 1.4 and 2 and depends on the detector.
#
# > **Predict.** Take a tenth of the gold away. How much iron has to be put there instead, so that the image stays as it is: a third, as much, six times as much? And which share of the brightness is oxygen's?

# %%
brightness = (law.weights[:, None, None] * x) ** law.gamma
shares = brightness.sum(axis=(1, 2)) / brightness.sum()
print("share of the image:", ", ".join(f"{e} {s:.1%}" for e, s in zip(elements, shares)))
gold, iron = 0.9 * x[0], brightness[1] + (1 - 0.9**law.gamma) * brightness[0]
other = np.stack([gold, iron ** (1 / law.gamma) / law.weights[1], x[2]])
print("change of the image:", np.abs(law(other) - law(x)).max().round(9))
gained, lost = (other[1] - x[1]).sum(), (x[0] - gold).sum()
print(f"iron gained / gold lost: {gained / lost:.1f}")

# %% [markdown]
# **Why.** Two specimens, one image: the image alone has a null space (week 2) in every pixel. It takes nearly six atoms of iron to stand in for one of gold. Oxygen gives 2.5 % of the brightness, so the image will say next to nothing about it. Remember the 2.5 %.
#
# ### Exercise 1: how the image pulls (about 7 minutes)
#
# The first term of fusion is $\|h(x) - b\|^2$, with $b$ the image. Its gradient tells each map where the image wants it to go.


# %% tags=["exercise"]
def image_gradient(x, Z, gamma, b):
    """Return the gradient of the sum of (h(x) − b)²; x[element, row, column], Z[element]."""
    ### BEGIN SOLUTION
    Zx = Z[:, None, None] * x
    residual = np.sum(Zx**gamma, axis=0) - b
    return 2 * residual * gamma * Z[:, None, None] * Zx ** (gamma - 1)
    ### END SOLUTION


ex.image_gradient.check(image_gradient)  # stuck? ex.image_gradient.hint(), later .solution()

# %% [markdown]
# ## 3. What the spectra say
#
# Counts $d$ with expectation $e$ are Poisson. Their distance is not a square but
#
# $$ D(e, d) = e - d + d \log\frac{d}{e} , $$
#
# zero for $e = d$. (The lecture writes $x - b\log x$, the same up to a constant.) Twice its mean over pixels is called the *deviance*. It has a scale of its own: about 1 per pixel when the difference is counting noise and nothing else.
#
# ### Exercise 2: the deviance (about 5 minutes)
#
# Where no count came, $d \log d$ is 0 and $e$ is left.


# %% tags=["exercise"]
def deviance(counts, expected):
    """Return 2 · mean of (e − d + d log(d / e)) over all pixels."""
    ### BEGIN SOLUTION
    ratio = np.where(counts > 0, counts, expected) / expected
    return 2 * np.mean(expected - counts + counts * np.log(ratio))
    ### END SOLUTION


ex.deviance.check(deviance)

# %% [markdown]
# ## 4. Three terms
#
# $$ \hat x = \arg\min_{x \geq 0}\; \|b - \alpha A h(x)\|^2 + \lambda_1 \sum_e D(x_e, d_e) + \lambda_2 \sum_e \text{TV}(x_e) $$
#
# The image, the spectra, the prior. $A$ is the probe (a point, until section 7), α the brightness of a unit of the heaviest element. λ₁ weighs the spectra against the image; it is no matter of taste, for both noises are known. λ₂ weighs the prior. The whole is not convex, because $h$ is bent: the kit starts from
# smoothed maps, since by exercise 1 nothing pulls at an empty pixel.
#
# `fusion.denoise` is the same without the first term: *total variation alone*. It is the rival to beat.
#
# > **Predict.** At a tenth of the dose: by which factor does TV alone lower the RMSE of the raw maps? By which factor does the image lower it further? For which element most, for which least?

# %%
image_gradient = ex.image_gradient.use(image_gradient)
fused, alone = fusion.fuse(haadf, counts, elements), fusion.denoise(counts, elements)
model, now = fused.model, fused.amounts.astype(np.float64)
b = model.haadf / model.scale
kit = 2 * law.vjp(now, law(now) - b)
mine = image_gradient(now, law.weights, law.gamma, b)
print("your gradient and the kit's agree:", np.allclose(mine, kit, atol=1e-9))
figures.maps(x[1:], alone.x[1:] / 10, fused.x[1:] / 10)
for name, maps in (("raw", counts), ("TV alone", alone.x), ("fused", fused.x)):
    print(f"{name:8s} RMSE (Au, Fe, O, all):", *(f"{e:.3f}" for e in errors(maps, 0.1)))

# %% [markdown]
# **Why.** TV alone does most of the work: a factor of 4.6 in RMSE over all. The image adds a factor of 1.3, and not to everybody: 2.3 for gold, 1.6 for iron, nothing for oxygen, which it does not see. Iron gains mostly where iron and gold meet: the image knows where the core ends. The inclusion of iron, a round dark spot at the top of the true map of oxygen, is a shallow dent without a shape, with the image as without it.
#
# ## 5. Dose, like for like
#
# The lecture promises 5 to 10 times less dose. Less than *what*?
#
# > **Predict.** Three curves of error against dose: raw, TV alone, fused. Are they parallel on logarithmic axes? Raw counts fall as $1/\sqrt{\text{dose}}$. Does TV alone fall as fast?

# %%
doses = np.array([0.05, 0.1, 0.2, 0.5, 1, 2])
series = [record(dose) for dose in doses]
curves = {"raw": np.array([errors(c, dose) for (_, c), dose in zip(series, doses)])}
found = [(fusion.denoise(c, elements).x, fusion.fuse(h, c, elements).x) for h, c in series]
for k, name in enumerate(("alone", "fused")):
    curves[name] = np.array([errors(maps[k], dose) for maps, dose in zip(found, doses)])
figures.doses(doses, curves, elements)
for name, values in curves.items():
    slope = np.polyfit(np.log(doses), np.log(values[:, -1]), 1)[0]
    print(f"{name:5s}: error at D {values[4, -1]:.3f}, falls as dose to the power {slope:.2f}")

# %% [markdown]
# **Why.** What TV brings is largest where there is least dose, and so its curve is flatter than that of raw counts. The distance between two curves, measured *along the dose*, is the factor of dose; it depends on the second curve.
#
# ### Exercise 3: the factor of dose (about 6 minutes)
#
# `errors[k]` is the rival's error at `doses[k]`. Another method reaches `error` at `dose`. How many times that dose does the rival need? Interpolate between logarithms; `np.interp(value, rising, wanted)` needs numbers that rise.


# %% tags=["exercise"]
def dose_factor(doses, errors, dose, error):
    """Return how many times `dose` the rival needs to come down to `error`."""
    ### BEGIN SOLUTION
    needed = np.interp(np.log(error), np.log(errors[::-1]), np.log(doses[::-1]))
    return np.exp(needed) / dose
    ### END SOLUTION


ex.dose_factor.check(dose_factor)

# %% [markdown]
# > **Predict.** Fused at D/10. How many times that dose would raw maps need to be as good, over all? How many would TV alone need: for gold, iron, oxygen, and over all?

# %%
dose_factor = ex.dose_factor.use(dose_factor)
more = np.geomspace(0.1, 30, 8)  # raw maps need far more than 2 D
raw = np.array([errors(record(dose)[1], dose) for dose in more])
print("needs … times the dose to match the fusion at D/10")
for k, name in enumerate([*elements, "all"]):
    reached = curves["fused"][1, k]
    factors = (dose_factor(more, raw[:, k], 0.1, reached),
               dose_factor(doses, curves["alone"][:, k], 0.1, reached))
    print(f"{name:3s}  raw maps {factors[0]:4.0f}   TV alone {factors[1]:4.1f}")

# %% [markdown]
# **Why.** Both columns are true. Against raw maps one may print "36 times less dose", and gives the image credit for the work of TV. Against TV alone it is 2.5 (2.1 and 2.6 with two other noises): the honest number, the mean of a large gain for gold, a good one for iron, and none at all for oxygen. "Five to ten" is neither. It is what one gets for *some* element against *some* rival.
# (With the image at the full dose and only the spectra at D/10 the error would be a twentieth smaller: the image's dose is not what limits.)
#
# ## 6. λ₂ without the truth
#
# Two rules. *Thinning* (week 4): every spectral count goes into one of two piles; fuse the first, predict the second. *Vacuum*: in an empty region the maps must be zero, so take the λ₂ that makes them so. Many do the second, and the lecture recommends it. Real spectra have stray counts; we add 0.3 per pixel and map, known to the fit.
#
# > **Predict.** One of the two lands within 10 % of the least error. Where does the other land?

# %%
usual = fused.parameters["lambda_tv"]
grid = usual * 2.0 ** np.arange(-2, 2.1, 0.5)
stray = counts + np.random.default_rng(9).poisson(0.3, counts.shape)
data = haadf, stray, elements
how = {"background": 0.3, "counts_per_unit": fused.parameters["S"]}
rules = {"thinning": fusion.choose_lam_tv(*data, grid, score="squares", repeats=1, **how)}
rules["vacuum"] = fusion.vacuum_cross_validation(*data, grid, vacuum=radius > 54, background=0.3)
found = [errors(fusion.fuse(*data, lam_tv=lam, **how).x, 0.1)[-1] for lam in grid]
figures.choice(usual, rules, found)
for name, rule in rules.items():
    above = found[np.argmin(abs(grid - rule.lam))] / min(found)
    print(f"{name:8s}: {rule.lam / usual:.2g} × the usual λ₂, RMSE {above:.2f} × the least")

# %% [markdown]
# **Why.** Thinning asks whether what was fitted comes again, also in the specimen. The vacuum has no edges to lose, so it says stop only when the specimen begins to leak into it. (Without stray counts there is nothing to learn from it at all, and the kit says so.) Use it to see what noise leaves in empty regions; not to choose.
#
# What does too large a λ₂ do? Less than an eye would notice, and more than a chemist would like. TV takes height from every plateau, most from the faintest. `keep_totals` holds the sum of each map; the published method does not.
#
# > **Predict.** In the shell iron to oxygen is 1.33. What will the fused maps say at 4 and at 10 times the usual λ₂? Will edges become steeper?

# %%
shell = (radius > 33) & (radius < 48) & (x[2] > 0.2) & (x[1] < 1.5 * x[2])
steps, ratios = (0.5, 1, 2, 4, 10), {"totals free": [], "totals kept": []}
for name, values in ratios.items():
    for step in steps:
        more = {"lam_tv": step * usual, "keep_totals": "kept" in name}
        y = fusion.fuse(haadf, counts, elements, **more).x / 10
        values.append(y[1][shell].mean() / y[2][shell].mean())
        if step in (1, 4, 10):
            core = y[2][radius < 19].mean() / x[2][radius < 19].mean()
            print(f"{name}, {step:2} × λ₂: Fe/O in the shell {values[-1]:.2f}, oxygen in front of "
                  f"and behind the core {core:.2f} of the truth")
figures.ratio(steps, ratios, x[1][shell].mean() / x[2][shell].mean())

# %% [markdown]
# **Why.** With free totals oxygen loses, iron is held up by the image, and the shell seems to become richer in iron, by a fifth at 4 and a third at 10 times the usual λ₂. A paper would call it another oxide. With totals kept the ratio stays within 6 %, but nothing is free: oxygen then moves from the shell to the core. The lecture warns of
# over-sharpening and of too much contrast at high λ₂. The contrast between *elements* is too large indeed; edges of iron are no steeper than true ones (the steepest percent of its slopes is 1.0 times the truth at 4 times λ₂).
#
# ## 7. A check that can fail
#
# A good fusion matches the image. So does a bad one. Four fits to recordings at D: the right model; γ too small and too large by 0.2; and the right γ with the wrong *law*. The last image was made by $\sum Z^\gamma x$, linear in thickness (week 1), as real ones nearly are, and is fitted with the power on $x$.
#
# > **Predict.** By how much does the error grow when γ is off by 0.2? Will the misfit of the image, in units of its noise, tell? And the deviance of the spectra?

# %%
full, thick = record(1), record(1, law=forward.LinearThickness(elements, normalise=True))
cases = {"right": (full, {}), "γ = 1.5": (full, {"gamma": 1.5}), "γ = 1.9": (full, {"gamma": 1.9})}
cases |= {"wrong law": (thick, {}), "linear law": (thick, {"law": "linear"})}
checks = {}
print("            RMSE Fe   image   deviance of Fe: pixels, blocks")
for name, ((h, c), settings) in cases.items():
    fit = fusion.fuse(h, c, elements, **settings)
    found = checks[name] = fusion.check(fit, try_gamma=False)
    image = np.sqrt(np.mean((fit.image - h) ** 2 / np.maximum(h, 1)))
    print(f"{name:11s} {errors(fit.x, 1)[1]:7.3f} {image:7.1f} {found.deviance['Fe']:15.2f} "
          f"{found.block_deviance['Fe']:9.1f}  {'passed' if found.passed else 'FAILED'}")
figures.leftovers({name: checks[name] for name in ("right", "γ = 1.5", "wrong law")}, "Fe")

# %% [markdown]
# **Why.** A γ off by 0.2 makes iron five to six times worse: worse than its *raw* map at the same dose (0.057). The image does not mind, its misfit never exceeds 1.1 of the noise: with so many counts the maps are bent until it is matched. *Where to* they were bent shows in the spectra. In blocks of 4 × 4 pixels noise averages out and errors do not, so blocks see it first.
# `fusion.check` compares both with what chance gives (limits 1.1 and 1.5).
#
# The last line is the same recording with the law it was made by. Which law holds for your detector is a question to a wedge of one element, at high dose, not to taste.
#
# > **Predict.** At D/10, will the check still notice a γ that is off by 0.2? By 0.1? And at D/50?

# %%
for dose in (0.1, 0.02):
    h, c = record(dose)
    for gamma in (1.7, 1.6, 1.5):
        fit = fusion.fuse(h, c, elements, gamma=gamma)
        found = fusion.check(fit, try_gamma=False)
        print(f"D × {dose}, γ = {gamma}: iron in blocks {found.block_deviance['Fe']:.2f}, RMSE "
              f"{errors(fit.x, dose)[1]:.3f}, {'passed' if found.passed else 'FAILED'}")
    found = fusion.check(fusion.fuse(h, c, elements))
    print(f"   testable to 0.2: {'yes' if found.gamma_testable else 'no'}; it would take "
          f"{found.dose_factor:.2g} times this dose")

# %% [markdown]
# **Why.** What a wrong γ adds to the deviance is proportional to the dose. At D/10 an error of 0.1 passes, and costs iron all that the image brought (TV alone had 0.042). At D/50 even an error of 0.2 stands at the limit, and the check says that it cannot be relied on there. So a low-dose fusion must bring its γ along, calibrated at high dose; a passed check is then no proof.
#
# Last suspect: the probe. An image has edges as wide as its probe; a map that is fused with it inherits them, or is told of them by $A$. Here maps are flat pieces with sharp borders, and the image has a probe of σ = 2.5 px (64 × 64 pixels, dose D).
#
# > **Predict.** We fit with no probe, with half of it, with the right one, and with one half too wide. Can a fusion be worse than the raw maps?

# %%
flat = phantoms.core_shell_elements(64, thickness="slab")
probe = forward.GaussianBlur((64, 64), 2.5)
h, c = record(1, flat, probe=probe)
print(f"raw maps: RMSE {errors(c, 1, flat)[-1]:.3f}; "
      f"TV alone {errors(fusion.denoise(c, elements).x, 1, flat)[-1]:.3f}")
for psf in (None, 1.25, 2.5, 3.75):
    fit = fusion.fuse(h, c, elements, psf=psf, n_iter=40)
    found = fusion.check(fit, try_gamma=False)
    worst = max(found.block_deviance.values())
    print(f"fused, psf = {psf}: RMSE {errors(fit.x, 1, flat)[-1]:.3f}, blocks {worst:.1f}")

# %% [markdown]
# **Why.** With its probe ignored, the image forces its blurred edges upon maps that were sharp: more than twice the error of the raw maps. With half a probe it is still worse than raw. The right one beats TV alone by a little only: a blurred image knows less about edges. And the check fails loudly for all three wrong ones.
#
# ## 8. When fusion must not be used
#
# First, two elements of nearly equal Z: cobalt (27) and manganese (25) in a disc of mixed oxide, imaged by the linear law, at D/10. At the top manganese replaces cobalt (0.1 to 0.9 in place of half and half); elsewhere some of one, of the other, or of both is missing. Second, an element that nobody mapped: our first particle, with the map of iron left out.
#
# > **Predict.** Look at sum and difference of the two maps. Which one does the image improve? And where does the brightness of the forgotten iron go?

# %%
mix, two = phantoms.nearly_equal_z(128), ["Co", "Mn"]
h, c = record(0.1, mix, forward.LinearThickness(two, normalise=True))
once = fusion.fuse(h, c, two, law="linear")
high = fusion.fuse(h, c, two, law="linear", lam_tv=4 * once.parameters["lambda_tv"])
shown = {"TV alone": fusion.denoise(c, two).x / 10, "fused": once.x / 10, "λ₂ × 4": high.x / 10}
figures.trap(h, mix[0], {"fused": shown["fused"], "λ₂ × 4": shown["λ₂ × 4"]})
for name, (co, mn) in shown.items():
    total, rest = metrics.rmse(co + mn, mix[0] + mix[1]), metrics.rmse(co - mn, mix[0] - mix[1])
    print(f"{name:8s}: RMSE of sum {total:.3f}, of difference {rest:.3f}; Co at the top "
          f"{co[24:40, 56:72].mean():.2f}")
less = fusion.fuse(haadf, counts[[0, 2]], ["Au", "O"])
print(f"iron forgotten: gold in the shell {less.x[0][shell].mean() / 10:.2f} (true 0.00)")

# %% [markdown]
# **Why.** Brightnesses are 1.14 to 1. The image knows the *sum*, more than twice as well as TV alone, and of the difference nothing: there fusion is even a little worse. Where only the mixture changes, as at the top, the image is flat, and says with authority that nothing happens. At 4 times λ₂ cobalt is 0.32 there in place of 0.10 (TV alone at 4 times its λ₂: 0.20), while the sum is better than ever. The maps look sharp all the same: edges that belong to the sum appear in both.
# So do not fuse neighbours in the periodic table, or report their sum. `fusion.check` warns of such pairs from Z alone.
#
# The forgotten iron becomes gold. The law has to put its brightness somewhere. The check fails, and the gold map holds 1.6 times the counts that were measured.
#
# ## 9. A real crystal
#
# DyScO₃, atomic columns, HAADF and EDX, published with a tutorial on fusion (Manassa and others 2024; a corner of 128 × 128 pixels comes with the kit). Nobody knows the truth. First look at the data.
#
# > **Predict.** Counts have a variance equal to their mean: brighter pixels are noisier. Will all three maps show that? What should the three maps add up to?

# %%
real = datasets.load("dysco3-small")
image, measured = real.haadf.astype(float), {k: v.astype(float) for k, v in real.maps.items()}
total = sum(measured.values())
level = {}
for name, one in measured.items():
    noise = (one[1:, 1:] + one[:-1, :-1] - one[1:, :-1] - one[:-1, 1:]).ravel() / 2
    mean = ndimage.uniform_filter(one, 5)[:-1, :-1].ravel()
    parts = np.array_split(np.argsort(mean, kind="stable"), 6)
    level[name] = [[mean[p].mean() for p in parts], [noise[p].var() for p in parts]]
figures.fractions(image, measured, level)
print("mean fractions:", ", ".join(f"{k} {v.mean():.2f}" for k, v in measured.items()))
print(f"their sum in every pixel: {total.min():.3f} to {total.max():.3f}")

# %% [markdown]
# **Why.** These maps are not counts. In every pixel they add up to exactly 1: they are *fractions* of atoms, as a quantification program writes them (0.20, 0.20, 0.60 by the formula). Oxygen's noise *falls* where oxygen is plenty. The sum, which held thickness and counts, is gone; noise in one map is mirrored in another. So Poisson is wrong (we take `noise="gaussian"`), thinning is impossible, and a fraction is not an amount.
# None of this was on the label. Ask for raw counts.
#
# > **Predict.** We fuse all the same, with the linear law: at the usual λ₂ and at half of it. Which elements will fail the check, and will a smaller λ₂ cure them?

# %%
how, pick = {"law": "linear", "noise": "gaussian"}, ("Dy", "Sc")
first, tv = fusion.fuse(image, measured, **how), fusion.denoise(measured, noise="gaussian")
best = fusion.fuse(image, measured, lam_tv=first.parameters["lambda_tv"] / 2, **how)
figures.columns(*({k: m[k] for k in pick} for m in (measured, tv.maps, best.maps)))
for name, fit in (("usual λ₂", first), ("half of it", best)):
    found = fusion.check(fit, try_gamma=False)
    blocks = ", ".join(f"{k} {v:.1f}" for k, v in found.block_deviance.items())
    print(f"{name}, in blocks: {blocks}: {'passed' if found.passed else 'FAILED'}")
figures.shapes(found)
alike = [np.corrcoef(m["Dy"].ravel(), image.ravel())[0, 1] for m in (measured, tv.maps, best.maps)]
print("Dy and image, correlation: recorded {:.2f}, TV alone {:.2f}, fused {:.2f}".format(*alike))
print(f"the sum of the fused fractions varies by ±{sum(best.maps.values()).std():.2f}")

# %% [markdown]
# **Why.** Halving λ₂ cures scandium and oxygen: there it was the prior. Dysprosium fails before and after, so it is the *model*. (It also fails with the power law, at 4.9 in blocks, and with γ = 1.4 or 2. With the image blurred by 2.5 px, where it resembles the map most, and an offset of 6000 taken off, it fails at 2.9.) The lattice in its residual says how: in the map its columns are broad, in the fused map they are those of the image, sharp and oblong, and the weak columns between them have become dysprosium too. The correlation with the image went from 0.64 to 0.99: this is no longer a map of dysprosium, it is the image with a new name.
# And the fused fractions do not add up to 1 any more, which nothing in the model had asked for.
#
# **What cannot be verified.** The truth; the detector's offset (no vacuum in the picture); γ and the law for a crystal along a zone axis, where electrons are channelled along columns, so that brightness is neither $\sum Z^\gamma x$ nor $\sum (Zx)^\gamma$; whether both detectors saw the same columns at the same time; how many X-rays there were; how the quantification smoothed. What can be said: this model
# does not explain these data, its fused dysprosium must not be measured in, and TV alone is the better report. Beautiful pictures of this crystal have been made by fusion. Ours is beautiful, too.
#
# ### Exercise 4: decide and justify (about 6 minutes)
#
# Back to the particle: three fusions of the recording of section 1, their settings not told.

# %% tags=["exercise"]
for number, (gamma, step) in enumerate(ex.believe.problem(), 1):
    fit = fusion.fuse(haadf, counts, elements, gamma=gamma, lam_tv=step * usual)
    found = fusion.check(fit, try_gamma=False)
    misfit = np.sqrt(np.mean((fit.image - haadf) ** 2 / np.maximum(haadf, 1)))
    print(f"fusion {number}: λ₂ {step:.0f} × the usual, image {misfit:.1f} × its noise; in blocks",
          *(f"{k} {v:.1f}" for k, v in found.block_deviance.items()))
chosen = None
because = []
### BEGIN SOLUTION
chosen = 2
because = ["B", "C", "E"]
### END SOLUTION
print(ex.believe)
ex.believe.check(fusion=chosen, because=because)

# %% [markdown]
# **Why (read after you have answered).** The truth agrees: the errors over all are 0.050, 0.025 and 0.063. All three match the image. Read the deviances twice: *which* element misses, and whether a smaller λ₂ cures it.
#
# ## 10. Explorer: four knobs
#
# Iron of the same particle, 64 × 64 pixels. The λ are told in units of the usual ones; γ is what the *fit* believes (the image was made with 1.7).
#
# Two things to try: **(a)** set γ to 1.5 at dose 1, then lower the dose until the check passes; look at the error meanwhile. **(b)** Raise λ₁ as far as it goes: what does the fusion become? Then lower it: what happens to the deviance?
#
# <details><summary>What you should have seen</summary>
# (a) At D the check shouts (iron 18 in blocks), and fusion is far behind TV alone: 0.044 against 0.025. At 0.1 D iron is at 2, and TV alone is still a little ahead. At 0.02 D the check passes, and fusion with the wrong γ is as good as with the right one (0.067; TV alone 0.080): what the spectra cannot see there is smaller than their noise. With the right γ it even fails, for gold: a false alarm of γ. What is off is λ₂, too strong for gold at two counts in a bright pixel; half of it passes.
# (b) Maps as noisy as the counts themselves: the spectra are obeyed to the last count, TV is too weak beside them, and the deviance goes to nothing. To the left the image is obeyed instead, and the spectra object, those of gold first.</details>

# %% tags=["explorer"]
explorer = widgets.FusionExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"dose {shown.dose:.2g} D, γ = {shown.gamma}: RMSE fused {shown.rmse['all']:.3f}, TV alone "
      f"{shown.rmse_alone['all']:.3f}; iron in blocks {shown.blocks['Fe']:.1f}")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - The particle was made with the law, γ and grid of the fit, in sections 1 to 6. Who carries "2.5 times" to a microscope is misled, and would notice by calibrating γ: 0.2 off costs more than fusion brings.
# - One particle, three elements far apart in Z. With other elements, other shares of the brightness, the factor is another one; redo the curves for yours.
# - Background was known. A background subtracted wrongly is an element that nobody mapped (section 8).
# - Registration was perfect. A shift of a pixel between image and maps acts like a wrong probe: look at residuals for edges with a red and a blue side.
# - Fused maps look certain. Fuse two halves of the counts (thinning gives them), and believe what both show.
#
# ## Take-away
#
# 1. The image says how much, the spectra say of what. Elements that the image does not see gain nothing, and elements that it cannot tell apart lose.
# 2. Measure dose like for like: all doses scaled alike, against TV alone as well as against raw maps. Here 2.5, not 36.
# 3. Every fusion matches its image. Only the spectra can say no: look at their deviance in blocks, and at the dose below which they could not have.
#
# ## Three questions
#
# <details><summary>1. A paper fuses HAADF with maps of Fe, Co and Ni, and shows sharp borders in all three. What do you ask?</summary>
# Whether the borders are in the spectra: for neighbours in the periodic table the image constrains their sum only, and lends its edges to each. Ask for the difference of the maps, and for TV alone.</details>
#
# <details><summary>2. The image is matched to 0.5 of its noise. Is the fusion good?</summary>
# That says nothing: the maps are bent until the image fits. Ask for the deviance of the spectra, in blocks.</details>
#
# <details><summary>3. At very low dose the check passes for γ = 1.5, 1.7 and 1.9. Which one do you report?</summary>
# The one calibrated at high dose on the same detector. The check could not have failed at this dose, and must say so; without a calibration, show how the maps change between them.</details>
#
# ## Further reading
#
# - Schwartz and others, *Imaging atomic-scale chemistry from fused multi-modal electron microscopy* (2022), [doi:10.1038/s41524-021-00692-5](https://doi.org/10.1038/s41524-021-00692-5): the method.
# - Manassa and others, *Fused multi-modal electron microscopy: a beginner's guide* (2024), [doi:10.69761/mxvr4353](https://doi.org/10.69761/mxvr4353): a tutorial, and the data of section 9.
# - Schwartz and others, *Imaging 3D chemistry at 1 nm resolution with fused multi-modal electron tomography* (2024), [doi:10.1038/s41467-024-47558-0](https://doi.org/10.1038/s41467-024-47558-0): week 10.
# - Pennycook and Nellist (editors), *Scanning transmission electron microscopy* (2011), [doi:10.1007/978-1-4419-7200-2](https://doi.org/10.1007/978-1-4419-7200-2): HAADF, and what its brightness means.
