#include "features/crop_pixels.h"

#include "base/error.h"
#include "base/random.h"
#include "features/clip.h"
#include "features/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = DESY_INPUT_SIDE, PIXELS = SIDE * SIDE, BYTES = PIXELS * 3 };

static uint8_t to_byte(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : rint(value));
}

static int reflect(int i, int n)
{
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
    return i;
}

void desy_crop_flip(uint8_t *crop)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE / 2; x++) {
            uint8_t kept[3], *a = crop + (y * SIDE + x) * 3, *b = crop + (y * SIDE + SIDE - 1 - x) * 3;
            memcpy(kept, a, 3);
            memcpy(a, b, 3);
            memcpy(b, kept, 3);
        }
}

int desy_crop_rotate(uint8_t *crop, double degrees)
{
    uint8_t *from = malloc(BYTES);
    if (!from) return desy_error_memory("a crop");
    memcpy(from, crop, BYTES);
    const double c = cos(degrees * M_PI / 180), s = sin(degrees * M_PI / 180), middle = (SIDE - 1) / 2.;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const double dx = x - middle, dy = y - middle;
            const int u = (int)rint(middle + c * dx - s * dy), v = (int)rint(middle + s * dx + c * dy);
            const bool inside = u >= 0 && u < SIDE && v >= 0 && v < SIDE;
            for (int k = 0; k < 3; k++) crop[(y * SIDE + x) * 3 + k] = inside ? from[(v * SIDE + u) * 3 + k] : 0;
        }
    free(from);
    return DESY_OK;
}

/* ---- colours, as floats from 0 to 1 ---- */

static float grey(const float *p)
{
    return .2989f * p[0] + .587f * p[1] + .114f * p[2];
}

static float bound(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* factor x + (1 - factor) other */
static void blend(float *p, float other, float factor)
{
    for (int k = 0; k < 3; k++) p[k] = bound(factor * p[k] + (1 - factor) * other);
}

static void turn_hue(float *p, float turn)
{
    const float most = fmaxf(p[0], fmaxf(p[1], p[2])), least = fminf(p[0], fminf(p[1], p[2])), range = most - least;
    if (range == 0) return;
    float h = most == p[0] ? (p[1] - p[2]) / range : most == p[1] ? 2 + (p[2] - p[0]) / range : 4 + (p[0] - p[1]) / range;
    h = h / 6 + turn;
    h = (h - floorf(h)) * 6;
    const int sector = (int)h % 6;
    const float part = h - floorf(h), falling = most - range * part, rising = least + range * part;
    const float colours[6][3] = {{most, rising, least}, {falling, most, least}, {least, most, rising}, {least, falling, most}, {rising, least, most}, {most, least, falling}};
    memcpy(p, colours[sector], sizeof colours[sector]);
}

int desy_crop_jitter(uint8_t *crop, const struct desy_crop_jitter *jitter)
{
    float *values = malloc(BYTES * sizeof *values);
    if (!values) return desy_error_memory("a crop");
    for (int i = 0; i < BYTES; i++) values[i] = (float)crop[i] / 255;
    for (int step = 0; step < 4; step++) {
        const int what = jitter->order[step];
        double mean = 0;
        for (int i = 0; what == 1 && i < PIXELS; i++) mean += (double)grey(values + 3 * i);
        mean /= PIXELS;
        for (float *p = values; p < values + BYTES; p += 3) {
            if (what == 0) blend(p, 0, (float)jitter->brightness);
            else if (what == 1) blend(p, (float)mean, (float)jitter->contrast);
            else if (what == 2) blend(p, grey(p), (float)jitter->saturation);
            else turn_hue(p, (float)jitter->hue);
        }
    }
    for (int i = 0; i < BYTES; i++) crop[i] = to_byte((double)values[i] * 255);
    free(values);
    return DESY_OK;
}

/* ---- sizes ---- */

/* out (to, to, 3) of in (from, from, 3), whose rows are `stride` bytes apart. */
static int resize(uint8_t *out, int to, const uint8_t *in, ptrdiff_t stride, int from, enum desy_filter filter)
{
    const struct desy_kernels *kernels;
    struct desy_axis axis = {0};
    int rc = desy_kernels(&kernels);
    if (rc == DESY_OK) rc = desy_axis_open(&axis, filter, from, to, 0, to);
    if (rc == DESY_OK) rc = desy_resize(out, in, stride, 3, 0, &axis, &axis, kernels);
    desy_axis_close(&axis);
    return rc;
}

int desy_crop_window(uint8_t *crop, int x, int y, int side, bool mirrored)
{
    uint8_t *from = malloc(BYTES);
    if (!from) return desy_error_memory("a crop");
    memcpy(from, crop, BYTES);
    int rc = DESY_OK;
    if (!mirrored) rc = resize(crop, SIDE, from + (y * SIDE + x) * 3, SIDE * 3, side, DESY_FILTER_BICUBIC);
    else
        for (int v = 0; v < SIDE; v++)
            for (int u = 0; u < SIDE; u++) memcpy(crop + (v * SIDE + u) * 3, from + ((y + reflect(v - y, side)) * SIDE + x + reflect(u - x, side)) * 3, 3);
    free(from);
    return rc;
}

int desy_crop_rescale(uint8_t *crop, int side)
{
    uint8_t *small = malloc(BYTES);
    int rc = small ? resize(small, side, crop, SIDE * 3, SIDE, DESY_FILTER_TRIANGLE) : desy_error_memory("a crop");
    if (rc == DESY_OK) rc = resize(crop, SIDE, small, side * 3, side, DESY_FILTER_BICUBIC);
    free(small);
    return rc;
}

/* ---- blur and noise ---- */

/* One line of values, `step` apart. */
static void blur_line(float *line, ptrdiff_t step, const float *weights, int radius)
{
    float kept[SIDE];
    for (int i = 0; i < SIDE; i++) kept[i] = line[i * step];
    for (int i = 0; i < SIDE; i++) {
        float sum = weights[0] * kept[i];
        for (int k = 1; k <= radius; k++) sum += weights[k] * (kept[reflect(i - k, SIDE)] + kept[reflect(i + k, SIDE)]);
        line[i * step] = sum;
    }
}

int desy_crop_blur(uint8_t *crop, double sigma)
{
    const int radius = (int)ceil(3 * sigma);
    float *values = malloc(BYTES * sizeof *values), *weights = malloc((size_t)(radius + 1) * sizeof *weights);
    int rc = values && weights ? DESY_OK : desy_error_memory("a crop");
    if (rc == DESY_OK) {
        double sum = 0;
        for (int k = -radius; k <= radius; k++) sum += exp(-k * k / (2 * sigma * sigma));
        for (int k = 0; k <= radius; k++) weights[k] = (float)(exp(-k * k / (2 * sigma * sigma)) / sum);
        for (int i = 0; i < BYTES; i++) values[i] = crop[i];
        for (int i = 0; i < SIDE; i++)
            for (int c = 0; c < 3; c++) blur_line(values + i * SIDE * 3 + c, 3, weights, radius);
        for (int i = 0; i < SIDE * 3; i++) blur_line(values + i, SIDE * 3, weights, radius);
        for (int i = 0; i < BYTES; i++) crop[i] = to_byte((double)values[i]);
    }
    free(values);
    free(weights);
    return rc;
}

void desy_crop_noise(uint8_t *crop, double sigma, uint64_t seed)
{
    for (int i = 0; i < BYTES; i++) crop[i] = to_byte(crop[i] + sigma * desy_random_normal(seed, 0, (uint64_t)i));
}
