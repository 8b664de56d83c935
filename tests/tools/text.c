/* text: for each line of stdin its hashed n-grams, float32. */
#include "train/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    float buckets[DESY_TEXT_BUCKETS];
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        desy_text_buckets(buckets, line);
        if (fwrite(buckets, sizeof *buckets, DESY_TEXT_BUCKETS, stdout) != DESY_TEXT_BUCKETS) return 3;
    }
    free(line);
    return 0;
}
