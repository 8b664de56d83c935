#include "serve/pages.h"

#include "serve/answer.h"

#include <string.h>

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"}, {".css", "text/css; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".json", "application/json"}, {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0) return types[i][1];
    return "application/octet-stream";
}

static int serve_file(struct desy_request *request, int status, const char *name)
{
    for (const struct desy_embedded *file = desy_embedded_files; file->name; file++)
        if (strcmp(file->name, name) == 0) return desy_answer_static(request, status, type_of(name), file->bytes, file->size);
    return desy_answer_problem(request, MHD_HTTP_NOT_FOUND, "The page has no file of this name.");
}

int desy_page_index(struct desy_request *request)
{
    return serve_file(request, MHD_HTTP_OK, "index.html");
}

int desy_page_file(struct desy_request *request)
{
    return serve_file(request, MHD_HTTP_OK, request->parameter);
}

int desy_page_openapi(struct desy_request *request)
{
    return serve_file(request, MHD_HTTP_OK, "openapi.json");
}

int desy_page_token(struct desy_request *request)
{
    return serve_file(request, MHD_HTTP_UNAUTHORIZED, "token.html");
}
