#include "base/installed.h"

#include "base/file.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file that this code was loaded from; of a program the loader knows only what it was called by. */
static char *own_file(void)
{
    Dl_info info;
    struct link_map *map = NULL;
    char program[PATH_MAX];
    if (dladdr1((const void *)(size_t)own_file, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && map && map->l_name && *map->l_name) return realpath(map->l_name, NULL);
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    return length > 0 ? strndup(program, (size_t)length) : NULL;
}

char *desy_installed_file(const char *name)
{
    static const char *const up[] = {"..", "../.."};
    char *file = own_file(), *directory = file ? desy_path_directory(file) : NULL, *found = NULL;
    for (int i = 0; directory && !found && i < 2; i++) {
        found = desy_format("%s/%s/%s", directory, up[i], name);
        if (!found || desy_file_exists(found)) continue;
        free(found);
        found = NULL;
    }
    free(file);
    free(directory);
    return found;
}
