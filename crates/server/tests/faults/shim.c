/* What a process does to the files under one directory, written down in order.
 *
 * Loaded with LD_PRELOAD into the unmodified server. POWERCUT_DIR names the watched
 * directory, which must be empty at the start; POWERCUT_LOG names the log, which lies
 * outside of it. Each operation is one entry, appended with a single write() before the
 * operation is performed; a mutex held across both makes the order of the log the order of
 * the operations. log.rs reads the entries, cut.rs decides what of them outlives a power cut.
 *
 * A sync is logged and answered at once: the disk is not under test, and a cut knows from
 * the log what was synced. POWERCUT_SYNC=real performs it all the same; POWERCUT_SYNC_MICROS
 * makes each take that long, so that requests pile up behind it as behind a real disk.
 *
 * Files are told apart by inode, not by descriptor, so dup, close and reuse need no care.
 * What this file cannot describe is logged as unsupported, and the reader refuses the log. */
#define _GNU_SOURCE
/* The fortified headers would turn some of the functions defined here into inline ones. */
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kinds of entry; log.rs has the same list. */
enum kind {
    CREATE = 'C',      /* file, path */
    WRITE = 'W',       /* file, offset, data */
    SET_LENGTH = 'T',  /* file, length */
    SYNC = 'S',        /* file */
    SYNC_DIR = 'D',    /* path */
    MAKE_DIR = 'M',    /* path */
    REMOVE_DIR = 'm',  /* path */
    RENAME = 'R',      /* path, second path */
    UNLINK = 'X',      /* path */
    FAILED = 'F',      /* number: how many bytes of the entry before were written after all */
    UNSUPPORTED = 'U', /* path: what happened */
};

struct header {
    uint32_t length; /* of the whole entry */
    uint32_t kind;
    uint32_t file;
    uint32_t path_length;
    uint32_t second_length;
    uint32_t reserved;
    uint64_t number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char root[PATH_MAX]; /* empty: nothing is watched */
static int log_fd = -1;
static int real_sync;
static useconds_t sync_micros;
/* How many more syncs succeed before one fails; none fails if it is negative. */
static long good_syncs = -1;

/* Every file and directory under the root, by inode. A directory has the file number 0. */
struct node {
    dev_t dev;
    ino_t ino;
    uint32_t file;
    char *path;
};
static struct node *nodes;
static size_t node_count;
static uint32_t last_file;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) {
        fprintf(stderr, "shim: the C library has no %s\n", name);
        abort();
    }
    return function;
}

static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static ssize_t (*real_pwritev2)(int, const struct iovec *, int, off_t, int);
static ssize_t (*real_sendfile)(int, int, off_t *, size_t);
static ssize_t (*real_copy_file_range)(int, off64_t *, int, off64_t *, size_t, unsigned);
static int (*real_ftruncate)(int, off_t);
static int (*real_truncate)(const char *, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_posix_fallocate)(int, off_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_renameat2)(int, const char *, int, const char *, unsigned);
static int (*real_renameat)(int, const char *, int, const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_mkdirat)(int, const char *, mode_t);
static int (*real_linkat)(int, const char *, int, const char *, int);
static int (*real_symlinkat)(const char *, int, const char *);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);

static void remember(const struct stat *st, uint32_t file, const char *path) {
    nodes = realloc(nodes, (node_count + 1) * sizeof *nodes);
    nodes[node_count++] = (struct node){st->st_dev, st->st_ino, file, strdup(path)};
}

static void forget(const struct stat *st) {
    for (size_t i = 0; i < node_count; i++)
        if (nodes[i].dev == st->st_dev && nodes[i].ino == st->st_ino) {
            free(nodes[i].path);
            nodes[i--] = nodes[--node_count];
        }
}

static struct node *find(const struct stat *st) {
    for (size_t i = 0; i < node_count; i++)
        if (nodes[i].dev == st->st_dev && nodes[i].ino == st->st_ino)
            return &nodes[i];
    return NULL;
}

static void start(void) {
    real_openat = REAL(openat);
    real_write = REAL(write);
    real_pwrite = REAL(pwrite);
    real_writev = REAL(writev);
    real_pwritev = REAL(pwritev);
    real_pwritev2 = REAL(pwritev2);
    real_sendfile = REAL(sendfile);
    real_copy_file_range = REAL(copy_file_range);
    real_ftruncate = REAL(ftruncate);
    real_truncate = REAL(truncate);
    real_fallocate = REAL(fallocate);
    real_posix_fallocate = REAL(posix_fallocate);
    real_fsync = REAL(fsync);
    real_fdatasync = REAL(fdatasync);
    real_renameat2 = REAL(renameat2);
    real_renameat = REAL(renameat);
    real_unlinkat = REAL(unlinkat);
    real_mkdirat = REAL(mkdirat);
    real_linkat = REAL(linkat);
    real_symlinkat = REAL(symlinkat);
    real_mmap = REAL(mmap);

    const char *dir = getenv("POWERCUT_DIR"), *log = getenv("POWERCUT_LOG");
    if (!dir || !log)
        return;
    struct stat st;
    if (!realpath(dir, root) || stat(root, &st) != 0) {
        perror("shim: POWERCUT_DIR");
        abort();
    }
    remember(&st, 0, root);
    log_fd = real_openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0) {
        perror("shim: POWERCUT_LOG");
        abort();
    }
    const char *sync = getenv("POWERCUT_SYNC"), *micros = getenv("POWERCUT_SYNC_MICROS");
    const char *good = getenv("POWERCUT_GOOD_SYNCS");
    real_sync = sync && strcmp(sync, "real") == 0;
    sync_micros = micros ? (useconds_t)atoi(micros) : 0;
    good_syncs = good ? atol(good) : -1;
}

static void enter(void) {
    pthread_once(&once, start);
    pthread_mutex_lock(&lock);
}

static void leave(void) {
    int kept = errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
}

/* Paths in the log are relative to the root. */
static const char *inside(const char *path) {
    size_t length = strlen(root);
    if (strncmp(path, root, length) != 0)
        return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] == 0 ? "" : NULL;
}

static void append(enum kind kind, uint32_t file, uint64_t number, const char *path,
                   const char *second, const struct iovec *data, int count) {
    struct header header = {sizeof header, kind, file, strlen(path), strlen(second), 0, number};
    header.length += header.path_length + header.second_length;
    for (int i = 0; i < count; i++)
        header.length += data[i].iov_len;
    char *entry = malloc(header.length), *end = entry;
    end = mempcpy(end, &header, sizeof header);
    end = mempcpy(end, path, header.path_length);
    end = mempcpy(end, second, header.second_length);
    for (int i = 0; i < count; i++)
        end = mempcpy(end, data[i].iov_base, data[i].iov_len);
    if (real_write(log_fd, entry, header.length) != (ssize_t)header.length) {
        perror("shim: the log cannot be written");
        abort();
    }
    free(entry);
}

static void log_path(enum kind kind, const char *path) {
    append(kind, 0, 0, path, "", NULL, 0);
}

static void log_file(enum kind kind, uint32_t file, uint64_t number) {
    append(kind, file, number, "", "", NULL, 0);
}

static void log_failed(uint64_t written) {
    int kept = errno;
    log_file(FAILED, 0, written);
    errno = kept;
}

static void log_unsupported(const char *what) {
    log_path(UNSUPPORTED, what);
}

/* The absolute path behind (dirfd, path), its last component not followed; 0 if it has none. */
static int resolve(int dirfd, const char *path, char *out) {
    char whole[2 * PATH_MAX], parent[PATH_MAX];
    int kept = errno, found = 0;
    if (path[0] == '/' || dirfd == AT_FDCWD) {
        snprintf(whole, sizeof whole, "%s%s", path[0] == '/' ? "" : "./", path);
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
        ssize_t length = readlink(link, parent, sizeof parent - 1);
        if (length < 0)
            goto done;
        parent[length] = 0;
        snprintf(whole, sizeof whole, "%s/%s", parent, path);
    }
    size_t end = strlen(whole);
    while (end > 1 && whole[end - 1] == '/')
        whole[--end] = 0;
    char *name = strrchr(whole, '/');
    *name++ = 0;
    if (!realpath(*whole ? whole : "/", parent))
        goto done;
    found = snprintf(out, PATH_MAX, "%s/%s", strcmp(parent, "/") ? parent : "", name) < PATH_MAX;
    if (strcmp(name, ".") == 0)
        found = snprintf(out, PATH_MAX, "%s", parent) < PATH_MAX;
done:
    errno = kept;
    return found;
}

/* The path relative to the root if (dirfd, path) lies under it, copied to `out`. */
static int watched_path(int dirfd, const char *path, char *out) {
    char whole[PATH_MAX];
    if (!root[0] || !path || !resolve(dirfd, path, whole))
        return 0;
    const char *relative = inside(whole);
    if (!relative || !*relative)
        return 0;
    strcpy(out, relative);
    return 1;
}

/* The watched file or directory behind a descriptor. */
static struct node *watched_fd(int fd, struct stat *st) {
    int kept = errno;
    struct node *node = NULL;
    if (root[0] && fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
        node = find(st);
    errno = kept;
    return node;
}

static int open_logged(int dirfd, const char *path, int flags, mode_t mode) {
    char relative[PATH_MAX];
    struct stat before, st;
    enter();
    int watched = watched_path(dirfd, path, relative);
    if (watched && (flags & O_TMPFILE) == O_TMPFILE)
        log_unsupported("O_TMPFILE");
    int kept = errno;
    int existed = watched && fstatat(dirfd, path, &before, 0) == 0;
    errno = kept;
    uint32_t file = 0;
    int logged = 0;
    if (watched && !existed && (flags & O_CREAT)) {
        file = ++last_file;
        append(CREATE, file, 0, relative, "", NULL, 0);
        logged = 1;
    }
    if (existed && S_ISREG(before.st_mode)) {
        struct node *node = find(&before);
        if (!node)
            log_unsupported(relative);
        else if ((flags & O_TRUNC) && before.st_size > 0 && !((flags & O_EXCL) && (flags & O_CREAT))) {
            log_file(SET_LENGTH, node->file, 0);
            logged = 1;
        }
    }
    int fd = real_openat(dirfd, path, flags, mode);
    if (fd < 0 && logged)
        log_failed(0);
    kept = errno;
    if (fd >= 0 && file && fstat(fd, &st) == 0) {
        forget(&st);
        remember(&st, file, relative);
    } else if (fd >= 0 && root[0] && !watched && (flags & O_CREAT) && fstat(fd, &st) == 0) {
        forget(&st); /* a file elsewhere took the inode of a watched one that is gone */
    }
    errno = kept;
    leave();
    return fd;
}

#define MODE_ARGUMENT(flags, mode)                                  \
    mode_t mode = 0;                                                \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list arguments;                                          \
        va_start(arguments, flags);                                 \
        mode = va_arg(arguments, mode_t);                           \
        va_end(arguments);                                          \
    }

int open(const char *path, int flags, ...) {
    MODE_ARGUMENT(flags, mode)
    return open_logged(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE_ARGUMENT(flags, mode)
    return open_logged(AT_FDCWD, path, flags, mode);
}
int openat(int dirfd, const char *path, int flags, ...) {
    MODE_ARGUMENT(flags, mode)
    return open_logged(dirfd, path, flags, mode);
}
int openat64(int dirfd, const char *path, int flags, ...) {
    MODE_ARGUMENT(flags, mode)
    return open_logged(dirfd, path, flags, mode);
}
int __open_2(const char *path, int flags) { return open_logged(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_logged(AT_FDCWD, path, flags, 0); }
int __openat_2(int dirfd, const char *path, int flags) { return open_logged(dirfd, path, flags, 0); }
int __openat64_2(int dirfd, const char *path, int flags) { return open_logged(dirfd, path, flags, 0); }
int creat(const char *path, mode_t mode) {
    return open_logged(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

enum { HERE = -1, NO_FLAGS = -1 };

/* All writes: at `offset`, or HERE, which is the end of the file if it was opened to append. */
static ssize_t write_logged(int fd, const struct iovec *data, int count, off_t offset, int flags) {
    struct stat st;
    enter();
    struct node *node = watched_fd(fd, &st);
    int mode = 0;
    size_t size = 0;
    if (node) {
        mode = fcntl(fd, F_GETFL);
        off_t at = offset != HERE ? offset : lseek(fd, 0, SEEK_CUR);
        if (mode & O_APPEND)
            at = st.st_size;
        for (int i = 0; i < count; i++)
            size += data[i].iov_len;
        append(WRITE, node->file, (uint64_t)at, "", "", data, count);
    } else {
        leave(); /* sockets and pipes may block */
    }
    ssize_t done = flags != NO_FLAGS   ? real_pwritev2(fd, data, count, offset, flags)
                   : count == 1        ? offset == HERE ? real_write(fd, data->iov_base, data->iov_len)
                                                        : real_pwrite(fd, data->iov_base, data->iov_len, offset)
                   : offset == HERE ? real_writev(fd, data, count)
                                    : real_pwritev(fd, data, count, offset);
    if (node) {
        if (done < 0 || (size_t)done < size)
            log_failed(done < 0 ? 0 : (uint64_t)done);
        if (done > 0 && ((mode & O_DSYNC) || (flags != NO_FLAGS && (flags & (RWF_DSYNC | RWF_SYNC)))))
            log_file(SYNC, node->file, 0);
        leave();
    }
    return done;
}

ssize_t write(int fd, const void *data, size_t size) {
    struct iovec one = {(void *)data, size};
    return write_logged(fd, &one, 1, HERE, NO_FLAGS);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    struct iovec one = {(void *)data, size};
    return write_logged(fd, &one, 1, offset, NO_FLAGS);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return pwrite(fd, data, size, offset);
}
ssize_t writev(int fd, const struct iovec *data, int count) {
    return write_logged(fd, data, count, HERE, NO_FLAGS);
}
ssize_t pwritev(int fd, const struct iovec *data, int count, off_t offset) {
    return write_logged(fd, data, count, offset, NO_FLAGS);
}
ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t offset) {
    return write_logged(fd, data, count, offset, NO_FLAGS);
}
ssize_t pwritev2(int fd, const struct iovec *data, int count, off_t offset, int flags) {
    return write_logged(fd, data, count, offset, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *data, int count, off64_t offset, int flags) {
    return write_logged(fd, data, count, offset, flags);
}

static int refuse(int fd, const char *what) {
    struct stat st;
    enter();
    int watched = watched_fd(fd, &st) != NULL;
    if (watched)
        log_unsupported(what);
    leave();
    return watched;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t count) {
    refuse(to, "sendfile");
    return real_sendfile(to, from, offset, count);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) {
    return sendfile(to, from, offset, count);
}
ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t count,
                        unsigned flags) {
    refuse(to, "copy_file_range");
    return real_copy_file_range(from, from_offset, to, to_offset, count, flags);
}

/* SQLite maps its WAL index, which no power cut keeps and no start needs. */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
        struct stat st;
        enter();
        struct node *node = watched_fd(fd, &st);
        size_t end = node ? strlen(node->path) : 0;
        if (node && (end < 4 || strcmp(node->path + end - 4, "-shm") != 0))
            log_unsupported("a writable shared mmap");
        leave();
    }
    pthread_once(&once, start);
    return real_mmap(address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}

int ftruncate(int fd, off_t length) {
    struct stat st;
    enter();
    struct node *node = watched_fd(fd, &st);
    if (node)
        log_file(SET_LENGTH, node->file, (uint64_t)length);
    int result = real_ftruncate(fd, length);
    if (node && result != 0)
        log_failed(0);
    leave();
    return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

/* Space given to a file changes what it holds only where it grows: by zeros. */
static struct node *log_growth(int fd, int mode, off_t offset, off_t length) {
    struct stat st;
    struct node *node = watched_fd(fd, &st);
    if (node && (mode & ~FALLOC_FL_KEEP_SIZE))
        log_unsupported("fallocate");
    if (!node || mode || offset + length <= st.st_size)
        return NULL;
    log_file(SET_LENGTH, node->file, (uint64_t)(offset + length));
    return node;
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
    enter();
    struct node *grown = log_growth(fd, mode, offset, length);
    int result = real_fallocate(fd, mode, offset, length);
    if (grown && result != 0)
        log_failed(0);
    leave();
    return result;
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    return fallocate(fd, mode, offset, length);
}
int posix_fallocate(int fd, off_t offset, off_t length) {
    enter();
    struct node *grown = log_growth(fd, 0, offset, length);
    int result = real_posix_fallocate(fd, offset, length);
    if (grown && result != 0)
        log_failed(0);
    leave();
    return result;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    return posix_fallocate(fd, offset, length);
}

static int sync_logged(int fd, int (*sync)(int)) {
    struct stat st;
    enter();
    struct node *node = watched_fd(fd, &st);
    if (node && node->file)
        log_file(SYNC, node->file, 0);
    else if (node)
        log_path(SYNC_DIR, strcmp(node->path, root) == 0 ? "" : node->path);
    /* The kernel tells of what it could not write once; the next sync succeeds. */
    int fails = node && good_syncs >= 0 && good_syncs-- == 0;
    leave();
    if (fails) {
        errno = EIO;
        return -1;
    }
    if (!node || real_sync)
        return sync(fd);
    if (sync_micros)
        usleep(sync_micros);
    return 0;
}
int fsync(int fd) {
    pthread_once(&once, start);
    return sync_logged(fd, real_fsync);
}
int fdatasync(int fd) {
    pthread_once(&once, start);
    return sync_logged(fd, real_fdatasync);
}

/* A name moved into or out of the root would leave the log incomplete. */
static int log_rename(int from_fd, const char *from, int to_fd, const char *to) {
    char first[PATH_MAX], second[PATH_MAX];
    struct stat st;
    int from_watched = watched_path(from_fd, from, first);
    int to_watched = watched_path(to_fd, to, second);
    if (from_watched != to_watched)
        log_unsupported("a rename across the edge of the directory");
    if (!from_watched || !to_watched)
        return 0;
    int kept = errno;
    if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        log_unsupported("a directory renamed");
    errno = kept;
    append(RENAME, 0, 0, first, second, NULL, 0);
    return 1;
}

static int rename_logged(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    enter();
    int logged = log_rename(from_fd, from, to_fd, to);
    if (logged && (flags & ~RENAME_NOREPLACE))
        log_unsupported("an exchanging rename");
    int result = flags ? real_renameat2(from_fd, from, to_fd, to, flags)
                       : real_renameat(from_fd, from, to_fd, to);
    if (logged && result != 0)
        log_failed(0);
    leave();
    return result;
}
int rename(const char *from, const char *to) {
    return rename_logged(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    return rename_logged(from_fd, from, to_fd, to, 0);
}
int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return rename_logged(from_fd, from, to_fd, to, flags);
}

static void refuse_path(int dirfd, const char *path, const char *what) {
    char relative[PATH_MAX];
    enter();
    if (watched_path(dirfd, path, relative))
        log_unsupported(what);
    leave();
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    refuse_path(to_fd, to, "a hard link");
    return real_linkat(from_fd, from, to_fd, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int symlinkat(const char *target, int dirfd, const char *path) {
    refuse_path(dirfd, path, "a symbolic link");
    return real_symlinkat(target, dirfd, path);
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }
int truncate(const char *path, off_t length) {
    refuse_path(AT_FDCWD, path, "truncate");
    return real_truncate(path, length);
}
int truncate64(const char *path, off64_t length) { return truncate(path, length); }

int unlinkat(int dirfd, const char *path, int flags) {
    char relative[PATH_MAX];
    enter();
    int logged = watched_path(dirfd, path, relative);
    if (logged)
        log_path(flags & AT_REMOVEDIR ? REMOVE_DIR : UNLINK, relative);
    int result = real_unlinkat(dirfd, path, flags);
    if (logged && result != 0)
        log_failed(0);
    leave();
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat st;
    int kept = errno;
    int is_dir = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
    errno = kept;
    return unlinkat(AT_FDCWD, path, is_dir ? AT_REMOVEDIR : 0);
}

int mkdirat(int dirfd, const char *path, mode_t mode) {
    char relative[PATH_MAX];
    struct stat st;
    enter();
    int logged = watched_path(dirfd, path, relative);
    if (logged)
        log_path(MAKE_DIR, relative);
    int result = real_mkdirat(dirfd, path, mode);
    if (logged && result != 0) {
        log_failed(0);
    } else if (logged && fstatat(dirfd, path, &st, 0) == 0) {
        forget(&st);
        remember(&st, 0, relative);
    }
    leave();
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* Writing everything back at once is more than this log can say. */
void sync(void) {
    enter();
    if (root[0])
        log_unsupported("sync");
    leave();
}
int syncfs(int fd) {
    (void)fd;
    sync();
    return 0;
}
