#include "detect/reliability.h"

#include "base/cpu.h"
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STILL .5       /* of 255: an encoder's own noise on a still picture is below, a hand or a sensor above */
#define FLAT 4.        /* of 255: standard deviation of a frame's pixels */
#define BLACK 20.      /* of 255: mean of a frame; the darkest luma of video is 16 */
#define SMALLEST 64    /* pixels */
#define FEWEST 8       /* frames */
#define SHORTEST 1.    /* seconds */

enum { ROW = DESY_INPUT_SIDE * 3, PIXELS = DESY_INPUT_SIDE * ROW };

/* What the network sees of a frame: the middle, enlarged or shrunk to 224. */
static const uint8_t *pixels(const struct desy_clip *clip, int k) { return &clip->rgb[k][0][0][0]; }

/* In 32 bits within a row, where nothing overflows: whole vectors. */
DESY_VECTOR_CLONES static void add_row(const uint8_t *row, int64_t *sum, int64_t *square)
{
    uint32_t sums = 0, squares = 0;
    for (int i = 0; i < ROW; i++) {
        sums += row[i];
        squares += (uint32_t)(row[i] * row[i]);
    }
    *sum += sums, *square += squares;
}

DESY_VECTOR_CLONES static int64_t change_of_row(const uint8_t *row, const uint8_t *before)
{
    uint32_t change = 0;
    for (int i = 0; i < ROW; i++) change += (uint32_t)abs(row[i] - before[i]);
    return change;
}

static void look_at_frame(struct desy_reliability *r, const uint8_t *frame)
{
    int64_t sum = 0, square = 0;
    for (int i = 0; i < PIXELS; i += ROW) add_row(frame + i, &sum, &square);
    const double mean = (double)sum / PIXELS, variance = (double)square / PIXELS - mean * mean;
    r->frames++;
    r->flat += variance < FLAT * FLAT;
    r->black += mean < BLACK;
}

void desy_reliability_add(struct desy_reliability *r, const struct desy_clip *clip)
{
    const double duration = clip->pts[clip->frames - 1] - clip->pts[0];
    r->clips++;
    r->side = clip->width < clip->height ? clip->width : clip->height;
    r->total_frames = clip->total_frames;
    if (duration > r->duration) r->duration = duration;
    for (int k = 0; k < clip->frames; k++) {
        int64_t change = 0;
        look_at_frame(r, pixels(clip, k));
        for (int i = 0; k > 0 && i < PIXELS; i += ROW) change += change_of_row(pixels(clip, k) + i, pixels(clip, k - 1) + i);
        if ((double)change / PIXELS > r->change) r->change = (double)change / PIXELS;
    }
}

__attribute__((format(printf, 2, 3))) static void add_reason(char *text, const char *format, ...)
{
    char reason[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    const size_t used = strlen(text);
    snprintf(text + used, DESY_RELIABILITY_TEXT - used, "%s%s", used ? "; " : "", reason);
}

/* The channel that is farthest beyond its limit. */
static void add_far(char *text, const cJSON *limits, const desy_classifier *classifier, const struct desy_score *score)
{
    int worst = -1;
    double most = 1;
    for (int c = 0; c < score->channels; c++) {
        const double beyond = score->distances[c] / desy_json_number_of(limits, desy_classifier_channel(classifier, c));
        if (!(beyond > most)) continue;
        most = beyond;
        worst = c;
    }
    if (worst >= 0)
        add_reason(text, "unlike the training clips: the numbers of %s lie %.2f standard deviations from theirs, which lie within %.2f", desy_classifier_channel(classifier, worst),
                   score->distances[worst], score->distances[worst] / most);
}

bool desy_reliability_judge(char *text, const struct desy_reliability *r, const desy_classifier *classifier, const struct desy_score *score, double logit, double threshold,
                            bool level_alone)
{
    const cJSON *facts = cJSON_GetObjectItemCaseSensitive(desy_classifier_model(classifier), "reliability");
    const double above = logit - (log(threshold) - log1p(-threshold)), width = desy_json_number_of(facts, above >= 0 ? "band_above" : "band_below");
    text[0] = '\0';
    if (r->side < SMALLEST) add_reason(text, "tiny: the shorter side has %d pixels, fewer than %d", r->side, SMALLEST);
    if (r->total_frames < FEWEST) add_reason(text, "very short: %lld frames, fewer than %d", (long long)r->total_frames, FEWEST);
    else if (r->duration < SHORTEST) add_reason(text, "very short: the frames looked at span %.2f s, less than %g s", r->duration, SHORTEST);
    if (2 * r->black >= r->frames) add_reason(text, "black: %d of %d frames show next to nothing", r->black, r->frames);
    else if (2 * r->flat >= r->frames) add_reason(text, "flat: %d of %d frames are of one colour", r->flat, r->frames);
    if (r->change < STILL) add_reason(text, "static: nothing moves");
    add_far(text, cJSON_GetObjectItemCaseSensitive(facts, "distance_limits"), classifier, score);
    if (!level_alone && width > 0 && fabs(above) <= width)
        add_reason(text, "undecided: as near to the threshold as this, the model told fewer than 3 in 4 clips of new sources right");
    if (text[0]) return false;
    strcpy(text, "ok");
    return true;
}
