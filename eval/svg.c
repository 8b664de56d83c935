#include "eval/svg.h"

#define LEFT 52.
#define TOP 12.
#define SIDE 280.

static double across(double x) { return LEFT + SIDE * x; }
static double up(double y) { return TOP + SIDE * (1. - y); }

void desy_html_put(FILE *stream, const char *text)
{
    for (; *text; text++) switch (*text) {
        case '&': fputs("&amp;", stream); break;
        case '<': fputs("&lt;", stream); break;
        case '>': fputs("&gt;", stream); break;
        case '"': fputs("&quot;", stream); break;
        case '\'': fputs("&#39;", stream); break;
        default: putc(*text, stream);
        }
}

void desy_svg_open(FILE *stream, const char *title, const char *x_title, const char *y_title, double right, double top)
{
    fputs("<figure><h3>", stream);
    desy_html_put(stream, title);
    fputs("</h3><svg viewBox=\"0 0 348 340\" role=\"img\" aria-label=\"", stream);
    desy_html_put(stream, title);
    fputs("\">\n", stream);
    for (int i = 0; i <= 5; i++) {
        const double at = i / 5.;
        fprintf(stream, "<line class=\"grid\" x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\"/><line class=\"grid\" x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\"/>", across(at), up(0),
                across(at), up(1), across(0), up(at), across(1), up(at));
        fprintf(stream, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%.3g</text><text x=\"%g\" y=\"%g\" text-anchor=\"end\">%.3g</text>\n", across(at), up(0) + 16, at * right,
                across(0) - 6, up(at) + 4, at * top);
    }
    fprintf(stream, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%s</text>", across(.5), up(0) + 36, x_title);
    fprintf(stream, "<text transform=\"translate(13 %g) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", up(.5), y_title);
}

void desy_svg_line(FILE *stream, const char *css, const double *x, const double *y, size_t n, size_t stride)
{
    fprintf(stream, "<polyline class=\"line %s\" points=\"", css);
    for (size_t i = 0; i < n; i++) fprintf(stream, "%.2f,%.2f ", across(x[i * stride]), up(y[i * stride]));
    fputs("\"/>\n", stream);
}

void desy_svg_bar(FILE *stream, const char *css, double x0, double x1, double y, double top, const char *text)
{
    fprintf(stream, "<rect class=\"bar %s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>%s</title></rect>\n", css, across(x0), up(y / top), SIDE * (x1 - x0),
            SIDE * y / top, text);
}

void desy_svg_dot(FILE *stream, const char *css, double x, double y, double radius, const char *text)
{
    fprintf(stream, "<circle class=\"dot %s\" cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"><title>%s</title></circle>\n", css, across(x), up(y), radius, text);
}

void desy_svg_close(FILE *stream, const char *caption) { fprintf(stream, "</svg><figcaption>%s</figcaption></figure>\n", caption); }
