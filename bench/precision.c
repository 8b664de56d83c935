/* Our side of bench/precision.py: `precision MODEL`, paths of videos on stdin. Each is decoded once and goes through the extractor
 * hybrid in fp32 and in bf16; its line of JSON holds how much its frames move, by how much bf16 changes that, and both logits. */
#include "base/error.h"
#include "features/extractor.h"
#include "features/video.h"
#include "train/classifier.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIMS 2048
#define ENCODER 1280 /* the first of them */
#define FRAMES 16

static struct desy_clip clip;
static float features[2][FRAMES * DIMS];

/* Mean over t of abs(f[t + 1] - f[t]). */
static double movement(const float *f, int frames, int channel)
{
    double sum = 0;
    for (int t = 0; t + 1 < frames; t++) sum += fabs((double)f[(t + 1) * DIMS + channel] - f[t * DIMS + channel]);
    return sum / (frames - 1);
}

static int compare(const struct desy_extractor *hybrid, void *states[2], desy_classifier *classifier)
{
    double moved = 0, changed = 0;
    struct desy_score score[2];
    bool finite;
    for (int p = 0; p < 2; p++) {
        int rc = desy_extractor_extract(hybrid, states[p], &clip, features[p], &finite);
        if (rc == DESY_OK) rc = desy_classifier_score(classifier, &(struct desy_clip_numbers){.features = features[p], .n_frames = clip.frames}, &score[p]);
        if (rc != DESY_OK) return rc;
    }
    for (int c = 0; c < ENCODER; c++) {
        const double exact = movement(features[0], clip.frames, c);
        moved += exact / ENCODER;
        changed += fabs(movement(features[1], clip.frames, c) - exact) / ENCODER;
    }
    printf("{\"movement\": %.9g, \"error\": %.9g, \"fp32\": %.9g, \"bf16\": %.9g}\n", moved, changed / (moved + .01), score[0].logit, score[1].logit);
    return DESY_OK;
}

int main(int argc, char **argv)
{
    int rc = DESY_OK;
    void *states[2] = {NULL, NULL};
    desy_classifier *classifier = NULL;
    const struct desy_extractor *hybrid = NULL;
    struct desy_clip_request request = {.frames = FRAMES, .forensic = true};
    if (argc != 2) return DESY_EUSAGE;
    DESY_TRY(desy_extractor_find(&hybrid, "hybrid"));
    DESY_TRY(desy_classifier_open(&classifier, argv[1], "cpu"));
    DESY_TRY(desy_sampling_parse(&request.sampling, desy_classifier_sampling(classifier)));
    for (int p = 0; p < 2; p++) {
        const struct desy_extractor_options options = {.device = "cpu", .frames = FRAMES, .threads = 1, .precision = p ? DESY_BF16 : DESY_FP32};
        DESY_TRY(hybrid->open(&states[p], &options));
    }
    request.transform = hybrid->transform(states[0]);
    while (fgets(request.path, sizeof request.path, stdin)) {
        request.path[strcspn(request.path, "\n")] = '\0';
        DESY_TRY(desy_video_read(&clip, &request));
        if (clip.status == DESY_STATUS_OK) DESY_TRY(compare(hybrid, states, classifier));
    }
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    for (int p = 0; p < 2; p++)
        if (states[p]) hybrid->close(&states[p]);
    desy_classifier_close(&classifier);
    return rc;
}
