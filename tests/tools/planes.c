/* Decoded planes, for tests/parity/test_decode.py: planes FILE... For each file a line: file, 1 if its packets tell its frames, else 0; number
 * of frames. Then lines: how it was decoded, frame, SHA-256 of its planes. Ways by the index, each checked against the timeline: `all` in a
 * row; `skipping`: every third, the others left out where nothing refers to them; `alone`: single ones in random order. And `counted`.
 * Frame -1: this way was refused, after what stands before it. */
#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "features/video_decode.h"

#include <libavutil/imgutils.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 400

static struct desy_video_source source;
static struct desy_video_timeline timeline;
static int64_t frames[MOST];
static const char *way;

static int print_planes(void *context, int k)
{
    const AVFrame *frame = source.frame;
    const int size = av_image_get_buffer_size(frame->format, frame->width, frame->height, 1);
    char hex[DESY_SHA256_HEX];
    uint8_t *planes = malloc((size_t)size);
    int rc;
    (void)context;
    if (!planes) return desy_error_memory("planes");
    av_image_copy_to_buffer(planes, size, (const uint8_t *const *)frame->data, frame->linesize, frame->format, frame->width, frame->height, 1);
    DESY_TRY(desy_sha256_bytes(hex, planes, (size_t)size));
    printf("%s\t%lld\t%s\n", way, (long long)frames[k], hex);
out:
    free(planes);
    return rc;
}

static int open_source(const char *path)
{
    bool has_video;
    desy_video_source_close(&source);
    return desy_video_source_open(&source, &has_video, path);
}

static int by_index(const char *path, const char *name, int count, bool skipping)
{
    const struct desy_video_wanted wanted = {frames, count, print_planes, NULL};
    bool exact;
    way = name;
    int rc = desy_video_decode_by_index(&source, &timeline, &wanted, skipping, &exact);
    if (rc != DESY_OK || exact) return rc;
    printf("%s\t-1\trefused\n", name);
    return open_source(path);
}

static int all_ways(const char *path)
{
    int rc, count;
    DESY_TRY(open_source(path));
    DESY_TRY(desy_video_timeline_scan(&timeline, &source));
    const bool exact = timeline.exact;
    if (!exact) {
        DESY_TRY(open_source(path));
        DESY_TRY(desy_video_timeline_decode(&timeline, &source));
    }
    printf("%s\t%d\t%lld\n", path, exact, (long long)timeline.count);
    if (timeline.count > MOST) return desy_error(DESY_EDATA, "%s: more than %d frames", path, MOST);
    for (count = 0; count < timeline.count; count++) frames[count] = count;
    if (exact) DESY_TRY(by_index(path, "all", count, false));
    if (exact) {
        const int64_t all = timeline.count;
        for (count = 0; 3 * count + 1 < all; count++) frames[count] = 3 * count + 1;
        DESY_TRY(by_index(path, "skipping", count, !timeline.by_decoding_times));
        for (int i = 0; i < 12; i++) {
            frames[0] = (int64_t)(desy_random_u64(1, 0, (uint64_t)i) % (uint64_t)all);
            DESY_TRY(by_index(path, "alone", 1, i % 2 && !timeline.by_decoding_times));
        }
    }
    for (count = 0; count < timeline.count; count++) frames[count] = count;
    DESY_TRY(open_source(path));
    way = "counted";
    const struct desy_video_wanted wanted = {frames, count, print_planes, NULL};
    int64_t position = 0;
    DESY_TRY(desy_video_decode_by_counting(&source, &timeline, &wanted, &position));
out:
    desy_video_timeline_close(&timeline);
    desy_video_source_close(&source);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = DESY_OK;
    av_log_set_level(AV_LOG_QUIET);
    for (int i = 1; i < argc && rc == DESY_OK; i++) rc = all_ways(argv[i]);
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    return rc;
}
