#include "detect/default_model.h"

#include "base/error.h"
#include "base/file.h"
#include "base/installed.h"

#include <stdlib.h>
#include <string.h>

#define NAME "hybrid-1"

int desy_model_or_default(char **directory, const char *named)
{
    const char *models = getenv("DESY_MODELS_DIR");
    char *places[2] = {NULL};
    *directory = named ? strdup(named) : NULL;
    if (named) return *directory ? DESY_OK : desy_error_memory("a path");
    if (models && *models) places[0] = desy_path_join(models, NAME);
    else places[0] = desy_installed_file(DESY_DATADIR "/desy/models/" NAME), places[1] = desy_path_join(DESY_SOURCE_DIR "/models", NAME);
    for (int i = 0; i < 2; i++) {
        char *file = places[i] ? desy_path_join(places[i], "model.json") : NULL;
        if (!*directory && file && desy_file_exists(file)) *directory = places[i];
        else free(places[i]);
        free(file);
    }
    if (*directory) return DESY_OK;
    return desy_error(DESY_EENV, "the model that ships, " NAME ", is not in %s: install it again, or train one (desy run DATASET -o out) and name it (--model out/best_models_pth)",
                      models && *models ? models : DESY_DATADIR "/desy/models of the tree that this was installed to, nor in the source tree that it was built in");
}
