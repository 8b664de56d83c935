/* The report on a data set: findings one by one, problems by kind, what to do, and one sentence of it all. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "stages/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define LISTED 1000 /* findings of a kind that are listed one by one; the counts are always whole */
#define PRINTED 20  /* of these on a terminal */
#define SUMMED_UP 3 /* problems in the summary */

static int by_item(const void *a, const void *b)
{
    const struct desy_check_item *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

static int by_reason(const void *a, const void *b)
{
    const struct desy_check_reason *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

int desy_check_report_open(struct desy_check_report *report, const desy_dataset *dataset, const struct desy_check_items *found, uint64_t seed)
{
    char sha256[65];
    int rc;
    *report = (struct desy_check_report){.dataset = dataset, .items = found->items, .n = found->count, .reasons = found->reasons, .reason_count = found->reason_count, .seed = seed};
    if (found->count) qsort(found->items, found->count, sizeof *found->items, by_item);
    if (found->reason_count) qsort(found->reasons, found->reason_count, sizeof *found->reasons, by_reason);
    DESY_TRY(desy_dataset_sha256(dataset, sha256));
    for (size_t i = 0; i < report->n; i++) {
        struct desy_item item;
        desy_dataset_item(dataset, i, &item);
        report->labels[item.label + 1]++;
    }
    report->json = cJSON_CreateObject();
    desy_check_add(report, report->json, "version", cJSON_CreateNumber(VERSION));
    desy_check_add(report, report->json, "summary", cJSON_CreateString(""));
    desy_check_add(report, report->json, "dataset_sha256", cJSON_CreateString(sha256));
    report->problems = desy_check_add(report, report->json, "problems", cJSON_CreateArray());
    report->notes = desy_check_add(report, report->json, "notes", cJSON_CreateArray());
    report->findings = desy_check_add(report, report->json, "findings", cJSON_CreateArray());
    desy_check_count(report, "n", report->n);
    desy_check_count(report, "n_pos", report->labels[2]);
    desy_check_count(report, "n_neg", report->labels[1]);
    desy_check_count(report, "n_unlabelled", report->labels[0]);
out:
    return rc;
}

void desy_check_report_close(struct desy_check_report *report)
{
    cJSON_Delete(report->json);
}

cJSON *desy_check_add(struct desy_check_report *report, cJSON *to, const char *name, cJSON *value)
{
    if (value && (name ? cJSON_AddItemToObject(to, name, value) : cJSON_AddItemToArray(to, value))) return value;
    cJSON_Delete(value);
    report->out_of_memory = true;
    return NULL;
}

cJSON *desy_check_list(struct desy_check_report *report, const char *kind, int64_t item, size_t already)
{
    struct desy_item of;
    if (already >= LISTED) return NULL;
    cJSON *entry = desy_check_add(report, report->findings, NULL, cJSON_CreateObject());
    if (!entry) return NULL;
    desy_check_add(report, entry, "kind", cJSON_CreateString(kind));
    if (item >= 0) {
        desy_dataset_item(report->dataset, (size_t)item, &of);
        desy_check_add(report, entry, "video_path", cJSON_CreateString(of.video_path));
    }
    return entry;
}

void desy_check_problem(struct desy_check_report *report, int rank, const char *kind, size_t n, const char *words, const char *advice)
{
    if (n == 0) return;
    cJSON *problem = desy_check_add(report, report->problems, NULL, cJSON_CreateObject());
    desy_check_add(report, problem, "kind", cJSON_CreateString(kind));
    desy_check_add(report, problem, "rank", cJSON_CreateNumber(rank));
    desy_check_add(report, problem, "n", cJSON_CreateNumber((double)n));
    desy_check_add(report, problem, "words", cJSON_CreateString(words));
    desy_check_add(report, problem, "advice", cJSON_CreateString(advice));
    report->problem_findings += n;
}

/* Worst first, and their ranks away. */
static void sort_problems(struct desy_check_report *report)
{
    for (int n = cJSON_GetArraySize(report->problems); n > 0; n--) {
        int worst = 0;
        for (int i = 1; i < n; i++)
            if (desy_json_number_of(cJSON_GetArrayItem(report->problems, i), "rank") < desy_json_number_of(cJSON_GetArrayItem(report->problems, worst), "rank")) worst = i;
        cJSON *problem = cJSON_DetachItemFromArray(report->problems, worst);
        cJSON_DeleteItemFromObject(problem, "rank");
        cJSON_AddItemToArray(report->problems, problem); /* behind those that are not sorted yet */
    }
}

void desy_check_note(struct desy_check_report *report, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    desy_check_add(report, report->notes, NULL, text ? cJSON_CreateString(text) : NULL);
    free(text);
}

void desy_check_count(struct desy_check_report *report, const char *name, size_t n)
{
    desy_check_add(report, report->json, name, cJSON_CreateNumber((double)n));
}

const char *desy_check_class(int label)
{
    return label < 0 ? "unlabelled" : label ? "AI-generated" : "real";
}

int desy_check_summarise(struct desy_check_report *report)
{
    const int n = cJSON_GetArraySize(report->problems);
    const cJSON *problem;
    int said = 0;
    if (report->out_of_memory) return desy_error_memory("a report");
    sort_problems(report);
    char *text = n ? desy_format("%d thing%s to mend before you train: ", n, n == 1 ? "" : "s")
                   : desy_format("Nothing to mend in %zu videos (%zu real, %zu AI-generated, %zu unlabelled).", report->n, report->labels[1], report->labels[2], report->labels[0]);
    cJSON_ArrayForEach(problem, report->problems)
    {
        char *longer = text && said < SUMMED_UP ? desy_format("%s%s%s", text, said ? "; " : "", desy_json_text_of(problem, "words")) : NULL;
        if (said++ >= SUMMED_UP) break;
        free(text);
        text = longer;
    }
    if (text && n) {
        char *longer = n > SUMMED_UP ? desy_format("%s; and %d more.", text, n - SUMMED_UP) : desy_format("%s.", text);
        free(text);
        text = longer;
    }
    if (!text || !cJSON_ReplaceItemInObject(report->json, "summary", cJSON_CreateString(text))) {
        free(text);
        return desy_error_memory("a report");
    }
    free(text);
    return DESY_OK;
}

static void print_text(const char *before, const char *text, const char *after)
{
    fputs(before, stdout);
    desy_text_print(stdout, text);
    fputs(after, stdout);
}

static void print_finding(const cJSON *entry)
{
    const cJSON *member;
    printf("  %-15s", desy_json_text_of(entry, "kind"));
    cJSON_ArrayForEach(member, entry)
    {
        const char *name = member->string;
        if (strcmp(name, "kind") == 0) continue;
        if (strcmp(name, "advice") == 0) printf(".\n  %-15s %s", "", member->valuestring);
        else if (cJSON_IsString(member)) print_text(strcmp(name, "same_as") == 0 ? " = " : strcmp(name, "reason") == 0 || strcmp(name, "words") == 0 ? ": " : " ", member->valuestring, "");
        else if (cJSON_IsNumber(member)) printf(" (%s %.4g)", name, member->valuedouble);
        else printf(" (%s)", name);
    }
    printf("\n");
}

static void print_findings(const cJSON *findings)
{
    const cJSON *entry;
    const char *kind = "";
    int printed = 0;
    cJSON_ArrayForEach(entry, findings)
    {
        const char *of = desy_json_text_of(entry, "kind");
        if (strcmp(of, kind) != 0) printed = 0, kind = of; /* a kind's findings follow one another */
        if (++printed <= PRINTED) print_finding(entry);
        else if (printed == PRINTED + 1) printf("  %-15s ... more of these in check.json (-o DIR)\n", kind);
    }
}

void desy_check_print(const struct desy_check_report *report)
{
    const cJSON *entry;
    int number = 0;
    print_text("", desy_json_text_of(report->json, "summary"), "\n");
    cJSON_ArrayForEach(entry, report->problems)
    {
        printf("\n%3d", ++number);
        print_text(". ", desy_json_text_of(entry, "words"), ".\n");
        printf("     %s\n", desy_json_text_of(entry, "advice"));
    }
    if (cJSON_GetArraySize(report->notes)) printf("\nTo know:\n");
    cJSON_ArrayForEach(entry, report->notes) print_text("  - ", entry->valuestring, "\n");
    printf("\n");
    cJSON_ArrayForEach(entry, report->json)
        if (cJSON_IsNumber(entry) && strcmp(entry->string, "version") != 0) printf("%-34s %.0f\n", entry->string, entry->valuedouble);
    if (cJSON_GetArraySize(report->findings)) printf("\n");
    print_findings(report->findings);
}
