#include "serve/secret.h"

#include "base/error.h"

#include <openssl/rand.h>
#include <stdio.h>

int desy_secret_draw(char *hex, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte;
        if (RAND_bytes(&byte, 1) != 1) return desy_error(DESY_EENV, "no random numbers for an id or a token");
        snprintf(hex + 2 * i, 3, "%02x", byte);
    }
    return DESY_OK;
}
