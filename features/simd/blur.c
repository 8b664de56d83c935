/* The blur of the rescale. All in 16 bits: lanes as narrow as that are many. */
#include "features/simd/level.h"

#include <string.h>

DESY_INLINE words load(const uint16_t *from)
{
    words values;
    memcpy(&values, from, sizeof values);
    return values;
}

void DESY_KERNEL(blur_down)(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius, int width)
{
    const uint8_t *const *middle = rows + radius;
    for (int x = 0; x < width; x += SHORTS) {
        if (x + SHORTS > width) { /* the last ones once more; of a narrow picture each alone */
            if (width < SHORTS) break;
            x = width - SHORTS;
        }
        words sum = widen_octets(middle[0] + x) * weights[0];
        for (int k = 1; k <= radius; k++) sum += (widen_octets(middle[-k] + x) + widen_octets(middle[k] + x)) * weights[k];
        memcpy(out + x, &sum, sizeof sum);
    }
    if (width >= SHORTS) return;
    for (int x = 0; x < width; x++) {
        int sum = 0;
        for (int k = -radius; k <= radius; k++) sum += middle[k][x] * weights[k < 0 ? -k : k];
        out[x] = (uint16_t)sum;
    }
}

/* The sum has 24 bits. With in = 256 h + l it is 256 H + L, where H and L, sums of weights * h and weights * l, fit 16; and L is, of the low
 * 16 bits of the sum, what 256 H leaves. Then floor((256 H + L + 2^15) / 2^16) = floor((H + 128 + floor(L / 256)) / 256). */
void DESY_KERNEL(blur_across)(uint8_t *out, const uint16_t *in, const uint16_t *weights, int radius, int width)
{
    const uint16_t *middle = in + radius;
    for (int x = 0; x < width; x += SHORTS) {
        if (x + SHORTS > width) {
            if (width < SHORTS) break;
            x = width - SHORTS;
        }
        const words centre = load(middle + x);
        words sum = centre * weights[0], high = (centre >> 8) * weights[0];
        for (int k = 1; k <= radius; k++) {
            const words before = load(middle + x - k), after = load(middle + x + k);
            sum += (before + after) * weights[k];
            high += ((before >> 8) + (after >> 8)) * weights[k];
        }
        const words low = sum - (high << 8), pixels = (high + 128 + (low >> 8)) >> 8;
        const half_octets octets = __builtin_convertvector(pixels, half_octets);
        memcpy(out + x, &octets, sizeof octets);
    }
    if (width >= SHORTS) return;
    for (int x = 0; x < width; x++) {
        uint32_t sum = 1 << 15;
        for (int k = -radius; k <= radius; k++) sum += (uint32_t)middle[x + k] * weights[k < 0 ? -k : k];
        out[x] = (uint8_t)(sum >> 16);
    }
}
