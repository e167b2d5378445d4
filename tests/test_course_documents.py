"""The course's own documents say what is so: syllabus, glossary, symbols, references, guide.

They name weeks, headings, functions and numbers of files that others write. Each test says which
line of which document is out of step, and what the notebooks say instead.
"""

import functools
import importlib
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from em_inverse import (
    datasets,
    deblurring,
    forward,
    metrics,
    noise,
    phantoms,
    report,
    tomography,
    widgets,
)
from em_inverse.tilt_series import TiltSeries

ROOT = Path(__file__).resolve().parent.parent
COURSE = ROOT / "course"
DOCUMENTS = ["syllabus.md", "glossary.md", "symbols.md", "references.bib", "instructor-guide.md"]
SOURCES = {int(p.name[4:6]): p for p in sorted((COURSE / "source").glob("week*_*.py"))}
WEEKS = tomllib.loads((COURSE / "weeks.toml").read_text(encoding="utf-8"))["week"]

LONGEST_LINE = 160
SLIDES = 39
"""Content slides of the lecture, by its own count; its references are one more."""
REQUIRED = {
    "article": {"author", "title", "journal", "year"},
    "book": {"title", "publisher", "year"},
    "inproceedings": {"title", "booktitle", "year"},
    "misc": {"author", "title", "year", "howpublished"},
}
PLACING = r"""
    \begin \end \big \Big \bigl \bigr \Bigl \Bigr \left \right \text \mathrm \mathbf \frac \tfrac
    \dfrac \quad \qquad \; \, \! \: \\ \{ \} \underbrace \operatorname \lVert \rVert \lvert \rvert
    \| \limits \displaystyle \phantom
"""
LAYOUT = set(PLACING.split())
"""Commands of TeX that place symbols and are none."""


def text_of(name):
    return (COURSE / name).read_text(encoding="utf-8")


@functools.cache
def plain(text):
    """Return text in one spelling: lower case, no markup, single spaces, hyphens as spaces."""
    return " ".join(re.sub(r"[*_`$\\]|(?<=\w)[-‑](?=\w)", " ", text).lower().split())


@functools.cache
def cells(week):
    """Return (is it markdown?, text) for every cell of the source of a week."""
    text = SOURCES[week].read_text(encoding="utf-8")
    found = []
    for head, body in re.findall(r"^# %%(.*)\n((?:(?!# %%).*\n?)*)", text, flags=re.MULTILINE):
        told = "[markdown]" in head
        found.append((told, re.sub(r"^# ?", "", body, flags=re.MULTILINE) if told else body))
    return found


@functools.cache
def prose(week):
    return "\n".join(body for told, body in cells(week) if told)


@functools.cache
def code(week):
    return "\n".join(body for told, body in cells(week) if not told)


def headings(week):
    return [h.strip() for h in re.findall(r"^#{1,6} (.*)$", prose(week), flags=re.MULTILINE)]


def tables(text, header):
    """Return the rows of all tables whose header line starts with `header`, cell by cell."""
    form = rf"^\| *{re.escape(header)}.*\n\|[-:| ]+\n((?:\|.*\n)+)"
    lines = [line for body in re.findall(form, text, re.MULTILINE) for line in body.splitlines()]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def resolve(name):
    """Return what a dotted name of the package stands for."""
    parts = name.removeprefix("em_inverse.").split(".")
    thing = importlib.import_module("em_inverse")
    for part in parts:
        thing = getattr(thing, part)
    return thing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_fit_a_screen(name):
    wide = [
        f"{name}:{number}"
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if len(line) > LONGEST_LINE and not line.startswith("|")
    ]
    assert wide == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.endswith(".md")])
def test_what_a_document_names_is_there(name):
    text = text_of(name)
    links = [x for x in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text) if "://" not in x]
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    room = r"(?:course|notebooks|data|docs|tests|em_inverse)/[\w./-]*"
    paths = links + [s for s in spans if re.fullmatch(room, s) or re.fullmatch(r"[\w-]+\.md", s)]
    missing = [p for p in paths if not any((b / p).exists() for b in (COURSE, ROOT))]
    assert missing == [], f"{name} names files that are not there"
    doors = r"(?:em_inverse\.)?(?:" + "|".join(dir(importlib.import_module("em_inverse"))) + ")"
    for span in spans:
        dotted = re.match(rf"({doors}(?:\.\w+)+)", span)
        if dotted and not re.search(r"\.(md|py|toml|bib|ipynb)$", span):
            try:
                resolve(dotted.group(1))
            except AttributeError:
                pytest.fail(f"{name} names {dotted.group(1)}, which the package does not have")


# Syllabus


def test_the_syllabus_lists_the_weeks_and_tells_which_are_ready():
    table = tables(text_of("syllabus.md"), "week | title")
    assert [int(row[0]) for row in table] == [week["number"] for week in WEEKS]
    for row, week in zip(table, WEEKS, strict=True):
        number, title, state = week["number"], row[1], row[-1]
        wanted = "ready" if number in SOURCES else "in preparation"
        assert state == wanted, f"week {number} is {wanted}; the syllabus says {state}"
        assert title == week["title"], f"week {number} is called {week['title']}"
        if number in SOURCES:
            assert headings(number)[0] == f"Week {number}: {title}"


def exercises_of(week):
    """Return how many exercises a week has and, if all of them say it, how long they take."""
    titles = [h for h in headings(week) if re.match(r"Exercise \d", h)]
    times = [int(m) for h in titles for m in re.findall(r"\(about (\d+) minutes\)", h)]
    return f"{len(titles)}, {sum(times)} min" if len(times) == len(titles) else f"{len(titles)}"


def test_the_syllabus_counts_minutes_and_exercises_as_the_notebooks_do():
    table = tables(text_of("syllabus.md"), "week | title")
    total = 0
    for row in table:
        number, minutes, exercises = int(row[0]), row[2], row[3]
        if number not in SOURCES:
            continue
        (said,) = re.findall(r"\*\*Time:\*\* (?:about )?(\d+) minutes", prose(number))
        assert minutes == said, f"week {number} takes {said} minutes by its own first cell"
        wanted = exercises_of(number)
        assert exercises == wanted, f"week {number} has {wanted} of exercises, not {exercises}"
        total += int(said)
    assert f"{total} minutes" in text_of("syllabus.md"), f"the ready weeks take {total} minutes"


def test_the_syllabus_asks_for_the_weeks_that_a_notebook_asks_for():
    for row in tables(text_of("syllabus.md"), "week | title"):
        number, told = int(row[0]), set(re.findall(r"\d+", row[-2]))
        if number not in SOURCES:
            assert all(int(other) < number for other in told)
            continue
        (need,) = re.findall(r"\*\*You need:\*\*(.*?)\n\n", prose(number), flags=re.DOTALL)
        asked = re.findall(r"\bweeks? (\d+)(?: and (\d+))?", need)
        left = {week for pair in asked for week in pair if week} - told
        assert not left, f"week {number} needs {sorted(left)}, the syllabus says {sorted(told)}"


# Glossary


def terms():
    """Return (term, week, text) of every entry of the glossary."""
    pattern = r"^\*\*(.+?)\*\* \(week (\d+)\)\. (.+?)(?=\n\n|\Z)"
    found = re.findall(pattern, text_of("glossary.md"), flags=re.MULTILINE | re.DOTALL)
    return [(term, int(week), text) for term, week, text in found]


def spellings(term):
    """Return the ways in which a text may write a term: 'total variation (TV)' in two ways."""
    short = re.findall(r"\(([^)]*)\)", term)
    return [re.sub(r"\s*\([^)]*\)", "", term), *short]


def occurs(term, text):
    """Return whether a term stands in a text; an abbreviation must agree in its capitals."""
    for spelling in spellings(term):
        if spelling.isupper() or not spelling.islower():
            if re.search(rf"\b{re.escape(spelling)}s?\b", text):
                return True
        elif re.search(rf"\b{re.escape(plain(spelling))}", plain(text)):
            return True
    return False


def test_the_glossary_is_long_enough_alphabetical_and_says_each_thing_once():
    words = [term for term, _, _ in terms()]
    assert len(words) >= 70
    assert len(words) == len(re.findall(r"^\*\*", text_of("glossary.md"), flags=re.MULTILINE))
    keys = [re.sub(r"[^a-z0-9]", "", word.lower()) for word in words]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("entry", terms(), ids=lambda entry: entry[0])
def test_the_week_of_a_term_is_the_first_that_uses_it(entry):
    term, week, text = entry
    used = [n for n in SOURCES if occurs(term, prose(n).split("## Further reading")[0])]
    assert used, f"no week says “{term}”: drop it from the glossary, or spell it as they do"
    assert week == used[0], f"“{term}” comes first in week {used[0]}, not in week {week}"
    assert 5 <= len(text.split()) <= 75, f"“{term}” deserves one or two plain sentences"


def test_a_spelling_is_found_as_texts_write_it():
    assert occurs("total variation (TV)", "By *total\nvariation* we mean")
    assert occurs("least squares", "the least-squares fit")
    assert occurs("dark field (HAADF)", "an HAADF image")
    assert not occurs("dark field (HAADF)", "a haadf image")
    assert not occurs("dose", "a diagnose")


# Symbols


def symbol_rows():
    text = text_of("symbols.md")
    return tables(text, "symbol | plain") + tables(text, "sign | plain")


def formulas(text):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return [a or b for a, b in re.findall(r"\$\$(.+?)\$\$|\$([^$]+?)\$", text, flags=re.DOTALL)]


def marks(formula):
    """Return the single signs that a formula is made of: letters of both alphabets, commands."""
    formula = re.sub(r"\\(?:text|mathrm|operatorname|begin|end)\*?\s*\{[^}]*\}", " ", formula)
    commands = re.findall(r"\\(?:[A-Za-z]+|.)", formula)
    letters = re.findall(r"[^\W\d_]", re.sub(r"\\(?:[A-Za-z]+|.)", " ", formula))
    return {mark for mark in commands if mark not in LAYOUT and mark.strip("\\ ")} | set(letters)


def test_marks_of_a_formula():
    assert marks(r"\hat{x}_\lambda = \text{mean of } 3") == {r"\hat", "x", r"\lambda"}


@pytest.mark.parametrize("week", SOURCES)
def test_every_symbol_of_a_formula_is_listed(week):
    known = set().union(*(marks(f) for f in formulas(text_of("symbols.md"))))
    for formula in formulas(prose(week)):
        unknown = sorted(marks(formula) - known)
        assert not unknown, f"week {week} writes ${formula}$; symbols.md lacks {unknown}"


def packed(text):
    """Return a formula without spaces, and with one sign for the bars of a norm."""
    return re.sub(r"\s|\\[,;]", "", re.sub(r"\\\||\\[lr]Vert", "‖", text))


@pytest.mark.parametrize("row", symbol_rows(), ids=lambda row: row[1])
def test_a_symbol_is_used_where_and_as_it_is_said(row):
    written, sign, *_, names, week = row
    number = int(week)
    if number in SOURCES:
        inside = re.findall(r"\$(.+?)\$", written) + sign.split(", ")
        assert any(packed(form) in packed(prose(number)) for form in inside), (
            f"week {number} writes neither {written} nor {sign}"
        )
    for name in re.findall(r"`([^`]+)`", names):
        assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", all_code()), (
            f"symbols.md: {sign} is called {name} nowhere in the code"
        )


@functools.cache
def package_files():
    return sorted((ROOT / "em_inverse").rglob("*.py"))


@functools.cache
def all_code():
    """Return the code of all notebooks and of the package."""
    package = [path.read_text(encoding="utf-8") for path in package_files()]
    return "\n".join([*map(code, SOURCES), *package])


# References


def entries():
    """Return (kind, key, fields) for every entry of references.bib."""
    text = re.sub(r"^%.*$", "", text_of("references.bib"), flags=re.MULTILINE)
    found = []
    for kind, key, body in re.findall(r"@(\w+)\{([^,\s]+),\n(.*?)\n\}", text, flags=re.DOTALL):
        fields = re.findall(
            r"^  (\w+) *= \{((?:[^{}]|\{[^{}]*\}|\{(?:[^{}]|\{[^{}]*\})*\})*)\},$",
            body,
            flags=re.MULTILINE,
        )
        assert len(fields) == len(re.findall(r"^  \w+ *= ", body, flags=re.MULTILINE)), key
        assert len({name for name, _ in fields}) == len(fields), f"{key} has a field twice"
        found.append((kind, key, {name: " ".join(value.split()) for name, value in fields}))
    assert len(found) == text.count("@"), "an entry of references.bib cannot be read"
    return found


def dois(text):
    """Return every DOI of a text, as the registry spells it, in lower case."""
    found = re.findall(r"\b10\.\d{4,9}/[^\s\"'<>`\]|]+", unquote(text))
    return {trimmed(doi).lower() for doi in found}


def trimmed(doi):
    doi = re.split(r"\)\]|\)\.|\),|\);", doi)[0] if doi.count("(") < doi.count(")") else doi
    while doi[-1] in ".,;:*" or (doi[-1] == ")" and doi.count("(") < doi.count(")")):
        doi = doi[:-1]
    return doi


def test_a_doi_is_read_as_people_write_it():
    link = "[doi:10.1016/0167-2789(92)90242-F](https://doi.org/10.1016/0167-2789%2892%2990242-F)."
    assert dois(link) == {"10.1016/0167-2789(92)90242-f"}
    assert dois("(see doi:10.1137/1034115).") == {"10.1137/1034115"}
    assert dois("doi:10.1023/B:JMIV.0000011325.36760.1e, and") == {
        "10.1023/b:jmiv.0000011325.36760.1e"
    }


def test_the_references_have_what_they_need_in_order_and_once():
    keys = [key for _, key, _ in entries()]
    assert keys == sorted(set(keys))
    for kind, key, fields in entries():
        missing = REQUIRED[kind] - fields.keys()
        assert not missing, f"{key} lacks {sorted(missing)}"
        assert {"author", "editor"} & fields.keys(), f"{key} has neither author nor editor"
        assert re.fullmatch(r"(18|19|20)\d\d", fields["year"]), key
        assert key.rstrip("abcdefghijklmnopqrstuvwxyz").endswith(fields["year"]), key
        assert ("doi" in fields) != fields.get("note", "").startswith("No DOI"), key
        if "doi" in fields:
            assert dois(fields["doi"]) == {fields["doi"].lower()}, f"{key}: not a DOI"
    known = [fields["doi"].lower() for _, _, fields in entries() if "doi" in fields]
    assert len(known) == len(set(known))


@functools.cache
def cited():
    files = [*SOURCES.values(), *package_files(), *(COURSE / f for f in DOCUMENTS if ".md" in f)]
    return {path: dois(path.read_text(encoding="utf-8")) for path in files}


def test_every_doi_that_is_cited_is_in_the_references():
    known = {fields["doi"].lower() for _, _, fields in entries() if "doi" in fields}
    for path, found in cited().items():
        left = sorted(found - known - wrong_dois())
        assert not left, f"{path.relative_to(ROOT)} cites {left}, which references.bib lacks"


def wrong_dois():
    """Return the DOIs that the guide quotes as slips of the lecture."""
    said = re.findall(r"\bnot\s+doi:(\S+)", text_of("instructor-guide.md"))
    return {trimmed(doi).lower() for doi in said}


def test_no_wrong_doi_of_the_lecture_is_repeated():
    for path, found in cited().items():
        if path.name != "instructor-guide.md":
            again = sorted(found & wrong_dois())
            assert not again, f"{path.relative_to(ROOT)} repeats a wrong DOI: {again}"


def test_every_reference_is_used():
    used = set().union(*cited().values())
    texts = " ".join(" ".join(path.read_text(encoding="utf-8").split()) for path in cited())
    for _, key, fields in entries():
        names = re.sub(r"\\.|[{}]", "", fields.get("author", fields.get("editor", "")))
        surname = names.split(",")[0]
        named = re.search(rf"{surname}.{{0,160}}?{fields['year']}", texts)
        named = named or f"`{key}`" in texts or re.sub(r"[{}]", "", fields["title"]) in texts
        assert fields.get("doi", "").lower() in used or named, f"nobody cites {key}"


# Instructor guide


def the_map():
    return tables(text_of("instructor-guide.md"), "slide | title")


def test_the_map_has_every_slide_once_and_in_order():
    numbers = [row[0] for row in the_map()]
    assert numbers == [*map(str, range(1, SLIDES + 1)), "refs"]
    titles = [row[1] for row in the_map()]
    assert len(set(titles)) == len(titles)
    assert titles[0].startswith("Recap: Week 10")
    assert (titles[-2], titles[-1]) == ("Continue", "References")


@pytest.mark.parametrize("row", the_map(), ids=lambda row: row[0])
def test_the_map_leads_to_sections_that_are_there(row):
    places = re.findall(r"week (\d+)(?:, \*(.+?)\*|, in preparation)(?=;|$)", row[2])
    assert places, f"slide {row[0]} leads nowhere: {row[2]!r}"
    for week, heading in places:
        number = int(week)
        if number not in SOURCES:
            assert "in preparation" in row[2], f"week {number} is not there yet; say so"
            continue
        assert heading, f"slide {row[0]}: name a heading of week {number}"
        known = [plain(h) for h in headings(number)]
        assert plain(heading) in known, f"week {number} has no “{heading}”; it has {known}"


def test_the_guide_leads_through_every_ready_week():
    text = text_of("instructor-guide.md")
    for number in SOURCES:
        title = re.escape(headings(number)[0])
        parts = re.findall(rf"^## {title}\n((?:(?!## ).*\n)*)", text, flags=re.MULTILINE)
        assert len(parts) == 1, f"the guide has {len(parts)} chapters on week {number}"
        told = re.findall(r"^\*\*(.+?)\.?\*\*", parts[0], flags=re.MULTILINE)
        for heading in ("Plan", "The picture", "Demo", "Ask", "Wrong answers", "Skip", "Grading"):
            assert any(t.startswith(heading) for t in told), f"week {number}: no “{heading}”"


def test_the_plans_add_up_to_a_lecture():
    for plan in re.findall(r"^\| from \| to \|.*\n\|[-:| ]+\n((?:\|.*\n)+)", guide(), re.M):
        times = [[int(x) for x in re.findall(r"\d+", row)[:2]] for row in plan.splitlines()]
        assert times[0][0] == 0
        assert [end for _, end in times[:-1]] == [start for start, _ in times[1:]]
        assert times[-1][1] == 90


def guide():
    return text_of("instructor-guide.md")


def test_the_slips_are_numbered_and_the_map_points_at_each():
    numbers = [int(n) for n in re.findall(r"^(\d+)\. \*\*", guide(), flags=re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    pointed = {int(n) for row in the_map() for n in re.findall(r"\bS(\d+)\b", row[3])}
    assert pointed == set(numbers), "slips that no slide points at, or the other way round"


def chapters():
    """Return the guide's chapter on each week."""
    found = re.findall(r"^## Week (\d+): .*\n((?:(?!## ).*\n)*)", guide(), flags=re.MULTILINE)
    return {int(number): chapter for number, chapter in found}


@pytest.mark.parametrize("week", SOURCES)
def test_the_wrong_answers_are_those_that_the_checks_know(week):
    told = re.findall(r"^\*\*Wrong answers\.\*\*(.*?)\n\n", chapters()[week], re.M | re.DOTALL)
    assert len(told) == 1, f"week {week}: one paragraph **Wrong answers.**, please"
    exercises = importlib.import_module(f"em_inverse.checks.week{week:02d}")
    named = re.findall(rf"`week{week:02d}\.(\w+)`((?:(?!`week{week:02d}).)*)", told[0], re.DOTALL)
    assert {name for name, _ in named} == set(exercises.__all__) - {"ALL"}
    for name, text in named:
        exercise = getattr(exercises, name)
        known = {m.name for m in getattr(exercise, "misconceptions", ())}
        known |= set(getattr(exercise, "statements", {}))
        said = [" ".join(phrase.split()) for phrase in re.findall(r"\*([^*]+)\*", text)]
        assert said, f"week {week}, {name}: no wrong answer is named"
        left = sorted(set(said) - known)
        assert not left, f"week {week}, {name} knows no {left}; it knows {sorted(known)}"


def demo(week, *phrases):
    """Check that the demo script of a week tells what its explorer shows."""
    told = re.findall(r"^\*\*Demo\.\*\*(.*?)\n\n", chapters()[week], re.M | re.DOTALL)
    (text,) = [" ".join(script.split()) for script in told]
    for phrase in phrases:
        assert phrase in text, f"week {week}: the demo script should say “{phrase}”: {text}"


def state_of(explorer, **controls):
    return explorer.compute(**explorer.check(**controls))


def test_the_demo_of_week_1():
    def snr(**controls):
        return state_of(widgets.ForwardExplorer, **controls).snr

    opening = state_of(widgets.ForwardExplorer)
    demo(1, f"{opening.landed:.0f} land, {opening.clean.max():.1f} are")
    demo(1, f"SNR from {snr():.1f} to {snr(modality='spectrum'):.2f}")
    demo(1, f"SNR from {snr(dose=1e3):.1f} to {snr(dose=1e3, readout=5):.3f}")
    high = {round(snr(dose=1e8, readout=readout)) for readout in (0, 5)}
    assert len(high) == 1
    demo(1, f"({high.pop()} stays")


def test_the_demo_of_week_2():
    opening = state_of(widgets.SpectrumExplorer)
    demo(2, f"opens at rank {opening.rank},", f"lowest at {opening.best})")
    demo(2, f"RMSE {state_of(widgets.SpectrumExplorer, rank=80).rmse:.0f})")
    hidden = state_of(widgets.SpectrumExplorer, width=75)
    found = state_of(widgets.SpectrumExplorer, width=75, noise=0.5)
    demo(2, f"probe 75 pm, rank {hidden.best}:", f"noise 0.5 % and rank {found.best}.")


def test_the_demo_of_week_3():
    weak = state_of(widgets.PriorExplorer, scale=0.01)
    demo(3, f"L1 spikes up to {weak.shown['L1'].max():.1f}")
    columns = state_of(widgets.PriorExplorer, specimen="columns").rmse
    assert min(columns, key=columns.get) == "H1"
    assert 1.6 < columns["TV"] / columns["H1"] < 2
    demo(3, "H1 leads, just; TV has nearly twice its error")


def test_the_demo_of_week_4():
    def ratios(**controls):
        return state_of(widgets.LCurveExplorer, **controls).curve.ratios

    assert max(ratios().values()) < 2
    assert ratios(width=1.0)["GCV"] > 100 > 2 > ratios(width=1.0)["L-curve"]
    demo(4, f"at 2 (RMSE {ratios(width=2.0)['L-curve']:.0f} times the lowest")
    assert "L-curve" not in ratios(width=3.0)
    assert ratios(width=3.0)["discrepancy"] < 3
    tilts = ratios(problem="tilts")
    assert min(tilts, key=tilts.get) == "discrepancy"
    assert min(ratios(), key=ratios().get) == "L-curve"


def test_the_demo_of_week_5():
    narrow, wide = (state_of(widgets.WedgeExplorer, max_tilt=a).stretched for a in (60, 90))
    demo(5, f"(elongation from {narrow:.2f} to {wide:.0f})")
    ten, fifteen = (state_of(widgets.WedgeExplorer, step=step).stretched for step in (10, 15))
    assert abs(ten - narrow) < 0.05 < 0.15 < fifteen - narrow


def test_the_demo_of_week_6():
    opening = state_of(widgets.FewTiltsExplorer)
    assert opening.residual == pytest.approx(0.1, abs=0.02)
    stops = f"({opening.run.discrepancy} and {opening.run.held_out})"
    demo(6, "a tenth of the noise", f"diamond ({opening.run.best})", stops)
    sirt = state_of(widgets.FewTiltsExplorer, method="sirt").run.rmse
    demo(6, f"RMSE {sirt.min():.2f} at its best, {sirt[200]:.2f} after 200 rounds")


def test_the_demo_of_week_8():
    def opening(**start):
        cockpit = widgets.Cockpit(size=48, backend="picture", **start)
        shown = cockpit.result
        cockpit.close()
        return shown

    golden = opening()
    demo(8, f"with {golden.n_received} of {golden.n_expected} projections")
    assert {a.kind for a in golden.alarms} == {"blank", "blurred", "residual"}
    sequential = opening(order="sequential")
    demo(8, f"reads {sequential.twist_deg:+.0f}° instead of {golden.twist_deg:+.0f}°")
    demo(8, f"*weighted back-projection*: {opening(method='wbp').twist_deg:+.0f}°")
    demo(8, f"the sign turns (−{-opening(source='bowtie_b').twist_deg:.0f}°)")
    drifting = opening(drift=2.0)
    assert sum(a.kind == "misaligned" for a in drifting.alarms) == 5
    demo(8, f"ε has to rise to {drifting.epsilon:.0f} × noise")


def test_the_demo_of_week_9():
    def shown(**controls):
        return state_of(widgets.FusionExplorer, **controls)

    opening = shown()
    demo(9, f"fused RMSE {opening.rmse['all']:.3f}, TV alone {opening.rmse_alone['all']:.3f}")
    demo(9, f"iron goes to {shown(gamma=1.5).blocks['Fe']:.1f} in blocks")
    full = shown(gamma=1.5, dose=1)
    demo(
        9, f"the check shouts (about {full.blocks['Fe']:.0f})", f"fusion is {full.rmse['all']:.3f}"
    )
    demo(9, f"the {full.rmse_alone['all']:.3f} of TV alone", "(at 0.02)")
    assert not shown(gamma=1.5, dose=0.05).passed
    assert shown(gamma=1.5, dose=0.02).passed
    smooth = shown(lam_tv=5.6)
    assert max(smooth.blocks, key=smooth.blocks.get) == "Au"
    assert max(shown(lam_spectrum=100).blocks.values()) < 0.3


def test_the_demo_of_week_10():
    def shown(**controls):
        return state_of(widgets.BudgetExplorer, **controls)

    opening = shown()
    after = opening.errors_after["all"]
    demo(10, f"error {opening.errors['all']:.2f}, fitted after back-projection {after:.2f}")
    few, many = shown(tilts=5), shown(tilts=45)
    demo(10, f"{few.errors['all']:.3f} and {many.errors['all']:.3f}")
    dark = shown(tilts=45, dark=0.5)
    demo(10, f"{dark.errors['all']:.2f}, and {100 * dark.dark_share:.0f} % of all counts are dark")
    demo(10, f"at 5 tilts it is {shown(tilts=5, dark=0.5).errors['all']:.2f}")
    low, high = widgets.BudgetExplorer.controls[0].ends
    lost = [shown(channels=2, dose=dose).errors["corner"] for dose in (opening.dose, high)]
    demo(10, f"gone ({lost[0]:.1f})", f"back ({lost[1]:.1f})")
    ends = [shown(dose=dose).errors["all"] for dose in (low, high)]
    demo(10, f"error {ends[0]:.2f} and {ends[1]:.2f}")
    assert shown(channels=4).errors["all"] > shown(channels=3).errors["all"]


def test_the_demo_of_week_11():
    best = state_of(widgets.DeblurringExplorer).curve
    demo(11, f"about {best.lambdas[best.rmse.argmin()]:.3f})")
    errors = [
        metrics.rmse(found.x, found.problem.truth)
        for found in (
            state_of(widgets.DeblurringExplorer, method="naive", sigma=sigma)
            for sigma in (1.0, 0.5)
        )
    ]
    demo(11, f"(0.5 px; at 1 px the error is {errors[0]:.1f})")
    assert errors[1] < 0.2


def test_the_demo_of_week_12():
    def shown(**controls):
        return state_of(widgets.FocusExplorer, **controls)

    opening, focus = shown(), shown(defocus=0)
    demo(12, f"{opening.defocus:.0f} Å out of focus: contrast {100 * opening.contrast:.1f} %")
    demo(12, f"Defocus to 0: contrast {100 * focus.contrast:.1f} %")
    demo(12, f"black for white, {100 * shown(defocus=-450).contrast:.1f} % again")
    demo(12, f"{100 * shown(dose=316.22776601683796).noise:.0f} % of noise in a pixel, snow")
    heavy = [shown(specimen="tungsten", voltage=kv) for kv in (300, 60)]
    demo(12, f"tungsten: {100 * heavy[0].contrast:.1f} %", f"60: {100 * heavy[1].contrast:.1f} %")
    demo(12, f"would be off by {100 * heavy[1].one_slice_off:.0f} %")


def test_the_demo_of_week_13():
    def shown(**controls):
        return state_of(widgets.GapExplorer, **controls)

    demo(13, f"straight lines: PSNR {shown().psnr_db:.0f} dB")
    demo(13, f"Gap to 1°: {shown(gap=1).psnr_db:.0f} dB", f"to 12: {shown(gap=12).psnr_db:.0f} dB")
    methods = ("band_limited", "geometric", "network_frames", "network")
    found = [f"{shown(method=method).psnr_db:.0f}" for method in methods]
    demo(13, f"band-limited {found[0]}, geometric {found[1]}, network of frames only {found[2]},")
    demo(13, f"network {found[3]} dB")
    gold = shown(specimen="adatom", method="network_frames", tilt=84)
    demo(13, f"tilt to 84: {gold.psnr_db:.0f} dB and a smear")
    demo(13, f"all frames together have {gold.mean_psnr_db:.0f} dB")


def says(title, *phrases):
    """Check that the slip of this title states what was just computed."""
    chapter = guide().split("## Slips of the lecture")[1]
    slips = re.findall(r"^\d+\. (.*?)(?=^\d+\. |^#)", chapter, re.MULTILINE | re.DOTALL)
    texts = [" ".join(slip.split()) for slip in slips]
    (text,) = [slip for slip in texts if slip.startswith(f"**{title}**")]
    for phrase in phrases:
        assert phrase in text, f"this slip should say “{phrase}”: {text}"


@pytest.fixture(scope="module")
def lesson():
    x = phantoms.three_peaks(64)
    H = forward.GaussianBlur((64,), sigma=3)
    return H, x, noise.gaussian(H @ x, level=0.10, seed=42)


def test_slips_about_kappa_and_rank(lesson):
    H, x, _ = lesson
    matrix = H.to_matrix()
    kappa = np.linalg.cond(matrix)
    says("More measurements do not make a better κ", f"{kappa:,.0f}")
    assert np.linalg.cond(np.vstack([matrix, matrix])) == pytest.approx(kappa, rel=1e-6)
    says(
        "Nothing of a Gaussian blur is exactly in the null space",
        "10 digits",
        f"{100 * np.exp(-(np.pi**2) / 2):.1f} %",
    )
    assert np.abs(deblurring.naive(matrix, H @ x) - x).max() < 1e-10
    defect = {
        border: max(
            np.ptp(np.diag(forward.GaussianBlur((64,), 3, border).to_matrix(), k))
            for k in range(-12, 13)
        )
        for border in ("constant", "wrap", "reflect")
    }
    assert defect["constant"] == defect["wrap"] == 0
    says("Toeplitz only with a zero border", f"{defect['reflect']:.3f}")
    projection = forward.ParallelBeam((16, 16), [0.0]).to_matrix()
    s = np.linalg.svd(projection, compute_uv=False)
    assert projection.shape[1] == 256
    says(
        "Rank deficiency breaks uniqueness, not stability",
        f"passes {np.sum(s > 1e-6)} of 256 patterns",
    )
    np.testing.assert_allclose(s[s > 1e-6], 4)


def test_slips_about_columns_and_the_probe(lesson):
    H, x, y = lesson

    def dip(distance):
        at = np.arange(-40, 40.01, 0.05)
        both = sum(np.exp(-0.5 * ((at - side * distance / 2) / 3) ** 2) for side in (-1, 1))
        return 1 - both[at.size // 2] / both.max()

    assert dip(6) < 1e-3
    says("Two columns 2σ apart just merge", f"the dip is {100 * dip(8):.0f} %")
    readable = int(np.sum(H.svd()[1] > noise.gaussian_sigma(H @ x, 0.10)))
    patterns = H.svd()[2] @ x
    share = np.sum(patterns[readable:] ** 2) / np.sum(patterns**2)
    says("The probe limits the image, not the object", f"{100 * share:.0f} % (all squared)")
    weights = np.geomspace(1e-4, 1, 25)[18:]  # the smaller ones are worse, and slow
    found = [deblurring.sparse(H, y, lam, nonnegative=True) for lam in weights]
    best = H.svd()[2] @ min(found, key=lambda z: metrics.rmse(z, x))
    made_up = np.sum(best[readable:] ** 2) / np.sum(best**2)
    says(
        "A power spectrum cannot tell data from prior",
        f"{100 * made_up:.0f} % of its squared",
        f"the truth has {100 * share:.0f} %",
    )


def test_slips_about_errors_that_grow_with_the_noise(lesson):
    H, x, y = lesson
    naive, share = {}, {}
    for percent in (1, 10):
        data = noise.gaussian(H @ x, level=percent / 100, seed=42)
        naive[percent] = metrics.rmse(deblurring.naive(H, data), x)
        clean = deblurring.tikhonov(H, H @ x, 0.003)
        share[percent] = metrics.rmse(deblurring.tikhonov(H, data, 0.003), clean)
    says(
        "The naive error grows in proportion to the noise",
        f"RMSE {naive[10]:.0f} at 10 % and {naive[1]:.0f} at 1 %",
    )
    says(
        "The naive error grows in proportion to the noise",
        f"from {share[1]:.3f} to {share[10]:.3f}",
    )
    s = np.geomspace(1e-4, 10, 2001)
    assert (s / (s**2 + 0.003)).max() == pytest.approx(1 / (2 * np.sqrt(0.003)), rel=1e-4)
    bound = np.linalg.norm(y - H @ x) / H.svd()[1][-1]
    error = np.linalg.norm(deblurring.naive(H, y) - x)
    tamed = min(
        np.linalg.norm(deblurring.tikhonov(H, y, lam) - x) for lam in np.logspace(-4, 0, 60)
    )
    says(
        "‖ε‖/σ_min bounds the naive inverse only",
        f"is {bound:,.0f}",
        f"is {error:,.0f}",
        f"is {tamed:.2f}",
    )


def test_slips_about_priors(lesson):
    H, _, y = lesson
    for method, linear in (("tikhonov", True), ("total_variation", False), ("sparse", False)):
        once, twice = (getattr(deblurring, method)(H, k * y, 0.1) for k in (1, 2))
        far = np.linalg.norm(twice - 2 * once) / np.linalg.norm(2 * once)
        assert (far < 1e-9) if linear else (far > 0.02), f"filter factors of {method}"
    flat = deblurring.tikhonov(H, y, 1e9, penalty="gradient")
    says("A huge λ returns what the prior cannot see", f"{flat.mean():.3f}")
    np.testing.assert_allclose(flat, y.mean(), atol=1e-6)
    np.testing.assert_allclose(deblurring.tikhonov(np.eye(64), y, 0.5), y / 1.5)
    plateau = np.zeros(100)
    plateau[40:60] = 1
    lowered = deblurring.total_variation(forward.Identity((100,)), plateau, 2.0)[50]
    says("TV does penalise a step", f"{100 * (1 - lowered):.0f} % at λ = 2 and w = 20 px")
    amount = np.array([[1.0]])
    law = forward.PowerLaw(["Fe"])
    says(
        "A xᵞ makes twice the material 3.2 times as bright",
        f"{(law(2 * amount) / law(amount)).item():.1f} times",
    )


def test_slip_about_wiener(lesson):
    _, x, _ = lesson
    H = forward.GaussianBlur((64,), 3, "wrap")
    y = noise.gaussian(H @ x, level=0.10, seed=42)
    np.testing.assert_allclose(
        deblurring.wiener(H, y, 0.05), deblurring.tikhonov(H, y, 0.05), atol=1e-10
    )
    frequency = np.abs(np.fft.fftfreq(64))
    by_band = deblurring.wiener(H, y, 0.05 * (1 + (20 * frequency / frequency.max()) ** 2))
    nearest = min(
        np.linalg.norm(by_band - deblurring.tikhonov(H, y, lam))
        for lam in np.geomspace(1e-4, 10, 200)
    )
    says(
        "Wiener is Tikhonov only for one ratio",
        f"{100 * nearest / np.linalg.norm(by_band):.0f} % away",
    )


def test_slips_about_doses_and_rounds():
    x = phantoms.core_shell(64)
    best, worst = {}, {}
    for tilts in (15, 25, 37, 75):
        angles = np.linspace(-75, 75, tilts)
        clean = forward.ParallelBeam(x.shape, angles) @ x
        counts = 2e5 / tilts / clean.sum(axis=1).mean()
        data = np.random.default_rng(1).poisson(clean * counts) / counts
        series = TiltSeries(data[:, :, None], angles)
        rounds = {n: tomography.sirt(series, n_iter=n) for n in (10, 20, 40)}
        errors = {n: metrics.rmse(r.volume[:, :, 0], x) for n, r in rounds.items()}
        best[tilts] = min(errors.values())
        if tilts == 75:
            assert min(errors, key=errors.get) == 20
            late = tomography.sirt(series, n_iter=400).volume[:, :, 0]
            worst[tilts] = metrics.rmse(late, x)
    says(
        "Less dose does not mean fewer tilts",
        f"from {min(best.values()):.3f} to {max(best.values()):.3f}",
    )
    says("SART does not handle noise “gracefully”", f"RMSE {best[75]:.3f}", f"({worst[75]:.3f})")
    assert worst[75] == pytest.approx(3 * best[75], rel=0.1)


def test_slip_about_residuals():
    recorded = tomography.remove_background(datasets.load("nist-needle-small"))
    left = [
        report.report_table(tomography.sirt(series, n_iter=20))["relative_residual"]
        for series in (tomography.align(recorded), recorded)
    ]
    says(
        "A residual far above the noise may be the model's fault",
        f"{100 * left[0]:.0f} % of its data",
        f"{100 * left[1]:.0f} % as recorded",
    )
