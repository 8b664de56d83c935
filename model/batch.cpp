#include "model/batch.hpp"

#include <ATen/ATen.h>
#include <algorithm>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <cstring>

namespace desy {

/* Streams and events by c10's own interface to whatever device there is: CUDA's is behind headers of the toolkit. */
static c10::Stream current_stream(const at::Device &device)
{
    return c10::impl::VirtualGuardImpl(device.type()).getStream(device);
}

batch::batch(const at::Device &device, int clips, int frames, int dims) : device(device), frames(frames), there((size_t)clips)
{
    const bool locked = device.is_cuda();
    const int64_t n = (int64_t)clips * frames;
    sent = at::empty({n, side, side, 3}, at::TensorOptions(at::kByte).pinned_memory(locked));
    fetched = at::empty({n, dims}, at::TensorOptions(at::kFloat).pinned_memory(locked));
    images = locked ? at::empty(sent.sizes(), at::TensorOptions(at::kByte).device(device)) : sent;
    if (!locked) return;
    const c10::impl::VirtualGuardImpl guard(device.type());
    guard.synchronizeDevice(device.index()); /* what was freed of this memory, and is still at work on in another stream than the copies' */
    copying = guard.getStreamFromGlobalPool(device);
    arrived.emplace(device.type());
    done.emplace(device.type());
}

void batch::put(int place, const uint8_t *rgb, int n)
{
    memcpy(sent.data_ptr<uint8_t>() + (size_t)place * (size_t)frames * frame, rgb, (size_t)n * frame);
    there[(size_t)place] = n;
}

const at::Tensor &batch::send()
{
    uint8_t *pixels = sent.data_ptr<uint8_t>();
    for (size_t place = 0; place < there.size(); place++) {
        const size_t first = place * (size_t)frames + (size_t)there[place], end = (place + 1) * (size_t)frames;
        memset(pixels + first * frame, 0, (end - first) * frame);
    }
    if (!copying) return images;
    {
        const c10::StreamGuard beside(*copying);
        images.copy_(sent, true);
        arrived->record(*copying);
    }
    arrived->block(current_stream(device));
    return images;
}

void batch::fetch(const at::Tensor &features)
{
    fetched.copy_(features.to(at::kFloat).contiguous(), true);
    if (done) done->record(current_stream(device));
}

void batch::wait()
{
    if (done) done->synchronize();
}

void batch::clear()
{
    std::fill(there.begin(), there.end(), 0);
}

} // namespace desy
