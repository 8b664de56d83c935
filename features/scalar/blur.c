#include "features/simd/level.h"

void DESY_KERNEL(blur_down)(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius, int width)
{
    const uint8_t *const *middle = rows + radius;
    for (int x = 0; x < width; x++) {
        int sum = middle[0][x] * weights[0];
        for (int k = 1; k <= radius; k++) sum += (middle[-k][x] + middle[k][x]) * weights[k];
        out[x] = (uint16_t)sum;
    }
}

void DESY_KERNEL(blur_across)(uint8_t *out, const uint16_t *in, const uint16_t *weights, int radius, int width)
{
    const uint16_t *middle = in + radius;
    for (int x = 0; x < width; x++) {
        uint32_t sum = (1 << 15) + (uint32_t)middle[x] * weights[0];
        for (int k = 1; k <= radius; k++) sum += ((uint32_t)middle[x - k] + middle[x + k]) * weights[k];
        out[x] = (uint8_t)(sum >> 16);
    }
}
