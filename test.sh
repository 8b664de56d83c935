#!/usr/bin/env bash
# ./test.sh [--yes] [ctest's options]: sets up what is missing, builds, and runs all tests. --yes: never ask.
# Exit code of ctest; a test that was skipped counts as failed, unless it needs the example clips or a GPU.
set -eu -o pipefail
cd "$(dirname "$0")"
. cmake/setup.sh
setup_yes=0 setup_log=$PWD/test.log
if [[ ${1:-} == --yes ]]; then
  setup_yes=1
  shift
fi
: >"$setup_log"
setup_all tests all

results=$PWD/build/release/ctest.log
status=0
ctest --test-dir build/release -j2 --output-on-failure --output-junit junit.xml "$@" 2>&1 | tee "$results" || status=$?
if ! .venv/bin/python3 cmake/skipped_tests.py build/release/junit.xml; then
  sed -n '/% tests passed/,$p' "$results"
  ((status)) || status=8
fi
exit "$status"
