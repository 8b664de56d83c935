/* desy serve: videos in by HTTP, verdicts out. */
#include "serve/serve.h"

#include "base/error.h"
#include "base/log.h"
#include "mpi/signals.h"
#include "stages/commands.h"
#include "stages/device.h"
#include "stages/scoring_options.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct desy_service_options options = {.host = "127.0.0.1", .port = 5000, .deadline = 120, .least_rate = 1024, .keep = 3600, .grace = 60, .queue = 64, .connections = 512};
static int batch_clips;
static char *max_upload = "512M", *max_feedback = "10G", **names;

const struct poptOption desy_serve_options[] = {
    {"host", 0, POPT_ARG_STRING, &options.host, 0, "address to listen at (default 127.0.0.1; 0.0.0.0: every one of this machine)", "ADDRESS"},
    {"port", 0, POPT_ARG_INT, &options.port, 0, "port to listen at (default 5000; 0: any that is free)", "N"},
    {"socket", 0, POPT_ARG_STRING, &options.socket, 0, "listen at a Unix socket that this user alone may open, in place of a port: needs no token", "PATH"},
    {"token-file", 0, POPT_ARG_STRING, &options.token_file, 0, "the token that clients must give; made if there is no such file (default: one that is printed once)", "FILE"},
    {"name", 0, POPT_ARG_ARGV, &names, 0, "a name of this machine that clients use; may be given again (default: localhost and --host)", "NAME"},
    {"max-upload", 0, POPT_ARG_STRING, &max_upload, 0, "longest body: bytes, or with K, M, G (default 512M)", "SIZE"},
    {"request-deadline", 0, POPT_ARG_DOUBLE, &options.deadline, 0, "seconds that a request may take from its first byte to its answer (default 120)", "S"},
    {"min-rate", 0, POPT_ARG_DOUBLE, &options.least_rate, 0, "bytes a second that an upload must arrive with (default 1024)", "N"},
    {"rate", 0, POPT_ARG_DOUBLE, &options.rate, 0, "videos a minute from one address (default 0: any number)", "N"},
    {"queue", 0, POPT_ARG_INT, &options.queue, 0, "videos that may wait; further ones are answered 503 (default 64)", "N"},
    {"workers", 0, POPT_ARG_INT, &options.workers, 0, "videos scored at a time, each worker with a model and decode helpers of its own (default: the cores; 2 on a CUDA device)", "N"},
    {"batch-clips", 0, POPT_ARG_INT, &batch_clips, 0, "clips of several requests that go through the network at once, as many as are decoded by then (default: 8 on CUDA devices, where it decides bits; 1 on a CPU, where it gains nothing)", "B"},
    {"connections", 0, POPT_ARG_INT, &options.connections, 0, "connections at a time (default 512)", "N"},
    {"keep", 0, POPT_ARG_DOUBLE, &options.keep, 0, "seconds that the answer to a job waits to be fetched (default 3600)", "S"},
    {"grace", 0, POPT_ARG_DOUBLE, &options.grace, 0, "seconds that requests under way have when the service is stopped (default 60)", "S"},
    {"spool", 0, POPT_ARG_STRING, &options.spool, 0, "where uploads are stored while they are scored (default $TMPDIR, else /tmp)", "DIR"},
    {"feedback", 0, POPT_ARG_STRING, &options.feedback, 0, "let people say that a verdict is wrong; what they say is kept there until it is reviewed (desy feedback)", "DIR"},
    {"max-feedback", 0, POPT_ARG_STRING, &max_feedback, 0, "bytes of videos that feedback keeps (default 10G)", "SIZE"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_scoring_options, 0, "Options of scoring:", NULL},
    POPT_TABLEEND};

static int parse_size(uint64_t *bytes, const char *option, const char *text)
{
    char *end;
    const double number = strtod(text, &end);
    const char *units = "KMGT", *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (end == text || !(number > 0) || (*end && (!unit || end[1]))) return desy_error(DESY_EUSAGE, "%s is a number of bytes, or one with K, M or G, not '%s'", option, text);
    const double size = ldexp(number, unit ? 10 * (int)(unit - units + 1) : 0);
    if (size < 1 || size > 1e15) return desy_error(DESY_EUSAGE, "%s %s is less than a byte, or more than any disk has", option, text);
    *bytes = (uint64_t)size;
    return DESY_OK;
}

static int check(void)
{
    if (options.port < 0 || options.port > 65535) return desy_error(DESY_EUSAGE, "--port must lie in 0 to 65535, not %d", options.port);
    if (!(options.deadline > 0) || !(options.least_rate >= 0) || !(options.rate >= 0) || !(options.keep >= 0 && options.keep < 1e9) || !(options.grace >= 0 && options.grace < 1e9) || !(options.deadline < 1e9))
        return desy_error(DESY_EUSAGE, "--request-deadline must be above 0; --min-rate, --rate, --keep and --grace must not be negative");
    if (options.queue < 1 || options.queue > 100000 || options.workers < 0 || options.workers > 256 || options.connections < 1 || options.connections > 60000)
        return desy_error(DESY_EUSAGE, "--queue must lie in 1 to 100000, --workers in 1 to 256, --connections in 1 to 60000");
    if (options.socket && (options.token_file || names)) return desy_error(DESY_EUSAGE, "--socket needs no --token-file and no --name: this user alone can open it");
    for (options.n_names = 0; names && names[options.n_names];) options.n_names++;
    options.names = (const char *const *)names;
    const int rc = parse_size(&options.max_upload, "--max-upload", max_upload);
    return rc == DESY_OK ? parse_size(&options.max_feedback, "--max-feedback", max_feedback) : rc;
}

/* Where to go, once: on stdout, since it is what was asked for. */
static int announce(const struct desy_invocation *invocation, const struct desy_service *service)
{
    const char *token = desy_service_token(service), *host = strcmp(options.host, "0.0.0.0") == 0 || strcmp(options.host, "::") == 0 ? "localhost" : options.host;
    const bool six = strchr(host, ':') != NULL;
    char url[1200];
    int printed;
    if (options.socket) snprintf(url, sizeof url, "unix:%s", options.socket);
    else snprintf(url, sizeof url, "http://%s%s%s:%d/%s%s", six ? "[" : "", host, six ? "]" : "", desy_service_port(service), token ? "?token=" : "", token ? token : ""); /* one that stood in a file is no news */
    if (invocation->json) {
        cJSON *json = cJSON_CreateObject();
        if (json && options.socket) cJSON_AddStringToObject(json, "socket", options.socket);
        else if (json) {
            cJSON_AddStringToObject(json, "url", url);
            cJSON_AddNumberToObject(json, "port", desy_service_port(service));
            if (token) cJSON_AddStringToObject(json, "token", token);
            if (options.token_file) cJSON_AddStringToObject(json, "token_file", options.token_file);
        }
        char *text = json ? cJSON_PrintUnformatted(json) : NULL;
        printed = text ? printf("%s\n", text) : -1;
        cJSON_free(text);
        cJSON_Delete(json);
    } else printed = printf("%s\n", url);
    return printed < 0 || fflush(stdout) != 0 ? desy_error(DESY_EENV, "stdout can't be written") : DESY_OK;
}

/* A worker whose network runs on the processor has one helper. Those that feed a device share the cores, and are two: while one waits for a slow video, the other goes on. */
static int share_cores(const desy_world *world)
{
    char device[16];
    struct desy_scoring_settings *scoring = &options.scoring;
    const int rc = desy_rank_device(device, scoring->device ? scoring->device : "auto", world);
    if (rc != DESY_OK) return rc;
    const bool cpu = strcmp(device, "cpu") == 0;
    if (options.workers == 0) options.workers = cpu ? desy_local_cores(world) : 2;
    if (scoring->workers == 0) scoring->workers = cpu ? 1 : desy_helpers_beside(device, desy_local_cores(world) / options.workers);
    scoring->at_once = 1;
    return DESY_OK;
}

int desy_serve_command(struct desy_invocation *invocation)
{
    struct desy_service *service = NULL;
    int rc = check();
    if (invocation->argument_count > 0) rc = desy_error(DESY_EUSAGE, "desy serve takes no argument, and there is '%s'", invocation->arguments[0]);
    if (rc == DESY_OK && invocation->output) rc = desy_error(DESY_EUSAGE, "desy serve writes no -o");
    DESY_TRY(rc);
    desy_scoring_want_batches(batch_clips);
    DESY_TRY(desy_scoring_settings_of(&options.scoring, invocation->world));
    DESY_TRY(desy_scoring_check_count(2));
    DESY_TRY(share_cores(invocation->world));
    signal(SIGPIPE, SIG_IGN);
    DESY_TRY(desy_service_start(&service, &options));
    DESY_TRY(announce(invocation, service));
    desy_log_info("serve: ready, with %d worker%s; Ctrl-C or SIGTERM stops it", options.workers, options.workers == 1 ? "" : "s");
    while (!desy_interrupted()) nanosleep(&(struct timespec){0, 100000000}, NULL);
    desy_log_info("serve: stopping; videos under way are finished first");
out:
    desy_service_stop(&service);
    return rc;
}
