/* clip_scores MODEL [N]: what the program makes of clips. stdin, each clip: int32 n_frames, int32 audio_samples, features (T, D) float32; then, where the model reads
 * them, crops (4, 224, 224, 3) uint8, audio (32000) int16, a text (64 bytes, ended by 0). stdout, each: float64 logit, low, mid, high, channel logits; NaN: none.
 * With N: each clip N times over, and the median time of one, in microseconds, on stderr. */
#include "base/error.h"
#include "features/clip.h"
#include "train/classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    enum { CROPS = DESY_CROPS * DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3, TEXT = 64 };
    desy_classifier *classifier = NULL;
    int32_t lengths[2];
    int repeats = argc > 2 ? atoi(argv[2]) : 1;
    if (argc < 2 || repeats < 1) return DESY_EUSAGE;
    int rc = desy_classifier_open(&classifier, argv[1], "cpu");
    if (rc != DESY_OK) return fprintf(stderr, "%s\n", desy_error_message()), rc;
    const size_t numbers = (size_t)desy_classifier_frames(classifier) * (size_t)desy_classifier_dims(classifier);
    float *features = malloc(numbers * sizeof *features);
    uint8_t *crops = desy_classifier_reads(classifier, DESY_READS_CROPS) ? malloc(CROPS) : NULL;
    int16_t *audio = desy_classifier_reads(classifier, DESY_READS_AUDIO) ? malloc(DESY_AUDIO_SAMPLES * sizeof *audio) : NULL;
    double *times = malloc((size_t)repeats * sizeof *times);
    char text[TEXT] = "";
    while (features && times && rc == DESY_OK && fread(lengths, sizeof lengths, 1, stdin) == 1) {
        struct desy_score score;
        if (fread(features, sizeof *features, numbers, stdin) != numbers || (crops && fread(crops, 1, CROPS, stdin) != CROPS) ||
            (audio && fread(audio, sizeof *audio, DESY_AUDIO_SAMPLES, stdin) != DESY_AUDIO_SAMPLES) ||
            (desy_classifier_reads(classifier, DESY_READS_TEXT) && fread(text, 1, TEXT, stdin) != TEXT))
            rc = desy_error(DESY_EDATA, "half a clip");
        const struct desy_clip_numbers clip = {.features = features, .n_frames = lengths[0], .crops = crops, .audio = audio, .audio_samples = lengths[1], .text = text};
        for (int i = 0; rc == DESY_OK && i < repeats; i++) {
            const double begin = now();
            rc = desy_classifier_score(classifier, &clip, &score);
            times[i] = now() - begin;
        }
        if (rc != DESY_OK) break;
        const double first[] = {score.logit, score.low, score.mid, score.high};
        fwrite(first, sizeof *first, 4, stdout);
        fwrite(score.channel_logits, sizeof(double), (size_t)score.channels, stdout);
        if (argc < 3) continue;
        qsort(times, (size_t)repeats, sizeof *times, compare);
        fprintf(stderr, "%.3f\n", 1e6 * times[repeats / 2]);
    }
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    free(features);
    free(crops);
    free(audio);
    free(times);
    desy_classifier_close(&classifier);
    return rc;
}
