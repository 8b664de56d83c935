/* report.html: one file, no scripts, nothing from the network. */
#include "eval/metrics_json.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/svg.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ground:#fbfbfa;--panel:#fff;--ink:#1c2024;--soft:#5c6670;--rule:#d9dde1;--ai:#c2410c;--real:#1d63b8}\n"
    "@media(prefers-color-scheme:dark){:root{--ground:#14171a;--panel:#1c2125;--ink:#e8eaec;--soft:#9aa4ad;--rule:#363d44;--ai:#fb8a4a;--real:#6aaef5}}\n"
    "body{margin:0 auto;padding:24px 20px 60px;max-width:1080px;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:24px;margin:0}h2{font-size:18px;margin:36px 0 10px}h3{font-size:14px;margin:0 0 4px}p{margin:6px 0}.soft,figcaption{color:var(--soft);font-size:13px}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:12px;margin:18px 0}.cards div,figure{background:var(--panel);border:1px solid var(--rule);border-radius:6px;padding:12px 14px;margin:0}\n"
    ".cards b{display:block;font-size:25px;font-variant-numeric:tabular-nums}.cards .first{border-color:var(--ink)}.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:14px}\n"
    "svg{width:100%;max-width:440px;display:block;margin:auto}svg text{fill:var(--soft);font-size:11px}.grid{stroke:var(--rule);stroke-width:.7}.line{fill:none;stroke-width:2}\n"
    ".line.ai{stroke:var(--ai)}.line.real{stroke:var(--real)}.line.guide{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 4}.line.training{stroke:var(--soft)}.line.validation{stroke:var(--ink)}.bar.ai,.dot.ai{fill:var(--ai)}.bar.real,.dot.real{fill:var(--real)}.dot.validation{fill:var(--ink)}.bar{fill-opacity:.55}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px}th,td{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--rule);vertical-align:top}th{font-weight:600;color:var(--soft)}\n"
    ".wide{overflow-x:auto}td table td,td table th{border:0;padding:1px 10px 1px 0}.ai-ink{color:var(--ai)}.real-ink{color:var(--real)}.ink{color:var(--ink)}\n";

static void put_card(FILE *stream, bool first, const char *name, double value, const char *format, ...) __attribute__((format(printf, 5, 6)));

static void put_card(FILE *stream, bool first, const char *name, double value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stream, "<div%s>%s<b>%.4f</b><span class=\"soft\">", first ? " class=\"first\"" : "", name, value);
    vfprintf(stream, format, arguments);
    fputs("</span></div>\n", stream);
    va_end(arguments);
}

/* What the figures are over, in words. */
static void put_over(FILE *stream, const struct desy_page *page)
{
    const struct desy_metrics *metrics = page->metrics;
    fprintf(stream, "%lld clips (%lld AI-generated, %lld real)", (long long)metrics->n, (long long)metrics->n_pos, (long long)metrics->n_neg);
    if (strcmp(page->options->split, "all") == 0) fputs(" of the whole data set, those of training included", stream);
    else if (*page->options->split) fprintf(stream, " of the %s split", page->options->split);
    else fputs(" of the given scores", stream);
    if (metrics->n_failed) fprintf(stream, "; %lld more could not be read and have no score", (long long)metrics->n_failed);
}

static void put_head(FILE *stream, const struct desy_page *page)
{
    const struct desy_metrics *metrics = page->metrics;
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>DeSY: ", stream);
    desy_html_put(stream, page->options->subject);
    fprintf(stream, "</title>\n<style>\n%s</style></head><body>\n<h1>Detection of AI-generated video: evaluation</h1>\n<p>", style);
    desy_html_put(stream, page->options->subject);
    fputs("</p>\n<p class=\"soft\">Over ", stream);
    put_over(stream, page);
    fputs(". Positive means AI-generated; a clip is called so if its score is at least the threshold.</p>\n<div class=\"cards\">\n", stream);

    const cJSON *fold_auc = cJSON_GetObjectItemCaseSensitive(page->options->out_of_fold, "roc_auc");
    const char *over = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page->options->out_of_fold, "over"));
    if (cJSON_IsNumber(fold_auc)) put_card(stream, true, "Out-of-fold ROC AUC", fold_auc->valuedouble, "over %s", over ? over : "the training clips");
    if (metrics->both) {
        put_card(stream, !fold_auc, "ROC AUC", metrics->roc_auc, "95 %% interval %.3f to %.3f over clips, %s", metrics->roc_auc_ci[0], metrics->roc_auc_ci[1], metrics->ci_method);
        put_card(stream, false, "Average precision", metrics->average_precision, "AI positive; %.4f with real positive", metrics->average_precision_real);
        put_card(stream, false, "Equal error rate", metrics->equal_error_rate, "false alarms as frequent as misses");
    }
    put_card(stream, false, "Accuracy", desy_accuracy(&metrics->point), "at threshold %g (%s)", page->options->threshold, page->options->threshold_from);
    if (metrics->n_pos > 0)
        put_card(stream, false, "F1", desy_f1(&metrics->point), "precision %.4f, recall %.4f", desy_precision(&metrics->point), desy_recall(&metrics->point));
    if (metrics->probabilities) put_card(stream, false, "Brier score", metrics->brier, "calibration error (ECE) %.4f", metrics->ece);
    fputs("</div>\n", stream);
    const cJSON *note;
    cJSON_ArrayForEach(note, cJSON_GetObjectItemCaseSensitive(page->json, "notes")) fprintf(stream, "<p>Note: %s</p>\n", note->valuestring);
    const cJSON *finding;
    cJSON_ArrayForEach(finding, cJSON_GetObjectItemCaseSensitive(page->options->model, "diagnosis")) {
        const char *words = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(finding, "words"));
        fputs("<p>Of the model's training: ", stream);
        desy_html_put(stream, words ? words : "?");
        fputs("</p>\n", stream);
    }
}

static void plot_curves(FILE *stream, const struct desy_page *page)
{
    static const double diagonal[] = {0, 1};
    const size_t stride = sizeof *page->points / sizeof(double);
    const struct desy_metrics *metrics = page->metrics;
    const double share = (double)metrics->n_pos / (double)metrics->n, chance[] = {share, share};
    char caption[128];

    desy_svg_open(stream, "ROC", "false positive rate", "true positive rate", 1, 1);
    desy_svg_line(stream, "guide", diagonal, diagonal, 2, 1);
    desy_svg_line(stream, "ai", &page->points->fpr, &page->points->tpr, page->n_points, stride);
    desy_svg_dot(stream, "ai", desy_false_positive_rate(&metrics->point), desy_recall(&metrics->point), 4, "at the threshold");
    snprintf(caption, sizeof caption, "AUC %.4f. The dot is the threshold %g; dashed is chance.", metrics->roc_auc, page->options->threshold);
    desy_svg_close(stream, caption);

    desy_svg_open(stream, "Precision and recall", "recall", "precision", 1, 1);
    desy_svg_line(stream, "guide", diagonal, chance, 2, 1);
    desy_svg_line(stream, "ai", &page->points->tpr, &page->points->precision, page->n_points, stride);
    snprintf(caption, sizeof caption, "Average precision %.4f. Dashed is chance, the share of AI-generated clips.", metrics->average_precision);
    desy_svg_close(stream, caption);
}

static void plot_histogram(FILE *stream, const struct desy_metrics *metrics)
{
    int64_t most = 1;
    for (int i = 0; i < 2 * DESY_HISTOGRAM; i++) most = metrics->histogram[i / DESY_HISTOGRAM][i % DESY_HISTOGRAM] > most ? metrics->histogram[i / DESY_HISTOGRAM][i % DESY_HISTOGRAM] : most;
    const double top = (double)((most + 4) / 5 * 5);
    desy_svg_open(stream, "Scores", "score", "clips", 1, top);
    for (int i = 0; i < 2 * DESY_HISTOGRAM; i++) {
        const int label = i / DESY_HISTOGRAM, bar = i % DESY_HISTOGRAM;
        const double count = (double)metrics->histogram[label][bar], width = 1. / DESY_HISTOGRAM;
        char text[64];
        snprintf(text, sizeof text, "%.0f %s in [%.2f, %.2f)", count, label ? "AI-generated" : "real", bar * width, (bar + 1) * width);
        if (count > 0) desy_svg_bar(stream, label ? "ai" : "real", bar * width + .004, (bar + 1) * width - .004, count, top, text);
    }
    desy_svg_close(stream, "<span class=\"real-ink\">Real</span> and <span class=\"ai-ink\">AI-generated</span> clips by score, overlaid.");
}

static void plot_reliability(FILE *stream, const struct desy_metrics *metrics)
{
    static const double diagonal[] = {0, 1};
    double x[DESY_BINS], y[DESY_BINS];
    size_t n = 0;
    char caption[160];
    desy_svg_open(stream, "Reliability", "mean score of the bin", "share of AI-generated clips", 1, 1);
    desy_svg_line(stream, "guide", diagonal, diagonal, 2, 1);
    for (int b = 0; b < DESY_BINS; b++)
        if (metrics->bins[b].n > 0) {
            x[n] = metrics->bins[b].mean_score;
            y[n++] = (double)metrics->bins[b].pos / (double)metrics->bins[b].n;
        }
    desy_svg_line(stream, "real", x, y, n, 1);
    n = 0;
    for (int b = 0; b < DESY_BINS; b++) {
        if (metrics->bins[b].n == 0) continue;
        char text[64];
        snprintf(text, sizeof text, "%lld clips", (long long)metrics->bins[b].n);
        desy_svg_dot(stream, "real", x[n], y[n], 2.5 + 7. * sqrt((double)metrics->bins[b].n / (double)metrics->n), text);
        n++;
    }
    snprintf(caption, sizeof caption, "Ten bins of equal width; the dot's area grows with their clips. ECE %.4f, Brier %.4f. On the dashed line scores are probabilities.", metrics->ece, metrics->brier);
    desy_svg_close(stream, caption);
}

/* One loss of every epoch, from epoch 1 on; one that was not finite is absent, and left out of the line. */
static size_t read_losses(const cJSON *epochs, const char *key, double x[], double y[], double right, double *most)
{
    size_t n = 0;
    double number = 0;
    const cJSON *epoch;
    cJSON_ArrayForEach(epoch, epochs) {
        const cJSON *loss = cJSON_GetObjectItemCaseSensitive(epoch, key);
        number++;
        if (!cJSON_IsNumber(loss)) continue;
        x[n] = number / right;
        y[n++] = loss->valuedouble;
        *most = fmax(*most, loss->valuedouble);
    }
    return n;
}

/* A full form in its training. */
static void plot_learning(FILE *stream, const cJSON *curve)
{
    static const char *const keys[] = {"loss", "validation_loss"}, *const css[] = {"training", "validation"};
    const cJSON *epochs = cJSON_GetObjectItemCaseSensitive(curve, "epochs");
    const cJSON *best_epoch = cJSON_GetObjectItemCaseSensitive(curve, "best_epoch"), *best = cJSON_GetArrayItem(epochs, cJSON_IsNumber(best_epoch) ? best_epoch->valueint - 1 : -1);
    const cJSON *kept = cJSON_GetObjectItemCaseSensitive(best, "validation_loss");
    const size_t count = (size_t)cJSON_GetArraySize(epochs);
    const double right = (double)((count + 4) / 5 * 5);
    double *room = count ? malloc(4 * count * sizeof *room) : NULL, most = 0;
    size_t n[2];
    char text[200];
    if (!room) return;
    for (int i = 0; i < 2; i++) n[i] = read_losses(epochs, keys[i], room + 2 * (size_t)i * count, room + (2 * (size_t)i + 1) * count, right, &most);
    const double unit = most > 0 ? pow(10, floor(log10(most))) / 2 : 1, top = most > 0 ? ceil(most / unit) * unit : 1;
    snprintf(text, sizeof text, "Learning curve of %.100s", curve->string);
    desy_svg_open(stream, text, "epoch", "loss", right, top);
    for (int i = 0; i < 2; i++) {
        double *y = room + (2 * (size_t)i + 1) * count;
        for (size_t e = 0; e < n[i]; e++) y[e] /= top;
        desy_svg_line(stream, css[i], room + 2 * (size_t)i * count, y, n[i], 1);
    }
    if (cJSON_IsNumber(kept)) {
        snprintf(text, sizeof text, "epoch %d: validation loss %.4g", best_epoch->valueint, kept->valuedouble);
        desy_svg_dot(stream, "validation", best_epoch->valueint / right, kept->valuedouble / top, 4, text);
    }
    snprintf(text, sizeof text, "Loss in training (grey), and on the <span class=\"ink\">validation part</span>. The dot is epoch %d, which was kept.",
             cJSON_IsNumber(best_epoch) ? best_epoch->valueint : 0);
    desy_svg_close(stream, text);
    free(room);
}

static void put_value(FILE *stream, const cJSON *value);

/* Rounded, the full number on hover. */
static void put_rounded(FILE *stream, double value)
{
    char text[DESY_NUMBER_TEXT];
    desy_number_text(text, value);
    if (strlen(text) <= 7) fputs(text, stream);
    else fprintf(stream, "<span title=\"%s\">%.4f</span>", text, value);
}

/* Objects of one shape: a table with a column for each member of the first. */
static void put_rows(FILE *stream, const cJSON *list, const char *corner)
{
    const cJSON *row, *cell, *widest = list->child;
    cJSON_ArrayForEach(row, list) if (cJSON_GetArraySize(row) > cJSON_GetArraySize(widest)) widest = row;
    fputs("<div class=\"wide\"><table><tr>", stream);
    if (corner) fprintf(stream, "<th>%s</th>", corner);
    cJSON_ArrayForEach(cell, widest) {
        fputs("<th>", stream);
        desy_html_put(stream, cell->string);
        fputs("</th>", stream);
    }
    fputs("</tr>\n", stream);
    cJSON_ArrayForEach(row, list) {
        fputs("<tr>", stream);
        if (corner) {
            fputs("<td>", stream);
            desy_html_put(stream, row->string);
            fputs("</td>", stream);
        }
        cJSON_ArrayForEach(cell, widest) {
            const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, cell->string);
            fputs("<td>", stream);
            if (cJSON_IsNumber(value)) put_rounded(stream, value->valuedouble);
            else if (value) put_value(stream, value);
            fputs("</td>", stream);
        }
        fputs("</tr>\n", stream);
    }
    fputs("</table></div>\n", stream);
}

static void put_value(FILE *stream, const cJSON *value)
{
    char text[DESY_NUMBER_TEXT];
    const cJSON *child;
    if (cJSON_IsNumber(value)) fputs(desy_number_text(text, value->valuedouble), stream);
    else if (cJSON_IsString(value)) desy_html_put(stream, value->valuestring);
    else if (cJSON_IsBool(value)) fputs(cJSON_IsTrue(value) ? "true" : "false", stream);
    else if (cJSON_IsArray(value) && cJSON_IsObject(value->child)) put_rows(stream, value, NULL);
    else if (cJSON_IsArray(value))
        cJSON_ArrayForEach(child, value) {
            put_value(stream, child);
            if (child->next) fputs(", ", stream);
        }
    else if (cJSON_IsObject(value)) {
        fputs("<table>", stream);
        cJSON_ArrayForEach(child, value) {
            fputs("<tr><th>", stream);
            desy_html_put(stream, child->string);
            fputs("</th><td>", stream);
            put_value(stream, child);
            fputs("</td></tr>\n", stream);
        }
        fputs("</table>", stream);
    }
}

static void put_page(FILE *stream, const struct desy_page *page)
{
    put_head(stream, page);
    fputs("<div class=\"plots\">\n", stream);
    if (page->points) plot_curves(stream, page);
    if (page->metrics->probabilities) {
        plot_histogram(stream, page->metrics);
        plot_reliability(stream, page->metrics);
    }
    const cJSON *curve; /* a model of small forms has none */
    cJSON_ArrayForEach(curve, cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(page->options->model, "training"), "curves")) plot_learning(stream, curve);
    fputs("</div>\n", stream);
    const cJSON *sources = cJSON_GetObjectItemCaseSensitive(page->json, "by_source");
    if (sources) {
        fputs("<h2>By source</h2>\n<p class=\"soft\">roc_auc: the source's clips against all clips of the other class; of a source with both classes, within it.</p>\n", stream);
        put_rows(stream, sources, "source");
    }
    fputs("<h2>By threshold</h2>\n", stream);
    put_rows(stream, cJSON_GetObjectItemCaseSensitive(page->json, "sweep"), NULL);
    fputs("<h2>Every figure</h2>\n<p class=\"soft\">As in metrics.json, in full precision (in tables: on hover). The curves point by point are in roc.csv and pr.csv, the scores in scores.csv.</p>\n<div class=\"wide\"><table>\n", stream);
    const cJSON *member;
    cJSON_ArrayForEach(member, page->json) {
        if (member == sources || strcmp(member->string, "sweep") == 0 || strcmp(member->string, "notes") == 0) continue; /* shown above */
        fputs("<tr><th>", stream);
        desy_html_put(stream, member->string);
        fputs("</th><td>", stream);
        put_value(stream, member);
        fputs("</td></tr>\n", stream);
    }
    fputs("</table></div>\n</body></html>\n", stream);
}

int desy_page_write(const struct desy_page *page)
{
    struct desy_atomic_file file = {0};
    char *path = desy_path_join(page->options->directory, "report.html");
    int rc = path ? desy_atomic_open(&file, path) : desy_error_memory("a path");
    free(path);
    if (rc != DESY_OK) return rc;
    put_page(file.stream, page);
    return desy_atomic_commit(&file);
}
