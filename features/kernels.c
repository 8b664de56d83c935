#include "features/kernels.h"

#include "base/error.h"
#include "features/forensic.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL(name, runs) {#name, &desy_##name##_kernels, runs}

static bool always(void) { return true; }

extern const struct desy_kernels desy_scalar_kernels;
#if defined(__x86_64__)
extern const struct desy_kernels desy_avx2_kernels, desy_avx512_kernels;
static bool has_avx2(void) { return __builtin_cpu_supports("avx2"); }
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#elif defined(__aarch64__)
extern const struct desy_kernels desy_neon_kernels; /* every 64-bit ARM has it */
#endif

/* Of this program, the best first. */
static const struct level {
    const char *name;
    const struct desy_kernels *kernels;
    bool (*runs)(void);
} levels[] = {
#if defined(__x86_64__)
    LEVEL(avx512, has_avx512),
    LEVEL(avx2, has_avx2),
#elif defined(__aarch64__)
    LEVEL(neon, always),
#endif
    LEVEL(scalar, always),
};
enum { LEVELS = sizeof levels / sizeof *levels };

int desy_kernels_list(const struct desy_kernels **list, int most)
{
    int n = 0;
    for (int i = 0; i < LEVELS && n < most; i++)
        if (levels[i].runs()) list[n++] = levels[i].kernels;
    return n;
}

static int choose(const struct desy_kernels **kernels)
{
    const char *wanted = getenv("DESY_SIMD");
    char all[64] = "";
    for (int i = 0; i < LEVELS; i++) {
        const bool named = wanted && strcmp(wanted, levels[i].name) == 0, runs = levels[i].runs();
        if (named && !runs) return desy_error(DESY_EENV, "DESY_SIMD=%s: this processor does not have these instructions; unset it for the best that it has", wanted);
        if (runs && (named || !wanted || !*wanted)) {
            *kernels = levels[i].kernels;
            return DESY_OK;
        }
        strcat(strcat(all, i ? ", " : ""), levels[i].name);
    }
    return desy_error(DESY_EENV, "DESY_SIMD=%s: there is %s; unset it for the best that the processor has", wanted, all);
}

int desy_kernels(const struct desy_kernels **kernels)
{
    static const struct desy_kernels *chosen; /* the same for every thread, so any of them may be first */
    *kernels = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
    if (*kernels) return DESY_OK;
    int rc = choose(kernels);
    if (rc == DESY_OK) __atomic_store_n(&chosen, *kernels, __ATOMIC_RELEASE);
    return rc;
}

int desy_simd_level(const char **name)
{
    const struct desy_kernels *kernels;
    int rc = desy_kernels(&kernels);
    if (rc == DESY_OK) *name = kernels->name;
    return rc;
}
