/* Statistics of the 63 AC coefficients of all 8 x 8 blocks. */
#include "features/forensic_blocks.h"

#include <math.h>

#define C1 .4903926402016152f /* cos(k pi / 16) / 2 */
#define C2 .4619397662556434f
#define C3 .4157348061512726f
#define C4 .3535533905932738f
#define C5 .2777851165098011f
#define C6 .1913417161825449f
#define C7 .0975451610080642f

static const float dct[8][8] = {
    {C4, C4, C4, C4, C4, C4, C4, C4},     {C1, C3, C5, C7, -C7, -C5, -C3, -C1}, {C2, C6, -C6, -C2, -C2, -C6, C6, C2}, {C3, -C7, -C1, -C5, C5, C1, C7, -C3},
    {C4, -C4, -C4, C4, C4, -C4, -C4, C4}, {C5, -C1, C7, C3, -C3, -C7, C1, -C5}, {C6, -C2, C2, -C6, -C6, C2, -C2, C6}, {C7, -C5, C3, -C1, C1, -C3, C5, -C7},
};

/* magnitude[8 v + u] = abs(DCT-II of the block). Sums run over n = 0..7, first down the columns, then along the rows. */
static void transform_block(float *restrict magnitude, const uint8_t *restrict luma, ptrdiff_t stride, const float transposed[8][8]) {
    float block[8][8], half[8][8] = {{0}}, whole[8][8] = {{0}};
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) block[y][x] = luma[y * stride + x];
    for (int v = 0; v < 8; v++)
        for (int n = 0; n < 8; n++)
            for (int x = 0; x < 8; x++) half[v][x] += dct[v][n] * block[n][x];
    for (int v = 0; v < 8; v++)
        for (int n = 0; n < 8; n++)
            for (int u = 0; u < 8; u++) whole[v][u] += half[v][n] * transposed[n][u];
    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++) magnitude[8 * v + u] = fabsf(whole[v][u]);
}

struct sums { /* over blocks, of each coefficient */
    double magnitude[64], share[64], log[64], log_square[64];
};

static void add_texture(struct sums *sums, const float *magnitude) {
    float all = 0;
    for (int k = 1; k < 64; k++) all += magnitude[k];
    for (int k = 1; k < 64; k++) sums->share[k] += magnitude[k] / (all + 8);
    for (int k = 1; k < 64; k++) {
        double value = logf(2 * magnitude[k] + 1); /* ln(c + .5) + ln 2: the same deviation, 0 where c is 0 */
        sums->log[k] += value;
        sums->log_square[k] += value * value;
    }
}

void desy_dct_energy(float *energy, float *normalised, float *deviation, const struct desy_region *region) {
    float transposed[8][8], magnitude[64];
    for (int k = 0; k < 8; k++)
        for (int n = 0; n < 8; n++) transposed[n][k] = dct[k][n];
    struct sums sums = {0};
    for (int y = 0; y < region->height; y += 8)
        for (int x = 0; x < region->width; x += 8) {
            transform_block(magnitude, region->luma + y * region->stride + x, region->stride, transposed);
            for (int k = 0; k < 64; k++) sums.magnitude[k] += magnitude[k];
            if (normalised) add_texture(&sums, magnitude);
        }
    double blocks = region->width / 8 * (region->height / 8);
    for (int k = 1; k < 64; k++) {
        energy[k - 1] = (float)log(sums.magnitude[k] / blocks + .05);
        if (!normalised) continue;
        double mean = sums.log[k] / blocks, variance = sums.log_square[k] / blocks - mean * mean;
        normalised[k - 1] = (float)log(sums.share[k] / blocks + 1e-4);
        deviation[k - 1] = (float)sqrt(variance > 0 ? variance : 0);
    }
}
