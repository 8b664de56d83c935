"""Hashed n-grams of a text against scikit-learn's HashingVectorizer."""
import os
import pathlib
import subprocess

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_text"
MOST = 1024
TEXTS = ["A cat surfs on a Wave, in slow motion", "  white \t space  ", "ab", "a", "", "   ", "größe naïve – 一只猫在海浪上冲浪 🏄", "repeat " * 100, "é" * 800, "x" * 2000, "xyz " * 500,
         "a" + "é" * 800, "ab" + "猫" * 500]
rng = np.random.default_rng(7)
TEXTS += ["".join(rng.choice(list("abc DEF,.é"), rng.integers(1, 300))) for _ in range(50)]


def tidy(text):
    text = text.encode()[:MOST].decode(errors="ignore")  # cut within a character: without it
    return " " + " ".join(text.split()) + " " if text.split() else ""


def lower(text):
    return "".join(c.lower() if c.isascii() else c for c in text)


out = subprocess.run([TOOL], input="".join(t + "\n" for t in TEXTS).encode(), capture_output=True, check=True).stdout
ours = np.frombuffer(out, np.float32).reshape(len(TEXTS), 4096)
reference = HashingVectorizer(analyzer="char", ngram_range=(3, 5), n_features=4096, lowercase=False).transform([lower(tidy(t)) for t in TEXTS]).toarray()
for text, a, b in zip(TEXTS, ours, reference):
    assert np.abs(a - b).max() < 1e-7, (text, np.abs(a - b).max())
    assert a.any() == bool(text.split()), text
