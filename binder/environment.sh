# Sourced by postBuild and by start, so that what the one prepares the other finds.
_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# A shared server: two threads each, whatever the machine has.
export OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 MKL_NUM_THREADS=2 NUMBA_NUM_THREADS=2

# The image is built on one processor and used on another. numba keeps its compiled kernels by the
# name of the processor, so both must give the same one.
export NUMBA_CPU_NAME=generic
export NUMBA_CPU_FEATURES=
export NUMBA_CACHE_DIR="${HOME}/.cache/em-inverse/numba"

# The course's defaults for JupyterLab, as in `em-inverse start`.
export JUPYTER_CONFIG_PATH="${_root}/em_inverse/_jupyter${JUPYTER_CONFIG_PATH:+:${JUPYTER_CONFIG_PATH}}"
unset _root
