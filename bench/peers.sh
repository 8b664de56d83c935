#!/usr/bin/env bash
# bench/peers.sh: makes build/peers, a Python environment with what the benchmarks here compare with, on top of .venv (which has torch).
# The benchmarks use $DESY_PEERS, else build/peers/bin/python3.
set -eu -o pipefail
cd "$(dirname "$0")/.."
folder=build/peers
[ -x .venv/bin/python3 ] || { echo "There is no .venv: run ./quickstart.sh or ./test.sh first." >&2; exit 3; }
[ -x $folder/bin/python3 ] || python3 -m venv $folder
packages=$(.venv/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$packages" >"$($folder/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/desy.pth"
# Without dependencies: torch and numpy are there, and must stay as they are.
$folder/bin/python3 -m pip install --quiet --no-deps torchcodec==0.13.0 decord==0.6.0 av==18.1.0 opencv-python-headless==5.0.0.93 \
  onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 onnx_ir==1.1.0 openvino==2026.4.1 openvino-telemetry ml_dtypes protobuf packaging flatbuffers \
  pandas==3.1.1 pyarrow==26.0.1 python-dateutil six \
  fastapi==0.120.0 uvicorn==0.54.0 python-multipart==0.0.34 starlette==0.48.0 annotated-doc==0.0.7 anyio==4.16.0 click==8.5.1 h11==0.16.0 idna==3.20 pydantic==2.14.4 pydantic-core==2.50.5 typing-inspection==0.4.5 annotated-types==0.8.0
$folder/bin/python3 -c 'import av, cv2, decord, fastapi, onnxruntime, openvino, pandas, pyarrow, torch, torchcodec'
echo "$folder is ready."
