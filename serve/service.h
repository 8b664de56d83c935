/* Inside serve/: the service, and a request on its way through it. */
#ifndef DESY_SERVE_SERVICE_H
#define DESY_SERVE_SERVICE_H

#include "serve/jobs.h"
#include "serve/telemetry.h"
#include "serve/serve.h"
#include "serve/spool.h"
#include "serve/upload.h"
#include "serve/workers.h"

#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

struct desy_service {
    const struct desy_service_options *options;
    desy_jobs *jobs;
    desy_telemetry *telemetry;
    desy_workers *workers;
    desy_drift_window *drift;
    struct desy_spool spool, feedback; /* of videos that are scored; of those that are kept */
    char *token;                 /* NULL: whoever can connect to the socket of --socket may ask */
    int port;
    struct desy_rates *rates;    /* NULL: no limit */
    struct MHD_Daemon *daemon;
    atomic_bool draining, closing; /* no further video is taken; the watchdog shall end */
    pthread_mutex_t lock;        /* of the list */
    struct desy_request *requests; /* all that are under way: for the watchdog */
    size_t uploads;
};

/* What a route wants before its handler is called. */
enum { DESY_ROUTE_OPEN = 1 /* no token */, DESY_ROUTE_VIDEO = 2 /* takes a body with one */, DESY_ROUTE_FEEDBACK = 4 /* which is kept */ };

struct desy_request;
struct desy_route {
    const char *method, *path; /* "GET", "/jobs/{id}"; one parameter at most */
    int (*handle)(struct desy_request *request); /* queues an answer, or suspends the connection; MHD_NO: close it */
    unsigned flags;
};
extern const struct desy_route desy_routes[]; /* ends with a NULL method */

struct desy_request {
    struct desy_service *service;
    struct MHD_Connection *connection;
    const struct desy_route *route; /* NULL: none */
    char method[16], parameter[64];  /* what stands for the braces of the route */
    double began;
    struct desy_upload upload;
    bool receiving;                  /* its body is on the way; guarded by the service's lock, as is: */
    bool cut_off;                    /* the watchdog has answered, and closed the connection */
    int status;                      /* of the answer; 0: none yet */
    struct desy_job *job;            /* guarded by the service's lock, for the watchdog */
    int refused;                     /* status, where its video could not become a job */
    struct desy_request *previous, *next;
};

/* Of its query, or of the fields of its form; NULL: not given. Borrowed. */
const char *desy_request_option(const struct desy_request *request, const char *key);
bool desy_request_flag(const struct desy_request *request, const char *key); /* given, and neither "0" nor "false" */

/* May it come in? True; or it was answered: 400, 401, 403, 404, 405, 411, 413, 415, 429, 503. *result: MHD's. */
bool desy_admit(struct desy_request *request, const char *url, enum MHD_Result *result);

/* Tokens taken from a bucket for each address. */
struct desy_rates *desy_rates_open(double a_minute);
bool desy_rates_take(struct desy_rates *rates, const struct sockaddr *address, double *wait); /* *wait: seconds until there is another one */
void desy_rates_close(struct desy_rates **rates);

int desy_token_make(char **token, const char *file); /* file NULL: a new one. DESY_EDATA, DESY_EENV */

/* Cancels the jobs of requests that began so many seconds ago or more; they are then answered. */
void desy_service_let_go(struct desy_service *service, double age);

/* Every half second: answers uploads that are too slow (408), lets go requests past their deadline (504), forgets answers that nobody fetched. */
int desy_watchdog_start(struct desy_service *service, pthread_t *thread);

#endif
