/* Operators that are internal to libtorch: how TorchInductor reaches oneDNN's primitives. */
#ifndef DESY_MODEL_OPERATORS_HPP
#define DESY_MODEL_OPERATORS_HPP

#include <ATen/core/dispatch/Dispatcher.h>
#include <optional>
#include <string_view>

namespace desy {

using scalars = c10::List<std::optional<at::Scalar>>;
using text = std::optional<std::string_view>;
using optional_tensor = const std::optional<at::Tensor> &;

/* The operator, if its schema is the one known here. */
inline std::optional<c10::OperatorHandle> find_operator(const char *name, const char *overload, const char *schema)
{
    std::optional<c10::OperatorHandle> found = c10::Dispatcher::singleton().findSchema({name, overload});
    return found && c10::toString(found->schema()) == schema ? found : std::nullopt;
}

} // namespace desy

#endif
