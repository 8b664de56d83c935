#!/usr/bin/env python3
"""bench/serve.py DATASET.json [--clients 16] [--seconds 60] [--workers 2] [--repeats 3] [--no-peer]

`desy serve` under load on the loopback, in turn with `desy batch` with as many ranks as it has workers (one decode helper each) and with bench/serve_peer.py (FastAPI, PyAV, PyTorch; less work a
video: no forensic numbers) at the best of a printed grid of processes, threads and allocators (glibc's as it comes, keeping its memory, and
keeping it in one arena). The clips of the data set nearest to 300 KB are posted by so many clients, each the next one when the last is
answered. Printed: requests a second, median and 99th percentile, memory (proportional set size of all processes), errors, and what is left afterwards: uploads, processes, descriptors. Exits with
1 below a bar: an error or something left; less than .9 of batch's videos a second; less than 2x the peer's requests a second; more than a third of its memory; the same
against the peer with glibc's allocator as it comes. Before: the mean of the peer's features
of three clips is compared with that of `desy extract` (cosine at least .99)."""
import argparse
import concurrent.futures
import http.client
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import h5py
import numpy as np

import networks_peers

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = os.environ.get("DESY_PEERS", str(ROOT / "build" / "peers" / "bin" / "python3"))
PROGRAM = os.environ.get("DESY_PROGRAM", str(ROOT / "build" / "release" / "desy"))
WEIGHTS = os.environ.get("DESY_WEIGHTS_DIR", str(ROOT / "weights")) + "/efficientnet-lite0.safetensors"
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
PEER_PORT = 18765
ALLOCATORS = {"as it comes": {}, "keeping memory": networks_peers.ALLOCATOR, "in one arena": {**networks_peers.ALLOCATOR, "MALLOC_ARENA_MAX": "1"}}


def form(path):
    edge = "an-edge-of-the-benchmark"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="video"; filename="{path.name}"\r\nContent-Type: video/mp4\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{edge}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={edge}"}


def load(port, headers, bodies, clients, seconds):
    """(requests a second, sorted latencies, errors)."""
    latencies, errors, lock, until = [], [], threading.Lock(), time.perf_counter() + seconds
    counter = iter(range(10**9))

    def client(_):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.perf_counter() < until:
            with lock:
                body, kind = bodies[next(counter) % len(bodies)]
            started = time.perf_counter()
            try:
                connection.request("POST", "/detect", body, {**kind, **headers})
                response = connection.getresponse()
                answer = response.read()
                good = response.status == 200
            except OSError as error:
                good, answer = False, repr(error)
                connection.close()
            with lock:
                latencies.append(time.perf_counter() - started)
                if not good:
                    errors.append(answer)
        connection.close()

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    return (len(latencies) - len(errors)) / (time.perf_counter() - started), sorted(latencies), errors


def load_peer(peer, bodies, clients, seconds):
    rate, _, errors = load(peer.port, {}, bodies, clients, seconds)
    if errors:
        sys.exit(f"the peer answers with errors: {errors[0]}")
    return rate


def tree(pid):
    children = [int(line.split()[0]) for line in subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE, text=True).stdout.splitlines()]
    return [pid] + [other for child in children for other in tree(child)]


def memory(pid):
    """Megabytes, pages that processes share counted once."""
    total = 0
    for each in tree(pid):
        try:
            total += next(int(line.split()[1]) for line in open(f"/proc/{each}/smaps_rollup") if line.startswith("Pss:"))
        except OSError:
            pass
    return total / 1024


class Ours:
    def __init__(self, workers, spool):
        self.spool = spool
        self.process = subprocess.Popen([PROGRAM, "serve", "--json", "--port", "0", "--workers", str(workers), "--spool", str(spool)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        said = json.loads(self.process.stdout.readline())
        self.port, self.headers = said["port"], {"Authorization": f"Bearer {said['token']}"}

    def state(self):
        return {"uploads": sum(path.name != "in-use" for path in self.spool.glob("desy-serve-*/*")), "processes": len(tree(self.process.pid)), "descriptors": len(os.listdir(f"/proc/{self.process.pid}/fd"))}

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Peer:
    headers, port = {}, PEER_PORT

    def __init__(self, processes, threads, allocator):
        self.process = subprocess.Popen([PEERS, str(ROOT / "bench" / "serve_peer.py"), WEIGHTS, str(PEER_PORT), str(processes), str(threads)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        cwd=ROOT / "bench", start_new_session=True, env={**os.environ, **ALLOCATORS[allocator]})
        until = time.monotonic() + 120
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", PEER_PORT, timeout=5)
                connection.request("GET", "/ready")
                connection.getresponse().read()
                break
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    sys.exit("the peer does not start: run bench/peers.sh")
                time.sleep(.3)
        time.sleep(3)  # its other processes

    def stop(self):
        for pid in reversed(tree(self.process.pid)):
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass
        self.process.wait()


def batch(listing, count, ranks, folder):
    out = folder / f"scores-{time.monotonic_ns()}.jsonl"
    started = time.perf_counter()
    subprocess.run(["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), PROGRAM, "batch", str(listing), "-o", str(out), "--num-workers", "1", "--quiet"], env=ENVIRONMENT, check=True,
                   capture_output=True)
    return count / (time.perf_counter() - started)


def check_peer(clips, folder):
    peer = Peer(1, 1, "as it comes")
    listing = folder / "check.json"
    listing.write_text(json.dumps([{"video_path": str(path), "label": 0} for path in clips]))
    subprocess.run([PROGRAM, "extract", str(listing), "-o", str(folder / "check"), "--quiet"], check=True, capture_output=True)
    worst = 1.
    with h5py.File(folder / "check" / "index.h5") as index:
        for video, path in zip(index["videos"][:], clips):
            ours = index["features/hybrid"][video["row"], :video["n_frames"], :1280].mean(0)
            load(peer.port, {}, [form(path)], 1, .01)
            connection = http.client.HTTPConnection("127.0.0.1", PEER_PORT)
            connection.request("GET", "/embedding")
            theirs = np.array(json.loads(connection.getresponse().read()))
            worst = min(worst, float(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)))
    peer.stop()
    print(f"the peer's features and ours: cosine at least {worst:.4f}")
    if worst < .99:
        sys.exit("the peer computes something else")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=pathlib.Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    root = options.dataset.resolve().parent
    paths = [root / item["video_path"] for item in json.loads(options.dataset.read_text())]
    clips = sorted((path for path in paths if path.suffix == ".mp4"), key=lambda path: abs(path.stat().st_size - 300_000))[:24]
    bodies = [form(path) for path in clips]
    print(f"{len(clips)} clips of {min(p.stat().st_size for p in clips) // 1000} to {max(p.stat().st_size for p in clips) // 1000} KB, {options.clients} clients, {options.seconds:g} s, {options.workers} workers")
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        grid = {}
        if not options.no_peer:
            check_peer(clips[:3], folder)
            for setting in itertools.product((1, 2, 4), (1, 2), ALLOCATORS):
                if setting[:2] == (4, 2):
                    continue
                peer = Peer(*setting)
                load(peer.port, {}, bodies, options.clients, 3)
                grid[setting] = load_peer(peer, bodies, options.clients, 10)
                print(f"peer, {setting[0]} processes of {setting[1]} threads, allocator {setting[2]}: {grid[setting]:.2f} requests/s, {memory(peer.process.pid):.0f} MB", flush=True)
                peer.stop()
        plain = {setting: rate for setting, rate in grid.items() if setting[2] == "as it comes"}
        best = {name: max(some, key=some.get) for name, some in (("at its best", grid), ("as it comes", plain)) if some}
        ours, batches, ours_memory, latencies, errors, peers = [], [], [], [], [], {name: ([], []) for name in best}
        service = Ours(options.workers, folder)
        load(service.port, service.headers, bodies, options.clients, 3)
        before = service.state()
        for repeat in range(options.repeats):
            rate, times, wrong = load(service.port, service.headers, bodies, options.clients, options.seconds)
            ours.append(rate), ours_memory.append(memory(service.process.pid))
            latencies += times
            errors += wrong
            count = max(len(clips), int(rate * options.seconds))  # as much work
            listing = folder / "list.txt"
            copies = folder / f"copies-{repeat}"
            copies.mkdir()
            for i in range(count):
                (copies / f"{i:06}.mp4").symlink_to(clips[i % len(clips)])
            listing.write_text("".join(f"{path}\n" for path in sorted(copies.iterdir())))
            batches.append(batch(listing, count, options.workers, folder))
            for name, (rates, sizes) in peers.items():
                peer = Peer(*best[name])
                load(peer.port, {}, bodies, options.clients, 3)
                rates.append(load_peer(peer, bodies, options.clients, options.seconds))
                sizes.append(memory(peer.process.pid))
                peer.stop()
        time.sleep(1)
        after = service.state()
        print(f"serve: {statistics.median(ours):.2f} requests/s ({', '.join(f'{x:.2f}' for x in ours)}), median {1000 * statistics.median(latencies):.0f} ms, p99 "
              f"{1000 * sorted(latencies)[int(.99 * len(latencies))]:.0f} ms, {max(ours_memory):.0f} MB, {len(errors)} errors of {len(latencies)}; before {before}, after {after}")
        if errors or after != before:
            failed = True
            print("FAILED: an error, or something is left:", errors[:3])
        service.stop()
        if list(folder.glob("desy-serve-*")):
            failed = True
            print("FAILED: the directory of uploads is left")
        ratio = statistics.median(a / b for a, b in zip(ours, batches))
        print(f"batch: {statistics.median(batches):.2f} videos/s ({', '.join(f'{x:.2f}' for x in batches)}); serve / batch {ratio:.3f} (bar .9)")
        failed |= ratio < .9
        for name, (rates, sizes) in peers.items():
            ratio, share = statistics.median(a / b for a, b in zip(ours, rates)), max(ours_memory) / statistics.median(sizes)
            print(f"peer {name} ({best[name][0]} processes of {best[name][1]} threads): {statistics.median(rates):.2f} requests/s ({', '.join(f'{x:.2f}' for x in rates)}), {statistics.median(sizes):.0f} MB; "
                  f"serve / peer {ratio:.2f} (bar 2), memory {share:.2f} (bar .333)")
            failed |= ratio < 2 or share > 1 / 3
    sys.exit(failed)


main()
