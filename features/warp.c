#include "features/warp.h"

#include "base/cpu.h"
#include "base/error.h"
#include "features/warp_flow.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define MARGIN 8 /* left out at each border; of a width below 32 only 4 */
#define BLOCK 8
#define PIXELS ((size_t)DESY_SCALED_SIDE * DESY_SCALED_SIDE)
#define BLOCKS (PIXELS / (BLOCK * BLOCK))

const struct desy_warp_number desy_warp_numbers[DESY_WARP_DIMS] = {
    [DESY_WARP_NOISE_ENERGY] = {"warp_noise_energy", "ln(mean abs kb(d) + .05) - warp_energy"},
    [DESY_WARP_NOISE] = {"warp_noise", "correlation of the warped N of the first frame and N of the second"},
    [DESY_WARP_DETAIL] = {"warp_detail", "correlation of the warped H of the first frame and H of the second"},
    [DESY_WARP_PLACE] = {"warp_place", "correlation over 8 x 8 blocks of ln(mean abs d + .1) and ln(mean abs H + .1)"},
    [DESY_WARP_TAIL] = {"warp_tail", "ln(95 % quantile + .1) - ln(median + .1) over blocks of their mean abs d"},
    [DESY_WARP_LEVEL] = {"warp_level", "ln(mean abs d + .05) - ln(mean abs H + .05)"},
    [DESY_WARP_ENERGY] = {"warp_energy", "ln(mean abs N + .05)"},
};

/* Planes (height, width). */
struct picture {
    float *luma, *noise, *detail; /* Y, N, H */
};

struct desy_warp {
    desy_flow *flow;
    struct picture before, after, warped;
    float *planes;       /* of all three */
    double difference_block[BLOCKS], detail_block[BLOCKS];
};

int desy_warp_open(desy_warp **warp)
{
    desy_warp *new = *warp = calloc(1, sizeof *new);
    if (!new) return desy_error_memory("a warp");
    float *plane = new->planes = malloc(9 * PIXELS * sizeof(float));
    struct picture *all[3] = {&new->before, &new->after, &new->warped};
    for (int i = 0; plane && i < 3; i++, plane += 3 * PIXELS) *all[i] = (struct picture){plane, plane + PIXELS, plane + 2 * PIXELS};
    int rc = plane ? desy_flow_open(&new->flow) : desy_error_memory("a warp");
    if (rc != DESY_OK) desy_warp_close(warp);
    return rc;
}

void desy_warp_close(desy_warp **warp)
{
    if (!*warp) return;
    desy_flow_close(&(*warp)->flow);
    free((*warp)->planes);
    free(*warp);
    *warp = NULL;
}

/* ---- one frame ---- */

/* Mirrored without repeating the border pixel; i within n of the plane. */
static int mirror(int i, int n)
{
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

/* N = kb * Y, exact in quarters: second differences along y of those along x. */
DESY_VECTOR_CLONES static void find_noise(float *restrict noise, const struct desy_region *region)
{
    const int w = region->width, h = region->height;
    int16_t column[DESY_SCALED_SIDE + 2], *const inside = column + 1;
    for (int y = 0; y < h; y++) {
        const uint8_t *above = region->luma + mirror(y - 1, h) * region->stride, *row = region->luma + y * region->stride, *below = region->luma + mirror(y + 1, h) * region->stride;
        for (int x = 0; x < w; x++) inside[x] = (int16_t)(above[x] + below[x] - 2 * row[x]);
        inside[-1] = inside[1];
        inside[w] = inside[w - 2];
        for (int x = 0; x < w; x++) noise[y * w + x] = (float)(2 * inside[x] - inside[x - 1] - inside[x + 1]) * .25f;
    }
}

/* H = Y - a Gaussian of sigma 1.5, exact: weights exp(-k^2 / 4.5) to 3 sigma in 256ths (docs/features.md), of which the outermost is 0. */
DESY_VECTOR_CLONES static void find_detail(float *restrict detail, const struct desy_region *region)
{
    enum { RADIUS = 4 };
    static const uint16_t weights[RADIUS + 1] = {68, 55, 28, 9, 2};
    const int w = region->width, h = region->height;
    uint16_t column[DESY_SCALED_SIDE + 2 * RADIUS], *const inside = column + RADIUS;
    for (int y = 0; y < h; y++) {
        const uint8_t *row = region->luma + y * region->stride;
        for (int x = 0; x < w; x++) inside[x] = (uint16_t)(weights[0] * row[x]);
        for (int k = 1; k <= RADIUS; k++) {
            const uint8_t *above = region->luma + mirror(y - k, h) * region->stride, *below = region->luma + mirror(y + k, h) * region->stride;
            for (int x = 0; x < w; x++) inside[x] = (uint16_t)(inside[x] + weights[k] * (above[x] + below[x]));
        }
        for (int k = 1; k <= RADIUS; k++) {
            inside[-k] = inside[k];
            inside[w - 1 + k] = inside[w - 1 - k];
        }
        for (int x = 0; x < w; x++) {
            int32_t sum = weights[0] * inside[x];
            for (int k = 1; k <= RADIUS; k++) sum += weights[k] * (inside[x - k] + inside[x + k]);
            detail[y * w + x] = (float)(65536 * row[x] - sum) * (1 / 65536.f);
        }
    }
}

static void picture_of(struct picture *picture, const struct desy_region *region)
{
    for (int y = 0; y < region->height; y++)
        for (int x = 0; x < region->width; x++) picture->luma[y * region->width + x] = region->luma[y * region->stride + x];
    find_noise(picture->noise, region);
    find_detail(picture->detail, region);
}

/* ---- the first frame, where the flow says it went ---- */

/* Where in a plane a pixel's value is found: four pixels from index on, and how far towards the right and the lower ones. */
struct sample {
    int32_t index[DESY_SCALED_SIDE];
    float right[DESY_SCALED_SIDE], down[DESY_SCALED_SIDE];
};

static inline __attribute__((always_inline)) void sample_row(float *restrict out, const float *plane, const struct sample *sample, int w)
{
    const float *lower_plane = plane + w;
    for (int x = 0; x < w; x++) {
        const int32_t i = sample->index[x];
        const float upper = plane[i] + sample->right[x] * (plane[i + 1] - plane[i]);
        const float lower = lower_plane[i] + sample->right[x] * (lower_plane[i + 1] - lower_plane[i]);
        out[x] = upper + sample->down[x] * (lower - upper);
    }
}

DESY_VECTOR_CLONES static void warp_planes(struct picture *warped, const struct picture *before, const float *u, const float *v, int w, int h)
{
    struct sample sample;
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            float at_x = (float)x + u[y * w + x], at_y = (float)y + v[y * w + x];
            at_x = at_x > 0 ? at_x : 0;
            at_y = at_y > 0 ? at_y : 0;
            at_x = at_x < (float)(w - 1) ? at_x : (float)(w - 1);
            at_y = at_y < (float)(h - 1) ? at_y : (float)(h - 1);
            int left = (int)at_x, top = (int)at_y;
            left = left < w - 2 ? left : w - 2;
            top = top < h - 2 ? top : h - 2;
            sample.index[x] = top * w + left;
            sample.right[x] = at_x - (float)left;
            sample.down[x] = at_y - (float)top;
        }
        sample_row(warped->luma + y * w, before->luma, &sample, w);
        sample_row(warped->noise + y * w, before->noise, &sample, w);
        sample_row(warped->detail + y * w, before->detail, &sample, w);
    }
}

/* ---- the numbers ---- */

/* Pixels left <= x < right, MARGIN <= y < bottom; blocks of 8 tile it. */
struct inside {
    int width, left, right, bottom;
};

static struct inside inside_of(const struct desy_region *region)
{
    const int left = region->width < 32 ? MARGIN / 2 : MARGIN;
    return (struct inside){region->width, left, region->width - left, region->height - MARGIN};
}

/* Sums are made of eight, of every eighth column each, so that they are the same on every processor. */
typedef float floats __attribute__((vector_size(BLOCK * sizeof(float)), aligned(4), may_alias));
typedef int32_t bits __attribute__((vector_size(BLOCK * sizeof(int32_t))));
typedef double doubles __attribute__((vector_size(BLOCK * sizeof(double))));
#define DOUBLES(pointer) __builtin_convertvector(*(const floats *)(pointer), doubles)
#define MAGNITUDES(pointer) __builtin_convertvector((floats)((bits)*(const floats *)(pointer) & 0x7fffffff), doubles)

static inline __attribute__((always_inline)) double join(const doubles *s)
{
    return (((*s)[0] + (*s)[4]) + ((*s)[2] + (*s)[6])) + (((*s)[1] + (*s)[5]) + ((*s)[3] + (*s)[7]));
}

DESY_VECTOR_CLONES static double mean_magnitude(const float *plane, const struct inside *in)
{
    doubles sum = {0};
    for (int y = MARGIN; y < in->bottom; y++)
        for (int x = in->left; x < in->right; x += BLOCK) sum += MAGNITUDES(plane + y * in->width + x);
    return join(&sum) / ((in->right - in->left) * (in->bottom - MARGIN));
}

/* Centred first: of numbers that are all the same nothing must be left but 0. */
DESY_VECTOR_CLONES static double correlation(const float *a, const float *b, const struct inside *in)
{
    const int n = (in->right - in->left) * (in->bottom - MARGIN);
    doubles sum_a = {0}, sum_b = {0}, aa = {0}, ab = {0}, bb = {0};
    for (int y = MARGIN; y < in->bottom; y++)
        for (int x = in->left; x < in->right; x += BLOCK) {
            sum_a += DOUBLES(a + y * in->width + x);
            sum_b += DOUBLES(b + y * in->width + x);
        }
    const double mean_a = join(&sum_a) / n, mean_b = join(&sum_b) / n;
    for (int y = MARGIN; y < in->bottom; y++)
        for (int x = in->left; x < in->right; x += BLOCK) {
            const doubles p = DOUBLES(a + y * in->width + x) - mean_a, q = DOUBLES(b + y * in->width + x) - mean_b;
            aa += p * p;
            ab += p * q;
            bb += q * q;
        }
    return join(&ab) / (sqrt(join(&aa) * join(&bb)) + 1e-6);
}

/* Means of abs; the number of blocks. */
DESY_VECTOR_CLONES static int find_blocks(double *blocks, const float *plane, const struct inside *in)
{
    int n = 0;
    for (int y = MARGIN; y < in->bottom; y += BLOCK)
        for (int x = in->left; x < in->right; x += BLOCK) {
            doubles sum = {0};
            for (int i = 0; i < BLOCK; i++) sum += MAGNITUDES(plane + (y + i) * in->width + x);
            blocks[n++] = join(&sum) / (BLOCK * BLOCK);
        }
    return n;
}

static double block_correlation(const double *difference, const double *detail, int n)
{
    double mean_a = 0, mean_b = 0, aa = 0, ab = 0, bb = 0;
    for (int i = 0; i < n; i++) {
        mean_a += log(difference[i] + .1) / n;
        mean_b += log(detail[i] + .1) / n;
    }
    for (int i = 0; i < n; i++) {
        const double p = log(difference[i] + .1) - mean_a, q = log(detail[i] + .1) - mean_b;
        aa += p * p;
        ab += p * q;
        bb += q * q;
    }
    return ab / (sqrt(aa * bb) + 1e-6);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n sorted numbers, with linear interpolation between two of them. */
static double quantile(const double *sorted, int n, double share)
{
    const double at = share * (n - 1);
    const int i = (int)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

/* The mean of abs kb(d). */
DESY_VECTOR_CLONES static double noise_of_difference(const float *d, const struct inside *in)
{
    const int w = in->width;
    doubles sum = {0};
    for (int y = MARGIN; y < in->bottom; y++) {
        float column[DESY_SCALED_SIDE], noise[DESY_SCALED_SIDE];
        const float *row = d + y * w;
        for (int x = in->left - 1; x <= in->right; x++) column[x] = (row[x - w] + row[x + w]) - 2 * row[x];
        for (int x = in->left; x < in->right; x++) noise[x] = (2 * column[x] - (column[x - 1] + column[x + 1])) * .25f;
        for (int x = in->left; x < in->right; x += BLOCK) sum += MAGNITUDES(noise + x);
    }
    return join(&sum) / ((in->right - in->left) * (in->bottom - MARGIN));
}

static void measure(desy_warp *warp, float *out, const struct inside *in)
{
    const float *difference = warp->warped.luma, *detail = warp->after.detail;
    const double energy = log(mean_magnitude(warp->after.noise, in) + .05);
    const int n = find_blocks(warp->difference_block, difference, in);
    find_blocks(warp->detail_block, detail, in);
    out[DESY_WARP_ENERGY] = (float)energy;
    out[DESY_WARP_NOISE_ENERGY] = (float)(log(noise_of_difference(difference, in) + .05) - energy);
    out[DESY_WARP_NOISE] = (float)correlation(warp->warped.noise, warp->after.noise, in);
    out[DESY_WARP_DETAIL] = (float)correlation(warp->warped.detail, detail, in);
    out[DESY_WARP_PLACE] = (float)block_correlation(warp->difference_block, warp->detail_block, n);
    out[DESY_WARP_LEVEL] = (float)(log(mean_magnitude(difference, in) + .05) - log(mean_magnitude(detail, in) + .05));
    qsort(warp->difference_block, (size_t)n, sizeof(double), compare);
    out[DESY_WARP_TAIL] = (float)(log(quantile(warp->difference_block, n, .95) + .1) - log(quantile(warp->difference_block, n, .5) + .1));
}

static int check_size(const struct desy_region *region, const struct desy_region *other)
{
    const bool good = region->height == other->height && region->width % 16 == 0 && region->height % 16 == 0 && region->width >= 16 &&
                      region->height >= 32 && region->width <= DESY_SCALED_SIDE && region->height <= DESY_SCALED_SIDE;
    return good ? DESY_OK : desy_error(DESY_EUSAGE, "a warp of regions of %d x %d and %d x %d", region->width, region->height, other->width, other->height);
}

static struct desy_region middle(const struct desy_region *region, int width)
{
    return (struct desy_region){region->luma + (region->width - width) / 2, region->stride, width, region->height};
}

int desy_warp_pair(desy_warp *warp, float *out, const struct desy_region *before, const struct desy_region *after)
{
    int rc;
    DESY_TRY(check_size(before, after));
    DESY_TRY(check_size(after, before));
    const int width = before->width < after->width ? before->width : after->width;
    const struct desy_region first = middle(before, width), second = middle(after, width);
    const struct inside in = inside_of(&second);
    const float *u, *v;
    desy_flow_find(warp->flow, &u, &v, &first, &second);
    picture_of(&warp->before, &first);
    picture_of(&warp->after, &second);
    warp_planes(&warp->warped, &warp->before, u, v, width, second.height);
    for (int i = 0; i < width * second.height; i++) warp->warped.luma[i] = warp->after.luma[i] - warp->warped.luma[i]; /* d */
    measure(warp, out, &in);
out:
    return rc;
}

int desy_warp_energy(desy_warp *warp, float *out, const struct desy_region *region)
{
    int rc;
    DESY_TRY(check_size(region, region));
    const struct inside in = inside_of(region);
    find_noise(warp->after.noise, region);
    *out = (float)log(mean_magnitude(warp->after.noise, &in) + .05);
out:
    return rc;
}
