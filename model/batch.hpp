/* One batch on its way through a backbone: its memory on the host, page-locked where there is a device, and on the device, and how it gets from one to
 * the other beside what the device is at work on. On a CPU both are the same memory, and nothing travels. */
#ifndef DESY_MODEL_BATCH_HPP
#define DESY_MODEL_BATCH_HPP

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <optional>
#include <vector>

namespace desy {

class batch {
public:
    static constexpr int64_t side = 224;
    static constexpr size_t frame = (size_t)side * side * 3;

    /* Of `clips` places of `frames` frames. */
    batch(const at::Device &device, int clips, int frames, int dims);

    void put(int place, const uint8_t *rgb, int n);
    /* Whatever is not there becomes black. (clips * frames, 224, 224, 3) uint8 on the device, for work in its current stream, which waits for it. */
    const at::Tensor &send();
    /* features (clips * frames, D) on the device, to rows() once the current stream has made them. */
    void fetch(const at::Tensor &features);
    /* For what was fetched last. */
    void wait();
    void clear();

    const std::vector<int> &counts() const { return there; } /* frames in each place */
    const uint8_t *pixels() const { return sent.const_data_ptr<uint8_t>(); }
    float *rows() { return fetched.data_ptr<float>(); } /* (clips * frames, D), on the host */

private:
    at::Device device;
    int frames;
    std::vector<int> there;
    at::Tensor sent, fetched; /* on the host */
    at::Tensor images;        /* on the device */
    std::optional<c10::Stream> copying;
    std::optional<c10::Event> arrived, done;
};

} // namespace desy

#endif
