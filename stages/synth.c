/* desy synth: a small labelled data set of generated clips, for the quickstart and the tests. */
#include "stages/commands.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "features/synthesis.h"
#include "mpi/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int videos = 48, broken = 0;

const struct poptOption desy_synth_options[] = {
    {"videos", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &videos, 0, "clips to write, half of them camera-like, half generated-like", "N"},
    {"broken", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &broken, 0, "files to add that can't be decoded", "N"},
    POPT_TABLEEND,
};

static const char readme[] =
    "This data set was made by `desy synth`. It is a demonstration, not science: the \"camera-like\" clips are moving textures\n"
    "with sensor noise, the \"generated-like\" ones are small pictures up-sampled, and what tells them apart was put there by\n"
    "hand. A score on it says that the program works, and nothing about real videos.\n\n"
    "dataset.json lists the clips (label 0: camera-like, 1: generated-like). Clips 2k and 2k + 1 share container, codec, size,\n"
    "frame rate, length and sound, so that format gives nothing away.\n";

/* Fallible work of one rank: clips rank, rank + size, ... */
static int write_share(const struct desy_invocation *invocation, const char *directory)
{
    int rc = desy_make_directory(directory);
    struct desy_progress progress;
    const int rank = desy_rank(invocation->world), size = desy_size(invocation->world);
    const int share = rank < videos ? (videos - rank + size - 1) / size : 0;

    desy_progress_start(&progress, size > 1 ? "synth, share of rank 0" : "synth", share, (uint64_t)share, invocation->progress, rank != 0 || invocation->quiet);
    for (int i = rank; i < videos && rc == DESY_OK; i += size) {
        struct desy_synthesis clip;
        desy_synthesis_plan(&clip, invocation->seed, i);
        char *path = desy_path_join(directory, clip.name);
        rc = path ? desy_synthesis_write(&clip, path) : desy_error_memory("a path");
        free(path);
        progress.done += 1;
        progress.items_done++;
        desy_progress_show(&progress);
        if (rc == DESY_OK && desy_interrupted())
            rc = desy_error(DESY_EINTERRUPTED, "synth was interrupted; the same command writes the whole set again");
    }
    if (rc == DESY_OK) desy_progress_finish(&progress);
    return rc;
}

static int add_item(cJSON *list, const char *name, int label, const char *source, const char *group)
{
    cJSON *item = cJSON_CreateObject();
    char *path = desy_path_join("clips", name);
    bool ok = item && path && cJSON_AddStringToObject(item, "video_path", path) && cJSON_AddNumberToObject(item, "label", label)
              && cJSON_AddStringToObject(item, "source", source) && cJSON_AddStringToObject(item, "group", group) && cJSON_AddItemToArray(list, item);
    free(path);
    if (ok) return DESY_OK;
    cJSON_Delete(item);
    return desy_error_memory("the list of clips");
}

/* The last `broken` items; the first clip, an mp4, lends its first half. */
static int write_broken(cJSON *list, const char *directory, uint64_t seed)
{
    int rc = DESY_OK;
    struct desy_synthesis first, like;
    desy_synthesis_plan(&first, seed, 0);
    char *whole = desy_path_join(directory, first.name);
    for (int i = 0; i < broken && rc == DESY_OK; i++) {
        desy_synthesis_plan(&like, seed, i);
        char *name = desy_format("broken-%05d.mp4", i), *path = name ? desy_path_join(directory, name) : NULL;
        rc = whole && path ? desy_synthesis_write_broken(path, i, whole) : desy_error_memory("a path");
        if (rc == DESY_OK) rc = add_item(list, name, like.label, like.source, name);
        free(name);
        free(path);
    }
    free(whole);
    return rc;
}

/* Rank 0, after all clips are there: the list names nothing that is missing. */
static int write_lists(const struct desy_invocation *invocation, const char *directory)
{
    int rc = DESY_OK;
    char *dataset = desy_path_join(invocation->output, "dataset.json"), *about = desy_path_join(invocation->output, "README.txt");
    cJSON *list = cJSON_CreateArray();
    if (!dataset || !about || !list) {
        rc = desy_error_memory("the list of clips");
        goto out;
    }
    for (int i = 0; i < videos; i++) {
        struct desy_synthesis clip;
        desy_synthesis_plan(&clip, invocation->seed, i);
        DESY_TRY(add_item(list, clip.name, clip.label, clip.source, clip.group));
    }
    DESY_TRY(write_broken(list, directory, invocation->seed));
    DESY_TRY(desy_file_write_atomic(about, readme, strlen(readme)));
    DESY_TRY(desy_json_write(list, dataset));
    desy_log_info("synth: %d clips and %d broken files in %s (a demonstration, not science: the classes differ by construction)", videos,
                  broken, invocation->output);
    if (invocation->json) printf("{\"dataset\": \"%s\", \"videos\": %d, \"broken\": %d}\n", dataset, videos, broken);
out:
    cJSON_Delete(list);
    free(dataset);
    free(about);
    return rc;
}

int desy_synth_command(struct desy_invocation *invocation)
{
    if (!invocation->output) return desy_error(DESY_EUSAGE, "synth needs -o DIR, the directory to write to");
    if (invocation->argument_count > 0) return desy_error(DESY_EUSAGE, "synth takes no arguments, only -o DIR (got %s)", invocation->arguments[0]);
    if (videos < 1 || videos > 99999 || broken < 0 || broken > 99999)
        return desy_error(DESY_EUSAGE, "--videos must be 1 to 99999 and --broken 0 to 99999");

    char *directory = desy_path_join(invocation->output, "clips");
    int rc = directory ? write_share(invocation, directory) : desy_error_memory("a path");
    rc = desy_agree(invocation->world, rc);
    if (rc == DESY_OK) {
        if (desy_rank(invocation->world) == 0) rc = write_lists(invocation, directory);
        rc = desy_agree(invocation->world, rc);
    }
    free(directory);
    return rc;
}
