#!/bin/sh
# Runs the tests that compare numbers by other kernels than this processor's choice:
# torch's own, those of MKL, by which it multiplies, and those of OpenBLAS, which NumPy
# and SciPy call; and in two threads. Takes the Python to run them by, and names of the
# kernels, "oldest" or "avx2"; both by default.
#
# The newest kernels of a processor are those of `make test`, in one thread.
#
# Each run sets all three libraries to kernels of one age. Where one fails, set them one by
# one to see which is to blame.
set -eu

PYTHON=$1
shift
FILES=$(grep -rl --include='test_*.py' 'mark\.numeric' tests)

# MKL heeds MKL_ENABLE_INSTRUCTIONS on Intel's processors alone, MKL_CBWR on all.
OLDEST='TEST_THREADS=2 ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE OPENBLAS_CORETYPE=Prescott'
AVX2='ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell'

numeric() {
    echo "== $1"
    # shellcheck disable=SC2086  # several settings, several files
    env $1 "$PYTHON" -m pytest -q --no-header -m 'numeric and not slow' $2 $FILES
}

for kernels in ${*:-oldest avx2}; do
    case $kernels in
    oldest) numeric "$OLDEST" '-n 0' ;; # its threads take the cores
    avx2) numeric "$AVX2" '-n 2 --dist worksteal' ;;
    *) echo "kernels must be oldest or avx2, not $kernels" >&2 && exit 2 ;;
    esac
done
