/* The command line: options common to all stages, --config, and the guide's underscores. Not collective. */
#ifndef DESY_STAGES_OPTIONS_H
#define DESY_STAGES_OPTIONS_H

#include "stages/stage.h"

struct desy_command_line; /* owns every string that the invocation borrows */

/* Parses `desy STAGE ...`. --config FILE.json comes first (keys are option names, an array repeats one), so that the command
 * line overrides it; an unknown key is an error. *help: --help was asked for. DESY_EUSAGE with what is wrong. */
int desy_options_parse(struct desy_command_line **line, struct desy_invocation *invocation, bool *help,
                       const struct desy_stage *stage, int argc, char **argv);
void desy_options_print_help(const struct desy_stage *stage, FILE *stream);
void desy_options_close(struct desy_command_line **line);

#endif
