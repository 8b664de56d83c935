#include "stages/timeline_svg.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/html.h"

#include <math.h>
#include <stdio.h>

#define WIDTH 720.
#define HEIGHT 300.
#define LEFT 64.
#define RIGHT 20.
#define TOP 44.
#define BOTTOM 52.

static double up(double score)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - score);
}

static double across(double seconds, double from, double to)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (seconds - from) / (to - from);
}

/* 1, 2 or 5 times a power of ten, so that there are at most 8 marks. */
static double step_of(double span)
{
    double step = pow(10, floor(log10(span / 8)));
    static const double factors[] = {1, 2, 5, 10};
    for (int i = 0; i < 4; i++)
        if (span / (step * factors[i]) <= 8) return step * factors[i];
    return step * 10;
}

static void draw_axes(FILE *stream, double from, double to, double threshold)
{
    const double step = step_of(to - from);
    for (int i = 0; i <= 4; i++) {
        const double score = i / 4.;
        fprintf(stream, "<line x1=\"%g\" y1=\"%.1f\" x2=\"%g\" y2=\"%.1f\" stroke=\"#ddd\"/><text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT, up(score),
                WIDTH - RIGHT, up(score), LEFT - 8, up(score) + 4, score);
    }
    for (double mark = ceil(from / step) * step; mark <= to + 1e-9; mark += step)
        fprintf(stream, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#444\"/><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n",
                across(mark, from, to), up(0), across(mark, from, to), up(0) + 5, across(mark, from, to), up(0) + 19, fabs(mark) < step / 1e6 ? 0 : mark);
    fprintf(stream, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"none\" stroke=\"#444\"/>\n", LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    fprintf(stream, "<line class=\"threshold\" x1=\"%g\" y1=\"%.1f\" x2=\"%g\" y2=\"%.1f\" stroke=\"#b00\" stroke-dasharray=\"6 4\"/>\n", LEFT, up(threshold), WIDTH - RIGHT, up(threshold));
    fprintf(stream, "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\" fill=\"#b00\">threshold %.3g</text>\n", WIDTH - RIGHT - 6, up(threshold) - 5, threshold);
    fprintf(stream, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">seconds</text>\n", LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 12);
    fprintf(stream, "<text transform=\"translate(18 %g) rotate(-90)\" text-anchor=\"middle\">probability of AI-generated</text>\n", TOP + (HEIGHT - TOP - BOTTOM) / 2);
}

static void draw_windows(FILE *stream, const cJSON *timeline, double from, double to, double threshold)
{
    const cJSON *window;
    fputs("<polyline fill=\"none\" stroke=\"#999\" points=\"", stream);
    cJSON_ArrayForEach(window, timeline)
        fprintf(stream, "%.1f,%.1f ", across((desy_json_number_of(window, "start") + desy_json_number_of(window, "end")) / 2, from, to), up(desy_json_number_of(window, "score")));
    fputs("\"/>\n", stream);
    cJSON_ArrayForEach(window, timeline)
    {
        const double start = desy_json_number_of(window, "start"), end = desy_json_number_of(window, "end"), score = desy_json_number_of(window, "score");
        fprintf(stream, "<line class=\"window\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"5\"><title>%.2f - %.2f s: %.3f</title></line>\n",
                across(start, from, to), up(score), across(end, from, to), up(score), score >= threshold ? "#b00" : "#06c", start, end, score);
    }
}

int desy_timeline_svg(const cJSON *result, const char *path)
{
    struct desy_atomic_file file = {0};
    const cJSON *timeline = cJSON_GetObjectItem(result, "timeline"), *window;
    double from = 0, to = 0;
    int rc;
    cJSON_ArrayForEach(window, timeline)
    {
        const double end = desy_json_number_of(window, "end");
        if (window == timeline->child || desy_json_number_of(window, "start") < from) from = desy_json_number_of(window, "start");
        if (window == timeline->child || end > to) to = end;
    }
    if (from > 0) from = 0;
    if (!(to > from)) to = from + 1;
    DESY_TRY(desy_atomic_open(&file, path));
    fprintf(file.stream, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    fprintf(file.stream, "<rect width=\"%g\" height=\"%g\" fill=\"#fff\"/>\n<text x=\"%g\" y=\"26\" font-size=\"15\">", WIDTH, HEIGHT, LEFT);
    desy_html_put(file.stream, cJSON_GetStringValue(cJSON_GetObjectItem(result, "video_path")));
    if (timeline) fprintf(file.stream, ": %.1f %% likely AI-generated", 100 * desy_json_number_of(result, "confidence"));
    else fputs(": no score", file.stream);
    fputs("</text>\n", file.stream);
    if (timeline) {
        const double threshold = desy_json_number_of(result, "threshold");
        draw_axes(file.stream, from, to, threshold);
        draw_windows(file.stream, timeline, from, to, threshold);
    }
    fputs("</svg>\n", file.stream);
    rc = desy_atomic_commit(&file);
out:
    desy_atomic_abort(&file);
    return rc;
}
