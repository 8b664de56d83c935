/* Should this score be believed? What a video gives no hold to, and what is unlike everything the model was trained on. */
#ifndef DESY_DETECT_RELIABILITY_H
#define DESY_DETECT_RELIABILITY_H

#include "features/clip.h"
#include "train/classifier.h"

/* What the clips of a video showed; zeroed before the first. */
struct desy_reliability {
    int clips, frames;
    int flat, black;   /* frames of (nearly) one colour; and darker than the eye tells from black */
    double change;     /* the largest mean difference of pixels from one frame to the next, of 255 */
    int side;          /* the shorter one of the video */
    int64_t total_frames;
    double duration;   /* seconds from the first frame looked at to the last, of the longest clip */
};
void desy_reliability_add(struct desy_reliability *reliability, const struct desy_clip *clip);

/* "ok", or why not, in words; text[DESY_RELIABILITY_TEXT]. score->distances and `logit` (of the confidence that is given, at its prior) beside
 * what the model knows ("reliability" of model.json): a rule that it has no figure for is not applied, nor is the band of undecided clips
 * if the logit is that of one level (`level_alone`). True: ok. */
#define DESY_RELIABILITY_TEXT 600
bool desy_reliability_judge(char *text, const struct desy_reliability *reliability, const desy_classifier *classifier, const struct desy_score *score, double logit,
                            double threshold, bool level_alone);

#endif
