/* The processes below this one: the spawner, and its helpers. */
#ifndef DESY_TESTS_PROCESSES_H
#define DESY_TESTS_PROCESSES_H

#include "tests/unit/unit.h"

#include <dirent.h>

/* A process whose parent is this one, and its state ('Z': dead); 0: none. */
static inline pid_t child_of(pid_t parent, char *state)
{
    DIR *processes = opendir("/proc");
    pid_t child = 0, its_parent;
    assert_non_null(processes);
    for (struct dirent *entry; !child && (entry = readdir(processes));) {
        char path[300];
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *stat = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
        if (!stat) continue;
        if (fscanf(stat, "%*d (%*[^)]) %c %d", state, &its_parent) == 2 && its_parent == parent) child = atoi(entry->d_name);
        fclose(stat);
    }
    closedir(processes);
    return child;
}

#endif
