/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "known.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

struct known_key known_key_of(const void *state, size_t len, uint8_t phase)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct known_key key;

    (void)SHA256(state, len, digest);
    memcpy(&key, digest, sizeof key);
    key.words[0] ^= phase;
    return key;
}

static size_t place_of(const struct known *known, const struct known_key *key)
{
    size_t at = (size_t)key->words[1] & (known->cap - 1);

    while ((known->table[at].words[0] | known->table[at].words[1]) != 0 &&
           memcmp(&known->table[at], key, sizeof *key) != 0) {
        at = (at + 1) & (known->cap - 1);
    }
    return at;
}

bool known_has(const struct known *known, const struct known_key *key)
{
    return known->cap > 0 && memcmp(&known->table[place_of(known, key)], key, sizeof *key) == 0;
}

static void grow(struct known *known)
{
    struct known bigger = { NULL, known->count, known->cap > 0 ? known->cap * 2 : 1024 };

    bigger.table = calloc(bigger.cap, sizeof bigger.table[0]);
    if (!bigger.table) {
        abort();
    }
    for (size_t i = 0; i < known->cap; i++) {
        if ((known->table[i].words[0] | known->table[i].words[1]) != 0) {
            bigger.table[place_of(&bigger, &known->table[i])] = known->table[i];
        }
    }
    free(known->table);
    *known = bigger;
}

void known_add(struct known *known, const struct known_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (known_has(known, &keys[i])) {
            continue;
        }
        if (known->count * 2 >= known->cap) {
            grow(known);
        }
        known->table[place_of(known, &keys[i])] = keys[i];
        known->count++;
    }
}

void known_free(struct known *known)
{
    free(known->table);
    *known = (struct known){ 0 };
}
