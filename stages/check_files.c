/* Missing, unreadable, truncated and damaged files. */
#include "base/error.h"
#include "base/file.h"
#include "features/clip.h"
#include "stages/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { MISSING = DESY_STATUS_CRASHED + 1, TRUNCATED, DAMAGED, KINDS };

static const struct {
    const char *name, *one, *many, *advice; /* the words for one and for several */
    int rank;
} kinds[KINDS] = {
    [DESY_STATUS_UNREADABLE] = {"unreadable", "video can't be read", "videos can't be read", "Fetch them again, or take them off the list.", DESY_CHECK_FAILED},
    [DESY_STATUS_NO_VIDEO] = {"no_video", "file has no video stream", "files have no video stream", "Take them off the list.", DESY_CHECK_FAILED},
    [DESY_STATUS_TOO_SHORT] = {"too_short", "video has fewer than 4 frames", "videos have fewer than 4 frames", "Take them off the list.", DESY_CHECK_FAILED},
    [DESY_STATUS_TIMEOUT] = {"timeout", "video took too long to decode", "videos took too long to decode", "Re-encode them, or take them off the list.", DESY_CHECK_FAILED},
    [DESY_STATUS_CRASHED] = {"crashed", "video crashed its decoder", "videos crashed their decoder", "Take them off the list: they may be hostile.", DESY_CHECK_FAILED},
    [MISSING] = {"missing", "video is not where the list says", "videos are not where the list says", "Paths are relative to the data set file: correct them, or fetch the files.", DESY_CHECK_MISSING},
    [TRUNCATED] = {"truncated", "file is shorter than its container promises", "files are shorter than their containers promise", "A download or a copy broke off: fetch them again.", DESY_CHECK_TRUNCATED},
    [DAMAGED] = {"damaged", "video has errors, though the frames that were looked at are sound", "videos have errors, though the frames that were looked at are sound",
                 "Fetch them again if you can; they can be used.", DESY_CHECK_DAMAGED},
};

static int kind_of(const struct desy_check_item *item)
{
    if (item->bytes < 0) return MISSING;
    if (item->promised > item->bytes || item->cut) return TRUNCATED;
    if (item->status != DESY_STATUS_OK) return item->status;
    return item->damaged ? DAMAGED : DESY_STATUS_OK;
}

int desy_check_files(struct desy_check_report *report)
{
    size_t counts[KINDS] = {0}, reason = 0;
    for (size_t i = 0; i < report->n; i++) {
        const struct desy_check_item *item = &report->items[i];
        const int kind = kind_of(item);
        while (reason < report->reason_count && report->reasons[reason].item < i) reason++;
        if (kind == DESY_STATUS_OK) continue;
        cJSON *entry = desy_check_list(report, kinds[kind].name, (int64_t)i, counts[kind]++);
        if (entry && kind == TRUNCATED) desy_check_add(report, entry, "status", cJSON_CreateString(desy_status_name((enum desy_status)item->status)));
        if (entry && reason < report->reason_count && report->reasons[reason].item == i) desy_check_add(report, entry, "reason", cJSON_CreateString(report->reasons[reason].text));
    }
    for (int kind = DESY_STATUS_UNREADABLE; kind < KINDS; kind++) {
        char key[40], words[160];
        snprintf(key, sizeof key, "n_%s", kinds[kind].name);
        desy_check_count(report, key, counts[kind]);
        snprintf(words, sizeof words, "%zu %s", counts[kind], counts[kind] == 1 ? kinds[kind].one : kinds[kind].many);
        desy_check_problem(report, kinds[kind].rank, kinds[kind].name, counts[kind], words, kinds[kind].advice);
    }
    return DESY_OK;
}
