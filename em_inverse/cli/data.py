"""``em-inverse data``: list and fetch real data sets."""

from __future__ import annotations

import argparse
from typing import Any

from em_inverse.cli.shared import add_command, print_json

__all__ = ["add_data"]


def add_data(commands: Any) -> None:
    """Add the command to the parser."""
    data = add_command(
        commands,
        "data",
        "list and fetch real data sets",
        "Real data with checksum, licence and citation. They are kept in the folder that the "
        "environment variable EM_INVERSE_DATA names, or in your user cache.",
        "examples:\n  em-inverse data list\n  em-inverse data fetch nist-needle",
    )
    data.set_defaults(run=lambda arguments: data.print_help())
    actions = data.add_subparsers(title="actions", metavar="ACTION")
    listing = add_command(
        actions,
        "list",
        "show all data sets",
        "Show every data set: its size, whether it is on this machine, its licence.",
        "example:\n  em-inverse data list --json",
    )
    listing.add_argument("--json", action="store_true", help="print JSON, for scripts")
    listing.set_defaults(run=_data_list)
    fetching = add_command(
        actions,
        "fetch",
        "download data sets and check them",
        "Download data sets, compare their checksums, and print where the files lie.",
        "example:\n  em-inverse data fetch nist-needle dysco3-haadf-edx",
    )
    fetching.add_argument(
        "names", nargs="+", metavar="NAME", help="names from em-inverse data list"
    )
    fetching.add_argument(
        "--replace", action="store_true", help="download a file anew whose checksum is wrong"
    )
    fetching.set_defaults(run=_data_fetch)


def _data_list(arguments: argparse.Namespace) -> None:
    from em_inverse import datasets

    rows = [_data_row(datasets.info(name)) for name in datasets.list()]
    if arguments.json:
        print_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {_megabytes(row['size']):>10}  {row['state']}")
        print(f"{'':<{width}}  {row['title']}")
        print(f"{'':<{width}}  Licence: {row['licence']}")
    print(f"\nFetched data are kept in {datasets.cache_folder()}")


def _data_fetch(arguments: argparse.Namespace) -> None:
    from em_inverse import datasets

    for name in arguments.names:
        datasets.info(name)
    for name in arguments.names:
        for path in datasets.fetch(name, replace=arguments.replace, progress=True):
            print(path)


def _data_row(dataset: Any) -> dict[str, Any]:
    from em_inverse import datasets

    folder = datasets.cache_folder()
    bundled = all(file.bundled for file in dataset.files)
    here = bundled or all(
        (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
        for file in dataset.files
    )
    return {
        "name": dataset.name,
        "title": dataset.title,
        "teaches": dataset.teaches,
        "size": dataset.size,
        "state": "with the package" if bundled else ("here" if here else "not fetched"),
        "licence": dataset.licence,
        "source": dataset.source,
        "doi": dataset.doi,
        "citation": dataset.citation,
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
