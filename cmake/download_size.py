#!/usr/bin/env python3
"""download_size.py REQUIREMENT...: what pip would bring for it: "small" (less than a gigabyte), or the size in words."""
import json
import os
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request

report = subprocess.run([sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", *sys.argv[1:]],
                        stdout=subprocess.PIPE, text=True)
if report.returncode:
    sys.exit(report.returncode)
total, unknown = 0, []
tls = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
for item in json.loads(report.stdout)["install"]:
    url = item["download_info"]["url"]
    try:
        if url.startswith("file:"):
            total += os.path.getsize(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
            continue
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=20, context=tls) as answer:
            total += int(answer.headers["Content-Length"])
    except (OSError, TypeError, ValueError):
        unknown.append(item["metadata"]["name"])
if total >= 1e9:
    print(f"{total / 1e9:.1f} GB" + (" and more" if unknown else ""))
elif any(name.startswith(("nvidia", "triton", "cuda")) for name in unknown):
    print("several GB")
else:
    print("small")
