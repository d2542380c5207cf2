/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* login.h - a device that asks for roles, and the key of --auth-key: when a request is refused for
 * want of a role, log in and send it again. */
#ifndef DFU_TOOL_LOGIN_H
#define DFU_TOOL_LOGIN_H

#include "cli.h"
#include "dfu/client_job.h"
#include "dfu/crypto.h"
#include "keyfile.h"

struct device;

#define LOGIN_SENT_MAX 32u /* requests that can be sent again; more than any window */

struct login_frame {
    uint8_t *data; /* NULL: none */
    size_t len;
    bool is_repeated; /* after a login: a second refusal stands */
};

enum login_step { LOGIN_NOT, LOGIN_ASKS, LOGIN_PROVES, LOGIN_REPEATS, LOGIN_REFUSED };

struct login {
    struct keyfile key;
    struct dfu_signer signer;
    size_t next;
    struct login_frame sent[LOGIN_SENT_MAX];
    bool is_repeating;      /* the next request that is sent was refused once */
    bool is_in;             /* the device has been told whose key this is */
    struct dfu_refusal why; /* of the last login, where the device has no room for one; or zero */

    /* while one is going on */
    enum login_step step;
    unsigned tries;
    struct login_frame *refused; /* what is to be sent again */
    struct dfu_exchange exchange;
    uint8_t frame[512], refusal[512];
    size_t refusal_len;
};

/* The key of the command line, or NULL and 0 if it names none; otherwise an exit code. */
int login_open(struct cli *cli, struct login **out);
void login_close(struct login *login);

/* Log out: a device keeps few places, and each for a minute after the last command. */
void login_leave(const struct login *login, struct device *dev);

/* Keep a request. */
void login_note(struct login *login, const uint8_t *frame, size_t len);

/* Look at what came in: not the login's business, a refusal for want of a role that begins one, or
 * a part of one that is going on. */
enum login_interest { LOGIN_NO_INTEREST, LOGIN_BEGINS, LOGIN_TAKES };
enum login_interest login_take(struct login *login, struct device *dev, const uint8_t *frame,
                               size_t len);

/* One that began, to its end, while everything else waits. True: the request was sent again. False:
 * the refusal stands and is in frame, for whoever asked. */
bool login_run(struct login *login, struct device *dev, uint8_t *frame);

/* The same in steps that wait for nothing, around a job. Both stay where they are. */
struct login_around {
    struct device *dev;
    struct dfu_job job;
};
struct dfu_job login_around(struct login_around *around);

#endif
