/* Stops a process below Python: at its n-th system call that changes the card, whichever thread makes it.
 *
 * Loaded by LD_PRELOAD; does nothing until cut_arm() is called. Counted are calls that concern files below one
 * folder: write, pwrite, fsync, fdatasync, ftruncate, fallocate, rename, unlink, mkdir, rmdir, and open where it creates.
 * What then happens (how):
 *   KILL    the process dies by SIGKILL before the call
 *   HALF    the same, but of a write the first half is out
 *   FULL    calls that need room fail with ENOSPC, from the n-th on, so often as told; only these are counted
 *   LIAR    nothing is counted; fsync and fdatasync say that they have synced, and have not
 * The call at which that began, and when, goes to a file descriptor, where one is given.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum how { IDLE, KILL, HALF, FULL, LIAR };
enum need { ROOM, NO_ROOM };

static struct {
    char folder[PATH_MAX];
    size_t folder_length;
    long at, times;
    int report_fd;
    _Atomic long count;
    _Atomic int how;
} cut;

void cut_arm(const char *folder, int how, long at, long times, int report_fd) {
    strncpy(cut.folder, folder, sizeof cut.folder - 1);
    cut.folder_length = strlen(cut.folder);
    cut.at = at;
    cut.times = times;
    cut.report_fd = report_fd;
    cut.count = 0;
    cut.how = how;
}

long cut_count(void) { return cut.count; }

static int is_below(const char *path) {
    return strncmp(path, cut.folder, cut.folder_length) == 0 && path[cut.folder_length] == '/';
}

/* Whether fd is a file of the card. */
static int is_ours(int fd) {
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* Whether path, as seen from dir_fd, is of the card. The recorder uses absolute paths for what it keeps. */
static int is_ours_at(int dir_fd, const char *path) {
    return path[0] == '/' ? is_below(path) : dir_fd != AT_FDCWD && is_ours(dir_fd);
}

/* One line: the call, and when (CLOCK_BOOTTIME, ns). */
static void report(const char *call) {
    char line[64];
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    int length = snprintf(line, sizeof line, "%s %lld\n", call, now.tv_sec * 1000000000LL + now.tv_nsec);
    if (cut.report_fd >= 0) syscall(SYS_write, cut.report_fd, line, (size_t)length);
}

static void die(const char *call) {
    report(call);
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* What a write would have written; offset -1: where the file stands. */
struct piece {
    int fd;
    const void *data;
    size_t size;
    off_t offset;
};

static void write_half(const struct piece *piece) {
    if (piece->offset < 0)
        syscall(SYS_write, piece->fd, piece->data, piece->size / 2);
    else
        syscall(SYS_pwrite64, piece->fd, piece->data, piece->size / 2, piece->offset);
}

/* Count a call; the process may end here. Whether the call is to fail. */
static int fails(const char *call, enum need need, const struct piece *piece) {
    int how = cut.how;
    if (how == IDLE || how == LIAR || (how == FULL && need == NO_ROOM)) return 0;
    long number = ++cut.count;
    if (how == FULL) {
        if (cut.at == 0 || number < cut.at || number >= cut.at + cut.times) return 0;
        if (number == cut.at) report(call);
        errno = ENOSPC;
        return 1;
    }
    if (number == cut.at) {
        if (how == HALF && piece) write_half(piece);
        die(call);
    }
    return 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    struct piece piece = {fd, data, size, -1};
    if (cut.how && is_ours(fd) && fails("write", ROOM, &piece)) return -1;
    return REAL(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    struct piece piece = {fd, data, size, offset};
    if (cut.how && is_ours(fd) && fails("pwrite", ROOM, &piece)) return -1;
    return REAL(pwrite)(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return pwrite(fd, data, size, offset); }

static int synced(int fd, const char *call, int (*real)(int)) {
    if (cut.how && is_ours(fd)) {
        if (cut.how == LIAR) return 0;
        if (fails(call, NO_ROOM, NULL)) return -1;
    }
    return real(fd);
}

int fsync(int fd) { return synced(fd, "fsync", REAL(fsync)); }

int fdatasync(int fd) { return synced(fd, "fdatasync", REAL(fdatasync)); }

int ftruncate(int fd, off_t size) {
    if (cut.how && is_ours(fd) && fails("ftruncate", NO_ROOM, NULL)) return -1;
    return REAL(ftruncate)(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
    if (cut.how && is_ours(fd) && fails("fallocate", ROOM, NULL)) return -1;
    return REAL(fallocate)(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) { return fallocate(fd, mode, offset, size); }

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    if (cut.how && is_ours_at(to_fd, to) && fails("rename", ROOM, NULL)) return -1;
    return REAL(renameat)(from_fd, from, to_fd, to);
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int dir_fd, const char *path, int flags) {
    if (cut.how && is_ours_at(dir_fd, path) && fails("unlink", NO_ROOM, NULL)) return -1;
    return REAL(unlinkat)(dir_fd, path, flags);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char *path) {
    if (cut.how && is_ours_at(AT_FDCWD, path) && fails("rmdir", NO_ROOM, NULL)) return -1;
    return REAL(rmdir)(path);
}

int mkdirat(int dir_fd, const char *path, mode_t mode) {
    if (cut.how && is_ours_at(dir_fd, path) && fails("mkdir", ROOM, NULL)) return -1;
    return REAL(mkdirat)(dir_fd, path, mode);
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

static int opened(int dir_fd, const char *path, int flags, mode_t mode) {
    int creates = (flags & O_CREAT) && cut.how && is_ours_at(dir_fd, path) && faccessat(dir_fd, path, F_OK, 0) != 0;
    if (creates && fails("create", ROOM, NULL)) return -1;
    return (int)syscall(SYS_openat, dir_fd, path, flags | O_LARGEFILE, mode);
}

#define OPEN(dir_fd, path, flags)                                  \
    va_list rest;                                                  \
    va_start(rest, flags);                                         \
    mode_t mode = mode_of(flags, rest);                            \
    va_end(rest);                                                  \
    return opened(dir_fd, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int openat(int dir_fd, const char *path, int flags, ...) { OPEN(dir_fd, path, flags); }
int openat64(int dir_fd, const char *path, int flags, ...) { OPEN(dir_fd, path, flags); }
