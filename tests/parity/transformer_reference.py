"""The full form of the mid level with PyTorch's own layers, and how its tensors are called there."""
import torch

WIDTH = 128


class Reference(torch.nn.Module):
    def __init__(self, frames, inputs):
        super().__init__()
        self.projection = torch.nn.Linear(inputs, WIDTH)
        self.positions = torch.nn.Parameter(torch.zeros(frames, WIDTH))
        self.encoder = torch.nn.ModuleList(torch.nn.TransformerEncoderLayer(WIDTH, 4, 256, 0, "gelu", batch_first=True, norm_first=True) for _ in range(2))
        self.norm = torch.nn.LayerNorm(WIDTH)
        self.pool = torch.nn.Parameter(torch.zeros(WIDTH))
        self.logit = torch.nn.Linear(WIDTH, 1)

    def forward(self, x, absent):
        y = self.projection(x) + self.positions
        for layer in self.encoder:
            y = layer(y, src_key_padding_mask=absent)
        y = self.norm(y)
        share = (y @ self.pool / WIDTH ** 0.5).masked_fill(absent, -torch.inf).softmax(1)
        return self.logit((share[..., None] * y).sum(1))[:, 0]


NAMES = {"attention.in.weight": "self_attn.in_proj_weight", "attention.in.bias": "self_attn.in_proj_bias", "attention.out.": "self_attn.out_proj.",
         "feed.0.": "linear1.", "feed.1.": "linear2."}


def torch_name(name):
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name
