/* Answers: JSON, problem documents (RFC 9457), pages; with the headers that every answer has. Each returns what the handler shall give to MHD. */
#ifndef DESY_SERVE_ANSWER_H
#define DESY_SERVE_ANSWER_H

#include "serve/service.h"

/* text: JSON, taken over; NULL: no memory. location: NULL, or where the job is. */
int desy_answer_json(struct desy_request *request, int status, char *text, const char *location);
/* json: taken over. */
int desy_answer_object(struct desy_request *request, int status, cJSON *json, const char *location);
/* application/problem+json: what went wrong, and what to do. */
int desy_answer_problem(struct desy_request *request, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with further members, which are taken over, and seconds after which to try again (0: not said). */
int desy_answer_problem_with(struct desy_request *request, int status, const char *detail, cJSON *members, int retry_after);
/* A text of some type, taken over; NULL: no memory. */
int desy_answer_text(struct desy_request *request, int status, const char *type, char *text);
/* Bytes that stay. */
int desy_answer_static(struct desy_request *request, int status, const char *type, const void *bytes, size_t size);
int desy_answer_nothing(struct desy_request *request); /* 204 */
int desy_answer_methods(struct desy_request *request, const char *allowed); /* 405 */
int desy_answer_unauthorized(struct desy_request *request);                 /* 401 */
int desy_answer_redirect(struct desy_request *request, const char *location, const char *cookie); /* 303 */

/* A whole HTTP answer with such a problem, for a connection that MHD is still receiving from. Caller frees; NULL: no memory. */
char *desy_answer_raw(int status, const char *detail);

#endif
