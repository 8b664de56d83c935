/* The plots of report.html. */
#include "eval/page.h"

#include "base/json.h"
#include "eval/html.h"
#include "eval/interval.h"
#include "eval/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double diagonal[] = {0, 1};
static struct desy_svg_axis unit(const char *title) { return (struct desy_svg_axis){.title = title, .end = 1}; }

static double number(const cJSON *object, const char *key) { return desy_json_number_of(object, key); }

static void plot_roc(FILE *stream, const struct desy_page *page)
{
    const size_t stride = sizeof *page->points / sizeof(double);
    const struct desy_svg_axis x = unit("false positive rate"), y = unit("true positive rate");
    char text[160];
    snprintf(text, sizeof text, "ROC curve from (0, 0) to (1, 1) with an area of %.4f under it", number(page->json, "roc_auc"));
    desy_svg_open(stream, "ROC", text, &x, &y);
    desy_svg_line(stream, "guide", diagonal, diagonal, 2, 1);
    desy_svg_line(stream, "ai", &page->points->fpr, &page->points->tpr, page->n_points, stride);
    desy_svg_dot(stream, "validation", number(page->json, "fpr"), number(page->json, "tpr"), 4.5, "at the threshold");
    snprintf(text, sizeof text, "AUC %.4f. The dot is the threshold %.4g; dotted is chance.", number(page->json, "roc_auc"), number(page->json, "threshold"));
    desy_svg_close(stream, text);
}

static void plot_precision(FILE *stream, const struct desy_page *page)
{
    const size_t stride = sizeof *page->points / sizeof(double);
    const double share = number(page->json, "n_pos") / number(page->json, "n"), chance[] = {share, share};
    const struct desy_svg_axis x = unit("recall"), y = unit("precision");
    char text[160];
    snprintf(text, sizeof text, "Precision over recall, average precision %.4f", number(page->json, "average_precision"));
    desy_svg_open(stream, "Precision and recall", text, &x, &y);
    desy_svg_line(stream, "guide", diagonal, chance, 2, 1);
    desy_svg_line(stream, "ai", &page->points->tpr, &page->points->precision, page->n_points, stride);
    desy_svg_close(stream, "AI-generated positive. Dotted is chance, the share of AI-generated videos here.");
}

/* A rate on the axis of normal deviates, which makes the curve of two normal distributions straight: .05 % to 80 % as 0 to 1 (Martin et al., Eurospeech 1997). */
static double on_det_axis(double rate)
{
    const double begin = desy_normal_quantile(.0005), end = desy_normal_quantile(.8);
    return rate <= 0 ? 0 : rate >= 1 ? 1 : fmin(1, fmax(0, (desy_normal_quantile(rate) - begin) / (end - begin)));
}

static void plot_det(FILE *stream, const struct desy_page *page)
{
    static const double rates[] = {.001, .01, .05, .2, .4, .6};
    static const char *const names[] = {"0.1 %", "1 %", "5 %", "20 %", "40 %", "60 %"};
    struct desy_svg_tick ticks[6];
    double *room = malloc(2 * page->n_points * sizeof *room);
    if (!room) return;
    for (int i = 0; i < 6; i++) ticks[i] = (struct desy_svg_tick){on_det_axis(rates[i]), names[i]};
    for (size_t i = 0; i < page->n_points; i++) {
        room[i] = on_det_axis(page->points[i].fpr);
        room[page->n_points + i] = on_det_axis(1 - page->points[i].tpr);
    }
    const struct desy_svg_axis x = {.title = "false alarms", .ticks = ticks, .n_ticks = 6}, y = {.title = "misses", .ticks = ticks, .n_ticks = 6};
    char text[160];
    snprintf(text, sizeof text, "Misses over false alarms on axes of normal deviates; both are equal at %.4f", number(page->json, "eer"));
    desy_svg_open(stream, "Detection error trade-off", text, &x, &y);
    desy_svg_line(stream, "guide", diagonal, diagonal, 2, 1);
    desy_svg_line(stream, "ai", room, room + page->n_points, page->n_points, 1);
    snprintf(text, sizeof text, "Lower left is better. On the dotted line both errors are alike: %.2f %% (EER).", 100 * number(page->json, "eer"));
    desy_svg_close(stream, text);
    free(room);
}

static void plot_histogram(FILE *stream, const struct desy_page *page)
{
    static const char *const keys[] = {"real", "ai"}, *const names[] = {"real", "AI-generated"};
    const cJSON *histogram = cJSON_GetObjectItemCaseSensitive(page->json, "histogram"), *count;
    double most = 1;
    if (!histogram) return;
    for (int label = 0; label < 2; label++)
        cJSON_ArrayForEach(count, cJSON_GetObjectItemCaseSensitive(histogram, keys[label])) most = fmax(most, count->valuedouble);
    const struct desy_svg_axis x = unit("score"), y = {.title = "videos", .end = ceil(most / 5) * 5};
    desy_svg_open(stream, "Scores", "Histogram of the scores of real and of AI-generated videos", &x, &y);
    for (int label = 0; label < 2; label++) {
        const cJSON *counts = cJSON_GetObjectItemCaseSensitive(histogram, keys[label]);
        const double width = 1. / cJSON_GetArraySize(counts);
        int bar = 0;
        cJSON_ArrayForEach(count, counts) {
            char text[80];
            snprintf(text, sizeof text, "%.0f %s in [%.2f, %.2f)", count->valuedouble, names[label], bar * width, (bar + 1) * width);
            if (count->valuedouble > 0) desy_svg_bar(stream, keys[label], bar * width + .004, (bar + 1) * width - .004, count->valuedouble / y.end, text);
            bar++;
        }
    }
    desy_svg_close(stream, "<span class=\"real-ink\">Real</span> (plain) and <span class=\"ai-ink\">AI-generated</span> (hatched), overlaid.");
}

void desy_page_curves(FILE *stream, const struct desy_page *page)
{
    if (page->n_points > 0) {
        plot_roc(stream, page);
        plot_precision(stream, page);
        plot_det(stream, page);
    }
    plot_histogram(stream, page);
}

void desy_page_reliability(FILE *stream, const struct desy_page *page)
{
    const cJSON *calibration = cJSON_GetObjectItemCaseSensitive(page->json, "calibration"), *width = cJSON_GetObjectItemCaseSensitive(calibration, "equal_width");
    const cJSON *bins = cJSON_GetObjectItemCaseSensitive(width, "bins"), *bin;
    const struct desy_svg_axis x = unit("mean score of the bin"), y = unit("share of AI-generated videos");
    const double all = number(page->json, "n");
    double before[2] = {0};
    bool first = true;
    char text[160];
    if (!bins) return;
    snprintf(text, sizeof text, "Share of AI-generated videos over the score, in ten bins; calibration error %.4f", number(page->json, "ece"));
    desy_svg_open(stream, "Reliability", text, &x, &y);
    desy_svg_line(stream, "guide", diagonal, diagonal, 2, 1);
    cJSON_ArrayForEach(bin, bins) {
        const double at[2] = {number(bin, "mean_score"), number(bin, "share_ai")}, n = number(bin, "n");
        if (isnan(at[0]) || isnan(at[1])) continue;
        const double xs[] = {before[0], at[0]}, ys[] = {before[1], at[1]};
        if (!first) desy_svg_line(stream, "ai", xs, ys, 2, 1);
        snprintf(text, sizeof text, "%.0f videos, mean score %.3f, %.1f %% of them AI-generated", n, at[0], 100 * at[1]);
        desy_svg_dot(stream, "ai", at[0], at[1], 2.5 + 7 * sqrt(n / all), text);
        before[0] = at[0], before[1] = at[1], first = false;
    }
    snprintf(text, sizeof text, "Ten bins of equal width; a dot's area grows with its videos. ECE %.4f, Brier %.4f. On the dotted line scores are probabilities.", number(page->json, "ece"), number(page->json, "brier"));
    desy_svg_close(stream, text);
}

/* One loss of every epoch, from epoch 1 on; one that was not finite is absent, and left out of the line. */
static size_t read_losses(const cJSON *epochs, const char *key, double x[], double y[], double right, double *most)
{
    size_t n = 0;
    double epoch_number = 0;
    const cJSON *epoch;
    cJSON_ArrayForEach(epoch, epochs) {
        const double loss = number(epoch, key);
        epoch_number++;
        if (isnan(loss)) continue;
        x[n] = epoch_number / right;
        y[n++] = loss;
        *most = fmax(*most, loss);
    }
    return n;
}

static void plot_learning(FILE *stream, const cJSON *curve)
{
    static const char *const keys[] = {"loss", "validation_loss"}, *const css[] = {"training", "validation"};
    const cJSON *epochs = cJSON_GetObjectItemCaseSensitive(curve, "epochs"), *best_epoch = cJSON_GetObjectItemCaseSensitive(curve, "best_epoch");
    const double kept = number(cJSON_GetArrayItem(epochs, cJSON_IsNumber(best_epoch) ? best_epoch->valueint - 1 : -1), "validation_loss");
    const size_t count = (size_t)cJSON_GetArraySize(epochs);
    const double right = (double)((count + 4) / 5 * 5);
    double *room = count ? malloc(4 * count * sizeof *room) : NULL, most = 0;
    size_t n[2];
    char text[200];
    if (!room) return;
    for (int i = 0; i < 2; i++) n[i] = read_losses(epochs, keys[i], room + 2 * (size_t)i * count, room + (2 * (size_t)i + 1) * count, right, &most);
    const double step = most > 0 ? pow(10, floor(log10(most))) / 2 : 1, top = most > 0 ? ceil(most / step) * step : 1;
    const struct desy_svg_axis x = {.title = "epoch", .end = right}, y = {.title = "loss", .end = top};
    snprintf(text, sizeof text, "Learning curve of %.100s", curve->string);
    desy_svg_open(stream, text, "Loss in training and on the validation part, by epoch", &x, &y);
    for (int i = 0; i < 2; i++) {
        double *values = room + (2 * (size_t)i + 1) * count;
        for (size_t e = 0; e < n[i]; e++) values[e] /= top;
        desy_svg_line(stream, css[i], room + 2 * (size_t)i * count, values, n[i], 1);
    }
    if (isfinite(kept)) {
        snprintf(text, sizeof text, "epoch %d: validation loss %.4g", best_epoch->valueint, kept);
        desy_svg_dot(stream, "validation", best_epoch->valueint / right, kept / top, 4, text);
    }
    snprintf(text, sizeof text, "Loss in training (dashed), and on the validation part. The dot is epoch %d, which was kept.", cJSON_IsNumber(best_epoch) ? best_epoch->valueint : 0);
    desy_svg_close(stream, text);
    free(room);
}

void desy_page_learning(FILE *stream, const struct desy_page *page)
{
    const cJSON *curve; /* a model of small forms has none */
    cJSON_ArrayForEach(curve, cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(page->options->model, "training"), "curves")) plot_learning(stream, curve);
}

void desy_page_rows(FILE *stream, const char *title, const char *what, const char *axis, const cJSON *list, const char *name, const char *key, const char *css)
{
    enum { MOST = 60 };
    const char *names[MOST];
    const struct desy_svg_axis x = unit(axis);
    const cJSON *row;
    char ci[64];
    int n = 0, i = 0;
    cJSON_ArrayForEach(row, list) {
        const char *text = desy_json_text_of(row, name);
        if (n < MOST && text && isfinite(number(row, key))) names[n++] = text;
    }
    if (n == 0) return;
    snprintf(ci, sizeof ci, "%s_ci", key);
    desy_svg_open_rows(stream, title, what, &x, names, n);
    cJSON_ArrayForEach(row, list) {
        const cJSON *interval = cJSON_GetObjectItemCaseSensitive(row, ci), *low = cJSON_GetArrayItem(interval, 0), *high = cJSON_GetArrayItem(interval, 1);
        const double value = number(row, key);
        char text[80];
        if (i == n || !desy_json_text_of(row, name) || !isfinite(value)) continue;
        snprintf(text, sizeof text, low && high ? "%.4f (%.3f to %.3f)" : "%.4f", value, low ? low->valuedouble : 0, high ? high->valuedouble : 0);
        desy_svg_row(stream, css, i++, n, value, low ? low->valuedouble : NAN, high ? high->valuedouble : NAN, text);
    }
    desy_svg_close(stream, what);
}
