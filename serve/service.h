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
    char *session;               /* what browsers have in place of the token, drawn at each start */
    bool token_is_new;
    char *token;                 /* NULL: whoever can connect to the socket of --socket may ask */
    int port;
    struct desy_rates *rates;    /* NULL: no limit */
    struct MHD_Daemon *daemon;
    atomic_bool draining, closing; /* no further video is taken; the watchdog shall end */
    pthread_mutex_t lock;        /* of the list */
    struct desy_request *requests; /* all that are under way: for the watchdog, as are: */
    struct desy_connection *connections;
    size_t uploads;
};

/* A connection without a request: the header is on the way, or it idles. */
struct desy_connection {
    struct MHD_Connection *connection;
    double since;                /* it came, or its last request ended */
    bool busy, fresh;            /* a request is under way; none was yet */
    struct desy_connection *previous, *next;
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
    char method[16], parameter[256]; /* what stands for the braces of the route */
    double began, moved;             /* when its first byte came, and the last that the watchdog knows of: */
    uint64_t moved_bytes;
    struct desy_upload upload;
    bool receiving;                  /* its body is on the way; guarded by the service's lock, as is: */
    bool cut_off;                    /* the watchdog has answered, and closed the connection */
    atomic_int status;               /* of the answer; 0: none yet */
    struct desy_job *job;            /* guarded by the service's lock, for the watchdog */
    bool waits;                      /* its connection is suspended until the job is at its end; guarded, too */
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

int desy_token_make(char **token, const char *file, bool *is_new); /* file NULL: a new one. DESY_EDATA, DESY_EENV */

/* Writes an answer to the socket of a request whose body is still on the way, and shuts it: libmicrohttpd takes none there. Under the service's lock. */
void desy_request_cut_off(struct desy_request *request, int status, const char *detail);

/* Cancels the jobs of requests that began so many seconds ago or more; they are then answered. */
void desy_service_let_go(struct desy_service *service, double age);

/* Every half second: answers uploads that are too slow (408), lets go requests past their deadline (504), forgets answers that nobody fetched. */
int desy_watchdog_start(struct desy_service *service, pthread_t *thread);

#endif
