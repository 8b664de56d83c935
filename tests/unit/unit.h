/* What every unit test includes: cmocka with what it needs, and a directory of its own for files. */
#ifndef DESY_TESTS_UNIT_H
#define DESY_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Makes an empty directory and goes there; what a test leaves in it is removed by leave_directory. */
static inline int enter_directory(void **state)
{
    static char path[] = "/tmp/desy-unit-XXXXXX";
    *state = mkdtemp(path);
    return *state && chdir(path) == 0 ? 0 : -1;
}

static inline int leave_directory(void **state)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", (const char *)*state);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static inline void write_text(const char *path, const char *text)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, strlen(text), stream), strlen(text));
    assert_int_equal(fclose(stream), 0);
}

#endif
