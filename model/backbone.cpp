#include "model/backbone.hpp"

#include "base/cpu.h"
#include "base/hash.h"
#include "model/guard.hpp"
#include "model/model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <atomic>
#include <c10/core/InferenceMode.h>
#include <cstring>
#include <future>
#include <malloc.h>
#include <string>
#include <vector>

namespace {

constexpr int side = 224;
constexpr size_t frame = (size_t)side * side * 3;

/* What every kind knows beside its network: width, input normalisation ((x / divisor) - mean) / deviation, and where weights come from. */
struct kind_facts {
    const char *name;
    int dims;
    double divisor, mean[3], deviation[3];
    const char *advice;
};
const kind_facts facts[] = {
    {"EfficientNet-Lite0", 1600, 1, {127, 127, 127}, {128, 128, 128},
     "run ./quickstart.sh or cmake/fetch_weights.sh to get the weights, or give --weights FILE"},
    {"ResNet-50", 2048, 255, {.485, .456, .406}, {.229, .224, .225},
     "save torchvision's or timm's resnet50 with safetensors.torch.save_file(model.state_dict(), FILE) and give --weights FILE"},
    {"a TorchScript encoder", 0, 255, {.485, .456, .406}, {.229, .224, .225},
     "save it by torch.jit.script(module.eval()).save(FILE.pt); it takes [N, 3, 224, 224] and gives [N, D] for --dims D"},
};

/* The normalisation as x * scale + shift, written out for 16 pixels so that it takes whole vectors. For EfficientNet it is exact,
 * in bfloat16 too: x - 127 has eight bits. */
constexpr size_t run_length = 3 * 16;
static_assert(frame % run_length == 0);
struct normalisation {
    float scale[run_length], shift[run_length];

    explicit normalisation(const kind_facts &facts)
    {
        for (size_t i = 0; i < run_length; i++) {
            scale[i] = (float)(1 / (facts.divisor * facts.deviation[i % 3]));
            shift[i] = (float)(-facts.mean[i % 3] / facts.deviation[i % 3]);
        }
    }
};

DESY_VECTOR_CLONES void normalise(float *out, const uint8_t *rgb, size_t runs, const normalisation &n)
{
    for (size_t run = 0; run < runs; run++, out += run_length, rgb += run_length)
        for (size_t i = 0; i < run_length; i++) out[i] = (float)rgb[i] * n.scale[i] + n.shift[i];
}

} // namespace

struct desy_backbone {
    const kind_facts *facts;
    std::string path;
    desy::placement where; /* where.batch: frames of one pass through the network */
    int batch, threads;    /* of a call */
    int dims;
    bool side_by_side;     /* passes run on one thread each; else one after the other, on all threads each */
    normalisation normal;
    std::unique_ptr<desy::encoder> encoder;
    char sha256[DESY_SHA256_HEX];

    /* rgb (n, 224, 224, 3), n <= where.batch: (where.batch, D) float32, on the host. */
    at::Tensor run(const uint8_t *rgb, size_t n)
    {
        at::Tensor input = at::empty({where.batch, 3, side, side}, at::TensorOptions(at::kFloat), at::MemoryFormat::ChannelsLast);
        float *values = input.data_ptr<float>();
        normalise(values, rgb, n * frame / run_length, normal);
        std::fill(values + n * frame, values + (size_t)where.batch * frame, 0.f);
        at::Tensor features = encoder->features(input.to(where.device));
        if (features.dim() != 2 || features.size(0) != where.batch || features.size(1) != dims)
            throw desy::weights_error(path + ": its output is not of shape [N, " + std::to_string(dims) + "]");
        return features.to(at::kCPU, at::kFloat).contiguous();
    }

    void run_all(const uint8_t *rgb, size_t n, float *features)
    {
        const size_t width = (size_t)dims, pass = (size_t)where.batch, passes = (n + pass - 1) / pass;
        std::atomic<size_t> next{0}; /* whoever is free takes it: a core that others use too keeps nobody waiting but for one pass */
        auto work = [&] {
            c10::InferenceMode inference;
            at::set_num_threads(side_by_side ? 1 : threads);
            for (size_t first; (first = next.fetch_add(1) * pass) < n;) {
                const size_t count = std::min(pass, n - first);
                at::Tensor output = run(rgb + first * frame, count);
                memcpy(features + first * width, output.const_data_ptr<float>(), count * width * sizeof *features);
            }
        };
        std::vector<std::future<void>> others; /* not at::parallel_for: in code compiled without OpenMP that is a plain loop */
        for (size_t k = 1; side_by_side && k < std::min((size_t)threads, passes); k++) others.push_back(std::async(std::launch::async, work));
        work();
        for (std::future<void> &other : others) other.get();
    }
};

static bool is_torchscript(const std::string &path)
{
    return path.size() >= 3 && path.compare(path.size() - 3, 3, ".pt") == 0;
}

/* Layers allocate and free tensors of megabytes by the hundred: glibc would give them back to the system, and get them anew page by page. */
static void keep_memory()
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

/* On a CPU our networks take a call's frames in passes of 2: the largest tensors between two layers, 10 MB, then stay in its cache. */
static desy::placement place(const desy_backbone_options &options)
{
    static const at::ScalarType types[] = {at::kFloat, at::kBFloat16, at::kHalf};
    desy::placement where = {at::Device(options.device), types[options.precision], options.batch, false};
    if (where.device.is_cuda() || is_torchscript(options.weights)) return where;
    where.batch = std::min(options.batch, 2);
    where.fused = desy::fused_operators();
    return where;
}

static std::unique_ptr<desy::encoder> load(const desy_backbone_options &options, const desy::placement &where)
{
    if (is_torchscript(options.weights)) return desy::torchscript(options.weights, where);
    if (options.kind == DESY_BACKBONE_RESNET50) return desy::resnet50(options.weights, where);
    return desy::efficientnet_lite0(options.weights, where);
}

static int check_precision(const desy_backbone_options &options)
{
    if (strncmp(options.device, "cuda", 4) == 0 || options.precision == DESY_FP32) return DESY_OK;
    if (options.precision == DESY_FP16)
        return desy_error(DESY_EUSAGE, "--precision fp16 is for CUDA devices; on a CPU take fp32 or bf16");
    if (!desy::bfloat16_on_cpu())
        return desy_error(DESY_EENV, "--precision bf16: libtorch can't compute in bfloat16 on this processor (it needs AVX-512 on x86); take fp32");
    return DESY_OK;
}

static int open_backbone(desy_backbone **out, const desy_backbone_options &options)
{
    c10::InferenceMode inference;
    int rc = check_precision(options);
    if (rc != DESY_OK) return rc;
    const desy::placement where = place(options);
    const bool side_by_side = where.device.is_cpu() && !is_torchscript(options.weights);
    if (side_by_side) keep_memory();
    at::set_num_threads(side_by_side ? 1 : options.threads); /* weights are laid out for as many threads as a pass runs on */
    if (where.device.is_cuda()) { /* the same bits from run to run, in whole float32 */
        at::globalContext().setBenchmarkCuDNN(false);
        at::globalContext().setDeterministicCuDNN(true);
        at::globalContext().setAllowTF32CuDNN(false);
    }
    const kind_facts &known = facts[options.kind];
    auto backbone = std::unique_ptr<desy_backbone>(new desy_backbone{
        &known, options.weights, where, options.batch, options.threads, known.dims ? known.dims : options.dims, side_by_side, normalisation(known), nullptr, ""});
    try {
        backbone->encoder = load(options, where);
        if (is_torchscript(options.weights)) backbone->run(nullptr, 0); /* shows only when run what it gives */
    } catch (const desy::weights_error &error) {
        return desy_error(DESY_EENV, "weights of %s: %s; %s", known.name, error.what(), known.advice);
    }
    rc = desy_sha256_file(backbone->sha256, options.weights);
    if (rc != DESY_OK) return rc;
    *out = backbone.release();
    return DESY_OK;
}

int desy_backbone_open(desy_backbone **backbone, const struct desy_backbone_options *options)
{
    *backbone = nullptr;
    if (options->batch < 1 || options->threads < 1)
        return desy_error(DESY_EUSAGE, "a backbone needs a batch and threads of at least 1, not %d and %d", options->batch, options->threads);
    if (is_torchscript(options->weights) && !options->allow_code)
        return desy_error(DESY_EUSAGE, "%s: a TorchScript module is executable code; add --allow-code if you trust whoever made it", options->weights);
    return desy::guard(options->weights, [&] { return open_backbone(backbone, *options); });
}

int desy_backbone_run(desy_backbone *backbone, const uint8_t *rgb, int n, float *features)
{
    if (n < 1 || n > backbone->batch) return desy_error(DESY_EUSAGE, "%d frames for a backbone opened for %d", n, backbone->batch);
    return desy::guard(backbone->facts->name, [&] {
        c10::InferenceMode inference;
        backbone->run_all(rgb, (size_t)n, features);
        return DESY_OK;
    });
}

int desy_backbone_dims(const desy_backbone *backbone)
{
    return backbone->dims;
}

int desy_backbone_pass(const desy_backbone *backbone)
{
    return backbone->where.batch;
}

int desy_backbone_deciding_threads(const desy_backbone *backbone)
{
    return is_torchscript(backbone->path) ? backbone->threads : 1;
}

const char *desy_backbone_weights_sha256(const desy_backbone *backbone)
{
    return backbone->sha256;
}

void desy_backbone_close(desy_backbone **backbone)
{
    desy::guard("closing a backbone", [&] {
        delete *backbone;
        return DESY_OK;
    });
    *backbone = nullptr;
}
