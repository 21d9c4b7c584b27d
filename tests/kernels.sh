#!/bin/sh
# Runs the tests that compare numbers by other kernels than this processor's choice:
# torch's own, those of MKL, by which it multiplies, and those of OpenBLAS, which NumPy
# and SciPy call; and in two threads. Two settings at a time, by the Python that is given.
set -eu

# MKL heeds MKL_ENABLE_INSTRUCTIONS on Intel's processors alone, MKL_CBWR on all.
settings='
ATEN_CPU_CAPABILITY=default
ATEN_CPU_CAPABILITY=avx2
MKL_ENABLE_INSTRUCTIONS=AVX2
MKL_ENABLE_INSTRUCTIONS=SSE4_2
MKL_CBWR=COMPATIBLE
OPENBLAS_CORETYPE=Haswell
OPENBLAS_CORETYPE=Prescott
TEST_THREADS=2
'
# A processor without these instructions would stop at the first.
grep -qs avx512vl /proc/cpuinfo && settings="$settings ATEN_CPU_CAPABILITY=avx512"

PYTHON=$1
FILES=$(grep -rl --include='test_*.py' 'mark\.numeric' tests)
export PYTHON FILES

# shellcheck disable=SC2016,SC2086  # what is quoted is expanded within
printf '%s\n' $settings | xargs -P 2 -I SETTING sh -c '
    if found=$(env SETTING $PYTHON -m pytest -q -m "numeric and not slow" $FILES 2>&1)
    then
        echo "SETTING: $(echo "$found" | tail -n 1)"
    else
        printf "== SETTING\n%s\n" "$found"
        exit 1
    fi
'
