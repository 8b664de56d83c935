"""The full form for sound against PyTorch: torch.stft and mel filters by their formula, then a network of torch.nn layers that gets each clip cut to its own
length. Logits, loss, gradient; padding; silence; what is shorter than a window."""
import numpy as np
import torch

from network_tool import close_to_torch, run

RATE, SAMPLES, WINDOW, HOP, BANDS = 16000, 32000, 400, 160, 64
LENGTHS = np.array([SAMPLES, SAMPLES - 77, 20000, 16001, 4000, 561, 559, 400, 399, 150, 1, SAMPLES], np.int32)
N = len(LENGTHS)
rng = np.random.default_rng(5)
time = np.arange(SAMPLES) / RATE
X = np.stack([rng.uniform(1e-3, .5) * rng.standard_normal(SAMPLES) + .4 * np.sin(2 * np.pi * rng.uniform(50, 7900) * time) for _ in range(N)])
X = np.clip(np.round(32768 * X), -32768, 32767)
X[1] = 0  # a sound that is there, and silent
X[-1] = np.round(32767 * .9 * np.sin(2 * np.pi * 440 * time))  # loud in one band, next to nothing in others
X = np.int16(X)[:, :, None]
LABELS = rng.integers(0, 2, N)
WEIGHTS = rng.uniform(.1, 2, N)


def mel_filters():
    """Triangles by linear interpolation, on HTK's scale."""
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2) / 2595) - 1)
    frequencies = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    filters = np.stack([np.interp(frequencies, corners[b:b + 3], [0, 1, 0]) for b in range(BANDS)])
    assert (filters.max(1) > 0).all()  # no band is empty
    return torch.from_numpy(filters)


def log_mel(samples):
    spectrum = torch.stft(samples, WINDOW, HOP, window=torch.hann_window(WINDOW, dtype=torch.float64), center=False, return_complex=True)
    return ((torch.log(mel_filters() @ spectrum.abs() ** 2 + 1e-6) + 4) / 4).T  # (T, bands)


class Reference(torch.nn.Module):
    def __init__(self):
        super().__init__()
        widths = (1, 32, 64, 128, 128)
        self.convolution = torch.nn.ModuleList(torch.nn.Conv2d(i, o, 3, 2, 1, bias=False) for i, o in zip(widths, widths[1:]))
        self.norm = torch.nn.ModuleList(torch.nn.GroupNorm(8, width) for width in widths[1:])
        self.logit = torch.nn.Linear(128, 1)

    def forward(self, samples):
        y = log_mel(samples)[None, None]
        for convolution, norm in zip(self.convolution, self.norm):
            y = norm(convolution(y)).relu()
        return self.logit(y.mean((2, 3)))[0, 0]


def go(x=X, lengths=LENGTHS, dropout=0.0):
    n = len(x)
    return run("sound_cnn", x, LABELS[:n], WEIGHTS[:n], lengths, dropout)


def check_parity():
    ours, net = go(), Reference().double()
    net.load_state_dict({name: torch.from_numpy(np.float64(values)) for name, values in ours["parameters"].items()})  # strict: all of them
    pieces = [torch.from_numpy(np.float64(X[i, :LENGTHS[i], 0]) / 32768) for i in range(N)]
    z = torch.stack([net(torch.nn.functional.pad(piece, (0, max(0, WINDOW - len(piece))))) for piece in pieces])
    close_to_torch(ours, net, z, LABELS, WEIGHTS)
    assert np.ptp(z.detach().numpy()) > .01


def check_bits():
    """What lies beyond a sound has no part; inference does not hang on how many items a call has."""
    ours, other = go(), X.copy()
    for i, length in enumerate(LENGTHS):
        other[i, length:] = rng.integers(-32768, 32768, (SAMPLES - length, 1))
    changed = go(other)
    assert changed["inference"].tobytes() == ours["inference"].tobytes() and changed["loss"] == ours["loss"]
    assert go(X[:5], LENGTHS[:5])["inference"].tobytes() == ours["inference"][:5].tobytes()
    assert np.abs(go(dropout=0.5)["logits"] - ours["logits"]).max() > 1e-3


check_parity()
check_bits()
