/* Decimal numbers to doubles. */
#ifndef DESY_BASE_DECIMAL_H
#define DESY_BASE_DECIMAL_H

#include <stdbool.h>

/* As strtod in the C locale, to the bit, but that the whole text must be a finite number (white space before it, blanks after it); several times as fast for those of
 * at most 19 digits. false: it is not one. */
bool desy_decimal(const char *text, double *value);

#endif
