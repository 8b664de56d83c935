#!/usr/bin/env bash
# The kernels for ARM's NEON, cross-compiled and run by an emulator: test_kernels.c there, and its digest the same as here.
set -euo pipefail
cd "$DESY_SOURCE_DIR"
compiler=aarch64-linux-gnu-gcc emulator=qemu-aarch64
for program in $compiler $emulator; do
  command -v $program >/dev/null || { echo "SKIP: needs $program (apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() { # LEVEL SOURCE...: what cmake/kernels.cmake says of the levels
  local level=$1 source flags=(-std=gnu11 -D_GNU_SOURCE -I. -Iinclude -Wall -Wextra -Werror -ffp-contract=off -fno-math-errno)
  shift
  case $level in
    scalar) flags+=(-O2 -fno-tree-vectorize -DDESY_LEVEL_SCALAR) ;;
    neon) flags+=(-O3 -DDESY_LEVEL_NEON) ;;
    common) flags+=(-O2) ;;
  esac
  for source; do $compiler "${flags[@]}" -c "$source" -o "$work/$level-$(basename "$source" .c).o"; done
}
compile neon features/simd/*.c &
compile scalar features/scalar/*.c features/simd/table.c
compile common features/{forensic,rescale,resize,dct_energy,cooccurrence,luma,warp,warp_flow,kernels}.c base/error.c tests/unit/test_kernels.c
wait $!
$compiler -static "$work"/*.o -lm -o "$work/test_kernels"
$emulator "$work/test_kernels" | tee "$work/there"
here=$("$DESY_BUILD_DIR/tests/unit_test_kernels" || [[ $? == 77 ]])
echo "$here"
there=$(grep -o 'digest .*' "$work/there")
[[ $here == *"$there"* ]] || { echo "NEON gives other bits than this processor"; exit 1; }
