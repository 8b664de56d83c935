/* What nobody can guess: ids of jobs, tokens, the cookie of a session. */
#ifndef DESY_SERVE_SECRET_H
#define DESY_SERVE_SECRET_H

#include <stddef.h>

/* hex[2 * bytes + 1]: so many random bytes as hexadecimal digits. DESY_EENV: there is no randomness. */
int desy_secret_draw(char *hex, size_t bytes);

#endif
