/* The decoding side of bench/decode.py: reads lines "WAY SAMPLING OUTPUT PATH" and answers each with a line of JSON: the CPU seconds
 * that it took, and the frames. WAY: `desy` makes the clip as extraction does, without forensic numbers, and writes its (n, 224, 224, 3)
 * bytes to OUTPUT unless that is "-"; `floor` only opens a decoder and feeds it the packets from the key frame to the last wanted
 * one, which are in memory already; `floor-skipping` the same with pictures left out that nothing refers to. */
#include "bench/bench.h"
#include "features/video.h"
#include "features/video_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct desy_clip clip;
static struct desy_clip_request request = {.frames = 16, .transform = DESY_TRANSFORM_RESNET};
static char picked[sizeof request.path]; /* of the video whose frames `clip` tells */

static int way_desy(double *seconds, const char *output)
{
    double started = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    int rc = desy_video_read(&clip, &request);
    snprintf(picked, sizeof picked, "%s", request.path);
    *seconds = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - started;
    if (rc != DESY_OK || strcmp(output, "-") == 0) return rc;
    FILE *file = fopen(output, "wb");
    if (!file || fwrite(clip.rgb, sizeof *clip.rgb, (size_t)clip.frames, file) != (size_t)clip.frames || fclose(file) != 0)
        return desy_error(DESY_EENV, "%s: can't be written", output);
    return DESY_OK;
}

/* The packets in memory; then one decoder and nothing else. */
static int way_floor(double *seconds, bool skipping)
{
    struct desy_video_source source = {0};
    struct desy_video_timeline timeline = {0};
    bool has_video;
    AVPacket **packets = NULL;
    int64_t count = 0;
    int rc;
    if (strcmp(picked, request.path) != 0) DESY_TRY(desy_video_read(&clip, &request));
    snprintf(picked, sizeof picked, "%s", request.path);
    DESY_TRY(desy_video_source_open(&source, &has_video, request.path));
    DESY_TRY(desy_video_timeline_scan(&timeline, &source));
    packets = calloc((size_t)timeline.packet_count + 1, sizeof *packets);
    desy_video_source_close(&source);
    DESY_TRY(desy_video_source_open(&source, &has_video, request.path));
    while (count < timeline.packet_count && desy_video_source_packet(&source)) packets[count++] = av_packet_clone(source.packet);
    *seconds = 0;
    if (!timeline.exact || clip.status != DESY_STATUS_OK) goto out;
    avcodec_free_context(&source.decoder);
    double started = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const AVCodec *codec = avcodec_find_decoder(source.stream->codecpar->codec_id);
    source.decoder = avcodec_alloc_context3(codec);
    avcodec_parameters_to_context(source.decoder, source.stream->codecpar);
    source.decoder->thread_count = 1;
    if (source.decoder->has_b_frames < timeline.reordering) source.decoder->has_b_frames = timeline.reordering;
    avcodec_open2(source.decoder, codec, NULL);
    int64_t last = -1;
    for (int k = 0; k < clip.frames; k++) {
        int64_t key = desy_video_timeline_key(&timeline, clip.frame_index[k]), own = timeline.shown[clip.frame_index[k]].packet;
        for (int64_t packet = key > last ? key : last + 1; packet <= own; packet++) {
            bool wanted = !skipping;
            for (int j = 0; j < clip.frames; j++) wanted = wanted || timeline.shown[clip.frame_index[j]].packet == packet;
            source.decoder->skip_frame = wanted ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
            avcodec_send_packet(source.decoder, packets[packet]);
            while (avcodec_receive_frame(source.decoder, source.frame) == 0) {}
        }
        if (own > last) last = own;
    }
    avcodec_send_packet(source.decoder, NULL);
    while (avcodec_receive_frame(source.decoder, source.frame) == 0) {}
    avcodec_free_context(&source.decoder);
    *seconds = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - started;
out:
    for (int64_t i = 0; i < count; i++) av_packet_free(&packets[i]);
    free(packets);
    desy_video_timeline_close(&timeline);
    desy_video_source_close(&source);
    return rc;
}

static int answer(const char *way, const char *sampling, const char *output)
{
    double seconds = 0;
    int rc = desy_sampling_parse(&request.sampling, sampling);
    if (rc == DESY_OK) rc = strcmp(way, "desy") == 0 ? way_desy(&seconds, output) : way_floor(&seconds, strcmp(way, "floor-skipping") == 0);
    if (rc != DESY_OK) return rc;
    printf("{\"seconds\": %.9f, \"status\": \"%s\", \"codec\": \"%s\", \"reordering\": %d, \"frames\": [", seconds, desy_status_name(clip.status), clip.codec, clip.reordering);
    for (int k = 0; k < clip.frames; k++) printf("%s%lld", k ? ", " : "", (long long)clip.frame_index[k]);
    printf("], \"times\": [");
    for (int k = 0; k < clip.frames; k++) printf("%s%.9f", k ? ", " : "", clip.pts[k]);
    printf("]}\n");
    return fflush(stdout) == 0 ? DESY_OK : desy_error(DESY_EENV, "stdout: can't be written");
}

int main(void)
{
    char way[32], sampling[32], output[1024];
    int rc = DESY_OK;
    av_log_set_level(AV_LOG_QUIET);
    while (rc == DESY_OK && scanf("%31s %31s %1023s %4095[^\n]", way, sampling, output, request.path) == 4) rc = answer(way, sampling, output);
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    return rc;
}
