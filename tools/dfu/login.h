/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* login.h - a device that asks for roles, and the key of --auth-key: when a request is refused for
 * want of a role, log in and send it again. */
#ifndef DFU_TOOL_LOGIN_H
#define DFU_TOOL_LOGIN_H

#include "cli.h"
#include "dfu/crypto.h"
#include "keyfile.h"

struct device;

#define LOGIN_SENT_MAX 32u /* requests that can be sent again; more than any window */

struct login_frame {
    uint8_t *data; /* NULL: none */
    size_t len;
    bool is_repeated; /* after a login: a second refusal stands */
};

struct login {
    struct keyfile key;
    struct dfu_signer signer;
    bool is_going_on;
    size_t next;
    struct login_frame sent[LOGIN_SENT_MAX];
};

/* The key of the command line, or NULL and 0 if it names none; otherwise an exit code. */
int login_open(struct cli *cli, struct login **out);
void login_close(struct login *login);

/* Keep a request. */
void login_note(struct login *login, const uint8_t *frame, size_t len);

/* Whether an answer was a refusal for want of a role, and the request was sent again. Otherwise the
 * answer, which is still in frame, is for whoever asked. */
bool login_take(struct login *login, struct device *dev, uint8_t *frame, size_t len);

#endif
