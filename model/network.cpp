#include "model/network.hpp"

#include "base/random.h"
#include "model/guard.hpp"
#include "model/model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/core/GradMode.h>
#include <cmath>
#include <cstring>
#include <memory>

/* To add an architecture, write a file and add it here. */
static const desy::architecture *const architectures[] = {&desy::high_mlp, &desy::high_text, &desy::mid_transformer, &desy::sound_cnn};

struct desy_network {
    const desy::architecture *architecture;
    at::Device device;
    int frames, inputs, threads;
    std::vector<desy::tensor_plan> plan;
    std::vector<desy_network_tensor> tensors;
    at::Tensor parameters, gradient;   /* [P] float32, on the host */
    at::Tensor on_device, gradient_on_device; /* the same tensors if the device is the CPU */
    std::vector<at::Tensor> leaves;    /* views of on_device, whose .grad are views of gradient_on_device */
};

void desy::plan_linear(std::vector<tensor_plan> &plan, const std::string &prefix, int64_t in, int64_t out)
{
    plan.push_back({prefix + ".weight", {out, in}, in});
    plan.push_back({prefix + ".bias", {out}, in});
}

/* Lays the tensors out one after another. */
static size_t lay_out(desy_network &network)
{
    size_t offset = 0;
    for (const desy::tensor_plan &plan : network.plan) {
        desy_network_tensor tensor = {plan.name.c_str(), {0}, (int)plan.shape.size(), offset, 1};
        for (size_t d = 0; d < plan.shape.size(); d++) {
            tensor.shape[d] = plan.shape[d];
            tensor.count *= (size_t)plan.shape[d];
        }
        offset += tensor.count;
        network.tensors.push_back(tensor);
    }
    return offset;
}

/* Kaiming-uniform with a = sqrt(5) (He et al. 2015; what torch.nn.Linear does): U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)). */
static void initialise(desy_network &network, uint64_t seed)
{
    float *values = network.parameters.data_ptr<float>();
    for (size_t i = 0; i < network.plan.size(); i++) {
        const desy::tensor_plan &plan = network.plan[i];
        const double bound = plan.fan_in ? 1 / std::sqrt((double)plan.fan_in) : 0;
        const desy_network_tensor &tensor = network.tensors[i];
        for (size_t k = 0; k < tensor.count; k++)
            values[tensor.offset + k] = plan.fan_in ? (float)(bound * (2 * desy_random_uniform(seed, i, k) - 1)) : plan.constant;
    }
}

/* Autograd adds to a .grad that is there already, in place: so all gradients end up in the one buffer. */
static void make_leaves(desy_network &network)
{
    for (size_t i = 0; i < network.plan.size(); i++) {
        int64_t first = (int64_t)network.tensors[i].offset, count = (int64_t)network.tensors[i].count;
        at::Tensor leaf = network.on_device.narrow(0, first, count).view(network.plan[i].shape).detach();
        leaf.requires_grad_(true);
        leaf.mutable_grad() = network.gradient_on_device.narrow(0, first, count).view(network.plan[i].shape);
        network.leaves.push_back(leaf);
    }
}

static int open_network(desy_network **out, const desy::architecture *architecture, int frames, int inputs, uint64_t seed, const char *device, int threads)
{
    at::set_num_threads(threads);
    at::Device where(device);
    auto network = std::unique_ptr<desy_network>(new desy_network{architecture, where, frames, inputs, threads, architecture->tensors(frames, inputs), {}, {}, {}, {}, {}, {}});
    int64_t count = (int64_t)lay_out(*network);
    network->parameters = at::zeros({count}, at::kFloat);
    network->gradient = at::zeros({count}, at::kFloat);
    initialise(*network, seed);
    network->on_device = network->parameters.to(where);
    network->gradient_on_device = network->gradient.to(where);
    make_leaves(*network);
    *out = network.release();
    return DESY_OK;
}

int desy_network_open(desy_network **network, const char *architecture, int frames, int inputs, uint64_t seed, const char *device, int threads)
{
    *network = nullptr;
    if (frames < 1 || inputs < 1 || threads < 1)
        return desy_error(DESY_EUSAGE, "a network needs frames, inputs and threads of at least 1, not %d, %d and %d", frames, inputs, threads);
    for (const desy::architecture *known : architectures)
        if (strcmp(known->name, architecture) == 0)
            return desy::guard(architecture, [&] { return open_network(network, known, frames, inputs, seed, device, threads); });
    return desy_error(DESY_EUSAGE, "no network architecture '%s'", architecture);
}

int desy_network_tensors(const desy_network *network, const struct desy_network_tensor **tensors, size_t *n)
{
    *tensors = network->tensors.data();
    *n = network->tensors.size();
    return DESY_OK;
}

int desy_network_buffers(desy_network *network, float **parameters, float **gradient, size_t *count)
{
    return desy::guard("parameters of a network", [&] {
        *parameters = network->parameters.data_ptr<float>();
        *gradient = network->gradient.data_ptr<float>();
        *count = (size_t)network->parameters.numel();
        return DESY_OK;
    });
}

int desy_network_parameters_changed(desy_network *network)
{
    return desy::guard("parameters of a network", [&] {
        if (!network->device.is_cpu()) network->on_device.copy_(network->parameters);
        return DESY_OK;
    });
}

/* Inputs are copied into libtorch's aligned memory: with MKL, alignment can decide bits. */
static at::Tensor copied(const void *values, at::IntArrayRef shape, at::ScalarType type = at::kFloat)
{
    at::Tensor tensor = at::empty(shape, type);
    memcpy(tensor.data_ptr(), values, tensor.nbytes());
    return tensor;
}

/* Inverted dropout; element (item, unit) of a layer is kept or not by (seed, id, layer and unit) alone. */
static at::Tensor dropout_mask(const desy_network_loss &how, const uint64_t *ids, int64_t n, int64_t units, int layer)
{
    at::Tensor mask = at::empty({n, units}, at::kFloat);
    float *values = mask.data_ptr<float>(), kept = (float)(1 / (1 - how.dropout));
    for (int64_t i = 0; i < n; i++)
        for (int64_t unit = 0; unit < units; unit++)
            values[i * units + unit] =
                desy_random_uniform(how.dropout_seed, ids[i], ((uint64_t)layer << 32) + (uint64_t)unit) < how.dropout ? 0 : kept;
    return mask;
}

/* Per-item loss. With z_t = z for label 1, -z for label 0: BCE = -log sigmoid(z_t); focal (Lin et al. 2017, eq. 5)
 * = alpha_t (1 - p_t)^gamma BCE, where log(1 - p_t) = log sigmoid(-z_t), so that no power of a rounded 0 is taken.
 * A soft target t goes into the same formulae, p_t = t p + (1 - t) (1 - p) and alpha_t alike: what torchvision's sigmoid_focal_loss does. */
static at::Tensor losses(const at::Tensor &logits, const at::Tensor &labels, const desy_network_loss &how)
{
    const bool soft = how.label_smoothing > 0;
    const at::Tensor target = soft ? labels * (1 - how.label_smoothing) + how.label_smoothing / 2 : labels;
    const at::Tensor z = logits * (2 * labels - 1);
    at::Tensor loss = soft ? -target * at::log_sigmoid(logits) - (1 - target) * at::log_sigmoid(-logits) : -at::log_sigmoid(z);
    if (!how.focal) return loss;
    loss = loss * (soft ? (target * at::sigmoid(-logits) + (1 - target) * at::sigmoid(logits)).pow(how.gamma) : (how.gamma * at::log_sigmoid(-z)).exp());
    return how.alpha < 0 ? loss : loss * (how.alpha * target + (1 - how.alpha) * (1 - target));
}

/* (n, frames): true for the frames that are there. */
static at::Tensor frames_there(const desy_network &network, const int32_t *lengths, int64_t n)
{
    at::Tensor there = at::ones({n, network.frames}, at::kBool);
    for (int64_t i = 0; lengths && i < n; i++)
        for (int t = lengths[i]; t < network.frames; t++) there.data_ptr<bool>()[i * network.frames + t] = false;
    return there.to(network.device);
}

static int gradient_of(desy_network &network, const desy_network_batch &batch, const desy_network_loss &how, double *loss, float *logits)
{
    const int64_t n = batch.n;
    at::set_num_threads(network.threads);
    auto dropout = [&](const at::Tensor &activations, int layer) {
        if (how.dropout <= 0) return activations;
        return activations * dropout_mask(how, batch.ids, n, activations.size(1), layer).to(network.device);
    };
    network.gradient_on_device.zero_();
    at::Tensor x = copied(batch.x, {n, network.frames, network.inputs}, network.architecture->input).to(network.device);
    at::Tensor z = network.architecture->logits(network.leaves, x, frames_there(network, batch.lengths, n), dropout);
    at::Tensor each = losses(z, copied(batch.labels, {n}).to(network.device), how) * copied(batch.weights, {n}).to(network.device);
    each.sum().backward();
    if (!network.device.is_cpu()) network.gradient.copy_(network.gradient_on_device);
    at::Tensor values = each.detach().to(at::kCPU), outputs = z.detach().to(at::kCPU).contiguous();
    *loss = 0;
    for (int64_t i = 0; i < n; i++) *loss += values.data_ptr<float>()[i];
    if (logits) memcpy(logits, outputs.data_ptr<float>(), (size_t)n * sizeof *logits);
    return DESY_OK;
}

static int check_lengths(const desy_network &network, const int32_t *lengths, int n)
{
    for (int i = 0; lengths && i < n; i++)
        if (lengths[i] < 1 || lengths[i] > network.frames) return desy_error(DESY_EUSAGE, "an item of %d frames for a network of %d", (int)lengths[i], network.frames);
    return DESY_OK;
}

int desy_network_gradient(desy_network *network, const desy_network_batch *batch, const struct desy_network_loss *how, double *loss, float *logits)
{
    if (batch->n < 1) return desy_error(DESY_EUSAGE, "a gradient of %d items", batch->n);
    if (!(how->dropout >= 0 && how->dropout < 1)) return desy_error(DESY_EUSAGE, "dropout %g: give a probability in [0, 1)", how->dropout);
    int rc = check_lengths(*network, batch->lengths, batch->n);
    if (rc != DESY_OK) return rc;
    return desy::guard(network->architecture->name, [&] { return gradient_of(*network, *batch, *how, loss, logits); });
}

/* n items, padded to the one shape. */
static void forward_some(desy_network &network, at::Tensor &input, const void *x, const int32_t *lengths, size_t n, float *logits)
{
    const size_t rows = (size_t)network.architecture->forward_rows, row = input.nbytes() / rows;
    std::vector<int32_t> padded(rows, network.frames);
    char *values = (char *)input.data_ptr();
    memcpy(values, x, n * row);
    memset(values + n * row, 0, (rows - n) * row);
    for (size_t i = 0; lengths && i < n; i++) padded[i] = lengths[i];
    at::Tensor z = network.architecture->logits(network.leaves, input.to(network.device), frames_there(network, padded.data(), (int64_t)rows),
                                                [](const at::Tensor &activations, int) { return activations; });
    memcpy(logits, z.to(at::kCPU).contiguous().data_ptr<float>(), n * sizeof *logits);
}

int desy_network_forward(desy_network *network, const void *x, const int32_t *lengths, int n, float *logits)
{
    int rc = check_lengths(*network, lengths, n);
    if (rc != DESY_OK) return rc;
    return desy::guard(network->architecture->name, [&] {
        const int rows = network->architecture->forward_rows;
        at::set_num_threads(network->threads);
        c10::NoGradGuard no_gradient;
        at::Tensor input = at::empty({rows, network->frames, network->inputs}, network->architecture->input);
        for (int first = 0; first < n; first += rows)
            forward_some(*network, input, (const char *)x + (size_t)first * (input.nbytes() / (size_t)rows), lengths ? lengths + first : nullptr,
                         (size_t)std::min(rows, n - first), logits + first);
        return DESY_OK;
    });
}

void desy_network_close(desy_network **network)
{
    desy::guard("closing a network", [&] {
        delete *network;
        return DESY_OK;
    });
    *network = nullptr;
}
