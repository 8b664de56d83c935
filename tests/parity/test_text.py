"""The full form that takes a text against PyTorch: logits, loss, gradient, and that it is high_mlp where there is no text."""
import pathlib
import tempfile

import numpy as np
import torch

from network_tool import close, close_to_torch, run

INPUTS, BUCKETS, N = 40, 4096, 23
rng = np.random.default_rng(6)
VIDEO = rng.standard_normal((N, INPUTS))
TEXT = np.where(rng.random((N, BUCKETS)) < .02, rng.choice([-1., 1], (N, BUCKETS)), 0)
TEXT /= np.linalg.norm(TEXT, axis=1, keepdims=True)
TEXT[::3] = 0  # these have none
LABELS = rng.integers(0, 2, N)
WEIGHTS = rng.uniform(.1, 2, N)


class Reference(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = torch.nn.ModuleList(torch.nn.Linear(i, o) for i, o in ((INPUTS, 512), (512, 256), (256, 1)))
        self.text = torch.nn.ModuleDict({"embedding": torch.nn.Linear(BUCKETS, 64, False), "gate": torch.nn.Linear(256 + 64, 64), "logit": torch.nn.Linear(64, 1, False)})

    def forward(self, video, text):
        h = self.mlp[1](self.mlp[0](video).relu()).relu()
        e = torch.tanh(self.text["embedding"](8 * text))
        gate = torch.sigmoid(self.text["gate"](torch.cat([h, e], 1)))
        return (self.mlp[2](h) + self.text["logit"](gate * e))[:, 0]


def go(architecture="high_text", video=VIDEO, text=TEXT, dropout=0.0, parameters=None):
    x = np.concatenate([video, text], 1) if architecture == "high_text" else video
    return run(architecture, x[:, None], LABELS, WEIGHTS, np.ones(N), dropout, parameters)


def check_parity():
    ours, net = go(), Reference().double()
    net.load_state_dict({name: torch.from_numpy(np.float64(values)) for name, values in ours["parameters"].items()})
    x = np.float64(np.float32(np.concatenate([VIDEO, TEXT], 1)))
    z = net(torch.from_numpy(x[:, :INPUTS]), torch.from_numpy(x[:, INPUTS:]))
    close_to_torch(ours, net, z, LABELS, WEIGHTS)


def check_without_text():
    """Then nothing of the text's own parameters shows, to the bit, and the logits are those of high_mlp; in training that holds of items whose text was left out."""
    given = TEXT.any(1)
    flat = lambda parameters: b"".join(values.tobytes() for values in parameters.values())
    ours = go()
    changed = {name: values + np.float32(.1) if name.startswith("text.") else values for name, values in ours["parameters"].items()}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "parameters"
        file.write_bytes(flat(changed))
        others, training = go(parameters=file), go(parameters=file, dropout=.5)
        file.write_bytes(flat({name: values for name, values in ours["parameters"].items() if name.startswith("mlp.")}))
        mlp = go("high_mlp", parameters=file)
    for kind in ("inference", "logits"):
        assert ((others[kind] == ours[kind]) == ~given).all()
        close(ours[kind][~given], mlp[kind][~given], "without a text, against high_mlp")
    left_out = training["logits"] == go(dropout=.5)["logits"]
    print("texts that were left out:", left_out[given].sum(), "of", given.sum())
    assert left_out[~given].all() and 0 < left_out[given].sum() < given.sum()


check_parity()
check_without_text()
