#include "stages/options.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

struct desy_command_line {
    char **words; /* argv as popt sees it; owned */
    int count;
    poptContext context;
};

static struct {
    char *output, *log_directory, *progress; /* popt's copies: ours to free */
    long long seed;
    int quiet, json, help;
} common;

static const struct poptOption common_options[] = {
    {"output", 'o', POPT_ARG_STRING, &common.output, 0, "where the result goes", "PATH"},
    {"seed", 0, POPT_ARG_LONGLONG, &common.seed, 0, "seed of every random choice (default 1)", "N"},
    {"config", 0, POPT_ARG_STRING, NULL, 0, "options from a JSON object; the command line overrides it", "FILE.json"},
    {"log-dir", 0, POPT_ARG_STRING, &common.log_directory, 0, "also write the log there, one JSON Lines file a rank", "DIR"},
    {"progress", 0, POPT_ARG_STRING, &common.progress, 0, "progress on stderr (default auto)", "auto|always|never"},
    {"quiet", 0, POPT_ARG_NONE, &common.quiet, 0, "warnings and errors alone", NULL},
    {"json", 0, POPT_ARG_NONE, &common.json, 0, "one machine-readable object on stdout", NULL},
    {"help", 'h', POPT_ARG_NONE, &common.help, 0, "this text", NULL},
    POPT_TABLEEND};

static int add_word(struct desy_command_line *line, char *word)
{
    char **words = word ? realloc(line->words, ((size_t)line->count + 2) * sizeof *words) : NULL;
    if (!words) {
        free(word);
        return desy_error_memory("the command line");
    }
    line->words = words;
    line->words[line->count++] = word;
    line->words[line->count] = NULL;
    return DESY_OK;
}

/* One member of --config as an option. */
static int add_config_option(struct desy_command_line *line, const cJSON *value, const char *key, const char *path)
{
    char number[DESY_NUMBER_TEXT];
    if (cJSON_IsFalse(value)) return DESY_OK;
    if (cJSON_IsTrue(value)) return add_word(line, desy_format("--%s", key));
    if (cJSON_IsString(value)) return add_word(line, desy_format("--%s=%s", key, value->valuestring));
    if (cJSON_IsNumber(value)) return add_word(line, desy_format("--%s=%s", key, desy_number_text(number, value->valuedouble)));
    return desy_error(DESY_EUSAGE, "%s: \"%s\" must be a string, a number, true or false", path, key);
}

static int add_config(struct desy_command_line *line, const char *path)
{
    int rc;
    cJSON *config = NULL;
    DESY_TRY(desy_json_read(&config, path));
    if (!cJSON_IsObject(config)) {
        rc = desy_error(DESY_EUSAGE, "%s: must be a JSON object of option names and values", path);
        goto out;
    }
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, config)
    {
        const cJSON *element = NULL;
        if (!cJSON_IsArray(member)) DESY_TRY(add_config_option(line, member, member->string, path));
        else cJSON_ArrayForEach(element, member) DESY_TRY(add_config_option(line, element, member->string, path));
    }
out:
    cJSON_Delete(config);
    return rc;
}

/* The guide spells --data_dir and --batch_size: underscores in an option's name become dashes, those of --config as well.
 * Behind "--" nothing is an option. */
static void put_dashes(struct desy_command_line *line)
{
    for (int i = 1; i < line->count && strcmp(line->words[i], "--") != 0; i++) {
        if (strncmp(line->words[i], "--", 2) != 0) continue;
        for (char *c = line->words[i]; *c && *c != '='; c++)
            if (*c == '_') *c = '-';
    }
}

static const char *config_path(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) break;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) return argv[i + 1];
        if (strncmp(argv[i], "--config=", 9) == 0) return argv[i] + 9;
    }
    return NULL;
}

static int fill_invocation(struct desy_command_line *line, struct desy_invocation *invocation)
{
    static const char *const modes[] = {"auto", "always", "never"};
    invocation->output = common.output;
    invocation->seed = (uint64_t)common.seed;
    invocation->log_directory = common.log_directory;
    invocation->quiet = common.quiet;
    invocation->json = common.json;
    invocation->progress = common.quiet ? DESY_PROGRESS_NEVER : DESY_PROGRESS_AUTO;
    if (common.progress) {
        int mode = 0;
        while (mode < 3 && strcmp(common.progress, modes[mode]) != 0) mode++;
        if (mode == 3) return desy_error(DESY_EUSAGE, "--progress is auto, always or never, not '%s'", common.progress);
        invocation->progress = (enum desy_progress_mode)mode;
    }
    invocation->arguments = (const char *const *)poptGetArgs(line->context);
    invocation->argument_count = 0;
    static const char *const none[] = {NULL};
    if (!invocation->arguments) invocation->arguments = none;
    while (invocation->arguments[invocation->argument_count]) invocation->argument_count++;
    return DESY_OK;
}

static void fill_table(struct poptOption table[3], const struct desy_stage *stage)
{
    static const struct poptOption end = POPT_TABLEEND;
    const struct poptOption own = {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)stage->options, 0, "Options:", NULL};
    const struct poptOption all = {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)common_options, 0, "Common options:", NULL};
    table[0] = stage->options ? own : all;
    table[1] = stage->options ? all : end;
    table[2] = end;
}

int desy_options_parse(struct desy_command_line **line_out, struct desy_invocation *invocation, bool *help,
                       const struct desy_stage *stage, int argc, char **argv)
{
    int rc;
    common.seed = 1;
    struct desy_command_line *line = *line_out = calloc(1, sizeof *line);
    if (!line) return desy_error_memory("the command line");
    DESY_TRY(add_word(line, desy_format("desy %s", stage->name)));
    if (config_path(argc, argv)) DESY_TRY(add_config(line, config_path(argc, argv)));
    for (int i = 0; i < argc; i++) DESY_TRY(add_word(line, strdup(argv[i])));
    put_dashes(line);

    static struct poptOption table[3];
    fill_table(table, stage);
    line->context = poptGetContext(NULL, line->count, (const char **)line->words, table, 0);
    if (!line->context) return desy_error_memory("the command line");
    int option;
    while ((option = poptGetNextOpt(line->context)) > 0) continue;
    if (option < -1)
        return desy_error(DESY_EUSAGE, "%s: %s; see desy %s --help", poptBadOption(line->context, POPT_BADOPTION_NOALIAS),
                          poptStrerror(option), stage->name);
    *help = common.help;
    DESY_TRY(fill_invocation(line, invocation));
out:
    return rc;
}

void desy_options_print_help(const struct desy_stage *stage, FILE *stream)
{
    struct poptOption table[3];
    fill_table(table, stage);
    const char *words[] = {stage->name, NULL};
    fprintf(stream, "usage: desy %s %s\n\n%s\n\nexample: %s\n\n", stage->name, stage->arguments, stage->help, stage->example);
    poptContext context = poptGetContext(NULL, 1, words, table, 0);
    if (!context) return;
    poptSetOtherOptionHelp(context, stage->arguments);
    poptPrintHelp(context, stream, 0);
    poptFreeContext(context);
}

void desy_options_close(struct desy_command_line **line)
{
    if (!*line) return;
    if ((*line)->context) poptFreeContext((*line)->context);
    for (int i = 0; i < (*line)->count; i++) free((*line)->words[i]);
    free((*line)->words);
    free(*line);
    *line = NULL;
    free(common.output);
    free(common.log_directory);
    free(common.progress);
    memset(&common, 0, sizeof common);
}
