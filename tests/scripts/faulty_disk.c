// Makes one directory behave like a file system with limits. Compiled and loaded with LD_PRELOAD by test_file_systems.py.
//
// FAULTY_DISK   the directory
// FAULTY_LOCKS  if set: errno of every file lock in it
// FAULTY_LINKS  if set: errno of every new hard or symbolic link in it
//
// FAULTY_SPACE if set: number of operations that need space in it until it is full
//
// fail_at(n, code) makes every operation after the first n that needs space in it fail with this errno; n < 0: none.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static long left = -1, done = 0;
static int failure = ENOSPC;

__attribute__((constructor)) static void start(void) {
    const char *space = getenv("FAULTY_SPACE");
    left = space ? atol(space) : -1;
}

void fail_at(long n, int code) { left = n; failure = code; done = 0; }
long operations(void) { return done; }

static int inside(const char *path) {
    const char *disk = getenv("FAULTY_DISK");
    return disk && path && strncmp(path, disk, strlen(disk)) == 0;
}

static int inside_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return inside(path);
}

static int fails(int is_inside) {
    if (!is_inside) return 0;
    done++;
    if (left < 0 || done <= left) return 0;
    errno = failure;
    return 1;
}

static int fails_as(const char *variable, int is_inside) {
    const char *code = getenv(variable);
    if (!code || !is_inside) return 0;
    errno = atoi(code);
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int flock(int fd, int operation) { return fails_as("FAULTY_LOCKS", inside_fd(fd)) ? -1 : REAL(flock)(fd, operation); }
int link(const char *from, const char *to) { return fails_as("FAULTY_LINKS", inside(to)) ? -1 : REAL(link)(from, to); }
int symlink(const char *from, const char *to) {
    return fails_as("FAULTY_LINKS", inside(to)) ? -1 : REAL(symlink)(from, to);
}
ssize_t write(int fd, const void *buffer, size_t size) {
    return fails(inside_fd(fd)) ? -1 : REAL(write)(fd, buffer, size);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fails(inside_fd(fd)) ? -1 : REAL(writev)(fd, parts, count);
}
size_t fwrite(const void *buffer, size_t size, size_t count, FILE *file) {
    return fails(inside_fd(fileno(file))) ? 0 : REAL(fwrite)(buffer, size, count, file);
}
int fsync(int fd) { return fails(inside_fd(fd)) ? -1 : REAL(fsync)(fd); }
int mkdir(const char *path, mode_t mode) { return fails(inside(path)) ? -1 : REAL(mkdir)(path, mode); }
int rename(const char *from, const char *to) { return fails(inside(to)) ? -1 : REAL(rename)(from, to); }

#define OPEN(name)                                                                \
    int name(const char *path, int flags, ...) {                                  \
        va_list arguments;                                                        \
        va_start(arguments, flags);                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
        va_end(arguments);                                                        \
        if ((flags & (O_CREAT | O_WRONLY)) && fails(inside(path))) return -1;     \
        return REAL(name)(path, flags, mode);                                     \
    }
OPEN(open)
OPEN(open64)
FILE *fopen(const char *path, const char *mode) {
    return mode[0] != 'r' && fails(inside(path)) ? NULL : REAL(fopen)(path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
    return mode[0] != 'r' && fails(inside(path)) ? NULL : REAL(fopen64)(path, mode);
}
