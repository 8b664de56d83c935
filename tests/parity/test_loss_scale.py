"""The loss scale of fp16 after each step, and which steps are left out, against torch.amp.GradScaler."""
import os
import pathlib
import subprocess

import numpy as np
import torch

TOOLS = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests"


def check_rules():
    finite = np.ones(9000, bool)
    finite[[0, 1, 2, 2500, 2501, 7000]] = False
    result = subprocess.run([TOOLS / "tool_loss_scale"], input="".join(map(str, finite.astype(int))), capture_output=True, text=True, check=True).stdout.split()
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer, scaler = torch.optim.SGD([weight], lr=1), torch.amp.GradScaler("cpu", init_scale=65536, growth_interval=2000)
    scaler.scale(torch.zeros(1))  # makes its state
    for i, is_finite in enumerate(finite):
        before = weight.item()
        weight.grad = torch.tensor([scaler.get_scale() if is_finite else np.inf])
        scaler.step(optimizer)
        scaler.update()
        assert float(result[2 * i]) == scaler.get_scale(), i
        assert (result[2 * i + 1] == "1") == is_finite == (weight.item() == before - 1), i
        weight.data.zero_()
    assert len(set(result[::2])) == 4


check_rules()
