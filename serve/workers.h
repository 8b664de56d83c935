/* Threads that score what waits in the queue, each with a model, an extractor and decode helpers (processes) of its own. A model that is promoted is taken up between two videos; one that
 * can't be opened is reported and the old one stays. */
#ifndef DESY_SERVE_WORKERS_H
#define DESY_SERVE_WORKERS_H

#include "serve/jobs.h"
#include "serve/drift_window.h"
#include "serve/telemetry.h"
#include "detect/scoring.h"

#include <cjson/cJSON.h>

typedef struct desy_workers desy_workers;

/* Opens the first worker's model before it returns, so that what is wrong with it is said at once. DESY_EDATA, DESY_EENV. */
int desy_workers_start(desy_workers **workers, int count, const struct desy_scoring_settings *settings, desy_jobs *jobs, desy_telemetry *telemetry, desy_drift_window *drift);
size_t desy_workers_ready(desy_workers *workers); /* whose last video did not fail by an error of the machine */
/* What GET /v2/models/NAME says of the model in use; new, caller deletes; NULL: no memory. */
cJSON *desy_workers_model(desy_workers *workers);
/* After desy_jobs_drain: waits for all of them to end. What is asked of them can still be answered. */
void desy_workers_join(desy_workers *workers);
void desy_workers_close(desy_workers **workers); /* after the join; safe on NULL */

#endif
