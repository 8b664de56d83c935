/* The likelihood of real clips, for tests/parity/test_stall.py. stdin: int32 dims, clips, frames; then of each clip int32 n_frames, real
 * (0 or 1), and (frames, dims) float32. Fits to the reals; stdout, float64: both means; then for each clip present (0 or 1), likelihood
 * of frames, of steps, both percentiles, score. On stderr the seconds of the fit and the milliseconds of a clip. */
#include "base/error.h"
#include "train/stall.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct clips {
    int dims, n, frames;
    int32_t (*heads)[2]; /* (n): n_frames, real */
    float *features;     /* (n, frames, dims) */
    size_t *reals;       /* which clips */
    size_t count;        /* of reals */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int read_clips(struct clips *clips)
{
    int32_t sizes[3];
    if (fread(sizes, sizeof *sizes, 3, stdin) != 3) return desy_error(DESY_EDATA, "stdin is too short");
    clips->dims = sizes[0];
    clips->n = sizes[1];
    clips->frames = sizes[2];
    const size_t size = (size_t)clips->frames * (size_t)clips->dims;
    clips->heads = malloc((size_t)clips->n * sizeof *clips->heads);
    clips->features = malloc((size_t)clips->n * size * sizeof *clips->features);
    clips->reals = malloc((size_t)clips->n * sizeof *clips->reals);
    if (!clips->heads || !clips->features || !clips->reals) return desy_error_memory("clips");
    for (int i = 0; i < clips->n; i++) {
        if (fread(clips->heads[i], sizeof(int32_t), 2, stdin) != 2 || fread(clips->features + (size_t)i * size, sizeof(float), size, stdin) != size)
            return desy_error(DESY_EDATA, "stdin is too short");
        if (clips->heads[i][1]) clips->reals[clips->count++] = (size_t)i;
    }
    return DESY_OK;
}

static struct desy_stall_clip clip_of(const struct clips *clips, size_t i)
{
    return (struct desy_stall_clip){clips->features + i * (size_t)clips->frames * (size_t)clips->dims, (size_t)clips->dims, clips->heads[i][0]};
}

static int read_real(void *context, size_t i, struct desy_stall_clip *clip)
{
    const struct clips *clips = context;
    *clip = clip_of(clips, clips->reals[i]);
    return DESY_OK;
}

static int print_clip(const struct desy_stall *stall, const struct clips *clips, size_t i)
{
    const struct desy_stall_clip clip = clip_of(clips, i);
    double out[6] = {0};
    bool present;
    int rc = desy_stall_likelihood(stall, out + 1, &present, &clip);
    if (rc != DESY_OK) return rc;
    out[0] = present;
    if (present)
        for (int part = 0; part < DESY_STALL_PARTS; part++) out[3 + part] = desy_stall_percentile(stall, part, out[1 + part]);
    if (present) out[5] = desy_stall_score(stall, out + 1);
    fwrite(out, sizeof out, 1, stdout);
    return DESY_OK;
}

int main(void)
{
    struct clips clips = {0};
    struct desy_stall stall = {0};
    desy_world *world = NULL;
    int rc;
    DESY_TRY(desy_world_open(&world));
    DESY_TRY(read_clips(&clips));
    const double started = now();
    DESY_TRY(desy_stall_fit(&stall, world, clips.dims, clips.count, read_real, &clips));
    const double fitted = now();
    for (int part = 0; part < DESY_STALL_PARTS; part++) fwrite(stall.parts[part].mean, sizeof(double), (size_t)clips.dims, stdout);
    for (int i = 0; i < clips.n; i++) DESY_TRY(print_clip(&stall, &clips, (size_t)i));
    fprintf(stderr, "fit to %zu clips: %.3f s; a clip: %.3f ms\n", clips.count, fitted - started, 1e3 * (now() - fitted) / clips.n);
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_stall_close(&stall);
    free(clips.heads);
    free(clips.features);
    free(clips.reals);
    desy_world_close(&world);
    return rc;
}
