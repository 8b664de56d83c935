/* What the service has done, for GET /metrics: Prometheus' text exposition format 0.0.4. Thread-safe. */
#ifndef DESY_SERVE_TELEMETRY_H
#define DESY_SERVE_TELEMETRY_H

#include "eval/drift_scores.h"
#include "serve/jobs.h"

#include <stdint.h>
#include <stdio.h>

typedef struct desy_telemetry desy_telemetry;

int desy_telemetry_open(desy_telemetry **telemetry);
void desy_telemetry_close(desy_telemetry **telemetry);

/* An answered request: of which route ("/jobs/{id}"; "" none), with which status, so many seconds after it began, its body so many bytes long. */
void desy_telemetry_request(desy_telemetry *telemetry, const char *method, const char *route, int status, double seconds, uint64_t bytes);
/* A video that a worker is done with: its status ("ok", "unreadable", ...), the verdict (1 AI-generated, 0 real, -1 none), the seconds that it waited and took. */
void desy_telemetry_video(desy_telemetry *telemetry, const char *status, int verdict, double waited, double seconds);
void desy_telemetry_calls(desy_telemetry *telemetry, uint64_t calls); /* so many more of the network */
void desy_telemetry_reload(desy_telemetry *telemetry, bool failed); /* another version of the model was taken up, or could not be */

struct desy_telemetry_now {
    struct desy_jobs_count jobs;
    size_t uploads, workers_ready;
    const char *model; /* in use */
    size_t window;     /* videos whose scores are compared with those of the training */
    const struct desy_drift_figures *drift; /* of them; NULL: nothing can be said yet */
};
/* The text. false: memory, or the stream. */
bool desy_telemetry_write(desy_telemetry *telemetry, const struct desy_telemetry_now *now, FILE *stream);

#endif
