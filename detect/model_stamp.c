#include "detect/model_stamp.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "detect/default_model.h"
#include "train/model_directory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void desy_model_stamp(char stamp[DESY_MODEL_STAMP], const char *model)
{
    char *named = NULL, *directory = NULL, *text = NULL, *files[2] = {NULL};
    int64_t size[2], time[2];
    stamp[0] = '\0';
    if (desy_model_or_default(&named, model) != DESY_OK) return;
    if (desy_model_follow_current(&directory, named) != DESY_OK) directory = strdup(named); /* a model, not a save directory */
    files[0] = directory ? desy_path_join(directory, "model.json") : NULL;
    files[1] = directory ? desy_path_join(directory, "weights.safetensors") : NULL;
    for (int i = 0; i < 2; i++)
        if (files[i]) desy_file_stamp(files[i], &size[i], &time[i]);
    if (files[0] && files[1] && size[0] >= 0)
        text = desy_format("%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, directory, size[0], time[0], size[1], time[1]);
    if (text && desy_sha256_bytes(stamp, text, strlen(text)) != DESY_OK) stamp[0] = '\0';
    free(text);
    free(files[0]);
    free(files[1]);
    free(directory);
    free(named);
}
