/* Every level of the kernels that this processor has against the scalar one, bit for bit, and a digest of what they made, to compare with other
 * processors' (test_kernels_neon.sh). Without cmocka, so that a cross compiler's libc is enough.
 * --bench: nanoseconds of each instead, and of a 720p frame's numbers, medians of interleaved repeats; exit code 1 below the bars. */
#include "base/error.h"
#include "features/forensic.h"
#include "features/kernels.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GUARD = 64, MOST_LEVELS = 8, MOST_RADIUS = 40 };
enum picture_kind { NOISE, FLAT, GRADIENT, EXTREMES, SOFT, STRIPES, BARS, KINDS };

static int failures, comparisons;
static uint64_t state, digest;

static uint32_t random_below(uint32_t n) /* SplitMix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)((z ^ z >> 31) % n);
}

static void add_to_digest(const void *bytes, size_t n) /* FNV-1a */
{
    for (size_t i = 0; i < n; i++) digest = (digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
}

static void check(bool good, const char *level, const char *kernel, int a, int b)
{
    comparisons++;
    if (good) return;
    failures++;
    printf("%s: %s differs from scalar or writes where it must not (%d, %d)\n", level, kernel, a, b);
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory) return memory;
    puts("out of memory");
    exit(3);
}

/* Room for an output with bytes around it that nothing may change. It begins at any alignment that `step`, the size of its numbers, allows. */
struct guarded {
    uint8_t *memory, *at;
    size_t bytes, all;
};

static struct guarded guard(size_t bytes, size_t step)
{
    struct guarded g = {.bytes = bytes, .all = bytes + 3 * GUARD};
    g.memory = allocate(g.all);
    g.at = g.memory + GUARD + random_below((uint32_t)(GUARD / step)) * step;
    memset(g.memory, 0xa5, g.all);
    return g;
}

static bool intact(const struct guarded *g)
{
    for (size_t i = 0; i < g->all; i++) {
        const uint8_t *at = g->memory + i;
        if ((at < g->at || at >= g->at + g->bytes) && *at != 0xa5) return false;
    }
    return true;
}

/* The first `bytes` are as expected, and nothing beyond the output was written. */
static bool same(const struct guarded *expected, const struct guarded *got, size_t bytes)
{
    add_to_digest(got->at, bytes);
    return memcmp(expected->at, got->at, bytes) == 0 && intact(got);
}

/* Exactly the bytes of a picture, so that AddressSanitizer sees whoever reads beyond its last pixel. */
static uint8_t *picture(enum picture_kind kind, int width, int height, ptrdiff_t stride)
{
    uint8_t *pixels = allocate((size_t)((height - 1) * stride + width));
    const uint32_t flat = random_below(256);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint32_t value = flat;
            if (kind == NOISE) value = random_below(256);
            if (kind == GRADIENT) value = (uint32_t)(3 * x + 2 * y) / 4;
            if (kind == EXTREMES) value = random_below(2) * 255;
            if (kind == SOFT) value = (uint32_t)(x + y) / 3 + random_below(4);
            if (kind == STRIPES) value = (x + y) % 2 * 255u;
            if (kind == BARS) value = x / 8 % 2 * 255u; /* the largest coefficients of the last Haar level */
            pixels[y * stride + x] = (uint8_t)value;
        }
    return pixels;
}

static void test_blur(const struct desy_kernels *scalar, const struct desy_kernels *level, int width, int radius)
{
    const uint8_t *rows[2 * MOST_RADIUS + 1];
    uint16_t weights[MOST_RADIUS + 1] = {0}, *in = allocate((size_t)(width + 2 * radius) * sizeof *in);
    uint8_t *pixels = picture((enum picture_kind)random_below(KINDS), width, 2 * radius + 1, width);
    for (int i = 0; i < 128; i++) weights[1 + random_below((uint32_t)radius)] += i % 2;
    weights[0] = 128;
    for (int k = 0; k <= 2 * radius; k++) rows[k] = pixels + k * width;
    const bool most = random_below(4) == 0;
    for (int i = 0; i < width + 2 * radius; i++) in[i] = most ? 255 * 256 : (uint16_t)random_below(255 * 256 + 1);
    struct guarded a = guard((size_t)width * 2, 2), b = guard((size_t)width * 2, 2), c = guard((size_t)width, 1), d = guard((size_t)width, 1);
    scalar->blur_down((uint16_t *)a.at, rows, weights, radius, width);
    level->blur_down((uint16_t *)b.at, rows, weights, radius, width);
    check(same(&a, &b, a.bytes), level->name, "blur_down", width, radius);
    scalar->blur_across(c.at, in, weights, radius, width);
    level->blur_across(d.at, in, weights, radius, width);
    check(same(&c, &d, c.bytes), level->name, "blur_across", width, radius);
    free(a.memory), free(b.memory), free(c.memory), free(d.memory), free(in), free(pixels);
}

static void test_resize(const struct desy_kernels *scalar, const struct desy_kernels *level, int from, int to, int channels)
{
    struct desy_axis vertical, horizontal;
    const int rows = 1 + (int)random_below(DESY_RESIZE_ROWS), columns = from * channels;
    const enum desy_filter filter = from > to && random_below(2) ? DESY_FILTER_AREA : random_below(2) ? DESY_FILTER_BICUBIC : DESY_FILTER_TRIANGLE;
    if (desy_axis_open(&vertical, filter, from, rows, 0, rows) != DESY_OK || desy_axis_open(&horizontal, filter, from, to, 0, to) != DESY_OK) exit(3);
    const ptrdiff_t stride = columns + (int)random_below(5);
    uint8_t *pixels = picture((enum picture_kind)random_below(KINDS), columns, from, stride);
    const size_t bytes = (size_t)columns * sizeof(struct desy_resize_column), out_stride = (size_t)(to * channels) + 3;
    struct guarded a = guard(bytes, 4), b = guard(bytes, 4), c = guard(out_stride * (size_t)rows, 1), d = guard(out_stride * (size_t)rows, 1);
    struct desy_resize_column *expected = (struct desy_resize_column *)a.at, *got = (struct desy_resize_column *)b.at;
    scalar->resize_down(expected, pixels, stride, columns, &vertical, 0, rows);
    level->resize_down(got, pixels, stride, columns, &vertical, 0, rows);
    bool good = intact(&b);
    for (int x = 0; x < columns; x++)
        for (int r = 0; r < rows; r++) good = good && expected[x].high[r] == got[x].high[r] && expected[x].low[r] == got[x].low[r];
    check(good, level->name, "resize_down", from, to);
    for (int x = 0; x < columns; x++) /* rows that are not made hold nothing that may overflow */
        for (int r = rows; r < DESY_RESIZE_ROWS; r++) got[x].high[r] = got[x].low[r] = 0;
    scalar->resize_across(c.at, (ptrdiff_t)out_stride, got, channels, horizontal.first[0], &horizontal, rows);
    level->resize_across(d.at, (ptrdiff_t)out_stride, got, channels, horizontal.first[0], &horizontal, rows);
    check(same(&c, &d, c.bytes), level->name, "resize_across", from, to);
    desy_axis_close(&vertical), desy_axis_close(&horizontal);
    free(a.memory), free(b.memory), free(c.memory), free(d.memory), free(pixels);
}

static void test_dct(const struct desy_kernels *scalar, const struct desy_kernels *level, const struct desy_region *region)
{
    struct guarded a = guard(sizeof(struct desy_dct_sums), 8), b = guard(sizeof(struct desy_dct_sums), 8);
    memset(a.at, 0, a.bytes), memset(b.at, 0, b.bytes);
    scalar->dct_sums((struct desy_dct_sums *)a.at, region);
    level->dct_sums((struct desy_dct_sums *)b.at, region);
    check(same(&a, &b, a.bytes), level->name, "dct_sums", region->width, region->height);
    free(a.memory), free(b.memory);
}

static void test_triples(const struct desy_kernels *scalar, const struct desy_kernels *level, const struct desy_region *region)
{
    struct guarded a = guard(2 * DESY_TRIPLES * 4, 4), b = guard(2 * DESY_TRIPLES * 4, 4);
    for (int k = 0; k < DESY_RESIDUALS; k++) {
        scalar->count_triples((uint32_t(*)[DESY_TRIPLES])a.at, (enum desy_residual)k, region);
        level->count_triples((uint32_t(*)[DESY_TRIPLES])b.at, (enum desy_residual)k, region);
        check(same(&a, &b, a.bytes), level->name, "count_triples", region->width, region->height);
    }
    free(a.memory), free(b.memory);
}

/* But for what needs a frame before. */
static int numbers_of(float *numbers, const uint8_t *luma, int stride, int width, int height, const struct desy_kernels *kernels)
{
    static uint8_t scaled[DESY_SCALED_HEIGHT * DESY_SCALED_SIDE];
    struct desy_region region;
    const int rc = desy_forensic_region(&region, scaled, luma, stride, width, height, kernels);
    if (rc == DESY_OK) desy_forensic_numbers(numbers, &region, kernels);
    return rc;
}

static void test_frame(const struct desy_kernels *scalar, const struct desy_kernels *level, int width, int height)
{
    float expected[DESY_FORENSIC_DIMS] = {0}, got[DESY_FORENSIC_DIMS] = {0};
    const int stride = width + (int)random_below(9);
    uint8_t *luma = picture((enum picture_kind)random_below(KINDS), width, height, stride);
    if (numbers_of(expected, luma, stride, width, height, scalar) != DESY_OK || numbers_of(got, luma, stride, width, height, level) != DESY_OK) exit(3);
    add_to_digest(got, sizeof got);
    check(memcmp(expected, got, sizeof got) == 0, level->name, "a whole frame", width, height);
    free(luma);
}

static void test_level(const struct desy_kernels *scalar, const struct desy_kernels *level)
{
    static const int sides[] = {16, 32, 48, 112, 144, 240, 256}, frames[][2] = {{16, 16}, {37, 300}, {300, 310}, {511, 257}, {640, 480}};
    state = 1, digest = 0xcbf29ce484222325, comparisons = 0;
    for (int width = 1; width <= 200; width++) test_blur(scalar, level, width, 1 + width % 9);
    for (int radius = 1; radius < MOST_RADIUS; radius += 3) test_blur(scalar, level, 700 + radius, radius);
    for (int from = 1; from <= 200; from += 3) test_resize(scalar, level, from, 1 + (int)random_below(150), from % 2 ? 1 : 3);
    for (int i = 0; i < 7; i++)
        for (int kind = 0; kind < KINDS; kind++) {
            struct desy_region region = {.width = sides[i], .height = sides[random_below(7)]};
            region.stride = region.width + (int)random_below(40);
            uint8_t *luma = picture((enum picture_kind)kind, region.width, region.height, region.stride);
            region.luma = luma;
            test_dct(scalar, level, &region);
            test_triples(scalar, level, &region);
            free(luma);
        }
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) test_frame(scalar, level, frames[i][0], frames[i][1]);
    printf("%s: %d comparisons with scalar, digest %016llx\n", level->name, comparisons, (unsigned long long)digest);
}

/* What the benchmark works on: the sizes of a frame of 1280 x 720, whose middle 256 columns become of 726. */
static struct material {
    uint8_t *luma;
    const uint8_t *rows[7];
    uint16_t weights[4], words[800];
    struct desy_resize_column columns[800];
    struct desy_axis vertical, horizontal;
    struct desy_region scaled;
    struct desy_dct_sums sums;
    uint8_t out[16 * 256];
    float numbers[DESY_FORENSIC_DIMS];
    int64_t total;
} m = {.weights = {104, 62, 13, 1}};

typedef void benchmark(const struct desy_kernels *k);
static void bench_blur_down(const struct desy_kernels *k) { k->blur_down(m.words, m.rows, m.weights, 3, 726); }
static void bench_blur_across(const struct desy_kernels *k) { k->blur_across(m.out, m.words, m.weights, 3, 720); }
static void bench_resize_down(const struct desy_kernels *k) { k->resize_down(m.columns, m.luma, 1280, 720, &m.vertical, 0, 16); }
static void bench_resize_across(const struct desy_kernels *k) { k->resize_across(m.out, 256, m.columns, 1, m.horizontal.first[0], &m.horizontal, 16); }
static void bench_dct(const struct desy_kernels *k) { k->dct_sums(&m.sums, &m.scaled); }
static void bench_frame(const struct desy_kernels *k) { m.total += numbers_of(m.numbers, m.luma, 1280, 1280, 720, k); }

static void bench_triples(const struct desy_kernels *k)
{
    uint32_t counts[2][DESY_TRIPLES];
    for (int residual = 0; residual < DESY_RESIDUALS; residual++) k->count_triples(counts, (enum desy_residual)residual, &m.scaled);
    m.total += counts[1][0];
}

static const struct {
    const char *name;
    benchmark *run;
} benchmarks[] = {
    {"blur_down", bench_blur_down}, {"blur_across", bench_blur_across}, {"resize_down", bench_resize_down}, {"resize_across", bench_resize_across},
    {"dct_sums", bench_dct}, {"count_triples, all six", bench_triples}, {"a frame of 1280 x 720", bench_frame},
};
enum { BENCHMARKS = sizeof benchmarks / sizeof *benchmarks, REPEATS = 21 };

static void prepare(void)
{
    const int width = desy_rescale_width(1280, 720);
    m.luma = picture(SOFT, 1280, 720, 1280);
    for (int i = 0; i < 7; i++) m.rows[i] = m.luma + 1280 * i;
    if (desy_axis_open(&m.vertical, DESY_FILTER_BICUBIC, 720, 256, 0, 256) != DESY_OK) exit(3);
    if (desy_axis_open(&m.horizontal, DESY_FILTER_BICUBIC, 1280, width, (width - 256) / 2, 256) != DESY_OK) exit(3);
    m.scaled = (struct desy_region){m.luma, 256, 256, 256};
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* memory is kept, as decode helpers keep it after their first frames */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

static double nanoseconds_of(benchmark *run, const struct desy_kernels *kernels, int calls)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (int i = 0; i < calls; i++) run(kernels);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / calls;
}

static int ascending(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

/* The last level is the scalar one. */
static int bench(const struct desy_kernels *const *list, int levels)
{
    static const struct {
        const char *name;
        double nanoseconds; /* of a frame, at most */
    } bars[] = {{"avx512", 1.5e6}, {"avx2", 2.5e6}};
    double times[MOST_LEVELS][REPEATS];
    int below = 0;
    prepare();
    for (int i = 0; i < BENCHMARKS; i++) {
        const int calls = 1 + (int)(2e6 / nanoseconds_of(benchmarks[i].run, list[levels - 1], 3));
        for (int r = 0; r < REPEATS; r++)
            for (int l = 0; l < levels; l++) times[l][r] = nanoseconds_of(benchmarks[i].run, list[l], calls);
        for (int l = 0; l < levels; l++) qsort(times[l], REPEATS, sizeof times[l][0], ascending);
        printf("%-24s", benchmarks[i].name);
        for (int l = 0; l < levels; l++) printf("  %s %.0f ns (%.1f x)", list[l]->name, times[l][REPEATS / 2], times[levels - 1][REPEATS / 2] / times[l][REPEATS / 2]);
        puts("");
    }
    for (int l = 0; l < levels; l++)
        for (size_t b = 0; b < sizeof bars / sizeof *bars; b++) {
            if (strcmp(list[l]->name, bars[b].name) != 0) continue;
            const double took = times[l][REPEATS / 2], ratio = times[levels - 1][REPEATS / 2] / took;
            const bool good = took <= bars[b].nanoseconds && ratio >= 8;
            printf("%s: %.2f ms a frame (bar %.1f), %.1f x scalar (bar 8): %s\n", list[l]->name, took / 1e6, bars[b].nanoseconds / 1e6, ratio, good ? "good" : "BELOW THE BAR");
            below += !good;
        }
    return below > 0;
}

int main(int argc, char **argv)
{
    const struct desy_kernels *list[MOST_LEVELS];
    const int levels = desy_kernels_list(list, MOST_LEVELS);
    if (argc == 2 && strcmp(argv[1], "--bench") == 0) return bench(list, levels);
    for (int i = 0; i + 1 < levels; i++) test_level(list[levels - 1], list[i]);
    if (levels < 2) puts("SKIP: needs AVX2, AVX-512 or NEON");
    return failures ? 1 : levels < 2 ? 77 : 0;
}
