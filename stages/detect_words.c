#include "stages/detect_words.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BAR 40 /* characters */

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
    if (!highest) return;
    printf("    seconds: %.2f - %.2f look most AI-generated (%.3f), %.2f - %.2f least (%.3f)\n", desy_json_number_of(highest, "start"), desy_json_number_of(highest, "end"),
           desy_json_number_of(highest, "score"), desy_json_number_of(lowest, "start"), desy_json_number_of(lowest, "end"), desy_json_number_of(lowest, "score"));
}

static void print_explanation(const cJSON *explanation)
{
    const cJSON *level, *sentence, *words = cJSON_GetObjectItem(explanation, "words");
    printf("    logit %+.2f = %+.2f", desy_json_number_of(explanation, "logit"), desy_json_number_of(explanation, "bias"));
    cJSON_ArrayForEach(level, cJSON_GetObjectItem(explanation, "levels"))
        if (desy_json_number_of(level, "weight") != 0) printf(" %+.2f (%s)", desy_json_number_of(level, "contribution"), desy_json_text_of(level, "level"));
    printf("; above 0 is AI-generated at even odds\n");
    if (cJSON_GetArraySize(words) == 0) printf("    nothing speaks clearly for or against\n");
    cJSON_ArrayForEach(sentence, words) printf("    %s\n", cJSON_GetStringValue(sentence));
    print_seconds(cJSON_GetObjectItem(explanation, "seconds"));
}

void desy_detect_print_words(const cJSON *result)
{
    const cJSON *level = NULL, *verdict = cJSON_GetObjectItem(result, "is_ai_generated"), *timeline = cJSON_GetObjectItem(result, "timeline");
    const cJSON *explanation = cJSON_GetObjectItem(result, "explanation");
    const char *path = desy_json_text_of(result, "video_path"), *status = desy_json_text_of(result, "status");
    if (strcmp(status, "ok") != 0) {
        printf("%s: no answer: %s (%s)\n", path, status, desy_json_text_of(result, "reason"));
        return;
    }
    printf("%s: %s (%.1f %% likely AI-generated, threshold %.1f %%, at a prior of %g)\n", path,
           cJSON_IsNull(verdict) ? "cannot say" : cJSON_IsTrue(verdict) ? "AI-generated" : "real", 100 * desy_json_number_of(result, "confidence"),
           100 * desy_json_number_of(result, "threshold"), desy_json_number_of(result, "prior"));
    cJSON_ArrayForEach(level, cJSON_GetObjectItem(result, "feature_scores")) printf("    %-4s %.3f\n", level->string, level->valuedouble);
    const char *warning = desy_json_text_of(result, "warning"), *reliability = desy_json_text_of(result, "reliability");
    if (warning) printf("    note: %s\n", warning);
    if (reliability && strcmp(reliability, "ok") != 0) printf("    not to be relied on: %s\n", reliability);
    if (explanation) print_explanation(explanation);
    if (timeline) print_timeline(timeline, desy_json_number_of(result, "threshold"));
}
