/* The HTTP service: videos in, verdicts out. libmicrohttpd has the connections, workers (workers.h) the models, and decoding happens in processes of its own (features/helper.h).
 * What it answers is described by GET /openapi.json (serve/openapi.json). */
#ifndef DESY_SERVE_SERVE_H
#define DESY_SERVE_SERVE_H

#include "detect/scoring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desy_service_options {
    const char *host;               /* an address or a name of this machine, "127.0.0.1" */
    int port;                       /* 0: any that is free */
    const char *socket;             /* a Unix socket, mode 0600, in place of both; NULL: none */
    const char *const *names;       /* what clients may call the service besides its host (the header Host); n_names of them */
    size_t n_names;
    const char *token_file;         /* NULL: a token is made, and only printed */
    const char *spool;              /* where the directory of uploads is made; NULL: the usual place for temporary files */
    const char *feedback;           /* directory of what people say of verdicts; NULL: it is not asked for */
    uint64_t max_upload;            /* bytes of a body */
    uint64_t max_feedback;          /* bytes of the videos that feedback keeps */
    double deadline;                /* seconds that a request may take, from its first byte to its answer */
    double least_rate;              /* bytes a second that a body must arrive with */
    double rate;                    /* videos a minute from one address; 0: any number */
    double keep;                    /* seconds that the answer to a job waits to be fetched */
    double grace;                   /* seconds that requests under way have when the service is told to stop */
    int queue, workers, connections; /* videos that may wait; workers; connections at a time */
    struct desy_scoring_settings scoring;
};

struct desy_service;
/* Opens the model, then the socket; requests are served from now on, by threads of its own. DESY_EUSAGE, DESY_EDATA, DESY_EENV. */
int desy_service_start(struct desy_service **service, const struct desy_service_options *options); /* options: borrowed until the stop */
const char *desy_service_token(const struct desy_service *service); /* made at this start; borrowed; NULL: none is needed, or it stood in the file */
int desy_service_port(const struct desy_service *service);
/* Takes no further video, lets those under way end (up to options->grace), answers what is left with 503, and removes everything. Safe on NULL. */
void desy_service_stop(struct desy_service **service);

#endif
