/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "known.h"

#include <stdlib.h>
#include <string.h>

#define LANES 4u

/* No two words, and no two states of a lane, come out of it alike. */
static inline uint64_t stir(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * 0x9e3779b97f4a7c15u;
    return lane ^ lane >> 32;
}

/* Nobody chooses these states, so the hash need not stand up to attacks, but be quick: it is asked
 * for at every cut and every start. */
struct known_key known_key_of(const void *state, size_t len, uint8_t phase)
{
    uint64_t lanes[LANES] = { 1, 2, 3, 4 }, words[LANES] = { 0 };
    struct known_key key = { { phase, len } };
    const uint8_t *at = state;

    for (; len >= sizeof words; len -= sizeof words, at += sizeof words) {
        memcpy(words, at, sizeof words);
        for (size_t i = 0; i < LANES; i++) {
            lanes[i] = stir(lanes[i], words[i]);
        }
    }
    memcpy(words, at, len); /* the rest of them is there twice */
    for (size_t i = 0; i < LANES; i++) {
        lanes[i] = stir(lanes[i], words[i]);
        key.words[0] = stir(key.words[0], lanes[i]);
        key.words[1] = stir(key.words[1] + lanes[i], lanes[i] >> 17 ^ lanes[i] << 31);
    }
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
