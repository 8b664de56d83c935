/* Inside stages/: reviewed feedback as a data set. */
#ifndef DESY_STAGES_FEEDBACK_EXPORT_H
#define DESY_STAGES_FEEDBACK_EXPORT_H

#include "eval/feedback.h"

/* Writes the accepted records as a data set (docs/data.md): video_path absolute, label, source "feedback", group the video's id. Each video once. Left out, and said, are videos whose accepted labels
 * differ, those that were not kept, and those whose bytes are no longer what was labelled. DESY_EDATA: nothing is left; DESY_EPARTIAL: written, but something was left out; DESY_EENV: the disk. */
int desy_feedback_export(const struct desy_feedback *feedback, const char *directory, const char *output);

#endif
