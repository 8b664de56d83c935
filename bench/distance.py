"""distance.py STORE: how often "unlike the training clips" would be said of clips of sources that were not trained on.

Folds by source, five times in other ways: medians and deviations of four fifths, the root mean square of the standardised numbers (within +-10) of the
last fifth beside the largest of the four. A margin is good if next to nothing lies beyond it."""
import pathlib
import sys

import h5py
import numpy

MARGINS = (1, 1.1, 1.25, 1.5)

features_page = (pathlib.Path(__file__).resolve().parents[1] / "docs/features.md").read_text()
blocks = {name: (int(first), int(count)) for name, first, count in (map(str.strip, line.split("|")[1:4]) for line in features_page.splitlines() if line.count("|") == 7 and "ImageNet" not in line)
          if first.isdigit()}
with h5py.File(pathlib.Path(sys.argv[1]) / "index.h5") as file:
    videos = file["videos"][:]
    videos = videos[(videos["row"] >= 0) & (videos["view"] == 0)]
    features = file["features/hybrid"]
    means = numpy.stack([features[int(video["row"]), :int(video["n_frames"])].mean(0) for video in videos]).astype(float)
names = [source.decode() for source in videos["source"]]
sources, random = sorted(set(names)), numpy.random.default_rng(1)
print(f"{len(videos)} clips of {len(sources)} sources; share of held-out clips beyond so many times the largest distance of a training clip:")
for block in ("encoder", "texture", "e"):
    first, count = blocks[block]
    x, ratios = means[:, first:first + count], []
    for _ in range(5):
        fold_of = dict(zip(sources, random.permutation(len(sources)) % 5))
        folds = numpy.array([fold_of[name] for name in names])
        for fold in range(5):
            z = (x - numpy.median(x[folds != fold], 0)) / (x[folds != fold].std(0) + 1e-6)
            distances = numpy.sqrt((numpy.clip(z, -10, 10) ** 2).mean(1))
            ratios += list(distances[folds == fold] / distances[folds != fold].max())
    print(f"{block:8}", *(f"{margin:g}: {100 * (numpy.array(ratios) > margin).mean():5.2f} %" for margin in MARGINS), f"  farthest {max(ratios):.2f}")
