"""libdesy from Python: detect.py VIDEO... (LIBDESY: the library, where the loader does not find it). One JSON object a video."""
import ctypes
import json
import os
import sys

desy = ctypes.CDLL(os.environ.get("LIBDESY", "libdesy.so.0"))
desy.desy_error_message.restype = ctypes.c_char_p
desy.desy_detector_open.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p]
desy.desy_detect.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
desy.desy_free.argtypes = [ctypes.c_void_p]

def check(code):
    if code != 0:
        raise RuntimeError(desy.desy_error_message().decode())


def detect(detector, path):
    text = ctypes.c_void_p()
    check(desy.desy_detect(detector, os.fsencode(path), ctypes.byref(text)))
    try:
        return json.loads(ctypes.string_at(text))
    finally:
        desy.desy_free(text)


detector = ctypes.c_void_p()
check(desy.desy_detector_open(ctypes.byref(detector), None))
for video in sys.argv[1:]:
    print(json.dumps(detect(detector, video)))
