/* Stands before the C library's sync calls: what the file $ONETAPE_TEST_DISK says happens to each of them.
   A number: milliseconds that it takes longer. "error": it fails, as on a disk that is broken. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fault(void) {
    const char *path = getenv("ONETAPE_TEST_DISK");
    char text[32] = "";
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return 0;
    if (!fgets(text, sizeof text, file)) text[0] = 0;
    fclose(file);
    if (!strncmp(text, "error", 5)) return 1;
    usleep(1000 * (useconds_t)atoi(text));
    return 0;
}

static int synced(const char *name, int descriptor) {
    if (fault()) {
        errno = EIO;
        return -1;
    }
    int (*original)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return original(descriptor);
}

int fsync(int descriptor) { return synced("fsync", descriptor); }
int fdatasync(int descriptor) { return synced("fdatasync", descriptor); }
