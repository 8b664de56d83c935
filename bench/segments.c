/* Segment writing measured (docs/performance.md): segments with everything that makes them durable, against dd with fsync of files of the same size on
 * the same disk, in turn. Exits with 1 below the bar.   bench_segments [FOLDER] */
#include "bench/bench.h"
#include "base/file.h"
#include "base/random.h"
#include "features/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 16, DIMS = 2048, REPEATS = 9 };
#define BAR .8

/* Seconds that it takes to write segments first..first+n-1; *bytes: their size. */
static double write_segments(const char *store, int first, int n, int items, const float *features, int64_t *bytes)
{
    static struct desy_clip clip = {.status = DESY_STATUS_OK, .frames = FRAMES, .codec = "h264", .container = "mov", .pixel_format = "yuv420p", .width = 1280,
                                    .height = 720, .fps = 24, .duration = 5};
    desy_committer *committer;
    const double started = bench_seconds(CLOCK_MONOTONIC);
    bench_must(desy_committer_open(&committer, 0));
    for (int s = first; s < first + n; s++) {
        desy_segment *segment;
        const struct desy_segment_options options = {store, (uint64_t)s, {.extractor = "hybrid", .frames = FRAMES, .dims = DIMS}, "config", "data set", 0};
        bench_must(desy_segment_open(&segment, &options));
        for (int i = 0; i < items; i++) {
            char path[64];
            snprintf(path, sizeof path, "clips/source-3/%08d.mp4", s * items + i);
            const struct desy_item item = {.id = (uint64_t)i, .video_path = path, .source = "source-3", .group = "", .text = "", .audio_path = ""};
            bench_must(desy_segment_append(segment, &item, &clip, features + (size_t)i * FRAMES * DIMS));
        }
        bench_must(desy_committer_add(committer, &segment, "inputs"));
    }
    bench_must(desy_committer_wait(committer));
    desy_committer_close(&committer);
    const double seconds = bench_seconds(CLOCK_MONOTONIC) - started;
    char *path = desy_format("%s/seg/%02d/seg-%07d.h5", store, first % 100, first);
    int64_t mtime;
    desy_file_stamp(path, bytes, &mtime);
    free(path);
    return seconds;
}

/* Seconds that dd says it took, n files from memory. */
static double run_dd(const char *folder, int n, int64_t bytes, const char *from)
{
    double seconds = 0;
    for (int i = 0; i < n; i++) {
        char *command = desy_format("LC_ALL=C dd if=%s of=%s/dd-%d bs=1M count=%lld iflag=count_bytes conv=fsync 2>&1", from, folder, i, (long long)bytes);
        FILE *said = popen(command, "r");
        char line[256];
        double took = -1;
        while (said && fgets(line, sizeof line, said)) {
            const char *copied = strstr(line, "copied, ");
            if (copied) took = atof(copied + 8);
        }
        if (!said || pclose(said) != 0 || took <= 0) fprintf(stderr, "bench/segments: dd failed\n"), exit(2);
        seconds += took;
        free(command);
    }
    return seconds;
}

static bool measure(const char *folder, int items, int n, const float *features, const char *memory)
{
    double ratios[REPEATS], rates[REPEATS], of_dd[REPEATS];
    int64_t bytes;
    char *store = desy_format("%s/store", folder), *clean = desy_format("rm -rf %s/*", folder);
    for (int r = -1; r < REPEATS; r++) { /* the first round warms up, and tells the size */
        const double ours = write_segments(store, 0, n, items, features, &bytes), theirs = run_dd(folder, n, bytes, memory);
        if (r >= 0) ratios[r] = theirs / ours, rates[r] = (double)bytes * n / ours / 1e6, of_dd[r] = (double)bytes * n / theirs / 1e6;
        if (system(clean) != 0) exit(2);
    }
    const double ratio = bench_median(ratios, REPEATS), rate = bench_median(rates, REPEATS), rate_of_dd = bench_median(of_dd, REPEATS);
    printf("| %d segments of %d items, %.1f MB each | %.0f MB/s | %.0f MB/s | %.2f (%.2f to %.2f) | >= %.2f | %s |\n", n, items, (double)bytes / 1e6,
           rate, rate_of_dd, ratio, ratios[0], ratios[REPEATS - 1], BAR, ratio >= BAR ? "ok" : "BELOW");
    fflush(stdout);
    free(store);
    free(clean);
    return ratio >= BAR;
}

int main(int argc, char **argv)
{
    const int large = (int)desy_store_block_items(10000000, 1, &(struct desy_store_shape){.extractor = "hybrid", .frames = FRAMES, .dims = DIMS});
    const size_t n = (size_t)large * FRAMES * DIMS + (1 << 20);
    float *features = malloc(n * sizeof *features);
    char *folder = desy_format("%s/desy-bench-XXXXXX", argc > 1 ? argv[1] : "."), memory[] = "/dev/shm/desy-bench-XXXXXX";
    const int fd = mkstemp(memory);
    if (!features || !mkdtemp(folder) || fd < 0) fprintf(stderr, "bench/segments: cannot begin in %s\n", folder), exit(2);
    for (size_t i = 0; i < n; i++) features[i] = (float)desy_random_uniform(1, 2, i);
    FILE *file = fdopen(fd, "wb");
    if (fwrite(features, sizeof *features, n, file) != n || fclose(file) != 0) fprintf(stderr, "bench/segments: /dev/shm is full\n"), exit(2);
    printf("| what | DeSY | dd conv=fsync | ratio, median of %d | bar | |\n| --- | --- | --- | --- | --- | --- |\n", REPEATS);
    bool ok = measure(folder, large, 8, features, memory);
    ok &= measure(folder, 16, 64, features, memory);
    unlink(memory);
    rmdir(folder);
    free(folder);
    free(features);
    return !ok;
}
