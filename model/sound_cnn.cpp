/* The full form of the high head for sound: log-mel spectrogram -> four 3 x 3 convolutions of stride 2 with group normalisation -> mean over the time
 * that is there -> logit. A frame of an item is one sample, at 16 kHz, int16.
 * Spectrogram: what torchaudio calls MelSpectrogram(16000, n_fft=400, hop_length=160, n_mels=64, center=False), and librosa
 * melspectrogram(sr=16000, n_fft=400, hop_length=160, n_mels=64, htk=True, norm=None, center=False): 25 ms Hann windows every 10 ms, power, HTK's mel scale.
 * Normalisation: Wu & He 2018, over what is there alone. Strides in place of pooling: Springenberg et al. 2015. */
#include "model/network.hpp"

#include <ATen/ATen.h>
#include <cmath>

namespace desy {
namespace {

constexpr int64_t window = 400, hop = 160, bins = window / 2 + 1, bands = 64, groups = 8;
constexpr double rate = 16000, epsilon = 1e-5;
constexpr double least = 1e-6; /* added to the power of a band: a hundred decibels below a loud tone, and above what 16 bits resolve */
constexpr int layers = 4;
constexpr int64_t widths[layers + 1] = {1, 32, 64, 128, 128};

std::vector<tensor_plan> tensors(int, int)
{
    std::vector<tensor_plan> plan;
    for (int layer = 0; layer < layers; layer++) {
        const std::string number = std::to_string(layer);
        plan.push_back({"convolution." + number + ".weight", {widths[layer + 1], widths[layer], 3, 3}, 9 * widths[layer]});
        plan.push_back({"norm." + number + ".weight", {widths[layer + 1]}, 0, 1});
        plan.push_back({"norm." + number + ".bias", {widths[layer + 1]}, 0});
    }
    plan_linear(plan, "logit", widths[layers], 1);
    return plan;
}

/* Stevens, Volkmann & Newman's mel as HTK has it: 2595 log10(1 + f / 700). */
double mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

/* (bins, bands): triangles whose corners lie evenly on the mel scale from 0 to half the rate. */
at::Tensor make_filters()
{
    at::Tensor filters = at::zeros({bins, bands}, at::kDouble);
    auto value = filters.accessor<double, 2>();
    double corner[bands + 2];
    for (int64_t b = 0; b < bands + 2; b++) corner[b] = hertz(mel(rate / 2) * (double)b / (bands + 1));
    for (int64_t k = 0; k < bins; k++)
        for (int64_t b = 0; b < bands; b++) {
            const double f = rate * (double)k / window, up = (f - corner[b]) / (corner[b + 1] - corner[b]), down = (corner[b + 2] - f) / (corner[b + 2] - corner[b + 1]);
            value[k][b] = std::max(0., std::min(up, down));
        }
    return filters;
}

/* samples (n, S), float64, in [-1, 1) -> (n, T, bands), about standardised. In float32 a quiet band beside a loud one would be the rounding of the loud one. */
at::Tensor log_mel(const at::Tensor &samples)
{
    static const at::Tensor all_filters = make_filters(), hann = at::hann_window(window, at::kDouble);
    const at::Tensor filters = all_filters.to(samples.device());
    at::Tensor pieces = samples.unfold(1, window, hop) * hann.to(samples.device());
    const at::Tensor spectrum = at::fft_rfft(pieces);
    at::Tensor power = at::real(spectrum).square() + at::imag(spectrum).square();
    at::Tensor level = (power.matmul(filters) + least).log();
    return (level + 4) / 4; /* silence, ln(least), is -2.45 */
}

/* y (n, C, T, F), zero where not `there` (n, 1, T, 1). As torch.nn.GroupNorm does of each item cut to its own length. */
at::Tensor norm(const at::Tensor &y, const at::Tensor &there, const at::Tensor &weight, const at::Tensor &bias)
{
    const int64_t n = y.size(0), channels = y.size(1);
    const std::vector<int64_t> grouped = {n, groups, channels / groups, y.size(2), y.size(3)}, each = {n, groups, 1, 1, 1};
    at::Tensor count = there.sum({1, 2, 3}).view({n, 1, 1, 1, 1}) * (double)(channels / groups * y.size(3)), present = there.unsqueeze(1);
    at::Tensor values = y.view(grouped), mean = values.sum({2, 3, 4}).view(each) / count;
    at::Tensor centred = (values - mean) * present;
    at::Tensor variance = centred.square().sum({2, 3, 4}).view(each) / count;
    at::Tensor normed = (centred / (variance + epsilon).sqrt()).view(y.sizes());
    return (normed * weight.view({1, channels, 1, 1}) + bias.view({1, channels, 1, 1})) * there;
}

/* (n, 1, T, 1): 1 for the first lengths (n) ones. */
at::Tensor first_ones(const at::Tensor &lengths, int64_t total)
{
    return (at::arange(total, lengths.options()).unsqueeze(0) < lengths.unsqueeze(1)).to(at::kFloat).view({lengths.size(0), 1, total, 1});
}

at::Tensor logits(const parameter_list &parameters, const at::Tensor &x, const at::Tensor &sampled, const dropout_function &dropout)
{
    const at::Tensor samples = x.flatten(1).to(at::kDouble) / 32768 * sampled; /* a sound shorter than a window is one with silence behind it */
    at::Tensor y = log_mel(at::constant_pad_nd(samples, {0, std::max<int64_t>(0, window - samples.size(1))})).unsqueeze(1);
    at::Tensor lengths = ((sampled.sum(1) - window).clamp_min(0).div(hop, "floor") + 1).to(at::kLong), there = first_ones(lengths, y.size(2));
    y = y * there;
    for (size_t layer = 0; layer < layers; layer++) {
        const at::Tensor &weight = parameters[3 * layer]; /* the gradient of the first one is a sum of thousands of terms that nearly cancel: in float64, too */
        y = at::conv2d(y, layer ? weight : weight.to(at::kDouble), {}, 2, 1).to(at::kFloat);
        lengths = (lengths + 1).div(2, "floor");
        there = first_ones(lengths, y.size(2));
        y = norm(y * there, there, parameters[3 * layer + 1], parameters[3 * layer + 2]).relu();
    }
    y = y.sum({2, 3}) / (lengths * y.size(3)).unsqueeze(1);
    return at::linear(dropout(y, 0), parameters[3 * layers], parameters[3 * layers + 1]).squeeze(1);
}

} // namespace

const architecture sound_cnn = {"sound_cnn", 1, at::kShort, tensors, logits, nullptr};

} // namespace desy
