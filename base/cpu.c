#include "base/cpu.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

int desy_cpu_online(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int desy_cpu_available(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return desy_cpu_online();
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

void desy_cpu_mask(uint64_t mask[DESY_CPU_WORDS])
{
    memset(mask, 0, DESY_CPU_WORDS * sizeof *mask);
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return;
    for (int cpu = 0; cpu < DESY_CPU_WORDS * 64; cpu++)
        if (CPU_ISSET(cpu, &set)) mask[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}
