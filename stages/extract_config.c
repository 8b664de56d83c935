#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "features/libraries.h"
#include "stages/extract.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int desy_extract_agree_config(desy_world *world, const cJSON *config)
{
    char *text = desy_rank(world) == 0 ? cJSON_PrintUnformatted(config) : NULL, *differences = NULL;
    int rc = desy_agree(world, desy_rank(world) > 0 || text ? DESY_OK : desy_error_memory("the configuration"));
    if (rc == DESY_OK) rc = desy_broadcast_text(world, &text, 0);
    cJSON *first = rc == DESY_OK ? cJSON_Parse(text) : NULL;
    if (first) differences = desy_extract_differences(first, config);
    if (rc == DESY_OK && (!first || !differences)) rc = desy_error_memory("the configuration");
    if (rc == DESY_OK && *differences) {
        char host[256] = "";
        gethostname(host, sizeof host - 1);
        const bool batch = !cJSON_Compare(cJSON_GetObjectItemCaseSensitive(first, "batch"), cJSON_GetObjectItemCaseSensitive(config, "batch"), true);
        rc = desy_error(DESY_EENV, "rank %d (%s) would compute other numbers than rank 0 (\"there\"): %s; run on machines of one kind, or pin them to the lowest "
                        "instruction set (ONEDNN_MAX_CPU_ISA, ATEN_CPU_CAPABILITY)%s", desy_rank(world), host, differences, batch ? ", or give a --batch-clips that the device of each rank holds" : "");
    }
    cJSON_Delete(first);
    free(differences);
    free(text);
    return desy_agree(world, rc);
}

/* Shards may begin at once: the first one's stays, and the others compare. */
static int write_config(const char *path, const char *dataset, const cJSON *config, const char *config_sha256)
{
    cJSON *whole = cJSON_CreateObject(), *copy = cJSON_Duplicate(config, true);
    char *text = NULL, *where = realpath(dataset, NULL);
    struct desy_atomic_file file = {0};
    int rc;
    bool ok = whole && copy && cJSON_AddStringToObject(whole, "desy", DESY_VERSION) && cJSON_AddStringToObject(whole, "hdf5", desy_hdf5_version()) &&
              cJSON_AddStringToObject(whole, "mpi", desy_mpi_version()) && (!where || cJSON_AddStringToObject(whole, "dataset", where)) &&
              cJSON_AddStringToObject(whole, "config_sha256", config_sha256) &&
              cJSON_AddItemToObject(whole, "config", copy);
    if (!ok) cJSON_Delete(copy);
    if (!ok) DESY_TRY(desy_error_memory("the configuration"));
    DESY_TRY(desy_json_text(&text, whole, true, path));
    DESY_TRY(desy_atomic_open(&file, path));
    fprintf(file.stream, "%s\n", text); /* commit looks at ferror */
    DESY_TRY(desy_atomic_commit_first(&file));
out:
    cJSON_Delete(whole);
    free(text);
    free(where);
    return rc;
}

/* What to do about a batch that is not the store's; "" where it is another difference alone, or none. New string. */
static char *batch_advice(const cJSON *there, const cJSON *here)
{
    const double then = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(there, "batch")), now = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(here, "batch"));
    const double frames = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(there, "frames"));
    if (!(then > 0 && now > 0 && frames > 0) || then == now || fmod(then, frames) != 0) return strdup(""); /* less than a clip: a CPU's passes, which nothing changes */
    return desy_format("; a batch of %g frames is --batch-clips %g%s", then, then / frames, then > now ? "; where its memory does not hold that, continue on a device that has more" : "");
}

int desy_extract_keep_config(const char *store, const char *dataset, const cJSON *config, const char *config_sha256)
{
    int rc = DESY_OK;
    cJSON *there = NULL;
    char *differences = NULL, *advice = NULL, *path = desy_path_join(store, "extract.json");
    if (!path) return desy_error_memory("a path");
    if (!desy_file_exists(path)) DESY_TRY(write_config(path, dataset, config, config_sha256));
    DESY_TRY(desy_json_read(&there, path));
    const cJSON *then = cJSON_GetObjectItemCaseSensitive(there, "config");
    differences = desy_extract_differences(then, config);
    advice = batch_advice(then, config);
    if (!differences || !advice) DESY_TRY(desy_error_memory("the configuration"));
    if (*differences)
        DESY_TRY(desy_error(DESY_EDATA, "%s: this store was made with another configuration (%s); use another directory for -o, or the options it was made with%s",
                            store, differences, advice));
out:
    cJSON_Delete(there);
    free(differences);
    free(advice);
    free(path);
    return rc;
}
