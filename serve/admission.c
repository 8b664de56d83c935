/* Who may come in: the right host and origin, the token, a known address, not too often, not too much. */
#include "serve/answer.h"
#include "serve/pages.h"

#include "base/error.h"
#include "base/file.h"
#include "serve/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_BYTES 32
#define TOKEN_LEAST 16 /* characters of one that is given */

static const char *header(const struct desy_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* "localhost:5000" is localhost; "[::1]:5000" is ::1. */
static bool is_host(const char *given, size_t length, const char *name)
{
    const char *colon = NULL;
    if (length > 1 && given[0] == '[') {
        const char *end = memchr(given, ']', length);
        if (!end) return false;
        return (size_t)(end - given - 1) == strlen(name) && strncasecmp(given + 1, name, strlen(name)) == 0;
    }
    colon = memchr(given, ':', length);
    if (colon) length = (size_t)(colon - given);
    return length == strlen(name) && strncasecmp(given, name, length) == 0;
}

/* A page of another site that lets its name point here must not get through: only names that the service is known by. With --host 0.0.0.0 those are its addresses, which no page can pretend. */
static bool host_allowed(const struct desy_request *request, const char *host, size_t length)
{
    const struct desy_service_options *options = request->service->options;
    if (options->socket) return true; /* there is no name that could point at it */
    if (is_host(host, length, "localhost") || is_host(host, length, "127.0.0.1") || is_host(host, length, "::1") || is_host(host, length, options->host)) return true;
    for (size_t i = 0; i < options->n_names; i++)
        if (is_host(host, length, options->names[i])) return true;
    const bool any = strcmp(options->host, "0.0.0.0") == 0 || strcmp(options->host, "::") == 0;
    return any && (host[0] == '[' || strspn(host, "0123456789.:") == length);
}

/* Browsers tell which page sends a request; none but ours may. */
static bool origin_allowed(const char *origin, const char *host)
{
    if (!origin) return true;
    const char *scheme = strstr(origin, "://");
    return scheme && host && strcasecmp(scheme + 3, host) == 0;
}

static bool same_token(const char *given, size_t length, const char *token)
{
    return length == strlen(token) && CRYPTO_memcmp(given, token, length) == 0;
}

/* Cookies of different ports of one host are mixed: the port is in the name. */
static bool has_token(const struct desy_request *request)
{
    const struct desy_service *service = request->service;
    const char *authorization = header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    char name[32];
    if (!service->token) return true;
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0) return same_token(authorization + 7, strlen(authorization + 7), service->token);
    snprintf(name, sizeof name, "desy-%d", service->port);
    const char *cookie = MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, name);
    return cookie && same_token(cookie, strlen(cookie), service->session);
}

/* The address that was printed: a cookie takes the token's place, and it leaves the address bar. The cookie is a secret of this start alone: browsers send it to every port of this host. */
static bool comes_with_token(struct desy_request *request, const char *url, enum MHD_Result *result)
{
    const struct desy_service *service = request->service;
    const char *token = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "token");
    if (!service->token || !token || strcmp(url, "/") != 0 || strcmp(request->method, "GET") != 0 || !same_token(token, strlen(token), service->token)) return false;
    char *cookie = desy_format("desy-%d=%s; HttpOnly; SameSite=Strict; Path=/", service->port, service->session);
    *result = cookie ? desy_answer_redirect(request, "/", cookie) : MHD_NO;
    free(cookie);
    return true;
}

/* "/jobs/{id}" against "/jobs/ab12": parameter "ab12". */
static bool matches(const char *pattern, const char *url, char *parameter, size_t room)
{
    const char *brace = strchr(pattern, '{');
    if (!brace) return strcmp(pattern, url) == 0;
    const size_t before = (size_t)(brace - pattern);
    const char *rest = strchr(brace, '}') + 1;
    const size_t length = strlen(url), after = strlen(rest);
    if (length < before + after + 1 || strncmp(pattern, url, before) != 0 || strcmp(url + length - after, rest) != 0) return false;
    const size_t size = length - before - after;
    if (size >= room || memchr(url + before, '/', size)) return false;
    memcpy(parameter, url + before, size);
    parameter[size] = '\0';
    return true;
}

/* False: answered. */
static bool find_route(struct desy_request *request, const char *url, enum MHD_Result *result)
{
    char allowed[64] = "";
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    for (const struct desy_route *route = desy_routes; route->method; route++) {
        if (!matches(route->path, url, request->parameter, sizeof request->parameter)) continue;
        if (strcmp(route->method, method) == 0) {
            request->route = route;
            return true;
        }
        snprintf(allowed + strlen(allowed), sizeof allowed - strlen(allowed), "%s%s%s", *allowed ? ", " : "", route->method, strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
    }
    *result = *allowed ? desy_answer_methods(request, allowed) : desy_answer_problem(request, MHD_HTTP_NOT_FOUND, "There is nothing at this address; GET /openapi.json lists what there is.");
    return false;
}

/* Videos that arrive are as many as may wait: that bounds the disk, too. */
static bool no_room(struct desy_service *service)
{
    pthread_mutex_lock(&service->lock);
    const size_t uploads = service->uploads;
    pthread_mutex_unlock(&service->lock);
    return desy_jobs_full(service->jobs) || uploads + desy_jobs_count(service->jobs).queued >= (size_t)service->options->queue;
}

/* What its headers promise. False: answered. */
static bool body_allowed(struct desy_request *request, enum MHD_Result *result)
{
    struct desy_service *service = request->service;
    const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const unsigned long long limit = request->route->flags & DESY_ROUTE_VIDEO ? service->options->max_upload : 0;
    if (length && strtoull(length, NULL, 10) > limit) {
        *result = limit ? desy_answer_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, "The body has %s bytes; this service takes %llu at most (--max-upload).", length, limit)
                        : desy_answer_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, "This address takes no body.");
        return false;
    }
    if (!(request->route->flags & DESY_ROUTE_VIDEO)) return true;
    if (!length && !header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        *result = desy_answer_problem(request, MHD_HTTP_LENGTH_REQUIRED, "Send a body: a form with a file field 'video', or the video itself.");
        return false;
    }
    if (request->route->flags & DESY_ROUTE_FEEDBACK) {
        if (service->options->feedback) return true;
        *result = desy_answer_problem(request, MHD_HTTP_NOT_FOUND, "This service takes no feedback: it was started without --feedback.");
        return false;
    }
    if (atomic_load(&service->draining) || no_room(service)) {
        *result = desy_answer_problem_with(request, MHD_HTTP_SERVICE_UNAVAILABLE, atomic_load(&service->draining) ? "The service is shutting down." : "As many videos wait as the service takes (--queue). Try again.", NULL, 2);
        return false;
    }
    return true;
}

static bool not_too_often(struct desy_request *request, enum MHD_Result *result)
{
    double wait;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!request->service->rates || !(request->route->flags & DESY_ROUTE_VIDEO) || !info || desy_rates_take(request->service->rates, info->client_addr, &wait)) return true;
    *result = desy_answer_problem_with(request, MHD_HTTP_TOO_MANY_REQUESTS, "This address has sent as many videos a minute as the service takes (--rate).", NULL, (int)ceil(wait));
    return false;
}

/* Somebody who opens an address, not a script of a page. */
static bool is_browser(const struct desy_request *request)
{
    const char *accept = header(request, MHD_HTTP_HEADER_ACCEPT);
    return accept && strstr(accept, "text/html");
}

static enum MHD_Result count_hosts(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind, (void)value;
    *(int *)context += strcasecmp(key, MHD_HTTP_HEADER_HOST) == 0;
    return MHD_YES;
}

bool desy_admit(struct desy_request *request, const char *url, enum MHD_Result *result)
{
    const char *host = header(request, MHD_HTTP_HEADER_HOST);
    int hosts = 0;
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_hosts, &hosts);
    if (header(request, MHD_HTTP_HEADER_CONTENT_LENGTH) && header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING))
        *result = desy_answer_problem(request, MHD_HTTP_BAD_REQUEST, "The request has both Content-Length and Transfer-Encoding.");
    else if (hosts > 1) *result = desy_answer_problem(request, MHD_HTTP_BAD_REQUEST, "The request has several headers Host.");
    else if (!host) *result = desy_answer_problem(request, MHD_HTTP_BAD_REQUEST, "The request has no header Host.");
    else if (!host_allowed(request, host, strlen(host))) *result = desy_answer_problem(request, MHD_HTTP_FORBIDDEN, "This service is not known by the name in the header Host; --name adds one.");
    else if (!origin_allowed(header(request, MHD_HTTP_HEADER_ORIGIN), host)) *result = desy_answer_problem(request, MHD_HTTP_FORBIDDEN, "Pages of other sites may not send requests here.");
    else if (comes_with_token(request, url, result)) return false;
    else if (!find_route(request, url, result)) return false;
    else if (!(request->route->flags & DESY_ROUTE_OPEN) && !has_token(request)) *result = is_browser(request) ? desy_page_token(request) : desy_answer_unauthorized(request);
    else return body_allowed(request, result) && not_too_often(request, result);
    return false;
}

static int draw_token(char **token)
{
    *token = malloc(2 * TOKEN_BYTES + 1);
    return *token ? desy_secret_draw(*token, TOKEN_BYTES) : desy_error_memory("a token");
}

static int write_token(const char *token, const char *file)
{
    const int descriptor = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    FILE *stream = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!stream) return desy_error(DESY_EENV, "%s: can't be made: %s", file, strerror(errno));
    const bool written = fprintf(stream, "%s\n", token) > 0;
    if ((fclose(stream) == 0) & written) return DESY_OK;
    unlink(file);
    return desy_error(DESY_EENV, "%s: can't be written: %s", file, strerror(errno));
}

static int read_token(char **token, const char *file)
{
    struct stat status = {0};
    size_t size;
    const mode_t others = stat(file, &status) != 0 ? 0 : status.st_gid == 0 ? 037 : 077; /* root's group may read it: so systemd hands out credentials */
    if (status.st_mode & others) return desy_error(DESY_EDATA, "%s: others may read this token: chmod 600 %s", file, file);
    const int rc = desy_file_read(token, &size, file);
    if (rc != DESY_OK) return rc;
    (*token)[strcspn(*token, "\r\n")] = '\0';
    for (const char *c = *token; *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=", *c)) return desy_error(DESY_EDATA, "%s: a token has letters, digits and -._~+/= alone", file);
    return strlen(*token) >= TOKEN_LEAST ? DESY_OK : desy_error(DESY_EDATA, "%s: a token has at least %d characters; remove the file, and one will be made", file, TOKEN_LEAST);
}

int desy_token_make(char **token, const char *file, bool *is_new)
{
    *token = NULL;
    *is_new = !(file && desy_file_exists(file));
    if (!*is_new) return read_token(token, file);
    const int rc = draw_token(token);
    return rc == DESY_OK && file ? write_token(*token, file) : rc;
}
