#include "model/backbone.hpp"

#include "base/cpu.h"
#include "base/hash.h"
#include "model/batch.hpp"
#include "model/crew.hpp"
#include "model/guard.hpp"
#include "model/model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <atomic>
#include <c10/core/InferenceMode.h>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <string>
#include <vector>

namespace {

constexpr int64_t side = desy::batch::side;
constexpr size_t frame = desy::batch::frame;

/* What every kind knows beside its network: width, input normalisation ((x / divisor) - mean) / deviation, and where weights come from. */
struct kind_facts {
    const char *name;
    int dims, pass; /* pass: frames at a time on a CPU */
    double divisor, mean[3], deviation[3];
    const char *advice;
};
const kind_facts facts[] = {
    {"EfficientNet-Lite0", 1600, 4, 1, {127, 127, 127}, {128, 128, 128},
     "run ./quickstart.sh or cmake/fetch_weights.sh to get the weights, or give --weights FILE"},
    {"ResNet-50", 2048, 2, 255, {.485, .456, .406}, {.229, .224, .225},
     "save torchvision's or timm's resnet50 with safetensors.torch.save_file(model.state_dict(), FILE) and give --weights FILE"},
    {"a TorchScript encoder", 0, 0, 255, {.485, .456, .406}, {.229, .224, .225},
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

/* DESY_TEST_OUT_OF_MEMORY (model.h). */
struct pretended_memory {
    int clips = INT_MAX, from = 1, starts = 0;

    pretended_memory()
    {
        const char *text = getenv("DESY_TEST_OUT_OF_MEMORY");
        if (text) sscanf(text, "%d:%d", &clips, &from);
    }
    void start(int n)
    {
        TORCH_CHECK_WITH(OutOfMemoryError, n <= clips || ++starts < from, "a test says that there is none for ", n, " clips");
    }
};

struct desy_backbone {
    const kind_facts *facts;
    std::string path;
    desy::placement where; /* where.batch: frames of one pass through the network */
    bool whole;            /* one pass for all of a batch, as on a device */
    int clips, frames, threads;
    int dims;
    bool side_by_side;     /* passes run on one thread each; else one after the other, on all threads each */
    normalisation normal;
    std::unique_ptr<desy::encoder> encoder;
    std::vector<desy::batch> slots;
    desy::crew threads_of_passes; /* not at::parallel_for: in code compiled without OpenMP that is a plain loop */
    at::Tensor scale, shift; /* (1, 3, 1, 1) on the device: the normalisation again */
    pretended_memory memory;
    char sha256[DESY_SHA256_HEX];

    at::Tensor features_of(const at::Tensor &images)
    {
        at::Tensor features = encoder->features(images);
        if (features.dim() != 2 || features.size(0) != where.batch || features.size(1) != dims)
            throw desy::weights_error(path + ": its output is not of shape [N, " + std::to_string(dims) + "]");
        return features;
    }

    /* On a CPU. rgb (n, 224, 224, 3), n <= where.batch: (where.batch, D) float32. */
    at::Tensor run(const uint8_t *rgb, size_t n)
    {
        at::Tensor input = at::empty({where.batch, 3, side, side}, at::TensorOptions(at::kFloat), at::MemoryFormat::ChannelsLast);
        float *values = input.data_ptr<float>();
        normalise(values, rgb, n * frame / run_length, normal);
        std::fill(values + n * frame, values + (size_t)where.batch * frame, 0.f);
        return features_of(input).to(at::kFloat).contiguous();
    }

    /* The frames of each clip in passes of their own: what a clip's features are does not depend on those beside it. */
    void run_parts(desy::batch &slot)
    {
        struct part {
            size_t first, count; /* rows */
        };
        std::vector<part> parts;
        const size_t width = (size_t)dims, pass = (size_t)where.batch;
        for (size_t place = 0; place < slot.counts().size(); place++)
            for (size_t k = 0, n = (size_t)slot.counts()[place]; k < n; k += pass) parts.push_back({place * (size_t)frames + k, std::min(pass, n - k)});
        std::atomic<size_t> next{0}; /* whoever is free takes it: a core that others use too keeps nobody waiting but for one pass */
        threads_of_passes.run([&] {
            c10::InferenceMode inference;
            at::set_num_threads(side_by_side ? 1 : threads);
            for (size_t i; (i = next.fetch_add(1)) < parts.size();) {
                at::Tensor output = run(slot.pixels() + parts[i].first * frame, parts[i].count);
                memcpy(slot.rows() + parts[i].first * width, output.const_data_ptr<float>(), parts[i].count * width * sizeof(float));
            }
        });
    }

    /* As bytes to the device, which makes numbers of them: a fourth of the traffic. Returns before it has. */
    void run_whole(desy::batch &slot)
    {
        at::Tensor images = slot.send().permute({0, 3, 1, 2}).to(at::kFloat);
        slot.fetch(features_of(images.mul_(scale).add_(shift)));
    }

    void start(desy::batch &slot)
    {
        memory.start(clips);
        if (whole) run_whole(slot);
        else run_parts(slot);
    }

    /* Shows whether memory holds it, and what a TorchScript module gives. */
    void try_out(bool torchscript)
    {
        start(slots[0]);
        slots[0].wait();
        if (!whole && torchscript) run(nullptr, 0);
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

/* Tests, and whoever has no device, try on a CPU what runs on one. */
static bool is_whole(const at::Device &device)
{
    return !device.is_cpu() || getenv("DESY_BACKBONE_OPERATORS");
}

/* On a CPU our networks take a clip's frames in passes of a few, so that what lies between two layers stays in the cache of a core. Others' take a clip. */
static desy::placement place(const desy_backbone_options &options, int clips)
{
    static const at::ScalarType types[] = {at::kFloat, at::kBFloat16, at::kHalf};
    desy::placement where = {at::Device(options.device), types[options.precision], options.frames, false};
    if (is_whole(where.device)) where.batch = clips * options.frames;
    if (is_whole(where.device) || is_torchscript(options.weights)) return where;
    where.batch = std::min(options.frames, facts[options.kind].pass);
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

/* The same bits from run to run, in whole float32: algorithms chosen by shape, not by a race, and none that adds in the order of arrival. */
static void settle_cuda()
{
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowFP16ReductionCuBLAS(false); /* sums in fp32: what a TorchScript module multiplies may go by cuBLAS */
    at::globalContext().setAllowBF16ReductionCuBLAS(false);
}

/* (1, 3, 1, 1) of the first pixel's three. */
static at::Tensor of_channels(const float *values, const at::Device &device)
{
    return at::tensor(at::ArrayRef<float>(values, 3)).view({1, 3, 1, 1}).to(device);
}

static int open_backbone(desy_backbone **out, const desy_backbone_options &options, int clips)
{
    c10::InferenceMode inference;
    int rc = check_precision(options);
    if (rc != DESY_OK) return rc;
    const desy::placement where = place(options, clips);
    const bool torchscript = is_torchscript(options.weights), whole = is_whole(where.device), side_by_side = !whole && !torchscript;
    if (side_by_side) keep_memory();
    at::set_num_threads(side_by_side ? 1 : options.threads); /* weights are laid out for as many threads as a pass runs on */
    if (where.device.is_cuda()) settle_cuda();
    const int passes = clips * ((options.frames + where.batch - 1) / where.batch); /* more threads than that would only be woken */
    const kind_facts &known = facts[options.kind];
    auto backbone = std::unique_ptr<desy_backbone>(new desy_backbone{&known, options.weights, where, whole, clips, options.frames, options.threads,
        known.dims ? known.dims : options.dims, side_by_side, normalisation(known), nullptr, {}, desy::crew(side_by_side ? std::min(options.threads, passes) : 0), {}, {}, {}, ""});
    backbone->scale = of_channels(backbone->normal.scale, where.device);
    backbone->shift = of_channels(backbone->normal.shift, where.device);
    try {
        backbone->encoder = load(options, where);
        for (int i = 0; i < DESY_BACKBONE_SLOTS; i++) backbone->slots.emplace_back(where.device, clips, options.frames, backbone->dims);
        backbone->try_out(torchscript);
    } catch (const desy::weights_error &error) {
        return desy_error(DESY_EENV, "weights of %s: %s; %s", known.name, error.what(), known.advice);
    }
    rc = desy_sha256_file(backbone->sha256, options.weights);
    if (rc != DESY_OK) return rc;
    *out = backbone.release();
    return DESY_OK;
}

/* false: the memory of the device does not hold it. */
static bool holds(desy_backbone **out, const desy_backbone_options &options, int clips, int *rc)
{
    try {
        *rc = open_backbone(out, options, clips);
        return true;
    } catch (const c10::OutOfMemoryError &) {
        if (clips == 1) throw;
        return false;
    }
}

int desy_backbone_open(desy_backbone **backbone, const struct desy_backbone_options *options)
{
    *backbone = nullptr;
    if (options->frames < 1 || options->threads < 1 || options->clips < 0)
        return desy_error(DESY_EUSAGE, "a backbone needs frames, clips and threads of at least 1, not %d, %d and %d", options->frames, options->clips, options->threads);
    if (is_torchscript(options->weights) && !options->allow_code)
        return desy_error(DESY_EUSAGE, "%s: a TorchScript module is executable code; add --allow-code if you trust whoever made it", options->weights);
    return desy::guard(options->weights, [&] {
        int rc;
        for (int clips = std::max(options->clips, 1); !holds(backbone, *options, clips, &rc); clips /= 2)
            desy_torch_empty_cache(options->device); /* of what the attempt left */
        return rc;
    });
}

int desy_backbone_clips(const desy_backbone *backbone)
{
    return backbone->clips;
}

int desy_backbone_put(desy_backbone *backbone, int slot, int place, const uint8_t *rgb, int n)
{
    if (slot < 0 || slot >= DESY_BACKBONE_SLOTS || place < 0 || place >= backbone->clips || n < 1 || n > backbone->frames)
        return desy_error(DESY_EUSAGE, "%d frames at place %d of slot %d for a backbone opened for %d clips of %d", n, place, slot, backbone->clips, backbone->frames);
    return desy::guard(backbone->facts->name, [&] {
        backbone->slots[(size_t)slot].put(place, rgb, n);
        return DESY_OK;
    });
}

int desy_backbone_start(desy_backbone *backbone, int slot)
{
    return desy::guard(backbone->facts->name, [&]() -> int {
        c10::InferenceMode inference;
        try {
            backbone->start(backbone->slots[(size_t)slot]);
        } catch (const c10::OutOfMemoryError &error) {
            return desy_error(DESY_EENV, "%s: the memory of the device, which held a batch of %d clips, does not any more (%s): see what else uses it (nvidia-smi), and run the same command "
                              "again, which keeps what is done; or begin anew with a smaller --batch-clips", backbone->facts->name, backbone->clips, desy::first_line(error.what_without_backtrace()).c_str());
        }
        return DESY_OK;
    });
}

int desy_backbone_finish(desy_backbone *backbone, int slot, const float **features)
{
    desy::batch &batch = backbone->slots[(size_t)slot];
    return desy::guard(backbone->facts->name, [&] {
        batch.clear();
        batch.wait();
        *features = batch.rows();
        return DESY_OK;
    });
}

int desy_backbone_run(desy_backbone *backbone, const uint8_t *rgb, int n, float *features)
{
    const float *made;
    int rc = DESY_OK;
    if (n < 1 || n > backbone->clips * backbone->frames) return desy_error(DESY_EUSAGE, "%d frames for a backbone opened for %d", n, backbone->clips * backbone->frames);
    for (int first = 0; rc == DESY_OK && first < n; first += backbone->frames)
        rc = desy_backbone_put(backbone, 0, first / backbone->frames, rgb + (size_t)first * frame, std::min(n - first, backbone->frames));
    if (rc == DESY_OK) rc = desy_backbone_start(backbone, 0);
    const int finished = desy_backbone_finish(backbone, 0, &made);
    if (rc == DESY_OK) rc = finished;
    if (rc == DESY_OK) memcpy(features, made, (size_t)n * (size_t)backbone->dims * sizeof *features);
    return rc;
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
    return is_torchscript(backbone->path) || (backbone->whole && backbone->where.device.is_cpu()) ? backbone->threads : 1;
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
