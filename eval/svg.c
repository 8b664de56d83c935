#include "eval/svg.h"

#include "eval/html.h"

#include <math.h>
#include <string.h>

#define TOP 12.
#define SIDE 280.
#define ROW 22.
#define ROW_NAME 26 /* bytes of a name that are shown */

/* Of the figure that is open: one at a time, rank 0 alone. */
static struct {
    double left, height;
    int number;
} open_figure;

static double across(double x) { return open_figure.left + SIDE * x; }
static double up(double y) { return TOP + open_figure.height * (1. - y); }

void desy_svg_definitions(FILE *stream)
{
    open_figure.number = 0;
    fputs("<svg width=\"0\" height=\"0\" aria-hidden=\"true\" class=\"definitions\"><defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
          "<rect class=\"hatch-ground\" width=\"6\" height=\"6\"/><line class=\"hatch-line\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern></defs></svg>\n", stream);
}

static void open_svg(FILE *stream, const char *title, const char *description, double width, double height)
{
    const int number = ++open_figure.number;
    fputs("<figure><h3>", stream);
    desy_html_put(stream, title);
    fprintf(stream, "</h3><svg viewBox=\"0 0 %g %g\" role=\"img\" aria-labelledby=\"t%d d%d\"><title id=\"t%d\">", width, height, number, number, number);
    desy_html_put(stream, title);
    fprintf(stream, "</title><desc id=\"d%d\">", number);
    desy_html_put(stream, description);
    fputs("</desc>\n", stream);
}

static void put_tick(FILE *stream, double at, const char *text, bool vertical)
{
    if (vertical) {
        fprintf(stream, "<line class=\"grid\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/><text x=\"%.2f\" y=\"%.2f\" text-anchor=\"end\">%s</text>\n", across(0), up(at), across(1), up(at), across(0) - 6, up(at) + 4, text);
    } else {
        fprintf(stream, "<line class=\"grid\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/><text x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\">%s</text>\n", across(at), up(0), across(at), up(1), across(at), up(0) + 16, text);
    }
}

static void put_axis(FILE *stream, const struct desy_svg_axis *axis, bool vertical)
{
    char text[24];
    for (int i = 0; i < axis->n_ticks; i++) put_tick(stream, axis->ticks[i].at, axis->ticks[i].text, vertical);
    for (int i = 0; i <= 5 && axis->n_ticks == 0; i++) {
        snprintf(text, sizeof text, "%.3g", i / 5. * axis->end);
        put_tick(stream, i / 5., text, vertical);
    }
    if (vertical) fprintf(stream, "<text transform=\"translate(13 %.2f) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", up(.5), axis->title);
    else fprintf(stream, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\">%s</text>\n", across(.5), up(0) + 36, axis->title);
}

void desy_svg_open(FILE *stream, const char *title, const char *description, const struct desy_svg_axis *x, const struct desy_svg_axis *y)
{
    open_figure.left = 52, open_figure.height = SIDE;
    open_svg(stream, title, description, 348, 340);
    put_axis(stream, x, false);
    put_axis(stream, y, true);
}

static double middle_of(int row, int rows)
{
    return 1 - (row + .5) / rows;
}

void desy_svg_open_rows(FILE *stream, const char *title, const char *description, const struct desy_svg_axis *x, const char *const *names, int rows)
{
    open_figure.left = 180, open_figure.height = ROW * rows;
    open_svg(stream, title, description, 476, TOP + open_figure.height + 48);
    put_axis(stream, x, false);
    for (int i = 0; i < rows; i++) {
        char name[ROW_NAME + 1];
        size_t kept = strnlen(names[i], ROW_NAME);
        while (names[i][kept] && kept > 0 && ((unsigned char)names[i][kept] & 0xc0) == 0x80) kept--; /* not within a character */
        snprintf(name, sizeof name, "%.*s", (int)kept, names[i]);
        fprintf(stream, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"end\">", across(0) - 8, up(middle_of(i, rows)) + 4);
        desy_html_put(stream, name);
        fputs(strlen(names[i]) > ROW_NAME ? "...<title>" : "<title>", stream);
        desy_html_put(stream, names[i]);
        fputs("</title></text>\n", stream);
    }
}

void desy_svg_line(FILE *stream, const char *css, const double *x, const double *y, size_t n, size_t stride)
{
    fprintf(stream, "<polyline class=\"line %s\" points=\"", css);
    for (size_t i = 0; i < n; i++) fprintf(stream, "%.2f,%.2f ", across(x[i * stride]), up(y[i * stride]));
    fputs("\"/>\n", stream);
}

void desy_svg_bar(FILE *stream, const char *css, double x0, double x1, double y, const char *text)
{
    fprintf(stream, "<rect class=\"bar %s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>%s</title></rect>\n", css, across(x0), up(y), SIDE * (x1 - x0), open_figure.height * y, text);
}

void desy_svg_dot(FILE *stream, const char *css, double x, double y, double radius, const char *text)
{
    fprintf(stream, "<circle class=\"dot %s\" cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"><title>%s</title></circle>\n", css, across(x), up(y), radius, text);
}

void desy_svg_row(FILE *stream, const char *css, int row, int rows, double x, double low, double high, const char *text)
{
    const double y = middle_of(row, rows);
    if (isfinite(low) && isfinite(high))
        fprintf(stream, "<line class=\"whisker %s\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/>", css, across(low), up(y), across(high), up(y));
    desy_svg_dot(stream, css, x, y, 4.5, text);
}

void desy_svg_close(FILE *stream, const char *caption) { fprintf(stream, "</svg><figcaption>%s</figcaption></figure>\n", caption); }
