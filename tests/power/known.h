/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* known.h - flash states already judged. A boot depends on flash alone, so a state seen again
 * with the same expectation needs no second look. */
#ifndef POWER_KNOWN_H
#define POWER_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct known_key {
    uint64_t words[2]; /* of a hash; never both 0 in practice */
};

/* Zero to begin with. */
struct known {
    struct known_key *table;
    size_t count, cap;
};

struct known_key known_key_of(const void *state, size_t len, uint8_t phase);
bool known_has(const struct known *known, const struct known_key *key);
void known_add(struct known *known, const struct known_key *keys, size_t count);
void known_free(struct known *known);

#endif
