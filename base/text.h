/* Texts from outside: names of files and sources, comments. They may be no UTF-8, and they may hold what a terminal obeys. */
#ifndef DESY_BASE_TEXT_H
#define DESY_BASE_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* The bytes of the UTF-8 character that text begins with, 1 to 4; 0: none (too long a form, half a pair of UTF-16, beyond U+10FFFF). */
int desy_text_character(const char *text);

/* A copy of at most `most` bytes, cut between characters, with U+FFFD for each byte that is no UTF-8. Caller frees; NULL: no memory. */
char *desy_text_clean(const char *text, size_t most);

/* For people to read: ? in place of controls (with those of U+0080 to U+009F), of what changes the direction of the text around it, of line and paragraph separators, and of bytes that are no UTF-8. No escape
 * sequence reaches a terminal, and no text looks like another. Failures stay with the stream. */
void desy_text_print(FILE *stream, const char *text);

#endif
