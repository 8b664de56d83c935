#include "model/network.hpp"

#include "base/random.h"
#include "model/autocast.hpp"
#include "model/guard.hpp"
#include "model/loss.hpp"
#include "model/model.h"
#include "model/product.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/core/GradMode.h>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

/* To add an architecture, write a file and add it here. */
static const desy::architecture *const architectures[] = {&desy::high_mlp, &desy::high_text, &desy::low_cnn, &desy::mid_transformer, &desy::sound_cnn};

struct desy_network {
    const desy::architecture *architecture;
    at::Device device;
    int frames, inputs, threads;
    std::vector<desy::tensor_plan> plan;
    std::vector<desy_network_tensor> tensors;
    desy::floats memory;
    at::Tensor parameters;             /* [P] float32, on the host, in `memory` */
    at::Tensor on_device, gradient;    /* on the device; on_device is `parameters` if that is the CPU */
    std::vector<at::Tensor> leaves;    /* views of on_device, whose .grad are views of `gradient` */
    desy::quantised_layers quantised;  /* by host parameters; empty: none. Used on a CPU: elsewhere their weights are numbers like others */
    enum desy_precision precision;     /* of gradients; logits are always of float32 */
    struct {
        std::unique_ptr<desy::passes> passes;
        int most;                      /* items */
        bool is_prepared;              /* for the parameters as they are */
    } on_cpu[2];                       /* [1]: in bfloat16. Where the architecture has passes of its own */
};

void desy::plan_linear(std::vector<tensor_plan> &plan, const std::string &prefix, int64_t in, int64_t out)
{
    plan.push_back({prefix + ".weight", {out, in}, in});
    plan.push_back({prefix + ".bias", {out}, in});
}

at::Tensor desy::parameter_list::linear(const at::Tensor &x, size_t i, bool has_bias) const
{
    const auto layer = quantised ? quantised->find(tensors[i].const_data_ptr<float>()) : quantised_layers::const_iterator();
    const at::Tensor bias = has_bias ? tensors[i + 1] : at::Tensor();
    return quantised && layer != quantised->end() ? layer->second(x, bias) : at::linear(x, tensors[i], bias);
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
        leaf.requires_grad_(network.gradient.defined());
        if (network.gradient.defined()) leaf.mutable_grad() = network.gradient.narrow(0, first, count).view(network.plan[i].shape);
        network.leaves.push_back(leaf);
    }
}

/* DESY_NETWORK_OPERATORS: tests try on a CPU what runs on other devices. */
static bool has_passes(const desy_network &network)
{
    return network.device.is_cpu() && network.architecture->on_cpu && !getenv("DESY_NETWORK_OPERATORS");
}

static int open_network(desy_network **out, const desy::architecture *architecture, int frames, int inputs, uint64_t seed, const char *device, int threads)
{
    at::set_num_threads(threads);
    at::Device where(device);
    auto network = std::unique_ptr<desy_network>(new desy_network{architecture, where, frames, inputs, threads, architecture->tensors(frames, inputs), {}, {}, {}, {}, {}, {}, {}, DESY_FP32, {}});
    int64_t count = (int64_t)lay_out(*network);
    network->memory = desy::make_floats((size_t)count);
    network->parameters = at::from_blob(network->memory.get(), {count}, at::kFloat).zero_();
    initialise(*network, seed);
    network->on_device = network->parameters.to(where);
    if (!has_passes(*network)) network->gradient = at::zeros({count}, network->on_device.options());
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

bool desy_bf16_works(const char *device)
{
    return strcmp(device, "cpu") != 0 || desy::bf16_products_work();
}

int desy_network_train_in(desy_network *network, enum desy_precision precision)
{
    const bool on_cpu = network->device.is_cpu();
    if (precision == DESY_FP16 && on_cpu && !getenv("DESY_NETWORK_OPERATORS")) return desy_error(DESY_EUSAGE, "--mixed-precision fp16 is for CUDA devices; on a CPU take bf16 or fp32");
    if (precision == DESY_BF16 && on_cpu && !desy::bf16_products_work())
        return desy_error(DESY_EENV, "--mixed-precision bf16: this processor can't multiply in bfloat16 (on x86 it needs AVX-512), or libtorch is built without; take fp32");
    network->precision = precision;
    return DESY_OK;
}

int desy_network_tensors(const desy_network *network, const struct desy_network_tensor **tensors, size_t *n)
{
    *tensors = network->tensors.data();
    *n = network->tensors.size();
    return DESY_OK;
}

int desy_network_parameters(desy_network *network, float **parameters, size_t *count)
{
    return desy::guard("parameters of a network", [&] {
        *parameters = network->parameters.data_ptr<float>();
        *count = (size_t)network->parameters.numel();
        return DESY_OK;
    });
}

int desy_network_parameters_changed(desy_network *network)
{
    return desy::guard("parameters of a network", [&] {
        for (auto &on_cpu : network->on_cpu) on_cpu.is_prepared = false;
        if (!network->device.is_cpu()) network->on_device.copy_(network->parameters);
        return DESY_OK;
    });
}

/* Is the tensor the weight of a linear layer of several outputs? One of a single output is no larger than what goes with levels, and no slower. */
static bool is_linear(const desy_network &network, size_t tensor)
{
    const desy::tensor_plan &plan = network.plan[tensor];
    const size_t end = plan.name.rfind(".weight");
    return plan.shape.size() == 2 && plan.shape[0] > 1 && end != std::string::npos && end + 7 == plan.name.size();
}

static float *weight_of(desy_network &network, size_t tensor)
{
    return network.parameters.data_ptr<float>() + network.tensors[tensor].offset;
}

/* The weight, and what is made of the parameters, become what the levels stand for. */
static void put_layer(desy_network &network, size_t tensor, desy::quantised_layer layer)
{
    float *weight = weight_of(network, tensor);
    const int64_t out = network.plan[tensor].shape[0], in = network.plan[tensor].shape[1];
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++) weight[o * in + i] = (float)layer.levels[(size_t)(o * in + i)] * layer.scales[(size_t)o];
    network.quantised.insert_or_assign(weight, std::move(layer));
    for (auto &on_cpu : network.on_cpu) on_cpu.most = 0, on_cpu.passes.reset(); /* they know the layers that there were */
    if (!network.device.is_cpu()) network.on_device.copy_(network.parameters);
}

int desy_network_quantise(desy_network *network, int *layers)
{
    return desy::guard("8 bits", [&] {
        *layers = 0;
        for (size_t i = 0; i < network->plan.size(); i++)
            if (is_linear(*network, i)) put_layer(*network, i, desy::quantise(weight_of(*network, i), network->plan[i].shape[0], network->plan[i].shape[1])), ++*layers;
        return DESY_OK;
    });
}

int desy_network_take_levels(desy_network *network, size_t tensor, const int8_t *levels, const float *scales)
{
    return desy::guard("8 bits", [&]() -> int {
        if (tensor >= network->plan.size() || !is_linear(*network, tensor)) return desy_error(DESY_EUSAGE, "levels for what is no linear layer of several outputs");
        const size_t out = (size_t)network->plan[tensor].shape[0], in = (size_t)network->plan[tensor].shape[1];
        put_layer(*network, tensor, desy::quantised_layer({levels, levels + out * in}, {scales, scales + out}));
        return DESY_OK;
    });
}

bool desy_network_levels(const desy_network *network, size_t tensor, const int8_t **levels, const float **scales)
{
    const auto layer = network->quantised.find(network->parameters.const_data_ptr<float>() + network->tensors[tensor].offset);
    if (layer == network->quantised.end()) return false;
    *levels = layer->second.levels.data();
    *scales = layer->second.scales.data();
    return true;
}

/* Numbers for the device, by way of libtorch's memory: aligned on a CPU, since with MKL alignment can decide bits; page-locked for CUDA, so that the transfer runs beside what the host does next. */
static at::Tensor to_device(const desy_network &network, const void *values, at::IntArrayRef shape, at::ScalarType type = at::kFloat)
{
    at::Tensor tensor = at::empty(shape, at::TensorOptions(type).pinned_memory(network.device.is_cuda()));
    memcpy(tensor.data_ptr(), values, tensor.nbytes());
    return tensor.to(network.device, true);
}

/* The passes for n items; NULL: there are none. Prepared. */
static desy::passes *passes_for(desy_network &network, int n, bool bf16)
{
    if (!has_passes(network)) return nullptr;
    auto &on_cpu = network.on_cpu[bf16];
    if (n > on_cpu.most) {
        on_cpu.passes = network.architecture->on_cpu(network.parameters.data_ptr<float>(), network.frames, network.inputs, n, bf16, network.quantised);
        if (!on_cpu.passes) return nullptr;
        on_cpu.most = n;
        on_cpu.is_prepared = false;
    }
    if (!on_cpu.is_prepared) on_cpu.passes->prepare();
    on_cpu.is_prepared = true;
    return on_cpu.passes.get();
}

static desy::parameter_list parameters_of(const desy_network &network)
{
    return {network.leaves, network.device.is_cpu() && !network.quantised.empty() ? &network.quantised : nullptr};
}

/* The one shape of inference. Layers in 8 bits round over all that a call gives: what a clip gets must not hang on others. */
static int forward_rows(const desy_network &network)
{
    return network.quantised.empty() ? network.architecture->forward_rows : 1;
}

/* (n, frames): true for the frames that are there. */
static at::Tensor frames_there(const desy_network &network, const int32_t *lengths, int64_t n)
{
    at::Tensor there = at::ones({n, network.frames}, at::kBool);
    for (int64_t i = 0; lengths && i < n; i++)
        for (int t = lengths[i]; t < network.frames; t++) there.data_ptr<bool>()[i * network.frames + t] = false;
    return there.to(network.device);
}

/* Logits of a training-mode forward, as libtorch's operators give them. */
static at::Tensor training_logits(desy_network &network, const desy_network_batch &batch, const desy::dropout_rule &rule)
{
    const int64_t n = batch.n;
    auto dropout = [&](const at::Tensor &activations, int layer) {
        if (rule.probability <= 0) return activations;
        at::Tensor factors = at::empty({n, activations.size(1)}, at::kFloat);
        desy::dropout_factors(factors.data_ptr<float>(), rule, n, activations.size(1), layer);
        return activations * factors.to(network.device);
    };
    at::Tensor x = to_device(network, batch.x, {n, network.frames, network.inputs}, network.architecture->input);
    const desy::autocast lower(network.device, network.precision); /* backward follows what was done here */
    return network.architecture->logits(parameters_of(network), x, frames_there(network, batch.lengths, n), dropout);
}

/* The weighted sum of the losses, and its derivatives by the logits (n), scaled. */
static double losses(const desy_network_batch &batch, const desy_network_loss &how, const float *logits, float *slopes)
{
    double sum = 0, slope;
    for (int i = 0; i < batch.n; i++) {
        sum += (double)batch.weights[i] * desy::loss_of(how, (double)logits[i], (double)batch.labels[i], &slope);
        slopes[i] = (float)((double)batch.weights[i] * slope * (how.scale > 0 ? how.scale : 1));
    }
    return sum;
}

static int gradient_of(desy_network &network, const desy_network_batch &batch, const desy_network_loss &how, float *gradient, double *loss, float *logits)
{
    const desy::dropout_rule dropout = {how.dropout, how.dropout_seed, batch.ids};
    std::vector<float> z((size_t)batch.n), slopes((size_t)batch.n);
    at::set_num_threads(network.threads);
    if (desy::passes *passes = passes_for(network, batch.n, network.precision == DESY_BF16)) {
        passes->forward(z.data(), static_cast<const float *>(batch.x), batch.lengths, batch.n, dropout);
        *loss = losses(batch, how, z.data(), slopes.data());
        passes->backward(gradient, slopes.data());
    } else {
        network.gradient.zero_();
        at::Tensor outputs = training_logits(network, batch, dropout).to(at::kFloat), values = outputs.detach().to(at::kCPU).contiguous();
        memcpy(z.data(), values.data_ptr<float>(), z.size() * sizeof(float));
        *loss = losses(batch, how, z.data(), slopes.data());
        outputs.backward(to_device(network, slopes.data(), {batch.n}));
        memcpy(gradient, network.gradient.to(at::kCPU).data_ptr<float>(), (size_t)network.gradient.numel() * sizeof *gradient);
    }
    if (logits) std::copy(z.begin(), z.end(), logits);
    return DESY_OK;
}

static int check_lengths(const desy_network &network, const int32_t *lengths, int n)
{
    for (int i = 0; lengths && i < n; i++)
        if (lengths[i] < 1 || lengths[i] > network.frames) return desy_error(DESY_EUSAGE, "an item of %d frames for a network of %d", (int)lengths[i], network.frames);
    return DESY_OK;
}

int desy_network_gradient(desy_network *network, const desy_network_batch *batch, const struct desy_network_loss *how, float *gradient, double *loss, float *logits)
{
    if (batch->n < 1) return desy_error(DESY_EUSAGE, "a gradient of %d items", batch->n);
    if (!network->quantised.empty()) return desy_error(DESY_EUSAGE, "a gradient of layers in 8 bits: train the model that was quantised");
    if (!(how->dropout >= 0 && how->dropout < 1)) return desy_error(DESY_EUSAGE, "dropout %g: give a probability in [0, 1)", how->dropout);
    int rc = check_lengths(*network, batch->lengths, batch->n);
    if (rc != DESY_OK) return rc;
    return desy::guard(network->architecture->name, [&] { return gradient_of(*network, *batch, *how, gradient, loss, logits); });
}

/* n items, padded to the one shape. */
static void forward_some(desy_network &network, at::Tensor &input, const void *x, const int32_t *lengths, size_t n, float *logits)
{
    const size_t rows = (size_t)forward_rows(network), row = input.nbytes() / rows;
    std::vector<int32_t> padded(rows, network.frames);
    char *values = (char *)input.data_ptr();
    memcpy(values, x, n * row);
    memset(values + n * row, 0, (rows - n) * row);
    for (size_t i = 0; lengths && i < n; i++) padded[i] = lengths[i];
    if (desy::passes *passes = passes_for(network, (int)rows, false)) {
        std::vector<float> z(rows);
        passes->forward(z.data(), (const float *)values, padded.data(), (int)rows, {0, 0, nullptr});
        std::copy(z.begin(), z.begin() + (ptrdiff_t)n, logits);
        return;
    }
    at::Tensor z = network.architecture->logits(parameters_of(network), input.to(network.device), frames_there(network, padded.data(), (int64_t)rows),
                                                [](const at::Tensor &activations, int) { return activations; });
    memcpy(logits, z.to(at::kCPU).contiguous().data_ptr<float>(), n * sizeof *logits);
}

int desy_network_forward(desy_network *network, const void *x, const int32_t *lengths, int n, float *logits)
{
    int rc = check_lengths(*network, lengths, n);
    if (rc != DESY_OK) return rc;
    return desy::guard(network->architecture->name, [&] {
        const int rows = forward_rows(*network);
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
