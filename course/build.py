"""Build the course notebooks from their sources.

``course/source/NAME.py`` (percent format) is the only edited form of a notebook. This script writes

- ``notebooks/NAME.ipynb``: what a student opens. Lines between ``### BEGIN SOLUTION`` and
  ``### END SOLUTION`` become a stub, cells tagged ``solution`` are left out;
- ``course/solutions/NAME.ipynb``: the same with everything in it;
- ``notebooks/contents.md``: the page of contents.

Both notebooks are executed, and their small outputs stored in a form that does not change from one
run to the next: fixed cell ids, sorted keys, no times, no widget state, no software versions.

    python course/build.py                      build everything
    python course/build.py week11 week12        build what starts with these names
    python course/build.py --check              inputs as in the sources? (seconds, nothing is run)
    python course/build.py --check --execute    and do the outputs come out again?
"""

from __future__ import annotations

import argparse
import ast
import base64
import io
import os
import re
import struct
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jupytext
import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image

from em_inverse.files import replacing
from em_inverse.start import THREAD_CAPS

ROOT = Path(__file__).resolve().parent.parent
LARGEST_BYTES = 400_000
CELL_SECONDS = 300
# A port where nobody listens: whatever tries to fetch something fails at once.
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "localhost:9"
)
STUB = (
    "# Your turn: write the missing lines here, in place of the next one.",
    'raise NotImplementedError("your turn")',
)
MARKER = re.compile(r"^(?P<indent>[ \t]*)### (?P<edge>BEGIN|END) SOLUTION[ \t]*$")
MARKER_LIKE = re.compile(r"#.*\b(BEGIN|END)\s+SOLUTION", re.IGNORECASE)
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

CONTENTS_HEAD = """\
# Inverse problems in electron microscopy

Thirteen weeks, each a notebook of about an hour. Click a title to open it, then run it cell by cell
with Shift + Enter: predict first, run, and compare. The exercises check themselves and give hints.
If this is your only hour, take week 11: it walks the whole chain by itself."""


class BuildError(Exception):
    """A source that cannot become a notebook, or a notebook that must not be kept."""


class Edition(NamedTuple):
    """One of the two notebooks that a source becomes."""

    folder: str
    solved: bool


EDITIONS = (Edition("notebooks", solved=False), Edition("course/solutions", solved=True))


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="course/build.py", description="Build the notebooks.")
    parser.add_argument("names", nargs="*", help="build only sources whose names start like this")
    parser.add_argument("--check", action="store_true", help="compare with what is stored")
    parser.add_argument("--execute", action="store_true", help="with --check: run the cells too")
    args = parser.parse_args(argv)
    if args.execute and not args.check:
        parser.error("--execute belongs to --check; a plain build always executes")
    try:
        sources = find_sources(root, args.names)
        if args.check:
            return _check(root, sources, execute_too=args.execute, everything=not args.names)
        for source in sources:
            _build(root, source)
        _write(root / "notebooks" / "contents.md", contents(root))
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def find_sources(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """Return the source files under `root` whose names start with one of `names` (default: all)."""
    sources = sorted((root / "course" / "source").glob("*.py"))
    for name in names:
        if not any(source.name.startswith(name) for source in sources):
            known = ", ".join(source.stem for source in sources) or "none"
            raise BuildError(f"no source starts with {name!r}; there are: {known}")
    return [s for s in sources if not names or s.name.startswith(tuple(names))]


def make(source: Path, *, solved: bool) -> NotebookNode:
    """Turn a source file into a notebook without outputs."""
    raw = jupytext.read(source, fmt="py:percent")
    cells = []
    for index, cell in enumerate(raw.cells):
        where = f"{source.name}, cell {index} ({_first_line(cell.source)})"
        metadata = {k: v for k, v in cell.metadata.items() if k != "lines_to_next_cell"}
        text = cell.source.strip("\n")
        if cell.cell_type == "code":
            if not text.strip():
                raise BuildError(f"{where}: a code cell is empty")
            student_text = blank(text, where)
        else:
            student_text = text
            if MARKER_LIKE.search(text):
                raise BuildError(f"{where}: solution marks belong in code cells")
        if not solved and "solution" in metadata.get("tags", []):
            continue
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else _text_cell(cell.cell_type)
        identity = f"{re.sub(r'[^a-zA-Z0-9_-]', '-', source.stem)[:58]}-{index:02d}"
        cells.append(new(text if solved else student_text, id=identity, metadata=metadata))
    if not cells:
        raise BuildError(f"{source.name}: no cells; start each with a line '# %%'")
    notebook = nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    )
    notebook.nbformat_minor = 5
    return notebook


def blank(code: str, where: str = "cell") -> str:
    """Replace each solution block of a code cell by a stub.

    Inside a function or method the stub is a comment and a ``raise NotImplementedError``, so that
    a blank notebook still runs from top to bottom; outside of one it is the comment alone.
    """
    lines = code.split("\n")
    blocks = list(_solution_blocks(lines, where))
    if not blocks:
        return code
    functions = _functions(code, where)
    for begin, end in reversed(blocks):
        indent = MARKER.match(lines[begin])["indent"]  # type: ignore[index]
        number = begin + 1
        inside = any(f.lineno < number < (f.end_lineno or 0) for f in functions)
        stub = STUB if inside else ("# Your turn: write the missing lines here.",)
        lines[begin : end + 1] = [indent + line for line in stub]
    result = "\n".join(lines)
    try:
        ast.parse(result)
    except SyntaxError as error:
        raise BuildError(
            f"{where}: without its solution the cell is no longer Python ({error.msg}). "
            f"Let the solution block hold whole statements inside a function."
        ) from None
    return result


def execute(notebook: NotebookNode, folder: Path, name: str) -> NotebookNode:
    """Run a notebook in a fresh kernel that starts in `folder`; return it tidied."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as settings:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=40"],
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            client.execute(env=kernel_environment() | {"IPYTHONDIR": settings})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise BuildError(f"{name}: {_plain(str(error))}") from None
    return tidy(notebook, name)


def kernel_environment() -> dict[str, str]:
    """Return the environment in which notebooks are built and validated: without a network.

    A reader may have none, and no data but those that come with the kit.
    """
    import matplotlib.font_manager  # noqa: F401  (its first import writes a cache, and says so)

    # Fewer threads are kept where somebody asks for them, because several notebooks run at a time.
    return {
        **THREAD_CAPS,
        **{name: value for name, value in os.environ.items() if name != "EM_INVERSE_DATA"},
        **NO_NETWORK,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
    }


def tidy(notebook: NotebookNode, name: str) -> NotebookNode:
    """Bring an executed notebook into its one stored form, and refuse what must not be stored."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    )
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = _joined_streams([_tidy_output(o, count) for o in cell.outputs])
        for output in cell.outputs:
            reason = _unfit(output)
            if reason:
                raise BuildError(f"{name}, cell {cell.id} ({_first_line(cell.source)}): {reason}")
    size = len(dumps(notebook).encode())
    if size > LARGEST_BYTES:
        raise BuildError(
            f"{name}: {size / 1000:.0f} kB, allowed are {LARGEST_BYTES / 1000:.0f}. "
            f"Make figures smaller or fewer."
        )
    return notebook


def dumps(notebook: NotebookNode) -> str:
    """Return the one text form of a notebook: sorted keys, indent 1, a newline at the end."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def contents(root: Path) -> str:
    """Return the page of contents, in Markdown."""
    weeks = tomllib.loads((root / "course" / "weeks.toml").read_text(encoding="utf-8"))["week"]
    found = {source.stem: source for source in find_sources(root)}
    rows = []
    for week in weeks:
        stem = f"week{week['number']:02d}_{week['slug']}"
        if stem in found:
            title, promise = _title_and_promise(found.pop(stem))
            rows.append(f"| {week['number']} | [{title}]({stem}.ipynb) | {promise} |")
        else:
            rows.append(f"| {week['number']} | {week['title']} (in preparation) | {week['does']} |")
    extra = []
    for stem, source in found.items():
        title, promise = _title_and_promise(source)
        extra.append(f"- [{title}]({stem}.ipynb): {promise}")
    page = [
        CONTENTS_HEAD,
        "\n".join(["| week | title | what you will do |", "|---:|---|---|", *rows]),
    ]
    if extra:
        page += ["## Beside the weeks", "\n".join(extra)]
    return "\n\n".join(page) + "\n"


def first_difference(stored: NotebookNode, made: NotebookNode) -> str | None:
    """Say where the inputs of two notebooks first differ, or return None."""
    if stored.metadata != made.metadata:
        return "the notebook's metadata differ"
    for index, (old, new) in enumerate(zip(stored.cells, made.cells, strict=False)):
        for field in ("id", "cell_type", "source", "metadata"):
            if old.get(field) != new.get(field):
                return f"cell {index} ({new.id}: {_first_line(new.source)}) has another {field}"
    if len(stored.cells) != len(made.cells):
        return f"it has {len(stored.cells)} cells, its source makes {len(made.cells)}"
    return None


def first_output_difference(stored: NotebookNode, made: NotebookNode) -> str | None:
    """Say where the outputs first differ (text exactly, pictures roughly), or return None."""
    for index, (old, new) in enumerate(zip(stored.cells, made.cells, strict=True)):
        if _texts(old) != _texts(new):
            return (
                f"cell {index} ({new.id}: {_first_line(new.source)}) prints\n{_texts(new)}\n"
                f"where the stored notebook has\n{_texts(old)}"
            )
        old_pictures, new_pictures = _pictures(old), _pictures(new)
        if len(old_pictures) != len(new_pictures) or not all(
            _alike(a, b) for a, b in zip(old_pictures, new_pictures, strict=True)
        ):
            return f"cell {index} ({new.id}: {_first_line(new.source)}) draws another picture"
    return None


def _build(root: Path, source: Path) -> None:
    for edition in EDITIONS:
        name = f"{edition.folder}/{source.stem}.ipynb"
        target = root / name
        notebook = execute(make(source, solved=edition.solved), target.parent, name)
        text = dumps(notebook)
        _write(target, text)
        print(f"{name}: {len(notebook.cells)} cells, {len(text.encode()) / 1000:.0f} kB")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, overwrite=True) as part:
        part.write_bytes(text.encode())


def _check(root: Path, sources: Sequence[Path], *, execute_too: bool, everything: bool) -> int:
    complaints = [
        complaint
        for source in sources
        for edition in EDITIONS
        if (complaint := _complaint(root, source, edition, execute_too=execute_too))
    ]
    if everything:
        stems = {source.stem for source in sources}
        complaints += [
            f"{edition.folder}/{path.name}: it has no source in course/source"
            for edition in EDITIONS
            for path in sorted((root / edition.folder).glob("*.ipynb"))
            if path.stem not in stems
        ]
        page = root / "notebooks" / "contents.md"
        if not page.exists() or page.read_text(encoding="utf-8") != contents(root):
            complaints.append("notebooks/contents.md: not as the sources make it")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        print("Edit course/source, then run: python course/build.py", file=sys.stderr)
    return 1 if complaints else 0


def _complaint(root: Path, source: Path, edition: Edition, *, execute_too: bool) -> str | None:
    name = f"{edition.folder}/{source.stem}.ipynb"
    path = root / name
    made = make(source, solved=edition.solved)
    if not path.exists():
        return f"{name}: not built yet"
    try:
        text = path.read_text(encoding="utf-8")
        stored = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
        difference = first_difference(stored, made)
        if difference is None and dumps(stored) != text:
            difference = "its JSON is not in the form that the builder writes"
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        difference = f"it is not a readable notebook ({_first_line(str(error))})"
    if difference is None and execute_too:
        difference = first_output_difference(stored, execute(made, path.parent, name))
    return f"{name}: {difference}" if difference else None


def _text_cell(kind: str) -> Any:
    return nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_raw_cell


def _solution_blocks(lines: Sequence[str], where: str) -> Iterator[tuple[int, int]]:
    begin = None
    for number, line in enumerate(lines):
        mark = MARKER.match(line)
        if mark is None:
            if MARKER_LIKE.search(line):
                raise BuildError(
                    f"{where}: {line.strip()!r} looks like a solution mark but is not one; "
                    f"write '### BEGIN SOLUTION' or '### END SOLUTION' on a line of its own"
                )
        elif mark["edge"] == "BEGIN":
            if begin is not None:
                raise BuildError(f"{where}: BEGIN SOLUTION inside another solution")
            begin = number
        else:
            if begin is None:
                raise BuildError(f"{where}: END SOLUTION without BEGIN SOLUTION")
            if all(not line.strip() or line.lstrip()[0] == "#" for line in lines[begin:number]):
                raise BuildError(f"{where}: the solution holds no code")
            yield begin, number
            begin = None
    if begin is not None:
        raise BuildError(f"{where}: BEGIN SOLUTION without END SOLUTION")


def _functions(code: str, where: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise BuildError(f"{where}: not Python ({error.msg}, line {error.lineno})") from None
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _tidy_output(output: NotebookNode, count: int) -> NotebookNode:
    if output.output_type == "execute_result":
        output.execution_count = count
    data = output.get("data", {})
    data.pop(WIDGET_VIEW, None)
    if "image/png" in data:
        data["image/png"] = _bare_png(data["image/png"])
    output.get("metadata", {}).pop(WIDGET_VIEW, None)
    return output


def _joined_streams(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _bare_png(encoded: str) -> str:
    """Drop the text and time chunks of a PNG: they name the software and its version."""
    data = base64.b64decode(encoded)
    kept = [data[:8]]
    position = 8
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        end = position + 12 + length
        if data[position + 4 : position + 8] not in (b"tEXt", b"iTXt", b"zTXt", b"tIME"):
            kept.append(data[position:end])
        position = end
    return base64.b64encode(b"".join(kept)).decode("ascii")


def _unfit(output: NotebookNode) -> str | None:
    if output.output_type == "error":
        return f"it ends in {output.ename}: {_plain(output.evalue)}"
    if output.output_type == "stream" and output.name != "stdout":
        return f"it writes to {output.name}: {_plain(output.text)}"
    data = output.get("data", {})
    if output.output_type != "stream" and "text/plain" not in data:
        return f"an output has no text form, only {sorted(data)}"
    text = output.get("text", "") + data.get("text/plain", "")
    if ADDRESS.search(text):
        return f"it shows a memory address ({text.strip()!r}); end the line with a semicolon"
    return None


def _texts(cell: NotebookNode) -> str:
    """Everything in a cell's outputs that is text, in order, alternative texts included."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts += [v for k, v in sorted(output.get("data", {}).items()) if k.startswith("text/")]
        parts += [str(v) for _, v in sorted(output.get("metadata", {}).items())]
    return "\n".join(part for part in parts if part)


def _pictures(cell: NotebookNode) -> list[bytes]:
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [base64.b64decode(d["image/png"]) for d in data if "image/png" in d]


def _alike(old: bytes, new: bytes) -> bool:
    """Fonts and line joins may differ between machines; what the picture shows may not."""
    pictures = [Image.open(io.BytesIO(data)).convert("L") for data in (old, new)]
    widths_heights = np.array([picture.size for picture in pictures], dtype=float)
    if np.any(np.abs(np.diff(widths_heights, axis=0)) > 0.05 * widths_heights[0]):
        return False
    thumbs = [np.asarray(p.resize((48, 48), Image.Resampling.BOX), dtype=float) for p in pictures]
    return bool(np.std(thumbs[0] - thumbs[1]) <= 0.25 * np.std(thumbs[0]) + 1.0)


def _title_and_promise(source: Path) -> tuple[str, str]:
    first = make(source, solved=False).cells[0]
    match = re.match(r"# (?P<title>[^\n]+)\n+(?P<promise>[^#\n][^\n]*(?:\n[^\n]+)*)", first.source)
    if first.cell_type != "markdown" or match is None:
        raise BuildError(
            f"{source.name}: the first cell must be Markdown with '# Title' and below it one "
            f"sentence that says what the reader will do"
        )
    return match["title"].strip(), " ".join(match["promise"].split()).replace("|", r"\|")


def _first_line(text: str) -> str:
    line = text.strip().split("\n")[0]
    return line if len(line) <= 60 else line[:57] + "..."


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


if __name__ == "__main__":
    sys.exit(main())
