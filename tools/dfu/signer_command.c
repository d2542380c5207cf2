/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "signer_command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct exchange {
    pid_t child;
    int in, out; /* our ends: what it reads, what it prints; -1 once closed */
    const uint8_t *data;
    size_t len;
    uint8_t *answer;
    size_t cap, got;
    bool is_too_long;
    int64_t deadline_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void set_environment(const struct signer_command *command)
{
    char hash[16];
    size_t i;

    for (i = 0; command->hash[i] && i < sizeof(hash) - 1; i++) {
        hash[i] = (char)tolower((unsigned char)command->hash[i]);
    }
    hash[i] = 0;
    setenv("DFU_SIGN_KEY_TYPE", command->key_type, 1);
    setenv("DFU_SIGN_HASH", hash, 1);
    setenv("DFU_SIGN_INPUT", command->is_payload ? "payload" : "digest", 1);
}

/* A process group of its own, so that a time-out reaches all that the shell started. */
static void become(const struct signer_command *command, const int in[2], const int out[2])
{
    setpgid(0, 0);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    signal(SIGXFSZ, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    set_environment(command);
    execl("/bin/sh", "sh", "-c", command->text, (char *)NULL);
    _exit(127);
}

static int start(const struct signer_command *command, struct exchange *x)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        close_end(&in[0]);
        close_end(&in[1]);
        return errno;
    }
    x->child = fork();
    if (x->child == 0) {
        become(command, in, out);
    }
    setpgid(x->child, x->child);
    close_end(&in[0]);
    close_end(&out[1]);
    x->in = in[1];
    x->out = out[0];
    fcntl(x->in, F_SETFL, O_NONBLOCK);
    return x->child < 0 ? EAGAIN : 0;
}

/* A program that does not read everything is free not to. */
static void feed(struct exchange *x)
{
    ssize_t put = write(x->in, x->data, x->len);

    if (put > 0) {
        x->data += put;
        x->len -= (size_t)put;
    }
    if (x->len == 0 || (put < 0 && errno != EAGAIN && errno != EINTR)) {
        close_end(&x->in);
    }
}

static void take(struct exchange *x)
{
    uint8_t rest[256];
    bool is_full = x->got == x->cap;
    ssize_t got = is_full ? read(x->out, rest, sizeof(rest))
                          : read(x->out, x->answer + x->got, x->cap - x->got);

    if (got > 0 && is_full) {
        x->is_too_long = true;
    } else if (got > 0) {
        x->got += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
        close_end(&x->out);
    }
}

/* Until its output is closed; false if that takes too long. */
static bool talk(struct exchange *x)
{
    while (x->out >= 0) {
        struct pollfd fds[2] = { { x->out, POLLIN, 0 }, { x->in, POLLOUT, 0 } };
        int64_t left = x->deadline_ms - now_ms();

        if (left <= 0) {
            return false;
        }
        if (poll(fds, x->in >= 0 ? 2 : 1, (int)left) <= 0) {
            continue;
        }
        if (x->in >= 0 && fds[1].revents) {
            feed(x);
        }
        if (fds[0].revents) {
            take(x);
        }
    }
    return true;
}

/* Its exit status; or -1 if it is still there when time is up. */
static int await(struct exchange *x)
{
    static const struct timespec pause = { 0, 2000000 };
    int status = 0;

    while (waitpid(x->child, &status, WNOHANG) == 0) {
        if (now_ms() >= x->deadline_ms) {
            return -1;
        }
        nanosleep(&pause, NULL);
    }
    return status;
}

static int judge(struct cli *cli, const struct signer_command *command, const struct exchange *x,
                 int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return cli_fail(cli, CLI_USAGE, "the signer '%s' cannot be run; check its path",
                        command->text);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return cli_fail(cli, CLI_REFUSED, "the signer '%s' failed with %s %d; nothing was written",
                        command->text, WIFEXITED(status) ? "exit status" : "signal",
                        WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    if (x->got == 0 || x->is_too_long) {
        return cli_fail(cli, CLI_REFUSED,
                        "the signer '%s' printed %s where a signature should be; it belongs on "
                        "standard output, and nothing else",
                        command->text, x->is_too_long ? "too much" : "nothing");
    }
    return CLI_DONE;
}

int signer_command_run(struct cli *cli, const struct signer_command *command, const uint8_t *data,
                       size_t len, uint8_t *answer, size_t cap, size_t *answer_len)
{
    struct exchange x = {
        .in = -1, .out = -1, .data = data, .len = len, .answer = answer, .cap = cap
    };
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    int err, status = -1;

    fflush(NULL);
    x.deadline_ms = now_ms() + (int64_t)command->patience_s * 1000;
    err = start(command, &x);
    if (!err) {
        status = talk(&x) ? await(&x) : -1;
    }
    close_end(&x.in);
    close_end(&x.out);
    signal(SIGPIPE, before);
    if (err) {
        return cli_fail(cli, CLI_INTERNAL, "cannot start the signer: %s", strerror(err));
    }
    if (status == -1) {
        kill(-x.child, SIGKILL);
        (void)waitpid(x.child, NULL, 0);
        return cli_fail(cli, CLI_NO_ANSWER,
                        "the signer '%s' did not end within %u s; give it longer with "
                        "--signer-timeout",
                        command->text, command->patience_s);
    }
    *answer_len = x.got;
    return judge(cli, command, &x, status);
}
