// Stands before the C library in a process (LD_PRELOAD): below one folder, from the n-th operation that changes something on, the disk
// is full (ENOSPC) or may only be read (EROFS). So a disk can fail at every stage of a verb, also where nobody may mount one.
// CRAM_DISK_FOLDER is the folder, CRAM_DISK_FROM is n, CRAM_DISK_ERRNO the error, CRAM_DISK_COUNT a file for how many there were.

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

static const char *folder;
static long failing_from = -1;
static int failure;
static long operations;

static __attribute__((constructor)) void begin(void) {
  folder = getenv("CRAM_DISK_FOLDER");
  const char *from = getenv("CRAM_DISK_FROM"), *error = getenv("CRAM_DISK_ERRNO");
  if (from) failing_from = atol(from);
  if (error) failure = atoi(error);
}

static __attribute__((destructor)) void end(void) {
  const char *path = getenv("CRAM_DISK_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (file == NULL) return;
  fprintf(file, "%ld\n", operations);
  fclose(file);
}

static int is_below(const char *path) {
  // Relative paths are of the folder that the process was started in, which is that one.
  return folder != NULL && path != NULL && (path[0] != '/' || strncmp(path, folder, strlen(folder)) == 0);
}

/** What grows needs room; what a full disk lets pass, as removing, only a read-only one refuses. */
static int fails(int grows) {
  long number = __atomic_fetch_add(&operations, 1, __ATOMIC_RELAXED);
  if (failing_from < 0 || number < failing_from || (!grows && failure == ENOSPC)) return 0;
  errno = failure;
  return 1;
}

static int fails_at_file(int file, int grows) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || path[0] != '/') return 0;
  path[length] = 0;
  return is_below(path) && fails(grows);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                                       \
  int name(const char *path, int flags, ...) {                                           \
    va_list more;                                                                        \
    va_start(more, flags);                                                               \
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                            \
    va_end(more);                                                                        \
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;  \
    if (writes && is_below(path) && fails(flags & O_CREAT && access(path, F_OK) != 0)) return -1; \
    return REAL(name)(path, flags, mode);                                                \
  }
OPEN(open)
OPEN(open64)

#define AT_FILE(result, name, arguments, ...) \
  result name arguments { return fails_at_file(file, 1) ? -1 : REAL(name)(__VA_ARGS__); }
AT_FILE(ssize_t, write, (int file, const void *from, size_t count), file, from, count)
AT_FILE(ssize_t, writev, (int file, const struct iovec *from, int count), file, from, count)
AT_FILE(ssize_t, pwrite, (int file, const void *from, size_t count, off_t at), file, from, count, at)
AT_FILE(ssize_t, pwrite64, (int file, const void *from, size_t count, off64_t at), file, from, count, at)
AT_FILE(ssize_t, pwritev, (int file, const struct iovec *from, int count, off_t at), file, from, count, at)
AT_FILE(ssize_t, pwritev64, (int file, const struct iovec *from, int count, off64_t at), file, from, count, at)
// It shrinks files here, which needs no room.
#define SHRINK(name, size) \
  int name(int file, size length) { return fails_at_file(file, 0) ? -1 : REAL(name)(file, length); }
SHRINK(ftruncate, off_t)
SHRINK(ftruncate64, off64_t)

#define AT_PATH(name, grows, arguments, path, ...) \
  int name arguments { return is_below(path) && fails(grows) ? -1 : REAL(name)(__VA_ARGS__); }
AT_PATH(mkdir, 1, (const char *path, mode_t mode), path, path, mode)
AT_PATH(rename, 0, (const char *from, const char *to), to, from, to)
AT_PATH(link, 1, (const char *from, const char *to), to, from, to)
AT_PATH(symlink, 1, (const char *from, const char *to), to, from, to)
AT_PATH(unlink, 0, (const char *path), path, path)
AT_PATH(rmdir, 0, (const char *path), path, path)
AT_PATH(utimensat, 0, (int at, const char *path, const struct timespec *times, int flags), path, at, path, times, flags)

/** For a process that tries several: counts anew, and fails from there on; a negative number never. */
void fail_disk_from(long from, int error) {
  operations = 0;
  failing_from = from;
  failure = error;
}
