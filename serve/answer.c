#include "serve/answer.h"

#include "base/file.h"
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The page runs its own script and style alone, and nobody puts it into a frame. */
#define POLICY "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static int give(struct desy_request *request, int status, struct MHD_Response *response, const char *type)
{
    if (!response) return MHD_NO;
    if (type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy", POLICY);
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_UNAUTHORIZED) MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"desy\"");
    if (atomic_load(&request->service->draining)) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    request->status = status;
    const enum MHD_Result result = MHD_queue_response(request->connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Response *of_text(char *text)
{
    return text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
}

int desy_answer_json(struct desy_request *request, int status, char *text, const char *location)
{
    struct MHD_Response *response = of_text(text);
    if (response && location) MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, location);
    return give(request, status, response, "application/json");
}

int desy_answer_object(struct desy_request *request, int status, cJSON *json, const char *location)
{
    char *text = NULL;
    if (json) (void)desy_json_text(&text, json, false, "an answer");
    cJSON_Delete(json);
    return desy_answer_json(request, status, text, location);
}

/* members: taken over; NULL: none. New string; NULL: no memory. */
static char *problem_text(int status, const char *detail, cJSON *members)
{
    char *text = NULL;
    cJSON *problem = members ? members : cJSON_CreateObject();
    if (cJSON_AddStringToObject(problem, "type", "about:blank") && cJSON_AddStringToObject(problem, "title", MHD_get_reason_phrase_for((unsigned)status))
        && cJSON_AddNumberToObject(problem, "status", status) && cJSON_AddStringToObject(problem, "detail", detail))
        (void)desy_json_text(&text, problem, false, "an answer");
    cJSON_Delete(problem);
    return text;
}

int desy_answer_problem_with(struct desy_request *request, int status, const char *detail, cJSON *members, int retry_after)
{
    char seconds[16];
    struct MHD_Response *response = of_text(problem_text(status, detail, members));
    snprintf(seconds, sizeof seconds, "%d", retry_after);
    if (response && retry_after > 0) MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    return give(request, status, response, "application/problem+json");
}

int desy_answer_problem(struct desy_request *request, int status, const char *format, ...)
{
    char detail[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return desy_answer_problem_with(request, status, detail, NULL, 0);
}

int desy_answer_text(struct desy_request *request, int status, const char *type, char *text)
{
    return give(request, status, of_text(text), type);
}

int desy_answer_static(struct desy_request *request, int status, const char *type, const void *bytes, size_t size)
{
    return give(request, status, MHD_create_response_from_buffer(size, (void *)bytes, MHD_RESPMEM_PERSISTENT), type);
}

static struct MHD_Response *empty(void)
{
    return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
}

int desy_answer_nothing(struct desy_request *request)
{
    return give(request, MHD_HTTP_NO_CONTENT, empty(), NULL);
}

int desy_answer_methods(struct desy_request *request, const char *allowed)
{
    struct MHD_Response *response = of_text(problem_text(MHD_HTTP_METHOD_NOT_ALLOWED, "This address takes other methods: see the header Allow.", NULL));
    if (response) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allowed);
    return give(request, MHD_HTTP_METHOD_NOT_ALLOWED, response, "application/problem+json");
}

int desy_answer_unauthorized(struct desy_request *request)
{
    struct MHD_Response *response = of_text(problem_text(MHD_HTTP_UNAUTHORIZED, "Give the token that the service printed when it started: Authorization: Bearer TOKEN; or open the address that it printed.", NULL));
    return give(request, MHD_HTTP_UNAUTHORIZED, response, "application/problem+json");
}

int desy_answer_redirect(struct desy_request *request, const char *location, const char *cookie)
{
    struct MHD_Response *response = empty();
    if (response) MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, location);
    if (response && cookie) MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, cookie);
    return give(request, MHD_HTTP_SEE_OTHER, response, NULL);
}

char *desy_answer_raw(int status, const char *detail)
{
    char *body = problem_text(status, detail, NULL);
    char *text = body ? desy_format("HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s", status,
                                    MHD_get_reason_phrase_for((unsigned)status), strlen(body), body) : NULL;
    free(body);
    return text;
}
