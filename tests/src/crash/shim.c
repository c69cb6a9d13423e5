/* Stands before the calls by which a process changes files in a folder `data`: names each of them, and ends the process
 * before one of them by SIGKILL. Loaded by LD_PRELOAD; one.rs says when.
 *
 * The file CRASH_CONTROL, shared with the test: see `struct control`. Names go to the file CRASH_STEPS, one a line. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DATA "/data/"

struct control {
  uint32_t armed;   /* 0: nothing is named, nobody dies */
  uint32_t kill_at; /* the how-manieth call with this name it dies before; 0: none */
  uint32_t count;   /* calls with this name so far */
  uint32_t fired;   /* the process is dead */
  char name[256];   /* what the name of such a call begins with */
};

static struct control *control;
static int steps = -1;

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("CRASH_CONTROL"), *list = getenv("CRASH_STEPS");
  if (!file || !list)
    return;
  int fd = open(file, O_RDWR | O_CLOEXEC);
  void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED)
    abort();
  steps = open(list, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  /* The workers that this process starts change no files. */
  unsetenv("LD_PRELOAD");
  control = memory;
}

/* The part below the data folder; NULL if it is not there. */
static const char *below(const char *path) {
  const char *name = strstr(path, DATA);
  return name ? name + strlen(DATA) : NULL;
}

static void step(const char *call, const char *path) {
  if (!control || !__atomic_load_n(&control->armed, __ATOMIC_SEQ_CST))
    return;
  const char *name = below(path);
  if (!name)
    return;
  while (__atomic_load_n(&control->fired, __ATOMIC_SEQ_CST))
    pause();
  char line[512];
  int length = snprintf(line, sizeof line, "%s %s\n", call, name);
  syscall(SYS_write, steps, line, length);
  if (control->kill_at == 0 || strncmp(line, control->name, strlen(control->name)))
    return;
  if (__atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST) != control->kill_at)
    return;
  __atomic_store_n(&control->fired, 1, __ATOMIC_SEQ_CST);
  kill(getpid(), SIGKILL);
  for (;;)
    pause();
}

static void step_fd(const char *call, int fd) {
  if (!control || !control->armed)
    return;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0)
    return;
  path[length] = 0;
  step(call, path);
}

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(write);
  step_fd("write", fd);
  return real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  REAL(pwrite);
  step_fd("write", fd);
  return real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  REAL(pwrite64);
  step_fd("write", fd);
  return real(fd, bytes, count, at);
}

int ftruncate(int fd, off_t length) {
  REAL(ftruncate);
  step_fd("truncate", fd);
  return real(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  step_fd("truncate", fd);
  return real(fd, length);
}

int fsync(int fd) {
  REAL(fsync);
  step_fd("sync", fd);
  return real(fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  step_fd("sync", fd);
  return real(fd);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  step("rename", from);
  return real(from, to);
}

int unlink(const char *path) {
  REAL(unlink);
  step("unlink", path);
  return real(path);
}

static void step_open(const char *path, int flags) {
  if (control && (flags & O_CREAT) && access(path, F_OK) != 0)
    step("create", path);
}

int open(const char *path, int flags, ...) {
  REAL(open);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  step_open(path, flags);
  return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  REAL(open64);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  step_open(path, flags);
  return real(path, flags, mode);
}
