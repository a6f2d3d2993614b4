#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/credentials.h"

static char folder[] = "/tmp/weir-test-credentials-XXXXXX";

static void put(const char *name, const char *content, size_t len, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(content, 1, len, out), len);
    fclose(out);
    assert_int_equal(chmod(path, mode), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static void a_secret_is_read_without_its_last_newline(void **state)
{
    static const struct {
        const char *content;
        size_t len;
        const char *secret;
        size_t wanted;
    } rows[] = {
        {"s3cret", 6, "s3cret", 6},
        {"s3cret\n", 7, "s3cret", 6},
        {"two\n\n", 5, "two\n", 4},
        {"a\0b\n", 4, "a\0b", 3},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t *secret;
        size_t len;
        put("key", rows[i].content, rows[i].len, 0640);
        assert_int_equal(credential_read(folder, "key", &secret, &len), 0);
        assert_int_equal(len, rows[i].wanted);
        assert_memory_equal(secret, rows[i].secret, len + 1);
        credential_free(&secret, len);
        assert_null(secret);
    }
}

static void systemds_name_for_a_loaded_directory_is_found_too(void **state)
{
    uint8_t *secret;
    size_t len;
    (void)state;
    put(CREDENTIAL_PREFIX "token", "loaded", 6, 0400);
    assert_int_equal(credential_read(folder, "token", &secret, &len), 0);
    assert_string_equal((char *)secret, "loaded");
    credential_free(&secret, len);
    put("token", "plain", 5, 0400);
    assert_int_equal(credential_read(folder, "token", &secret, &len), 0);
    assert_string_equal((char *)secret, "plain");
    credential_free(&secret, len);
}

static void what_is_no_secret_is_refused(void **state)
{
    static char large[CREDENTIAL_BYTES_MAX + 1];
    uint8_t *secret = NULL;
    size_t len;
    char path[128];
    (void)state;
    memset(large, 'x', sizeof large);
    put("open", "x", 1, 0604);
    put("written", "x", 1, 0602);
    put("empty", "\n", 1, 0600);
    put("large", large, sizeof large, 0600);
    put("most", large, sizeof large - 1, 0600);
    snprintf(path, sizeof path, "%s/folder", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    static const struct {
        const char *name;
        int error;
    } rows[] = {
        {"none", -ENOENT},   {"open", -EPERM},  {"written", -EPERM},
        {"empty", -ENODATA}, {"large", -EFBIG}, {"folder", -EINVAL},
        {"pipe", -EINVAL},   {"../x", -EINVAL}, {"", -EINVAL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char why[256] = "";
        if (credential_read(folder, rows[i].name, &secret, &len) != rows[i].error || secret)
            fail_msg("%s", rows[i].name);
        credential_explain(folder, rows[i].name, rows[i].error, why, sizeof why);
        assert_non_null(strstr(why, folder));
    }
    assert_int_equal(credential_read(folder, "most", &secret, &len), 0);
    assert_int_equal(len, CREDENTIAL_BYTES_MAX);
    credential_free(&secret, len);
}

static void a_file_by_its_path_may_be_read_by_all_if_it_holds_no_private_key(void **state)
{
    static const char key[] = "-----BEGIN EC PRIVATE KEY-----\n";
    static const struct {
        const char *content;
        mode_t mode;
        int error;
    } rows[] = {{"certificate", 0644, 0}, {"certificate", 0600, 0}, {"certificate", 0646, -EPERM},
                {key, 0600, 0},           {key, 0640, 0},           {key, 0644, -EPERM}};
    uint8_t *secret = NULL;
    size_t len;
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/file", folder);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        put("file", rows[i].content, strlen(rows[i].content), rows[i].mode);
        assert_int_equal(credential_read("/nowhere", path, &secret, &len), rows[i].error);
        credential_free(&secret, len);
    }
    assert_int_equal(credential_read(folder, "/nowhere/at/all", &secret, &len), -ENOENT);
}

static void the_folder_is_systemds_or_beside_the_configuration(void **state)
{
    char out[64];
    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_true(credentials_directory("/etc/weir/weir.yaml", out, sizeof out));
    assert_string_equal(out, "/etc/weir/credentials");
    assert_true(credentials_directory("weir.yaml", out, sizeof out));
    assert_string_equal(out, "credentials");
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/weir", 1);
    assert_true(credentials_directory("/etc/weir/weir.yaml", out, sizeof out));
    assert_string_equal(out, "/run/credentials/weir");
    char why[512];
    credential_explain(out, "token", -ENOENT, why, sizeof why);
    assert_non_null(strstr(why, "Put it into /etc/weir/credentials"));
    assert_false(credentials_directory("x", out, 5));
    unsetenv("CREDENTIALS_DIRECTORY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_read_without_its_last_newline),
        cmocka_unit_test(systemds_name_for_a_loaded_directory_is_found_too),
        cmocka_unit_test(what_is_no_secret_is_refused),
        cmocka_unit_test(a_file_by_its_path_may_be_read_by_all_if_it_holds_no_private_key),
        cmocka_unit_test(the_folder_is_systemds_or_beside_the_configuration),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
