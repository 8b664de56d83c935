#include "features/warp_flow.h"

#include "base/cpu.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 8           /* of a patch */
#define STEP 4           /* from patch to patch */
#define BORDER 8         /* a patch may lie wholly outside */
#define LEVELS 4
#define FINEST 2         /* the level whose flow is enlarged: a finer one also follows what is to be measured, noise */
#define ITERATIONS 12
#define CONVERGED 1e-4f  /* square of a step, in pixels */
#define FARTHEST 64.f    /* square of how far a patch may leave its start */
#define DAMPING 16.f     /* added to the diagonal: 64 pixels of a gradient of 1/2 */
#define PIXELS ((size_t)DESY_SCALED_SIDE * DESY_SCALED_SIDE)

/* Eight floats of a row, wherever they lie. */
typedef float lanes __attribute__((vector_size(SIDE * sizeof(float)), aligned(4), may_alias));
typedef int32_t bits __attribute__((vector_size(SIDE * sizeof(int32_t))));
#define LANES(pointer) (*(const lanes *)(pointer))

struct level {
    int width, height, stride;
    float *from;         /* (height, stride): corner of the plane; BORDER more above and before, BORDER + 1 below and after */
    float *room;         /* of from */
    float *to, *gx, *gy; /* (height, width): the plane to explain, its central differences */
};

struct desy_flow {
    struct level level[LEVELS];
    float *u, *v, *weight; /* (height, width) of the level at hand; before division by weight, sums */
    float *start;          /* (height, width, 2) of the coarser level */
    float *full_u, *full_v; /* enlarged */
};

static int level_open(struct level *level, int l)
{
    const size_t side = (size_t)(DESY_SCALED_SIDE >> l), padded = side + 2 * BORDER + 1;
    level->room = malloc(padded * padded * sizeof(float));
    level->to = malloc(side * side * sizeof(float));
    level->gx = malloc(side * side * sizeof(float));
    level->gy = malloc(side * side * sizeof(float));
    return level->room && level->to && level->gx && level->gy ? DESY_OK : desy_error_memory("a level of a flow");
}

int desy_flow_open(desy_flow **flow)
{
    desy_flow *new = *flow = calloc(1, sizeof *new);
    if (!new) return desy_error_memory("a flow");
    int rc = DESY_OK;
    for (int l = 0; rc == DESY_OK && l < LEVELS; l++) rc = level_open(&new->level[l], l);
    new->u = malloc(PIXELS * sizeof(float));
    new->v = malloc(PIXELS * sizeof(float));
    new->weight = malloc(PIXELS * sizeof(float));
    new->start = malloc(PIXELS / 4 * 2 * sizeof(float));
    new->full_u = malloc(PIXELS * sizeof(float));
    new->full_v = malloc(PIXELS * sizeof(float));
    if (rc == DESY_OK && (!new->u || !new->v || !new->weight || !new->start || !new->full_u || !new->full_v)) rc = desy_error_memory("a flow");
    if (rc != DESY_OK) desy_flow_close(flow);
    return rc;
}

void desy_flow_close(desy_flow **flow)
{
    if (!*flow) return;
    for (int l = 0; l < LEVELS; l++) {
        free((*flow)->level[l].room);
        free((*flow)->level[l].to);
        free((*flow)->level[l].gx);
        free((*flow)->level[l].gy);
    }
    free((*flow)->u);
    free((*flow)->v);
    free((*flow)->weight);
    free((*flow)->start);
    free((*flow)->full_u);
    free((*flow)->full_v);
    free(*flow);
    *flow = NULL;
}

/* ---- pyramids ---- */

static void read_plane(float *out, int stride, const struct desy_region *region)
{
    for (int y = 0; y < region->height; y++)
        for (int x = 0; x < region->width; x++) out[y * stride + x] = region->luma[y * region->stride + x];
}

/* Means of 2 x 2; exact: multiples of 4^-level below 256. */
static void halve(float *restrict out, int out_stride, const float *restrict in, int in_stride, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const float *p = in + 2 * y * in_stride + 2 * x;
            out[y * out_stride + x] = (p[0] + p[1] + (p[in_stride] + p[in_stride + 1])) * .25f;
        }
}

/* Border pixels go on beyond the border. */
static void extend(struct level *level)
{
    const int right = level->width + BORDER + 1;
    for (int y = 0; y < level->height; y++) {
        float *row = level->from + y * level->stride;
        for (int x = -BORDER; x < 0; x++) row[x] = row[0];
        for (int x = level->width; x < right; x++) row[x] = row[level->width - 1];
    }
    const size_t bytes = (size_t)(right + BORDER) * sizeof(float);
    const float *first = level->from - BORDER, *last = first + (level->height - 1) * level->stride;
    for (int y = 1; y <= BORDER; y++) memcpy(level->from - BORDER - y * level->stride, first, bytes);
    for (int y = 0; y <= BORDER; y++) memcpy(level->from - BORDER + (level->height + y) * level->stride, last, bytes);
}

static void find_gradient(struct level *level)
{
    const int w = level->width, h = level->height;
    for (int y = 0; y < h; y++) {
        const float *row = level->to + y * w, *above = level->to + (y > 0 ? y - 1 : 0) * w, *below = level->to + (y < h - 1 ? y + 1 : y) * w;
        float *restrict gx = level->gx + y * w, *restrict gy = level->gy + y * w;
        for (int x = 0; x < w; x++) gy[x] = (below[x] - above[x]) * .5f;
        for (int x = 1; x < w - 1; x++) gx[x] = (row[x + 1] - row[x - 1]) * .5f;
        gx[0] = (row[1] - row[0]) * .5f;
        gx[w - 1] = (row[w - 1] - row[w - 2]) * .5f;
    }
}

/* How many levels: the coarsest still holds a patch. */
static int build(desy_flow *flow, const struct desy_region *from, const struct desy_region *to)
{
    int levels = 0;
    while (levels < LEVELS && from->width >> levels >= SIDE && from->height >> levels >= SIDE) levels++;
    for (int l = 0; l < levels; l++) {
        struct level *level = &flow->level[l], *finer = level - 1;
        level->width = from->width >> l;
        level->height = from->height >> l;
        level->stride = level->width + 2 * BORDER + 1;
        level->from = level->room + BORDER * level->stride + BORDER;
        if (l == 0) {
            read_plane(level->from, level->stride, from);
            read_plane(level->to, level->width, to);
        } else {
            halve(level->from, level->stride, finer->from, finer->stride, level->width, level->height);
            halve(level->to, level->width, finer->to, finer->width, level->width, level->height);
        }
        extend(level);
        find_gradient(level);
    }
    return levels;
}

/* ---- patches ---- */

struct patch {
    int x, y;                       /* of its corner */
    const float *to, *gx, *gy;      /* there */
    float sum_x, sum_y, xx, xy, yy; /* of the gradient; its damped, centred second moments */
};

static inline __attribute__((always_inline)) float join(const lanes *s)
{
    return (((*s)[0] + (*s)[4]) + ((*s)[2] + (*s)[6])) + (((*s)[1] + (*s)[5]) + ((*s)[3] + (*s)[7]));
}

static inline __attribute__((always_inline)) void open_patch(struct patch *patch, const struct level *level, int x, int y)
{
    const ptrdiff_t at = (ptrdiff_t)y * level->width + x;
    *patch = (struct patch){x, y, level->to + at, level->gx + at, level->gy + at, 0, 0, 0, 0, 0};
    lanes sx = {0}, sy = {0}, xx = {0}, xy = {0}, yy = {0};
    for (int r = 0; r < SIDE; r++) {
        const lanes gx = LANES(patch->gx + r * level->width), gy = LANES(patch->gy + r * level->width);
        sx += gx;
        sy += gy;
        xx += gx * gx;
        xy += gx * gy;
        yy += gy * gy;
    }
    patch->sum_x = join(&sx);
    patch->sum_y = join(&sy);
    patch->xx = join(&xx) - patch->sum_x * patch->sum_x * (1 / 64.f) + DAMPING;
    patch->xy = join(&xy) - patch->sum_x * patch->sum_y * (1 / 64.f);
    patch->yy = join(&yy) - patch->sum_y * patch->sum_y * (1 / 64.f) + DAMPING;
}

/* Where to sample for displacement u of a patch at x: whole pixels and the rest. */
static inline __attribute__((always_inline)) int place(float *rest, int x, float u, int size)
{
    float at = (float)x + u;
    at = at > -BORDER ? at : -BORDER;
    at = at < (float)size ? at : (float)size;
    const int whole = (int)(at + BORDER) - BORDER; /* rounds down */
    *rest = at - (float)whole;
    return whole;
}

/* One Gauss-Newton step from (*u, *v); the square of its length. */
static inline __attribute__((always_inline)) float improve(const struct patch *patch, const struct level *level, float *u, float *v)
{
    float fx, fy;
    const int x = place(&fx, patch->x, *u, level->width), y = place(&fy, patch->y, *v, level->height);
    const float *row = level->from + (ptrdiff_t)y * level->stride + x;
    lanes upper = LANES(row) + fx * (LANES(row + 1) - LANES(row)), all = {0}, by_x = {0}, by_y = {0};
    for (int r = 0; r < SIDE; r++) {
        row += level->stride;
        const lanes lower = LANES(row) + fx * (LANES(row + 1) - LANES(row));
        const lanes error = upper + fy * (lower - upper) - LANES(patch->to + r * level->width);
        all += error;
        by_x += error * LANES(patch->gx + r * level->width);
        by_y += error * LANES(patch->gy + r * level->width);
        upper = lower;
    }
    const float sum = join(&all), bx = join(&by_x) - sum * patch->sum_x * (1 / 64.f), by = join(&by_y) - sum * patch->sum_y * (1 / 64.f);
    const float determinant = patch->xx * patch->yy - patch->xy * patch->xy;
    const float du = (patch->yy * bx - patch->xy * by) / determinant, dv = (patch->xx * by - patch->xy * bx) / determinant;
    *u -= du;
    *v -= dv;
    return du * du + dv * dv;
}

/* Adds the patch's displacement to the sums of its pixels, with weight 1 / max(1, abs(error)). */
static inline __attribute__((always_inline)) void spread(const struct patch *patch, const struct level *level, float u, float v, float *sum_u, float *sum_v, float *weights)
{
    float fx, fy;
    const int x = place(&fx, patch->x, u, level->width), y = place(&fy, patch->y, v, level->height);
    const float *row = level->from + (ptrdiff_t)y * level->stride + x;
    const lanes one = {1, 1, 1, 1, 1, 1, 1, 1};
    ptrdiff_t at = (ptrdiff_t)patch->y * level->width + patch->x;
    lanes upper = LANES(row) + fx * (LANES(row + 1) - LANES(row));
    for (int r = 0; r < SIDE; r++, at += level->width) {
        row += level->stride;
        const lanes lower = LANES(row) + fx * (LANES(row + 1) - LANES(row));
        const lanes error = upper + fy * (lower - upper) - LANES(patch->to + r * level->width);
        const lanes size = (lanes)((bits)error & 0x7fffffff);
        const bits large = size > one;
        const lanes weight = one / (lanes)(((bits)size & large) | ((bits)one & ~large));
        *(lanes *)(weights + at) += weight;
        *(lanes *)(sum_u + at) += weight * u;
        *(lanes *)(sum_v + at) += weight * v;
        upper = lower;
    }
}

/* start: NULL on the coarsest level, else the flow of the coarser one. Sums, not yet divided. */
DESY_VECTOR_CLONES static void match_patches(desy_flow *flow, const struct level *level, const float *start)
{
    const int w = level->width, h = level->height, columns = (w - SIDE + STEP - 1) / STEP + 1, rows = (h - SIDE + STEP - 1) / STEP + 1;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            struct patch patch;
            open_patch(&patch, level, j * STEP < w - SIDE ? j * STEP : w - SIDE, i * STEP < h - SIDE ? i * STEP : h - SIDE);
            float from_u = 0, from_v = 0;
            if (start) {
                const float *at = start + 2 * ((ptrdiff_t)((patch.y + SIDE / 2) / 2) * (w / 2) + (patch.x + SIDE / 2) / 2);
                from_u = 2 * at[0];
                from_v = 2 * at[1];
            }
            float u = from_u, v = from_v;
            for (int k = 0; k < ITERATIONS; k++)
                if (improve(&patch, level, &u, &v) < CONVERGED) break;
            if ((u - from_u) * (u - from_u) + (v - from_v) * (v - from_v) > FARTHEST) {
                u = from_u;
                v = from_v;
            }
            spread(&patch, level, u, v, flow->u, flow->v, flow->weight);
        }
}

/* Which pixel of `size` lies before pixel i of the plane, and how far towards the next one that is. */
static inline __attribute__((always_inline)) int between(float *rest, int i, int size, int scale)
{
    float at = ((float)i + .5f) / (float)scale - .5f;
    at = at < 0 ? 0 : at > (float)(size - 1) ? (float)(size - 1) : at;
    const int whole = (int)at < size - 2 ? (int)at : size - 2;
    *rest = at - (float)whole;
    return whole;
}

/* From a level to the plane: bilinear between the centres of its pixels, the border pixel's value beyond them. */
DESY_VECTOR_CLONES static void enlarge(float *restrict out, int width, int height, const float *in, const struct level *level, int scale)
{
    const int w = level->width, h = level->height;
    int32_t left[DESY_SCALED_SIDE];
    float right[DESY_SCALED_SIDE];
    for (int x = 0; x < width; x++) left[x] = between(&right[x], x, w, scale);
    for (int y = 0; y < height; y++) {
        float down;
        const float *upper_row = in + between(&down, y, h, scale) * w, *lower_row = upper_row + w;
        for (int x = 0; x < width; x++) {
            const int i = left[x];
            const float upper = upper_row[i] + right[x] * (upper_row[i + 1] - upper_row[i]);
            const float lower = lower_row[i] + right[x] * (lower_row[i + 1] - lower_row[i]);
            out[y * width + x] = (upper + down * (lower - upper)) * (float)scale;
        }
    }
}

void desy_flow_find(desy_flow *flow, const float **u, const float **v, const struct desy_region *from, const struct desy_region *to)
{
    const int levels = build(flow, from, to), finest = levels > FINEST ? FINEST : levels - 1;
    for (int l = levels - 1; l >= finest; l--) {
        const struct level *level = &flow->level[l];
        const size_t pixels = (size_t)level->width * (size_t)level->height;
        memset(flow->u, 0, pixels * sizeof(float));
        memset(flow->v, 0, pixels * sizeof(float));
        memset(flow->weight, 0, pixels * sizeof(float));
        match_patches(flow, level, l == levels - 1 ? NULL : flow->start);
        for (size_t i = 0; i < pixels; i++) flow->u[i] /= flow->weight[i];
        for (size_t i = 0; i < pixels; i++) flow->v[i] /= flow->weight[i];
        for (size_t i = 0; l > finest && i < pixels; i++) {
            flow->start[2 * i] = flow->u[i];
            flow->start[2 * i + 1] = flow->v[i];
        }
    }
    enlarge(flow->full_u, from->width, from->height, flow->u, &flow->level[finest], 1 << finest);
    enlarge(flow->full_v, from->width, from->height, flow->v, &flow->level[finest], 1 << finest);
    *u = flow->full_u;
    *v = flow->full_v;
}
