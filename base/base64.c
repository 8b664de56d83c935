#include "base/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

char *desy_base64(const void *bytes, size_t size)
{
    char *text = size <= INT_MAX / 2 ? malloc((size + 2) / 3 * 4 + 1) : NULL;
    if (text) EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
    return text;
}
