#!/bin/sh
# Runs the tests that compare numbers by other kernels than this processor's choice:
# torch's own, those of MKL, by which it multiplies, and those of OpenBLAS, which NumPy
# and SciPy call; and in two threads. Takes the Python to run them by.
#
# The newest kernels of a processor are those of `make test`. Here the oldest compute in
# one thread, and those of AVX2 in two: so each kernel and each number of threads is
# tried once.
#
# Each run sets all three libraries to kernels of one age. Where one fails, set them one by
# one to see which is to blame.
set -eu

PYTHON=$1
FILES=$(grep -rl --include='test_*.py' 'mark\.numeric' tests)

# MKL heeds MKL_ENABLE_INSTRUCTIONS on Intel's processors alone, MKL_CBWR on all.
OLDEST='ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE OPENBLAS_CORETYPE=Prescott'
AVX2='TEST_THREADS=2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell'

numeric() {
    echo "== $1"
    # shellcheck disable=SC2086  # several settings, several files
    env $1 "$PYTHON" -m pytest -q --no-header -m 'numeric and not slow' $2 $FILES
}

numeric "$OLDEST" '-n 2 --dist worksteal'
numeric "$AVX2" '-n 0' # its threads take the cores
