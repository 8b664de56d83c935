#include "model/weights.hpp"

#include "base/error.h"

#include <ATen/ATen.h>
#include <cstring>

namespace desy {

weights_file::weights_file(const char *path) : path(path)
{
    if (desy_safetensors_open(&file, path) != DESY_OK) throw weights_error(desy_error_message());
}

weights_file::~weights_file()
{
    desy_safetensors_close(&file);
}

static std::string text(at::IntArrayRef shape)
{
    std::string out = "[";
    for (size_t i = 0; i < shape.size(); i++) out += (i ? ", " : "") + std::to_string(shape[i]);
    return out + "]";
}

at::Tensor weights_file::tensor(const std::string &name, at::IntArrayRef shape) const
{
    static const struct {
        const char *name;
        at::ScalarType type;
    } types[] = {{"F32", at::kFloat}, {"F64", at::kDouble}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}};

    const desy_tensor *found = desy_safetensors_find(file, name.c_str());
    if (!found) throw weights_error(path + ": tensor '" + name + "' is missing");
    at::IntArrayRef has(found->shape, (size_t)found->dimensions);
    if (!has.equals(shape)) throw weights_error(path + ": tensor '" + name + "' has shape " + text(has) + ", not " + text(shape));
    for (const auto &type : types) {
        if (strcmp(type.name, found->dtype) != 0) continue;
        /* Copied, not aliased: the file promises no alignment, and is closed soon. */
        at::Tensor raw = at::empty(shape, type.type);
        memcpy(raw.data_ptr(), found->data, found->bytes);
        at::Tensor values = raw.to(at::kDouble);
        if (!values.isfinite().all().item<bool>()) throw weights_error(path + ": tensor '" + name + "' holds NaN or infinity");
        return values;
    }
    throw weights_error(path + ": tensor '" + name + "' is of type " + found->dtype + ", not a floating-point one");
}

} // namespace desy
