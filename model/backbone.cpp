#include "model/backbone.hpp"

#include "base/hash.h"
#include "model/guard.hpp"
#include "model/model.h"
#include "model/weights.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <cstring>
#include <string>

namespace {

constexpr int side = 224;

/* What every kind knows beside its network: width, input normalisation ((x / divisor) - mean) / deviation, and where weights come from. */
struct kind_facts {
    const char *name;
    int dims;
    double divisor, mean[3], deviation[3];
    const char *advice;
};
const kind_facts facts[] = {
    {"EfficientNet-Lite0", 1280, 1, {127, 127, 127}, {128, 128, 128},
     "run ./quickstart.sh or cmake/fetch_weights.sh to get the weights, or give --weights FILE"},
    {"ResNet-50", 2048, 255, {.485, .456, .406}, {.229, .224, .225},
     "save torchvision's or timm's resnet50 with safetensors.torch.save_file(model.state_dict(), FILE) and give --weights FILE"},
};

} // namespace

struct desy_backbone {
    const kind_facts *facts;
    std::string path;
    at::Device device;
    int batch, threads;
    std::unique_ptr<desy::encoder> encoder;
    at::Tensor input;           /* (batch, 224, 224, 3) uint8, on the host */
    at::Tensor mean, deviation; /* (1, 3, 1, 1) float32, on the device */
    char sha256[DESY_SHA256_HEX];

    at::Tensor run()
    {
        at::Tensor images = input.to(device).permute({0, 3, 1, 2}).to(at::kFloat, false, false, at::MemoryFormat::ChannelsLast);
        if (facts->divisor != 1) images.div_(facts->divisor);
        at::Tensor features = encoder->features(images.sub_(mean).div_(deviation));
        if (features.dim() != 2 || features.size(0) != batch || features.size(1) != facts->dims)
            throw desy::weights_error(path + ": its output is not of shape [N, " + std::to_string(facts->dims) + "]");
        return features.to(at::kCPU, at::kFloat).contiguous();
    }
};

static bool is_torchscript(const std::string &path)
{
    return path.size() >= 3 && path.compare(path.size() - 3, 3, ".pt") == 0;
}

static std::unique_ptr<desy::encoder> load(const desy_backbone_options &options, const at::Device &device)
{
    if (is_torchscript(options.weights)) return desy::torchscript(options.weights, device);
    if (options.kind == DESY_BACKBONE_RESNET50) return desy::resnet50(options.weights, device);
    return desy::efficientnet_lite0(options.weights, device);
}

static int open_backbone(desy_backbone **out, const desy_backbone_options &options)
{
    c10::InferenceMode inference;
    at::set_num_threads(options.threads);
    at::Device device(options.device);
    if (device.is_cuda()) { /* the same bits from run to run, in whole float32 */
        at::globalContext().setBenchmarkCuDNN(false);
        at::globalContext().setDeterministicCuDNN(true);
        at::globalContext().setAllowTF32CuDNN(false);
    }
    const kind_facts &known = facts[options.kind];
    auto channels = [&](const double v[3]) { return at::tensor({v[0], v[1], v[2]}, at::kDouble).to(device, at::kFloat).view({1, 3, 1, 1}); };
    auto backbone = std::unique_ptr<desy_backbone>(new desy_backbone{
        &known, options.weights, device, options.batch, options.threads, nullptr, at::zeros({options.batch, side, side, 3}, at::kByte),
        channels(known.mean), channels(known.deviation), ""});
    try {
        backbone->encoder = load(options, device);
        if (is_torchscript(options.weights)) backbone->run(); /* shows only when run what it gives */
    } catch (const desy::weights_error &error) {
        return desy_error(DESY_EENV, "weights of %s: %s; %s", known.name, error.what(), known.advice);
    }
    int rc = desy_sha256_file(backbone->sha256, options.weights);
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
        at::set_num_threads(backbone->threads);
        size_t frame = (size_t)side * side * 3, rows = (size_t)n;
        uint8_t *input = backbone->input.data_ptr<uint8_t>();
        memcpy(input, rgb, rows * frame);
        memset(input + rows * frame, 0, ((size_t)backbone->batch - rows) * frame);
        at::Tensor output = backbone->run();
        memcpy(features, output.const_data_ptr<float>(), rows * (size_t)backbone->facts->dims * sizeof *features);
        return DESY_OK;
    });
}

int desy_backbone_dims(const desy_backbone *backbone)
{
    return backbone->facts->dims;
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
