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

/* The DCT-II of the 8 columns of `in`. Sums and differences of mirrored rows come first: where a picture does not change, its
 * AC coefficients are exactly 0. */
static void transform_columns(float out[restrict 8][8], const float in[restrict 8][8]) {
    for (int x = 0; x < 8; x++) {
        float s0 = in[0][x] + in[7][x], s1 = in[1][x] + in[6][x], s2 = in[2][x] + in[5][x], s3 = in[3][x] + in[4][x];
        float d0 = in[0][x] - in[7][x], d1 = in[1][x] - in[6][x], d2 = in[2][x] - in[5][x], d3 = in[3][x] - in[4][x];
        out[0][x] = ((s0 + s3) + (s1 + s2)) * C4;
        out[1][x] = (C1 * d0 + C3 * d1) + (C5 * d2 + C7 * d3);
        out[2][x] = C2 * (s0 - s3) + C6 * (s1 - s2);
        out[3][x] = (C3 * d0 - C7 * d1) - (C1 * d2 + C5 * d3);
        out[4][x] = ((s0 + s3) - (s1 + s2)) * C4;
        out[5][x] = (C5 * d0 - C1 * d1) + (C7 * d2 + C3 * d3);
        out[6][x] = C6 * (s0 - s3) - C2 * (s1 - s2);
        out[7][x] = (C7 * d0 - C5 * d1) + (C3 * d2 - C1 * d3);
    }
}

/* magnitude[8 u + v]: abs of the coefficient of horizontal frequency u, vertical frequency v. */
static void transform_block(float magnitude[restrict 64], const uint8_t *luma, ptrdiff_t stride) {
    float block[8][8], half[8][8], whole[8][8];
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) block[y][x] = luma[y * stride + x];
    transform_columns(half, block);
    for (int v = 0; v < 8; v++)
        for (int x = 0; x < 8; x++) block[x][v] = half[v][x];
    transform_columns(whole, block);
    for (int u = 0; u < 8; u++)
        for (int v = 0; v < 8; v++) magnitude[8 * u + v] = fabsf(whole[u][v]);
}

struct sums { /* over blocks, of each coefficient, in the order of transform_block */
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
    float magnitude[64];
    struct sums sums = {0};
    for (int y = 0; y < region->height; y += 8)
        for (int x = 0; x < region->width; x += 8) {
            transform_block(magnitude, region->luma + y * region->stride + x, region->stride);
            for (int k = 0; k < 64; k++) sums.magnitude[k] += magnitude[k];
            if (normalised) add_texture(&sums, magnitude);
        }
    double blocks = region->width / 8 * (region->height / 8);
    for (int i = 1; i < 64; i++) {
        int k = i % 8 * 8 + i / 8; /* row-major number i */
        energy[i - 1] = (float)log(sums.magnitude[k] / blocks + .05);
        if (!normalised) continue;
        double mean = sums.log[k] / blocks, variance = sums.log_square[k] / blocks - mean * mean;
        normalised[i - 1] = (float)log(sums.share[k] / blocks + 1e-4);
        deviation[i - 1] = (float)sqrt(variance > 0 ? variance : 0);
    }
}
