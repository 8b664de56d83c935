#!/usr/bin/env python3
"""pictures.py DESY [OUT.svg]: the picture of docs/explain.md, made from generated clips alone.

Trains a small model on clips of `desy synth`, joins other such clips to one camera-like and one generated video of 8 s, and
draws what the program says of them: block energies at height 256 in standard deviations of the training clips, and the timeline."""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import h5py
import numpy

SIDE, WIDTH, LEFT, GAP = 22, 420, 40, 90


def desy(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


def tensor(path, wanted):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    begin, end = json.loads(data[8:8 + size])[wanted]["data_offsets"]
    return numpy.frombuffer(data[8 + size + begin:8 + size + end])


def join(folder, items, label, target):
    """Four clips of one class, of different sources, one after another, encoded once more."""
    paths = [folder / item["video_path"] for item in items if item["label"] == label][:4]
    scaled = "".join(f"[{i}:v]scale=320:240,setsar=1,fps=12[v{i}];" for i in range(len(paths)))
    joined = "".join(f"[v{i}]" for i in range(len(paths))) + f"concat=n={len(paths)}:v=1[v]"
    subprocess.run(["ffmpeg", "-v", "error", "-y", *(word for path in paths for word in ("-i", path)), "-filter_complex", scaled + joined, "-map", "[v]",
                    "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", target], check=True)


def colour(z):
    """Blue below, white at 0, red above; full at 3."""
    strength = min(abs(z) / 3, 1)
    full = (178, 24, 43) if z > 0 else (33, 102, 172)
    return "#" + "".join(f"{round(255 + (part - 255) * strength):02x}" for part in full)


def spectrum(energies, x, y, title):
    parts = [f'<text x="{x}" y="{y - 10}" font-size="13">{title}</text>']
    for i in range(64):
        v, u = divmod(i, 8)
        z = energies[i - 1] if i else 0
        fill = colour(z) if i else "#ddd"
        label = f"vertical {v}, horizontal {u}: {z:+.2f}" if i else "mean brightness: not looked at"
        parts.append(f'<rect x="{x + u * SIDE}" y="{y + v * SIDE}" width="{SIDE}" height="{SIDE}" fill="{fill}" stroke="#fff"><title>{label}</title></rect>')
    parts.append(f'<text x="{x + 4 * SIDE}" y="{y + 8 * SIDE + 16}" text-anchor="middle">horizontal frequency</text>')
    parts.append(f'<text transform="translate({x - 8} {y + 4 * SIDE}) rotate(-90)" text-anchor="middle">vertical frequency</text>')
    return parts


def timeline(result, x, y, title):
    height, end = 8 * SIDE, max(window["end"] for window in result["timeline"])
    across, up = lambda t: x + WIDTH * t / end, lambda score: y + height * (1 - score)
    parts = [f'<text x="{x}" y="{y - 10}" font-size="13">{title}</text>', f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{height}" fill="none" stroke="#444"/>']
    for score in (0, .25, .5, .75, 1):
        parts.append(f'<line x1="{x}" x2="{x + WIDTH}" y1="{up(score):.1f}" y2="{up(score):.1f}" stroke="#ddd"/>'
                     f'<text x="{x - 6}" y="{up(score) + 4:.1f}" text-anchor="end">{score:g}</text>')
    for second in range(int(end) + 1):
        parts.append(f'<text x="{across(second):.1f}" y="{y + height + 16}" text-anchor="middle">{second}</text>')
    parts.append(f'<text x="{x + WIDTH / 2}" y="{y + height + 32}" text-anchor="middle">seconds</text>')
    threshold = result["threshold"]
    parts.append(f'<line x1="{x}" x2="{x + WIDTH}" y1="{up(threshold):.1f}" y2="{up(threshold):.1f}" stroke="#b00" stroke-dasharray="6 4"/>')
    parts.append(f'<text x="{x + WIDTH - 4}" y="{up(threshold) - 5:.1f}" text-anchor="end" fill="#b00">threshold</text>')
    for window in result["timeline"]:
        fill = "#b2182b" if window["score"] >= threshold else "#2166ac"
        parts.append(f'<line x1="{across(window["start"]):.1f}" x2="{across(window["end"]):.1f}" y1="{up(window["score"]):.1f}" y2="{up(window["score"]):.1f}" stroke="{fill}" stroke-width="5"/>')
    return parts


def legend(x, y):
    parts = [f'<rect x="{x + i * 8}" y="{y}" width="8" height="12" fill="{colour(-3 + 6 * i / 21)}"/>' for i in range(22)]
    return parts + [f'<text x="{x}" y="{y + 26}">-3</text><text x="{x + 88}" y="{y + 26}" text-anchor="middle">0</text><text x="{x + 176}" y="{y + 26}" text-anchor="end">+3</text>',
                    f'<text x="{x + 196}" y="{y + 11}">energy of each frequency of 8 x 8 blocks, in standard</text>',
                    f'<text x="{x + 196}" y="{y + 26}">deviations of the training clips from their median</text>']


def main(out):
    folder = pathlib.Path(tempfile.mkdtemp())
    desy("synth", "-o", folder / "train", "--videos", 96, "--seed", 1)
    desy("extract", folder / "train/dataset.json", "-o", folder / "store", "--quiet")
    desy("train", folder / "store", "--save-dir", folder / "models", "--size", "small", "--quiet")
    desy("synth", "-o", folder / "other", "--videos", 16, "--seed", 2)
    items = json.loads((folder / "other/dataset.json").read_text())
    names = {"real": "camera-like", "generated": "generated"}
    for label, name in enumerate(names):
        join(folder / "other", items, label, folder / f"{name}.mp4")
    (folder / "two.json").write_text(json.dumps([{"video_path": f"{name}.mp4"} for name in names]))
    desy("extract", folder / "two.json", "-o", folder / "two", "--quiet")
    blocks = (pathlib.Path(__file__).parent / "features.md").read_text()
    first, count = next(map(int, line.split("|")[2:4]) for line in blocks.splitlines() if line.startswith("| e |"))
    weights = folder / "models/v0001/weights.safetensors"
    median, scale = tensor(weights, "e.median"), tensor(weights, "e.scale")
    parts = []
    with h5py.File(folder / "two/index.h5") as file:
        for row, (name, shown) in enumerate(names.items()):
            result = json.loads(desy("detect", folder / f"{name}.mp4", "--model", folder / "models", "--timeline", "--json"))
            energies = (file["features/hybrid"][row].mean(0)[first:first + count] - median) / scale
            y = 40 + row * (8 * SIDE + 80)
            parts += spectrum(energies, LEFT, y, f"{shown} clip: spectrum")
            parts += timeline(result, LEFT + 8 * SIDE + GAP, y, f'{shown} clip: {100 * result["confidence"]:.0f} % likely AI-generated')
    height = 40 + 2 * (8 * SIDE + 80)
    parts += legend(LEFT, height - 20)
    width = LEFT + 8 * SIDE + GAP + WIDTH + 20
    out.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 16}" font-family="sans-serif" font-size="11" fill="#222">\n'
                   f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    PROGRAM = pathlib.Path(sys.argv[1]).resolve()
    main(pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).with_name("explain.svg"))
