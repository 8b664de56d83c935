/* A whole program around libdesy: are these videos AI-generated?
 *
 *     detect [-j] [-e] [-t THRESHOLD] [-m MODEL] VIDEO...
 *
 * -j prints the JSON object of each video, -e has it explained there, -t sets the score from which on a video is called AI-generated, -m names a model directory. Answers go to stdout,
 * the rest to stderr. Exit code: 0; 4 where a video could not be read; otherwise what went wrong (enum desy_code). C99 and C++. */
#define _POSIX_C_SOURCE 200809L /* getopt, isatty */

#include <desy.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
    int json, progress;
    size_t unread;
};

/* desy_detector_cancel is not for signal handlers: the callback looks at this. */
static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* What libdesy would say in passing: that the weights are not those that it knows, and the like. */
static void say(void *context, enum desy_log_level level, const char *message)
{
    (void)context;
    if (level >= DESY_LOG_WARNING) fprintf(stderr, "detect: %s\n", message);
}

static void print(const struct desy_detection *d)
{
    if (d->reason) printf("%s: %s: %s\n", d->video_path, d->status, d->reason);
    else printf("%s: %s (%s of AI-generated %.3f)\n", d->video_path, d->is_ai_generated ? "AI-generated" : "real", d->calibrated ? "probability" : "score", d->confidence);
    if (d->reliability && strcmp(d->reliability, "ok") != 0) printf("    not to be relied on: %s\n", d->reliability);
    if (d->warning) printf("    odd: %s\n", d->warning);
}

/* The answer to one video; not 0 leaves out the rest. */
static int hear(void *context, size_t index, size_t n, const struct desy_detection *detection, const char *json)
{
    struct run *run = (struct run *)context;
    if (run->progress) fprintf(stderr, "%lu of %lu\n", (unsigned long)index + 1, (unsigned long)n);
    if (detection->reason) run->unread++;
    if (run->json) puts(json);
    else print(detection);
    fflush(stdout);
    return stopped;
}

/* The number that the text is, all of it. */
static int read_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0';
}

int main(int argc, char **argv)
{
    struct desy_detector_options options;
    struct run run = {0, isatty(STDERR_FILENO), 0};
    desy_detector *detector = NULL;
    int option, code;
    desy_detector_options_init(&options, sizeof options);
    options.log = say;
    while ((option = getopt(argc, argv, "jet:m:")) != -1) {
        if (option == 'j') run.json = 1;
        else if (option == 'e') options.explain = 1;
        else if (option == 'm') options.model = optarg;
        else if (option != 't' || !read_number(optarg, &options.threshold)) return fprintf(stderr, "usage: detect [-j] [-e] [-t THRESHOLD] [-m MODEL] VIDEO...\n"), DESY_EUSAGE;
    }
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    code = desy_detector_open(&detector, &options);
    if (code == DESY_OK) code = desy_detect_many(detector, (const char *const *)argv + optind, (size_t)(argc - optind), hear, &run);
    if (code != DESY_OK) fprintf(stderr, "detect: %s\n", desy_error_message());
    desy_detector_close(&detector);
    return code == DESY_OK && run.unread ? DESY_EPARTIAL : code;
}
