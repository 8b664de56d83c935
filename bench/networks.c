/* Our side of bench/networks.py.
 * `networks KIND WEIGHTS BATCH THREADS PRECISION FRAMES OUTPUT [DEVICE CLIPS]`: opens the network, then for each line on stdin runs all frames of FRAMES
 * (raw 224 x 224 RGB) in clips of BATCH frames, CLIPS (default 1) of them at once, writes their features to OUTPUT and answers with the seconds that the runs took.
 * `networks rate PRECISION SECONDS`: multiply-adds a second of one core on registers alone, the most that any program can do. */
#include "bench/bench.h"
#include "features/clip.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME ((size_t)DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3)

#ifdef __x86_64__
/* A dozen sums that do not wait for each other, which is more than the units and their latency take. The empty assembler statement
 * keeps the compiler from doing the work beforehand. */
#define RATE(NAME, TARGET, VECTOR, FMA, LANES, PAIRS)                                        \
    __attribute__((target(TARGET))) static double NAME(void)                                 \
    {                                                                                        \
        VECTOR sum[12] = {0}, a = {0}, b = {0};                                              \
        double started = bench_seconds(CLOCK_MONOTONIC);                                     \
        for (int i = 0; i < 1000000; i++)                                                    \
            _Pragma("GCC unroll 12") for (int k = 0; k < 12; k++) __asm__ volatile(FMA : "+v"(sum[k]) : "v"(a), "v"(b)); \
        return 1e6 * 12 * LANES * PAIRS / (bench_seconds(CLOCK_MONOTONIC) - started);        \
    }
typedef float vector8 __attribute__((vector_size(32)));
typedef float vector16 __attribute__((vector_size(64)));
RATE(rate_avx2, "avx2,fma", vector8, "vfmadd231ps %1, %2, %0", 8, 1)
RATE(rate_avx512, "avx512f", vector16, "vfmadd231ps %1, %2, %0", 16, 1)
RATE(rate_bf16, "avx512f", vector16, "vdpbf16ps %1, %2, %0", 16, 2)
#endif

/* The best of many short rounds, since others may use the machine too. */
static int print_rate(const char *precision, double seconds)
{
    double best = 0;
#ifdef __x86_64__
    double (*rate)(void) = NULL;
    __builtin_cpu_init();
    if (strcmp(precision, "bf16") == 0) rate = __builtin_cpu_supports("avx512bf16") ? rate_bf16 : NULL;
    else rate = __builtin_cpu_supports("avx512f") ? rate_avx512 : __builtin_cpu_supports("avx2") ? rate_avx2 : NULL;
    for (double started = bench_seconds(CLOCK_MONOTONIC); rate && bench_seconds(CLOCK_MONOTONIC) - started < seconds;) {
        double once = rate();
        if (once > best) best = once;
    }
#else
    (void)precision, (void)seconds;
#endif
    printf("%.6g\n", best);
    return DESY_OK;
}

static int read_frames(uint8_t **rgb, size_t *n, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) return desy_error(DESY_EDATA, "%s can't be read", path);
    *n = (size_t)ftell(file) / FRAME;
    rewind(file);
    *rgb = malloc(*n * FRAME);
    bool ok = *rgb && fread(*rgb, FRAME, *n, file) == *n;
    fclose(file);
    return ok ? DESY_OK : desy_error(DESY_EDATA, "%s can't be read", path);
}

static int write_features(const float *features, size_t count, const char *path)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(features, sizeof *features, count, file) == count;
    if (file && fclose(file) != 0) ok = false;
    return ok ? DESY_OK : desy_error(DESY_EENV, "%s can't be written", path);
}

/* The batch in a slot, to where its features belong; `first` and n in frames. */
static int take_batch(desy_backbone *backbone, int slot, float *features, size_t first, size_t n)
{
    const size_t dims = (size_t)desy_backbone_dims(backbone);
    const float *made;
    const int rc = desy_backbone_finish(backbone, slot, &made);
    if (rc == DESY_OK) memcpy(features + first * dims, made, n * dims * sizeof *features);
    return rc;
}

/* As extraction does it: while a batch is on its way, the next is put in the other slot. */
static int run_all(desy_backbone *backbone, const uint8_t *rgb, size_t n, size_t frames, float *features)
{
    const size_t most = frames * (size_t)desy_backbone_clips(backbone);
    int slot = 0, rc = DESY_OK;
    size_t first = 0, begun = 0;
    for (; first < n; first += begun, slot = !slot) {
        const size_t before = begun, here = n - first < most ? n - first : most;
        for (size_t k = 0; k < here; k += frames)
            DESY_TRY(desy_backbone_put(backbone, slot, (int)(k / frames), rgb + (first + k) * FRAME, (int)(here - k < frames ? here - k : frames)));
        DESY_TRY(desy_backbone_start(backbone, slot));
        if (before) DESY_TRY(take_batch(backbone, !slot, features, first - before, before));
        begun = here;
    }
    DESY_TRY(take_batch(backbone, !slot, features, n - begun, begun));
out:
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "rate") == 0) return print_rate(argv[2], atof(argv[3]));
    if (argc != 8 && argc != 10) return DESY_EUSAGE;
    int rc = DESY_OK;
    char line[64];
    size_t n = 0;
    uint8_t *rgb = NULL;
    float *features = NULL;
    desy_backbone *backbone = NULL;
    struct desy_backbone_options options = {
        .kind = strcmp(argv[1], "resnet50") == 0 ? DESY_BACKBONE_RESNET50 : DESY_BACKBONE_EFFICIENTNET_LITE0,
        .weights = argv[2], .device = argc > 8 ? argv[8] : "cpu", .frames = atoi(argv[3]), .clips = argc > 9 ? atoi(argv[9]) : 1, .threads = atoi(argv[4])};
    DESY_TRY(desy_precision_parse(&options.precision, argv[5]));
    DESY_TRY(desy_backbone_open(&backbone, &options));
    DESY_TRY(read_frames(&rgb, &n, argv[6]));
    const size_t dims = (size_t)desy_backbone_dims(backbone);
    features = malloc(n * dims * sizeof *features);
    if (!features) DESY_TRY(desy_error_memory("features"));
    while (fgets(line, sizeof line, stdin)) {
        double started = bench_seconds(CLOCK_MONOTONIC);
        DESY_TRY(run_all(backbone, rgb, n, (size_t)options.frames, features));
        double seconds = bench_seconds(CLOCK_MONOTONIC) - started;
        DESY_TRY(write_features(features, n * dims, argv[7]));
        printf("%.9f\n", seconds);
        fflush(stdout);
    }
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_backbone_close(&backbone);
    free(rgb);
    free(features);
    return rc;
}
