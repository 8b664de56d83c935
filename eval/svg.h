/* Small plots as inline SVG: a unit square with axes, lines, bars and points. Colours are CSS classes of the page, so that they follow light and dark; what a colour tells,
 * a dash, a hatch or a shape tells too. Each plot has a title and a description for those who can't see it. Failures stay with the stream. */
#ifndef DESY_EVAL_SVG_H
#define DESY_EVAL_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct desy_svg_tick {
    double at; /* 0 to 1 */
    const char *text;
};
struct desy_svg_axis {
    const char *title;
    double end;                        /* 0 to it in five steps, unless there are */
    const struct desy_svg_tick *ticks; /* (n_ticks) */
    int n_ticks;
};

/* Opens a figure; what is drawn is 0 to 1 on both axes. title, description: not yet escaped. */
void desy_svg_open(FILE *stream, const char *title, const char *description, const struct desy_svg_axis *across, const struct desy_svg_axis *up);
/* The same of `rows` lines of names, one under another, across which values lie: up from the last to the first, 0 to 1. names: not yet escaped. */
void desy_svg_open_rows(FILE *stream, const char *title, const char *description, const struct desy_svg_axis *across, const char *const *names, int rows);
/* A line through n points; x[i * stride], y[i * stride]. css: "ai", "real", "guide", "training", "validation". */
void desy_svg_line(FILE *stream, const char *css, const double *x, const double *y, size_t n, size_t stride);
/* A bar from 0 to y, between x0 and x1; `text` is shown on hover. */
void desy_svg_bar(FILE *stream, const char *css, double x0, double x1, double y, const char *text);
void desy_svg_dot(FILE *stream, const char *css, double x, double y, double radius, const char *text);
/* Row `row` of `rows`: a point with its interval (NaN: none). */
void desy_svg_row(FILE *stream, const char *css, int row, int rows, double x, double low, double high, const char *text);
/* caption: HTML. */
void desy_svg_close(FILE *stream, const char *caption);
/* Once a page, before the first figure: what figures refer to. */
void desy_svg_definitions(FILE *stream);

#endif
