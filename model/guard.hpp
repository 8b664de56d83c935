/* What every body of model.h runs in: no exception leaves C++, none goes unsaid. */
#ifndef DESY_MODEL_GUARD_HPP
#define DESY_MODEL_GUARD_HPP

#include "base/error.h"

#include <c10/util/Exception.h>
#include <exception>
#include <new>
#include <string>

namespace desy {

/* libtorch's messages run over many lines (source positions, stacks); the first says what is wrong. */
inline std::string first_line(const char *text)
{
    std::string line(text);
    return line.substr(0, line.find('\n'));
}

/* Runs body() -> int and returns its code. `what` starts the message of whatever was thrown instead. */
template <class Body> int guard(const char *what, Body &&body) noexcept
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return desy_error_memory(what);
    } catch (const c10::OutOfMemoryError &error) {
        return desy_error(DESY_EENV, "%s: the memory of the device is full (%s): see what else uses it, or take a smaller batch", what, first_line(error.what_without_backtrace()).c_str());
    } catch (const c10::Error &error) {
        return desy_error(DESY_EENV, "%s: libtorch: %s", what, first_line(error.what_without_backtrace()).c_str());
    } catch (const std::exception &error) {
        return desy_error(DESY_EENV, "%s: %s", what, first_line(error.what()).c_str());
    } catch (...) {
        return desy_error(DESY_EENV, "%s: an unknown exception", what);
    }
}

} // namespace desy

#endif
