/* The command line: both spellings of an option, --config under the command line, and what is wrong is named. */
#include "base/error.h"
#include "stages/options.h"
#include "tests/unit/unit.h"

static struct {
    char *name;
    int workers, loud;
    double deadline;
    char **many;
} settings;

static const struct poptOption options[] = {
    {"data-dir", 0, POPT_ARG_STRING, &settings.name, 0, "", NULL},
    {"num-workers", 0, POPT_ARG_INT, &settings.workers, 0, "", NULL},
    {"deadline", 0, POPT_ARG_DOUBLE, &settings.deadline, 0, "", NULL},
    {"loud", 0, POPT_ARG_NONE, &settings.loud, 0, "", NULL},
    {"many", 0, POPT_ARG_ARGV, &settings.many, 0, "", NULL},
    POPT_TABLEEND,
};
static const struct desy_stage stage = {.name = "trial", .arguments = "", .help = "", .example = "", .options = options};

static struct desy_command_line *line;
static struct desy_invocation invocation;
static bool help;

static void forget(void)
{
    desy_options_close(&line);
    for (int i = 0; settings.many && settings.many[i]; i++) free(settings.many[i]);
    free(settings.many);
    free(settings.name);
    memset(&settings, 0, sizeof settings);
}

/* Words end with NULL. What is parsed is valid until the next call. */
static int parse(const char *first, ...)
{
    char *words[16] = {(char *)first};
    int n = 0;
    va_list rest;
    va_start(rest, first);
    while (words[n]) words[++n] = va_arg(rest, char *);
    va_end(rest);
    forget();
    memset(&invocation, 0, sizeof invocation);
    help = false;
    return desy_options_parse(&line, &invocation, &help, &stage, n, words);
}

static void assert_parsed(int rc)
{
    if (rc != DESY_OK) fail_msg("%s", desy_error_message());
}

static void assert_refused(int rc, int code, const char *part)
{
    assert_int_equal(rc, code);
    if (!strstr(desy_error_message(), part)) fail_msg("'%s' lacks '%s'", desy_error_message(), part);
}

static void defaults(void **state)
{
    (void)state;
    assert_parsed(parse(NULL));
    assert_null(invocation.output);
    assert_int_equal(invocation.seed, 1);
    assert_int_equal(invocation.argument_count, 0);
    assert_null(invocation.arguments[0]);
    assert_int_equal(invocation.progress, DESY_PROGRESS_AUTO);
    assert_false(invocation.json || invocation.quiet || help);
}

static void dashes_and_underscores_are_the_same(void **state)
{
    (void)state;
    assert_parsed(parse("--num_workers=3", "--data_dir", "a_b", "c_d.mp4", "--log_dir=e_f", NULL));
    assert_int_equal(settings.workers, 3);
    assert_string_equal(settings.name, "a_b");
    assert_string_equal(invocation.log_directory, "e_f");
    assert_int_equal(invocation.argument_count, 1);
    assert_string_equal(invocation.arguments[0], "c_d.mp4");
    assert_parsed(parse("--num-workers", "4", "--data-dir=g_h", "--", "--i_j.mp4", NULL));
    assert_int_equal(settings.workers, 4);
    assert_string_equal(settings.name, "g_h");
    assert_string_equal(invocation.arguments[0], "--i_j.mp4"); /* after -- nothing is an option */
    assert_refused(parse("--num_worker=3", NULL), DESY_EUSAGE, "num-worker");
    assert_refused(parse("--num-workers=three", NULL), DESY_EUSAGE, "num-workers");
}

static void the_command_line_overrides_the_config(void **state)
{
    (void)state;
    write_text("c.json", "{\"num-workers\": 2, \"data_dir\": \"from config\", \"deadline\": 0.1, \"seed\": 9007199254740992, \"loud\": true,"
                         " \"json\": false, \"many\": [\"a\", \"b\"], \"output\": \"o\"}");
    assert_parsed(parse("--seed=7", "--num_workers", "5", "--config", "c.json", "word", NULL));
    assert_int_equal(settings.workers, 5);
    assert_int_equal(invocation.seed, 7);
    assert_string_equal(settings.name, "from config");
    assert_true(settings.deadline == 0.1);
    assert_true(settings.loud);
    assert_false(invocation.json);
    assert_string_equal(settings.many[0], "a");
    assert_string_equal(settings.many[1], "b");
    assert_null(settings.many[2]);
    assert_string_equal(invocation.output, "o");
    assert_string_equal(invocation.arguments[0], "word");
    assert_int_equal(invocation.argument_count, 1);
    assert_parsed(parse("--config=c.json", NULL));
    assert_int_equal(settings.workers, 2);
    assert_int_equal(invocation.seed, 9007199254740992);
    assert_parsed(parse(NULL)); /* and of the one before nothing is left */
    assert_null(invocation.output);
    assert_int_equal(invocation.seed, 1);
}

static void a_wrong_config_is_named(void **state)
{
    (void)state;
    write_text("c.json", "{\"num_workers\": 2, \"nonsense\": 3}");
    assert_refused(parse("--config", "c.json", NULL), DESY_EUSAGE, "nonsense");
    write_text("c.json", "{\"deadline\": {\"a\": 1}}");
    assert_refused(parse("--config", "c.json", NULL), DESY_EUSAGE, "c.json: \"deadline\" must be");
    write_text("c.json", "[1]");
    assert_refused(parse("--config", "c.json", NULL), DESY_EUSAGE, "c.json: must be a JSON object");
    write_text("c.json", "{\"deadline\": 1,\n}");
    assert_refused(parse("--config", "c.json", NULL), DESY_EDATA, "c.json: line 2");
    assert_refused(parse("--config", "none.json", NULL), DESY_EDATA, "none.json");
}

static void progress_is_one_of_three(void **state)
{
    (void)state;
    assert_parsed(parse("--progress=never", NULL));
    assert_int_equal(invocation.progress, DESY_PROGRESS_NEVER);
    assert_parsed(parse("--progress", "always", NULL));
    assert_int_equal(invocation.progress, DESY_PROGRESS_ALWAYS);
    assert_refused(parse("--progress=sometimes", NULL), DESY_EUSAGE, "--progress is auto, always or never, not 'sometimes'");
}

static int leave(void **state)
{
    forget();
    return leave_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(dashes_and_underscores_are_the_same), cmocka_unit_test(the_command_line_overrides_the_config),
        cmocka_unit_test(a_wrong_config_is_named), cmocka_unit_test(progress_is_one_of_three),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave);
}
