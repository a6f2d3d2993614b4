/* generated.h: files of the repository that the programs themselves can write. */
#ifndef WEIR_TESTS_GENERATED_H
#define WEIR_TESTS_GENERATED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* It is as it is written today. With WEIR_UPDATE in the environment it is written first. */
static inline void assert_fresh(const char *path, void (*write)(FILE *))
{
    char *wanted = NULL, *have = NULL;
    size_t wanted_len = 0, have_len = 0;
    FILE *to = open_memstream(&wanted, &wanted_len);
    write(to);
    fclose(to);
    if (getenv("WEIR_UPDATE")) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fwrite(wanted, 1, wanted_len, out);
        fclose(out);
    }
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    if (getdelim(&have, &have_len, EOF, in) < 0 || strcmp(wanted, have) != 0)
        fail_msg("%s is stale: run this test with WEIR_UPDATE=1", path);
    fclose(in);
    free(wanted);
    free(have);
}

#endif
