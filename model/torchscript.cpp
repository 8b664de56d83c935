/* Any encoder as a TorchScript module. It is executable code: desy_backbone_open asks for allow_code first. */
#include "model/backbone.hpp"
#include "model/guard.hpp"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/python/update_graph_executor_opt.h>
#include <torch/csrc/jit/serialization/import.h>

namespace desy {
namespace {

struct network final : encoder {
    std::string path;
    torch::jit::Module module;
    at::ScalarType type;

    network(const char *path, torch::jit::Module loaded, at::ScalarType type) : path(path), module(std::move(loaded)), type(type)
    {
        module.eval();
    }

    at::Tensor features(const at::Tensor &images) override
    {
        /* The optimiser rewrites the graph after the first calls, and with it the bits of the later ones. Set per thread. */
        torch::jit::setGraphExecutorOptimize(false);
        c10::IValue output = module.forward({images.to(type)});
        if (!output.isTensor()) throw weights_error(path + ": its output is not a tensor");
        return output.toTensor();
    }
};

} // namespace

std::unique_ptr<encoder> torchscript(const char *path, const placement &where)
{
    try {
        torch::jit::Module module = torch::jit::load(path, where.device);
        module.to(where.type);
        return std::make_unique<network>(path, std::move(module), where.type);
    } catch (const c10::Error &error) {
        throw weights_error(std::string(path) + ": not a TorchScript module: " + first_line(error.what_without_backtrace()));
    }
}

} // namespace desy
