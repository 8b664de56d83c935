/* "The verdict is wrong": what people say is kept, with the video, in the directory of --feedback, untrusted until somebody has reviewed it (eval/feedback.h, docs/monitoring.md). */
#ifndef DESY_SERVE_FEEDBACK_H
#define DESY_SERVE_FEEDBACK_H

#include "serve/spool.h"

struct desy_request;

/* DIRECTORY/videos, where their uploads arrive, too, so that keeping one is a rename; removes what a killed service did not finish. DESY_EENV. */
int desy_feedback_open(struct desy_spool *spool, const char *directory);
int desy_feedback_post(struct desy_request *request);

#endif
