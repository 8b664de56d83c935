#include "serve/upload.h"

#include "base/error.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORM_BUFFER 65536

/* The first thing that is wrong counts. */
static void refuse(struct desy_upload *upload, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void refuse(struct desy_upload *upload, int status, const char *format, ...)
{
    va_list arguments;
    if (upload->status) return;
    upload->status = status;
    va_start(arguments, format);
    vsnprintf(upload->detail, sizeof upload->detail, format, arguments);
    va_end(arguments);
}

/* The base name, without what a terminal or a page would take for more than a letter. */
static char *clean_name(const char *sent)
{
    const char *slash = strrchr(sent, '/'), *back = strrchr(slash ? slash : sent, '\\');
    char *name = strndup(back ? back + 1 : slash ? slash + 1 : sent, 255);
    for (char *c = name; c && *c; c++)
        if (iscntrl((unsigned char)*c)) *c = '_';
    return name;
}

static int status_of(int error)
{
    return error == ENOSPC || error == EDQUOT ? MHD_HTTP_INSUFFICIENT_STORAGE : error == EMFILE || error == ENFILE ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static void begin_video(struct desy_upload *upload, const char *name)
{
    if (upload->has_video && upload->form && upload->video_bytes == 0 && upload->in_video) return; /* libmicrohttpd begins a part twice where its first bytes come with a later packet */
    if (upload->has_video) {
        refuse(upload, MHD_HTTP_BAD_REQUEST, "There are two fields 'video': one video a request.");
        return;
    }
    upload->has_video = upload->in_video = true;
    upload->name = name ? clean_name(name) : NULL;
    errno = 0;
    if (desy_spool_create(upload->spool, &upload->path, &upload->descriptor) != DESY_OK) refuse(upload, status_of(errno), "The service can't store uploads now.");
    else if (upload->hashed && desy_sha256_open(&upload->hash) != DESY_OK) refuse(upload, MHD_HTTP_INTERNAL_SERVER_ERROR, "The service is out of memory.");
}

static void write_video(struct desy_upload *upload, const char *data, size_t size)
{
    while (size > 0 && !upload->status) {
        const ssize_t written = write(upload->descriptor, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) refuse(upload, status_of(errno), "The video could not be stored: %s.", strerror(errno));
        else if (upload->hash && desy_sha256_update(upload->hash, data, (size_t)written) != DESY_OK) refuse(upload, MHD_HTTP_INTERNAL_SERVER_ERROR, "The video could not be hashed.");
        else data += written, size -= (size_t)written, upload->video_bytes += (uint64_t)written;
    }
}

static void add_field(struct desy_upload *upload, const char *key, const char *data, uint64_t offset, size_t size)
{
    struct desy_upload_field *field = upload->n_fields ? &upload->fields[upload->n_fields - 1] : NULL;
    const bool again = field && !upload->in_video && field->length == 0 && strcmp(field->key, key) == 0; /* as above */
    upload->in_video = false;
    if (offset == 0 && !again) {
        if (strlen(key) >= sizeof field->key) return; /* none that means anything here */
        if (upload->n_fields == DESY_UPLOAD_FIELDS) {
            refuse(upload, MHD_HTTP_BAD_REQUEST, "The form has more than %d fields.", DESY_UPLOAD_FIELDS);
            return;
        }
        field = &upload->fields[upload->n_fields++];
        strcpy(field->key, key);
        field->value = calloc(1, DESY_UPLOAD_FIELD + 1);
        if (!field->value) refuse(upload, MHD_HTTP_INTERNAL_SERVER_ERROR, "The service is out of memory.");
    }
    if (upload->status || !field || strcmp(field->key, key) != 0) return;
    if (field->length + size > DESY_UPLOAD_FIELD) {
        refuse(upload, MHD_HTTP_CONTENT_TOO_LARGE, "The field '%s' is longer than %d bytes.", key, DESY_UPLOAD_FIELD);
        return;
    }
    memcpy(field->value + field->length, data, size);
    field->length += size;
}

static enum MHD_Result take_part(void *context, enum MHD_ValueKind kind, const char *key, const char *file, const char *type, const char *coding, const char *data, uint64_t offset, size_t size)
{
    struct desy_upload *upload = context;
    (void)kind, (void)type, (void)coding;
    if (!key) refuse(upload, MHD_HTTP_BAD_REQUEST, "A part of the form has no name.");
    if (upload->status) return MHD_YES;
    if (strcmp(key, "video") != 0) add_field(upload, key, data, offset, size);
    else {
        if (offset == 0) begin_video(upload, file);
        if (!upload->status) write_video(upload, data, size);
    }
    return MHD_YES;
}

bool desy_upload_open(struct desy_upload *upload, struct MHD_Connection *connection, const struct desy_spool *spool, uint64_t limit, bool hashed)
{
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    *upload = (struct desy_upload){.spool = spool, .limit = limit, .descriptor = -1, .open = true, .hashed = hashed};
    if (type && strncasecmp(type, "multipart/form-data", 19) == 0) {
        upload->form = MHD_create_post_processor(connection, FORM_BUFFER, take_part, upload);
        if (!upload->form) refuse(upload, MHD_HTTP_BAD_REQUEST, "The form has no boundary: send it as browsers and curl -F do.");
    } else if (!type || strncasecmp(type, "video/", 6) == 0 || strncasecmp(type, "image/gif", 9) == 0 || strncasecmp(type, "application/octet-stream", 24) == 0) {
        begin_video(upload, MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "name"));
    } else refuse(upload, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Send a form (multipart/form-data) with a file field 'video', or the video as the body (video/..., application/octet-stream).");
    return !upload->status;
}

void desy_upload_feed(struct desy_upload *upload, const char *data, size_t size)
{
    upload->received += size;
    if (upload->received > upload->limit)
        refuse(upload, MHD_HTTP_CONTENT_TOO_LARGE, "The body is longer than the %llu bytes that this service takes.", (unsigned long long)upload->limit);
    if (upload->status) return;
    if (!upload->form) write_video(upload, data, size);
    else if (MHD_post_process(upload->form, data, size) != MHD_YES) refuse(upload, MHD_HTTP_BAD_REQUEST, "The form is malformed: send it as browsers and curl -F do.");
}

bool desy_upload_finish(struct desy_upload *upload)
{
    struct MHD_PostProcessor *form = upload->form;
    upload->form = NULL;
    if (form && MHD_destroy_post_processor(form) != MHD_YES) refuse(upload, MHD_HTTP_BAD_REQUEST, "The form ends early, or is malformed.");
    if (!upload->has_video) refuse(upload, MHD_HTTP_BAD_REQUEST, "The form has no file field 'video'.");
    else if (upload->video_bytes == 0) refuse(upload, MHD_HTTP_BAD_REQUEST, "The video is empty: 0 bytes.");
    if (upload->descriptor >= 0 && close(upload->descriptor) != 0)
        refuse(upload, status_of(errno), "The video could not be stored: %s.", strerror(errno));
    upload->descriptor = -1;
    if (upload->hash && desy_sha256_finish(&upload->hash, upload->sha256) != DESY_OK) refuse(upload, MHD_HTTP_INTERNAL_SERVER_ERROR, "The video could not be hashed.");
    return !upload->status;
}

void desy_upload_close(struct desy_upload *upload)
{
    if (!upload->open) return;
    if (upload->form) MHD_destroy_post_processor(upload->form);
    if (upload->descriptor >= 0) close(upload->descriptor);
    if (upload->path) unlink(upload->path);
    desy_sha256_close(&upload->hash);
    free(upload->path);
    free(upload->name);
    for (size_t i = 0; i < upload->n_fields; i++) free(upload->fields[i].value);
    *upload = (struct desy_upload){0};
}
