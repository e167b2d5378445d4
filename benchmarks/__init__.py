"""Speed and quality of the package, side by side with its peers.

    python -m benchmarks                     everything; a quarter of an hour on two quiet cores
    python -m benchmarks --only projector    one part
    python -m benchmarks --quick             tiny sizes: shows that all runs, measures nothing

Run it in the root of the repository. ``pip install "em-inverse[benchmarks]"`` brings the peers; one
that is missing is reported as not installed. How the times are taken is said in `harness`, and each
part is a file of its own: what it compares, on which data, with which bar.
"""
