#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int desy_text_character(const char *characters)
{
    const unsigned char *text = (const unsigned char *)characters;
    const int n = text[0] == 0 ? 0 : text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if (n == 3 && ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f))) return 0; /* too long a form; half a pair of UTF-16 */
    if (n == 4 && ((text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))) return 0;
    return n;
}

char *desy_text_clean(const char *text, size_t most)
{
    char *clean = malloc(most + 1);
    size_t used = 0;
    for (int n; clean && *text; text += n ? n : 1) {
        n = desy_text_character(text);
        const char *from = n ? text : "\xef\xbf\xbd";
        const size_t size = n ? (size_t)n : 3;
        if (used + size > most) break;
        memcpy(clean + used, from, size);
        used += size;
    }
    if (clean) clean[used] = '\0';
    return clean;
}

static bool is_obeyed(const char *text, int n)
{
    const unsigned char *c = (const unsigned char *)text;
    if (n == 1) return c[0] < 0x20 || c[0] == 0x7f;
    if (n == 2) return c[0] == 0xc2 && c[1] < 0xa0;                                                    /* U+0080 to U+009F */
    if (n != 3 || c[0] != 0xe2) return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) || (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9); /* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 */
}

void desy_text_print(FILE *stream, const char *text)
{
    for (int n; *text; text += n ? n : 1) {
        n = desy_text_character(text);
        if (n == 0 || is_obeyed(text, n)) fputc('?', stream);
        else fwrite(text, 1, (size_t)n, stream);
    }
}
