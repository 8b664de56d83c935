/* The web page and the description of the interface: files of serve/page/, which the build puts into the program (cmake/embed.cmake). */
#ifndef DESY_SERVE_PAGES_H
#define DESY_SERVE_PAGES_H

#include <stddef.h>

struct desy_request;

int desy_page_index(struct desy_request *request);
int desy_page_file(struct desy_request *request);    /* "/page/desy.js" */
int desy_page_openapi(struct desy_request *request);
int desy_page_token(struct desy_request *request);   /* 401: what a person without the token reads */

struct desy_embedded {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};
extern const struct desy_embedded desy_embedded_files[]; /* ends with a NULL name */

#endif
