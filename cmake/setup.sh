# Set-up of a fresh machine, shared by quickstart.sh and test.sh (sourced, from the root of the tree).
# One line a step; what the steps print goes to $setup_log. Every step looks first whether it is done already.

setup_torch_version=2.13.0
setup_packages_program=(build-essential cmake ninja-build ccache pkg-config ca-certificates python3 python3-venv
  libopenmpi-dev openmpi-bin libhdf5-dev libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev
  libcjson-dev libpopt-dev libssl-dev libseccomp-dev libmicrohttpd-dev libcmocka-dev libonnx-dev libprotobuf-c-dev protobuf-c-compiler)
setup_packages_tests=(ffmpeg curl chromium chromium-driver slurm-wlm munge hostname procps gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
  groff-base systemd)

setup_die() { # MESSAGE...
  printf '%s\n' "$@" >&2
  exit 3
}

setup_step() { # TITLE COMMAND...: the command's output goes to the log; a failure ends the script
  local title=$1 started=$SECONDS
  shift
  printf '%-58s ' "$title"
  printf '\n== %s\n' "$title" >>"$setup_log"
  if "$@" >>"$setup_log" 2>&1 </dev/null; then
    echo "ok ($((SECONDS - started)) s)"
  else
    echo FAILED
    tail -n 25 "$setup_log" >&2
    setup_die "" "This step failed: $title. Above are the last lines of $setup_log."
  fi
}

setup_missing_packages() { # PACKAGE...
  local package
  for package; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

setup_packages() { # PACKAGE...
  local missing root=()
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian: the equivalents of these packages are needed: $*"
    return
  fi
  mapfile -t missing < <(setup_missing_packages "$@")
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "Neither root nor sudo. Have installed: apt-get install ${missing[*]}"; return 1; }
    root=(sudo)
  fi
  "${root[@]}" apt-get update &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

setup_venv() {
  .venv/bin/python3 -m pip --version 2>/dev/null || python3 -m venv --clear .venv || return 1
  # Debian 12's own pip downloads whole wheels to find out what it would install.
  .venv/bin/python3 -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (24, 1))' ||
    .venv/bin/python3 -m pip install --upgrade 'pip>=24.1'
}

setup_has_torch() { .venv/bin/python3 -c 'import torch'; }

# Lets .venv import a torch that is installed elsewhere: the one of Torch_DIR, or of the python3 in use.
setup_adopt_torch() {
  local site root=${Torch_DIR:-} link
  link=$(.venv/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch-elsewhere.pth
  setup_has_torch && return
  root=${root%/share/cmake/Torch*}
  if [[ -n $root ]]; then
    site=$([[ -f $root/__init__.py ]] && dirname "$(realpath "$root")")
  else
    site=$(python3 -c 'import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))')
  fi
  [[ -n $site ]] || return 0
  echo "$site" >"$link"
  setup_has_torch || rm -f "$link"
}

setup_confirm_torch() { # asks when the index would bring more than a gigabyte, unless --yes
  local size
  size=$(.venv/bin/python3 cmake/download_size.py "torch==$setup_torch_version" 2>>"$setup_log") ||
    setup_die "pip finds no torch==$setup_torch_version for this Python; its words are in $setup_log." \
      "Give Torch_DIR=/path/to/libtorch, or a pip configuration that has it."
  [[ $size == small ]] && return
  echo "libtorch from your package index is a CUDA build: $size."
  echo "(A CPU build of a few hundred MB: an index that has one, in PIP_EXTRA_INDEX_URL; or give Torch_DIR=/path/to/libtorch.)"
  ((setup_yes)) && return
  [[ -t 0 ]] || setup_die "Type the command again with --yes to download it."
  read -r -p "Download it? [y/N] " answer
  [[ $answer == [yY]* ]] || setup_die "Nothing was downloaded."
}

setup_torch() { # program|tests: the tests want to import it, the program only links it
  setup_step "torch that is here already" setup_adopt_torch
  if setup_has_torch 2>>"$setup_log" || [[ -n ${Torch_DIR:-} && $1 == program ]]; then
    return
  fi
  setup_confirm_torch
  setup_step "torch $setup_torch_version into .venv" .venv/bin/python3 -m pip install "torch==$setup_torch_version"
}

setup_configure() {
  cmake --preset release -DTorch_DIR="${Torch_DIR:-}" -DDESY_TEST_PYTHON="$PWD/.venv/bin/python3"
}

setup_all() { # program|tests [TARGET...]: everything up to build/release/desy
  local purpose=$1 packages=("${setup_packages_program[@]}")
  shift
  [[ $purpose == tests ]] && packages+=("${setup_packages_tests[@]}")
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
  setup_step "Debian packages" setup_packages "${packages[@]}"
  setup_step "Python environment .venv" setup_venv
  setup_torch "$purpose"
  [[ $purpose == tests ]] && setup_step "what the tests import" .venv/bin/python3 -m pip install -r tests/requirements.txt
  setup_step "weights of the encoder" cmake/fetch_weights.sh
  setup_step "configure" setup_configure
  setup_step "build (build/release)" cmake --build --preset release --target "$@"
}
