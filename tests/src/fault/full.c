/* A disk that is full while the file FULL_WHEN is there: what would make a file in a folder `data` longer fails with
 * ENOSPC. Loaded by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *when;

__attribute__((constructor)) static void begin(void) {
  when = getenv("FULL_WHEN");
  /* The workers that this process starts write no files. */
  unsetenv("LD_PRELOAD");
}

/* Whether there is no room for bytes of this file up to `end`. */
static int full(int fd, off_t end) {
  if (!when || access(when, F_OK))
    return 0;
  char link[64], path[4096];
  struct stat file;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || fstat(fd, &file) || !S_ISREG(file.st_mode))
    return 0;
  path[length] = 0;
  if (!strstr(path, "/data/") || end <= file.st_size)
    return 0;
  errno = ENOSPC;
  return 1;
}

static off_t here(int fd, size_t length) {
  int flags = fcntl(fd, F_GETFL);
  off_t at = lseek(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
  return at < 0 ? 0 : at + (off_t)length;
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t length) {
  return full(fd, here(fd, length)) ? -1 : NEXT(write)(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  size_t length = 0;
  for (int i = 0; i < count; i++)
    length += pieces[i].iov_len;
  return full(fd, here(fd, length)) ? -1 : NEXT(writev)(fd, pieces, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  return full(fd, at + (off_t)length) ? -1 : NEXT(pwrite)(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  return full(fd, at + (off_t)length) ? -1 : NEXT(pwrite64)(fd, bytes, length, at);
}

int ftruncate(int fd, off_t length) {
  return full(fd, length) ? -1 : NEXT(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  return full(fd, length) ? -1 : NEXT(ftruncate64)(fd, length);
}

int fallocate(int fd, int mode, off_t at, off_t length) {
  return full(fd, at + length) ? -1 : NEXT(fallocate)(fd, mode, at, length);
}

int fallocate64(int fd, int mode, off64_t at, off64_t length) {
  return full(fd, at + length) ? -1 : NEXT(fallocate64)(fd, mode, at, length);
}

int posix_fallocate(int fd, off_t at, off_t length) {
  return full(fd, at + length) ? ENOSPC : NEXT(posix_fallocate)(fd, at, length);
}
