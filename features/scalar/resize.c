#include "features/simd/level.h"

void DESY_KERNEL(resize_down)(struct desy_resize_column *sums, const uint8_t *in, ptrdiff_t stride, int columns, const struct desy_axis *axis, int first, int rows)
{
    for (int r = 0; r < rows; r++) {
        const int16_t *weights = axis->weights + (ptrdiff_t)(first + r) * axis->taps;
        const uint8_t *top = in + axis->first[first + r] * stride;
        for (int x = 0; x < columns; x++) {
            int32_t sum = 0;
            for (int k = 0; k < axis->taps; k++) sum += weights[k] * top[k * stride + x];
            sums[x].high[r] = sum >> DESY_RESIZE_LOW_BITS;
            sums[x].low[r] = sum & ((1 << DESY_RESIZE_LOW_BITS) - 1);
        }
    }
}

void DESY_KERNEL(resize_across)(uint8_t *out, ptrdiff_t stride, const struct desy_resize_column *sums, int channels, int origin, const struct desy_axis *axis, int rows)
{
    for (int r = 0; r < rows; r++, out += stride)
        for (int x = 0; x < axis->count; x++)
            for (int c = 0; c < channels; c++) {
                const struct desy_resize_column *column = sums + (ptrdiff_t)(axis->first[x] - origin) * channels + c;
                const int16_t *weights = axis->weights + (ptrdiff_t)x * axis->taps;
                int64_t sum = 1 << (2 * DESY_WEIGHT_BITS - 1);
                for (int k = 0; k < axis->taps; k++, column += channels) sum += weights[k] * ((int64_t)column->high[r] * (1 << DESY_RESIZE_LOW_BITS) + column->low[r]);
                sum >>= 2 * DESY_WEIGHT_BITS;
                out[x * channels + c] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
            }
}
