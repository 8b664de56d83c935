/* The summary of report.html: questions that anybody would ask, answered in words with figures and their intervals. */
#include "eval/page.h"

#include "base/json.h"
#include "eval/html.h"

#include <math.h>
#include <string.h>

/* " (90.1 to 98.0 %)"; nothing where there is no interval. */
static bool put_interval(FILE *stream, const cJSON *interval)
{
    const cJSON *low = cJSON_GetArrayItem(interval, 0), *high = cJSON_GetArrayItem(interval, 1);
    if (!cJSON_IsNumber(low) || !cJSON_IsNumber(high)) return false;
    fprintf(stream, " <span class=\"soft\">(%.1f to %.1f %%)</span>", 100 * low->valuedouble, 100 * high->valuedouble);
    return true;
}

static void put_share(FILE *stream, double share, const cJSON *interval)
{
    fputs("<b>", stream);
    desy_html_percent(stream, share);
    fputs("</b>", stream);
    (void)put_interval(stream, interval);
}

static void ask(FILE *stream, const char *question)
{
    fprintf(stream, "<dt>%s</dt><dd>", question);
}

static void end(FILE *stream)
{
    fputs("</dd>\n", stream);
}

/* The interval that speaks of other generators and cameras, else of other clips. */
static const cJSON *headline(const cJSON *json, const char **unit)
{
    const cJSON *of_sources = desy_json_member(json, "headline_ci"), *interval = desy_json_member(of_sources, "roc_auc");
    const char *words = desy_json_text_of(of_sources, "unit");
    *unit = "clips";
    if (!interval) return desy_json_member(json, "roc_auc_ci");
    if (words) *unit = words;
    return interval;
}

/* In a word, by the lower end of the interval: what is shown, not what may be. */
static const char *how_well(double low)
{
    return low >= .95 ? "It tells AI-generated from real video very well." : low >= .85 ? "It tells AI-generated from real video well." : low >= .7 ? "It tells AI-generated from real video fairly well."
           : low > .5 ? "It tells AI-generated from real video a little better than chance." : "It has not been shown to tell AI-generated from real video better than chance.";
}

/* Of what the controls suspect: is it more than that the training part has the evaluated clips, or what looks like them? */
static bool beyond_the_pictures(const cJSON *controls)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, desy_json_member(controls, "suspected"))
        if (cJSON_IsString(name) && strcmp(name->valuestring, "copies") != 0 && strcmp(name->valuestring, "seen sources") != 0) return true;
    return false;
}

static void put_verdict(FILE *stream, const struct desy_page *page)
{
    const cJSON *json = page->json;
    const char *unit;
    const cJSON *controls = desy_json_member(json, "controls"), *interval = headline(json, &unit), *low = cJSON_GetArrayItem(interval, 0);
    fputs("<div class=\"verdict\"><p>", stream);
    if (strcmp(page->options->split, "all") == 0) fputs("These are all videos, and the detector was trained on most of them: this shows what it remembers, not what it would do.", stream);
    else if (cJSON_IsFalse(desy_json_member(desy_json_member(json, "provenance"), "training_part_as_in_training")))
        fputs("It was trained on another choice of these videos, and may have seen some of them: the figures may flatter it.", stream);
    else if (cJSON_IsNumber(low)) fputs(how_well(low->valuedouble), stream);
    else fputs("One class alone is here: how well it tells AI-generated from real video can't be said.", stream);
    if (beyond_the_pictures(controls)) fputs(" <strong>But a shortcut is suspected: it may judge by something else than the pictures.</strong>", stream);
    else if (desy_json_member(controls, "suspected"))
        fputs(" <strong>But the training part has some of these videos, their sources, or videos that look like them: on new ones it may do worse.</strong>", stream);
    fputs("</p></div>\n", stream);
}

static void answer_ranking(FILE *stream, const cJSON *json)
{
    const char *unit;
    const cJSON *interval = headline(json, &unit);
    const double auc = desy_json_number_of(json, "roc_auc");
    if (isnan(auc)) return;
    ask(stream, "Does it tell them apart?");
    fputs("Of an AI-generated and a real video it scores the AI-generated one higher in ", stream);
    put_share(stream, auc, interval);
    fprintf(stream, " of all pairs; 95 %% interval over %s. <span class=\"soft\">(ROC AUC)</span>", unit);
    end(stream);
}

static void answer_folds(FILE *stream, const struct desy_page *page)
{
    const double auc = desy_json_number_of(page->options->out_of_fold, "roc_auc");
    const char *over = desy_json_text_of(page->options->out_of_fold, "over");
    if (isnan(auc)) return;
    ask(stream, "And where the source is new to it?");
    put_share(stream, auc, NULL);
    fputs(" of pairs, over ", stream);
    desy_html_put(stream, over ? over : "the training clips, each scored without its source");
    fputs(". <span class=\"soft\">(out-of-fold ROC AUC)</span>", stream);
    end(stream);
}

static void answer_threshold(FILE *stream, const cJSON *json)
{
    const double threshold = desy_json_number_of(json, "threshold"), tpr = desy_json_number_of(json, "tpr"), fpr = desy_json_number_of(json, "fpr");
    const char *from = desy_json_text_of(json, "threshold_from");
    if (isnan(threshold) || (isnan(tpr) && isnan(fpr))) return;
    ask(stream, "What does it flag?");
    fprintf(stream, "At its threshold, %.4g (%s), it flags ", threshold,
            !from || strcmp(from, "default") == 0 ? "the default" : strcmp(from, "option") == 0 ? "as given" : "chosen on the validation part");
    if (!isnan(tpr)) {
        put_share(stream, tpr, desy_json_member(json, "tpr_ci"));
        fputs(" of the AI-generated videos", stream);
    }
    if (!isnan(tpr) && !isnan(fpr)) fputs(" and ", stream);
    if (!isnan(fpr)) {
        put_share(stream, fpr, desy_json_member(json, "fpr_ci"));
        fputs(" of the real ones", stream);
    }
    fputs(".", stream);
    end(stream);
}

static void answer_one_in_hundred(FILE *stream, const cJSON *json)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, desy_json_member(json, "tpr_at_fpr")) {
        if (desy_json_number_of(entry, "fpr_limit") != .01) continue;
        const double tpr = desy_json_number_of(entry, "tpr");
        ask(stream, "With one false alarm in 100?");
        if (!isnan(tpr)) {
            fputs("It still finds ", stream);
            put_share(stream, tpr, desy_json_member(entry, "tpr_ci"));
            fputs(" of the AI-generated videos.", stream);
        } else
            fprintf(stream, "Not measurable: that takes 300 real videos at least, and there are %.0f.", desy_json_number_of(json, "n_neg"));
        end(stream);
    }
}

static void answer_prevalence(FILE *stream, const cJSON *json)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, desy_json_member(json, "prevalence_table")) { /* the first of a prevalence is at the threshold in use */
        const double of_1000 = desy_json_number_of(row, "ai_of_1000_flagged");
        const cJSON *interval = desy_json_member(row, "ai_of_1000_flagged_ci"), *low = cJSON_GetArrayItem(interval, 0), *high = cJSON_GetArrayItem(interval, 1);
        if (desy_json_number_of(row, "prevalence") != .01 || isnan(of_1000)) continue;
        ask(stream, "If one video in 100 is AI-generated?");
        fprintf(stream, "Of 1,000 videos that it flags <b>%.0f</b> are AI-generated", of_1000);
        if (cJSON_IsNumber(low) && cJSON_IsNumber(high)) fprintf(stream, " <span class=\"soft\">(%.0f to %.0f)</span>", low->valuedouble, high->valuedouble);
        fputs("; the others are false alarms.", stream);
        end(stream);
        return;
    }
}

static void put_worst(FILE *stream, const cJSON *worst, const char *key, const char *words, const char *after)
{
    const char *source = desy_json_text_of(worst, "source");
    const double value = desy_json_number_of(worst, key);
    char interval[40];
    if (!source || isnan(value)) return;
    snprintf(interval, sizeof interval, "%s_ci", key);
    fputs(words, stream);
    desy_html_put(stream, source);
    fputs(": ", stream);
    put_share(stream, value, desy_json_member(worst, interval));
    fputs(after, stream);
}

static void answer_worst(FILE *stream, const cJSON *json)
{
    const cJSON *breakdown = desy_json_member(json, "breakdown"), *generator = desy_json_member(breakdown, "worst_generator"), *real = desy_json_member(breakdown, "worst_real_source");
    if (!generator && !real) return;
    ask(stream, "For whom does it fail?");
    put_worst(stream, generator, "tpr", "Of generators, ", " of its videos are found. ");
    put_worst(stream, real, "fpr", "Of real sources, ", " of its videos are flagged.");
    end(stream);
}

static void answer_calibration(FILE *stream, const cJSON *json)
{
    const cJSON *calibration = desy_json_member(json, "calibration"), *bins = desy_json_member(calibration, "equal_mass");
    const double ece = desy_json_number_of(bins, "ece"), chance = desy_json_number_of(bins, "ece_of_perfect_calibration_95");
    if (isnan(ece) || isnan(chance)) return;
    ask(stream, "Is its score a probability?");
    if (ece <= chance) fprintf(stream, "As far as these videos can tell, yes: it is off by <b>%.3f</b> on average, and chance alone makes up to %.3f.", ece, chance);
    else fprintf(stream, "No: it is off by <b>%.3f</b> on average, and chance alone makes at most %.3f. Read it as a rank, or calibrate it anew.", ece, chance);
    end(stream);
}

static void answer_controls(FILE *stream, const cJSON *json)
{
    const char *verdict = desy_json_text_of(desy_json_member(json, "controls"), "verdict");
    if (!verdict) return;
    ask(stream, "May it have judged by something else?");
    fputs("Controls say: <b>", stream);
    desy_html_put(stream, verdict);
    fputs("</b> (<a href=\"#controls\">why</a>).", stream);
    end(stream);
}

static void answer_robustness(FILE *stream, const cJSON *json)
{
    const cJSON *row, *worst = NULL;
    cJSON_ArrayForEach(row, desy_json_member(desy_json_member(json, "robustness"), "alterations")) {
        const char *name = desy_json_text_of(row, "name");
        if (isnan(desy_json_number_of(row, "roc_auc")) || (name && strcmp(name, "as_is") == 0)) continue;
        if (!worst || desy_json_number_of(row, "roc_auc") < desy_json_number_of(worst, "roc_auc")) worst = row;
    }
    const char *words = desy_json_text_of(worst, "words");
    if (!words) return;
    ask(stream, "And once videos were altered?");
    fputs("Worst of the alterations tried is ", stream);
    desy_html_put(stream, words);
    fputs(": ", stream);
    put_share(stream, desy_json_number_of(worst, "roc_auc"), desy_json_member(worst, "roc_auc_ci"));
    fputs(" of pairs ranked right.", stream);
    end(stream);
}

void desy_page_summary(FILE *stream, const struct desy_page *page)
{
    put_verdict(stream, page);
    fputs("<dl>\n", stream);
    answer_ranking(stream, page->json);
    answer_folds(stream, page);
    answer_threshold(stream, page->json);
    answer_one_in_hundred(stream, page->json);
    answer_prevalence(stream, page->json);
    answer_worst(stream, page->json);
    answer_robustness(stream, page->json);
    answer_calibration(stream, page->json);
    answer_controls(stream, page->json);
    fputs("</dl>\n", stream);
}
