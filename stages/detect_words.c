#include "stages/detect_words.h"

#include "base/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BAR 40 /* characters */
#define REASONS 3

/* A bar a window, with a mark at the threshold. */
static void print_timeline(const cJSON *timeline, double threshold)
{
    const cJSON *window;
    const int mark = (int)lrint(threshold * (BAR - 1));
    printf("    score of each window (| is the threshold):\n");
    cJSON_ArrayForEach(window, timeline)
    {
        char bar[BAR + 1];
        const double score = desy_json_number_of(window, "score");
        const int filled = (int)lrint(score * BAR);
        for (int i = 0; i < BAR; i++) bar[i] = i == mark ? '|' : i < filled ? '#' : '.';
        bar[BAR] = '\0';
        printf("    %8.2f - %8.2f s  %s  %.3f\n", desy_json_number_of(window, "start"), desy_json_number_of(window, "end"), bar, score);
    }
}

static void print_seconds(const cJSON *seconds)
{
    const cJSON *highest = cJSON_GetObjectItem(seconds, "highest"), *lowest = cJSON_GetObjectItem(seconds, "lowest");
    printf("    where: %.2f - %.2f s looks most AI-generated (%.3f), %.2f - %.2f s least (%.3f)\n", desy_json_number_of(highest, "start"), desy_json_number_of(highest, "end"),
           desy_json_number_of(highest, "score"), desy_json_number_of(lowest, "start"), desy_json_number_of(lowest, "end"), desy_json_number_of(lowest, "score"));
}

/* All of it, or the strongest reasons. */
static void print_explanation(const cJSON *explanation, bool all)
{
    const cJSON *level, *sentence, *words = cJSON_GetObjectItem(explanation, "words"), *seconds = cJSON_GetObjectItem(explanation, "seconds");
    int left = all ? 100 : REASONS;
    if (all) {
        printf("    logit %+.2f = %+.2f", desy_json_number_of(explanation, "logit"), desy_json_number_of(explanation, "bias"));
        cJSON_ArrayForEach(level, cJSON_GetObjectItem(explanation, "levels"))
            if (desy_json_number_of(level, "weight") != 0) printf(" %+.2f (%s)", desy_json_number_of(level, "contribution"), desy_json_text_of(level, "level"));
        printf("; above 0 is AI-generated at even odds\n");
    }
    if (cJSON_GetArraySize(words) == 0) printf("    why: nothing speaks clearly for or against\n");
    cJSON_ArrayForEach(sentence, words)
        if (left-- > 0) printf("    %s%s\n", sentence == words->child ? "why: " : "     ", cJSON_GetStringValue(sentence));
    if (seconds) print_seconds(seconds);
    else printf("    where: --explain scores the video part by part\n");
}

/* No more than the calibration supports: odds only of a score that is a probability, and that may be relied on. */
static const char *verdict_of(const cJSON *result)
{
    const cJSON *verdict = cJSON_GetObjectItem(result, "is_ai_generated");
    const char *reliability = desy_json_text_of(result, "reliability");
    const bool ai = cJSON_IsTrue(verdict), calibrated = cJSON_IsTrue(cJSON_GetObjectItem(result, "calibrated"));
    const double p = desy_json_number_of(result, "confidence");
    if (cJSON_IsNull(verdict)) return "cannot say";
    if (reliability && strstr(reliability, "undecided")) return "undecided";
    if (reliability && strcmp(reliability, "ok") != 0) return ai ? "unreliable; leans towards AI-generated" : "unreliable; leans towards real";
    if (!calibrated) return ai ? "scored as AI-generated" : "scored as real";
    if (ai) return p >= .5 ? "probably AI-generated" : "suspected to be AI-generated";
    return p <= .5 ? "probably real" : "not clear enough to be called AI-generated";
}

static void print_odds(const cJSON *result)
{
    const double p = desy_json_number_of(result, "confidence"), prior = desy_json_number_of(result, "prior"), threshold = desy_json_number_of(result, "threshold");
    const char *reliability = desy_json_text_of(result, "reliability");
    if (!cJSON_IsTrue(cJSON_GetObjectItem(result, "calibrated"))) {
        printf("    score %.3f, from 0 (real) to 1 (AI-generated); called AI-generated from %.3f on. The model is not calibrated: this is no probability\n", p, threshold);
        return;
    }
    if (!reliability || strcmp(reliability, "ok") == 0 || strstr(reliability, "undecided")) {
        const int of = (int)lrint(100 * p);
        if (of == 0 || of == 100) printf("    %.1f %% likely AI-generated: of 100 such videos %s would be", 100 * p, of ? "more than 99" : "fewer than 1");
        else printf("    %.1f %% likely AI-generated: of 100 such videos about %d would be", 100 * p, of);
    } else printf("    the model gives %.1f %%, which for a video like this is no probability to rely on", 100 * p);
    printf(" (if %g %% of all were; called so from %.1f %% on)\n", 100 * prior, 100 * threshold);
}

void desy_detect_print_words(const cJSON *result)
{
    const cJSON *level = NULL, *levels = cJSON_GetObjectItem(result, "feature_scores"), *timeline = cJSON_GetObjectItem(result, "timeline"), *explanation = cJSON_GetObjectItem(result, "explanation");
    const char *path = desy_json_text_of(result, "video_path"), *status = desy_json_text_of(result, "status");
    if (strcmp(status, "ok") != 0) {
        printf("%s: no answer: %s (%s)\n", path, status, desy_json_text_of(result, "reason"));
        return;
    }
    printf("%s: %s\n", path, verdict_of(result));
    print_odds(result);
    const char *warning = desy_json_text_of(result, "warning"), *reliability = desy_json_text_of(result, "reliability");
    if (reliability && strcmp(reliability, "ok") != 0) printf("    not to be relied on: %s\n", reliability);
    if (warning) printf("    note: %s\n", warning);
    if (explanation) print_explanation(explanation, cJSON_GetObjectItem(explanation, "seconds") != NULL);
    if (levels && levels->child) {
        printf("    by level:");
        cJSON_ArrayForEach(level, levels) printf(" %s %.3f%s", level->string, level->valuedouble, level->next ? "," : "\n");
    }
    if (timeline) print_timeline(timeline, desy_json_number_of(result, "threshold"));
}
