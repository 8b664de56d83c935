#include "base/error.h"
#include "base/log.h"
#include "features/forensic.h"
#include "features/helper.h"
#include "mpi/signals.h"
#include "mpi/world.h"
#include "stages/options.h"
#include "stages/stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_usage(FILE *stream)
{
    fputs("usage: desy COMMAND ...     (desy COMMAND --help tells more)\n\n"
          "Detects AI-generated video, from one clip to millions, alone or under mpirun.\n\n", stream);
    for (const struct desy_stage *stage = desy_stages; stage->name; stage++) fprintf(stream, "  %-14s  %s\n", stage->name, stage->help);
    fputs("\nexample: mpirun -n 2 desy run dataset.json -o out\n", stream);
}

static const struct desy_stage *find_stage(const char *name)
{
    for (const struct desy_stage *stage = desy_stages; stage->name; stage++)
        if (strcmp(stage->name, name) == 0) return stage;
    return NULL;
}

static int run_stage(desy_world *world, int argc, char **argv)
{
    int rc;
    const char *level = NULL;
    bool help = false, speaks = desy_rank(world) == 0;
    struct desy_command_line *line = NULL;
    struct desy_invocation invocation = {.world = world};
    const struct desy_stage *stage = argc > 1 ? find_stage(argv[1]) : NULL;
    if (!stage) {
        if (argc > 1 && strcmp(argv[1], "--version") == 0) return speaks && puts("desy " DESY_VERSION) < 0 ? DESY_EENV : DESY_OK;
        bool asked = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0);
        if (speaks) print_usage(asked ? stdout : stderr);
        if (asked) return DESY_OK;
        return argc > 1 ? desy_error(DESY_EUSAGE, "'%s' is no command of desy", argv[1]) : desy_error(DESY_EUSAGE, "no command given");
    }
    if (stage->alone && desy_size(world) > 1) return desy_error(DESY_EUSAGE, "desy %s runs alone, not under mpirun", stage->name);
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--version") == 0) return speaks && puts("desy " DESY_VERSION) < 0 ? DESY_EENV : DESY_OK;
    DESY_TRY(desy_options_parse(&line, &invocation, &help, stage, argc - 2, argv + 2));
    if (help) {
        if (speaks) desy_options_print_help(stage, stdout);
        goto out;
    }
    DESY_TRY(desy_agree(world, desy_simd_level(&level)));
    DESY_TRY(desy_agree(world, desy_log_open(invocation.log_directory, desy_rank(world), desy_size(world), invocation.quiet)));
    rc = stage->run(&invocation);
out:
    desy_options_close(&line);
    return rc;
}

int main(int argc, char **argv)
{
    desy_world *world = NULL;
    /* First of all: helpers are forked from a process that has no threads, no MPI and no CUDA yet. */
    int rc = desy_spawner_start();
    if (rc == DESY_OK) rc = desy_world_open(&world);
    if (rc != DESY_OK) {
        fprintf(stderr, "desy: %s\n", desy_error_message());
        desy_spawner_stop();
        return rc;
    }
    desy_signals_install();
    rc = run_stage(world, argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && rc == DESY_OK) rc = desy_error(DESY_EENV, "stdout can't be written: %s", strerror(errno));
    rc = desy_agree(world, rc);
    if (rc != DESY_OK && desy_rank(world) == 0) desy_log_error("%s", desy_error_message());
    desy_log_close();
    desy_spawner_stop();
    desy_world_close(&world);
    return rc;
}
