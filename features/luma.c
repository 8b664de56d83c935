/* How bright a frame is, and how its brightness is spread. */
#include "features/forensic_blocks.h"

#include <math.h>

void desy_luma_statistics(float *out, const struct desy_region *region)
{
    uint32_t counts[256] = {0};
    const double pixels = (double)region->width * region->height;
    int64_t sum = 0, square = 0, shares[16] = {0};
    for (int y = 0; y < region->height; y++)
        for (int x = 0; x < region->width; x++) counts[region->luma[y * region->stride + x]]++;
    for (int value = 0; value < 256; value++) {
        sum += (int64_t)value * counts[value];
        square += (int64_t)value * value * counts[value];
        shares[value / 16] += counts[value];
    }
    const double mean = (double)sum / pixels;
    out[0] = (float)mean;
    out[1] = (float)sqrt(fmax((double)square / pixels - mean * mean, 0));
    for (int i = 0; i < 16; i++) out[2 + i] = (float)((double)shares[i] / pixels);
}
