/* Small plots as inline SVG: a unit square with axes, lines, bars. Colours are CSS classes of the page, so that they follow
 * light and dark. */
#ifndef DESY_EVAL_SVG_H
#define DESY_EVAL_SVG_H

#include <stddef.h>
#include <stdio.h>

/* Opens a figure with axes that say 0 to `right` across and 0 to `top` up; both are 0 to 1 for what is drawn. Failures stay with the stream. */
void desy_svg_open(FILE *stream, const char *title, const char *across, const char *up, double right, double top);
/* A line through n points; x[i * stride], y[i * stride]. css: "ai", "real", "guide", "training", "validation". */
void desy_svg_line(FILE *stream, const char *css, const double *x, const double *y, size_t n, size_t stride);
/* A bar from 0 to y, between x0 and x1; `text` is shown on hover. */
void desy_svg_bar(FILE *stream, const char *css, double x0, double x1, double y, double top, const char *text);
void desy_svg_dot(FILE *stream, const char *css, double x, double y, double radius, const char *text);
void desy_svg_close(FILE *stream, const char *caption);

/* Text with &, <, > and quotes as entities. */
void desy_html_put(FILE *stream, const char *text);

#endif
