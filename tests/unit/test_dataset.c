/* The data set file: what is read, what is refused and where it says the fault is; and items as messages. */
#include "base/error.h"
#include "features/dataset.h"
#include "tests/unit/unit.h"

#include <sys/stat.h>

static desy_dataset *open_text(const char *text)
{
    desy_dataset *dataset = NULL;
    write_text("d.json", text);
    if (desy_dataset_open(&dataset, "d.json", true) != DESY_OK) fail_msg("%s", desy_error_message());
    return dataset;
}

static struct desy_item item_of(const desy_dataset *dataset, size_t index)
{
    struct desy_item item;
    assert_true(index < desy_dataset_count(dataset));
    desy_dataset_item(dataset, index, &item);
    return item;
}

static void refused(const char *path, const char *message)
{
    desy_dataset *dataset = NULL;
    assert_int_equal(desy_dataset_open(&dataset, path, true), DESY_EDATA);
    assert_null(dataset);
    if (strncmp(desy_error_message(), message, strlen(message)) != 0) fail_msg("'%s' does not begin with '%s'", desy_error_message(), message);
}

static void refused_text(const char *text, const char *message)
{
    write_text("d.json", text);
    refused("d.json", message);
}

static void arrays_and_lines_are_the_same(void **state)
{
    static const char *const texts[] = {
        "[{\"video_path\": \"a.mp4\", \"label\": 0, \"source\": \"camera\", \"group\": \"g\", \"split\": \"val\", \"text\": \"caf\xc3\xa9 } ] \\\" ,\","
        " \"audio_path\": \"a.wav\", \"extra\": {\"label\": 5, \"list\": [1, 2]}},\n\n {\n\"video_path\": \"b.mp4\",\n\"label\": 1}\n]\n",
        "\xEF\xBB\xBF{\"video_path\": \"a.mp4\", \"label\": 0, \"source\": \"camera\", \"group\": \"g\", \"split\": \"val\", \"text\": \"caf\xc3\xa9 } ] \\\" ,\","
        " \"audio_path\": \"a.wav\", \"extra\": {\"label\": 5, \"list\": [1, 2]}}\r\n\n{\"video_path\": \"b.mp4\", \"label\": 1}",
    };
    (void)state;
    for (int i = 0; i < 2; i++) {
        desy_dataset *dataset = open_text(texts[i]);
        assert_int_equal(desy_dataset_count(dataset), 2);
        const struct desy_item a = item_of(dataset, 0), b = item_of(dataset, 1);
        assert_string_equal(a.video_path, "a.mp4");
        assert_string_equal(a.source, "camera");
        assert_string_equal(a.group, "g");
        assert_string_equal(a.text, "caf\xc3\xa9 } ] \" ,");
        assert_string_equal(a.audio_path, "a.wav");
        assert_int_equal(a.label, 0);
        assert_int_equal(a.split, DESY_SPLIT_VAL);
        assert_string_equal(b.video_path, "b.mp4");
        assert_string_equal(b.source, "");
        assert_string_equal(b.text, "");
        assert_int_equal(b.label, 1);
        assert_int_equal(b.split, DESY_SPLIT_NONE);
        assert_string_equal(desy_dataset_root(dataset), "");
        desy_dataset_close(&dataset);
        assert_null(dataset);
    }
}

#define GOOD "{\"video_path\": \"a.mp4\", \"label\": 0}"

static void what_is_wrong_is_named_by_line_and_item(void **state)
{
    static const struct {
        const char *object, *message;
    } faults[] = {
        {"{\"video_path\": \"b.mp4\", \"label\": 2}", "\"label\" must be 0"},
        {"{\"video_path\": \"b.mp4\", \"label\": -1}", "\"label\" must be 0"},
        {"{\"video_path\": \"b.mp4\", \"label\": 0.5}", "\"label\" must be 0"},
        {"{\"video_path\": \"b.mp4\", \"label\": \"1\"}", "\"label\" must be 0"},
        {"{\"video_path\": \"b.mp4\", \"label\": true}", "\"label\" must be 0"},
        {"{\"video_path\": \"b.mp4\"}", "\"label\" is missing"},
        {"{\"video_path\": \"b.mp4\", \"label\": null}", "\"label\" is missing"},
        {"{\"video_path\": \"b.mp4\", \"label\": 0, \"label\": 1}", "the key \"label\" stands twice"},
        {"{\"video_path\": \"b.mp4\", \"label\": }", "not valid JSON"},
        {"{\"video_path\": \"b.mp4\", \"label\": 0} x", ""},
        {"{\"video_path\": \"b.mp4, \"label\": 0}", "the line ends in the middle of a text"},
        {"{\"label\": 0}", "\"video_path\" is missing"},
        {"{\"video_path\": \"\", \"label\": 0}", "\"video_path\" is missing, empty"},
        {"{\"video_path\": 7, \"label\": 0}", "\"video_path\" is missing, empty or no text"},
        {"{\"video_path\": \"b.mp4\", \"label\": 0, \"split\": \"dev\"}", "\"split\" must be train, val or test"},
        {"{\"video_path\": \"b.mp4\", \"label\": 0, \"source\": 3}", "source, group, text"},
        {"[\"b.mp4\", 0]", "must be an object"},
        {"{\"video_path\": \"a.mp4\", \"label\": 1}", "this video_path stands in the list twice (\"a.mp4\")"},
    };
    char text[256], message[128];
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (*faults[i].message) { /* one line an item; an item may begin anywhere in an array */
            snprintf(text, sizeof text, GOOD "\n\n%s\n{\"video_path\": \"c.mp4\", \"label\": 0}\n", faults[i].object);
            snprintf(message, sizeof message, "d.json: line 3, item 2: %s", faults[i].message);
            refused_text(text, message);
            snprintf(text, sizeof text, "[\n{\"video_path\": \"a.mp4\",\n\"label\": 0\n}\n,\n%s\n]", faults[i].object);
            snprintf(message, sizeof message, "d.json: line 6, item 2: %s", faults[i].message);
            refused_text(text, message);
        } else {
            snprintf(text, sizeof text, "[" GOOD ",\n%s]", faults[i].object);
            refused_text(text, "d.json: line 2, item 2: a comma is missing");
        }
    }
}

static void broken_files_are_named(void **state)
{
    desy_dataset *dataset = NULL;
    (void)state;
    refused_text("[" GOOD ",\n{\"video_path\": \"b.mp4\",\n\"label\": 0", "d.json: line 2, item 2: the file ends in the middle");
    refused_text("[" GOOD "\n", "d.json: line 2, item 2: the file ends before the array is closed");
    refused_text("[" GOOD ",\n]", "d.json: line 2, item 1: a comma before the end");
    refused_text("[" GOOD "]\n" GOOD, "d.json: line 2, item 1: text after the end of the array");
    refused_text("[]", "d.json: the list of videos is empty");
    refused_text("", "d.json: the list of videos is empty");
    refused_text("\n \n", "d.json: the list of videos is empty");
    assert_int_equal(mkdir("directory.json", 0777), 0);
    refused("directory.json", "directory.json: is a directory");
    refused("missing.json", "missing.json: No such file");
    write_text("d.json", "{\"video_path\": \"a.mp4\"}"); /* for scoring no label is needed */
    assert_int_equal(desy_dataset_open(&dataset, "d.json", false), DESY_OK);
    assert_int_equal(item_of(dataset, 0).label, -1);
    desy_dataset_close(&dataset);
}

/* printf a.mp4 | sha256sum, the first 16 digits: whatever the file, its directory, the other items. */
static void ids_are_of_the_path_as_given(void **state)
{
    desy_dataset *dataset = open_text("[" GOOD ", {\"video_path\": \"./a.mp4\", \"label\": 0}]"), *other = NULL;
    (void)state;
    assert_true(item_of(dataset, 0).id == 0xe6d48eabd560bc60u);
    assert_true(item_of(dataset, 1).id == 0xdda16dc4a47c23d5u);
    assert_int_equal(mkdir("elsewhere", 0777), 0);
    write_text("elsewhere/e.json", "{\"video_path\": \"b.mp4\", \"label\": 1}\n" GOOD);
    assert_int_equal(desy_dataset_open(&other, "elsewhere/e.json", true), DESY_OK);
    assert_true(item_of(other, 1).id == 0xe6d48eabd560bc60u);
    assert_string_equal(desy_dataset_root(other), "elsewhere");
    desy_dataset_close(&dataset);
    desy_dataset_close(&other);
}

/* hashlib.sha256(b"a.mp4\0" b"0\0" b"camera\0" b"g\0" b"val\0" b"b.mp4\0" b"\0\0\0\0") */
static void the_identity_is_of_items_in_order(void **state)
{
    static const char *const items[] = {
        "{\"video_path\": \"a.mp4\", \"label\": 0, \"source\": \"camera\", \"group\": \"g\", \"split\": \"val\", \"text\": \"no part of it\", \"bytes\": 5}",
        "{\"video_path\": \"b.mp4\"}"};
    char hex[65], text[512];
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        desy_dataset *dataset = NULL;
        snprintf(text, sizeof text, "%s\n%s\n", items[turned], items[!turned]);
        write_text("d.json", text);
        assert_int_equal(desy_dataset_open(&dataset, "d.json", false), DESY_OK);
        assert_int_equal(desy_dataset_sha256(dataset, hex), DESY_OK);
        if (turned) assert_string_not_equal(hex, "9527740359747c3b78aabe01502b7ac1c3c703d230a0a3dcd17a14682125385f");
        else assert_string_equal(hex, "9527740359747c3b78aabe01502b7ac1c3c703d230a0a3dcd17a14682125385f");
        desy_dataset_close(&dataset);
    }
}

static void estimates_order_the_work(void **state)
{
    desy_dataset *dataset = open_text("[{\"video_path\": \"a\", \"label\": 0, \"bytes\": 5000}, {\"video_path\": \"b\", \"label\": 0, \"bytes\": 5000, \"duration\": 900},"
                                      "{\"video_path\": \"c\", \"label\": 0, \"duration\": 1}, {\"video_path\": \"d\", \"label\": 0, \"duration\": 10.5},"
                                      "{\"video_path\": \"e\", \"label\": 0, \"bytes\": -1, \"duration\": 0}, {\"video_path\": \"f\", \"label\": 0, \"bytes\": \"5\"}]");
    (void)state;
    assert_true(item_of(dataset, 0).cost == 5000);
    assert_true(item_of(dataset, 1).cost == 5000); /* bytes are the better estimate */
    assert_true(item_of(dataset, 2).cost >= 1e5 && item_of(dataset, 2).cost <= 2e5); /* of the order of a megabit a second */
    assert_true(item_of(dataset, 3).cost == 10.5 * item_of(dataset, 2).cost);
    assert_true(item_of(dataset, 4).cost == 0);
    assert_true(item_of(dataset, 5).cost == 0);
    desy_dataset_close(&dataset);
}

static void items_travel_whole_or_not_at_all(void **state)
{
    desy_dataset *dataset = open_text("[" GOOD ", {\"video_path\": \"b\", \"label\": 1, \"source\": \"s\", \"group\": \"\", \"text\": \"caf\xc3\xa9\","
                                      "\"audio_path\": \"w\", \"split\": \"test\", \"bytes\": 77}, {\"video_path\": \"c\", \"label\": 0}]");
    struct desy_item *items = NULL;
    void *message = NULL;
    size_t size = 0, count = 0;
    (void)state;
    assert_int_equal(desy_items_pack(&message, &size, dataset, 1, 2), DESY_OK);
    assert_int_equal(desy_items_unpack(&items, &count, message, size), DESY_OK);
    assert_int_equal(count, 2);
    assert_true(items[0].id == item_of(dataset, 1).id && items[0].cost == 77 && items[0].label == 1 && items[0].split == DESY_SPLIT_TEST);
    assert_string_equal(items[0].video_path, "b");
    assert_string_equal(items[0].source, "s");
    assert_string_equal(items[0].group, "");
    assert_string_equal(items[0].text, "caf\xc3\xa9");
    assert_string_equal(items[0].audio_path, "w");
    assert_string_equal(items[1].video_path, "c");
    assert_int_equal(items[1].split, DESY_SPLIT_NONE);
    free(items);
    for (size_t cut = 0; cut < size; cut++) { /* a copy of that very size, so that a byte too far is a fault */
        void *part = malloc(cut ? cut : 1);
        assert_non_null(part);
        memcpy(part, message, cut);
        assert_int_equal(desy_items_unpack(&items, &count, part, cut), DESY_EDATA);
        assert_null(items);
        free(part);
    }
    for (int bit = 2; bit < 64; bit++) { /* more items than there are */
        const uint64_t claimed = (uint64_t)1 << bit;
        memcpy(message, &claimed, sizeof claimed);
        assert_int_equal(desy_items_unpack(&items, &count, message, size), DESY_EDATA);
    }
    free(message);
    desy_dataset_close(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_and_lines_are_the_same), cmocka_unit_test(what_is_wrong_is_named_by_line_and_item),
        cmocka_unit_test(broken_files_are_named), cmocka_unit_test(ids_are_of_the_path_as_given),
        cmocka_unit_test(the_identity_is_of_items_in_order),
        cmocka_unit_test(estimates_order_the_work), cmocka_unit_test(items_travel_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
